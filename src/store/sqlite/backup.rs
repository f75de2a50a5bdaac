//! Copies of the whole store beside it, `NAME.backup-YYYYMMDDTHHMMSSZ`: made while others read and write, verified, and only then
//! given their name. A crash in the middle leaves a `.part` file, which nobody takes for a copy and the next one removes.
//!
//! The copy reads one snapshot of the store, in small steps with pauses: commits go on beside it, and only the write-ahead log
//! grows for as long as it takes (source: SQLite's pages on the backup API and on WAL; without a transaction around all steps the
//! copy begins anew at each commit of another connection).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup as Pages, StepResult};

use super::counted::open_alone;
use super::file::{beside, free_beside, private_file, sync_directory};
use super::rows_copy;
use crate::clock::Stopwatch;
use crate::domain::Timestamp;
use crate::store::{Backup, StoreError};

/// What a copy's name has behind the store's; the time follows, and `-vN` where it was made before a migration of schema N.
const BACKUP: &str = ".backup-";
/// What one that is not whole has behind that.
const PART: &str = ".part";
/// Pages of one step, 1 MiB, and the least pause behind it: the disk is left to commits. What a step wrote is on the disk before the
/// next one, and the pause is as long as that took: a GiB that the system writes in one go holds commits up for half a second each.
const STEP_PAGES: i32 = 256;
const STEP_PAUSE: Duration = Duration::from_millis(4);
/// See [`HistoryDoubt`](crate::store::HistoryDoubt); a copy of a copy says the older time.
const DOUBT: &str = "INSERT INTO meta (key, value)
    SELECT 'history_doubt', CAST(COALESCE((SELECT at FROM log ORDER BY seq DESC LIMIT 1), 0) AS text) || ' ' || ?1
    WHERE true ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value = ''";
/// What stays free for the store itself.
pub(super) const SPARE: u64 = 20 << 20;

/// Writes, verifies and names a copy of what `conn` shows in its transaction, then removes the oldest beyond `keep`. Where only
/// indexes are damaged, the copy has new ones. Blocks, also in pauses; ends early where `stopped` says so.
///
/// # Errors
/// [`StoreError::Full`]: no room, or the system's word; [`StoreError::Corrupt`]: a table of the store is damaged;
/// [`StoreError::Closed`]: stopped. In each case the copies from before are as they were.
pub(super) fn write(
    conn: &Connection,
    store: &Path,
    name: &Name,
    keep: usize,
    stopped: &AtomicBool,
) -> Result<PathBuf, StoreError> {
    let copy = beside(store, &name.suffix());
    let part = beside(&copy, PART);
    remove_parts(store).map_err(|e| not_written(&part, &e))?;
    room_for(size_of(conn)?, SPARE, free_beside(store).1.map_err(|e| not_written(&part, &e))?)?;
    let filled = match filled(&part, || copy_pages(conn, &part, stopped)) {
        // Its tables may be well, and they are all that counts.
        Err(StoreError::Corrupt { .. }) => filled(&part, || rows_copy::fill(store, &part, rows_copy::CopyFrom::InUse)),
        done => done,
    };
    let named = filled.and_then(|()| name_it(&part, &copy).map_err(|e| not_written(&part, &e)));
    if let Err(e) = named {
        drop(fs::remove_file(&part));
        return Err(e);
    }
    for old in all(store).into_iter().filter(|b| b.path != copy).skip(keep.saturating_sub(1)) {
        fs::remove_file(&old.path).map_err(|e| not_written(&old.path, &e))?;
    }
    Ok(copy)
}

fn not_written(file: &Path, e: &io::Error) -> StoreError {
    StoreError::Full { what: format!("{}: {e}", file.display()) }
}

/// A new private file that `fill` made whole.
fn filled(part: &Path, fill: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
    match fs::remove_file(part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(not_written(part, &e)),
        _ => private_file(part).map_err(|e| not_written(part, &e))?,
    }
    fill()?;
    doubt(part, "it was restored from a copy of that time")?;
    verify(part)
}

/// Whoever puts this copy in the store's place is to find out what was written after it: the provider has texts that it lacks.
pub(super) fn doubt(copy: &Path, why: &str) -> Result<(), StoreError> {
    let conn = Connection::open(copy)?;
    conn.execute(DOUBT, [why])?;
    conn.close().map_err(|(_, e)| StoreError::from(e))
}

/// From here on it counts, also after a power cut.
fn name_it(part: &Path, copy: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, copy)?;
    sync_directory(copy)
}

/// Nothing is begun where it would take the room that is to stay free.
pub(super) fn room_for(size: u64, spare: u64, free: u64) -> Result<(), StoreError> {
    let needed = size.saturating_add(spare);
    if free >= needed {
        return Ok(());
    }
    let what = format!("a copy needs {} MB of room, {} MB are free", needed >> 20, free >> 20);
    Err(StoreError::Full { what })
}

