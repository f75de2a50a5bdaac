//! Two engines, one store, one provider: how a notice leaves, and how it is found out what became of it.
//!
//! Time is what may be between two steps, bounded as the configuration bounds it: a lease ends only where it is not renewed; the
//! policy decides only when each POST that a running engine began is over, when each lease that was not renewed has ended, and when
//! the provider's list has what it accepted (but for a fault that hides it). Each check of a permit is one step with what it guards:
//! the microseconds between them are the window that is left open (a pause there cannot be fenced: the provider takes no idempotency key), and [`Guards::check_and_write`] opens it.

use std::fmt::{self, Display};

use super::search::Model;

/// Notices of the largest model.
pub(super) const NOTICES: usize = 2;

/// What keeps the promise; each can be taken away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guards {
    /// What an engine decides is committed only under the lease in force.
    pub(super) fence: bool,
    /// An engine begins nothing once its lease may have ended.
    pub(super) permit: bool,
    /// The provider's list is searched before the policy decides.
    pub(super) search: bool,
    /// The claim of an engine that is gone becomes unknown; without it, it waits to be sent as if nothing had happened.
    pub(super) gone_is_unknown: bool,
    /// A SID joins its attempt, whoever brings it: a receipt, the list, the answer to a POST of a lost lease.
    pub(super) join: bool,
    /// Nothing can happen between the last look at the permit and the first byte of the POST.
    pub(super) check_and_write: bool,
}

impl Guards {
    pub(super) const ALL: Self =
        Self { fence: true, permit: true, search: true, gone_is_unknown: true, join: true, check_and_write: true };
}

/// The model with its bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub(super) guards: Guards,
    pub(super) notices: usize,
    pub(super) faults: u8,
    /// The two hosts' clocks may run so far apart that a lease is taken before its holder knows it to be over.
    pub(super) clocks_apart: bool,
    /// Two texts for one notice are wrong by the stated policy too: shows what remains.
    pub(super) strict: bool,
}

/// An attempt: `notice * 2`, and one more for the text that repeats it.
type Attempt = u8;
/// 0: none.
type Term = u8;

/// Whether it repeats none.
const fn is_first(a: Attempt) -> bool {
    a.is_multiple_of(2)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// The provider has it.
    Accepted,
    /// No answer came.
    NoAnswer,
    /// The provider said that it has not.
    SurelyNotSent,
}

