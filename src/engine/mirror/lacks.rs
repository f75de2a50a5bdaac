//! How rows stand in the base, and what it cannot hold of them: learned from its schema, said once, looked for again, and made
//! up for once it is there. In memory alone: a restart learns it again from the same schema.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::Mirror;
use super::state::MirrorTable;
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::engine::layout::{Lack, Layout, Layouts, OPTIONAL, Target};
use crate::gateways::MirrorError;
use crate::gateways::mirror::RefusalScope;
use crate::store::{CallFilter, EventFilter, MirrorKey, StoreError};

/// The first look for what the base lacks; each later one waits twice as long.
const RELOOK_FIRST: Duration = Duration::from_secs(2);
/// Plans have so many requests a month.
const RELOOK_MAX: Duration = Duration::from_secs(3_600);
/// Rows as old as this are told again too: their state may have changed meanwhile.
const AGAIN_BEFORE: Duration = Duration::from_secs(24 * 3_600);
/// Rows that are told again together.
const PAGE: usize = 500;

impl Mirror {
    /// How rows stand in the base. `None`: it does not say, and its rows wait.
    pub(super) async fn layouts(&self) -> Result<Option<Arc<Layouts>>, StoreError> {
        if let Some(known) = self.state().layouts.clone() {
            return Ok(Some(known));
        }
        match Layouts::read(&*self.gateway, &self.settings.maps).await {
            Ok(layouts) => self.use_layouts(layouts).await.map(Some),
            Err(error) => {
                self.unreadable(&error).await?;
                Ok(None)
            }
        }
    }

    async fn unreadable(&self, error: &MirrorError) -> Result<(), StoreError> {
        let is_access = matches!(error, MirrorError::Refused(r) if r.scope == RefusalScope::Access);
        for table in MirrorTable::ALL {
            if !is_access {
                self.went_wrong(table, error).await?;
                continue;
            }
            // In one wording: an alert that changes its words is told again.
            let what = format!(
                "Airtable does not show its fields ({error}), and rows cannot be written as they are configured \
                 without them: rows wait; give the token the scope schema.bases:read"
            );
            self.alarm(AlertKind::MirrorAccess.about(table.as_str()), &what).await?;
            self.pause(table, None, Duration::ZERO);
            self.state().of(table).trouble = Some(what);
        }
        Ok(())
    }

    /// From now on rows are written so.
    pub(super) async fn use_layouts(&self, layouts: Layouts) -> Result<Arc<Layouts>, StoreError> {
        let (layouts, now) = (Arc::new(layouts), self.now());
        {
            let mut state = self.state();
            let before = state.layouts.replace(Arc::clone(&layouts));
            let is_keyed = |l: &Layouts| l.events.name("event_id").is_some();
            let was_keyed = before.as_deref().is_none_or(is_keyed);
            if before.is_none() {
                state.keyed_since = Some(self.started_at);
            } else if !was_keyed {
                state.keyed_since = Some(now);
            }
            if !is_keyed(&layouts) {
                info!("the base has no field for our ids: events are found by their message, else by call and number");
            }
        }
        for (table, layout) in [(MirrorTable::Events, &layouts.events), (MirrorTable::Calls, &layouts.calls)] {
            self.note_lacks(table, &layout.lacks).await?;
        }
        Ok(layouts)
    }

    /// Whether the base has another schema than was known: read anew. False where it cannot be read.
    pub(super) async fn has_changed(&self) -> Result<bool, StoreError> {
        let before = self.state().layouts.clone();
        match Layouts::read(&*self.gateway, &self.settings.maps).await {
            Ok(layouts) if !layouts.is_read => Ok(false),
            Ok(layouts) => {
                let changed = before.as_deref() != Some(&layouts);
                if changed {
                    self.use_layouts(layouts).await?;
                }
                Ok(changed)
            }
            Err(error) => {
                warn!(error = %error, "the base's schema cannot be read");
                Ok(false)
            }
        }
    }

