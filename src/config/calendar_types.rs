//! Calendars of who is on call, as whoever reads them has them.

use std::path::PathBuf;

use super::origin::Origin;
use super::secret_url::SecretUrl;
use crate::domain::oncall::{CalendarPart, RotationId};

/// Where a calendar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarPlace {
    Url(SecretUrl),
    /// Absolute where the working directory is known.
    File(PathBuf),
}

impl CalendarPlace {
    /// The whole of it: for reading and comparing alone, never for a log.
    pub fn expose(&self) -> String {
        match self {
            Self::Url(url) => url.expose().to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl std::fmt::Display for CalendarPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A calendar of a rotation, for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarAt {
    pub rotation: RotationId,
    pub part: CalendarPart,
    pub place: CalendarPlace,
    /// Its key, and who says so.
    pub key: String,
    pub origin: Origin,
}
