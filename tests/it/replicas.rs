//! Several `serve` on one store in PostgreSQL: one is the engine, the others take calls and stand by. Left out aloud where there is no
//! PostgreSQL.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dispatchctl::testkit::Timestamp;

use crate::support::http;
use crate::support::postgres_server::test_server;
use crate::support::process::report;
use crate::support::replicas::{Replicas, TAKEN_OVER_WITHIN};
use crate::support::socket_proxy::SocketProxy;
use crate::support::stage::{attempts, emergency, state, text};
use crate::support::steady::while_the_machine_runs;
use crate::support::wait::{later_ms, now, time, until};

#[test]
fn one_is_the_engine_and_calls_that_others_take_leave_at_once() {
    while_the_machine_runs(|| {
        let Some(mut r) = Replicas::start(3) else { return };
        let leader = r.leader();
        let standbys: Vec<usize> = (0..3).filter(|n| *n != leader).collect();
        for n in &standbys {
            let doc = r.ready(*n).expect("it takes work");
            assert_eq!(text(&doc, "role"), "standby", "{doc}");
            assert_eq!(doc["leader"]["pid"].as_u64(), Some(u64::from(r.process(leader).id())), "{doc}");
            assert!(doc["leader"]["beatAgoMs"].as_u64().is_some_and(|ms| ms < 3_000), "{doc}");
            assert!(!text(&doc["leader"], "host").is_empty(), "{doc}");
        }
        let mut took = Vec::new();
        for i in 0..20 {
            let began = now();
            let name = r.dispatch(standbys[i % 2], &format!("c{i}"), 1).remove(0);
            let at = r.all[leader].at;
            r.stage.turn_to(at);
            let story =
                r.stage.until_call(&name, "its text is accepted", |c| matches!(state(c, 1), "submitted" | "delivered"));
            let ledger = r.stage.ledger();
            let message = ledger.of(&story, 1).first().map(|m| time(&m["createdAt"])).expect("it is there");
            took.push(later_ms(message, began));
        }
        took.sort_unstable();
        report(&format!(
            "accepted by a standby, on the wire by the leader: {} ms in the middle, {} ms at most",
            took[10], took[19]
        ));
        assert!(took[10] <= 400, "{took:?}");
        let run = r.stage.shop.expect(0, &["-o", "json", "status"]);
        assert_eq!(run.json()["engine"]["state"], "working", "{run:?}");
        r.judge(leader);
    });
}

#[test]
fn a_killed_leader_is_taken_over_and_nothing_is_lost_or_doubled() {
    while_the_machine_runs(|| {
        let Some(mut r) = Replicas::start(3) else { return };
        let leader = r.leader();
        let other = r.another(leader);
        r.stage.fault(&serde_json::json!([{ "kind": "delay", "delayMs": 300, "times": 10 }]));
        r.dispatch(other, "before", 10);
        let dies = r.all[leader].process.take().expect("it runs");
        let (calls, next, took) = std::thread::scope(|scope| {
            let flying = scope.spawn(|| r.dispatch(other, "during", 10));
            // Some of them are claimed, some on the wire.
            until("one has left", || (r.stage.ledger().texts().len() > 10).then_some(()));
            let began = now();
            dies.kill();
            let (next, took) = r.taken_over_from(leader, began);
            (flying.join().expect("each is answered"), next, took)
        });
        report(&format!("kill -9: taken over after {} ms", took.as_millis()));
        let replicas = |n: usize| http::json(r.all[n].at, "GET", "/health", None).map(|a| a.json()["replicas"].clone());
        until("the dead one is counted no more", || (replicas(next).ok()? == 2).then_some(()));
        let status = |format: &[&str]| r.stage.shop.expect(0, &[format, &["status"]].concat());
        assert_eq!(status(&["-o", "json"]).json()["replicas"], 2);
        assert!(status(&[]).stdout.contains("1 stands by"), "{:?}", status(&[]));
        assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
        let at = r.all[next].at;
        r.stage.turn_to(at);
        for name in &calls {
            r.stage.until_call(name, "it is told of", |c| {
                attempts(c).iter().any(|a| matches!(text(a, "attemptState"), "submitted" | "delivered"))
            });
        }
        r.restart(leader);
        assert_eq!(r.role(leader), "standby");
        r.judge(next);
    });
}