    /// A field that the base says it does not have, where its schema cannot tell; whether that is news.
    pub(super) async fn drop_field(&self, table: MirrorTable, name: &str) -> Result<bool, StoreError> {
        let Some(known) = self.state().layouts.clone().filter(|l| !l.is_read) else { return Ok(false) };
        let mut layouts = (*known).clone();
        let layout = match table {
            MirrorTable::Events => &mut layouts.events,
            MirrorTable::Calls => &mut layouts.calls,
        };
        if layout.name("call_id") == Some(name) && table == MirrorTable::Calls || !layout.drop_field(name) {
            return Ok(false);
        }
        self.use_layouts(layouts).await?;
        Ok(true)
    }

    /// What the base cannot hold: said once.
    pub(super) async fn note_lacks(&self, table: MirrorTable, lacks: &BTreeSet<Lack>) -> Result<(), StoreError> {
        let now = self.now();
        let new: Vec<Lack> = {
            let mut state = self.state();
            let known = &state.of(table).lacks;
            let new: Vec<Lack> = lacks.iter().filter(|l| !known.contains(*l)).cloned().collect();
            state.of(table).lacks.extend(new.iter().cloned());
            if !new.is_empty() {
                (state.relook_at, state.relooks) = (Some(now.plus(RELOOK_FIRST)), 0);
            }
            new
        };
        let (loud, quiet): (Vec<Lack>, Vec<Lack>) = new.into_iter().partition(|l| self.is_loud(table, l));
        if !quiet.is_empty() {
            let all: Vec<String> = quiet.iter().map(ToString::to_string).collect();
            info!(table = table.as_str(), "the base is without {}, as it may be", all.join(", "));
        }
        for lack in &loud {
            warn!(table = table.as_str(), "the base does not have {lack}: rows are written without it");
        }
        if loud.is_empty() { Ok(()) } else { self.say_lacks(table).await }
    }

    async fn say_lacks(&self, table: MirrorTable) -> Result<(), StoreError> {
        let said: Vec<String> = self.loud_lacks(table).iter().map(ToString::to_string).collect();
        let what = format!(
            "Airtable's table `{}` does not have {}: rows are written without, and told again once it is there; see \
             `dispatchctl doctor`",
            self.table_name(table),
            said.join(", ")
        );
        self.alarm(AlertKind::MirrorField.about(table.as_str()), &what).await
    }

    /// Whether somebody is alerted of it: not of what a base may be without, by nature or by configuration.
    fn is_loud(&self, table: MirrorTable, lack: &Lack) -> bool {
        let key = format!("{}.{}", table.as_str(), lack.ours());
        let is_quiet = matches!(lack, Lack::Field { .. } | Lack::Fit { .. })
            && (OPTIONAL.contains(&lack.ours())
                || self.settings.maps.may_lack.contains(&key)
                || lack.ours() == "event_id");
        !is_quiet
    }

    /// What an alert tells of.
    pub(super) fn loud_lacks(&self, table: MirrorTable) -> Vec<Lack> {
        let lacks = self.state().of(table).lacks.clone();
        lacks.into_iter().filter(|l| self.is_loud(table, l)).collect()
    }

