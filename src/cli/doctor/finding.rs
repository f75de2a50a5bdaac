//! What a check found, and how long one may take.

use std::time::Duration;

use super::super::app::App;
use super::super::parse::duration;
use crate::domain::PhoneNumber;

/// The longest that one check takes.
pub(super) const CHECK_MAX: Duration = Duration::from_secs(5);

/// What to do beside looking.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Create the tables and fields that Airtable's base lacks
    #[arg(long)]
    pub(super) fix: bool,
    /// Send a real alert through each sink
    #[arg(long)]
    pub(super) alerts: bool,
    /// Text this number of yours (E.164) and wait until the text is delivered: one real text, outside of test mode
    #[arg(long, value_name = "NUMBER")]
    pub(super) canary: Option<PhoneNumber>,
    /// How long that is waited for
    #[arg(long, value_name = "DURATION", requires = "canary", default_value = "90s", value_parser = duration)]
    pub(super) canary_wait: Duration,
    /// Write a marked row to Airtable, read it back and delete it
    #[arg(long)]
    pub(super) write_probe: bool,
    /// Exit with 1 for a warning too: for a pipeline that is to let nothing pass
    #[arg(long)]
    pub(super) strict: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FindingStatus {
    Ok,
    Skip,
    Warn,
    Fail,
}

impl FindingStatus {
    pub(super) const ALL: [Self; 4] = [Self::Ok, Self::Warn, Self::Fail, Self::Skip];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }

    pub(super) const fn is_good(self) -> Option<bool> {
        match self {
            Self::Ok | Self::Skip => Some(true),
            Self::Warn => None,
            Self::Fail => Some(false),
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    pub(super) name: String,
    pub(super) status: FindingStatus,
    pub(super) what: String,
    pub(super) next: Option<String>,
}

/// The findings of one part, in order.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) area: &'static str,
    pub(super) all: Vec<Finding>,
}

impl Findings {
    pub(super) fn of(area: &'static str) -> Self {
        Self { area, all: Vec::new() }
    }

    pub(super) fn ok(&mut self, name: impl Into<String>, what: impl Into<String>) {
        self.add(FindingStatus::Ok, name.into(), what.into(), None);
    }

    pub(super) fn skip(&mut self, name: impl Into<String>, what: impl Into<String>) {
        self.add(FindingStatus::Skip, name.into(), what.into(), None);
    }

    pub(super) fn warn(&mut self, name: impl Into<String>, what: impl Into<String>, next: impl Into<String>) {
        self.add(FindingStatus::Warn, name.into(), what.into(), Some(next.into()));
    }

    pub(super) fn fail(&mut self, name: impl Into<String>, what: impl Into<String>, next: impl Into<String>) {
        self.add(FindingStatus::Fail, name.into(), what.into(), Some(next.into()));
    }

    pub(super) fn add(&mut self, status: FindingStatus, name: String, what: String, next: Option<String>) {
        self.all.push(Finding { area: self.area, name, status, what, next });
    }
}

/// What a check came to, unless it took too long.
pub(super) async fn bounded<T>(app: &App, check: impl Future<Output = T>) -> Option<T> {
    within(app, CHECK_MAX, check).await
}

pub(super) async fn within<T>(app: &App, max: Duration, check: impl Future<Output = T>) -> Option<T> {
    let end = app.clock.sleep_until(app.clock.now().plus(max));
    tokio::select! {
        done = check => Some(done),
        () = end => None,
    }
}

pub(super) fn too_long() -> String {
    format!("no answer within {} s", CHECK_MAX.as_secs())
}
