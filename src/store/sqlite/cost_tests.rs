//! What reads cost: each walks an index, and none grows with what it does not show.

use std::sync::Arc;

use super::bulk;
use super::tests::{fresh, raw};
use crate::domain::attempt::AttemptState;
use crate::domain::change::Change;
use crate::domain::event::Load;
use crate::domain::types::Timestamp;
use crate::store::contract::fixtures::{at, call, id, put, put_in, sid};
use crate::store::tables::hot;
use crate::store::{Decide, Ledger as _, Queues as _, Views as _};

/// What may be sorted: few rows, or a list that is read once in a while.
const FEW: [&str; 6] = [
    "claims",
    "whose replies count",
    "notices of a call",
    "call of a reference",
    "calls with a notice in doubt",
    "texts to a phone within an hour",
];

#[tokio::test]
async fn hot_reads_walk_an_index_and_sort_next_to_nothing() {
    let (dir, _store) = fresh();
    let raw = raw(dir.path());
    for (label, sql) in hot::reads() {
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
                    && !["SCAN live", "SCAN texts", "SCAN counted", "SCAN doubted"].contains(s)
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
        ("the lane after a long one", steps(&hot::read("next lane"), &[&0, &"|+18005550100"])),
        ("the lane after the last one", steps(&hot::read("next lane"), &[&0, &queue])),
        ("the next priority", steps(&hot::read("next priority"), &[&0])),
        ("a page behind long ones", steps(&hot::read("sendable"), &[&now, &0, &queue, &i64::MIN, &Vec::<u8>::new()])),
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
                 settings, held_until, ask_at, asked_at, pruned_at FROM c, n;
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
