//! What stands in the mirror's way, in memory: pauses, fields that are missing, doubts, alerts that are raised. A restart
//! forgets it all but the alerts, and learns it again from the base's first answers.

use std::time::Duration;

use tracing::warn;

use super::Mirror;
use super::rows::{MissingFields, ours};
use super::state::{BILLING_PAUSE, MirrorTable};
use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::types::Actor;
use crate::gateways::MirrorError;
use crate::gateways::airtable::TableSchema;
use crate::gateways::mirror::{Refusal, RefusalScope};
use crate::store::StoreError;

const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// After a write of which nobody knows whether it was done, one that is still under way is given this long.
const PAUSE_UNKNOWN: Duration = Duration::from_secs(3);
/// What a base was without is looked for again after this.
const MISSING_FOR: Duration = Duration::from_secs(3600);
/// Failures in a row after which whatever waits is hurried once the base is back.
const OUTAGE: u32 = 3;

impl Mirror {
    /// Fields that the base is known to be without; forgotten after a while, as somebody may have added them.
    pub(super) fn missing(&self, table: MirrorTable) -> MissingFields {
        let now = self.now();
        let mut state = self.state();
        let state = state.of(table);
        if state.missing_since.is_some_and(|since| now.since(since) > MISSING_FOR) {
            (state.missing, state.missing_since) = (MissingFields::new(), None);
        }
        state.missing.clone()
    }

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
        for kind in [AlertKind::MirrorAccess, AlertKind::MirrorField] {
            self.over(kind.about(table.as_str())).await?;
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
                RefusalScope::Field(name) => return self.field_missing(table, name.clone(), refusal).await,
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
    fn pause(&self, table: MirrorTable, asked: Option<Duration>, least: Duration) -> Timestamp {
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

    /// A field is not there: left out where the base may be without it; else its table waits.
    async fn field_missing(
        &self,
        table: MirrorTable,
        name: Option<String>,
        refusal: &Refusal,
    ) -> Result<Timestamp, StoreError> {
        let pairs = self.pairs(table);
        let known = self.missing(table);
        let names: Vec<String> = match name {
            Some(name) => vec![name],
            // What is left out already was not refused now: another must be gone too.
            None => self.absent_by_schema(table).await.into_iter().filter(|n| !known.contains(n.as_str())).collect(),
        };
        let (can_miss, needed): (Vec<&String>, Vec<&String>) = names
            .iter()
            .partition(|n| ours(&pairs, n).is_some_and(|(_, optional)| optional) && !known.contains(n.as_str()));
        if needed.is_empty() && !can_miss.is_empty() {
            let now = self.now();
            let mut state = self.state();
            let state = state.of(table);
            state.missing_since = Some(now);
            for name in can_miss {
                warn!(table = table.as_str(), field = name, "the base has no such field: rows are written without it");
                state.missing.insert(name.clone());
            }
            return Ok(now);
        }
        let which = match needed.as_slice() {
            [] => format!("a field, and does not say which ({refusal})"),
            some => some.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "),
        };
        let what = format!(
            "Airtable's table `{}` does not have {which}: its rows wait; see `dispatchctl doctor`",
            self.table_name(table)
        );
        self.alarm(AlertKind::MirrorField.about(table.as_str()), &what).await?;
        self.state().of(table).trouble = Some(what);
        Ok(self.pause(table, None, Duration::ZERO))
    }

    /// Our fields that the table does not have, as the base's schema says; none where that cannot be read.
    async fn absent_by_schema(&self, table: MirrorTable) -> Vec<String> {
        let schema = match self.gateway.tables().await {
            Ok(tables) => TableSchema::find(&tables, self.table_name(table)).cloned(),
            Err(error) => {
                warn!(error = %error, "the base's schema cannot be read");
                None
            }
        };
        let Some(schema) = schema else { return Vec::new() };
        let absent = self.pairs(table).into_iter().filter(|(_, name)| schema.field(name).is_none());
        absent.map(|(_, name)| name.to_owned()).collect()
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

    /// Raises an alert; one that is raised keeps its words.
    pub(super) async fn alarm_once(&self, key: impl Into<AlertKey>, message: &str) -> Result<(), StoreError> {
        let key = key.into();
        let is_raised = self.state().raised.as_ref().is_some_and(|raised| raised.contains_key(&key));
        if is_raised { Ok(()) } else { self.alarm(key, message).await }
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