/// What an engine is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Task {
    Idle,
    /// The permit was looked at, and the claim is about to be committed.
    Claiming(Attempt),
    Claimed(Attempt),
    /// The claim's commit had no answer.
    Unsure(Attempt),
    /// The permit was looked at, and nothing is written yet: only without [`Guards::check_and_write`].
    Checked(Attempt),
    Posted(Attempt, Outcome),
    /// A complete list was read: whether the text was in it.
    Searched(Attempt, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Engine {
    up: bool,
    paused: bool,
    /// From the store, not from the provider.
    cut: bool,
    term: Term,
    /// By its own clock.
    permit_over: bool,
    /// The claims of others are looked through.
    ready: bool,
    task: Task,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    None,
    Scheduled,
    Sending(Term),
    Unknown,
    /// Unknown, and its time is over: the policy may decide.
    Settled,
    /// Unknown, decided and shown.
    Decided,
    Submitted,
    Skipped,
}

/// What the provider has of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Text {
    count: u8,
    listed: bool,
    /// By a fault.
    hidden: bool,
    receipt_to_come: bool,
    /// A receipt or an answer said so to one of the engines.
    evidence: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Notice {
    attempts: [State; 2],
    texts: [Text; 2],
    /// The policy decided about a text that no client could know of.
    by_policy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    engines: [Engine; 2],
    holder: Term,
    terms: Term,
    notices: [Notice; NOTICES],
    faults: u8,
}

/// Everything that can happen; the engine is 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    WantsToClaim(u8, Attempt),
    Claims(u8, Attempt),
    ClaimRefused(u8, Attempt),
    AsksForItsClaim(u8, Attempt),
    GivesBack(u8, Attempt),
    LooksAtPermit(u8, Attempt),
    Posts(u8, Attempt, Outcome),
    StoresOutcome(u8, Attempt, Outcome),
    PermitEnds(u8),
    StandsBy(u8),
    TakesOver(u8),
    AdoptsClaims(u8),
    SettleIsOver(Attempt),
    Searches(u8, Attempt, bool),
    StoresSearch(u8, Attempt, bool),
    ReceiptComes(Attempt),
    ListCatchesUp(Attempt),
    Starts(u8),
    Continues(u8),
    Heals(u8),
    // Faults.
    Dies(u8),
    Pauses(u8),
    IsCut(u8),
    ListHides(Attempt),
    ReceiptLost(Attempt),
    CommitUnanswered(u8, Attempt),
    TakesOverTooSoon(u8),
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Step as S;
        let engine = |e: u8| if e == 0 { "A" } else { "B" };
        let text = |a: Attempt| format!("{}{}", if is_first(a) { "text " } else { "the repeat of text " }, a / 2 + 1);
        match *self {
            S::WantsToClaim(e, a) => {
                write!(f, "engine {} looks at its permit and wants to claim {}", engine(e), text(a))
            }
            S::Claims(e, a) => write!(f, "engine {} commits its claim of {}", engine(e), text(a)),
            S::ClaimRefused(e, a) => write!(f, "engine {} may not claim {}", engine(e), text(a)),
            S::AsksForItsClaim(e, a) => {
                write!(f, "engine {} asks whether its claim of {} was made", engine(e), text(a))
            }
            S::GivesBack(e, a) => write!(f, "engine {} has no permit and does not POST {}", engine(e), text(a)),
            S::LooksAtPermit(e, a) => write!(f, "engine {} has a permit for {}", engine(e), text(a)),
            S::Posts(e, a, Outcome::Accepted) => write!(f, "engine {} POSTs {}: accepted", engine(e), text(a)),
            S::Posts(e, a, Outcome::NoAnswer) => {
                write!(f, "engine {} POSTs {}: accepted, and the answer is lost", engine(e), text(a))
            }
            S::Posts(e, a, Outcome::SurelyNotSent) => {
                write!(f, "engine {} POSTs {}: refused (429)", engine(e), text(a))
            }
            S::StoresOutcome(e, a, o) => write!(f, "engine {} stores the outcome of {}: {o:?}", engine(e), text(a)),
            S::PermitEnds(e) => write!(f, "the permit of engine {} ends", engine(e)),
            S::StandsBy(e) => write!(f, "engine {} has lost its lease and stands by", engine(e)),
            S::TakesOver(e) => write!(f, "engine {} takes the lease", engine(e)),
            S::AdoptsClaims(e) => write!(f, "engine {} looks through the claims of others", engine(e)),
            S::SettleIsOver(a) => write!(f, "the time to find out about {} is over", text(a)),
            S::Searches(e, a, true) => write!(f, "engine {} finds {} in the provider's list", engine(e), text(a)),
            S::Searches(e, a, false) => write!(f, "engine {} finds no {} in the provider's list", engine(e), text(a)),
            S::StoresSearch(e, a, true) => write!(f, "engine {} stores that {} was found", engine(e), text(a)),
            S::StoresSearch(e, a, false) => {
                write!(f, "engine {} lets the policy decide about {}", engine(e), text(a))
            }
            S::ReceiptComes(a) => write!(f, "a receipt of {} comes", text(a)),
            S::ListCatchesUp(a) => write!(f, "the provider's list shows {}", text(a)),
            S::Starts(e) => write!(f, "engine {} is started again", engine(e)),
            S::Continues(e) => write!(f, "engine {} is continued", engine(e)),
            S::Heals(e) => write!(f, "engine {} reaches the store again", engine(e)),
            S::Dies(e) => write!(f, "engine {} is killed", engine(e)),
            S::Pauses(e) => write!(f, "engine {} is stopped (SIGSTOP)", engine(e)),
            S::IsCut(e) => write!(f, "engine {} is cut off from the store", engine(e)),
            S::ListHides(a) => write!(f, "the provider's list lags behind with {}", text(a)),
            S::ReceiptLost(a) => write!(f, "the receipt of {} is lost", text(a)),
            S::CommitUnanswered(e, a) => {
                write!(f, "engine {} commits its claim of {} and has no answer", engine(e), text(a))
            }
            S::TakesOverTooSoon(e) => write!(f, "engine {} takes the lease too soon (clocks)", engine(e)),
        }
    }
}

