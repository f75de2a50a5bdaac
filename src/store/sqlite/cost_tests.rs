//! What reads cost: each walks an index, and none grows with what it does not show.

use std::sync::Arc;

use super::tests::{fresh, raw};
use super::*;
use crate::domain::attempt::AttemptState;
use crate::domain::change::Change;
use crate::domain::event::Load;
use crate::domain::types::Timestamp;
use crate::store::contract::fixtures::{at, call, id, put, put_in, sid};
use crate::store::{Decide, Ledger as _, Queues as _, Views as _};

/// What may be sorted: few rows, or a list that is read once in a while.
const FEW: [&str; 4] = ["claims", "whose replies count", "notices of a call", "call of a reference"];

#[tokio::test]
async fn hot_reads_walk_an_index_and_sort_next_to_nothing() {
    let (dir, _store) = fresh();
    let raw = raw(dir.path());
    for (label, sql) in [
        ("reply", sql::OPEN_CALLS_OF_PHONE),
        ("orphans by message", sql::ORPHANS_OF_SID),
        ("orphans by name", sql::ORPHANS_OF_NAMED),
        ("due", reads::DUE),
        ("wake", reads::NEXT_WAKE),
        ("wakes", reads::NEXT_WAKES),
        ("due lines", reads::DUE_LINES),
        ("next lane", send_queues::NEXT_QUEUE),
        ("next priority", send_queues::NEXT_PRIORITY),
        ("sendable", send_queues::SENDABLE),
        ("next sendable", send_queues::NEXT_SENDABLE),
        ("claims", reads::CLAIMS),
        ("pollable", reads::POLLABLE),
        ("next poll", reads::NEXT_POLL),
        ("searchable", reads::SEARCHABLE),
        ("next search", reads::NEXT_SEARCH),
        ("untold", reads::UNNOTIFIED),
        ("untold, one", reads::UNNOTIFIED_AT),
        ("stranded", figures::STRANDED),
        ("log of a call", reads::LOG_OF_CALL),
        ("newest entries of a call", reads::NEWEST_LOG_OF_CALL),
        ("what is noted of a phone call", super::phone_calls::NOTED),
        ("a phone call by its SID", super::phone_calls::BY_SID),
        ("a phone call by its caller", super::phone_calls::BY_CALLER),
        ("phone calls that are due", super::phone_calls::DUE),
        ("the next phone call", super::phone_calls::NEXT),
        ("phone calls to a number", super::ringing::TO_PHONE),
        ("phone calls to end", super::ringing::TO_END),
        ("blocked phone calls", super::ringing::BLOCKED),
        ("log", reads::LOG_OF_ALL),
        ("newest entries", reads::NEWEST_LOG_OF_ALL),
        ("whose replies count", replies::LISTENED),
        ("notices of a call", sql::NOTICES),
        ("attempts of a call", sql::ATTEMPTS),
        ("call of an attempt", sql::CALL_OF_ATTEMPT),
        ("call of a message", sql::CALL_OF_SID),
        ("call of a key", sql::CALL_OF_KEY),
        ("call of a reference", sql::CALL_OF_REFERENCE),
        ("a reference that is taken", sql::REFERENCE_TAKEN),
        ("calls of a phone", sql::OPEN_CALLS_OF_PHONE),
        ("closed calls of a phone", sql::CLOSED_CALLS_OF_PHONE),
        ("answer to a text", sql::INBOUND_ANSWER),
        ("answers to a phone", sql::ANSWERS_TO_PHONE),
        ("replies of a phone", sql::REPLIES_OF_PHONE),
        ("replies that wait", replies::WAITING),
        ("who is on a job", sql::BUSY),
        ("opt-outs of a phone", sql::OPT_OUTS_OF_PHONE),
        ("a receipt that is kept", sql::RECEIPT_IS_KEPT),
        ("receipts of a message", sql::ORPHANS_OF_SID),
        ("receipts of an attempt", sql::ORPHANS_OF_NAMED),
        ("receipts to join by message", sql::JOIN_BY_SID),
        ("receipts to join by attempt", sql::JOIN_BY_NAME),
        ("oldest unsent follow-up", figures::OLDEST_UNSENT),
        ("not seen", reads::NOT_SEEN),
        ("to be asked", reads::TO_ASK),
        ("alerts of a call", sql::ALERTS_OF_CALL),
        ("alerts for a sink", alerts::DUE),
        ("next alert for a sink", alerts::NEXT),
        ("messages to a sink", alerts::MESSAGES),
        ("calls", reads::CALLS),
        ("active retries", &figures::counting(figures::ACTIVE)),
        ("overdue", &figures::counting(figures::OVERDUE)),
        ("unknown", &figures::counting(figures::UNKNOWN)),
        ("submitted", &figures::counting(figures::SUBMITTED)),
        ("failed", &figures::counting(figures::FAILED)),
        ("sendable now", &figures::counting(figures::SENDABLE)),
        ("outbox", &figures::counting(figures::OUTBOX[2])),
        ("newest", figures::NEWEST_SENT),
        ("events for the mirror", mirror::EVENTS_DUE),
        ("calls for the mirror", mirror::CALLS_DUE),
        ("next event", mirror::NEXT_EVENT),
        ("next call", mirror::NEXT_CALL),
        ("events to read back", mirror::EVENTS_UNPROVEN),
        ("calls to read back", mirror::CALLS_UNPROVEN),
        ("next event to read back", mirror::NEXT_EVENT_UNPROVEN),
        ("next call to read back", mirror::NEXT_CALL_UNPROVEN),
        ("events that wait for the mirror", &figures::counting(mirror::WAITING_EVENTS)),
        ("calls that wait for the mirror", &figures::counting(mirror::WAITING_CALLS)),
        ("parked", &figures::counting(mirror::GIVEN_UP)),
        ("unproven events", &figures::counting(mirror::UNPROVEN_EVENTS)),
        ("unproven calls", &figures::counting(mirror::UNPROVEN_CALLS)),
    ] {
        let mut plan = raw.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(label);
        let nothing = vec![rusqlite::types::Value::Null; plan.parameter_count()];
        let steps = plan
            .query_map(rusqlite::params_from_iter(nothing), |r| r.get::<_, String>(3))
            .expect(label)
            .collect::<Result<Vec<_>, _>>();
        let steps = steps.expect(label).join("; ");
        let walks = steps
            .split("; ")
            // `live`, `texts`: what the statement itself took from an index.
            .filter(|s| {
                s.starts_with("SCAN")
                    && !s.contains("INDEX")
                    && !s.contains("subquery")
                    && !["SCAN live", "SCAN texts"].contains(s)
            })
            .count();
        assert_eq!(walks, 0, "{label}: {steps}");
        let sorts = steps.contains("TEMP B-TREE") && !FEW.contains(&label);
        assert!(!sorts, "{label}: {steps}");
    }
}

