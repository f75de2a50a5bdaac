//! What was pruned is nowhere in the store's files; the schema lets nothing else be changed; and no commit waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::store::contract::fixtures::{at, call, put};
use crate::store::contract::prune::{over, words};
use crate::store::sqlite::file::beside;
use crate::store::sqlite::{SqliteStore, bulk};
use crate::store::{Ledger as _, Pruned, Pruner, Store as _, StoreMode, StoreSettings, Upkeep as _, Views as _};

fn open(path: &Path) -> SqliteStore {
    let settings = StoreSettings { create: true, ..StoreSettings::of(path, StoreMode::Test) };
    SqliteStore::open(settings).expect("open")
}

/// The files of the store that hold these words.
fn holding(path: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for end in ["", "-wal", "-shm", "-journal"] {
        let bytes = std::fs::read(beside(path, end)).unwrap_or_default();
        for word in words {
            let at = bytes.windows(word.len()).filter(|w| *w == word.as_bytes()).count();
            if at > 0 {
                found.push(format!("{word:?} is {at} times in {end:?}"));
            }
        }
    }
    found
}

async fn prune(store: &SqliteStore, before: i64) -> Pruned {
    let mut pruner = Pruner::default();
    while !pruner.slice(store, at(before), at(before + 90_000)).await.expect("pruned") {}
    pruner.pruned
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grep_of_the_stores_files_finds_nobody_who_was_pruned() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let store = open(&path);
    // Long words have pages of their own, which are given back.
    let long = "Kim Doe says that the pipe in the cellar of 12 Oak St has burst. ".repeat(120);
    for n in 0..60 {
        let mut state = over(&format!("{}{n}", char::from(b'a' + n % 26)), 10);
        state.call.data.issue_summary = Some(long.clone());
        state.attempts[0].sid = Some(format!("SM{n:032x}").parse().expect("a SID"));
        state.attempts[0].body = format!("{n} 12 Oak St, Kim Doe, +19495550150");
        let name = state.call.id.to_string();
        put(&store, state).await.expect("put");
        store.append_log(vec![words(&name)]).await.expect("logged");
    }
    put(&store, call("open", at(0))).await.expect("put");
    let people = ["Kim Doe", "12 Oak St", "+19495550150", "in the cellar"];
    store.checkpoint().await.expect("moved");
    assert!(!holding(&path, &people).is_empty(), "they are there before");
    assert_eq!(prune(&store, 11).await.calls, 60);
    assert!(store.empty_log().await.expect("emptied"));
    assert_eq!(holding(&path, &people), Vec::<String>::new());
    assert_eq!(store.unreadable(10).await.expect("looked"), []);
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_older_version_left_in_free_parts_of_the_file_goes_when_it_is_written_anew() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let store = open(&path);
    put(&store, over("a", 10)).await.expect("put");
    // A table that was filled and emptied by a connection that overwrites nothing.
    let careless = Connection::open(&path).expect("opens");
    careless
        .execute_batch(
            "PRAGMA secure_delete = OFF;
             INSERT INTO alert_messages (sink, at, kind, alerts) SELECT 'Kim Doe', 0, printf('%.*c', 900, 'x'), 1 FROM
                 (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n);
             DELETE FROM alert_messages",
        )
        .expect("filled and emptied");
    drop(careless);
    prune(&store, 11).await;
    assert!(store.empty_log().await.expect("emptied"));
    assert!(!holding(&path, &["Kim Doe"]).is_empty(), "it is there still");
    store.compact().await.expect("written anew");
    assert!(store.empty_log().await.expect("emptied"));
    assert_eq!(holding(&path, &["Kim Doe"]), Vec::<String>::new());
    assert_eq!(store.unreadable(10).await.expect("looked"), []);
}

