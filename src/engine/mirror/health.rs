//! How the mirror is doing: for health, and alerts where a person should look.

use std::time::Duration;

use super::Mirror;
use super::state::{MirrorHealth, MirrorTable};
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::count::counted;
use crate::store::StoreError;

/// Rows that were written and are not proven after this alert.
const UNPROVEN_MAX: Duration = Duration::from_secs(60);
/// Rows that wait for longer alert.
const WAITING_MAX: Duration = Duration::from_secs(300);
/// How often figures are counted.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Keys that an alert names.
const NAMED: usize = 3;

impl Mirror {
    /// As of its last pass.
    pub fn mirror_health(&self) -> MirrorHealth {
        self.state().seen.clone()
    }

    /// Counts, and alerts.
    pub(super) async fn look_after(&self) -> Result<(), StoreError> {
        let now = self.now();
        let fresh = |at: Timestamp| at <= now && now.since(at) < LOOK_EVERY;
        if self.state().looked_at.is_some_and(fresh) {
            return Ok(());
        }
        let figures = self.core.store.mirror_figures().await?;
        let lacks = MirrorTable::ALL.into_iter().flat_map(|t| self.loud_lacks(t)).next();
        let trouble = {
            let mut state = self.state();
            state.looked_at = Some(now);
            state.waits = figures.oldest_waiting.or(figures.oldest_unverified).is_some() || figures.parked > 0;
            let trouble = MirrorTable::ALL.into_iter().find_map(|t| state.of(t).trouble.clone());
            let trouble = trouble.or_else(|| lacks.map(|l| format!("the base does not have {l}")));
            state.seen = MirrorHealth {
                resting_until: self.gateway.resting_until().filter(|until| *until > now),
                billing_until: state.rests_until(now),
                trouble: trouble.clone(),
                parked: figures.parked,
                unverified: figures.unverified,
                patience: self.patience(),
            };
            trouble
        };
        let waits = |since: Option<Timestamp>, max: Duration| since.filter(|at| now.since(*at) > max);
        let said = trouble.map(|t| format!(" ({t})")).unwrap_or_default();
        match waits(figures.oldest_waiting, WAITING_MAX + self.patience()) {
            Some(since) => {
                let what = format!("Airtable lags: rows wait since {since}{said}");
                self.alarm_once(AlertKind::MirrorLate, &what).await?;
            }
            None => self.over(AlertKind::MirrorLate).await?,
        }
        match waits(figures.oldest_unverified, UNPROVEN_MAX + self.patience()) {
            Some(since) => {
                let what = format!("unverified events: what Airtable was told since {since} is not read back{said}");
                self.alarm_once(AlertKind::MirrorUnverified, &what).await?;
            }
            None => self.over(AlertKind::MirrorUnverified).await?,
        }
        if figures.parked == 0 {
            return self.over(AlertKind::MirrorParked).await;
        }
        let lines = self.core.store.mirror_parked(NAMED).await?;
        let named: Vec<String> = lines.iter().map(|l| format!("{}: {}", l.key, l.why)).collect();
        let rows = counted(figures.parked, "row");
        let what = format!(
            "{rows} could not be written to Airtable, given up: {}; see `dispatchctl verify-events`",
            named.join("; ")
        );
        self.alarm(AlertKind::MirrorParked, &what).await
    }
}
