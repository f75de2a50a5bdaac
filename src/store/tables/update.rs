//! Writes those columns of a call or an attempt that a change moved, and no others: an index is written only where one of its
//! columns is, so that a receipt costs two pages of these tables and not eight.
//!
//! Called by `save`, inside its transaction.

use std::fmt::Write as _;

use crate::store::sql::{Connection, OwnedValue, Param};

use super::save::{excluded, overridden, refused, steps_total};
use crate::domain::attempt::Attempt;
use crate::domain::call::Call;
use crate::domain::types::Timestamp;
use crate::store::{StoreError, rows};

/// An UPDATE of one row that grows by the columns that differ. The texts are few: each is prepared once.
struct Update {
    sql: String,
    values: Vec<OwnedValue>,
}

impl Update {
    fn of(table: &str) -> Self {
        let mut sql = String::with_capacity(256);
        sql.push_str("UPDATE ");
        sql.push_str(table);
        Self { sql, values: Vec::new() }
    }

    fn set(&mut self, column: &str, value: impl Into<OwnedValue>) {
        self.values.push(value.into());
        let (first, place) = (self.values.len() == 1, self.values.len() + 1);
        let before = if first { " SET" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "{before} {column} = ?{place}");
    }

    /// As [`Update::set`], where the two differ.
    fn moved<T: PartialEq, V: Into<OwnedValue>>(&mut self, column: &str, was: &T, is: &T, value: impl FnOnce(&T) -> V) {
        if was != is {
            self.set(column, value(is));
        }
    }

    /// Nothing where nothing differs.
    fn run(mut self, conn: Connection<'_>, id: &dyn Param) -> Result<(), StoreError> {
        if self.values.is_empty() {
            return Ok(());
        }
        self.sql.push_str(" WHERE id = ?1");
        let values = self.values.iter().map(|v| -> &dyn Param { v });
        let with: Vec<&dyn Param> = std::iter::once(id).chain(values).collect();
        conn.prepare_cached(&self.sql)?.execute_of_own_calls(with)
    }
}

fn millis(at: &Option<Timestamp>) -> Option<i64> {
    rows::millis(*at)
}

pub(in crate::store) fn call(conn: Connection<'_>, was: &Call, is: &Call) -> Result<(), StoreError> {
    if (&was.reference, &was.idempotency_key, &was.created_by, was.accepted_at, was.settings)
        != (&is.reference, &is.idempotency_key, &is.created_by, is.accepted_at, is.settings)
    {
        return Err(refused("who a call is never changes: reference, key, acceptance, settings"));
    }
    let mut row = Update::of("calls");
    row.moved("status", &was.status, &is.status, |s| s.as_str().to_owned());
    row.moved("round", &was.round, &is.round, |n| *n);
    row.moved("next_step", &was.next_step, &is.next_step, |n| *n);
    row.moved("wake_at", &was.wake_at, &is.wake_at, millis);
    row.moved("attempts", &was.attempts, &is.attempts, |n| *n);
    row.moved("holder", &was.holder, &is.holder, |h| h.as_ref().map(|h| h.as_str().to_owned()));
    row.moved("told_at", &was.notified_at, &is.notified_at, millis);
    row.moved("closed_at", &was.closed_at, &is.closed_at, millis);
    row.moved("muted", &was.muted, &is.muted, |m| *m);
    row.moved("deferred_from", &was.deferred_from, &is.deferred_from, millis);
    row.moved("held_until", &was.held_until, &is.held_until, millis);
    row.moved("ask_at", &was.ask_at, &is.ask_at, millis);
    row.moved("asked_at", &was.asked_at, &is.asked_at, millis);
    row.moved("level", &was.level, &is.level, Clone::clone);
    row.moved("fingerprint", &was.fingerprint, &is.fingerprint, Clone::clone);
    if was.excluded != is.excluded {
        row.set("outs", excluded(is)?);
    }
    if was.policy != is.policy {
        row.set("policy", rows::to_json("a policy", &*is.policy)?);
        row.set("steps_total", steps_total(is));
    }
    if was.data != is.data {
        row.set("data", rows::to_json("a call's data", &is.data)?);
    }
    if was.overridden != is.overridden {
        row.set("overridden", overridden(is)?);
    }
    row.run(conn, &is.id.as_str())
}

pub(in crate::store) fn attempt(conn: Connection<'_>, was: &Attempt, is: &Attempt) -> Result<(), StoreError> {
    if (&was.call, was.number, was.kind, was.channel, &was.provider, was.round, was.step, was.created_at, was.repeats)
        != (&is.call, is.number, is.kind, is.channel, &is.provider, is.round, is.step, is.created_at, is.repeats)
        || was.recipient != is.recipient
        || (was.due_at != is.due_at && is.due_at.is_some())
    {
        return Err(refused("what an attempt is never changes: number, kind, notice, recipient"));
    }
    let mut row = Update::of("attempts");
    // What is held back is not late any more.
    row.moved("due_at", &was.due_at, &is.due_at, millis);
    row.moved("sender", &was.sender, &is.sender, |s| s.as_ref().map(|s| s.as_str().to_owned()));
    row.moved("state", &was.state, &is.state, |s| s.as_str().to_owned());
    row.moved("priority", &was.priority, &is.priority, |p| rows::priority_rank(*p));
    row.moved("body", &was.body, &is.body, Clone::clone);
    row.moved("segments", &was.segments, &is.segments, |n| *n);
    row.moved("not_before", &was.not_before, &is.not_before, |at| at.as_millis());
    row.moved("expires_at", &was.expires_at, &is.expires_at, millis);
    row.moved("claimed_by", &was.claimed_by, &is.claimed_by, Clone::clone);
    row.moved("sent_at", &was.sent_at, &is.sent_at, millis);
    row.moved("clock_steps_ms", &was.clock_steps_ms, &is.clock_steps_ms, |ms| *ms);
    row.moved("provider_at", &was.provider_at, &is.provider_at, millis);
    row.moved("provider_after", &was.provider_after, &is.provider_after, millis);
    row.moved("tries", &was.tries, &is.tries, |n| *n);
    row.moved("callback", &was.callback, &is.callback, |c| *c);
    row.moved("sid", &was.sid, &is.sid, |s| s.as_ref().map(|s| s.as_str().to_owned()));
    row.moved("message_status", &was.message_status, &is.message_status, |s| s.as_ref().map(|s| s.as_str().to_owned()));
    row.moved("error_code", &was.error_code, &is.error_code, |c| c.map(|c| c.0));
    row.moved("result", &was.result, &is.result, Clone::clone);
    row.moved("replied", &was.replied, &is.replied, Clone::clone);
    row.moved("finished_at", &was.finished_at, &is.finished_at, millis);
    row.moved("decided_at", &was.decided_at, &is.decided_at, millis);
    row.moved("poll_at", &was.poll_at, &is.poll_at, millis);
    row.moved("polls", &was.polls, &is.polls, |n| *n);
    row.moved("conflict", &was.conflict, &is.conflict, |c| *c);
    row.moved("sip", &was.trace.sip, &is.trace.sip, |c| c.map(|c| c.0));
    row.moved("rang", &was.trace.rang, &is.trace.rang, |r| *r);
    row.moved("words_asked", &was.trace.asked, &is.trace.asked, |a| *a);
    if was.class != is.class {
        row.set("class", is.class.map(rows::class_word).transpose()?.map(str::to_owned));
    }
    row.run(conn, &rows::id_bytes(is.id))
}