#[tokio::test]
async fn the_schema_lets_words_go_of_what_is_pruned_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s.db");
    let store = open(&path);
    for (name, closed) in [("old", 5), ("young", 100)] {
        put(&store, over(name, closed)).await.expect("put");
        store.append_log(vec![words(name)]).await.expect("logged");
    }
    put(&store, call("open", at(0))).await.expect("put");
    prune(&store, 50).await;
    let conn = Connection::open(&path).expect("opens");
    for (sql, rule) in [
        ("UPDATE log SET message = ''  WHERE call_id = 'young'", "log_is_never_changed"),
        ("UPDATE log SET message = 'x' WHERE call_id = 'old'", "log_is_never_changed"),
        ("UPDATE log SET at = 1 WHERE call_id = 'old'", "log_is_never_changed"),
        ("UPDATE log SET actor = 'x' WHERE call_id = 'old'", "log_is_never_changed"),
        ("UPDATE log SET call_id = NULL WHERE call_id = 'old'", "log_is_never_changed"),
        ("DELETE FROM log", "log_is_never_deleted"),
        ("DELETE FROM notices", "notice_is_never_deleted"),
        ("DELETE FROM calls", "call_is_never_deleted"),
        ("UPDATE calls SET pruned_at = 1 WHERE id = 'open'", "call_is_pruned_only_once_it_is_over"),
    ] {
        let refused = conn.execute(sql, []).expect_err(sql).to_string();
        assert!(refused.contains(rule), "{sql}: {refused}");
    }
    conn.execute("UPDATE log SET message = '' WHERE call_id = 'old'", []).expect("it has lost its words");
}

/// As between two slices of `store prune`.
const PAUSE: Duration = Duration::from_millis(10);

async fn pause(pause: Duration) {
    let clock = SystemClock::new();
    clock.sleep_until(clock.now().plus(pause)).await;
}

/// 2,000 calls here; `DISPATCHCTL_PRUNE_CALLS=100000` measures what an old store takes, and `DISPATCHCTL_PRUNE_CHECKPOINT=N` what moving
/// the log behind every so many slices does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_go_on_beside_it() {
    let old = Old::with(|_| {});
    let store = Arc::new(open(&old.path));
    old.is_pruned_beside_commits("of its own process", Arc::clone(&store), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_of_an_engine_go_on_beside_a_command_that_prunes() {
    let old = Old::with(|_| {});
    old.is_pruned_beside_commits("of another process", Arc::new(open(&old.path)), Arc::new(open(&old.path))).await;
}

/// The mirror was away for long: what waits for it is looked through, and no commit waits for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_go_on_beside_very_many_calls_that_wait() {
    let old = Old::with(|conn| {
        conn.execute_batch(
            "INSERT INTO calls SELECT 'w' || id, reference || 'W', status, round, level, policy, steps_total, data, fingerprint, NULL,
                 overridden, created_by, accepted_at, next_step, wake_at, deferred_from, attempts, holder, outs, told_at, closed_at - 1,
                 muted, settings, held_until, ask_at, asked_at, pruned_at FROM calls;
             INSERT INTO outbox (sink, key, version, since, attempts, next_at)
                 SELECT 'mirror', 'call:' || id, 1, 0, 0, 0 FROM calls WHERE id LIKE 'w%'",
        )
        .expect("they wait");
    });
    old.is_pruned_beside_commits("with waiting calls", Arc::new(open(&old.path)), Arc::new(open(&old.path))).await;
}

fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

/// A store of very many calls that were over long ago.
struct Old {
    _dir: tempfile::TempDir,
    path: PathBuf,
    calls: u32,
}

