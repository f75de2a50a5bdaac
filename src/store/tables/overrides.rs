//! Exceptions to who is on call: rows that are only added and withdrawn. See [`crate::store::Control`].

use std::time::Duration;

use crate::store::sql::{Connection, Row, params};
use async_trait::async_trait;
use serde_json::json;

use super::database::Database;
use super::save;
use crate::domain::log::{LogEntry, LogKind};
use crate::domain::oncall::{DutyOverride, OverrideId, OverrideKind, OverrideScope};
use crate::domain::types::{Actor, Role, Timestamp};
use crate::failpoint;
use crate::store::{DutyChange, KeptHolder, Overrides, StoreError, rows};

const COLUMNS: &str = "id, rotation, line, role, kind, contact, from_at, until_at, note, actor, made_at, source, withdrawn_at, \
    withdrawn_by, asked";
const INSERT: &str = "INSERT INTO overrides (id, rotation, line, role, kind, contact, from_at, until_at, note, actor, made_at, \
    source, asked, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, (SELECT coalesce(max(changed), 0) + 1 FROM overrides))";
const WITHDRAW: &str = "UPDATE overrides SET withdrawn_at = ?2, withdrawn_by = ?3, \
    changed = (SELECT max(changed) + 1 FROM overrides) WHERE id = ?1 AND withdrawn_at IS NULL";

/// The same words by the same person within this are the same exception: a command that was typed twice.
const TYPED_TWICE_WITHIN: Duration = Duration::from_secs(60);
const DUTY_BEFORE: &str = "SELECT since, holders FROM duty_history WHERE line = ?1 AND role = ?2 AND since <= ?3
    ORDER BY since DESC LIMIT 1";
const DUTY_BETWEEN: &str =
    "SELECT since, holders FROM duty_history WHERE line = ?1 AND role = ?2 AND since > ?3 AND since < ?4
    ORDER BY since LIMIT 10000";
const AHEAD: &str = "SELECT value FROM meta WHERE key = 'oncall_ahead'";
const KEEP_AHEAD: &str =
    "INSERT INTO meta (key, value) VALUES ('oncall_ahead', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1";
const KEEP_DUTY: &str = "INSERT INTO duty_history (line, role, since, holders) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (line, role, since) DO NOTHING";

/// Those that end after this moment, withdrawn ones too, in the order in which they were made.
pub(in crate::store) fn ending_after(conn: Connection<'_>, after: Timestamp) -> Result<Vec<DutyOverride>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM overrides WHERE until_at > ?1 ORDER BY made_at, id");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query([after.as_millis()])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

pub(in crate::store) fn by_id(conn: Connection<'_>, id: &OverrideId) -> Result<Option<DutyOverride>, StoreError> {
    one(conn, "id", id.as_str())
}

fn one(conn: Connection<'_>, column: &str, value: &str) -> Result<Option<DutyOverride>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM overrides WHERE {column} = ?1");
    let found = conn.prepare_cached(&sql)?.query_maybe([value], |row| Ok(read(row)))?;
    found.transpose()
}

/// The same command, typed a moment ago and still standing.
fn typed_before(conn: Connection<'_>, new: &DutyOverride, asked: &str) -> Result<Option<DutyOverride>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM overrides WHERE asked = ?1 AND actor = ?2 AND source IS NULL AND withdrawn_at IS NULL
            AND made_at BETWEEN ?3 AND ?4 AND until_at > ?4 ORDER BY made_at LIMIT 1"
    );
    let (now, since) = (new.made_at, new.made_at.minus(TYPED_TWICE_WITHIN));
    let with = params![asked, new.by, since.as_millis(), now.as_millis()];
    conn.prepare_cached(&sql)?.query_maybe(with, read)
}

