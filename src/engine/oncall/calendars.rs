//! Reads a calendar that says who is on call, every five minutes, and keeps what it says.
//!
//! What is kept is replaced only by a whole calendar that has at least half of the coming shifts; a smaller one waits beside it until a
//! person accepts it (`oncall accept-calendar`). Whatever else comes, or nothing for a day, leaves what is kept as it is and alerts.
//! A crash between a reading and its commit leaves what was there, and it is read again; what follows from a commit, decisions and
//! alerts, is made from the store, so that a later pass makes up for one that was cut short. Only the engine's duty runs this.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use crate::domain::Timestamp;
use crate::domain::alert::{AlertChange, AlertKey, AlertKind};
use crate::domain::event::Event;
use crate::domain::ical::kept::{Accepted, Kept, Least, accept};
use crate::domain::ical::{Place, Refused, Window, read};
use crate::domain::masking::masked_within;
use crate::domain::oncall::{CalendarPart, RotationId};
use crate::domain::types::Actor;
use crate::engine::apply::Core;
use crate::engine::wake::WakeSignal;
use crate::gateways::calendar::{CalendarSource, Fetched};
use crate::store::{CalendarOutcome, CalendarRead, CalendarState, StoreError};

/// How often a calendar is read.
pub const EVERY: Duration = Duration::from_secs(300);
/// After a reading that failed it is tried again after this.
const TRIED_AGAIN: Duration = Duration::from_secs(60);
/// What could not be read for so long alerts.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// Events that one alert names.
const EVENTS_NAMED: usize = 10;

/// Where a calendar is, for one process.
#[derive(Clone)]
pub struct CalendarAddress {
    /// See [`source_id`].
    pub id: String,
    pub source: Arc<dyn CalendarSource>,
}

/// What stands for a place in the store: a hash, as the place is a secret.
pub fn source_id(place: &str) -> String {
    Sha256::digest(place).iter().take(12).map(|b| format!("{b:02x}")).collect()
}

/// See the module. One a calendar.
pub struct CalendarReader {
    core: Arc<Core>,
    rotation: RotationId,
    part: CalendarPart,
    /// `None`: the settings name it, and this process has no place for it.
    address: Option<CalendarAddress>,
}

impl CalendarReader {
    pub fn new(
        core: Arc<Core>,
        rotation: RotationId,
        part: CalendarPart,
        address: Option<CalendarAddress>,
    ) -> Arc<Self> {
        Arc::new(Self { core, rotation, part, address })
    }

    /// `calendar of night`, for health.
    pub fn name(&self) -> String {
        format!("{} of {}", self.part.key().replace('_', " "), self.rotation)
    }

    /// One reading; when the next one is.
    ///
    /// # Errors
    /// [`StoreError`]: what is kept stands, and it is read again.
    pub async fn pass(&self) -> Result<Timestamp, StoreError> {
        let core = &self.core;
        let next = |pause| core.clock.now().plus(core.ids.jittered(pause));
        let mut ended_well = true;
        if let Some(address) = &self.address {
            let before = self.state().await?;
            let outcome = self.read(address, before.as_ref()).await?;
            ended_well = matches!(outcome, CalendarOutcome::Same | CalendarOutcome::Taken { .. });
            let is_news = matches!(outcome, CalendarOutcome::Taken { said: Some(_), .. });
            if let (CalendarOutcome::Failed { why }, true) = (&outcome, before.is_none_or(|b| b.failing.is_none())) {
                warn!(rotation = %self.rotation, calendar = %self.part, "a calendar cannot be read: {why}");
            }
            let (rotation, part, source) = (self.rotation.clone(), self.part, address.id.clone());
            let read = CalendarRead { rotation, part, source, at: core.clock.now(), outcome };
            core.store.keep_calendar(&read).await?;
            debug!(rotation = %self.rotation, calendar = %self.part, is_news, "a calendar was read");
        }
        let held = core.in_force();
        if core.store.basis().await? != held.basis || held.calendars.is_old(core.clock.now()) {
            core.refresh().await?;
            core.wake.notify(WakeSignal::OnCall);
        }
        self.say(self.state().await?.as_ref()).await?;
        self.say_refused().await?;
        Ok(next(if ended_well { EVERY } else { TRIED_AGAIN }))
    }

