//! The store: that it opens, is written to, has room, and can be read whole; who works on it.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Access;

use crate::config::Mode;
use crate::domain::Timestamp;
use crate::domain::count::counted;
use crate::store::{self, Figures, Holder, Location, Store, StoreError, Upkeep};

use super::super::app::App;
use super::super::engine::{Engine, WAIT, stand_by};
use super::super::output::Output;
use super::super::report::CliError;
use super::finding::{CHECK_MAX, Findings, bounded, too_long, within};

/// Space on the store's disk: under it, a warning; under the second, a fault.
const FREE_ADVISED: u64 = 500 << 20;
const FREE_NEEDED: u64 = 20 << 20;
/// A write-ahead log of this size is not being moved into the file.
const WAL_LARGE: u64 = 256 << 20;
/// A write that takes this long is a disk that cannot keep up.
const WRITE_SLOW_MS: u128 = 500;
/// A newest copy of this age was not made when it was due.
const BACKUP_OLD: Duration = Duration::from_secs(26 * 3600);
/// Rows that are named.
const NAMED: usize = 10;

/// The store; none where there is none yet.
pub(super) async fn open(app: &App) -> Result<Option<Arc<dyn Store>>, CliError> {
    match bounded(app, app.store_if_there()).await {
        Some(opened) => opened,
        None => Err(CliError::new(super::super::exit::ExitStatus::Store, too_long())),
    }
}

pub(super) async fn check(app: &App, opened: &Result<Option<Arc<dyn Store>>, CliError>, out: &Output) -> Findings {
    let mut f = Findings::of("store");
    let place = app.location();
    match opened {
        Err(e) => {
            let why: Vec<&str> = std::iter::once(&e.what).chain(&e.causes).map(String::as_str).collect();
            let next = e.hint_of_a_look().unwrap_or_else(|| "see the causes".to_owned());
            f.fail("open", format!("{place}: {}", why.join(": ")), next);
        }
        Ok(None) => match why_not_made(&place) {
            Some(why) => {
                let next = "make its directory, and let the user of `serve` write there; or set store.url";
                f.fail("open", format!("there is none yet at {place}, and it cannot be made: {why}"), next);
            }
            None => f.skip("open", format!("there is none yet at {place}: `serve` or the first `send` makes it")),
        },
        Ok(Some(store)) => content(app, &**store, &mut f).await,
    }
    disk(&app.location(), &mut f);
    engine(app, opened.as_ref().ok().and_then(Option::as_deref), out, &mut f).await;
    f
}

async fn content(app: &App, store: &dyn Store, f: &mut Findings) {
    match bounded(app, store.schema()).await {
        Some(Ok(schema)) => {
            let mode = app.config.mode.as_str();
            f.ok("open", format!("{}, schema {schema}, stamped {mode}", app.location()));
        }
        Some(Err(e)) => f.fail("open", e.to_string(), next_of(e, "look at the file and its permissions")),
        None => f.fail("open", too_long(), "look at the disk"),
    }
    super::store_server::check(app, store, f).await;
    if let Some(upkeep) = store.upkeep() {
        backups(upkeep, app.clock.now(), f);
    }
    let again = "free space, look at the permissions of the file and its directory, and at the disk";
    match bounded(app, store.probe(app.clock.now())).await {
        Some(Ok(took)) if took.as_millis() > WRITE_SLOW_MS => {
            f.warn("write", format!("committed, but in {} ms", took.as_millis()), "put the store on a faster disk");
        }
        Some(Ok(took)) => f.ok("write", format!("committed in {} ms", took.as_millis())),
        Some(Err(e)) => f.fail("write", e.to_string(), next_of(e, again)),
        None => f.fail("write", too_long(), again),
    }
    match bounded(app, store.unreadable(NAMED)).await {
        Some(Ok(rows)) if rows.is_empty() => f.ok("rows", "all can be read"),
        Some(Ok(rows)) => {
            for row in rows {
                let next = "see `dispatchctl recover --dry-run`; mend it or take a copy from before";
                f.fail("rows", format!("{}: {}", row.row, row.why), next);
            }
        }
        Some(Err(e)) => f.fail("rows", e.to_string(), "see `dispatchctl recover --dry-run`"),
        None => f.skip("rows", format!("{}: the store is large; see `dispatchctl recover --dry-run`", too_long())),
    }
}

