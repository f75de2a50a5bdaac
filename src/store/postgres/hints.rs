//! Hears of other processes' commits at once: hints, of which each may be lost. Whoever needs to know looks by itself now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::debug;

use super::connection::PgConnection;
use super::open::REPLICAS;
use crate::clock::{Clock as _, SystemClock};
use crate::store::sql::{Connection, params};
use crate::store::{PostgresUrl, StoreError};

/// Hints within this time are one.
const GATHERED: Duration = Duration::from_millis(20);
/// How long a hint is waited for before it is looked whether anybody still listens.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// So many times nothing was heard: then the server is asked whether it is there.
const SILENT_MAX: u32 = 5;
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// On the server's side: a machine that is gone without a word is counted no more after some seconds, not hours. Over a socket of the same
/// machine these mean nothing.
const GONE_IS_SEEN: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2;
    SET tcp_user_timeout = 15000";
const LOCK_WITHIN: Duration = Duration::from_secs(1);

/// The channel of a store, by the number of its lock.
pub(super) fn channel(key: i64) -> String {
    format!("dispatchctl_{key}")
}

/// How many processes wait for hints of this store: those that serve. One whose machine is gone is counted until the server has noticed,
/// and one that is stopped or hangs as long as it is there.
///
/// # Errors
/// [`StoreError`].
pub(super) fn count(conn: &PgConnection, key: i64) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND CAST(classid AS bigint) = ?1 AND CAST(objid AS bigint) = ?2 AND objsubid = 2";
    let n: i64 = Connection::Postgres(conn).prepare_cached(sql)?.query_row(params![REPLICAS, key], |r| r.get(0))?;
    Ok(u64::try_from(n).unwrap_or_default())
}

/// Where hints come from, and which are not another's.
pub(super) struct Channel {
    pub(super) url: PostgresUrl,
    /// Which lock is the store's.
    pub(super) key: i64,
    /// What this process's own hints say.
    pub(super) own: String,
}

/// Rings for each hint until nobody listens any more; on a thread of its own. `listens` says meanwhile whether the way to them stands.
pub(super) fn listen(of: Channel, bell: &Arc<Notify>, listens: Arc<AtomicBool>) {
    let bell = Arc::downgrade(bell);
    let thread = std::thread::Builder::new().name("hints".into());
    let spawned = thread.spawn(move || {
        while bell.strong_count() > 0 {
            let ended = heard(&of, &bell, &Listening(&listens));
            if let Err(e) = ended {
                debug!(error = %e, "hints of other processes' commits are not heard for now");
                std::thread::sleep(AGAIN_AFTER);
            }
        }
    });
    if let Err(e) = spawned {
        debug!(error = %e, "hints of other processes' commits are not heard");
    }
}

/// Whether the way to hints stands: not after its end, however it ended.
struct Listening<'a>(&'a AtomicBool);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn heard(of: &Channel, bell: &Weak<Notify>, listening: &Listening<'_>) -> Result<(), StoreError> {
    let conn = PgConnection::again(&of.url, LOCK_WITHIN)?;
    conn.batch(&format!(
        "{GONE_IS_SEEN}; LISTEN {}; SELECT pg_advisory_lock_shared({REPLICAS}, {})",
        channel(of.key),
        of.key
    ))?;
    listening.0.store(true, Ordering::Relaxed);
    // What was committed before is seen by looking.
    ring(bell);
    let (mut silent, mut last) = (0, Duration::ZERO);
    while bell.strong_count() > 0 {
        match conn.hears(&of.own, HEARD_WITHIN)? {
            true => {
                silent = 0;
                let since = SystemClock.boot().saturating_sub(last);
                std::thread::sleep(GATHERED.saturating_sub(since));
                last = SystemClock.boot();
                ring(bell);
            }
            false if silent >= SILENT_MAX => {
                silent = 0;
                conn.batch("")?;
            }
            false => silent += 1,
        }
    }
    Ok(())
}

fn ring(bell: &Weak<Notify>) {
    if let Some(bell) = bell.upgrade() {
        bell.notify_one();
    }
}
