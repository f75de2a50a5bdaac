//! Opens a store file: what it is, whose it is, its schema, its settings.
//!
//! A file that cannot be ours, is newer, or belongs to the other mode is left exactly as it was. A crash while a store is
//! made leaves an empty file, which the next `create` completes; one while it is migrated leaves the old schema and its copy.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::file::{FileLock, cannot_open, is_there};
use super::moved::moved_to;
use super::{backup, rescue};
use crate::clock::{Clock as _, SystemClock};
use crate::failpoint;
use crate::store::{StoreError, StoreMode, StoreSettings};

/// Numbered, forward only, never edited after a release.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_lanes.sql"),
    include_str!("migrations/0003_shop.sql"),
    include_str!("migrations/0004_deferred.sql"),
    include_str!("migrations/0005_businesses.sql"),
    include_str!("migrations/0006_event_webhooks.sql"),
    include_str!("migrations/0007_phone_calls.sql"),
    include_str!("migrations/0008_channels.sql"),
    include_str!("migrations/0009_report_mails.sql"),
    include_str!("migrations/0010_voice.sql"),
    include_str!("migrations/0011_oncall.sql"),
    include_str!("migrations/0012_phone_trace.sql"),
    include_str!("migrations/0013_calendars.sql"),
    include_str!("migrations/0014_override_asked.sql"),
    include_str!("migrations/0015_roll_calls.sql"),
    include_str!("migrations/0016_quiet.sql"),
    include_str!("migrations/0017_followthrough.sql"),
    include_str!("migrations/0018_calendar_places.sql"),
    include_str!("migrations/0019_alert_deliveries.sql"),
    include_str!("migrations/0020_alert_receipts.sql"),
    include_str!("migrations/0021_board.sql"),
    include_str!("migrations/0022_prune.sql"),
    include_str!("migrations/0023_alert_texts.sql"),
];
/// Marks our files among SQLite's (`PRAGMA application_id`): "disp".
const APPLICATION_ID: i64 = 0x6469_7370;
/// How many prepared statements a connection keeps; more than there are.
const STATEMENTS: usize = 128;

/// The schema that this program knows, the newest.
pub(super) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Changes.
    Write,
    Read,
    /// Checkpoints, and nothing else.
    Checkpoint,
    /// The engine's sign of life, and nothing else.
    Beat,
}

impl Use {
    /// Pages that a connection keeps, at most: what falls out is read from the system's cache again. More makes receipts no
    /// cheaper, and stays resident once a bulk of calls has gone through it. The writer's holds the pages that a batch changes.
    const fn cache_kib(self) -> i64 {
        match self {
            Self::Write => 4096,
            Self::Read => 512,
            Self::Checkpoint | Self::Beat => 64,
        }
    }
}

/// Makes the file ready: exists, is ours, of this mode and of this schema.
///
/// # Errors
/// [`StoreError::Open`], [`StoreError::Newer`], [`StoreError::OtherMode`], [`StoreError::Busy`], [`StoreError::Corrupt`].
pub(super) fn prepare(options: &StoreSettings) -> Result<Connection, StoreError> {
    prepare_with(options, MIGRATIONS)
}

