//! Faults that are armed: which of them hits what, and how often they have.

use serde::Serialize;

use super::faults::{Fault, FaultKind, On, chance};
use super::messages::Status;
use super::voice::PhoneStatus;
use crate::ids::Ids;

/// What a fault is held against.
#[derive(Clone, Copy, Default)]
pub(super) struct Subject<'a> {
    /// The request, if it is one.
    pub(super) on: Option<On>,
    /// The recipient.
    pub(super) to: Option<&'a str>,
    /// The sender.
    pub(super) from: Option<&'a str>,
    /// The status that a callback tells.
    pub(super) status: Option<Status>,
    /// The status that a phone call's callback tells.
    pub(super) call_status: Option<PhoneStatus>,
    /// The request's method, where it counts.
    pub(super) method: Option<&'a str>,
    /// Its path as sent, where it counts.
    pub(super) path: Option<&'a str>,
}

/// An armed fault and what it has done.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Armed {
    id: u64,
    #[serde(flatten)]
    fault: Fault,
    /// How many it concerned.
    matched: u64,
    /// How many it hit.
    fired: u32,
    /// With a `step`: it has come to the end, every byte was hit.
    #[serde(skip_serializing_if = "is_false")]
    swept: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(b: &bool) -> bool {
    !b
}

/// How many faults may be armed at once.
const ARMED_MAX: usize = 1_000;

/// All armed faults; the first that fits hits.
#[derive(Default)]
pub(super) struct Faults {
    list: Vec<Armed>,
    next_id: u64,
}

impl Faults {
    /// Arms one; its id.
    pub(super) fn add(&mut self, fault: Fault) -> Result<u64, String> {
        fault.check()?;
        if self.list.len() >= ARMED_MAX {
            self.list.retain(|a| a.fault.times.is_none_or(|t| a.fired < t));
        }
        if self.list.len() >= ARMED_MAX {
            return Err(format!("{ARMED_MAX} faults are armed: clear them first"));
        }
        self.next_id += 1;
        self.list.push(Armed { id: self.next_id, fault, matched: 0, fired: 0, swept: false });
        Ok(self.next_id)
    }

    /// Disarms all.
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Disarms one.
    pub(super) fn remove(&mut self, id: u64) {
        self.list.retain(|a| a.id != id);
    }

    /// All, also the spent ones.
    pub(super) fn list(&self) -> &[Armed] {
        &self.list
    }

    /// The first fault of these kinds that hits this one; counted.
    pub(super) fn hit(&mut self, kinds: &[FaultKind], subject: Subject<'_>, ids: &Ids) -> Option<Fault> {
        self.list
            .iter_mut()
            .find_map(|a| (kinds.contains(&a.fault.kind) && a.hits(subject, ids)).then(|| a.fault.clone()))
    }

    /// The first fault of the wire that hits this one, with its id; counted. One with a `step` is further on each time.
    pub(super) fn hit_wire(&mut self, subject: Subject<'_>, ids: &Ids) -> Option<(u64, Fault)> {
        let hits = |a: &&mut Armed| a.fault.kind.is_wire();
        self.list.iter_mut().filter(hits).find_map(|a| {
            let before = u64::from(a.fired);
            a.hits(subject, ids).then(|| {
                let mut fault = a.fault.clone();
                if let Some(step) = fault.step {
                    fault.at = Some(fault.at.unwrap_or(0).saturating_add(step.saturating_mul(before)));
                }
                (a.id, fault)
            })
        })
    }

    /// One with a `step` has come to the end: it hits no more.
    pub(super) fn swept(&mut self, id: u64) {
        for a in self.list.iter_mut().filter(|a| a.id == id && a.fault.step.is_some()) {
            a.swept = true;
        }
    }

