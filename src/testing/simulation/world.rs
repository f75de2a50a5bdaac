//! One history: processes, their clocks and their lease, the provider, people, an operator; what happens next is drawn.
//!
//! Each decision is the real pure step over the [`Memory`]; each commit is looked at by [`Promises`]. A process may die before any of
//! its steps, stand still, lose its lease; answers, receipts and lists come late, twice, in another order, or never.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::chance::Chance;
use super::memory::Memory;
use super::promises::Promises;
use super::provider::Provider;
use super::shop::{MIN, PEOPLE, Shop, phone};
use crate::domain::authority::Authority;
use crate::domain::call::CallData;
use crate::domain::change::Answer;
use crate::domain::event::{Decision, Event, NewCall};
use crate::domain::step::step;
use crate::domain::types::{Actor, AttemptId, CallId};
use crate::domain::work::Ctx;
use crate::domain::{Settlement, Timestamp};

/// What a lease lasts without a renewal, and what a standby waits longer.
const TTL: i64 = 3_000;
const OBSERVED: i64 = 700;
/// Faults end then; what is open goes on to its end.
const TROUBLE_FOR: i64 = 35 * MIN;
const END: i64 = 9 * 60 * MIN;
/// A history of more events goes round and round.
const EVENTS_MAX: usize = 20_000;

/// What is broken, in one sentence.
pub(crate) type Broken = String;

#[derive(Debug, Clone)]
pub(super) enum Next {
    Intake {
        call: usize,
        again: bool,
    },
    /// A process looks at what there is to do.
    Look(usize),
    /// A claimed text is about to leave.
    Post {
        by: usize,
        life: u32,
        attempt: AttemptId,
    },
    /// The answer to a POST.
    Answered {
        by: usize,
        life: u32,
        event: Box<Event>,
        is_last: bool,
    },
    Progress(usize),
    Receipt {
        message: usize,
        stage: usize,
        with_code: bool,
    },
    Writes {
        who: &'static str,
        message: usize,
    },
    Webhook(usize),
    Operator,
    Continue(usize),
    Heal(usize),
    Start(usize),
}

pub(super) struct Process {
    pub(super) up: bool,
    pub(super) paused: bool,
    pub(super) cut: bool,
    /// Grows with each start: what was under way is another life's.
    pub(super) life: u32,
    /// The term in which it is the engine; empty: it stands by.
    pub(super) term: String,
    pub(super) permit_until: i64,
    /// Its clock is so far ahead.
    pub(super) ahead: i64,
    pub(super) claims_seen: bool,
    /// Attempts whose POST, or what became of it, is in its hands: it claims none of them meanwhile.
    pub(super) in_hand: BTreeSet<AttemptId>,
    pub(super) listened_at: i64,
    look_at: i64,
    /// What it waits for with its next look is newer than an event that is in the heap.
    looks: u32,
}

/// It goes on renewing its lease.
const RENEWED: i64 = i64::MAX;

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) shop: Shop,
    pub(super) memory: Memory,
    pub(super) provider: Provider,
    pub(super) promises: Promises,
    pub(super) processes: Vec<Process>,
    pub(super) holder: String,
    /// When the lease was renewed last, and what it lasts.
    lease_until: i64,
    pub(super) now: i64,
    /// 0: nothing goes wrong; the higher, the more.
    pub(super) trouble: u32,
    pub(super) calls: Vec<(CallId, i64)>,
    heap: BinaryHeap<Reverse<(i64, u64, usize)>>,
    nexts: Vec<Option<Next>>,
    seq: u64,
    /// Events that are no mere looks.
    pending: usize,
    ids: Cell<u128>,
    terms: u32,
    pub(super) end: i64,
    pub(super) trace: Option<Vec<String>>,
    pub(super) steps: usize,
    /// Attempts that a breaker holds are looked at again then.
    pub(super) rests: BTreeMap<AttemptId, i64>,
}

