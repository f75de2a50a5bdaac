//! Watches who is on call: keeps who held a role since when, alerts of gaps before they begin, and says once what a reload or a
//! calendar changed.
//!
//! What was kept is never written again: after a crash the next pass keeps what is missing, from the moment that the present
//! holders began, else from now. Gap alerts are one a gap; a start finds those that it raised by their keys. Only the engine's
//! duty runs this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::oncall::holders::shown;
use crate::domain::oncall::outlook::{Difference, Gap, LineRole, differences, duties};
use crate::domain::oncall::timeline::{by_contacts, spans};
use crate::domain::team::Directory;
use crate::domain::types::Actor;
use crate::engine::Engine;
use crate::engine::apply::Core;
use crate::engine::duty::Passed;
use crate::store::{DutyChange, KeptHolder, StoreError};

use super::ahead::{Ahead, KEPT_EVERY};
use super::reach::gaps_between;
use super::{gap_said, zone_of_line};

/// How often is looked, where nothing is due before.
pub const EVERY: Duration = Duration::from_secs(5);
/// How often gaps are looked for, where nothing changes.
const GAPS_EVERY: Duration = Duration::from_secs(60);
/// A gap that began longer ago begins then.
const GAP_SINCE: Duration = Duration::from_secs(7 * 86_400);
/// A gap that lasts longer is said without its end.
const GAP_END_MAX: Duration = Duration::from_secs(14 * 86_400);
/// Present holders who began longer ago have begun then.
const HELD_SINCE: Duration = Duration::from_secs(62 * 86_400);
/// What differs after a reload is looked at so far ahead.
const DIFFERENCES_AHEAD: Duration = Duration::from_secs(14 * 86_400);
/// A gap that begins within this must wake somebody: a night may lie between.
const PAGED_WITHIN: Duration = Duration::from_secs(12 * 3_600);
/// Gaps that alert at once; the log names no more.
const GAPS_MAX: usize = 50;
/// Differences that one notice names.
const DIFFERENCES_NAMED: usize = 10;

type DutyKey = (Option<String>, String);

/// See the module. One an engine.
pub struct OnCallWatch {
    engine: Arc<Engine>,
    seen: Mutex<Seen>,
}

/// What the last pass saw: nothing of it is needed after a restart.
#[derive(Default)]
struct Seen {
    /// Under which directory.
    directory: Option<Arc<Directory>>,
    /// Who is kept as the present holder of a role.
    kept: BTreeMap<DutyKey, DutyChange>,
    /// When that was looked at, and until when nothing changes by itself.
    history: Option<(Timestamp, Option<Timestamp>)>,
    gaps_at: Option<Timestamp>,
    /// When what is ahead was kept.
    ahead_at: Option<Timestamp>,
}