impl Step {
    const fn is_help(self) -> bool {
        matches!(self, Self::Starts(_) | Self::Continues(_) | Self::Heals(_))
    }
}

impl World {
    fn attempt(&self, a: Attempt) -> State {
        self.notices[usize::from(a / 2)].attempts[usize::from(a % 2)]
    }

    fn set(&mut self, a: Attempt, to: State) {
        self.notices[usize::from(a / 2)].attempts[usize::from(a % 2)] = to;
    }

    fn text(&self, a: Attempt) -> Text {
        self.notices[usize::from(a / 2)].texts[usize::from(a % 2)]
    }

    fn text_mut(&mut self, a: Attempt) -> &mut Text {
        &mut self.notices[usize::from(a / 2)].texts[usize::from(a % 2)]
    }

    fn engine(&mut self, e: u8) -> &mut Engine {
        &mut self.engines[usize::from(e)]
    }

    fn is_healthy(&self, e: u8) -> bool {
        let e = &self.engines[usize::from(e)];
        e.up && !e.paused && !e.cut
    }

    /// The provider has this attempt's text: whoever heard of it says so, and it is joined in whatever state the attempt is.
    fn join(&mut self, a: Attempt, guards: Guards) {
        self.text_mut(a).evidence = true;
        if guards.join && self.attempt(a) != State::Skipped {
            self.set(a, State::Submitted);
        }
    }
}

impl Sending {
    fn attempts(&self) -> impl Iterator<Item = Attempt> {
        0..u8::try_from(self.notices * 2).expect("few")
    }

