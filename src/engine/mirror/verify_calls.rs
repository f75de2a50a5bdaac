//! Every call against its row in *Calls*: whether there is one, and whether what we keep current there is current. A row that
//! intake may still make is not missing yet, and what the caller said is intake's own.

use std::collections::BTreeSet;

use super::calls::GRACE;
use super::rows;
use super::verify::{CheckError, Checker, Difference, DifferenceKind, LOOKS_MAX, PAGE, PAUSE};
use crate::domain::call::CallState;
use crate::domain::types::CallId;
use crate::gateways::airtable::{Fields, differences};
use crate::gateways::mirror::RecordId;
use crate::store::{CallFilter, EventFilter, StoreError};

impl Checker {
    /// Compares the calls that the filter names, and those of `more`; how many, and what is wrong, each looked at again while
    /// an engine is about to write it.
    pub(super) async fn check_calls(
        &mut self,
        filter: &EventFilter,
        more: BTreeSet<CallId>,
    ) -> Result<(u64, Vec<Difference>), CheckError> {
        let ids = self.call_ids(filter, more).await?;
        let mut findings = Vec::new();
        for some in ids.chunks(PAGE) {
            let mut wrong = self.compared_calls(some).await?;
            for _ in 0..LOOKS_MAX {
                if wrong.is_empty() {
                    break;
                }
                self.clock.sleep_until(self.clock.now().plus(PAUSE)).await;
                let again: Vec<CallId> = wrong.iter().filter_map(Difference::call_id).collect();
                wrong = self.compared_calls(&again).await?;
                let keys = wrong.iter().filter_map(|f| f.key.clone()).collect();
                if !self.store.mirror_is_busy_with(keys).await? {
                    break;
                }
            }
            findings.extend(wrong);
        }
        Ok((u64::try_from(ids.len()).unwrap_or(u64::MAX), findings))
    }

    async fn call_ids(&self, filter: &EventFilter, mut ids: BTreeSet<CallId>) -> Result<Vec<CallId>, StoreError> {
        if let Some(call) = &filter.call {
            return self.store.mirror_keeps(vec![call.clone()]).await;
        }
        let mut page = CallFilter { since: filter.since, limit: PAGE, ..CallFilter::default() };
        loop {
            let lines = self.store.calls(&page).await?;
            let Some(last) = lines.last() else { return self.store.mirror_keeps(ids.into_iter().collect()).await };
            page.before = Some(last.call.id.clone());
            ids.extend(lines.into_iter().map(|l| l.call.id));
        }
    }

    /// What is wrong with these calls' rows now.
    pub(super) async fn compared_calls(&mut self, ids: &[CallId]) -> Result<Vec<Difference>, CheckError> {
        let mut states = Vec::new();
        // It may have been pruned since it was found.
        for id in &self.store.mirror_keeps(ids.to_vec()).await? {
            match self.store.call(id).await {
                Ok(state) => states.extend(state),
                // One that cannot be read is said elsewhere.
                Err(e) if e.is_of_one_call() => {}
                Err(e) => return Err(e.into()),
            }
        }
        let keys: Vec<String> = states.iter().map(|s| s.call.id.to_string()).collect();
        let mut tries = 0;
        let (expected, found) = loop {
            let layouts = self.layouts().await?;
            let layout = &layouts.calls;
            // Without the id of a call no row can be found.
            let Some(key) = layout.name("call_id") else { return Ok(Vec::new()) };
            let fields: Vec<&str> = layout.names().filter(|(ours, _)| rows::is_kept(ours)).map(|(_, n)| n).collect();
            let read = match self.encoded(&layouts, layout, states.iter().map(rows::call).collect()).await {
                Ok(expected) => {
                    self.gateway.by_key(&layout.table, key, &keys, &fields).await.map(|found| (expected, found))
                }
                Err(e) => Err(e),
            };
            match read {
                Ok(read) => break read,
                Err(error) => self.learn(error, &mut tries)?,
            }
        };
        let now = self.clock.now();
        let of = |(state, expected): (&CallState, &Fields)| {
            let records = found.get(state.call.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            // Of several the oldest is intake's, which is the one that is written.
            let fields = records.first().map(|r| differences(expected, &r.fields)).unwrap_or_default();
            let fault = match (records.first(), fields.is_empty()) {
                (None, _) if state.call.accepted_at.plus(GRACE + PAUSE * 5) > now => return None,
                (None, _) => DifferenceKind::Missing,
                (Some(_), true) => return None,
                (Some(_), false) => DifferenceKind::Different,
            };
            let records: Vec<RecordId> = records.iter().map(|r| r.id.clone()).collect();
            Some(Difference::of_call(fault, state.call.id.clone(), records, fields))
        };
        Ok(states.iter().zip(&expected).filter_map(of).collect())
    }
}
