//! A call's way from the queue to its end: dialled, rung, picked up or not, talked to, over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::call::{CallFault, CallLine, KeyFate, KeyPress, PhoneStatus, VoiceCall};
use super::events::CallEvents;
use super::kept::CallOrder;
use super::script::{PhoneEnd, PhoneScript, ScriptedKey};
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::sandbox::callbacks::{self, post_once};
use crate::sandbox::state::Shared;
use crate::sandbox::target::Target;

/// Takes up every call that an earlier life left on its way; one that was in progress is over.
pub(in crate::sandbox) fn resume(shared: &Arc<Shared>) {
    let sids = shared.state().calls.under_way();
    for sid in sids {
        run(shared, sid);
    }
}

/// Plays a call to its end in the background.
pub(super) fn run(shared: &Arc<Shared>, sid: String) {
    let changed = shared.state().calls.live.entry(sid.clone()).or_default().changed.clone();
    let player = Player {
        shared: shared.clone(),
        sid,
        changed,
        events: CallEvents::new(shared),
        script: PhoneScript::nobody(),
        orders: VecDeque::new(),
        pressed: Vec::new(),
        late: Vec::new(),
        hang_at: None,
        last_action: None,
    };
    shared.runtime.spawn(player.play());
}

/// What ended a wait.
pub(super) enum Woke {
    /// Its time.
    Time,
    /// A key, where somebody listens.
    Key(ScriptedKey),
    /// The account redirects the call.
    Order(CallOrder),
    /// The call is over.
    Over,
}

/// One call at work.
pub(super) struct Player {
    pub(super) shared: Arc<Shared>,
    pub(super) sid: String,
    changed: Arc<Notify>,
    events: CallEvents,
    pub(super) script: PhoneScript,
    orders: VecDeque<CallOrder>,
    /// Keys that are still to be pressed.
    pressed: Vec<(Timestamp, ScriptedKey)>,
    /// Keys whose requests come after the end.
    late: Vec<ScriptedKey>,
    /// When whoever picked up hangs up, or the longest call is over.
    hang_at: Option<Timestamp>,
    /// Where the last `<Gather>` sends its keys.
    pub(super) last_action: Option<String>,
}

impl Player {
    pub(super) fn call(&self) -> Option<VoiceCall> {
        self.shared.state().calls.get(&self.sid).cloned()
    }

    /// Seconds of a phone call as they pass here.
    pub(super) fn span(&self, seconds: f64) -> Duration {
        let second = self.shared.state().call_second;
        second.mul_f64(seconds.clamp(0.0, 1_000_000.0))
    }

    async fn play(mut self) {
        if let Some(call) = self.call() {
            if call.status == PhoneStatus::InProgress {
                self.step(PhoneStatus::Completed, Some(200));
            } else {
                self.ring(&call).await;
            }
        }
        self.finish().await;
    }

    /// From the queue to the pick-up, and through the conversation.
    async fn ring(&mut self, call: &VoiceCall) {
        let pace = self.shared.state().pace;
        if call.status == PhoneStatus::Queued {
            if matches!(self.rest(pace + Duration::from_millis(call.queue_ms)).await, Woke::Over) {
                return;
            }
            self.step(PhoneStatus::Initiated, None);
        }
        self.choose(call);
        if matches!(self.rest(pace).await, Woke::Over) {
            return;
        }
        if self.script.does.rings() && call.status != PhoneStatus::Ringing {
            self.step(PhoneStatus::Ringing, None);
        }
        let ring_s = self.script.ring_s.unwrap_or(self.script.does.usual_ring_s());
        let timeout_s = f64::from(call.timeout_s);
        if matches!(self.rest(self.span(ring_s.min(timeout_s))).await, Woke::Over) {
            return;
        }
        let refusal = self.script.does.refusal();
        if ring_s >= timeout_s && self.script.does.rings() {
            let sip = refusal.and(self.script.sip).unwrap_or(487);
            self.step(refusal.and(self.script.status).unwrap_or(PhoneStatus::NoAnswer), Some(sip));
        } else if let Some((status, sip)) = refusal {
            self.step(self.script.status.unwrap_or(status), Some(self.script.sip.unwrap_or(sip)));
        } else {
            self.pick_up(call);
            self.converse().await;
            self.step(PhoneStatus::Completed, Some(200));
        }
    }

    /// Who is at the other end this time. A phone that another call rings or talks to is engaged: not every
    /// phone has call waiting, and whoever relies on it is not told.
    fn choose(&mut self, call: &VoiceCall) {
        let mut state = self.shared.state();
        let count = state.calls.dialled.entry(call.to.clone()).or_default();
        if call.initiated.is_none() {
            *count += 1;
        }
        let nth = *count;
        if state.calls.is_engaged(&call.to, &self.sid) {
            self.script = PhoneScript { does: PhoneEnd::Busy, ..PhoneScript::nobody() };
            return;
        }
        let scripts = state.people.get(&call.to).map_or(&[][..], |p| p.calls.as_slice());
        self.script = PhoneScript::of_call(scripts, nth);
    }

    fn pick_up(&mut self, call: &VoiceCall) {
        if !self.step(PhoneStatus::InProgress, None) {
            return;
        }
        let now = self.shared.clock.now();
        let (late, timely): (Vec<_>, Vec<_>) = self.script.keys().into_iter().partition(|k| k.late_s.is_some());
        self.late = late;
        self.pressed = timely.into_iter().map(|k| (now.plus(self.span(k.after_s)), k)).collect();
        let longest = f64::from(call.time_limit_s);
        self.hang_at = Some(now.plus(self.span(self.script.hang_up_s.map_or(longest, |s| s.min(longest)))));
    }

