//! What stands in the mirror's way, in memory: pauses, fields that are missing, doubts, alerts that are raised. A restart
//! forgets it all but the alerts, and learns it again from the base's first answers.

use std::time::Duration;

use tracing::warn;

use super::Mirror;
use super::state::{BILLING_PAUSE, MirrorTable};
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways::MirrorError;
use crate::gateways::mirror::{Refusal, RefusalScope};
use crate::store::StoreError;

const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// After a write of which nobody knows whether it was done, one that is still under way is given this long.
const PAUSE_UNKNOWN: Duration = Duration::from_secs(3);
/// Failures in a row after which whatever waits is hurried once the base is back.
const OUTAGE: u32 = 3;

impl Mirror {
    /// The base answered as it should.
    pub(super) async fn went_well(&self, table: MirrorTable) -> Result<(), StoreError> {
        let was_out = {
            let mut state = self.state();
            state.billing_until = None;
            let state = state.of(table);
            let was_out = state.failures >= OUTAGE;
            (state.failures, state.not_before, state.trouble) = (0, None, None);
            was_out
        };
        if was_out {
            self.core.store.mirror_retry_now(self.now()).await?;
        }
        self.over(AlertKind::MirrorBilling).await?;
        self.over(AlertKind::MirrorAccess.about(table.as_str())).await?;
        let key = AlertKind::MirrorField.about(table.as_str());
        if self.is_raised(&key) && self.loud_lacks(table).is_empty() {
            // Also what an engine before this one has written without it.
            self.tell_again(table).await?;
            self.over(key).await?;
        }
        Ok(())
    }

    /// A request about a table failed, and not for one row's content: notes it, and until when its rows wait.
    pub(super) async fn went_wrong(&self, table: MirrorTable, error: &MirrorError) -> Result<Timestamp, StoreError> {
        let now = self.now();
        let until = match error {
            MirrorError::RateLimited { until } => *until,
            MirrorError::Billing { .. } => {
                let until = now.plus(BILLING_PAUSE);
                self.state().billing_until = Some(until);
                let what = "Airtable's requests of this month are used up: rows wait, it is tried once an hour";
                self.alarm(AlertKind::MirrorBilling, what).await?;
                until
            }
            MirrorError::Refused(refusal) => match &refusal.scope {
                RefusalScope::Field(name) => return self.field_refused(table, name.as_deref(), refusal).await,
                RefusalScope::Access | RefusalScope::Auth => {
                    let what = format!(
                        "Airtable does not let us into the table `{}` ({refusal}): rows wait; see `dispatchctl doctor`",
                        self.table_name(table)
                    );
                    self.alarm(AlertKind::MirrorAccess.about(table.as_str()), &what).await?;
                    self.pause(table, None, Duration::ZERO)
                }
                _ => self.pause(table, None, Duration::ZERO),
            },
            MirrorError::Unknown { retry_after, .. } => self.pause(table, *retry_after, PAUSE_UNKNOWN),
            MirrorError::Retryable { retry_after, .. } => self.pause(table, *retry_after, Duration::ZERO),
            MirrorError::TooBig | MirrorError::IteratorGone | MirrorError::NotFound { .. } => {
                self.pause(table, None, Duration::ZERO)
            }
        };
        self.state().of(table).trouble = Some(error.to_string());
        warn!(table = table.as_str(), error = %error, until = %until, "the mirror waits");
        Ok(until)
    }

    /// Grows with each failure in a row.
    pub(super) fn pause(&self, table: MirrorTable, asked: Option<Duration>, least: Duration) -> Timestamp {
        let now = self.now();
        let mut state = self.state();
        let state = state.of(table);
        let pause = PAUSE_FIRST.saturating_mul(1 << state.failures.min(9)).min(PAUSE_MAX);
        state.failures = state.failures.saturating_add(1);
        let asked = asked.unwrap_or_default().min(PAUSE_MAX);
        let until = now.plus(self.core.ids.jittered(pause).max(asked).max(least));
        state.not_before = Some(until);
        until
    }

    /// A field is not there: rows are written by what the base has now. One that nobody can name holds its table up.
    async fn field_refused(
        &self,
        table: MirrorTable,
        name: Option<&str>,
        refusal: &Refusal,
    ) -> Result<Timestamp, StoreError> {
        let is_news = match name {
            Some(name) if self.drop_field(table, name).await? => true,
            _ => self.has_changed().await?,
        };
        if is_news {
            return Ok(self.now());
        }
        let which = name.map_or_else(|| format!("a field, and does not say which ({refusal})"), |n| format!("`{n}`"));
        let what = format!(
            "Airtable's table `{}` does not have {which}: its rows wait; see `dispatchctl doctor`",
            self.table_name(table)
        );
        self.alarm(AlertKind::MirrorField.about(table.as_str()), &what).await?;
        self.state().of(table).trouble = Some(what);
        Ok(self.pause(table, None, Duration::ZERO))
    }

    /// Raises an alert, or tells it in new words.
    pub(super) async fn alarm(&self, key: impl Into<AlertKey>, message: &str) -> Result<(), StoreError> {
        let (key, message) = (key.into(), message.to_owned());
        let before = self.state().raised.get_or_insert_default().get(&key).cloned();
        let known = (key.clone(), message.clone());
        let change = match before {
            Some(same) if same == message => return Ok(()),
            Some(_) => AlertChange::Again { key, message },
            None => AlertChange::Raise { key, call: None, message },
        };
        self.core.apply(Event::Alert(change), Actor::engine()).await?;
        // Only what is stored is known: a store that could not take it is told again.
        self.state().raised.get_or_insert_default().insert(known.0, known.1);
        Ok(())
    }

    fn is_raised(&self, key: &AlertKey) -> bool {
        self.state().raised.as_ref().is_some_and(|raised| raised.contains_key(key))
    }

    /// Raises an alert; one that is raised keeps its words.
    pub(super) async fn alarm_once(&self, key: impl Into<AlertKey>, message: &str) -> Result<(), StoreError> {
        let key = key.into();
        if self.is_raised(&key) { Ok(()) } else { self.alarm(key, message).await }
    }

    /// What an alert told of is over.
    pub(super) async fn over(&self, key: impl Into<AlertKey>) -> Result<(), StoreError> {
        let key = key.into();
        if !self.state().raised.get_or_insert_default().contains_key(&key) {
            return Ok(());
        }
        let change = AlertChange::Resolve { key: key.clone() };
        self.core.apply(Event::Alert(change), Actor::engine()).await?;
        self.state().raised.get_or_insert_default().remove(&key);
        Ok(())
    }

    /// Alerts that an earlier engine raised are known before any is raised or resolved.
    pub(super) async fn recall(&self) -> Result<(), StoreError> {
        if self.state().raised.is_some() {
            return Ok(());
        }
        let open = self.core.store.alerts().await?;
        let ours = open.into_iter().filter(|a| a.key.kind().is_mirror()).map(|a| (a.key, a.message));
        self.state().raised = Some(ours.collect());
        Ok(())
    }
}
