//! Calendars that say who is on call, and feeds. See [`crate::store::Calendars`].

use crate::store::sql::{Connection, Param, Row, params};
use async_trait::async_trait;
use serde_json::json;

use super::database::Database;
use super::save;
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::oncall::{CalendarPart, RotationId};
use crate::domain::types::{Actor, Timestamp};
use crate::failpoint;
use crate::store::{
    CalendarOutcome, CalendarRead, CalendarState, Calendars, Feed, FeedOf, KeptCalendar, Renew, StoreError, rows,
};

const KEPT: &str = "SELECT c.rotation, c.part, t.text, c.changed FROM calendars c
    JOIN calendar_texts t ON t.rotation = c.rotation AND t.part = c.part AND t.state = 'kept' ORDER BY c.rotation, c.part";
const STATES: &str = "SELECT c.rotation, c.part, c.source, c.etag, c.read_at, c.failing_since, c.error,
    EXISTS (SELECT 1 FROM calendar_texts t WHERE t.rotation = c.rotation AND t.part = c.part AND t.state = 'kept'),
    EXISTS (SELECT 1 FROM calendar_texts t WHERE t.rotation = c.rotation AND t.part = c.part AND t.state = 'offered'),
    c.kept_source, c.offered_why, c.answered_at
    FROM calendars c ORDER BY c.rotation, c.part";
const TEXT: &str = "SELECT text FROM calendar_texts WHERE rotation = ?1 AND part = ?2 AND state = ?3";
const BEGIN: &str = "INSERT INTO calendars (rotation, part, source, changed) VALUES (?1, ?2, ?3, 0)
    ON CONFLICT (rotation, part) DO UPDATE SET etag = CASE WHEN calendars.source = ?3 THEN calendars.etag END, source = ?3";
const TAKEN: &str =
    "UPDATE calendars SET read_at = ?3, failing_since = NULL, error = NULL, kept_source = source, offered_why = NULL
    WHERE rotation = ?1 AND part = ?2";
const ANSWERED: &str = "UPDATE calendars SET answered_at = ?3 WHERE rotation = ?1 AND part = ?2";
const OFFERED: &str = "UPDATE calendars SET offered_why = ?3 WHERE rotation = ?1 AND part = ?2";
const VERSION: &str = "UPDATE calendars SET etag = ?3 WHERE rotation = ?1 AND part = ?2";
const CHANGED: &str = "UPDATE calendars SET changed = (SELECT max(changed) + 1 FROM calendars)
    WHERE rotation = ?1 AND part = ?2";
const FAILED: &str = "UPDATE calendars SET failing_since = coalesce(failing_since, ?3), error = ?4
    WHERE rotation = ?1 AND part = ?2";
const PUT_TEXT: &str = "INSERT INTO calendar_texts (rotation, part, state, text) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (rotation, part, state) DO UPDATE SET text = excluded.text";
const DROP_TEXT: &str = "DELETE FROM calendar_texts WHERE rotation = ?1 AND part = ?2 AND state = ?3";
const FEEDS: &str = "SELECT kind, name, secret, made_at FROM feeds ORDER BY kind, name";
const FEED_BY_SECRET: &str = "SELECT kind, name, secret, made_at FROM feeds WHERE secret = ?1";
const FEED_OF: &str = "SELECT kind, name, secret, made_at FROM feeds WHERE kind = ?1 AND name = ?2";
const PUT_FEED: &str = "INSERT INTO feeds (kind, name, secret, made_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (kind, name) DO UPDATE SET secret = excluded.secret, made_at = excluded.made_at";
/// The text that counts, and one that waits.
const IS_KEPT: &str = "kept";
const IS_OFFERED: &str = "offered";

/// The texts that count.
pub(in crate::store) fn kept(conn: Connection<'_>) -> Result<Vec<KeptCalendar>, StoreError> {
    let mut statement = conn.prepare_cached(KEPT)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let (rotation, part) = key_of(row)?;
        let text: Vec<u8> = row.get(2)?;
        all.push(KeptCalendar { rotation, part, text: text.into(), changed: row.get(3)? });
    }
    Ok(all)
}

