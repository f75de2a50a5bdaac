//! The server of the store dies and its standby goes on: with everything, or without what it had not copied yet. Left out aloud where
//! there is no PostgreSQL.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::failover::{Server, ServerPair};
use crate::support::http;
use crate::support::process::report;
use crate::support::replicas::Replicas;
use crate::support::stage::{ANA, SAM, attempts, emergency, entries, state, text};
use crate::support::wait::{now, until};

#[test]
fn what_the_standby_had_not_copied_is_found_with_the_provider_and_said() {
    let Some(servers) = ServerPair::start() else { return };
    let mut r = Replicas::start_on(vec![servers.url(); 2]);
    let leader = r.leader();
    let at = r.all[leader].at;
    r.stage.turn_to(at);
    // Its second step tells Ana after 3 s.
    r.dispatch_as(leader, "known", 2, "quick");
    for name in ["known-0", "known-1"] {
        r.stage.delivered(name, 1);
    }
    servers.part();
    r.dispatch(leader, "lost", 1);
    let lost = r.stage.delivered("lost-0", 1);
    let reference = text(&lost, "reference").to_owned();
    for name in ["known-0", "known-1"] {
        r.stage.delivered(name, 2);
    }
    servers.kill_the_first();
    servers.promote_the_second();
    let began = now();
    let next = until("another term has begun", || {
        (0..2).find(|n| r.role(*n) == "leader" && !servers.psql(Server::Second, HOLDER).is_empty())
    });
    let at = r.all[next].at;
    r.stage.turn_to(at);
    until("it is said that something is lost", || (r.told("history-lost", "raised") > 0).then_some(()));
    report(&format!("asynchronous failover: what was lost is said after {} ms", now().since(began).as_millis()));
    for name in ["known-0", "known-1"] {
        let story = r.stage.until_call(name, "its second text is in its story again", |c| {
            attempts(c).len() == 2 && state(c, 2) == "delivered"
        });
        assert_eq!(text(&attempts(&story)[1], "contact"), "ana", "{story:#}");
        assert!(entries(&story, "attempt.scheduled").iter().any(|e| text(e, "message").contains("this story lacks")));
    }
    // Nobody was told twice, nobody is told later.
    r.dispatch_as(next, "after", 1, "quick");
    r.stage.delivered("after-0", 1);
    r.stage.delivered("after-0", 2);
    let ledger = r.stage.ledger();
    assert_eq!(ledger.texts_to(SAM).len(), 4, "two known, one lost, one after");
    assert_eq!(ledger.texts_to(ANA).len(), 3, "two known, one after");
    let alerts = r.stage.shop.expect(0, &["-o", "json", "alerts"]).json();
    let is_it = |a: &&serde_json::Value| text(a, "key").starts_with("history-lost");
    let said = alerts["alerts"].as_array().into_iter().flatten().find(is_it);
    let said = text(said.expect("it stands"), "message").to_owned();
    assert!(said.contains(&reference) && said.contains("2 texts"), "{said}");
    assert_eq!(r.told("history-in-doubt", "raised"), 0, "the list could be read");
    assert_eq!(http::json(at, "GET", "/api/calls/lost-0", None).expect("an answer").status, 404);
}

#[test]
fn a_standby_that_has_everything_goes_on_and_loses_nothing() {
    let Some(servers) = ServerPair::start() else { return };
    let mut r = Replicas::start_on(vec![servers.url(); 2]);
    servers.is_synchronous();
    let leader = r.leader();
    let ats = [r.all[0].at, r.all[1].at];
    r.stage.fault(&json!([{ "kind": "delay", "delayMs": 200, "times": 20 }]));
    let taken = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                scope.spawn(move || {
                    let mut taken = BTreeSet::new();
                    for n in 0..25 {
                        let name = format!("c{caller}-{n}");
                        let body = emergency(&name, "normal");
                        let answer = http::json(ats[n % 2], "POST", "/api/dispatch/manual", Some(&body));
                        if answer.is_ok_and(|a| matches!(a.status, 200..=202)) {
                            taken.insert(name);
                        }
                    }
                    taken
                })
            })
            .collect();
        until("some are on the wire", || (r.stage.ledger().texts().len() > 10).then_some(()));
        servers.kill_the_first();
        servers.promote_the_second();
        servers.psql(Server::Second, "ALTER SYSTEM RESET synchronous_standby_names");
        servers.psql(Server::Second, "SELECT pg_reload_conf()");
        callers.into_iter().flat_map(|c| c.join().expect("it ends")).collect::<BTreeSet<String>>()
    });
    let next = until("somebody is the engine", || (0..2).find(|n| r.role(*n) == "leader"));
    report(&format!("synchronous failover: {} calls taken, the engine was {leader}, is {next}", taken.len()));
    let at = r.all[next].at;
    r.stage.turn_to(at);
    r.dispatch(next, "after", 1);
    for name in &taken {
        r.stage.until_call(name, "it is told of", |c| {
            attempts(c).iter().any(|a| matches!(text(a, "attemptState"), "submitted" | "delivered"))
        });
    }
    assert_eq!(r.told("history-lost", "raised"), 0, "nothing is lost");
    r.judge(next);
}

const HOLDER: &str = "SELECT holder FROM engine WHERE holder IS NOT NULL";