fn prepare_with(options: &StoreSettings, schema: &[&str]) -> Result<Connection, StoreError> {
    let path = options.path();
    make_file(options)?;
    let mut conn = connect(options, Use::Write)?;
    if conn.is_readonly("main").map_err(|e| cannot_open(path, e))? {
        return Err(cannot_open(path, "the file or its file system is read-only"));
    }
    let known = i64::try_from(schema.len()).unwrap_or(i64::MAX);
    let mut tries = 0;
    loop {
        let version = recognise(&conn, options, known)?;
        failpoint::opened(options.mode == StoreMode::Test).map_err(|e| cannot_open(path, e))?;
        if version == known {
            break;
        }
        if version > 0 {
            if !FileLock::is_own(path) && FileLock::is_held(path).unwrap_or(false) {
                let what = format!(
                    "it has schema {version}, this program knows {known}, and an engine of that version works on it: use that version, or stop it first"
                );
                return Err(StoreError::WrongFile { path: path.to_owned(), what });
            }
            if options.backups > 0 {
                copy_before(&conn, options, version)?;
            }
        }
        tune(&conn, path)?;
        match migrate(&mut conn, options.mode, schema) {
            Ok(()) => failpoint::hit("migration.committed"),
            // Another process may have been faster: what it left is looked at again.
            Err(_) if tries < 2 && recognise(&conn, options, known)? != version => {}
            Err(e) => return Err(cannot_open(path, e)),
        }
        tries += 1;
    }
    tune(&conn, path)?;
    Ok(conn)
}

/// A further connection to a file that [`prepare`] has made ready.
pub(super) fn connect(options: &StoreSettings, what_for: Use) -> Result<Connection, StoreError> {
    let path = options.path();
    let access = match what_for {
        Use::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Use::Write | Use::Checkpoint | Use::Beat => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| cannot_open(path, e))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    let busy = match what_for {
        // A checkpoint that cannot be made now is made later. One that empties the log waits for readers while nobody can write.
        Use::Checkpoint => options.busy_timeout.min(Duration::from_millis(5)),
        // Nor does a sign of life: the next one comes soon.
        Use::Beat => options.busy_timeout.min(Duration::from_secs(1)),
        Use::Read | Use::Write => options.busy_timeout,
    };
    let set = || -> rusqlite::Result<()> {
        conn.busy_timeout(busy)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        // Savepoints keep their undo pages in memory, not in a temporary file.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        // With NORMAL a commit waits for no disk, and a checkpoint still does: a power cut forgets the newest commits of this
        // connection at most, and breaks nothing (source: SQLite's page on WAL).
        conn.pragma_update(None, "synchronous", if what_for == Use::Beat { "NORMAL" } else { "FULL" })?;
        // What is taken out of the file is overwritten in it: a name that was pruned is nowhere in it.
        conn.pragma_update(None, "secure_delete", what_for == Use::Write)?;
        conn.pragma_update(None, "cache_size", -what_for.cache_kib())?;
        // Never inside a commit of this connection.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        // On macOS a plain fsync does not reach the disk.
        conn.pragma_update(None, "fullfsync", true)?;
        conn.pragma_update(None, "checkpoint_fullfsync", true)
    };
    set().map_err(|e| not_read(path, e))?;
    Ok(conn)
}

/// What SQLite says of a file that it looks into for the first time.
fn not_read(path: &Path, e: rusqlite::Error) -> StoreError {
    match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::from(e),
        _ => cannot_open(path, e),
    }
}

fn make_file(options: &StoreSettings) -> Result<(), StoreError> {
    let path = options.path();
    match fs::metadata(path) {
        Ok(m) if m.is_file() => return is_there(path).map(drop),
        Ok(_) => return Err(cannot_open(path, "it is not a file")),
        Err(e) if e.kind() == io::ErrorKind::NotFound && options.create => {}
        Err(e) => return Err(cannot_open(path, e)),
    }
    rescue::make(path)
}