#[test]
fn a_leader_that_was_stopped_is_taken_over_and_stands_by_when_it_goes_on() {
    while_the_machine_runs(|| {
        let Some(mut r) = Replicas::start(2) else { return };
        let leader = r.leader();
        let other = r.another(leader);
        r.dispatch(other, "before", 5);
        let began = now();
        r.process(leader).signal("STOP");
        let (calls, next, took) = std::thread::scope(|scope| {
            let flying = scope.spawn(|| r.dispatch(other, "during", 10));
            let (next, took) = r.taken_over_from(leader, began);
            (flying.join().expect("each is answered"), next, took)
        });
        report(&format!("SIGSTOP: taken over after {} ms", took.as_millis()));
        assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
        let at = r.all[next].at;
        r.stage.turn_to(at);
        for name in &calls {
            r.stage.until_call(name, "it is told of", |c| {
                attempts(c).iter().any(|a| matches!(text(a, "attemptState"), "submitted" | "delivered"))
            });
        }
        r.process(leader).signal("CONT");
        until("it stands by", || (r.role(leader) == "standby").then_some(()));
        r.dispatch(leader, "after", 5);
        assert_eq!(r.role(next), "leader");
        r.judge(next);
    });
}

#[test]
fn a_leader_that_is_cut_off_from_the_database_sends_nothing_more_and_stands_by_when_it_is_back() {
    while_the_machine_runs(|| {
        let Some(server) = test_server() else { return };
        let url = server.schema();
        let Some(way) = SocketProxy::to(&url) else { return };
        let mut r = Replicas::start_on(vec![way.url(&url), url]);
        assert_eq!(r.leader(), 0);
        r.dispatch(1, "before", 5);
        let began = now();
        way.stall(true);
        let (calls, took) = std::thread::scope(|scope| {
            let flying = scope.spawn(|| r.dispatch(1, "during", 10));
            let (_, took) = r.taken_over_from(0, began);
            (flying.join().expect("each is answered"), took)
        });
        report(&format!("cut off: taken over after {} ms", took.as_millis()));
        assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
        let at = r.all[1].at;
        r.stage.turn_to(at);
        for name in &calls {
            r.stage.until_call(name, "it is told of", |c| {
                attempts(c).iter().any(|a| matches!(text(a, "attemptState"), "submitted" | "delivered"))
            });
        }
        way.stall(false);
        until("it stands by", || (r.role(0) == "standby").then_some(()));
        r.dispatch(0, "after", 5);
        r.judge(1);
    });
}

#[test]
fn a_clean_stop_hands_over_at_once() {
    while_the_machine_runs(|| {
        let Some(mut r) = Replicas::start(2) else { return };
        let leader = r.leader();
        r.dispatch(leader, "before", 5);
        let (is_over, unready, times) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let asked = r.all[r.another(leader)].at;
        let began = now();
        let (next, took) = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = http::json(asked, "GET", "/readyz", None);
                    let status = answer.map(|a| a.status).unwrap_or_default();
                    unready.fetch_add(usize::from(status == 503), Ordering::Relaxed);
                    times.fetch_add(usize::from(status == 200), Ordering::Relaxed);
                }
            });
            r.signal(leader, "TERM");
            let taken = r.taken_over_from(leader, began);
            is_over.store(true, Ordering::Relaxed);
            taken
        });
        report(&format!("clean stop: taken over after {} ms", took.as_millis()));
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(unready.into_inner(), 0, "who takes over takes requests all the while");
        assert!(times.into_inner() > 0, "it was asked");
        assert_eq!(r.process(leader).exit_code(), Some(0));
        r.dispatch(next, "after", 5);
        r.judge(next);
    });
}

/// Callers at once, each of which waits for the outcome of its first text.
const CLIENTS: usize = 8;

/// As an upgrade goes: one after the other is stopped and started, while calls come all the time.
#[test]
fn replicas_that_are_restarted_one_after_the_other_leave_no_gap() {
    let Some(mut r) = Replicas::start(3) else { return };
    let places: Vec<SocketAddr> = r.all.iter().map(|one| one.at).collect();
    let done = AtomicBool::new(false);
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let n = accepted.fetch_add(1, Ordering::Relaxed);
                    let body = emergency(&format!("c{n}"), "normal");
                    // As a proxy in front of them does: who does not answer, or takes no work, is left out.
                    let took = places.iter().cycle().skip(n % 3).take(3).any(|at| {
                        let answer = http::json(*at, "POST", "/api/dispatch/manual", Some(&body));
                        answer.is_ok_and(|a| matches!(a.status, 200..=202))
                    });
                    assert!(took, "nobody took call {n}");
                }
            });
        }
        for n in [r.leader(), 0, 1, 2] {
            r.process(n).signal("TERM");
            assert_eq!(r.process(n).exit_code(), Some(0));
            r.restart(n);
        }
        done.store(true, Ordering::Relaxed);
    });
    let accepted = accepted.into_inner();
    r.stage.turn_to(r.all[0].at);
    until("every text has left", || (r.stage.ledger().texts().len() >= accepted).then_some(()));
    let mut left: Vec<Timestamp> = r.stage.ledger().texts().iter().map(|m| time(&m["createdAt"])).collect();
    left.sort_unstable();
    let gap = left.windows(2).map(|two| later_ms(two[1], two[0])).max().expect("several");
    report(&format!("{accepted} calls beside four restarts: {gap} ms at most between two texts"));
    assert!(gap < 3_000, "{gap} ms");
    r.judge(0);
}
