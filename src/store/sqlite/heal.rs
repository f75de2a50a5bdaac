//! What a start of the engine does about damaged indexes, before anything is read for decisions. What an index holds is in its
//! table too, so it is rebuilt in place; where a page of it cannot even be freed, a copy of the store with new indexes takes the
//! store's place, and the damaged file is kept beside it.
//!
//! The copy is made by the holder of the engine lock while nobody else has the store open. It holds every row of every table, it
//! is checked from end to end, and it is on the disk before it has the store's name. At each moment the name leads to a whole
//! file: the old one until the rename, the new one from then on. Before the copy is begun, the write-ahead log is moved into the
//! old file and removed, so that none of it can be applied to the new one. A crash leaves a `.healed.part` file, or a second name
//! of the old file, and the next start begins again.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tracing::{info, warn};

use super::file::{FileId, FileLock, beside, free_beside, is_there, private_file, sync_directory};
use super::lease::FileLease;
use super::open::{self, Use, connect};
use super::repair::{self, REBUILT};
use super::rescue::open_to_the_same;
use super::{backup, rows_copy};
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::store::tables::Damage;
use crate::store::{StoreError, StoreSettings, Unreadable};

/// What the copy has behind the store's name until it takes that name.
const PART: &str = ".healed.part";
/// What a copy that is to be restored has there.
pub(super) const RESTORING: &str = ".restoring.part";
/// What SQLite may leave beside it.
const BESIDE_PART: [&str; 4] = ["", "-journal", "-wal", "-shm"];
/// What the damaged file has behind the store's name; the time follows.
const DAMAGED: &str = ".damaged-";
/// What a store that was restored over has.
const KEPT: [&str; 2] = [DAMAGED, ".replaced-"];
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HealStep {
    /// Nobody else has the store open, and its log is in it.
    Alone,
    /// The copy is whole and on the disk.
    Copied,
    /// The old file has a second name.
    Kept,
    /// The copy has the store's name.
    Placed,
}

/// Called behind each step; an error ends the work there and then, as a crash would.
type After<'a> = &'a mut dyn FnMut(HealStep) -> Result<(), StoreError>;

/// What was done about damaged indexes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Healed {
    rebuilt: Vec<String>,
    /// Those for which the store was copied.
    copied: Vec<String>,
    /// Where the damaged file is then.
    kept: PathBuf,
}

/// Looks for damaged indexes and heals them. What was done, or why it could not be, is remembered for an alert; the store opens
/// all the same. Blocks: a walk through all indexes, and the time of a copy where one is needed.
pub(super) fn at_start(options: &StoreSettings, damage: &Damage) {
    let mut indexes = Vec::new();
    let healed = heal(options, &mut indexes, &mut |_| Ok(()));
    let say = |index: &str, why: String, repaired: bool| {
        damage.found(Unreadable { row: format!("the index {index}"), call: None, why, repaired });
    };
    match healed {
        Ok(healed) => {
            healed.rebuilt.iter().for_each(|index| say(index, REBUILT.to_owned(), true));
            let kept = healed.kept.display();
            for index in &healed.copied {
                let why = format!(
                    "a page of it was damaged; this start put a copy of the store with new indexes in its place, no row is \
                     missing; the damaged file is kept as {kept}"
                );
                say(index, why, true);
            }
        }
        Err(e) => {
            warn!(error = %e, "damaged indexes could not be healed at this start");
            let way_out = match &e {
                StoreError::Corrupt { what, .. } => {
                    format!("a table is damaged too: {what}; {}", go_back(options.path()))
                }
                StoreError::Busy => {
                    "another program has the store open: end it, then restart `serve`, which heals it".to_owned()
                }
                e => format!("{e}; mend that, then restart `serve`, which heals it"),
            };
            for index in &indexes {
                let why = format!("a page of it is damaged, and this start could not heal it: {way_out}");
                say(index, why, false);
            }
        }
    }
}

/// What a person does where the tables are damaged.
pub(super) fn go_back(store: &Path) -> String {
    match backup::all(store).first() {
        Some(copy) => format!(
            "stop `serve`, move the store away, put the newest good copy, {} of {}, in its place, start `serve`",
            copy.path.display(),
            copy.made_at
        ),
        None => "there is no copy of the store to go back to".to_owned(),
    }
}

/// `indexes` are those that are damaged and not rebuilt yet.
fn heal(options: &StoreSettings, indexes: &mut Vec<String>, after: After<'_>) -> Result<Healed, StoreError> {
    let path = options.path();
    let mut healed = Healed::default();
    // What cannot be opened, or is none of ours, is said by whoever opens it next; so is the engine that holds the lock.
    if !is_there(path).unwrap_or(false) {
        return Ok(healed);
    }
    let Ok(conn) = connect(options, Use::Read) else { return Ok(healed) };
    if !open::is_ours_of_any_schema(&conn, options) {
        return Ok(healed);
    }
    let Ok(mut lease) = FileLease::take(path, "serve") else { return Ok(healed) };
    let Ok(corrupt) = repair::corrupt_indexes(&conn) else { return Ok(healed) };
    drop(conn);
    if corrupt.is_empty() {
        // A copy that a crash has left is of no use any more.
        drop(remove_part(&beside(path, PART)));
        return Ok(healed);
    }
    let conn = connect(options, Use::Write)?;
    for index in corrupt {
        match conn.execute_batch(&format!("REINDEX \"{index}\"")) {
            Ok(()) => healed.rebuilt.push(index),
            Err(_) => indexes.push(index),
        }
    }
    drop(conn);
    if !indexes.is_empty() {
        healed.kept = copy_in_place(options, &mut lease, after)?;
        healed.copied = std::mem::take(indexes);
        info!(damaged = %healed.kept.display(), "a copy of the store with new indexes is in its place");
    }
    Ok(healed)
}