/// The schema version of a file that is ours and of our mode; 0 for an empty one.
fn recognise(conn: &Connection, options: &StoreSettings, known: i64) -> Result<i64, StoreError> {
    let path = options.path();
    let number = |pragma: &str| -> Result<i64, StoreError> {
        conn.pragma_query_value(None, pragma, |r| r.get(0)).map_err(|e| not_read(path, e))
    };
    let (version, application) = (number("user_version")?, number("application_id")?);
    if version == 0 {
        let tables: i64 =
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(|e| not_read(path, e))?;
        return match (tables, options.create) {
            (0, true) => Ok(0),
            (0, false) => Err(cannot_open(path, "it is empty")),
            _ => Err(cannot_open(path, "it is a database, but not a store of dispatchctl")),
        };
    }
    if application != APPLICATION_ID {
        return Err(cannot_open(path, "it is a database, but not a store of dispatchctl"));
    }
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    let stamp: String =
        conn.query_row("SELECT value FROM meta WHERE key = 'mode'", [], |r| r.get(0)).map_err(|e| not_read(path, e))?;
    if stamp == options.mode.as_str() {
        match moved_to(conn).map_err(|e| not_read(path, e))? {
            None => Ok(version),
            Some(place) => {
                let what = format!("it was moved to {place} by `dispatchctl store migrate`: set store.url to that");
                Err(StoreError::WrongFile { path: path.to_owned(), what })
            }
        }
    } else {
        Err(StoreError::OtherMode { path: path.to_owned(), found: stamp, wanted: options.mode.as_str().to_owned() })
    }
}

/// The schema of a copy of a store of this mode, of this version or one before it.
///
/// # Errors
/// Those of [`prepare`], of which none changes the file.
pub(super) fn recognised(conn: &Connection, options: &StoreSettings) -> Result<i64, StoreError> {
    recognise(conn, options, known_schema())
}

/// Whether this file is a store of this mode, of this version or one before it.
pub(super) fn is_ours_of_any_schema(conn: &Connection, options: &StoreSettings) -> bool {
    recognise(conn, options, known_schema()).is_ok_and(|version| version > 0)
}

/// Whether this file is a store of this mode that this version knows.
pub(super) fn is_ours(conn: &Connection, options: &StoreSettings) -> bool {
    let known = known_schema();
    recognise(conn, options, known).is_ok_and(|version| version == known)
}

/// Keeps the store as it was, whole and private, beside itself; a migration that fails at every start makes one copy.
fn copy_before(conn: &Connection, options: &StoreSettings, schema: i64) -> Result<(), StoreError> {
    if backup::is_current(options.path(), schema) {
        return Ok(());
    }
    let name = backup::Name { at: SystemClock::new().now(), before: Some(schema) };
    let snapshot = conn.unchecked_transaction()?;
    let copied = backup::write(&snapshot, options.path(), &name, options.backups, &AtomicBool::new(false));
    copied.map(drop).map_err(|e| cannot_open(options.path(), e))
}

/// Settings that hold for the file or for the one writer; only ever after [`recognise`], for they change the file.
fn tune(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let set = || -> rusqlite::Result<String> {
        let mode = conn.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get::<_, String>(0))?;
        conn.pragma_update(None, "foreign_keys", true)?;
        // Never inside a commit: `Store::checkpoint` does it when nobody waits.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(mode)
    };
    match set() {
        Ok(mode) if mode == "wal" => Ok(()),
        Ok(mode) => Err(cannot_open(path, format!("its file system allows no write-ahead log (journal mode {mode})"))),
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Err(StoreError::Busy),
        Err(e) => Err(cannot_open(path, e)),
    }
}

/// An empty store in memory, as the migrations make it.
pub(super) fn made_anew() -> Result<Connection, StoreError> {
    let mut conn = Connection::open_in_memory()?;
    migrate(&mut conn, StoreMode::Live, MIGRATIONS).map_err(|e| StoreError::Refused { what: e.to_string() })?;
    Ok(conn)
}