/// What to do where a server refuses; otherwise what helps a file.
fn next_of(e: StoreError, of_file: &str) -> String {
    match e {
        StoreError::Denied { .. } | StoreError::ReadOnly { .. } | StoreError::Unreachable { .. } => {
            CliError::from(e).hint_of_a_look().unwrap_or_else(|| of_file.to_owned())
        }
        _ => of_file.to_owned(),
    }
}

/// Why a file could not be made here, with the directories of its way that are missing; nothing is tried.
fn why_not_made(place: &Location) -> Option<String> {
    let Location::File(path) = place else { return None };
    let directories = path.ancestors().skip(1).map(|d| if d.as_os_str().is_empty() { Path::new(".") } else { d });
    for directory in directories {
        let why = match std::fs::metadata(directory) {
            // The one above it decides.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(e) => Some(e.to_string()),
            Ok(m) if !m.is_dir() => return Some(format!("{} is no directory", directory.display())),
            Ok(_) => rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).err().map(|e| e.to_string()),
        };
        return why.map(|why| format!("{}: {why}", directory.display()));
    }
    None
}

/// Whether there is a copy to go back to.
fn backups(upkeep: &dyn Upkeep, now: Timestamp, f: &mut Findings) {
    let (kept, all) = (upkeep.backups_kept(), upkeep.backups());
    let next =
        "start `dispatchctl serve`, which makes one a day; where it runs, see its alert and the room on the disk";
    match all.first() {
        _ if kept == 0 => f.skip("backups", "none are made: store.backups is 0"),
        Some(newest) if now.since(newest.made_at) > BACKUP_OLD => {
            f.warn("backups", format!("the newest of {} is of {}", all.len(), newest.made_at), next);
        }
        Some(newest) => f.ok("backups", format!("{} of {kept}, the newest of {}", all.len(), newest.made_at)),
        None => f.skip("backups", "none yet: `serve` makes the first one some minutes after its start"),
    }
}

fn disk(location: &Location, f: &mut Findings) {
    let Some(room) = store::room(location) else { return };
    match room.log {
        Some(log) if log > WAL_LARGE => {
            let next =
                "stop commands that hold the store open for long; a running `serve` moves it into the file by itself";
            f.warn("log", format!("the write-ahead log has {} MB", log >> 20), next);
        }
        Some(log) => f.ok("log", format!("the write-ahead log has {} KB", log >> 10)),
        None => {}
    }
    match room.free {
        Ok(free) => {
            let what = format!("{} MB free at {}", free >> 20, room.at.display());
            if free < FREE_NEEDED {
                f.fail("disk", what, "free space: a full disk refuses every dispatch");
            } else if free < FREE_ADVISED {
                f.warn("disk", what, "free space: a full disk refuses every dispatch");
            } else {
                f.ok("disk", what);
            }
        }
        Err(e) => f.skip("disk", format!("its free space cannot be asked: {e}")),
    }
}

async fn engine(app: &App, store: Option<&dyn Store>, out: &Output, f: &mut Findings) {
    let Some(h) = app.holder().await else {
        let Some(store) = store else { return f.skip("engine", "no store, no engine") };
        return match bounded(app, store.figures(app.clock.now())).await.and_then(Result::ok) {
            Some(figures) => none_runs(app.config.mode, &figures, f),
            None => f.warn("engine", "none runs, and what waits for one cannot be read", "start `dispatchctl serve`"),
        };
    };
    let beside = match store {
        Some(store) => {
            within(app, WAIT + CHECK_MAX, app.engine_beside(store, out)).await.and_then(Result::ok).flatten()
        }
        None => None,
    };
    match beside.filter(Engine::is_silent) {
        Some(silent) => f.fail("engine", silent.said(), silent.hint()),
        None => f.ok("engine", works(&h)),
    }
    let Some(store) = store else { return };
    let count = bounded(app, store.replicas()).await.and_then(Result::ok).flatten();
    if let Some(replicas) = count.filter(|_| h.role == "serve") {
        replicas_are(replicas, f);
    }
}

