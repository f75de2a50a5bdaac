//! Opens a store in a database: whether there is one, whose it is, its schema.
//!
//! A store of the other mode, or one that is newer, is left exactly as it was. Migrations are numbered, forward only, and each is a
//! transaction in which no other process migrates: a crash leaves the schema before it or after it.

use std::time::Duration;

use super::connect::not_admitted;
use super::connection::{BEGIN_READ as READ, PgConnection};
use super::lease;
use super::lease::read_time;
use super::pooler::refuse_shared_sessions;
use super::transaction::BEGIN;
use super::versions::{self, META, MIGRATIONS, PUT_META, known_schema};
use crate::failpoint;
use crate::store::sql::{Connection, params};
use crate::store::{Holder, Peeked, PostgresUrl, StoreError, StoreMode, StoreSettings, tables};

/// Names our locks among those that other programs take in the same database: "disp".
pub(super) const LOCKS: i64 = 0x6469_7370;
/// The class of the locks that each `serve` shares for as long as it is connected: by them it is counted, and by nothing else.
pub(super) const REPLICAS: i64 = LOCKS + 1;
/// Which of them a migration takes; the store's own have the number of one of its tables.
pub(super) const MIGRATION: i64 = 0;

pub(super) const HAS_META: &str = "SELECT to_regclass('meta') IS NOT NULL";
/// Where the store is, or would be.
const SCHEMA: &str = "SELECT COALESCE((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass('meta')), current_schema())";
/// As a server would say it.
const INVALID_SCHEMA_NAME: &str = "3F000";
const NO_SCHEMA: &str = "no schema is there for it: the search_path of this user names none that exists";
/// A schema with a store in it.
const ELSEWHERE: &str = "SELECT n.nspname FROM pg_namespace n WHERE (SELECT count(*) FROM pg_class c
    WHERE c.relnamespace = n.oid AND c.relkind = 'r' AND c.relname IN ('meta', 'commits', 'engine', 'calls')) = 4 LIMIT 1";
/// Whether this user may make tables in the first schema that its search path leads to.
const MAY_CREATE: &str = "SELECT has_schema_privilege(current_schema(), 'CREATE')";
/// Within the range of the lock's second key: an oid may be larger.
const LOCK_KEY: &str = "SELECT CAST(CAST(CAST(to_regclass('meta') AS oid) AS bigint) % 2147483648 AS bigint)";

/// Connects, and makes the schema what this program knows. Blocks.
///
/// # Errors
/// [`StoreError::Open`], [`StoreError::Newer`], [`StoreError::OtherMode`], [`StoreError::Busy`], [`StoreError::Unreachable`].
pub(super) fn prepare(options: &StoreSettings, url: &PostgresUrl) -> Result<Prepared, StoreError> {
    let (conn, reader) =
        (PgConnection::open(url, options.busy_timeout)?, PgConnection::open(url, options.busy_timeout)?);
    refuse_shared_sessions(&conn, &reader, url)?;
    let version = recognise(&conn, options, url)?;
    if version == 0 {
        refuse_a_second_store(&conn, url)?;
    }
    let schema = schema_of(&conn, url)?;
    [&conn, &reader].into_iter().try_for_each(|conn| conn.stay_in(&schema))?;
    failpoint::opened(options.mode == StoreMode::Test)
        .map_err(|e| StoreError::Open { path: url.to_string().into(), source: e.into() })?;
    if version < known_schema() {
        migrate(&conn, options, url)?;
    }
    read_time(&conn)?;
    let key = lock_key(&conn)?;
    conn.serve();
    reader.serve();
    Ok(Prepared { conn, reader, key, schema })
}

/// Where the store is, or would be made.
fn schema_of(conn: &PgConnection, url: &PostgresUrl) -> Result<String, StoreError> {
    conn.word(SCHEMA)?.ok_or_else(|| not_admitted(url, INVALID_SCHEMA_NAME, NO_SCHEMA))
}