    async fn state(&self) -> Result<Option<CalendarState>, StoreError> {
        let all = self.core.store.calendar_states().await?;
        Ok(all.into_iter().find(|s| s.rotation == self.rotation && s.part == self.part))
    }

    async fn read(
        &self,
        address: &CalendarAddress,
        before: Option<&CalendarState>,
    ) -> Result<CalendarOutcome, StoreError> {
        let store = &self.core.store;
        let is_of_it = before.is_some_and(|s| s.is_kept && s.kept_source.as_ref() == Some(&address.id));
        let before = before.filter(|s| s.source == address.id);
        // What nothing is kept of is not asked for by its version.
        let etag = before.filter(|s| s.is_kept || s.is_offered).and_then(|s| s.etag.as_deref());
        let (text, etag) = match address.source.fetch(etag).await {
            Err(why) => return Ok(CalendarOutcome::Failed { why }),
            Ok(Fetched::Text { bytes, etag }) => (Some(bytes), etag),
            Ok(Fetched::Same) => (None, before.and_then(|s| s.etag.clone())),
        };
        let was_given = text.is_some();
        // With time one that was too small may have half of what is still to come.
        let text = match text {
            Some(text) => Some(text),
            None => store.offered_calendar(&self.rotation, self.part).await?,
        };
        let Some(text) = text else { return Ok(CalendarOutcome::Same) };
        let held = self.core.in_force();
        let Some(rotation) = held.directory.rotation(&self.rotation) else { return Ok(CalendarOutcome::Same) };
        let kept =
            store.kept_calendars().await?.into_iter().find(|k| k.rotation == self.rotation && k.part == self.part);
        let kept = kept.map(|k| k.text);
        if kept.as_deref() == Some(text.as_slice()) && before.is_some() {
            return Ok(CalendarOutcome::Same);
        }
        // Another place is another calendar: how many shifts the one of before had says nothing of it, but that it has any at all.
        let least = if is_of_it { Least::Half } else { Least::One };
        let (place, now) = (Place::of(rotation), self.core.clock.now());
        let judged = tokio::task::spawn_blocking(move || judge(kept.as_deref(), least, text, &place, now));
        let (text, judged) = judged.await.map_err(|_| StoreError::Closed)?;
        Ok(match judged {
            Ok(differs) => {
                let said = differs.map(|coming| {
                    let (key, rotation) = (self.part.key(), &self.rotation);
                    format!("the {key} of {rotation} says something else: {coming} coming shifts")
                });
                CalendarOutcome::Taken { text, etag, said }
            }
            Err(why @ (Kept::Shrunk { .. } | Kept::None { .. })) => {
                CalendarOutcome::Offered { text: was_given.then_some((text, etag)), why: why.to_string() }
            }
            Err(why) => CalendarOutcome::Failed { why: why.to_string() },
        })
    }

    /// One alert a calendar that could not be taken; over with the next one that was.
    async fn say(&self, state: Option<&CalendarState>) -> Result<(), StoreError> {
        let (key, rotation) = (self.part.key(), &self.rotation);
        let now = self.core.clock.now();
        let failing = state.and_then(|s| s.failing.as_ref());
        let is_stale = state.is_some_and(|s| s.failing.is_some() && s.read_at.is_none_or(|at| now.since(at) >= STALE));
        let is_offered = state.is_some_and(|s| s.is_offered);
        let answered = state.and_then(|s| s.answered_at);
        let is_dead = failing.is_some() && answered.is_none_or(|at| now.since(at) >= STALE);
        let is_kept = state.is_some_and(|s| s.is_kept);
        let why = failing.map(|(_, why)| why.as_str()).unwrap_or_default();
        let said = if self.address.is_none() {
            Some((
                format!("the settings in force name a {key} of {rotation}, and this engine has no place for it"),
                "what was read last stands; give it one and reload (SIGHUP)".to_owned(),
            ))
        } else if is_offered {
            let accept = format!("if that is meant: `dispatchctl oncall accept-calendar {rotation}`");
            let why_not = state.and_then(|s| s.offered_why.as_deref()).unwrap_or(why);
            let what = format!("the {key} of {rotation} was not taken");
            Some(match is_dead {
                false => (what, format!("{why_not}; {accept}")),
                true => (
                    format!("{what}, and its place could not be read for 24 h"),
                    format!("{why}; it was not taken as {why_not}; {accept}"),
                ),
            })
        } else if failing.is_some() && !is_kept {
            let nobody = "none was read before, so nobody is on call by it";
            Some((format!("the {key} of {rotation} cannot be read"), format!("{why}; {nobody}")))
        } else if is_stale {
            let stands = "what was read then stands";
            Some((format!("the {key} of {rotation} could not be read for 24 h"), format!("{why}; {stands}")))
        } else {
            None
        };
        let alert = AlertKind::OnCallCalendar.about(self.subject());
        match said {
            None => resolve(&self.core, &alert).await,
            Some((what, more)) => {
                let raised = self.core.store.alerts().await?.into_iter().find(|a| a.key == alert);
                // Other words for the same fault are no news.
                if raised.is_some_and(|a| a.message.starts_with(&format!("{what}:"))) {
                    return Ok(());
                }
                super::watch::raise(&self.core, alert, format!("{what}: {more}")).await
            }
        }
    }