/// Makes it durable with its log entry. One that came from the same source stands as it is: that one, and `false`.
pub(in crate::store) fn make(conn: Connection<'_>, new: &DutyOverride) -> Result<(DutyOverride, bool), StoreError> {
    if let Some(source) = &new.source
        && let Some(before) = one(conn, "source", source)?
    {
        return Ok((before, false));
    }
    if let (None, Some(asked)) = (&new.source, &new.asked)
        && let Some(before) = typed_before(conn, new, asked)?
    {
        return Ok((before, false));
    }
    let (rotation, line, role) = match &new.scope {
        OverrideScope::Rotation(id) => (Some(id.as_str()), None, None),
        OverrideScope::Role { line, role } => (None, Some(line.as_deref().unwrap_or_default()), Some(role.as_str())),
        OverrideScope::Everywhere => (None, None, None),
    };
    conn.prepare_cached(INSERT)?.execute(params![
        new.id.as_str(),
        rotation,
        line,
        role,
        new.kind.as_str(),
        new.contact.as_str(),
        new.from.as_millis(),
        new.until.as_millis(),
        new.note,
        new.by,
        new.made_at.as_millis(),
        new.source,
        new.asked,
    ])?;
    let message = format!(
        "override {} made: {} {} {}, {} to {}",
        new.id,
        new.contact,
        new.kind,
        new.scope,
        new.from.rfc3339(),
        new.until.rfc3339()
    );
    append(conn, LogKind::OverrideMade, new.made_at, &new.by, new, message)?;
    Ok((new.clone(), true))
}

/// Withdraws it; one that is withdrawn already stays so. `None`: there is none.
pub(in crate::store) fn withdraw(
    conn: Connection<'_>,
    id: &OverrideId,
    by: &str,
    at: Timestamp,
) -> Result<Option<(DutyOverride, bool)>, StoreError> {
    let changed = conn.prepare_cached(WITHDRAW)?.execute(params![id.as_str(), at.as_millis(), by])? > 0;
    let Some(now) = by_id(conn, id)? else { return Ok(None) };
    if changed {
        let message = format!("override {id} of {} withdrawn", now.contact);
        append(conn, LogKind::OverrideWithdrawn, at, by, &now, message)?;
    }
    Ok(Some((now, changed)))
}

fn append(
    conn: Connection<'_>,
    kind: LogKind,
    at: Timestamp,
    by: &str,
    of: &DutyOverride,
    message: String,
) -> Result<(), StoreError> {
    let data = json!({ "override": of.id, "scope": of.scope.to_string(), "kind": of.kind, "contact": of.contact.as_str(),
        "from": of.from, "until": of.until, "note": of.note });
    let entry = LogEntry { kind, at, call: None, attempt: None, actor: Actor(by.to_owned()), message, data };
    save::append_log(conn, &[entry])
}

fn read(row: Row<'_>) -> Result<DutyOverride, StoreError> {
    let text = |at: usize| row.get::<String>(at);
    let maybe = |at: usize| row.get::<Option<String>>(at);
    let scope = match (maybe(1)?, maybe(2)?, maybe(3)?) {
        (Some(rotation), _, _) => OverrideScope::Rotation(rows::parsed("overrides.rotation", &rotation)?),
        (None, Some(line), Some(role)) => {
            let role = rows::parsed("overrides.role", &role)?;
            OverrideScope::Role { line: Some(line).filter(|l| !l.is_empty()), role }
        }
        _ => OverrideScope::Everywhere,
    };
    let withdrawn = match (row.get::<Option<i64>>(12)?, maybe(13)?) {
        (Some(at), Some(by)) => Some((Timestamp::from_millis(at), by)),
        _ => None,
    };
    Ok(DutyOverride {
        id: rows::parsed("overrides.id", &text(0)?)?,
        scope,
        kind: rows::parsed::<OverrideKind>("overrides.kind", &text(4)?)?,
        contact: rows::parsed("overrides.contact", &text(5)?)?,
        from: Timestamp::from_millis(row.get(6)?),
        until: Timestamp::from_millis(row.get(7)?),
        note: text(8)?,
        by: text(9)?,
        made_at: Timestamp::from_millis(row.get(10)?),
        source: maybe(11)?,
        asked: maybe(14)?,
        withdrawn,
    })
}

#[async_trait]
impl<D: Database> Overrides for D {
    async fn overrides(&self, after: Timestamp) -> Result<Vec<DutyOverride>, StoreError> {
        self.read(move |conn| ending_after(conn, after)).await
    }

    async fn override_by_id(&self, id: &OverrideId) -> Result<Option<DutyOverride>, StoreError> {
        let id = id.clone();
        self.read(move |conn| by_id(conn, &id)).await
    }

    async fn override_by_source(&self, source: &str) -> Result<Option<DutyOverride>, StoreError> {
        let source = source.to_owned();
        self.read(move |conn| one(conn, "source", &source)).await
    }

    async fn make_override(&self, new: &DutyOverride) -> Result<(DutyOverride, bool), StoreError> {
        let new = new.clone();
        failpoint::hit("override.before-commit");
        let made = self.with_tx(move |conn| make(conn, &new)).await?;
        failpoint::hit("override.committed");
        Ok(made)
    }

