//! Opens a store in a database: whether there is one, whose it is, its schema.
//!
//! A store of the other mode, or one that is newer, is left exactly as it was. Migrations are numbered, forward only, and each is a
//! transaction in which no other process migrates: a crash leaves the schema before it or after it.

use std::time::Duration;

use super::connection::PgConnection;
use super::lease;
use super::lease::read_time;
use super::pooler::refuse_shared_sessions;
use crate::failpoint;
use crate::store::sql::{Connection, params};
use crate::store::{Holder, Peeked, PostgresUrl, StoreError, StoreMode, StoreSettings, tables};

/// Numbered, forward only, never edited after a release.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];
/// Names our locks among those that other programs take in the same database: "disp".
pub(super) const LOCKS: i64 = 0x6469_7370;
/// Which of them a migration takes; the store's own have the number of one of its tables.
pub(super) const MIGRATION: i64 = 0;

pub(super) const HAS_META: &str = "SELECT to_regclass('meta') IS NOT NULL";
pub(super) const META: &str = "SELECT value FROM meta WHERE key = ?1";
pub(super) const PUT_META: &str =
    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const LOCK_KEY: &str = "SELECT CAST(CAST(to_regclass('meta') AS oid) AS bigint)";

pub(super) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Connects, and makes the schema what this program knows. Blocks.
///
/// # Errors
/// [`StoreError::Open`], [`StoreError::Newer`], [`StoreError::OtherMode`], [`StoreError::Busy`], [`StoreError::Unreachable`].
pub(super) fn prepare(options: &StoreSettings, url: &PostgresUrl) -> Result<Prepared, StoreError> {
    let (conn, reader) =
        (PgConnection::open(url, options.busy_timeout)?, PgConnection::open(url, options.busy_timeout)?);
    refuse_shared_sessions(&conn, &reader, url)?;
    let version = recognise(&conn, options, url)?;
    failpoint::opened(options.mode == StoreMode::Test)
        .map_err(|e| StoreError::Open { path: url.to_string().into(), source: e.into() })?;
    if version < known_schema() {
        migrate(&conn, options, url)?;
    }
    read_time(&conn)?;
    let key: i64 = Connection::Postgres(&conn).prepare_cached(LOCK_KEY)?.query_row([], |r| r.get(0))?;
    conn.serve();
    reader.serve();
    Ok(Prepared { conn, reader, key })
}

/// What an open store begins with.
pub(super) struct Prepared {
    pub(super) conn: PgConnection,
    /// Another connection.
    pub(super) reader: PgConnection,
    /// Which lock is the store's.
    pub(super) key: i64,
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
    let schema = word("schema").map_err(|e| match e {
        StoreError::Refused { .. } => strange(),
        other => other,
    });
    let (schema, mode) = (schema?, word("mode")?);
    let found: i64 = schema.and_then(|s| s.parse().ok()).ok_or_else(strange)?;
    let stamp = mode.ok_or_else(strange)?;
    if found > known_schema() {
        return Err(StoreError::Newer { path: url.to_string().into(), found, known: known_schema() });
    }
    if stamp != options.mode.as_str() {
        let wanted = options.mode.as_str().to_owned();
        return Err(StoreError::OtherMode { path: url.to_string().into(), found: stamp, wanted });
    }
    Ok(found)
}

fn migrate(conn: &PgConnection, options: &StoreSettings, url: &PostgresUrl) -> Result<(), StoreError> {
    loop {
        conn.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCKS}, {MIGRATION})"))?;
        // Read under the lock: another process may have been faster.
        let version = recognise(conn, options, url)?;
        let Some(step) = usize::try_from(version).ok().and_then(|v| MIGRATIONS.get(v)) else {
            return conn.batch("ROLLBACK");
        };
        conn.batch(step)?;
        let sql = Connection::Postgres(conn);
        let mut put = sql.prepare_cached(PUT_META)?;
        put.execute(params!["schema", (version + 1).to_string()])?;
        if version == 0 {
            put.execute(params!["mode", options.mode.as_str()])?;
        }
        conn.commit("COMMIT")?;
    }
}

/// Makes the whole schema, with its stamp, in the transaction that is open.
pub(super) fn make_schema(conn: &PgConnection, mode: StoreMode) -> Result<(), StoreError> {
    MIGRATIONS.iter().try_for_each(|step| conn.batch(step))?;
    let mut put = Connection::Postgres(conn).prepare_cached(PUT_META)?;
    put.execute(params!["schema", known_schema().to_string()])?;
    put.execute(params!["mode", mode.as_str()])?;
    Ok(())
}

/// What a store says before it is opened; nothing where there is none, or where it is another's or of another version. Blocks.
///
/// # Errors
/// [`StoreError`]: it cannot be reached or read.
pub(in crate::store) fn peek(options: &StoreSettings, url: &PostgresUrl) -> Result<Peeked, StoreError> {
    on_a_thread(|| {
        let conn = PgConnection::open(url, options.busy_timeout)?;
        let options = StoreSettings { create: false, ..options.clone() };
        match recognise(&conn, &options, url) {
            Ok(version) if version == known_schema() => {}
            Err(e @ (StoreError::Unreachable { .. } | StoreError::Busy)) => return Err(e),
            _ => return Ok(Peeked::default()),
        }
        conn.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        tables::peeked(Connection::Postgres(&conn))
    })
}

/// Whether there is a store in this database. Blocks.
///
/// # Errors
/// [`StoreError`]: it cannot be reached.
pub(in crate::store) fn exists(url: &PostgresUrl) -> Result<bool, StoreError> {
    on_a_thread(|| {
        let conn = PgConnection::open(url, Duration::from_secs(5))?;
        let options = StoreSettings::of(crate::store::Location::Postgres(url.clone()), StoreMode::Live);
        match recognise(&conn, &options, url) {
            Ok(_) | Err(StoreError::OtherMode { .. } | StoreError::Newer { .. }) => Ok(true),
            Err(StoreError::Open { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    })
}

/// Who is the engine of the store in this database; `None`: nobody, or there is no telling. Blocks.
pub(in crate::store) fn holder(url: &PostgresUrl) -> Option<Holder> {
    on_a_thread(|| lease::holder(&PgConnection::open(url, Duration::from_secs(1))?)).ok().flatten()
}

/// A connection blocks, which a thread of a runtime must not.
pub(super) fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err(StoreError::Refused { what: "a look at the store panicked".into() }))
}
