//! What is read of a store before it is opened: a command must know by which settings it works.

use super::{KeptCalendar, SyncedContacts};
use crate::domain::oncall::DutyOverride;
use crate::domain::settings::{Basis, SettingsRow};

/// What a store says before it is opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Peeked {
    /// The settings in force.
    pub settings: Option<SettingsRow>,
    /// The last good copy of contacts that live in another system.
    pub contacts: Option<SyncedContacts>,
    /// Exceptions to who is on call, withdrawn ones too.
    pub overrides: Vec<DutyOverride>,
    /// What calendars say of who is on call.
    pub calendars: Vec<KeptCalendar>,
    /// Which state of all that this is.
    pub basis: Basis,
}