pub(super) fn copy_pages(conn: &Connection, part: &Path, stopped: &AtomicBool) -> Result<(), StoreError> {
    let mut target = Connection::open(part)?;
    // Closed after SQLite's own: closing it ends the locks of this process on the file.
    let written = File::open(part).map_err(|e| not_written(part, &e))?;
    {
        let pages = Pages::new(conn, &mut target)?;
        loop {
            let watch = Stopwatch::start();
            if pages.step(STEP_PAGES)? == StepResult::Done {
                break;
            }
            if stopped.load(Ordering::Acquire) {
                return Err(StoreError::Closed);
            }
            written.sync_data().map_err(|e| not_written(part, &e))?;
            std::thread::sleep(STEP_PAUSE.max(watch.passed()));
        }
    }
    target.close().map_err(|(_, e)| StoreError::from(e))
}

/// Reads the copy from end to end, and touches nothing beside it.
pub(super) fn verify(copy: &Path) -> Result<(), StoreError> {
    says_ok(copy, "PRAGMA quick_check(1)")
}

/// The same, indexes against tables. A row that broke a rule of the schema before does so still.
pub(super) fn verify_whole(copy: &Path) -> Result<(), StoreError> {
    says_ok(copy, "PRAGMA integrity_check(1)")
}

fn says_ok(copy: &Path, check: &str) -> Result<(), StoreError> {
    let conn = open_alone(copy)?;
    conn.pragma_update(None, "ignore_check_constraints", true)?;
    let said: String = conn.query_row(check, [], |r| r.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { what: format!("a copy of the store is not whole: {said}"), call: None })
}

pub(super) fn size_of(conn: &Connection) -> Result<u64, StoreError> {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |r| r.get::<_, i64>(0));
    Ok(u64::try_from(number("page_count")?.saturating_mul(number("page_size")?)).unwrap_or(0))
}

/// What a copy is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    /// When it was made.
    pub(super) at: Timestamp,
    /// The schema that a migration takes it from.
    pub(super) before: Option<i64>,
}

impl Name {
    fn suffix(self) -> String {
        let to_the_second = Timestamp::from_millis(self.at.as_millis().div_euclid(1000) * 1000);
        let time = to_the_second.rfc3339().replace(['-', ':'], "").replace(".000", "");
        let before = self.before.map_or(String::new(), |schema| format!("-v{schema}"));
        format!("{BACKUP}{time}{before}")
    }

    /// Of what stands behind the store's name; nothing else is one of our copies.
    fn read(suffix: &str) -> Option<Self> {
        let rest = suffix.strip_prefix(BACKUP)?;
        let (time, before) = match rest.split_once("-v") {
            Some((time, schema)) => (time, Some(schema.parse().ok()?)),
            None => (rest, None),
        };
        let (day, clock) = time.strip_suffix('Z')?.split_once('T')?;
        let cut = |text: &str, at: [usize; 2]| {
            Some([text.get(..at[0])?, text.get(at[0]..at[1])?, text.get(at[1]..)?].map(str::to_owned))
        };
        let at = format!("{}T{}Z", cut(day, [4, 6])?.join("-"), cut(clock, [2, 4])?.join(":")).parse().ok()?;
        let name = Self { at, before };
        (name.suffix() == suffix).then_some(name)
    }
}

/// Names beside the store that begin as those of copies do, and what stands behind the store's own name.
fn beside_it(store: &Path) -> Vec<(PathBuf, String)> {
    let dir = store.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(own) = store.file_name().and_then(|n| n.to_str()) else { return Vec::new() };
    let names = fs::read_dir(dir).into_iter().flatten().filter_map(|e| e.ok()?.file_name().into_string().ok());
    names
        .filter_map(|n| n.strip_prefix(own).filter(|s| s.starts_with(BACKUP)).map(|s| (dir.join(&n), s.to_owned())))
        .collect()
}

/// Every whole copy, newest first.
pub(super) fn all(store: &Path) -> Vec<Backup> {
    let found = beside_it(store).into_iter().filter_map(|(path, suffix)| Some((Name::read(&suffix)?.at, path)));
    let mut found: Vec<Backup> = found.map(|(made_at, path)| Backup { path, made_at }).collect();
    found.sort_by(|a, b| (b.made_at, &b.path).cmp(&(a.made_at, &a.path)));
    found
}

/// Whether the newest copy was made before a migration of this schema, and nothing was written to the store since.
pub(super) fn is_current(store: &Path, schema: i64) -> bool {
    let Some(newest) = all(store).into_iter().next() else { return false };
    let before = format!("-v{schema}");
    // Every opening makes an empty write-ahead log anew: only one with something in it is younger than what was copied.
    let written = |path: &Path| fs::metadata(path).ok().filter(|m| m.len() > 0).and_then(|m| m.modified().ok());
    newest.path.to_string_lossy().ends_with(&before)
        && written(store).max(written(&beside(store, "-wal"))) <= written(&newest.path)
}

/// Removes what a crash has left of copies.
fn remove_parts(store: &Path) -> io::Result<()> {
    for (path, suffix) in beside_it(store) {
        let half = suffix.strip_suffix(PART).or_else(|| suffix.strip_suffix(".part-journal"));
        if half.and_then(Name::read).is_some() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Removes a file, or finds it gone.
pub(super) fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Ends a copy that nobody waits for any more.
pub(super) struct StopOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