fn replicas_are(replicas: u64, f: &mut Findings) {
    let said = stand_by(replicas);
    if replicas > 1 {
        f.ok("replicas", said);
    } else {
        let next = "start `dispatchctl serve` on another machine, or see why it does not run there";
        f.warn("replicas", format!("{said}: where this machine ends, nothing is sent until it is back"), next);
    }
}

/// Where the store is on a server, its engine may be on another machine.
fn works(h: &Holder) -> String {
    let host = h.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    format!("`{}` works on it, process {}{host}", h.role, h.pid)
}

/// In test mode too an open call that nobody goes on with is worth a word.
fn none_runs(mode: Mode, figures: &Figures, f: &mut Findings) {
    let next = "start `dispatchctl serve`";
    if figures.follow_ups > 0 {
        let waiting = counted(figures.follow_ups, "follow-up");
        f.warn("engine", format!("none runs: {waiting} to come, {} overdue", figures.overdue), next);
    } else if mode == Mode::Test {
        f.ok("engine", "none runs, and no follow-up waits for one");
    } else {
        f.warn("engine", "none runs: nothing that comes in is sent or followed up", next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_can_be_made_where_the_nearest_directory_that_is_there_can_be_written_to() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("file"), "").expect("written");
        let why = |path: &str| why_not_made(&Location::File(dir.path().join(path)));
        assert_eq!(why("shop.db"), None);
        assert_eq!(why("state/dispatchctl/shop.db"), None, "what is missing of its way is made");
        for path in ["file/shop.db", "file/deep/shop.db"] {
            assert!(why(path).is_some_and(|why| why.ends_with("file is no directory")), "{path}: {:?}", why(path));
        }
        assert_eq!(why_not_made(&Location::File("shop.db".into())), None, "where the command runs");
    }

    #[test]
    fn a_replica_that_nobody_would_take_over_from_is_a_warning() {
        for (replicas, status, what) in
            [(1, "warn", "nobody stands by: "), (2, "ok", "1 stands by"), (3, "ok", "2 stand by")]
        {
            let mut f = Findings::of("store");
            replicas_are(replicas, &mut f);
            let one = f.all.remove(0);
            assert_eq!(one.status.as_str(), status, "{replicas}");
            assert!(one.what.starts_with(what), "{}", one.what);
        }
    }

    #[test]
    fn an_engine_that_does_not_run_is_a_warning_in_both_modes_where_a_call_is_open() {
        let found = |mode, follow_ups, overdue| {
            let mut f = Findings::of("store");
            none_runs(mode, &Figures { follow_ups, overdue, ..Figures::default() }, &mut f);
            let one = f.all.remove(0);
            (one.status.as_str(), one.what)
        };
        for (mode, follow_ups, want) in
            [(Mode::Test, 0, "ok"), (Mode::Test, 2, "warn"), (Mode::Live, 0, "warn"), (Mode::Live, 2, "warn")]
        {
            assert_eq!(found(mode, follow_ups, 0).0, want, "{mode:?}, {follow_ups}");
        }
        assert_eq!(found(Mode::Test, 1, 1).1, "none runs: 1 follow-up to come, 1 overdue");
    }

    #[test]
    fn an_engine_on_a_server_is_named_with_its_machine() {
        let here = Holder::of_this_machine("serve", 7);
        assert_eq!(works(&here), "`serve` works on it, process 7");
        assert_eq!(works(&Holder { host: Some("north".into()), ..here }), "`serve` works on it, process 7 on north");
    }
}