    /// What an engine that runs does next.
    fn of_engine(&self, w: &World, e: u8, out: &mut Vec<(Step, World)>) {
        let engine = w.engines[usize::from(e)];
        let reaches = !engine.cut;
        let fenced = |w: &World| !self.guards.fence || w.holder == engine.term;
        let permitted = !self.guards.permit || !engine.permit_over;
        let mut to = |step: Step, change: &dyn Fn(&mut World)| {
            let mut next = *w;
            change(&mut next);
            out.push((step, next));
        };
        let done = |w: &mut World| w.engine(e).task = Task::Idle;
        match engine.task {
            Task::Idle if engine.term == 0 => {
                let held = w.engines.iter().find(|o| o.up && o.term != 0 && o.term == w.holder);
                if reaches && held.is_none_or(|o| o.permit_over) {
                    to(Step::TakesOver(e), &|w| take_over(w, e));
                } else if reaches && w.faults > 0 && self.clocks_apart {
                    to(Step::TakesOverTooSoon(e), &|w| {
                        w.faults -= 1;
                        take_over(w, e);
                    });
                }
            }
            Task::Idle
                if engine.permit_over && self.guards.permit || reaches && w.holder != engine.term && fenced(w) =>
            {
                to(Step::StandsBy(e), &|w| stand_by(w, e));
            }
            Task::Idle => {
                if reaches && w.holder != engine.term {
                    to(Step::StandsBy(e), &|w| stand_by(w, e));
                }
                if reaches && !engine.ready && fenced(w) {
                    to(Step::AdoptsClaims(e), &|w| self.adopt(w, e));
                }
                for a in self.attempts().filter(|_| engine.ready) {
                    match w.attempt(a) {
                        State::Scheduled => to(Step::WantsToClaim(e, a), &|w| w.engine(e).task = Task::Claiming(a)),
                        State::Unknown if w.text(a).listed => {
                            to(Step::Searches(e, a, true), &|w| w.engine(e).task = Task::Searched(a, true));
                        }
                        State::Settled => {
                            let seen = self.guards.search && w.text(a).listed;
                            to(Step::Searches(e, a, seen), &|w| w.engine(e).task = Task::Searched(a, seen));
                        }
                        _ => {}
                    }
                }
            }
            Task::Claiming(a) if reaches => {
                if fenced(w) && self.is_wanted(w, a) {
                    to(Step::Claims(e, a), &|w| {
                        w.set(a, State::Sending(engine.term));
                        w.engine(e).task = Task::Claimed(a);
                    });
                    if w.faults > 0 {
                        to(Step::CommitUnanswered(e, a), &|w| {
                            w.faults -= 1;
                            w.set(a, State::Sending(engine.term));
                            w.engine(e).task = Task::Unsure(a);
                        });
                    }
                } else {
                    to(Step::ClaimRefused(e, a), &|w| {
                        if fenced(w) && w.attempt(a) == State::Scheduled {
                            w.set(a, State::Skipped);
                        }
                        done(w);
                    });
                }
            }
            Task::Unsure(a) if reaches => to(Step::AsksForItsClaim(e, a), &|w| {
                let mine = w.attempt(a) == State::Sending(engine.term);
                w.engine(e).task = if mine { Task::Claimed(a) } else { Task::Idle };
            }),
            Task::Claimed(a) if permitted && self.guards.check_and_write => self.posts(w, e, a, out),
            Task::Claimed(a) if permitted => {
                to(Step::LooksAtPermit(e, a), &|w| w.engine(e).task = Task::Checked(a));
            }
            Task::Checked(a) => self.posts(w, e, a, out),
            Task::Claimed(a) if reaches => to(Step::GivesBack(e, a), &|w| {
                if w.attempt(a) == State::Sending(engine.term) {
                    w.set(a, State::Scheduled);
                }
                done(w);
            }),
            // Nothing can be stored, and nothing will be sent: whoever holds the lease next finds the claim.
            Task::Claimed(a) | Task::Unsure(a) if engine.permit_over => to(Step::GivesBack(e, a), &done),
            Task::Posted(a, outcome) if reaches => to(Step::StoresOutcome(e, a, outcome), &|w| {
                let mine = w.attempt(a) == State::Sending(engine.term);
                match outcome {
                    Outcome::Accepted if mine => w.set(a, State::Submitted),
                    Outcome::Accepted => w.join(a, self.guards),
                    Outcome::NoAnswer if mine => w.set(a, State::Unknown),
                    Outcome::SurelyNotSent if mine => w.set(a, State::Scheduled),
                    Outcome::NoAnswer | Outcome::SurelyNotSent => {}
                }
                done(w);
            }),
            Task::Searched(a, seen) if reaches => to(Step::StoresSearch(e, a, seen), &|w| {
                let open = matches!(w.attempt(a), State::Unknown | State::Settled);
                if open && seen {
                    w.join(a, self.guards);
                }
                // What the list showed and could not be joined was looked for in vain.
                if fenced(w) && w.attempt(a) == State::Settled && !(seen && self.guards.join) {
                    self.decide(w, a, seen);
                }
                done(w);
            }),
            Task::Claiming(_) | Task::Unsure(_) | Task::Claimed(_) | Task::Posted(..) | Task::Searched(..) => {}
        }
    }