    /// Moves the call on; false where it is over already or the ledger cannot be written. Its end is told by [`Player::finish`].
    fn step(&mut self, status: PhoneStatus, sip: Option<u16>) -> bool {
        let line =
            CallLine::Moved { sid: self.sid.clone(), status, sip, by_account: false, at: self.shared.clock.now() };
        let call = {
            let mut state = self.shared.state();
            let open = state.calls.get(&self.sid).is_some_and(|c| !c.status.is_final());
            if !open || !state.note_call(&line) {
                return false;
            }
            state.calls.get(&self.sid).cloned()
        };
        if let Some(call) = call.filter(|c| !c.status.is_final()) {
            self.tell(&call);
        }
        true
    }

    fn tell(&mut self, call: &VoiceCall) {
        let by = self.answered_by(call);
        self.events.tell(&self.shared, call, by.as_deref());
    }

    /// Who picked up, as detection says, where it was asked for or the script wants it said.
    pub(super) fn answered_by(&self, call: &VoiceCall) -> Option<String> {
        let detected = call.detection.then(|| self.script.does.detected().to_owned());
        self.script.answered_by.clone().or(detected)
    }

    /// Writes down a key, a text or a fault.
    pub(super) fn note(&self, line: &CallLine) {
        self.shared.state().note_call(line);
    }

    pub(super) fn note_key(&self, digits: &str, fate: KeyFate) {
        let key = KeyPress { digits: digits.to_owned(), at: self.shared.clock.now(), fate };
        self.note(&CallLine::Key { sid: self.sid.clone(), key });
    }

    pub(super) fn note_fault(&self, code: u32, message: &str, url: &str) {
        let (message, url) = (message.to_owned(), url.to_owned());
        let fault = CallFault { code, message, url, at: self.shared.clock.now() };
        self.note(&CallLine::Fault { sid: self.sid.clone(), fault });
    }

    async fn rest(&mut self, span: Duration) -> Woke {
        let at = self.shared.clock.now().plus(span);
        self.until(at, false).await
    }

    /// Waits until `at`, and does meanwhile what the script and the account have it do.
    pub(super) async fn until(&mut self, at: Timestamp, listening: bool) -> Woke {
        loop {
            let (over, orders) = {
                let mut state = self.shared.state();
                let over = state.calls.get(&self.sid).is_none_or(|c| c.status.is_final());
                (over, state.calls.orders(&self.sid))
            };
            if over {
                return Woke::Over;
            }
            self.orders.extend(orders);
            let now = self.shared.clock.now();
            match self.orders.pop_front() {
                Some(CallOrder::HangUp) => self.hang_at = Some(now),
                Some(CallOrder::Key(key)) => self.pressed.push((now, key)),
                Some(redirect) => return Woke::Order(redirect),
                None => {}
            }
            if self.hang_at.is_some_and(|hang_at| hang_at <= now) {
                self.step(PhoneStatus::Completed, Some(200));
                return Woke::Over;
            }
            let due = self.pressed.iter().enumerate().min_by_key(|(_, (at, _))| *at);
            if let Some((i, _)) = due.filter(|(_, (at, _))| *at <= now) {
                let (_, key) = self.pressed.swap_remove(i);
                match (key.forged, listening) {
                    (true, _) => self.forge(&key).await,
                    (false, true) => return Woke::Key(key),
                    (false, false) => self.note_key(&key.digits, KeyFate::Lost),
                }
                continue;
            }
            if now >= at {
                return Woke::Time;
            }
            let next = self.pressed.iter().map(|(at, _)| *at).chain(self.hang_at).fold(at, std::cmp::min);
            let (shared, changed) = (self.shared.clone(), self.changed.clone());
            tokio::select! {
                () = shared.clock.sleep_until(next) => {}
                () = changed.notified() => {}
            }
        }
    }

    /// A stranger posts a key with a signature of nothing.
    async fn forge(&self, key: &ScriptedKey) {
        self.note_key(&key.digits, KeyFate::Forged);
        self.post_key(key, Some("bm90IHR3aWxpbydzIHNpZ25hdHVyZQ==")).await;
    }

    /// Posts a key outside of the conversation: to where the last `<Gather>` sends its own.
    async fn post_key(&self, key: &ScriptedKey, signature: Option<&str>) {
        let Some(call) = self.call() else { return };
        let Some(target) = self.last_action.as_deref().and_then(|u| Target::parse(u).ok()) else { return };
        let form = super::flow::key_form(&self.shared, &call, Some(&key.digits), None);
        let true_one = callbacks::sign(&self.shared.secrets().auth_token, target.signed_url(), &form);
        let token = self.shared.ids.uuid(self.shared.clock.now()).to_string();
        let signature = signature.unwrap_or(&true_one);
        let posted = post_once(&self.shared, &target, &form, Some(signature), &token, target.read_timeout).await;
        self.shared.note_callback(&self.sid, "key", posted.http_status);
    }

    /// Tells how it ended, and makes what comes after an end.
    async fn finish(mut self) {
        let Some(call) = self.call().filter(|c| c.status.is_final()) else { return };
        self.tell(&call);
        self.events.release();
        let late = std::mem::take(&mut self.late);
        for key in late {
            let wait = self.span(key.late_s.unwrap_or(0.0));
            self.shared.pause(wait).await;
            self.note_key(&key.digits, KeyFate::Late);
            self.post_key(&key, None).await;
        }
    }
}