    async fn withdraw_override(
        &self,
        id: &OverrideId,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<(DutyOverride, bool)>, StoreError> {
        let (id, by) = (id.clone(), by.to_owned());
        failpoint::hit("withdrawal.before-commit");
        let done = self.with_tx(move |conn| withdraw(conn, &id, &by, at)).await?;
        failpoint::hit("withdrawal.committed");
        Ok(done)
    }

    async fn duty_before(
        &self,
        line: Option<&str>,
        role: &Role,
        at: Timestamp,
    ) -> Result<Option<DutyChange>, StoreError> {
        let (line, role) = (line.map(str::to_owned), role.clone());
        self.read(move |conn| duty_before(conn, line, role, at)).await
    }

    async fn ahead(&self) -> Result<Option<String>, StoreError> {
        self.read(|conn| conn.prepare_cached(AHEAD)?.query_maybe([], |r| r.get(0))).await
    }

    async fn keep_ahead(&self, document: &str) -> Result<(), StoreError> {
        let document = document.to_owned();
        self.with_tx(move |conn| conn.prepare_cached(KEEP_AHEAD)?.execute([document.as_str()]).map(drop)).await
    }

    async fn duty_changes(
        &self,
        line: Option<&str>,
        role: &Role,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<DutyChange>, StoreError> {
        let (line, role) = (line.map(str::to_owned), role.clone());
        self.read(move |conn| {
            let first = duty_before(conn, line.clone(), role.clone(), from)?;
            let (from, until) = (from.as_millis(), until.as_millis());
            let key = params![line.as_deref().unwrap_or_default(), role.as_str().to_lowercase(), from, until];
            let rest = super::reads::all(conn, DUTY_BETWEEN, key, |row| {
                let holders: String = row.get(1)?;
                let holders = rows::from_json("duty_history.holders", &holders)?;
                let since = Timestamp::from_millis(row.get(0)?);
                Ok(DutyChange { line: line.clone(), role: role.clone(), since, holders })
            })?;
            Ok(first.into_iter().chain(rest).collect())
        })
        .await
    }

    async fn keep_duty_changes(&self, changes: &[DutyChange], now: Timestamp) -> Result<(), StoreError> {
        let changes = changes.to_vec();
        self.with_tx(move |conn| changes.iter().try_for_each(|change| keep_duty(conn, change, now))).await
    }
}

fn duty_before(
    conn: Connection<'_>,
    line: Option<String>,
    role: Role,
    at: Timestamp,
) -> Result<Option<DutyChange>, StoreError> {
    let key = params![line.as_deref().unwrap_or_default(), role.as_str().to_lowercase(), at.as_millis()];
    let found: Option<(i64, String)> =
        conn.prepare_cached(DUTY_BEFORE)?.query_maybe(key, |r| Ok((r.get(0)?, r.get(1)?)))?;
    let Some((since, holders)) = found else { return Ok(None) };
    let holders = rows::from_json("duty_history.holders", &holders)?;
    Ok(Some(DutyChange { line, role, since: Timestamp::from_millis(since), holders }))
}

fn keep_duty(conn: Connection<'_>, change: &DutyChange, now: Timestamp) -> Result<(), StoreError> {
    let names = |holders: &[KeptHolder]| match holders {
        [] => "nobody".to_owned(),
        all => all.iter().map(|h| h.contact.as_str()).collect::<Vec<_>>().join(", "),
    };
    let before = duty_before(conn, change.line.clone(), change.role.clone(), change.since)?;
    let holders = rows::to_json("who is on call", &change.holders)?;
    let (line, role) = (change.line.as_deref().unwrap_or_default(), change.role.as_str().to_lowercase());
    let new = conn.prepare_cached(KEEP_DUTY)?.execute(params![line, role, change.since.as_millis(), holders])? > 0;
    // What is first kept is no change.
    let Some(before) = before.filter(|_| new) else { return Ok(()) };
    let of = change.line.as_deref().map(|line| format!(" of {line}")).unwrap_or_default();
    let message = format!("{}{of}: {} in place of {}", change.role, names(&change.holders), names(&before.holders));
    let data = json!({ "line": change.line, "role": change.role.as_str(), "since": change.since, "old": before.holders,
        "new": change.holders });
    let (kind, actor) = (LogKind::OnCallChanged, Actor::engine());
    save::append_log(conn, &[LogEntry { kind, at: now, call: None, attempt: None, actor, message, data }])
}