/// Which lock is that of the store which is there now: made anew in its place, it has another.
pub(super) fn lock_key(conn: &PgConnection) -> Result<i64, StoreError> {
    Connection::Postgres(conn).prepare_cached(LOCK_KEY)?.query_row([], |r| r.get(0))
}

/// What an open store begins with.
pub(super) struct Prepared {
    pub(super) conn: PgConnection,
    /// Another connection.
    pub(super) reader: PgConnection,
    /// Which lock is the store's.
    pub(super) key: i64,
    /// Where in the database it is.
    pub(super) schema: String,
}

/// Where the search path of a role or of a database was changed, nobody means to begin anew beside all calls.
fn refuse_a_second_store(conn: &PgConnection, url: &PostgresUrl) -> Result<(), StoreError> {
    if url.whole().contains("search_path") {
        return Ok(());
    }
    let Some(schema) = conn.word(ELSEWHERE)? else { return Ok(()) };
    let why = format!(
        "there is a store in the schema {schema} of this database, to which this user's search_path does not lead; name the \
         schema in store.url, that one or another: ?options=-csearch_path%3D{schema}"
    );
    Err(not_admitted(url, INVALID_SCHEMA_NAME, why))
}

/// The version of its schema, 0 where there is none yet and one is to be made.
fn recognise(conn: &PgConnection, options: &StoreSettings, url: &PostgresUrl) -> Result<i64, StoreError> {
    let not_ours = |why: &str| StoreError::Open { path: url.to_string().into(), source: why.into() };
    let sql = Connection::Postgres(conn);
    if !sql.prepare_cached(HAS_META)?.query_row([], |r| r.get(0))? {
        return if options.create { Ok(0) } else { Err(not_ours("there is no store in this database")) };
    }
    let word = |key: &str| -> Result<Option<String>, StoreError> {
        sql.prepare_cached(META)?.query_maybe([key], |r| r.get(0))
    };
    let strange = || not_ours("its table `meta` is not of a store of dispatchctl");
    let version = versions::of(conn).map_err(|e| match e {
        StoreError::Refused { .. } | StoreError::Open { .. } => strange(),
        other => other,
    });
    let (version, mode) = (version?.ok_or_else(strange)?, word("mode")?);
    let stamp = mode.ok_or_else(strange)?;
    version.is_known_to(known_schema(), url)?;
    if stamp != options.mode.as_str() {
        let wanted = options.mode.as_str().to_owned();
        return Err(StoreError::OtherMode { path: url.to_string().into(), found: stamp, wanted });
    }
    Ok(version.found)
}

fn migrate(conn: &PgConnection, options: &StoreSettings, url: &PostgresUrl) -> Result<(), StoreError> {
    loop {
        conn.batch(&format!("{BEGIN}; SELECT pg_advisory_xact_lock({LOCKS}, {MIGRATION})"))?;
        // Read under the lock: another process may have been faster.
        let version = recognise(conn, options, url)?;
        let Some(step) = usize::try_from(version).ok().and_then(|v| MIGRATIONS.get(v)) else {
            return conn.batch("ROLLBACK");
        };
        versions::may_make(conn, step, version, url)?;
        conn.batch(step.sql)?;
        versions::note(conn, version + 1)?;
        if version == 0 {
            Connection::Postgres(conn).prepare_cached(PUT_META)?.execute(params!["mode", options.mode.as_str()])?;
        }
        conn.commit("COMMIT")?;
    }
}

/// Makes the whole schema, with its stamp, in the transaction that is open.
pub(super) fn make_schema(conn: &PgConnection, mode: StoreMode) -> Result<(), StoreError> {
    MIGRATIONS.iter().try_for_each(|step| conn.batch(step.sql))?;
    versions::note(conn, known_schema())?;
    Connection::Postgres(conn).prepare_cached(PUT_META)?.execute(params!["mode", mode.as_str()])?;
    Ok(())
}