    /// One alert of the events that are not understood, by their text.
    async fn say_refused(&self) -> Result<(), StoreError> {
        let refused = self.core.in_force().calendars.refused(&self.rotation, self.part);
        let alert = AlertKind::OnCallEvents.about(self.subject());
        if refused.is_empty() {
            return resolve(&self.core, &alert).await;
        }
        let message = format!(
            "events of the {} of {} are left out, as they are not understood: {}",
            self.part.key(),
            self.rotation,
            refused_said(&refused)
        );
        super::watch::raise(&self.core, alert, message).await
    }

    fn subject(&self) -> String {
        format!("{}:{}", self.rotation, self.part)
    }
}

/// `"Sam" (the time zone "Nowhere" is not known); and 3 more`.
pub fn refused_said(refused: &[Refused]) -> String {
    let name = |r: &Refused| {
        let title = if r.title.is_empty() { &r.uid } else { &r.title };
        format!("{:?} ({})", masked_within(&title.chars().take(80).collect::<String>()), r.why)
    };
    let mut said: Vec<String> = refused.iter().take(EVENTS_NAMED).map(name).collect();
    if refused.len() > EVENTS_NAMED {
        said.push(format!("and {} more", refused.len() - EVENTS_NAMED));
    }
    said.join("; ")
}

/// Weighs a calendar against the one that is kept; how many shifts are to come, where it says something else than what is kept.
fn judge(
    kept: Option<&[u8]>,
    least: Least,
    text: Vec<u8>,
    place: &Place,
    now: Timestamp,
) -> (Vec<u8>, Result<Option<usize>, Kept>) {
    let judged = accept(kept.map(|kept| (kept, least)), &text, place, Window::coming(now)).and_then(
        |Accepted { reading: coming }| {
            // Decisions read the time before now as well: what cannot be read so would leave nobody on call.
            let whole = read(&text, place, Window::around(now))?;
            let is_same =
                kept.is_some_and(|kept| read(kept, place, Window::around(now)).is_ok_and(|kept| kept == whole));
            Ok((!is_same).then_some(coming.occurrences.len()))
        },
    );
    (text, judged)
}

async fn resolve(core: &Core, key: &AlertKey) -> Result<(), StoreError> {
    if core.store.alerts().await?.iter().any(|a| &a.key == key) {
        core.apply(Event::Alert(AlertChange::Resolve { key: key.clone() }), Actor::engine()).await?;
    }
    Ok(())
}

/// Alerts of calendars that the settings name no more are over.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_alerts_of_others(core: &Core, readers: &[Arc<CalendarReader>]) -> Result<(), StoreError> {
    let named: Vec<String> = readers.iter().map(|r| r.subject()).collect();
    let is_ours = |kind| matches!(kind, AlertKind::OnCallCalendar | AlertKind::OnCallEvents);
    for alert in core.store.alerts().await? {
        let kind = alert.key.kind();
        if is_ours(kind) && !named.iter().any(|subject| kind.about(subject) == alert.key) {
            resolve(core, &alert.key).await?;
        }
    }
    Ok(())
}
