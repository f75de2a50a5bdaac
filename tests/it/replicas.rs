//! Several `serve` on one store in PostgreSQL: one is the engine, the others take calls and stand by. Left out aloud where there is no
//! PostgreSQL.

use std::net::SocketAddr;
use std::time::Duration;

use dispatchctl::testkit::Timestamp;
use serde_json::Value;

use crate::support::http;
use crate::support::postgres_server::test_server;
use crate::support::process::{Process, report};
use crate::support::socket_proxy::SocketProxy;
use crate::support::stage::{Stage, attempts, emergency, free_port, state, text};
use crate::support::wait::{later_ms, now, time, until, until_within};

const SETTINGS: &str = r#"
[delivery]
poll_after = "500ms"
settle = "4s"
"#;
/// What SPEC promises of a takeover.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(5);

struct Replica {
    at: SocketAddr,
    /// Its way to the database.
    url: String,
    process: Option<Process>,
}

/// Replicas of one shop.
struct Replicas {
    all: Vec<Replica>,
    stage: Stage,
}

impl Replicas {
    /// `None`: there is no PostgreSQL here.
    fn start(many: usize) -> Option<Self> {
        let url = test_server()?.schema();
        Some(Self::start_on(vec![url; many]))
    }

    /// One for each of these ways to the same database.
    fn start_on(urls: Vec<String>) -> Self {
        let mut stage = Stage::on_server(SETTINGS, urls[0].clone());
        stage.shop.set("DISPATCHCTL_TWILIO__REQUEST_TIMEOUT", "2s");
        stage.shop.set("DISPATCHCTL_TWILIO__CONNECT_TIMEOUT", "1s");
        let mut replicas = Self { all: Vec::new(), stage };
        for (n, url) in urls.into_iter().enumerate() {
            let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
            replicas.all.push(Replica { at, url, process: None });
            replicas.restart(n);
        }
        replicas
    }

    fn restart(&mut self, n: usize) {
        let listen = self.all[n].at.to_string();
        self.stage.shop.move_to(self.all[n].url.clone());
        self.all[n].process = Some(self.stage.start(&["-o", "json", "serve", "--listen", &listen]));
        until("it is ready", || self.ready(n).map(drop));
    }

    /// What `/readyz` says, once it says yes.
    fn ready(&self, n: usize) -> Option<Value> {
        http::json(self.all[n].at, "GET", "/readyz", None).ok().filter(|a| a.status == 200).map(|a| a.json())
    }

    fn role(&self, n: usize) -> String {
        self.ready(n).map(|doc| text(&doc, "role").to_owned()).unwrap_or_default()
    }

    /// The one that is the engine.
    fn leader(&self) -> usize {
        until("one is the engine", || (0..self.all.len()).find(|n| self.lives(*n) && self.role(*n) == "engine"))
    }

    fn lives(&self, n: usize) -> bool {
        self.all[n].process.is_some()
    }

    fn another(&self, than: usize) -> usize {
        (0..self.all.len()).find(|n| *n != than && self.lives(*n)).expect("another one")
    }

    fn process(&mut self, n: usize) -> &mut Process {
        self.all[n].process.as_mut().expect("it runs")
    }

    /// Calls handed to this replica, which are there once each is answered.
    fn dispatch(&self, n: usize, prefix: &str, many: usize) -> Vec<String> {
        let names: Vec<String> = (0..many).map(|i| format!("{prefix}-{i}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                let at = self.all[n].at;
                scope.spawn(move || {
                    let answer = http::json(at, "POST", "/api/dispatch/manual", Some(&emergency(name, "normal")));
                    let answer = answer.expect("an answer");
                    assert!(matches!(answer.status, 201 | 202), "{name}: {answer:?}");
                });
            }
        });
        names
    }

    /// How long until another replica than this one is the engine.
    fn taken_over_from(&self, gone: usize, began: Timestamp) -> (usize, Duration) {
        let next = until_within(Duration::from_secs(20), "another is the engine", || {
            (0..self.all.len()).find(|n| *n != gone && self.lives(*n) && self.role(*n) == "engine")
        });
        (next, now().since(began))
    }

    /// Everything that was accepted reached the provider once, or is known not to be known.
    fn judge(&mut self, by: usize) {
        let at = self.all[by].at;
        self.stage.turn_to(at);
        self.stage.judge();
    }
}

#[test]
fn one_is_the_engine_and_calls_that_others_take_leave_at_once() {
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
}

#[test]
fn a_killed_leader_is_taken_over_and_nothing_is_lost_or_doubled() {
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
}

#[test]
fn a_leader_that_was_stopped_is_taken_over_and_stands_by_when_it_goes_on() {
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
    assert_eq!(r.role(next), "engine");
    r.judge(next);
}

#[test]
fn a_leader_that_is_cut_off_from_the_database_sends_nothing_more_and_stands_by_when_it_is_back() {
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
}

#[test]
fn a_clean_stop_hands_over_at_once() {
    let Some(mut r) = Replicas::start(2) else { return };
    let leader = r.leader();
    r.dispatch(leader, "before", 5);
    let began = now();
    r.process(leader).signal("TERM");
    let (next, took) = r.taken_over_from(leader, began);
    report(&format!("clean stop: taken over after {} ms", took.as_millis()));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(r.process(leader).exit_code(), Some(0));
    r.dispatch(next, "after", 5);
    r.judge(next);
}
