//! The settings by which this process decides: those in force in the store, with the contacts of another system laid over them.
//!
//! Each decision compares what it was made under with what the store holds, in its own transaction. Whoever finds other settings
//! or contacts there reads them first and decides again, so that no process decides by what is not in force any more.

use std::sync::Arc;

use tracing::{error, warn};

use crate::domain::Timestamp;
use crate::domain::oncall::DutyOverride;
use crate::domain::rules::Rules;
use crate::domain::settings::{Basis, SettingsNumber, SettingsRow};
use crate::domain::team::Directory;
use crate::store::{Store, StoreError, SyncedContacts};

use super::oncall::kept::KeptCalendars;
use super::synced_contacts::merge::merge;

/// What the settings mean for decisions.
#[derive(Debug, Clone)]
pub struct Decides {
    /// Contacts, lines and policies as the settings have them.
    pub directory: Directory,
    /// The bounds.
    pub rules: Rules,
}

/// Makes of settings in the store what they mean for this process; the error says what is wrong with them.
pub type Interpreter = Arc<dyn Fn(&SettingsRow) -> Result<Decides, String> + Send + Sync>;

/// What decisions are made under.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What the store held when it was read.
    pub basis: Basis,
    /// The settings that these are; `None`: a process's own.
    pub settings: Option<SettingsNumber>,
    /// Contacts, lines and policies as the settings have them.
    pub configured: Arc<Directory>,
    /// The contacts of another system, where there are any.
    pub contacts: Option<SyncedContacts>,
    /// The exceptions to who is on call, those that were withdrawn left out.
    pub overrides: Vec<DutyOverride>,
    /// What calendars say of who is on call.
    pub calendars: KeptCalendars,
    /// Who can be told: all together.
    pub directory: Arc<Directory>,
    /// The bounds.
    pub rules: Rules,
}

impl InForce {
    /// A process's own settings, before any are in force.
    pub fn own(directory: Arc<Directory>, rules: Rules) -> Self {
        Self {
            basis: Basis::default(),
            settings: None,
            configured: directory.clone(),
            contacts: None,
            overrides: Vec::new(),
            calendars: KeptCalendars::none(),
            directory,
            rules,
        }
    }

    /// The same with these contacts of another system.
    #[must_use]
    pub fn with_contacts(self, contacts: Option<SyncedContacts>) -> Self {
        let (rows, businesses) =
            contacts.as_ref().map_or((&[][..], &[][..]), |c| (c.contacts.as_slice(), c.businesses.as_slice()));
        let mut merged = merge(&self.configured, rows, businesses).directory;
        merged.overrides.clone_from(&self.overrides);
        let mut calendars = self.calendars.clone();
        calendars.lay(&mut merged);
        let directory = if merged == *self.directory { self.directory } else { Arc::new(merged) };
        let basis = Basis { contacts: contacts.as_ref().map(|c| c.read_at), ..self.basis };
        Self { basis, contacts, calendars, directory, ..self }
    }

    /// The same with these exceptions, of which `changed` is the last change.
    #[must_use]
    pub fn with_overrides(self, overrides: Vec<DutyOverride>, changed: Option<i64>) -> Self {
        let overrides: Vec<DutyOverride> = overrides.into_iter().filter(|o| o.withdrawn.is_none()).collect();
        let directory = Arc::new(Directory { overrides: overrides.clone(), ..Directory::clone(&self.directory) });
        let basis = Basis { overrides: changed, ..self.basis };
        Self { basis, overrides, directory, ..self }
    }

    /// The same with these calendars, of which `changed` is the last change. Reads them: see [`KeptCalendars::lay`].
    #[must_use]
    pub fn with_calendars(self, mut calendars: KeptCalendars, changed: Option<i64>) -> Self {
        let mut directory = Directory::clone(&self.directory);
        calendars.lay(&mut directory);
        let directory = if directory == *self.directory { self.directory } else { Arc::new(directory) };
        let basis = Basis { calendars: changed, ..self.basis };
        Self { basis, calendars, directory, ..self }
    }

    /// The same under these settings.
    #[must_use]
    pub fn with_settings(self, settings: Option<&SettingsRow>, decides: Decides) -> Self {
        let configured = Arc::new(decides.directory);
        let settings = settings.map(|s| s.number);
        let basis = Basis { settings, ..self.basis };
        let contacts = self.contacts.clone();
        Self { basis, settings, configured, rules: decides.rules, ..self }.with_contacts(contacts)
    }
}

/// When it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub now: Timestamp,
    /// Exceptions that ended before this are left out.
    pub after: Timestamp,
}

/// What is in force in the store now. Settings that this process cannot interpret leave it under those that it has; said in the log.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn read(
    store: &dyn Store,
    held: &InForce,
    clock: Moment,
    interpreter: Option<&Interpreter>,
) -> Result<InForce, StoreError> {
    // Before what it tells of: a change between both is read again.
    let basis = store.basis().await?;
    let settings = store.settings().await?;
    let contacts = match store.synced_contacts().await {
        Err(e @ StoreError::Corrupt { .. }) => {
            warn!(error = %e, "the copy of the contacts cannot be read; the contacts that are known stand");
            held.contacts.clone()
        }
        other => other?,
    };
    let has_calendars = |of: &InForce| of.directory.rotations.iter().any(|r| r.calendar.is_some());
    let other_settings = settings.as_ref().filter(|row| held.basis.settings != Some(row.number)).cloned();
    let overrides = match held.basis.overrides == basis.overrides {
        true => None,
        false => Some(store.overrides(clock.after).await?),
    };
    let may_have_calendars = has_calendars(held) || other_settings.is_some();
    let is_other = held.basis.calendars != basis.calendars;
    let kept = match is_other || (may_have_calendars && held.calendars.is_old(clock.now)) {
        true => Some(KeptCalendars::of(store.kept_calendars().await?, clock.now)),
        false => None,
    };
    let contacts_at = contacts.as_ref().map(|c| c.read_at);
    let (held, interpreter) = (held.clone(), interpreter.cloned());
    // Reads calendars where something of them, of their clock or of their people is another.
    let make = move || {
        let before = held.basis;
        let mut now = held;
        if let (Some(row), Some(interpret)) = (&other_settings, interpreter) {
            match interpret(row) {
                Ok(decides) => now = now.with_settings(Some(row), decides),
                Err(why) => error!(settings = row.number.0, "the settings in force cannot be used here: {why}"),
            }
        }
        if before.contacts != contacts_at || now.basis.settings != before.settings {
            now = now.with_contacts(contacts);
        }
        if let Some(overrides) = overrides {
            now = now.with_overrides(overrides, basis.overrides);
        }
        match kept {
            Some(kept) if is_other || has_calendars(&now) => now.with_calendars(kept, basis.calendars),
            _ => now,
        }
    };
    let mut now = match may_have_calendars || is_other {
        true => tokio::task::spawn_blocking(make).await.map_err(|_| StoreError::Closed)?,
        false => make(),
    };
    // Also where nothing could be made of them: whoever asked goes on by what it has.
    now.basis = Basis { settings: settings.map(|s| s.number), contacts: contacts_at, ..basis };
    Ok(now)
}