    /// The one POST of a claim: accepted, accepted without an answer, or refused.
    fn posts(&self, w: &World, e: u8, a: Attempt, out: &mut Vec<(Step, World)>) {
        let mut accepted = *w;
        accepted.engine(e).task = Task::Posted(a, Outcome::Accepted);
        let text = accepted.text_mut(a);
        text.count += 1;
        (text.listed, text.receipt_to_come) = (!text.hidden, true);
        out.push((Step::Posts(e, a, Outcome::Accepted), accepted));
        if w.faults > 0 {
            let mut lost = accepted;
            lost.faults -= 1;
            lost.engine(e).task = Task::Posted(a, Outcome::NoAnswer);
            out.push((Step::Posts(e, a, Outcome::NoAnswer), lost));
            let mut refused = *w;
            refused.faults -= 1;
            refused.engine(e).task = Task::Posted(a, Outcome::SurelyNotSent);
            out.push((Step::Posts(e, a, Outcome::SurelyNotSent), refused));
        }
    }

    /// The claim looks whether the text is still wanted: a repeat is not, once the text that it repeats was found.
    fn is_wanted(&self, w: &World, a: Attempt) -> bool {
        w.attempt(a) == State::Scheduled && (is_first(a) || w.attempt(a - 1) != State::Submitted)
    }

    fn adopt(&self, w: &mut World, e: u8) {
        let mine = w.engine(e).term;
        for a in self.attempts() {
            if matches!(w.attempt(a), State::Sending(term) if term != mine) {
                w.set(a, if self.guards.gone_is_unknown { State::Unknown } else { State::Scheduled });
            }
        }
        w.engine(e).ready = true;
    }

    /// The stated policy: once more, marked as a repeat; of a repeat it is left, shown.
    fn decide(&self, w: &mut World, a: Attempt, seen: bool) {
        w.set(a, State::Decided);
        if is_first(a) {
            w.set(a + 1, State::Scheduled);
            let text = w.text(a);
            let could_know = seen || text.evidence || !self.guards.search;
            w.notices[usize::from(a / 2)].by_policy = text.count > 0 && !could_know;
        }
    }

    /// What happens to the texts, and to the engines from outside.
    fn of_outside(&self, w: &World, out: &mut Vec<(Step, World)>) {
        let mut to = |step: Step, change: &dyn Fn(&mut World)| {
            let mut next = *w;
            change(&mut next);
            out.push((step, next));
        };
        for a in self.attempts() {
            let text = w.text(a);
            // A receipt goes to whichever process reaches the store.
            if text.receipt_to_come && (w.is_healthy(0) || w.is_healthy(1)) {
                to(Step::ReceiptComes(a), &|w| {
                    w.text_mut(a).receipt_to_come = false;
                    w.join(a, self.guards);
                });
            }
            if text.hidden && text.count > 0 {
                to(Step::ListCatchesUp(a), &|w| (w.text_mut(a).hidden, w.text_mut(a).listed) = (false, true));
            }
            if w.attempt(a) == State::Unknown && !self.is_under_way(w, a) {
                to(Step::SettleIsOver(a), &|w| {
                    w.set(a, State::Settled);
                    for e in &mut w.engines {
                        e.permit_over |= e.term != 0 && (e.paused || e.cut);
                    }
                });
            }
            if w.faults > 0 && text.receipt_to_come {
                to(Step::ReceiptLost(a), &|w| {
                    w.faults -= 1;
                    w.text_mut(a).receipt_to_come = false;
                });
            }
            if w.faults > 0 && w.attempt(a) != State::None && text.count == 0 && !text.hidden {
                to(Step::ListHides(a), &|w| {
                    w.faults -= 1;
                    w.text_mut(a).hidden = true;
                });
            }
        }
        for e in [0, 1] {
            let engine = w.engines[usize::from(e)];
            if engine.up && engine.term != 0 && !engine.permit_over && (engine.paused || engine.cut) {
                to(Step::PermitEnds(e), &|w| w.engine(e).permit_over = true);
            }
            if !engine.up {
                to(Step::Starts(e), &|w| w.engine(e).up = true);
                continue;
            }
            if engine.paused {
                to(Step::Continues(e), &|w| w.engine(e).paused = false);
            }
            if engine.cut {
                to(Step::Heals(e), &|w| w.engine(e).cut = false);
            }
            if w.faults > 0 {
                let fault = |w: &mut World, change: &dyn Fn(&mut Engine)| {
                    w.faults -= 1;
                    change(w.engine(e));
                };
                to(Step::Dies(e), &|w| fault(w, &|e| *e = DOWN));
                if !engine.paused {
                    to(Step::Pauses(e), &|w| fault(w, &|e| e.paused = true));
                }
                if !engine.cut {
                    to(Step::IsCut(e), &|w| fault(w, &|e| e.cut = true));
                }
            }
        }
    }

