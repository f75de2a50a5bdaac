//! Exceptions to who is on call, and who was on call.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::domain::Timestamp;
use crate::domain::oncall::{DutyOverride, OverrideId};
use crate::domain::types::Role;

/// Somebody who held a role, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHolder {
    pub contact: String,
    pub name: String,
    /// In words, with the times of then.
    pub why: String,
}

/// From a moment on other people hold a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyChange {
    /// The number of its line; `None`: numbers that are not listed.
    pub line: Option<String>,
    pub role: Role,
    pub since: Timestamp,
    /// Empty: nobody.
    pub holders: Vec<KeptHolder>,
}

/// Owns exceptions to who is on call, and who was on call. Commands, the listener and the engine write; every process reads the
/// exceptions with what is in force: [`crate::domain::settings::Basis::overrides`] grows with every change of them.
///
/// After a crash what was answered is there. Making one again from the same source, or withdrawing one again, changes nothing.
#[async_trait]
pub trait Overrides: Send + Sync {
    /// Those that end after this moment, withdrawn ones too, in the order in which they were made.
    async fn overrides(&self, ending_after: Timestamp) -> Result<Vec<DutyOverride>, StoreError>;
    async fn override_by_id(&self, id: &OverrideId) -> Result<Option<DutyOverride>, StoreError>;
    /// The one that was made of this source; withdrawn or over ones too.
    async fn override_by_source(&self, source: &str) -> Result<Option<DutyOverride>, StoreError>;
    /// Makes one, with its log entry. Where one came from the same source before, or was asked in the same words within a minute,
    /// by the same person and without a source: that one, and `false`.
    async fn make_override(&self, new: &DutyOverride) -> Result<(DutyOverride, bool), StoreError>;
    /// Withdraws one, with its log entry; `false`: it was withdrawn already. `None`: there is none.
    async fn withdraw_override(
        &self,
        id: &OverrideId,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<(DutyOverride, bool)>, StoreError>;
    /// The last change at or before this moment, as it was kept.
    async fn duty_before(
        &self,
        line: Option<&str>,
        role: &Role,
        at: Timestamp,
    ) -> Result<Option<DutyChange>, StoreError>;
    /// What was kept of a role between two moments: the change that was in force at `from`, then those after it, oldest first; a
    /// bounded number.
    async fn duty_changes(
        &self,
        line: Option<&str>,
        role: &Role,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<DutyChange>, StoreError>;
    /// What was kept last of who will be on call, as [`Overrides::keep_ahead`] was given it.
    async fn ahead(&self) -> Result<Option<String>, StoreError>;
    /// Keeps it in place of what was kept before: so that a start sees what a change of the settings before it has changed.
    async fn keep_ahead(&self, document: &str) -> Result<(), StoreError>;
    /// Keeps changes, each with a log entry; one that is there already stays as it is.
    async fn keep_duty_changes(&self, changes: &[DutyChange], now: Timestamp) -> Result<(), StoreError>;
}
