//! A store of 1 GiB is copied by `store backup` while 100 callbacks a second come in: what the copy does to them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::board::{paced, quantile};
use super::{Arrival, Stage, binary, print_quantiles, thread};

/// Callbacks a second.
const RATE: f64 = 100.0;
/// The size of the store, in bytes.
const SIZE: i64 = 1 << 30;
/// Copies; before each as many callbacks come without one.
const COPIES: usize = 3;
/// Callbacks of a stretch: half a minute of them.
const STRETCH: usize = 3_000;

pub(super) fn run() {
    let stage = Stage::new("1h", "1h");
    let Some(file) = stage.store.strip_prefix("sqlite:") else {
        println!("backup: a store on a server is copied by the server's own tools");
        return;
    };
    let mut serve = stage.serve();
    let calls = 2 * COPIES * STRETCH;
    stage.create(&serve, calls, "normal", None);
    let sent = stage.peer.wait_for(calls);
    serve.kill();
    fill(file);
    let serve = stage.serve();
    let size = std::fs::metadata(file).expect("the store").len();
    let (mut without, mut with): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut took = Vec::new();
    let stretches: Vec<&[Arrival]> = sent.chunks(STRETCH).collect();
    for (n, of) in stretches.iter().enumerate() {
        let of: Vec<&Arrival> = of.iter().collect();
        if n % 2 == 0 {
            without.extend(paced(&serve, &of, RATE).into_iter().map(|(_, ms)| ms));
            continue;
        }
        let copy = stage.dir.join(format!("copy-{n}.db"));
        let times = thread::scope(|scope| {
            let copied = scope.spawn(|| {
                let at = Instant::now();
                let done = Command::new(binary())
                    .args(["--test-mode", "--config"])
                    .arg(stage.dir.join("dispatchctl.toml"))
                    .arg("--store")
                    .arg(&stage.store)
                    .args(["store", "backup"])
                    .arg(&copy)
                    .env_clear()
                    .stdout(Stdio::null())
                    .status()
                    .expect("runs");
                assert!(done.success(), "{done}");
                (Instant::now(), at.elapsed())
            });
            let times = paced(&serve, &of, RATE);
            let (ended, length): (Instant, Duration) = copied.join().expect("copied");
            took.push(length.as_secs_f64());
            times.into_iter().filter(move |(sent, _)| *sent < ended)
        });
        with.extend(times.map(|(_, ms)| ms));
        std::fs::remove_file(&copy).expect("the copy");
    }
    let mib = size as f64 / 1024.0 / 1024.0;
    println!("backup of {mib:.0} MiB, verified: {took:.1?} s; callbacks at {RATE} a second:");
    print_quantiles("  without a backup", "ms", &mut without);
    print_quantiles("  beside one", "ms", &mut with);
    println!("  p99 beside one and without: {:.2}", quantile(&mut with, 99) / quantile(&mut without, 99));
}

/// Entries of years, until the store has its size.
fn fill(file: &str) {
    let conn = Connection::open(file).expect("the store");
    let page: i64 = conn.query_row("PRAGMA page_size", [], |r| r.get(0)).expect("a size");
    let bytes = || page * conn.query_row("PRAGMA page_count", [], |r| r.get::<_, i64>(0)).expect("a count");
    while bytes() < SIZE {
        conn.execute_batch(
            "INSERT INTO log (kind, at, call_id, actor, message, data)
             SELECT kind, at, call_id, actor, message, json_object('note', hex(randomblob(400)))
             FROM log WHERE call_id IS NOT NULL ORDER BY seq LIMIT 50000",
        )
        .expect("filled");
    }
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written");
}