fn key_of(row: Row<'_>) -> Result<(RotationId, CalendarPart), StoreError> {
    let (rotation, part): (String, String) = (row.get(0)?, row.get(1)?);
    Ok((rows::parsed("calendars.rotation", &rotation)?, rows::parsed("calendars.part", &part)?))
}

fn states(conn: Connection<'_>) -> Result<Vec<CalendarState>, StoreError> {
    let mut statement = conn.prepare_cached(STATES)?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let (rotation, part) = key_of(row)?;
        let since: Option<i64> = row.get(5)?;
        let error: Option<String> = row.get(6)?;
        all.push(CalendarState {
            rotation,
            part,
            source: row.get(2)?,
            etag: row.get(3)?,
            read_at: row.get::<Option<i64>>(4)?.map(Timestamp::from_millis),
            failing: since.map(Timestamp::from_millis).zip(error),
            is_kept: row.get(7)?,
            is_offered: row.get(8)?,
            kept_source: row.get(9)?,
            offered_why: row.get(10)?,
            answered_at: row.get::<Option<i64>>(11)?.map(Timestamp::from_millis),
        });
    }
    Ok(all)
}

fn text(conn: Connection<'_>, key: (&str, &str), state: &str) -> Result<Option<Vec<u8>>, StoreError> {
    conn.prepare_cached(TEXT)?.query_maybe(params![key.0, key.1, state], |r| r.get(0))
}

fn keep(conn: Connection<'_>, read: &CalendarRead) -> Result<(), StoreError> {
    let (rotation, part, at) = (read.rotation.as_str(), read.part.as_str(), read.at.as_millis());
    let run = |sql: &str, of: &[&dyn Param]| conn.prepare_cached(sql).and_then(|mut s| s.execute(of)).map(drop);
    run(BEGIN, params![rotation, part, read.source])?;
    if !matches!(read.outcome, CalendarOutcome::Failed { .. }) {
        run(ANSWERED, params![rotation, part, at])?;
    }
    match &read.outcome {
        CalendarOutcome::Same => {
            run(TAKEN, params![rotation, part, at])?;
            // Its place gives again what counts. The version that is known was the other text's: by it, that text would never be
            // given again, and look like this one.
            if conn.prepare_cached(DROP_TEXT)?.execute(params![rotation, part, IS_OFFERED])? > 0 {
                run(VERSION, params![rotation, part, None::<String>])?;
            }
        }
        CalendarOutcome::Taken { text, etag, said } => {
            run(TAKEN, params![rotation, part, at])?;
            run(VERSION, params![rotation, part, etag])?;
            run(PUT_TEXT, params![rotation, part, IS_KEPT, text])?;
            run(DROP_TEXT, params![rotation, part, IS_OFFERED])?;
            if let Some(said) = said {
                run(CHANGED, params![rotation, part])?;
                append(conn, &read.rotation, read.part, read.at, &Actor::engine().0, said)?;
            }
        }
        CalendarOutcome::Offered { text, why } => {
            run(FAILED, params![rotation, part, at, why])?;
            run(OFFERED, params![rotation, part, why])?;
            if let Some((text, etag)) = text {
                run(VERSION, params![rotation, part, etag])?;
                run(PUT_TEXT, params![rotation, part, IS_OFFERED, text])?;
            }
        }
        CalendarOutcome::Failed { why } => run(FAILED, params![rotation, part, at, why])?,
    }
    Ok(())
}

fn accept(
    conn: Connection<'_>,
    rotation: &RotationId,
    by: &str,
    at: Timestamp,
) -> Result<Vec<CalendarPart>, StoreError> {
    let mut accepted = Vec::new();
    for part in CalendarPart::ALL {
        let key = (rotation.as_str(), part.as_str());
        let Some(offered) = text(conn, key, IS_OFFERED)? else { continue };
        conn.prepare_cached(PUT_TEXT)?.execute(params![key.0, key.1, IS_KEPT, offered])?;
        conn.prepare_cached(DROP_TEXT)?.execute(params![key.0, key.1, IS_OFFERED])?;
        conn.prepare_cached(TAKEN)?.execute(params![key.0, key.1, at.as_millis()])?;
        conn.prepare_cached(CHANGED)?.execute(params![key.0, key.1])?;
        let said = format!("the {} of {rotation} that was not taken is accepted", part.key());
        append(conn, rotation, *part, at, by, &said)?;
        accepted.push(*part);
    }
    Ok(accepted)
}