impl OnCallWatch {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, seen: Mutex::default() }
    }

    /// One look.
    ///
    /// # Errors
    /// [`StoreError`]: the rest is looked at in the next pass.
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        if core.store.basis().await? != core.in_force().basis {
            core.refresh().await?;
        }
        let (directory, now) = (core.directory(), core.clock.now());
        let before = self.seen().directory.clone();
        let is_new = before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &directory));
        let known = self.seen().history.filter(|(at, _)| !is_new && *at <= now);
        let next = match known {
            Some((_, next)) if next.is_none_or(|next| now < next) => next,
            _ => {
                // Under another directory the past was another one: it is not rewritten.
                let is_same = before.is_none() || !is_new;
                let next = self.keep_history(core, &directory, now, is_same).await?;
                self.seen().history = Some((now, next));
                next
            }
        };
        if is_new || self.seen().gaps_at.is_none_or(|at| now.since(at) >= GAPS_EVERY || at > now) {
            alert_gaps(core, &directory, now).await?;
            self.seen().gaps_at = Some(now);
        }
        self.look_ahead(core, before.filter(|_| is_new), &directory, now).await?;
        self.seen().directory = Some(directory);
        Ok(Some(next.map_or(now.plus(GAPS_EVERY), |next| next.min(now.plus(GAPS_EVERY)))))
    }

    /// Keeps what has changed since the last look; when something changes next.
    async fn keep_history(
        &self,
        core: &Core,
        directory: &Directory,
        now: Timestamp,
        is_same_directory: bool,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut changes = Vec::new();
        let mut next: Option<Timestamp> = None;
        for duty in duties(directory) {
            let key: DutyKey = (duty.line.number.clone(), duty.role.as_str().to_lowercase());
            let known = self.seen().kept.get(&key).cloned();
            let last = match known {
                Some(last) => Some(last),
                None => core.store.duty_before(key.0.as_deref(), &duty.role, now).await?,
            };
            let (present, until) = present(directory, &duty, now);
            next = next.into_iter().chain(until).min();
            let is_same = |last: &DutyChange| {
                let ids = |holders: &[KeptHolder]| holders.iter().map(|h| h.contact.clone()).collect::<Vec<_>>();
                ids(&last.holders) == ids(&present.holders)
            };
            match last {
                Some(last) if is_same(&last) => {
                    self.seen().kept.insert(key, last);
                }
                last => {
                    // What nobody looked at is not told of as if it had been; who began before what is kept last has been put back now.
                    let floor = last.filter(|_| is_same_directory).map(|l| l.since.plus(Duration::from_millis(1)));
                    let since = if floor.is_some_and(|f| present.since >= f) { present.since } else { now };
                    changes.push((key, DutyChange { since, ..present }));
                }
            }
        }
        if !changes.is_empty() {
            let all: Vec<DutyChange> = changes.iter().map(|(_, change)| change.clone()).collect();
            core.store.keep_duty_changes(&all, now).await?;
            self.seen().kept.extend(changes);
        }
        Ok(next)
    }

    /// Says what is different from what was seen last, of a directory that is new: `before` is the one of this process, else what the
    /// engine before it has kept. Its alert is about what was kept: after a crash between the two it is not said again.
    async fn look_ahead(
        &self,
        core: &Core,
        before: Option<Arc<Directory>>,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.seen().ahead_at;
        let is_first = known.is_none();
        let is_old = known.is_some_and(|at| now.since(at) >= KEPT_EVERY || at > now);
        if !is_first && !is_old && before.is_none() {
            return Ok(());
        }
        // What cannot be read is as if nothing had been kept.
        let kept: Option<Ahead> = core.store.ahead().await?.and_then(|text| serde_json::from_str(&text).ok());
        let kept_at = kept.as_ref().map_or(now, |kept| kept.at);
        match (&before, &kept) {
            (Some(before), _) => say_differences(core, before, directory, now, kept_at).await?,
            (None, Some(kept)) if is_first => say(core, &kept.differences(directory, now), directory, kept_at).await?,
            _ => {}
        }
        let ahead = Ahead::of(directory, now, DIFFERENCES_AHEAD);
        if let Ok(document) = serde_json::to_string(&ahead) {
            core.store.keep_ahead(&document).await?;
        }
        self.seen().ahead_at = Some(now);
        Ok(())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who holds it now, since when, and until when.
fn present(directory: &Directory, duty: &LineRole<'_>, now: Timestamp) -> (DutyChange, Option<Timestamp>) {
    let holders = directory.holders(duty.line, &duty.role, now);
    let ids: Vec<_> = holders.iter().map(|h| &h.contact.id).collect();
    let around = spans(directory, duty.line, &duty.role, now.minus(HELD_SINCE), now.plus(HELD_SINCE));
    let around = by_contacts(around);
    let span = around.iter().find(|s| s.from <= now && now < s.until);
    let since = span.filter(|s| s.contacts() == ids).map_or(now, |s| s.from);
    let until = span.map(|s| s.until).filter(|until| *until < now.plus(HELD_SINCE));
    let kept = |h: &crate::domain::oncall::Holder<'_>| KeptHolder {
        contact: h.contact.id.to_string(),
        name: h.contact.name.clone(),
        why: h.why.describe(directory),
    };
    let holders = holders.iter().map(kept).collect();
    (DutyChange { line: duty.line.number.clone(), role: duty.role.clone(), since, holders }, until)
}