#[tokio::test]
async fn what_waits_in_a_lane_costs_nothing_to_those_who_look_for_another() {
    let (dir, store) = fresh();
    for (name, dialled) in [("a", "+18005550100"), ("b", "+18005550101"), ("c", "+18005550102")] {
        let mut state = call(name, at(0));
        state.call.data.twilio_to_number = Some(dialled.into());
        put(&store, state).await.expect("put");
    }
    for name in ["a", "b"] {
        bulk::of(&dir.path().join("s.db"), name, 20_000);
    }
    let raw = raw(dir.path());
    let steps = |sql: &str, with: &[&dyn rusqlite::ToSql]| {
        let mut statement = raw.prepare(sql).expect(sql);
        let _first: Option<i64> =
            rusqlite::OptionalExtension::optional(statement.query_row(with, |r| r.get(0))).expect(sql);
        statement.get_status(rusqlite::StatementStatus::VmStep)
    };
    let (now, queue) = (at(9).as_millis(), "|+18005550102");
    for (label, steps) in [
        ("the lane after a long one", steps(send_queues::NEXT_QUEUE, &[&0, &"|+18005550100"])),
        ("the lane after the last one", steps(send_queues::NEXT_QUEUE, &[&0, &queue])),
        ("the next priority", steps(send_queues::NEXT_PRIORITY, &[&0])),
        ("a page behind long ones", steps(send_queues::SENDABLE, &[&now, &0, &queue, &i64::MIN, &Vec::<u8>::new()])),
    ] {
        assert!(steps < 100, "{label}: {steps} steps");
    }
    let send_queues = store.send_queues(None, 99).await.expect("read");
    assert_eq!(send_queues.len(), 3);
    let last = send_queues.last().cloned().expect("three").into();
    assert_eq!(store.sendable(at(9), &[last], 9).await.expect("read")[0][0].call, id("c"));
}

#[tokio::test]
async fn a_reply_among_very_many_open_calls_loads_only_fifty() {
    let (dir, store) = fresh();
    let mut told = call("told", at(0));
    put_in(&mut told.attempts[0], AttemptState::Submitted, 1, at(1));
    put(&store, told).await.expect("put");
    // The rest by SQL: one at a time would be another test's work.
    raw(dir.path())
        .execute_batch(
            "BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n;
             CREATE TEMP TABLE c AS SELECT * FROM calls;
             CREATE TEMP TABLE a AS SELECT * FROM attempts;
             INSERT INTO calls SELECT 'n' || i, reference, status, round, level, policy, steps_total, data, fingerprint, NULL,
                 overridden, created_by, accepted_at, next_step, wake_at, deferred_from, attempts, holder, outs, told_at, closed_at, muted,
                 settings, held_until, ask_at, asked_at FROM c, n;
             INSERT INTO notices SELECT 'n' || i, 1, 0, 'sam', 0 FROM n;
             INSERT INTO attempts (id, call_id, number, kind, channel, provider, round, step, contact, name, phone, sender,
                 state, priority, body, segments, created_at, not_before, sent_at, tries, callback, sid, result, polls,
                 conflict, call_open)
                 SELECT randomblob(16), 'n' || i, number, kind, channel, provider, round, step, contact, name, phone, sender,
                 state, priority, body, segments, created_at, not_before, sent_at + i, tries, callback,
                 'SM' || printf('%032x', i + 5), result, polls, conflict, 1 FROM a, n;
             COMMIT",
        )
        .expect("filled");
    let load = Load::Reply {
        from: "+19495550101".into(),
        sid: sid(0),
        references: vec![],
        changed_since: Timestamp::from_millis(0),
    };
    let context: Decide = Arc::new(|loaded| {
        let newest: Vec<_> = loaded.calls.iter().map(|c| c.call.id.as_str()).take(2).collect();
        assert_eq!((loaded.calls.len(), newest), (50, vec!["n20000", "n19999"]));
        Ok(Change::default())
    });
    store.transact(load, Vec::new(), context).await.expect("loaded");
    assert_eq!(store.figures(at(0)).await.expect("read").open_calls, 20_001);
}