    /// Whether a running engine is in the middle of this attempt's POST, which its timeouts end before the policy decides.
    fn is_under_way(&self, w: &World, a: Attempt) -> bool {
        let in_hand = |t: Task| match t {
            Task::Claimed(b) | Task::Unsure(b) | Task::Checked(b) => a == b,
            _ => false,
        };
        w.engines.iter().any(|e| e.up && !e.paused && in_hand(e.task))
    }
}

const DOWN: Engine =
    Engine { up: false, paused: false, cut: false, term: 0, permit_over: false, ready: false, task: Task::Idle };

fn stand_by(w: &mut World, e: u8) {
    let cut = w.engine(e).cut;
    *w.engine(e) = Engine { up: true, cut, ..DOWN };
}

fn take_over(w: &mut World, e: u8) {
    w.terms += 1;
    w.holder = w.terms;
    let term = w.terms;
    (w.engine(e).term, w.engine(e).permit_over, w.engine(e).ready) = (term, false, false);
}

pub(super) const DOUBLED: &str = "an attempt has two texts";
pub(super) const BEYOND_POLICY: &str = "a notice has two texts, and not by the stated policy";

impl Model for Sending {
    type State = World;
    type Step = Step;

    fn first(&self) -> World {
        let text = Text { count: 0, listed: false, hidden: false, receipt_to_come: false, evidence: false };
        let mut notices = [Notice { attempts: [State::None; 2], texts: [text; 2], by_policy: false }; NOTICES];
        notices.iter_mut().take(self.notices).for_each(|n| n.attempts[0] = State::Scheduled);
        let engines = [Engine { up: true, term: 1, ready: true, ..DOWN }, Engine { up: true, ..DOWN }];
        World { engines, holder: 1, terms: 1, notices, faults: self.faults }
    }

    fn steps(&self, at: &World, out: &mut Vec<(Step, World)>) {
        for e in [0, 1] {
            let engine = at.engines[usize::from(e)];
            if engine.up && !engine.paused {
                self.of_engine(at, e, out);
            }
        }
        self.of_outside(at, out);
    }

    /// Nothing counts on help while an engine is well: nobody starts, continues or heals the other then. No fault is certain.
    fn is_certain(&self, at: &World, step: Step) -> bool {
        let is_fault = matches!(
            step,
            Step::Posts(_, _, Outcome::NoAnswer | Outcome::SurelyNotSent)
                | Step::Dies(_)
                | Step::Pauses(_)
                | Step::IsCut(_)
                | Step::ListHides(_)
                | Step::ReceiptLost(_)
                | Step::CommitUnanswered(..)
                | Step::TakesOverTooSoon(_)
        );
        !is_fault && !(step.is_help() && (at.is_healthy(0) || at.is_healthy(1)))
    }

    fn wrong(&self, at: &World) -> Option<&'static str> {
        let twice = |n: &Notice| n.texts.iter().any(|t| t.count > 1);
        let both = |n: &Notice| n.texts.iter().all(|t| t.count > 0) && (self.strict || !n.by_policy);
        if at.notices.iter().any(twice) {
            Some(DOUBLED)
        } else if at.notices.iter().any(both) {
            Some(BEYOND_POLICY)
        } else {
            None
        }
    }

    /// Each notice is accepted, as far as the store knows, or shown as unknown with an alert; nothing waits.
    fn is_settled(&self, at: &World) -> bool {
        let open = |s: &State| matches!(s, State::Scheduled | State::Sending(_) | State::Unknown | State::Settled);
        at.notices.iter().all(|n| !n.attempts.iter().any(open))
    }
}