/// One alert a gap that begins soon, said again as it comes nearer, over when it is covered or has passed.
async fn alert_gaps(core: &Core, directory: &Directory, now: Timestamp) -> Result<(), StoreError> {
    let rules = core.rules().oncall;
    let opt_outs = core.store.opt_outs().await?;
    let first = rules.gap_warning.first().copied().unwrap_or_default();
    let ahead = first.min(rules.look_ahead);
    // Further than alerts go, so that the end of a gap is known.
    let end = now.plus(ahead).plus(GAP_END_MAX);
    let start = now.minus(GAP_SINCE);
    let all = if ahead.is_zero() { Vec::new() } else { gaps_between(directory, start, end, &opt_outs) };
    let is_near = |gap: &&Gap| gap.until > now && gap.from <= now.plus(ahead);
    let mut keys = BTreeSet::new();
    for gap in all.iter().filter(is_near).take(GAPS_MAX) {
        // The notice of a gap that was seen early stands as it was said; what comes nearer is a page of its own.
        keys.insert(key_of(AlertKind::OnCallGap, gap, start));
        let key = key_of(kind_of(gap, now), gap, start);
        let when = stage(gap, &rules.gap_warning, now);
        raise(core, key.clone(), format!("{} ({when}); see `dispatchctl oncall check`", gap_said(directory, gap, end)))
            .await?;
        keys.insert(key);
    }
    for alert in core.store.alerts().await? {
        let is_gap = matches!(alert.key.kind(), AlertKind::OnCallGap | AlertKind::OnCallGapNear);
        if is_gap && !keys.contains(&alert.key) {
            let change = AlertChange::Resolve { key: alert.key };
            core.apply(Event::Alert(change), Actor::engine()).await?;
        }
    }
    Ok(())
}

/// One that began before the look does has no begin that stays the same from look to look.
fn key_of(kind: AlertKind, gap: &Gap, start: Timestamp) -> AlertKey {
    let line = gap.line.as_deref().unwrap_or("default");
    let begin = if gap.from <= start { "standing".to_owned() } else { gap.from.rfc3339() };
    kind.about(format!("{line}:{}:{begin}", gap.role))
}

/// How urgent it is: one in three days can wait for the morning, one in the coming night cannot.
fn kind_of(gap: &Gap, now: Timestamp) -> AlertKind {
    if gap.from <= now.plus(PAGED_WITHIN) { AlertKind::OnCallGapNear } else { AlertKind::OnCallGap }
}

/// How near it is: the words change as each of the warnings comes, and only then.
fn stage(gap: &Gap, warnings: &[Duration], now: Timestamp) -> String {
    if gap.from <= now {
        return "it has begun".to_owned();
    }
    let left = gap.from.since(now);
    let nearest = warnings.iter().rev().find(|warning| left <= **warning).copied().unwrap_or(left);
    let minutes = nearest.as_secs() / 60;
    let length = if minutes.is_multiple_of(60) { format!("{} h", minutes / 60) } else { format!("{minutes} min") };
    format!("it begins within {length}")
}

pub(super) async fn raise(core: &Core, key: AlertKey, message: String) -> Result<(), StoreError> {
    let raised = core.store.alerts().await?.into_iter().find(|a| a.key == key);
    let change = match raised {
        Some(alert) if alert.message == message => return Ok(()),
        Some(_) => AlertChange::Again { key, message },
        None => AlertChange::Raise { key, call: None, message },
    };
    core.apply(Event::Alert(change), Actor::engine()).await.map(drop)
}

/// One notice of what a reload or a calendar changed. Exceptions tell who makes them themselves.
async fn say_differences(
    core: &Core,
    before: &Directory,
    after: &Directory,
    now: Timestamp,
    kept_at: Timestamp,
) -> Result<(), StoreError> {
    let before = Directory { overrides: after.overrides.clone(), ..before.clone() };
    if before == *after {
        return Ok(());
    }
    say(core, &differences(&before, after, now, now.plus(DIFFERENCES_AHEAD)), after, kept_at).await
}

async fn say(core: &Core, all: &[Difference], after: &Directory, kept_at: Timestamp) -> Result<(), StoreError> {
    let key = AlertKind::OnCallChanged.about(kept_at.as_millis());
    if all.is_empty() || core.store.alerts().await?.iter().any(|a| a.key == key) {
        return Ok(());
    }
    let said: Vec<String> = all.iter().take(DIFFERENCES_NAMED).map(|d| difference_said(after, d)).collect();
    let more = match all.len().saturating_sub(DIFFERENCES_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more: see `dispatchctl oncall --from now --until +14d`"),
    };
    let message = format!("who is on call in the next 14 days has changed: {}{more}", said.join("; "));
    raise(core, key, message).await
}

fn difference_said(directory: &Directory, d: &Difference) -> String {
    let names = |ids: &[crate::domain::types::ContactId]| match ids {
        [] => "nobody".to_owned(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let zone = zone_of_line(directory, d.line.as_deref());
    let line = d.line.as_deref().map(|line| format!(" of {line}")).unwrap_or_default();
    let (from, until) = (shown(d.from, &zone), shown(d.until, &zone));
    format!("{}{line} from {from} to {until}: {} in place of {}", d.role, names(&d.after), names(&d.before))
}