impl Old {
    fn with(more: impl FnOnce(&Connection)) -> Self {
        let calls = number("DISPATCHCTL_PRUNE_CALLS").unwrap_or(2_000);
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("s.db");
        let runtime = std::thread::spawn({
            let path = path.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
                runtime.block_on(async {
                    let store = open(&path);
                    put(&store, over("x", 10)).await.expect("put");
                    store.append_log(vec![words("x"); 8]).await.expect("logged");
                    store.close().await.expect("closed");
                });
            }
        });
        runtime.join().expect("filled");
        bulk::of(&path, "x", calls);
        let conn = Connection::open(&path).expect("opens");
        conn.execute_batch(
            "INSERT INTO log (kind, at, call_id, attempt_id, actor, message, data)
                SELECT l.kind, l.at, c.id, l.attempt_id, l.actor, l.message, l.data FROM calls c, log l
                WHERE c.id <> 'x' AND l.call_id = 'x'",
        )
        .expect("logged");
        more(&conn);
        Self { _dir: dir, path, calls }
    }

    /// Commits go on beside a pruning of all; before it they go on alone for a while, which shows what the disk takes by itself.
    async fn is_pruned_beside_commits(&self, which: &str, store: Arc<SqliteStore>, beside: Arc<SqliteStore>) {
        let (done, whole) = (Arc::new(AtomicBool::new(false)), Stopwatch::start());
        let (stop, clock) = (Arc::clone(&done), whole.clone());
        let commits = tokio::spawn(async move {
            let mut waits: Vec<Span> = Vec::new();
            while !stop.load(Ordering::Acquire) {
                let began = clock.passed();
                beside.append_log(vec![words("x")]).await.expect("committed");
                waits.push(Span { what: "a commit", began, ended: clock.passed() });
                pause(Duration::from_millis(10)).await;
            }
            waits
        });
        pause(Duration::from_millis(u64::from(self.calls.min(5_000)))).await;
        let (mut pruner, mut work, pruning) = (Pruner::default(), Vec::new(), whole.passed());
        pruner.checkpoint_every = number("DISPATCHCTL_PRUNE_CHECKPOINT");
        loop {
            let began = whole.passed();
            let is_done = pruner.slice(&*store, at(11), at(90_011)).await.expect("pruned");
            work.push(Span { what: "a slice", began, ended: whole.passed() });
            if is_done {
                break;
            }
            if pruner.wants_checkpoint() {
                let began = whole.passed();
                store.checkpoint().await.expect("moved");
                work.push(Span { what: "a checkpoint", began, ended: whole.passed() });
            }
            pause(pruner.pause(PAUSE)).await;
        }
        done.store(true, Ordering::Release);
        let took = whole.passed() - pruning;
        let (alone, waits): (Vec<Span>, Vec<Span>) =
            commits.await.expect("no panic").into_iter().partition(|c| c.ended < pruning);
        report(&format!(
            "{which}: {} calls in {} slices and {} s, the longest slice {} ms; commits beside it: {}; alone before it: {}",
            pruner.pruned.calls,
            pruner.slices,
            took.as_secs(),
            pruner.longest.as_millis(),
            quantiles(&waits),
            quantiles(&alone),
        ));
        for what in ["a slice", "a checkpoint"] {
            let of_it: Vec<Span> = work.iter().filter(|w| w.what == what).copied().collect();
            report(&format!("  {what}: {}", quantiles(&of_it)));
        }
        let long = waits.iter().filter(|w| w.took() > Duration::from_millis(20));
        let mut beside: BTreeMap<String, usize> = BTreeMap::new();
        for wait in long {
            let met: BTreeSet<&str> = work.iter().filter(|w| w.meets(wait)).map(|w| w.what).collect();
            *beside.entry(met.into_iter().collect::<Vec<_>>().join(" and ")).or_default() += 1;
        }
        report(&format!("  commits of more than 20 ms, by what went on meanwhile: {beside:?}"));
        assert_eq!(pruner.pruned.calls, u64::from(self.calls) + 1);
        // However slow the machine is, a commit that came during one slice waits for few others.
        let slices = |wait: &Span| work.iter().filter(|w| w.what == "a slice" && w.meets(wait)).count();
        let most = u32::try_from(waits.iter().map(slices).max().unwrap_or_default()).expect("few");
        assert!(
            waits.len() > 10 && most * 4 < pruner.slices,
            "{most} of {} slices went before a commit",
            pruner.slices
        );
    }
}

/// When something went on, since the beginning.
#[derive(Debug, Clone, Copy)]
struct Span {
    what: &'static str,
    began: Duration,
    ended: Duration,
}

impl Span {
    fn took(&self) -> Duration {
        self.ended - self.began
    }

    fn meets(&self, other: &Self) -> bool {
        self.began <= other.ended && other.began <= self.ended
    }
}

fn quantiles(spans: &[Span]) -> String {
    let mut all: Vec<u128> = spans.iter().map(|s| s.took().as_micros()).collect();
    all.sort_unstable();
    let Some(last) = all.len().checked_sub(1) else { return "none".to_owned() };
    let of = |part: usize| all[last * part / 1000] as f64 / 1000.0;
    let [half, most, nearly_all, longest] = [500, 990, 999, 1000].map(of);
    format!("{} (ms: p50 {half:.1}, p99 {most:.1}, p99.9 {nearly_all:.1}, max {longest:.1})", all.len())
}

#[expect(clippy::print_stderr, reason = "figures for whoever asks the test for them")]
fn report(text: &str) {
    eprintln!("{text}");
}