impl World {
    pub(super) fn draw(mut chance: Chance, traced: bool) -> Self {
        let shop = Shop::draw(&mut chance);
        let trouble = chance.pick(&[(1, 0), (3, 1), (2, 2)]);
        let count = 1 + chance.below(3) as usize;
        let apart = chance.pick(&[(3, 0), (1, 40), (1, 900)]);
        let processes = (0..count).map(|n| Process {
            up: true,
            paused: false,
            cut: false,
            life: 0,
            term: String::new(),
            permit_until: 0,
            ahead: if n % 2 == 0 { 0 } else { apart },
            claims_seen: false,
            in_hand: BTreeSet::new(),
            listened_at: 0,
            look_at: i64::MAX,
            looks: 0,
        });
        let start = shop.start;
        let mut world = Self {
            processes: processes.collect(),
            promises: Promises::default(),
            memory: Memory::default(),
            provider: Provider::default(),
            holder: String::new(),
            lease_until: i64::MIN / 2,
            now: start,
            trouble,
            calls: Vec::new(),
            heap: BinaryHeap::new(),
            nexts: Vec::new(),
            seq: 0,
            pending: 0,
            ids: Cell::new(1),
            terms: 0,
            end: start + END,
            trace: traced.then(Vec::new),
            steps: 0,
            rests: BTreeMap::new(),
            chance,
            shop,
        };
        for n in 0..count {
            world.look_in(n, n as i64 * 10);
        }
        let calls = 1 + world.chance.pick(&[(3, 0), (2, 1), (1, 2)]);
        for call in 0..calls {
            let at = world.chance.between(0, if call == 0 { 2 } else { 12 * 60 }) * 1_000 + 50;
            world.then(at, Next::Intake { call, again: false });
        }
        let decisions = world.chance.pick(&[(3, 0), (2, 1), (1, 3)]);
        for _ in 0..decisions {
            let at = world.chance.between(1, 30 * 60) * 1_000;
            world.then(at, Next::Operator);
        }
        world
    }