    /// Asks the base whether it has by now what it lacked; what was written without it is told again.
    pub(super) async fn look_for_what_lacked(&self) -> Result<(), StoreError> {
        let now = self.now();
        let due = self.state().relook_at.is_some_and(|at| at <= now || at > now.plus(RELOOK_MAX));
        if !due {
            return Ok(());
        }
        self.plan_relook(now);
        let Ok(layouts) = Layouts::read(&*self.gateway, &self.settings.maps).await else { return Ok(()) };
        // A token that may not read the schema learns of a field by a refusal alone: nothing says that it is back.
        if !layouts.is_read {
            return Ok(());
        }
        if self.state().layouts.as_deref() != Some(&layouts) {
            self.use_layouts(layouts.clone()).await?;
        }
        for (table, layout) in [(MirrorTable::Events, &layouts.events), (MirrorTable::Calls, &layouts.calls)] {
            let before = self.state().of(table).lacks.clone();
            let still = self.still_lacking(&before, layout, &layouts).await;
            if still == before {
                continue;
            }
            // Rows that were made without our id get it, so that they are found by it from then on.
            let is_made_up_for = |l: &Lack| self.is_loud(table, l) || l.ours() == "event_id";
            let is_back = before.difference(&still).any(is_made_up_for);
            self.state().of(table).lacks = still;
            if is_back {
                info!(table = table.as_str(), "the base has by now what it lacked: its rows are told again");
                self.tell_again(table).await?;
            }
            if self.loud_lacks(table).is_empty() {
                self.over(AlertKind::MirrorField.about(table.as_str())).await?;
            } else {
                self.say_lacks(table).await?;
            }
        }
        let mut state = self.state();
        if MirrorTable::ALL.into_iter().all(|t| state.of(t).lacks.is_empty()) {
            state.relook_at = None;
        }
        Ok(())
    }

    fn plan_relook(&self, now: Timestamp) {
        let loud = MirrorTable::ALL.into_iter().any(|t| !self.loud_lacks(t).is_empty());
        let mut state = self.state();
        state.relooks = state.relooks.saturating_add(1);
        let pause = RELOOK_FIRST.saturating_mul(1 << state.relooks.min(11)).min(RELOOK_MAX);
        state.relook_at = Some(now.plus(if loud { pause } else { RELOOK_MAX }));
    }

    async fn still_lacking(&self, before: &BTreeSet<Lack>, layout: &Layout, layouts: &Layouts) -> BTreeSet<Lack> {
        let targets: BTreeSet<Target> = before
            .iter()
            .filter_map(|l| if let Lack::Row { target, .. } = l { Some(target.clone()) } else { None })
            .collect();
        let mut links = self.links.lock().await;
        if !targets.is_empty() {
            links.forget();
        }
        // Where the base does not answer, nobody was found.
        let _ = links.learn(&*self.gateway, &layouts.links, &targets, self.now()).await;
        let lacking = |lack: &&Lack| match lack {
            Lack::Field { .. } | Lack::Fit { .. } => layout.lacks.iter().any(|l| l.ours() == lack.ours()),
            Lack::Option { ours, option, .. } => layout.name(ours).is_some() && !layout.has_option(ours, option),
            Lack::Row { ours, target, .. } => layout.is_link(ours) && links.find(target).is_none(),
        };
        before.iter().filter(lacking).cloned().chain(layout.lacks.iter().cloned()).collect()
    }

    /// Every row of this table that may have been written without something.
    pub(super) async fn tell_again(&self, table: MirrorTable) -> Result<(), StoreError> {
        let (store, now) = (&self.core.store, self.now());
        let key = AlertKind::MirrorField.about(table.as_str());
        let raised = store.alerts().await?.into_iter().find(|a| a.key == key).map_or(now, |a| a.raised_at);
        let since = Some(raised.minus(AGAIN_BEFORE));
        match table {
            MirrorTable::Events => {
                let mut filter = EventFilter { since, limit: PAGE, ..EventFilter::default() };
                loop {
                    let lines = store.mirror_events(&filter).await?;
                    let Some(last) = lines.last() else { return Ok(()) };
                    filter.after = last.place;
                    let keys = lines.iter().map(|l| MirrorKey::Attempt(l.attempt.id)).collect();
                    store.mirror_again(keys, now).await?;
                }
            }
            MirrorTable::Calls => {
                let mut filter = CallFilter { since, limit: PAGE, ..CallFilter::default() };
                loop {
                    let lines = store.calls(&filter).await?;
                    let Some(last) = lines.last() else { return Ok(()) };
                    filter.before = Some(last.call.id.clone());
                    let keys = lines.into_iter().map(|l| MirrorKey::Call(l.call.id)).collect();
                    store.mirror_again(keys, now).await?;
                }
            }
        }
    }
}