    /// Every fault of this kind that hits this one; counted.
    pub(super) fn hit_all(&mut self, kind: FaultKind, subject: Subject<'_>, ids: &Ids) -> Vec<Fault> {
        let hits = self.list.iter_mut().filter(|a| a.fault.kind == kind);
        hits.filter_map(|a| a.hits(subject, ids).then(|| a.fault.clone())).collect()
    }

    /// Every fault of this kind that could hit this one, with its id; [`Faults::count`] counts those that did.
    pub(super) fn standing(&self, kind: FaultKind, subject: Subject<'_>) -> Vec<(u64, Fault)> {
        let able = |a: &&Armed| {
            a.fault.kind == kind && a.concerns(subject) && a.fault.times.is_none_or(|times| a.fired < times)
        };
        self.list.iter().filter(able).map(|a| (a.id, a.fault.clone())).collect()
    }

    /// Counts a hit of a standing fault.
    pub(super) fn count(&mut self, id: u64) {
        for a in self.list.iter_mut().filter(|a| a.id == id) {
            a.matched += 1;
            a.fired = a.fired.saturating_add(1);
        }
    }

    /// Whether any fault of the wire is armed.
    pub(super) fn any_wire(&self) -> bool {
        self.list.iter().any(|a| a.fault.kind.is_wire())
    }
}

impl Armed {
    /// Whether it could hit this one.
    fn concerns(&self, subject: Subject<'_>) -> bool {
        let f = &self.fault;
        let begins = |wanted: &Option<String>, is: Option<&str>| match wanted.as_deref() {
            None => true,
            Some(wanted) => is.is_some_and(|is| is.starts_with(wanted)),
        };
        let named = f.method.as_deref().is_none_or(|m| subject.method.is_some_and(|is| is.eq_ignore_ascii_case(m)));
        if !named || !begins(&f.path, subject.path) {
            return false;
        }
        let asked_of_airtable = subject.on.is_some_and(On::is_airtable);
        let asked_of_calls = subject.on.is_some_and(On::is_call);
        let on = match (f.on, subject.on) {
            _ if f.kind.is_wire() => true,
            _ if f.is_airtable() != asked_of_airtable => false,
            (None | Some(On::Airtable), _) if asked_of_airtable => true,
            (on, request) if asked_of_airtable => on == request,
            (None, _) if asked_of_calls => f.kind == FaultKind::Away,
            (Some(On::Any | On::Call), _) if asked_of_calls => true,
            (on, request) if asked_of_calls => on == request,
            (Some(on), _) if on.is_call() => false,
            _ if matches!(f.kind, FaultKind::Away | FaultKind::ListLag) => true,
            (Some(On::Any), _) | (_, None) => true,
            (on, Some(request)) => on.unwrap_or(On::Create) == request,
        };
        let told = f.call_status.is_none_or(|wanted| subject.call_status == Some(wanted));
        let status = told
            && match (f.message_status, subject.status) {
                (Some(wanted), at) => at == Some(wanted),
                (None, at) => at != Some(Status::Received),
            };
        let wide = matches!(subject.on, Some(On::List | On::Fetch | On::CallList | On::CallFetch)); // names no number: concerned
        let same = |wanted: &Option<String>, is: Option<&str>| match (wanted.as_deref(), is) {
            (None, _) => true,
            (Some(_), None) => wide,
            (Some(wanted), Some(is)) => wanted == is,
        };
        on && status && same(&f.to, subject.to) && same(&f.from, subject.from)
    }

    fn hits(&mut self, subject: Subject<'_>, ids: &Ids) -> bool {
        if !self.concerns(subject) {
            return false;
        }
        let f = &self.fault;
        if self.swept || f.times.is_some_and(|t| self.fired >= t) {
            return false;
        }
        self.matched += 1;
        if f.every.is_some_and(|n| !self.matched.is_multiple_of(n)) || !f.share.is_none_or(|p| chance(p, ids)) {
            return false;
        }
        self.fired = self.fired.saturating_add(1);
        true
    }
}