fn migrate(conn: &mut Connection, mode: StoreMode, schema: &[&str]) -> Result<(), rusqlite_migration::Error> {
    let steps = schema.iter().enumerate().map(|(i, sql)| {
        if i > 0 {
            return M::up(sql);
        }
        // The stamp is part of the transaction that makes the schema: there is no store without one.
        M::up_with_hook(sql, move |tx: &rusqlite::Transaction<'_>| {
            failpoint::hit("migration.before-stamp");
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.execute("INSERT INTO meta (key, value) VALUES ('mode', ?1)", [mode.as_str()])?;
            Ok(())
        })
    });
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    // A row that breaks a constraint was damaged before: it must not keep all the others from a program that serves them. What
    // a migration makes anew is checked all the same, by the first change.
    conn.pragma_update(None, "ignore_check_constraints", true)?;
    let done = Migrations::new(steps.collect()).to_latest(conn);
    conn.pragma_update(None, "ignore_check_constraints", false)?;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(path: std::path::PathBuf) -> StoreSettings {
        StoreSettings { create: true, backups: 7, ..StoreSettings::of(path.as_path(), StoreMode::Test) }
    }

    fn only_copy(path: &Path) -> std::path::PathBuf {
        let all = backup::all(path);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].path.clone()
    }

    #[test]
    fn who_keeps_no_copies_has_none_made_before_a_migration() {
        let dir = tempfile::tempdir().expect("dir");
        let options = StoreSettings { backups: 0, ..options(dir.path().join("s.db")) };
        drop(prepare(&options).expect("made"));
        drop(prepare_with(&options, &with_one_more("CREATE TABLE extra (a INTEGER) STRICT")).expect("migrated"));
        assert_eq!(backup::all(options.path()), []);
    }

    fn with_one_more(next: &'static str) -> Vec<&'static str> {
        MIGRATIONS.iter().copied().chain([next]).collect()
    }

    #[test]
    fn a_migration_keeps_a_copy_of_what_was_and_a_failed_one_changes_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let options = options(dir.path().join("s.db"));
        let newest = i64::try_from(MIGRATIONS.len()).expect("few");
        drop(prepare(&options).expect("the newest version"));
        let broken = with_one_more("CREATE TABLE extra (a INTEGER) STRICT; SELECT nonsense");
        assert!(matches!(prepare_with(&options, &broken), Err(StoreError::Open { .. })));
        let copy = only_copy(options.path());
        // As a try of a later second would find it, which would give its copy another name.
        let earlier = copy.with_file_name("s.db.backup-20260101T000000Z-v".to_owned() + &newest.to_string());
        std::fs::rename(&copy, &earlier).expect("renamed");
        let copy = earlier;
        assert!(prepare_with(&options, &broken).is_err());
        assert_eq!(only_copy(options.path()), copy, "as often as it fails");
        assert!(prepare(&options).is_ok(), "still the version before");
        let good = with_one_more("CREATE TABLE extra (a INTEGER) STRICT");
        let conn = prepare_with(&options, &good).expect("one more");
        conn.execute("INSERT INTO extra VALUES (1)", []).expect("new table");
        let old = Connection::open(&copy).expect("copy");
        let version: i64 = old.pragma_query_value(None, "user_version", |r| r.get(0)).expect("version");
        assert_eq!(version, newest);
        let refused = prepare(&options);
        assert!(
            matches!(refused, Err(StoreError::Newer { found, known, .. }) if found == newest + 1 && known == newest)
        );
    }

    /// Rows as version 1 wrote them: two calls and one that was corrupted.
    const OF_VERSION_1: &str = r#"
        INSERT INTO calls (id, reference, status, round, level, policy, steps_total, data, fingerprint, created_by, accepted_at,
            next_step, wake_at, attempts, outs, muted, updated_at)
        SELECT id, '7K3Q', 'DISPATCHING', 1, 'normal', '{}', 1, data, 'f', 'intake', 1, 1, 9, 9, '[]', 0, 1
        FROM (SELECT 'listed' AS id, '{"twilioToNumber":"+18005550100"}' AS data
            UNION ALL SELECT 'plain', '{}' UNION ALL SELECT 'unreadable', '{');
        INSERT INTO notices SELECT id, 1, n, 'sam', n FROM calls, (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2
            UNION ALL SELECT 3);
        INSERT INTO attempts (id, call_id, number, kind, channel, provider, round, step, contact, name, phone, sender, state,
            priority, body, segments, created_at, not_before, claimed_by, sent_at, tries, callback, sid, result, finished_at,
            polls, conflict, call_open)
        SELECT randomblob(16), c.id, n + 1, kind, 'sms', 'twilio', 1, n, 'sam', 'SAM', '+19495550101', sender, state, 0, '', 0,
            1, 1, claim, 1, 0, 1, CASE state WHEN 'delivered' THEN c.id || n END, '', CASE state WHEN 'delivered' THEN 1 END,
            0, 0, 1
        FROM calls c, (SELECT 0 AS n, 'notice' AS kind, NULL AS sender, 'scheduled' AS state, NULL AS claim
            UNION ALL SELECT 1, 'answer', '+15005550009', 'retrying', NULL
            UNION ALL SELECT 2, 'notice', '+15005550006', 'sending', 'e'
            UNION ALL SELECT 3, 'notice', '+15005550006', 'delivered', NULL) a;
        PRAGMA ignore_check_constraints = ON;
        UPDATE attempts SET priority = 9 WHERE call_id = 'unreadable' AND number = 1;
    "#;

    #[test]
    fn what_waits_in_a_store_of_version_1_gets_its_lane_and_a_corrupt_row_stops_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let options = options(dir.path().join("s.db"));
        let old = prepare_with(&options, &MIGRATIONS[..1]).expect("version 1");
        old.execute_batch(OF_VERSION_1).expect("rows");
        let all = |conn: &Connection| -> Vec<(String, i64, String)> {
            let mut rows =
                conn.prepare("SELECT call_id, number, lane FROM attempts ORDER BY call_id, number").expect("sql");
            let rows = rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).expect("rows");
            rows.collect::<Result<_, _>>().expect("rows")
        };
        drop(old);
        let conn = prepare(&options).expect("migrated");
        let wanted = [
            ("listed", ["|+18005550100", "+15005550009|+18005550100", "|+18005550100", "|"]),
            ("plain", ["|", "+15005550009|", "|", "|"]),
            ("unreadable", ["|", "+15005550009|", "|", "|"]),
        ];
        let wanted: Vec<_> = wanted
            .iter()
            .flat_map(|(call, send_queues)| {
                (1..).zip(send_queues).map(|(n, l)| ((*call).to_owned(), n, (*l).to_owned()))
            })
            .collect();
        assert_eq!(all(&conn), wanted, "what is over needs none");
        let of_domain = crate::store::SendQueue::new(Some("+18005550100"), "+15005550009".parse().ok().as_ref());
        assert_eq!(of_domain.as_str(), "+15005550009|+18005550100", "SQL and code agree");
        assert!(only_copy(options.path()).to_string_lossy().ends_with("Z-v1"));
        let on = conn.execute("UPDATE attempts SET polls = -1 WHERE call_id = 'plain'", []);
        assert!(on.expect_err("checked again").to_string().contains("attempt_numbers_are_not_negative"));
        let counted: i64 = conn
            .query_row(
                "SELECT count(*) FROM attempts INDEXED BY attempts_waiting WHERE state IN ('scheduled', 'retrying')",
                [],
                |r| r.get(0),
            )
            .expect("counted");
        assert_eq!(counted, 6);
    }

    #[test]
    fn a_migration_cut_off_in_its_middle_leaves_the_version_before_it() {
        let dir = tempfile::tempdir().expect("dir");
        let old = options(dir.path().join("s.db"));
        drop(prepare(&old).expect("version 1"));
        let next = "CREATE TABLE extra (a INTEGER) STRICT; INSERT INTO extra VALUES (1)";
        // What a kill leaves behind: the files, with pages of a transaction that was never committed.
        let cut = Connection::open(dir.path().join("s.db")).expect("open");
        cut.execute_batch(&format!(
            "PRAGMA cache_size = 1; BEGIN IMMEDIATE; {next}; CREATE TABLE big (a TEXT);
             WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
             INSERT INTO big SELECT hex(randomblob(200)) FROM n; PRAGMA user_version = {}",
            MIGRATIONS.len() + 1
        ))
        .expect("in its middle");
        let left = tempfile::tempdir().expect("dir");
        for name in ["s.db", "s.db-wal"] {
            fs::copy(dir.path().join(name), left.path().join(name)).expect(name);
        }
        assert!(fs::metadata(left.path().join("s.db-wal")).expect("a log").len() > 100_000, "pages had left the cache");
        drop(cut);
        let left = options(left.path().join("s.db"));
        drop(prepare(&left).expect("the version before, by the program before"));
        let schema: Vec<&str> = MIGRATIONS.iter().copied().chain([next]).collect();
        let conn = prepare_with(&left, &schema).expect("migrated now");
        let rows: i64 = conn.query_row("SELECT count(*) FROM extra", [], |r| r.get(0)).expect("table");
        assert_eq!(rows, 1, "once");
        let tables: i64 =
            conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'big'", [], |r| r.get(0)).expect("schema");
        assert_eq!(tables, 0, "nothing of the one that was cut off");
    }

    #[test]
    fn a_version_behind_its_own_tables_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let options = options(dir.path().join("s.db"));
        let next = "CREATE TABLE first (a INTEGER) STRICT; CREATE TABLE extra (a INTEGER) STRICT";
        let schema: Vec<&str> = MIGRATIONS.iter().copied().chain([next]).collect();
        let conn = prepare(&options).expect("made");
        conn.execute_batch("CREATE TABLE extra (a TEXT) STRICT; INSERT INTO extra VALUES ('kept')").expect("by hand");
        drop(conn);
        let got = prepare_with(&options, &schema).map(drop);
        assert!(matches!(&got, Err(StoreError::Open { .. })), "{got:?}");
        let conn = prepare(&options).expect("as it was");
        let (kept, first): (String, i64) = conn
            .query_row("SELECT a, (SELECT count(*) FROM sqlite_schema WHERE name = 'first') FROM extra", [], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .expect("kept");
        assert_eq!((kept.as_str(), first), ("kept", 0), "the first half was taken back");
    }

    #[cfg(unix)]
    #[test]
    fn a_store_and_its_copy_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("dir");
        let options = options(dir.path().join("deep/er/s.db"));
        drop(prepare(&options).expect("made"));
        drop(prepare_with(&options, &with_one_more("CREATE TABLE extra (a INTEGER) STRICT")).expect("migrated"));
        for path in [options.path().to_owned(), only_copy(options.path())] {
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{path:?}");
        }
    }

    #[test]
    fn many_processes_that_make_one_store_agree() {
        let dir = tempfile::tempdir().expect("dir");
        let options = options(dir.path().join("s.db"));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let options = options.clone();
                std::thread::spawn(move || prepare(&options).map(drop))
            })
            .collect();
        for t in threads {
            t.join().expect("no panic").expect("opened");
        }
    }

    #[test]
    fn every_connection_is_set_as_promised() {
        let dir = tempfile::tempdir().expect("dir");
        let options = options(dir.path().join("s.db"));
        let conn = prepare(&options).expect("made");
        for (pragma, wanted) in
            [("synchronous", 2), ("foreign_keys", 1), ("wal_autocheckpoint", 0), ("busy_timeout", 5000)]
        {
            let got: i64 = conn.pragma_query_value(None, pragma, |r| r.get(0)).expect(pragma);
            assert_eq!(got, wanted, "{pragma}");
        }
        for use_ in [Use::Write, Use::Read, Use::Checkpoint, Use::Beat] {
            let conn = connect(&options, use_).expect("opens");
            let got: i64 = conn.pragma_query_value(None, "cache_size", |r| r.get(0)).expect("cache_size");
            assert_eq!(got, -use_.cache_kib(), "{use_:?}");
        }
    }
}