/// What a store says before it is opened; nothing where there is none, or where it is another's or of another version. Blocks, on a
/// thread that may.
///
/// # Errors
/// [`StoreError`]: it cannot be reached or read.
pub(in crate::store) fn peek(options: &StoreSettings, url: &PostgresUrl) -> Result<Peeked, StoreError> {
    let options = StoreSettings { create: false, ..options.clone() };
    look(url, options.busy_timeout, |conn| match recognise(conn, &options, url) {
        Ok(version) if version >= known_schema() => tables::peeked(Connection::Postgres(conn)),
        Err(e @ (StoreError::Unreachable { .. } | StoreError::ReadOnly { .. } | StoreError::Busy)) => Err(e),
        _ => Ok(Peeked::default()),
    })
}

/// See [`crate::store::open_calls`]. Blocks, on a thread that may.
pub(in crate::store) fn open_calls(
    options: &StoreSettings,
    url: &PostgresUrl,
) -> Result<Vec<(String, String)>, StoreError> {
    let options = StoreSettings { create: false, ..options.clone() };
    look(url, std::time::Duration::from_secs(1), |conn| match recognise(conn, &options, url) {
        Ok(version) if version == known_schema() => tables::open_calls(Connection::Postgres(conn)),
        Err(e) => Err(e),
        Ok(_) => Ok(Vec::new()),
    })
}

/// Whether there is a store in this database. Blocks, on a thread that may.
///
/// # Errors
/// [`StoreError`]: it cannot be reached.
pub(in crate::store) fn exists(url: &PostgresUrl) -> Result<bool, StoreError> {
    let options = StoreSettings::of(crate::store::Location::Postgres(url.clone()), StoreMode::Live);
    look(url, options.busy_timeout, |conn| match recognise(conn, &options, url) {
        Ok(_) | Err(StoreError::OtherMode { .. } | StoreError::Newer { .. }) => Ok(true),
        Err(StoreError::Open { .. }) => Ok(false),
        Err(e) => Err(e),
    })
}

/// Why no store could be made where there is none: what [`prepare`] would say, with nothing made. Blocks, on a thread that may.
///
/// # Errors
/// [`StoreError::Open`]: there is one in another schema, or no schema; [`StoreError::Denied`]: this user may make no tables;
/// others: it cannot be reached.
pub(in crate::store) fn can_be_made(url: &PostgresUrl) -> Result<(), StoreError> {
    let options = StoreSettings::of(crate::store::Location::Postgres(url.clone()), StoreMode::Live);
    look(url, options.busy_timeout, |conn| {
        refuse_a_second_store(conn, url)?;
        let schema = schema_of(conn, url)?;
        match conn.word(MAY_CREATE)?.as_deref() {
            Some("f") => Err(StoreError::Denied { what: format!("permission denied for schema {schema}") }),
            _ => Ok(()),
        }
    })
}

/// Reads in one transaction, which is over before the connection is.
fn look<T>(
    url: &PostgresUrl,
    lock_within: Duration,
    read: impl FnOnce(&PgConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (conn, other) = (PgConnection::open(url, lock_within)?, PgConnection::open(url, lock_within)?);
    refuse_shared_sessions(&conn, &other, url)?;
    conn.batch(READ)?;
    let seen = read(&conn);
    // What was seen was seen: the server ends by itself what is left open.
    drop(conn.batch("ROLLBACK"));
    seen
}

/// Who is the engine of the store in this database; `None`: nobody, or there is no telling. Blocks, on a thread that may.
pub(in crate::store) fn holder(url: &PostgresUrl) -> Option<Holder> {
    PgConnection::open(url, Duration::from_secs(1)).and_then(|conn| lease::holder(&conn)).ok().flatten()
}

/// A connection blocks, which a thread of a runtime must not.
#[cfg(feature = "drills")]
pub(super) fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(StoreError::Refused { what: "a look at the store panicked".into() }))
}
