//! Random histories: whatever comes in whatever order, what must hold holds after each of it.
//!
//! `DISPATCHCTL_TEST_SEED` runs one seed instead of the usual ones, `DISPATCHCTL_TEST_CASES` more or fewer histories of each.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::domain::attempt::{AttemptKind, AttemptState};
use crate::domain::call::{CallState, CallStatus, ExclusionReason};
use crate::domain::event::{Decision, Event};
use crate::domain::log::LogKind;
use crate::domain::types::{Actor, AttemptId, CallId, ErrorCode};
use crate::store::LogFilter;
use crate::testing::{Reaction, World, mins, secs};

/// One thing that happens; numbers pick among what there is.
#[derive(Debug, Clone)]
enum Happens {
    Dispatch { high: bool },
    Advance { seconds: u64 },
    Away { seconds: u64 },
    Receipt { message: usize, word: &'static str, code: Option<u32> },
    Reply { who: &'static str, text: &'static str, call: Option<usize> },
    Decide { call: usize, what: Decision },
    Provider(Reaction),
    Next(Reaction),
    List { answers: bool, lags: u64 },
    Restart,
}

fn happens() -> impl Strategy<Value = Happens> {
    let words = prop::sample::select(vec![
        ("sent", None),
        ("delivered", None),
        ("undelivered", Some(30005)),
        ("undelivered", Some(30007)),
        ("failed", Some(30003)),
        ("undelivered", Some(30008)),
        ("undelivered", Some(30410)),
    ]);
    let decisions = prop::sample::select(vec![
        Decision::Acknowledge { holder: None },
        Decision::Acknowledge { holder: "ana".parse().ok() },
        Decision::Resolve,
        Decision::Cancel,
        Decision::Reopen,
        Decision::FireNow,
        Decision::Mute,
    ]);
    let reactions = prop::sample::select(vec![
        Reaction::Accept,
        Reaction::away(),
        Reaction::UnknownButAccepted,
        Reaction::UnknownNotAccepted,
        Reaction::refuse(400, 21211),
        Reaction::refuse(400, 30007),
        Reaction::refuse(400, 21609),
        Reaction::refuse(400, 30034),
    ]);
    let who = prop::sample::select(vec!["sam", "ana", "olga"]);
    let text = prop::sample::select(vec!["1", "2", "done", "2", "eh?", "STOP", "START"]);
    prop_oneof![
        3 => any::<bool>().prop_map(|high| Happens::Dispatch { high }),
        6 => (1u64..900).prop_map(|seconds| Happens::Advance { seconds }),
        1 => (1u64..4_000).prop_map(|seconds| Happens::Away { seconds }),
        4 => (any::<usize>(), words).prop_map(|(message, (word, code))| Happens::Receipt { message, word, code }),
        4 => (who, text, prop::option::of(any::<usize>()))
            .prop_map(|(who, text, call)| Happens::Reply { who, text, call }),
        2 => (any::<usize>(), decisions).prop_map(|(call, what)| Happens::Decide { call, what }),
        3 => reactions.clone().prop_map(Happens::Provider),
        3 => reactions.prop_map(Happens::Next),
        2 => (any::<bool>(), 0u64..120).prop_map(|(answers, lags)| Happens::List { answers, lags }),
        4 => (1u64..70).prop_map(|seconds| Happens::Advance { seconds }),
        1 => Just(Happens::Restart),
    ]
}

async fn happen(w: &mut World, h: &Happens) {
    let pick = |n: usize, w: &World| format!("call_{}", 1 + n % w.calls.max(1) as usize);
    match h {
        Happens::Dispatch { high } if w.calls < 3 => drop(w.dispatch(if *high { "high" } else { "normal" }).await),
        Happens::Dispatch { .. } => {}
        Happens::Advance { seconds } => w.advance(secs(*seconds)).await,
        Happens::Away { seconds } => w.away(secs(*seconds)),
        Happens::Receipt { message, word, code } => {
            let ledger = w.sms.ledger();
            if let Some(m) = ledger.get(message % ledger.len().max(1)) {
                w.update_of(m, word, *code).await;
            }
        }
        Happens::Reply { who, text, call } => {
            let mut said = (*text).to_owned();
            if let Some(n) = call
                && let Ok(Some(c)) = w.process.store.call(&pick(*n, w).parse().expect("id")).await
            {
                said = format!("{said} {}", c.call.reference);
            }
            w.reply(who, &said).await;
        }
        Happens::Decide { call, what } => {
            let call: CallId = pick(*call, w).parse().expect("id");
            w.apply(Event::Decide { call, what: what.clone(), by: Actor("mia".into()), note: None }, "mia").await;
        }
        Happens::Provider(reaction) => w.sms.otherwise(reaction.clone()),
        Happens::Next(reaction) => w.sms.next(reaction.clone()),
        Happens::List { answers, lags } => {
            w.sms.on_list(if *answers { Reaction::Accept } else { Reaction::away() });
            w.sms.list_lags(secs(*lags));
        }
        Happens::Restart => w.restart().await,
    }
    w.settle().await;
}

/// What was so before the thing happened, for what may not happen after it.
#[derive(Default)]
struct Before {
    messages: usize,
    /// (call, contact) who had passed in the round that ran.
    passed: BTreeSet<(CallId, u32, String)>,
    closed: BTreeSet<CallId>,
}

async fn look(w: &World) -> Before {
    let mut b = Before { messages: w.sms.ledger().len(), ..Before::default() };
    for n in 1..=w.calls {
        let s = w.call(&format!("call_{n}").parse().expect("id")).await;
        for o in s.call.excluded.iter().filter(|o| o.why == ExclusionReason::Passed) {
            b.passed.insert((s.call.id.clone(), s.call.round, o.contact.as_str().to_owned()));
        }
        if !s.call.status.is_open() {
            b.closed.insert(s.call.id.clone());
        }
    }
    b
}

async fn check(w: &World, before: &Before) -> Result<(), TestCaseError> {
    let (ledger, posts) = (w.sms.ledger(), w.sms.posts());
    let mut known: BTreeMap<AttemptId, (CallId, u32, AttemptKind, String)> = BTreeMap::new();
    for n in 1..=w.calls {
        let s = w.call(&format!("call_{n}").parse().expect("id")).await;
        prop_assert_eq!(s.call.wake_at.is_some(), s.call.status == CallStatus::Dispatching, "a wake time");
        let mut open = BTreeSet::new();
        for a in &s.attempts {
            if let Some(key) = a.notice().filter(|_| a.is_open()) {
                prop_assert!(open.insert(key), "two open attempts of one notice");
            }
            let accepted = ledger.iter().filter(|m| m.attempt == a.id).count();
            prop_assert!(accepted <= 1, "attempt {} of {} was sent {accepted} times", a.number, s.call.id);
            prop_assert!(a.state != AttemptState::Sending, "settled, and still sending");
            if matches!(a.state, AttemptState::Submitted | AttemptState::Delivered) {
                prop_assert_eq!(accepted, 1, "said to be accepted and is not");
            }
            if !s.call.status.is_open() || s.call.status == CallStatus::Acknowledged {
                prop_assert!(a.kind != AttemptKind::Notice || !a.state.is_waiting(), "a notice waits on a closed call");
            }
            known.insert(a.id, (s.call.id.clone(), a.round, a.kind, a.recipient.contact.as_str().to_owned()));
        }
        check_repeats(w, &s).await?;
        if s.call.status == CallStatus::Exhausted {
            prop_assert!(w.has_alert(&format!("exhausted:{}", s.call.id)).await, "exhausted without an alert");
        }
    }
    for m in ledger.iter().skip(before.messages) {
        let Some((call, round, kind, contact)) = known.get(&m.attempt) else {
            return Err(TestCaseError::fail("a message without an attempt"));
        };
        if *kind == AttemptKind::Notice {
            prop_assert!(!before.closed.contains(call), "a notice after the close");
            let passed = before.passed.contains(&(call.clone(), *round, contact.clone()));
            prop_assert!(!passed, "{contact} passed and was told again");
        }
    }
    let unknown: BTreeSet<_> = posts.iter().filter(|p| !known.contains_key(p)).collect();
    prop_assert!(unknown.is_empty(), "a POST without an attempt");
    Ok(())
}

/// A notice is one message, and those that were made because one of them failed, and one because nobody could tell.
async fn check_repeats(w: &World, s: &CallState) -> Result<(), TestCaseError> {
    let filter = LogFilter { call: Some(s.call.id.clone()), limit: 10_000, ..LogFilter::default() };
    let log = w.process.store.log(&filter).await.expect("read");
    let failed =
        |id: AttemptId| log.iter().any(|l| l.entry.kind == LogKind::AttemptFailed && l.entry.attempt == Some(id));
    for notice in &s.notices {
        let of_it: Vec<_> = s.attempts.iter().filter(|a| a.notice().as_ref() == Some(notice)).collect();
        let repeated: Vec<AttemptId> = of_it.iter().filter_map(|a| a.repeats).collect();
        let shown: Vec<String> = of_it.iter().map(|a| crate::testing::story::shown(a)).collect();
        prop_assert!(repeated.len() + 1 == of_it.len(), "one is no repeat: {shown:?}");
        let once: BTreeSet<_> = repeated.iter().collect();
        prop_assert!(once.len() == repeated.len(), "one is repeated twice: {shown:?}");
        // What its sender failed waits again, however often; that is no resend.
        let by_sender = |r: &AttemptId| s.attempt(*r).is_some_and(|a| a.error_code == Some(ErrorCode(30034)));
        let repeated: Vec<AttemptId> = repeated.into_iter().filter(|r| !by_sender(r)).collect();
        let (for_failures, by_policy): (Vec<_>, Vec<_>) = repeated.into_iter().partition(|r| failed(*r));
        let decided = by_policy.iter().all(|r| s.attempt(*r).is_some_and(|a| a.decided_at.is_some()));
        prop_assert!(decided, "repeated, and neither failed nor decided: {shown:?}");
        prop_assert!(by_policy.len() <= 1, "the policy repeats once: {shown:?}");
        // One more where an unknown outcome that was repeated turned out to have failed.
        prop_assert!(for_failures.len() <= 3, "the limit is two: {shown:?}");
    }
    Ok(())
}

/// However it went, in the end every call is somewhere a person can see it.
async fn ends(w: &mut World) -> Result<(), TestCaseError> {
    w.sms.forget_script();
    w.sms.on_list(Reaction::Accept);
    w.advance(mins(120)).await;
    for n in 1..=w.calls {
        let s = w.call(&format!("call_{n}").parse().expect("id")).await;
        prop_assert!(s.call.status != CallStatus::Dispatching, "{} never ends: wakes {:?}", s.call.id, s.call.wake_at);
        for a in &s.attempts {
            prop_assert!(!a.state.is_waiting(), "{}: attempt {} waits for ever", s.call.id, a.number);
        }
    }
    Ok(())
}

async fn run(history: &[Happens]) -> Result<(), TestCaseError> {
    let mut w = World::new().await;
    for (n, h) in history.iter().enumerate() {
        let before = look(&w).await;
        happen(&mut w, h).await;
        let checked = check(&w, &before).await;
        checked.map_err(|e| TestCaseError::fail(format!("after event {n} ({h:?}): {e}")))?;
    }
    ends(&mut w).await
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_left_without_an_end() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seeds = number("DISPATCHCTL_TEST_SEED").map_or_else(|| vec![1, 2], |seed| vec![seed]);
    let cases = number("DISPATCHCTL_TEST_CASES").and_then(|n| u32::try_from(n).ok()).unwrap_or(16);
    for seed in seeds {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let result = runner.run(&prop::collection::vec(happens(), 1..30), |history| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&history))
        });
        if let Err(e) = result {
            panic!("DISPATCHCTL_TEST_SEED={seed}: {e}");
        }
    }
}