    pub(super) fn say(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let ms = self.now - self.shop.start;
            let line = format!("{:>4}.{:03} {}", ms / 1_000, ms % 1_000, what(self));
            self.trace.get_or_insert_default().push(line);
        }
    }

    pub(super) fn then(&mut self, after: i64, next: Next) {
        let at = self.now + after.max(0);
        self.seq += 1;
        self.pending += usize::from(!matches!(next, Next::Look(_)));
        self.nexts.push(Some(next));
        self.heap.push(Reverse((at, self.seq, self.nexts.len() - 1)));
    }

    pub(super) fn in_trouble(&self) -> bool {
        self.trouble > 0 && self.now - self.shop.start < TROUBLE_FOR
    }

    /// Once in `n` times, while things go wrong at all; oftener the more they do.
    pub(super) fn goes_wrong(&mut self, n: u32) -> bool {
        self.in_trouble() && { self.chance.once_in(n / self.trouble.max(1)) }
    }

    /// The process looks after so long, or earlier where it was to do that anyway.
    pub(super) fn look_in(&mut self, p: usize, after: i64) {
        let at = self.now + after;
        if self.processes[p].look_at > at {
            self.processes[p].look_at = at;
            self.processes[p].looks += 1;
            self.then(after, Next::Look(p));
        }
    }

    /// Plays the whole history.
    pub(super) fn play(&mut self) -> Result<(), Broken> {
        let mut events = 0;
        while let Some(Reverse((at, _, place))) = self.heap.pop() {
            if at > self.end {
                break;
            }
            self.now = self.now.max(at);
            let Some(next) = self.nexts.get_mut(place).and_then(Option::take) else { continue };
            self.pending -= usize::from(!matches!(next, Next::Look(_)));
            self.happens(next)?;
            events += 1;
            if events > EVENTS_MAX {
                return Err(format!("{EVENTS_MAX} events, and no end: something goes round and round"));
            }
            if self.is_at_rest() {
                break;
            }
        }
        super::judge::judge(self)
    }

    /// Nothing that is to come could change anything.
    fn is_at_rest(&self) -> bool {
        self.pending == 0 && self.calls.len() == self.memory.calls.len() && super::judge::is_over(self)
    }

    fn happens(&mut self, next: Next) -> Result<(), Broken> {
        match next {
            Next::Intake { call, again } => self.intake(call, again),
            Next::Look(p) => {
                if self.processes[p].look_at <= self.now {
                    self.processes[p].look_at = i64::MAX;
                    self.look(p)?;
                }
                Ok(())
            }
            Next::Post { by, life, attempt } => {
                if !self.lives(by, life) || self.dies(by) {
                    return Ok(());
                }
                if self.processes[by].paused {
                    self.then(200, Next::Post { by, life, attempt });
                    return Ok(());
                }
                self.post(by, attempt)
            }
            Next::Answered { by, life, event, is_last } => {
                if !self.lives(by, life) || self.dies(by) {
                    return Ok(());
                }
                if self.processes[by].paused || self.processes[by].cut {
                    self.then(200, Next::Answered { by, life, event, is_last });
                    return Ok(());
                }
                if let Event::Sent { attempt, .. } = event.as_ref()
                    && is_last
                {
                    self.processes[by].in_hand.remove(attempt);
                }
                self.apply(by, &event)?;
                if !is_last {
                    // The commit had no answer: the process goes on once it has one.
                    self.then(50, Next::Answered { by, life, event, is_last: true });
                }
                Ok(())
            }
            Next::Progress(message) => self.progress(message),
            Next::Receipt { message, stage, with_code } => self.receipt(message, stage, with_code),
            Next::Writes { who, message } => self.writes(who, message),
            Next::Webhook(written) => self.webhook(written),
            Next::Operator => self.operator(),
            Next::Continue(p) => {
                self.processes[p].paused = false;
                self.say(|_| format!("process {p} goes on"));
                self.look_in(p, 1);
                Ok(())
            }
            Next::Heal(p) => {
                self.processes[p].cut = false;
                self.say(|_| format!("process {p} reaches the store again"));
                self.look_in(p, 1);
                Ok(())
            }
            Next::Start(p) => {
                self.processes[p].up = true;
                self.say(|_| format!("process {p} is started"));
                self.look_in(p, 1);
                Ok(())
            }
        }
    }

    pub(super) fn lives(&self, p: usize, life: u32) -> bool {
        self.processes[p].up && self.processes[p].life == life
    }

    /// Whether the process dies before this step.
    pub(super) fn dies(&mut self, p: usize) -> bool {
        if !self.goes_wrong(120) {
            return false;
        }
        let one = &mut self.processes[p];
        (one.up, one.paused, one.cut, one.life) = (false, false, false, one.life + 1);
        (one.claims_seen, one.look_at) = (false, i64::MAX);
        one.in_hand.clear();
        self.lets_go(p);
        self.processes[p].term.clear();
        let down = self.chance.pick(&[(2, 500), (2, 8_000), (1, 4 * MIN), (1, 14 * MIN)]);
        self.promises.disturbed(self.now);
        self.say(|_| format!("process {p} is killed, for {} s", down / 1_000));
        self.then(down, Next::Start(p));
        true
    }

    /// Any process that runs and reaches the store, to take a request.
    pub(super) fn any(&mut self) -> Option<usize> {
        let ready = |p: &Process| p.up && !p.paused && !p.cut;
        let ready: Vec<usize> = (0..self.processes.len()).filter(|n| ready(&self.processes[*n])).collect();
        if ready.is_empty() { None } else { Some(ready[self.chance.below(ready.len() as u32) as usize]) }
    }

    pub(super) fn clock_of(&self, p: usize) -> Timestamp {
        Timestamp::from_millis(self.now + self.processes[p].ahead)
    }

    /// Decides an event and keeps the change, as one transaction of this process.
    pub(super) fn apply(&mut self, p: usize, event: &Event) -> Result<Option<Answer>, Broken> {
        let is_fenced = match event.authority() {
            Authority::Anybody => false,
            Authority::Engine | Authority::Decision => self.processes[p].term != self.holder,
        };
        if is_fenced || self.processes[p].cut {
            self.say(|w| format!("process {p} may not decide: {}", super::telling::event(w, event)));
            if is_fenced {
                self.stands_by(p);
            }
            return Ok(None);
        }
        self.commit(p, event).map(Some)
    }

    fn commit(&mut self, p: usize, event: &Event) -> Result<Answer, Broken> {
        self.steps += 1;
        let now = self.clock_of(p);
        let loaded = self.memory.load(event, &self.shop.rules.limits, now);
        let new_id = || {
            self.ids.set(self.ids.get() + 1);
            AttemptId::from_uuid(uuid::Uuid::from_u128(self.ids.get()))
        };
        let ctx = Ctx {
            now,
            directory: &self.shop.directory,
            rules: &self.shop.rules,
            new_id: &new_id,
            link: &|_| None,
            actor: Actor("mia".into()),
        };
        let change = step(&loaded, event, &ctx).map_err(|e| {
            format!("a decision is illegal: {e}, when process {p} {}", super::telling::event(self, event))
        })?;
        if self.trace.is_some() {
            let what = super::telling::event(self, event);
            self.say(|_| format!("process {p}: {what}"));
            for entry in &change.log {
                self.say(|_| format!("        {}", entry.message));
            }
            for alert in &change.alerts {
                if let crate::domain::alert::AlertChange::Raise { message, .. } = alert {
                    self.say(|_| format!("        ALERT {message}"));
                }
            }
        }
        let answer = change.answer.clone();
        self.promises.commit(&self.shop, &self.memory, &self.provider, (event, now.as_millis()), &loaded, &change)?;
        let touched = !change.calls.is_empty() || change.inbound.is_some() || !change.breakers.is_empty();
        self.memory.keep(change, now);
        if touched {
            // A hint to the engine, which may be lost: it looks every second by itself.
            let engine = (0..self.processes.len()).find(|n| self.processes[*n].term == self.holder);
            if let Some(engine) = engine.filter(|e| self.processes[*e].up) {
                let soon = self.chance.between(1, 40);
                self.look_in(engine, soon);
            }
        }
        Ok(answer)
    }

    pub(super) fn stands_by(&mut self, p: usize) {
        if !self.processes[p].term.is_empty() {
            self.processes[p].term.clear();
            self.promises.disturbed(self.now);
            self.say(|_| format!("process {p} is not the engine any more"));
        }
    }

    /// The process renews its lease no more: it ends by itself, and the others see that.
    pub(super) fn lets_go(&mut self, p: usize) {
        if self.processes[p].term.is_empty() || self.processes[p].permit_until != RENEWED {
            return;
        }
        let only = self.processes.len() == 1;
        self.lease_until = if only { self.now - OBSERVED - 1 } else { self.now + TTL };
        self.processes[p].permit_until = if only && self.processes[p].up { RENEWED } else { self.now + TTL };
        for other in 0..self.processes.len() {
            self.look_in(other, TTL + OBSERVED + 1 + other as i64 * 10);
        }
    }

    /// Whether the process is the engine, or has just become it.
    pub(super) fn leads(&mut self, p: usize) -> bool {
        let one = &mut self.processes[p];
        if !one.term.is_empty() {
            let holds = one.term == self.holder && self.now <= one.permit_until;
            if holds && !one.cut {
                one.permit_until = RENEWED;
            }
            if holds {
                return true;
            }
            self.stands_by(p);
        }
        if self.processes[p].cut {
            return false;
        }
        let renewed = |o: &Process| o.term == self.holder && o.permit_until == RENEWED;
        if !self.holder.is_empty() && self.processes.iter().any(renewed) {
            return false;
        }
        if self.now <= self.lease_until + OBSERVED {
            let ends_in = self.lease_until + OBSERVED + 1 - self.now;
            self.look_in(p, ends_in);
            return false;
        }
        self.terms += 1;
        self.holder = format!("eng{}", self.terms);
        let one = &mut self.processes[p];
        one.term.clone_from(&self.holder);
        (one.claims_seen, one.listened_at, one.permit_until) = (false, 0, RENEWED);
        self.promises.disturbed(self.now);
        self.say(|_| format!("process {p} is the engine now"));
        true
    }

    fn intake(&mut self, call: usize, again: bool) -> Result<(), Broken> {
        let Some(p) = self.any() else {
            self.then(700, Next::Intake { call, again });
            return Ok(());
        };
        let id: CallId = format!("c{call}").parse().expect("an id");
        let new = NewCall {
            id: id.clone(),
            idempotency_key: None,
            fingerprint: "f".into(),
            level: "normal".into(),
            level_why: None,
            deferred: false,
            policy: Arc::new(self.shop.policy()),
            settings: None,
            data: CallData {
                caller_phone: Some("+19495550150".into()),
                issue_summary: Some("leak".into()),
                address: Some("12 Oak St".into()),
                ..CallData::default()
            },
            overridden: None,
            warnings: Vec::new(),
        };
        let accepted = self.apply(p, &Event::Accept(Box::new(new)))?;
        match accepted {
            Some(Answer::Created(_)) if again => Err(format!("{id} was accepted twice"))?,
            Some(Answer::Created(_)) => self.calls.push((id, self.now)),
            Some(Answer::Exists(_)) if again => {}
            other => return Err(format!("{id} is not accepted: {other:?}")),
        }
        if !again && self.goes_wrong(6) {
            // The answer was lost: the intake asks again.
            self.then(2_000, Next::Intake { call, again: true });
        }
        Ok(())
    }

    fn operator(&mut self) -> Result<(), Broken> {
        let Some(p) = self.any() else { return Ok(()) };
        if self.memory.calls.is_empty() {
            return Ok(());
        }
        let call = self.chance.below(self.memory.calls.len() as u32) as usize;
        let (id, state) = (self.memory.calls[call].call.id.clone(), &self.memory.calls[call]);
        let unknown = state.attempts.iter().find(|a| a.state == crate::domain::attempt::AttemptState::Unknown);
        let unknown = unknown.map(|a| a.id);
        let ana = PEOPLE[1].parse().ok();
        let what = self.chance.pick(&[(3, 0), (1, 1), (1, 2), (3, 3), (2, 4), (1, 5), (1, 6), (2, 7)]);
        let what = match what {
            0 => Decision::Acknowledge { holder: ana },
            1 => Decision::Resolve,
            2 => Decision::Cancel,
            3 => Decision::Reopen,
            4 => Decision::FireNow,
            5 => Decision::Mute,
            6 => Decision::Acknowledge { holder: None },
            _ => {
                let Some(attempt) = unknown else { return Ok(()) };
                // A person knows what the provider has.
                let message = self.provider.messages.iter().find(|m| m.attempt == attempt).map(|m| m.sid.clone());
                let how = message.map_or(Settlement::NotSent, Settlement::Sent);
                let event = Event::Settle { attempt, how, by: Actor("mia".into()), note: None, seen: None };
                return self.apply(p, &event).map(drop);
            }
        };
        let by = Actor("mia".into());
        self.apply(p, &Event::Decide { call: id, what, by, note: None }).map(drop)
    }

    /// The one of the people with this phone.
    pub(super) fn who_has(number: &str) -> &'static str {
        PEOPLE.iter().find(|who| phone(who) == number).expect("one of the people")
    }
}
