//! Who will be on call, as it was seen last: kept in the store, so that a change of the settings while no engine ran is said too.
//!
//! Exceptions are left out: whoever makes one is told what it changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::domain::oncall::outlook::{Difference, Held, compared, duties, held};
use crate::domain::team::Directory;
use crate::domain::types::Role;

/// It is kept anew so often, where nothing changes.
pub const KEPT_EVERY: Duration = Duration::from_secs(86_400);

/// The roles of all lines for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// When it was seen.
    pub at: Timestamp,
    pub until: Timestamp,
    roles: Vec<RoleAhead>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RoleAhead {
    line: Option<String>,
    role: Role,
    held: Vec<Held>,
}

impl Ahead {
    /// As this directory says it.
    pub fn of(directory: &Directory, at: Timestamp, ahead: Duration) -> Self {
        let directory = without_overrides(directory);
        let until = at.plus(ahead);
        let role = |duty: &crate::domain::oncall::outlook::LineRole<'_>| RoleAhead {
            line: duty.line.number.clone(),
            role: duty.role.clone(),
            held: held(&directory, duty.line, &duty.role, at, until),
        };
        Self { at, until, roles: duties(&directory).iter().map(role).collect() }
    }

    /// Where this directory says otherwise, from now on. A role or a line that is new changes nothing for anybody.
    pub fn differences(&self, directory: &Directory, now: Timestamp) -> Vec<Difference> {
        let directory = without_overrides(directory);
        let mut all = Vec::new();
        if now >= self.until {
            return all;
        }
        for duty in duties(&directory) {
            let is_same =
                |r: &&RoleAhead| r.line == duty.line.number && r.role.as_str().eq_ignore_ascii_case(duty.role.as_str());
            let Some(before) = self.roles.iter().find(is_same) else { continue };
            let begun = |h: &Held| Held { from: h.from.max(now), ..h.clone() };
            let old: Vec<Held> = before.held.iter().filter(|h| h.until > now).map(begun).collect();
            let new = held(&directory, duty.line, &duty.role, now, self.until);
            all.extend(compared(&duty, &old, &new, self.until));
        }
        all
    }
}

fn without_overrides(directory: &Directory) -> Directory {
    Directory { overrides: Vec::new(), ..directory.clone() }
}