/// Puts a copy with new indexes in the store's place; where the old file is kept.
fn copy_in_place(options: &StoreSettings, lease: &mut FileLease, after: After<'_>) -> Result<PathBuf, StoreError> {
    let path = options.path();
    // Nobody reads or writes the old file while this lives.
    let alone = alone(options)?;
    after(HealStep::Alone)?;
    let part = beside(path, PART);
    make_copy(&alone, path, &part)?;
    after(HealStep::Copied)?;
    let io = |e: io::Error| not_written(path, &e);
    // The engine's lock is on the file: the new one has it before anybody can see it.
    let lock = FileLock::take(&part).map_err(io)?.ok_or(StoreError::Busy)?;
    let kept = keep(path, DAMAGED).map_err(io)?;
    after(HealStep::Kept)?;
    fs::rename(&part, path).map_err(io)?;
    lease.moves_to(lock);
    sync_directory(path).map_err(io)?;
    after(HealStep::Placed)?;
    // It is nobody's store any more, and holds people's numbers.
    fs::set_permissions(&kept, Permissions::from_mode(0o600)).map_err(io)?;
    Ok(kept)
}

fn not_written(file: &Path, e: &io::Error) -> StoreError {
    StoreError::Full { what: format!("{}: {e}", file.display()) }
}

/// A connection that keeps everybody else away from the store; other programs get as long to close it as a writer is waited for.
/// The store's log is moved into it and gone. Whoever waits to open the file finds afterwards that another one has its
/// name.
pub(super) fn alone(options: &StoreSettings) -> Result<Connection, StoreError> {
    let waited = Stopwatch::start();
    loop {
        let conn = connect(options, Use::Checkpoint)?;
        match keep_away(&conn) {
            Err(StoreError::Busy) if waited.passed() < options.busy_timeout => std::thread::sleep(LOOK_AGAIN),
            Ok(()) => return Ok(conn),
            Err(e) => return Err(e),
        }
    }
}

fn keep_away(conn: &Connection) -> Result<(), StoreError> {
    let in_the_way: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
    if in_the_way != 0 {
        return Err(StoreError::Busy);
    }
    // Only where no other connection is open. A store without a write-ahead log is locked as a whole.
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    conn.execute_batch("BEGIN EXCLUSIVE")?;
    // Somebody may have opened it between the two.
    let mode: String = conn.pragma_query_value(None, "journal_mode", |r| r.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(StoreError::Busy) }
}

/// Makes the copy: whole, checked, as private as the store, on the disk.
fn make_copy(alone: &Connection, path: &Path, part: &Path) -> Result<(), StoreError> {
    let io = |e: io::Error| not_written(part, &e);
    remove_part(part).map_err(io)?;
    backup::room_for(backup::size_of(alone)?, backup::SPARE, free_beside(path).1.map_err(io)?)?;
    private_file(part).map_err(io)?;
    rows_copy::fill(path, part, rows_copy::CopyFrom::Alone)?;
    // No rollback journal is ever beside the store's name: whoever still waits for the old file would take it for that one's.
    let conn = Connection::open(part)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.close().map_err(|(_, e)| StoreError::from(e))?;
    backup::verify_whole(part)?;
    open_to_the_same(part, &fs::metadata(path).map_err(io)?).map_err(io)?;
    File::open(part).and_then(|file| file.sync_all()).map_err(io)
}

fn remove_part(part: &Path) -> io::Result<()> {
    for end in BESIDE_PART {
        match fs::remove_file(beside(part, end)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a copy is being made of this store, or put in its place: then it has no log, and is opened by whoever waits for the end of it.
pub(super) fn is_under_way(path: &Path) -> bool {
    beside(path, PART).exists() || beside(path, RESTORING).exists()
}

/// Gives the store's file a second name, by which it stays. A name that is taken is left alone; one of this very file, which a
/// crash has left, will do.
pub(super) fn keep(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let time = SystemClock::new().now().rfc3339().replace([':', '.', '-'], "");
    let names = std::iter::once(String::new()).chain((2..100).map(|n| format!("-{n}")));
    let names = names.map(|n| beside(path, &format!("{suffix}{time}{n}")));
    if let Some(name) = second_names(path).into_iter().next() {
        sync_directory(path)?;
        return Ok(name);
    }
    for name in names {
        match fs::hard_link(path, &name) {
            Ok(()) => {
                sync_directory(path)?;
                return Ok(name);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The names that this file has beside the store's because a start that was to heal it was cut off.
pub(super) fn second_names(path: &Path) -> Vec<PathBuf> {
    let own = FileId::at(path).ok().flatten();
    left(path).into_iter().filter(|n| own.is_some() && FileId::at(n).ok().flatten() == own).collect()
}

/// Every file that is kept beside the store because another has taken its place.
pub(super) fn kept_beside(path: &Path) -> Vec<PathBuf> {
    left(path).into_iter().collect()
}

/// Files that are kept beside the store because another has taken their place.
fn left(path: &Path) -> BTreeSet<PathBuf> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let starts = KEPT.map(|k| beside(path, k).file_name().map(|n| n.as_encoded_bytes().to_vec()).unwrap_or_default());
    let names = fs::read_dir(dir).into_iter().flatten().filter_map(|e| Some(e.ok()?.file_name()));
    let is = |n: &OsString| starts.iter().any(|start| n.as_encoded_bytes().starts_with(start));
    names.filter(is).map(|n| dir.join(n)).collect()
}

#[cfg(test)]
#[path = "heal_tests.rs"]
mod tests;