fn append(
    conn: Connection<'_>,
    rotation: &RotationId,
    part: CalendarPart,
    at: Timestamp,
    by: &str,
    said: &str,
) -> Result<(), StoreError> {
    let data = json!({ "rotation": rotation, "calendar": part.as_str() });
    let (kind, actor, message) = (LogKind::CalendarTaken, Actor(by.to_owned()), said.to_owned());
    save::append_log(conn, &[LogEntry { kind, at, call: None, attempt: None, actor, message, data }])
}

fn feed(row: Row<'_>) -> Result<Feed, StoreError> {
    let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
    let of = match kind.as_str() {
        "rotation" => FeedOf::Rotation(rows::parsed("feeds.name", &name)?),
        _ => FeedOf::Contact(rows::parsed("feeds.name", &name)?),
    };
    Ok(Feed { of, secret: row.get(2)?, made_at: Timestamp::from_millis(row.get(3)?) })
}

fn make_feed(conn: Connection<'_>, new: &Feed, renew: Renew, by: &str) -> Result<Feed, StoreError> {
    let (kind, name) = (new.of.kind(), new.of.name());
    let before = conn.prepare_cached(FEED_OF)?.query_maybe([kind, name], feed)?;
    if let (Some(before), Renew::No) = (&before, renew) {
        return Ok(before.clone());
    }
    conn.prepare_cached(PUT_FEED)?.execute(params![kind, name, new.secret, new.made_at.as_millis()])?;
    let done = if before.is_some() { "made anew: the one of before shows nothing any more" } else { "made" };
    let message = format!("the address of the calendar feed of the {kind} {name} was {done}");
    let data = json!({ "kind": kind, "name": name });
    let (at, actor) = (new.made_at, Actor(by.to_owned()));
    save::append_log(
        conn,
        &[LogEntry { kind: LogKind::FeedMade, at, call: None, attempt: None, actor, message, data }],
    )?;
    Ok(new.clone())
}

#[async_trait]
impl<D: Database> Calendars for D {
    async fn kept_calendars(&self) -> Result<Vec<KeptCalendar>, StoreError> {
        self.read(kept).await
    }

    async fn calendar_states(&self) -> Result<Vec<CalendarState>, StoreError> {
        self.read(states).await
    }

    async fn offered_calendar(&self, rotation: &RotationId, part: CalendarPart) -> Result<Option<Vec<u8>>, StoreError> {
        let rotation = rotation.clone();
        self.read(move |conn| text(conn, (rotation.as_str(), part.as_str()), IS_OFFERED)).await
    }

    async fn keep_calendar(&self, read: &CalendarRead) -> Result<(), StoreError> {
        let read = read.clone();
        let is_new = matches!(read.outcome, CalendarOutcome::Taken { .. });
        if is_new {
            failpoint::hit("calendar.before-commit");
        }
        self.with_tx(move |conn| keep(conn, &read)).await?;
        if is_new {
            failpoint::hit("calendar.committed");
        }
        Ok(())
    }

    async fn accept_calendars(
        &self,
        rotation: &RotationId,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<CalendarPart>, StoreError> {
        let (rotation, by) = (rotation.clone(), by.to_owned());
        self.with_tx(move |conn| accept(conn, &rotation, &by, at)).await
    }

    async fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(FEEDS)?;
            let mut found = statement.query([])?;
            let mut all = Vec::new();
            while let Some(row) = found.next()? {
                all.push(feed(row)?);
            }
            Ok(all)
        })
        .await
    }

    async fn feed_by_secret(&self, secret: &str) -> Result<Option<Feed>, StoreError> {
        let secret = secret.to_owned();
        self.read(move |conn| conn.prepare_cached(FEED_BY_SECRET)?.query_maybe([secret], feed)).await
    }

    async fn make_feed(&self, new: &Feed, renew: Renew, by: &str) -> Result<Feed, StoreError> {
        let (new, by) = (new.clone(), by.to_owned());
        self.with_tx(move |conn| make_feed(conn, &new, renew, &by)).await
    }
}
