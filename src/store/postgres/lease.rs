//! The lease of a store on a server: one row, whose `beat` its holder counts up every second. Who sees it stand still for longer than
//! a holder's permit lasts, by its own boot clock, takes it over by comparing and setting. No wall clock takes part.
//!
//! After a crash of the holder the row stays as it was, and is taken over. Any doubt ends a term: an answer that does not come
//! extends nothing, and a term that is over never goes on.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::connection::PgConnection;
use super::hints;
use super::history;
use super::versions;
use crate::clock::{self, Clock as _, Permit, SystemClock};
use crate::domain::Timestamp;
use crate::failpoint;
use crate::ids::Ids;
use crate::store::lease::{LEASE_TAKEN, SIGN_EVERY, host_name};
use crate::store::sql::{Connection, params};
use crate::store::{Holder, Lease, LeaseError, PostgresUrl, StoreError, Works};

/// How long a permit lasts, from before the renewal was sent that was answered.
const PERMIT: Duration = Duration::from_secs(3);
/// How much longer than a permit a beat must have stood still: clocks of two machines do not run at quite the same rate.
const STOOD_STILL: Duration = Duration::from_millis(3_200);
const RENEWED_EVERY: Duration = SIGN_EVERY;
/// How long an answer is waited for, less for a lock of the row.
const ANSWER_WITHIN: Duration = Duration::from_millis(900);
const LOCK_WITHIN: Duration = Duration::from_millis(700);
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often a term is looked at whose end nobody renews.
const LOOKED_EVERY: Duration = Duration::from_millis(100);
/// How long it is tried to say that a term is over, and how often: where the server is away, others need not wait once it is back.
const SAID_WITHIN: Duration = Duration::from_secs(60);
const SAID_AGAIN: Duration = Duration::from_millis(250);
/// How long whoever ends its term waits until that is said.
const RELEASED_WITHIN: Duration = Duration::from_secs(2);

const ROW: &str = "SELECT holder, beat, role, host, pid,
    CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) - renewed_at,
    CAST(extract(epoch FROM pg_postmaster_start_time()) * 1000000 AS bigint) FROM engine WHERE slot = 1";
const TAKE: &str =
    "UPDATE engine SET holder = ?1, epoch = epoch + 1, beat = 0, role = ?2, host = ?3, pid = ?4, version = ?5,
    taken_at = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint),
    renewed_at = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)
    WHERE slot = 1 AND holder IS NOT DISTINCT FROM ?6 AND beat = ?7";
const RENEW: &str = "UPDATE engine SET beat = beat + 1,
    renewed_at = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) WHERE slot = 1 AND holder = ?1";
const RELEASE: &str = "UPDATE engine SET holder = NULL WHERE slot = 1 AND holder = ?1";

const TIME: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)";
/// How often the server is asked what time it is there, and whether a newer program has changed the store.
const TIME_EVERY: Duration = Duration::from_secs(10);

/// Whether this program may still work on the store: a newer one may have changed it meanwhile.
///
/// # Errors
/// [`StoreError::Newer`]: it may not, from now on.
fn is_not_outdated(conn: &PgConnection, url: &PostgresUrl) -> Result<(), StoreError> {
    let version = versions::of(conn)?;
    version.map_or(Ok(()), |version| version.is_known_to(versions::known_schema(), url))
}

/// Reads the server's clock, which is that of every process of this store from then on.
pub(super) fn read_time(conn: &PgConnection) -> Result<(), StoreError> {
    let before = SystemClock.boot();
    let ms: i64 = Connection::Postgres(conn).prepare_cached(TIME)?.query_row([], |r| r.get(0))?;
    clock::follow_shared(Timestamp::from_millis(ms), (before, SystemClock.boot()));
    Ok(())
}

/// The row, as it was read.
struct LeaseRow {
    term: Option<String>,
    beat: i64,
    holder: Holder,
    /// When the server began, by its own clock: another server, or the same one begun anew, may not have the newest beat.
    server: i64,
}

fn row(conn: &PgConnection) -> Result<LeaseRow, StoreError> {
    Connection::Postgres(conn).prepare_cached(ROW)?.query_row([], |r| {
        let ago: i64 = r.get(5)?;
        Ok(LeaseRow {
            term: r.get(0)?,
            beat: r.get(1)?,
            holder: Holder {
                role: r.get(2)?,
                host: Some(r.get(3)?),
                pid: r.get(4)?,
                silent_for: Some(Duration::from_millis(u64::try_from(ago).unwrap_or(0))),
            },
            server: r.get(6)?,
        })
    })
}

/// Who holds the lease, and how long ago it was renewed. For commands and people: nothing is decided by it.
pub(super) fn holder(conn: &PgConnection) -> Result<Option<Holder>, StoreError> {
    let row = row(conn)?;
    Ok(row.term.is_some().then_some(row.holder))
}

/// A connection whose answers are waited for no longer than a renewal may take.
fn connection(url: &PostgresUrl) -> Result<PgConnection, StoreError> {
    PgConnection::open_within(url, LOCK_WITHIN, ANSWER_WITHIN)
}

/// What a process has seen of the row: it takes over what it has seen stand still itself.
#[derive(Default)]
pub(super) struct Observer {
    conn: Option<PgConnection>,
    /// The holder, its beat and the server, and since when it is known to stand there, by the boot clock.
    seen: Option<(Option<String>, i64, i64, Duration)>,
    /// When the server's clock is read again, by the boot clock.
    time_at: Duration,
}

impl Observer {
    /// Looks once, and takes the lease where nobody holds it or its holder has given no sign for too long. Blocks.
    ///
    /// # Errors
    /// [`LeaseError::Held`]; [`LeaseError::Store`]: nobody knows, and nothing is taken.
    pub(super) fn try_take(&mut self, url: &PostgresUrl, key: i64, role: &str) -> Result<ServerLease, LeaseError> {
        let conn = match self.conn.take().filter(|conn| !conn.is_over()) {
            Some(conn) => conn,
            None => connection(url)?,
        };
        let asked = SystemClock.boot();
        let row = row(&conn)?;
        if asked >= self.time_at {
            is_not_outdated(&conn, url)?;
            read_time(&conn)?;
            self.time_at = asked + TIME_EVERY;
        }
        // A look that had no answer meanwhile changes nothing: on the same server a beat that is the same again stood still.
        let since = match &self.seen {
            Some((term, beat, server, since)) if (term, *beat, *server) == (&row.term, row.beat, row.server) => *since,
            // Known from now on: the beat may be younger than the question.
            _ => SystemClock.boot(),
        };
        self.seen = Some((row.term.clone(), row.beat, row.server, since));
        let is_free = row.term.is_none() || asked.saturating_sub(since) >= STOOD_STILL;
        if !is_free && !failpoint::Safeguard::EngineLock.is_off() {
            self.conn = Some(conn);
            // A server's clock that was set back knows less than who has watched.
            let stood = asked.saturating_sub(since);
            let silent_for = row.holder.silent_for.map(|ago| ago.max(stood));
            return Err(LeaseError::Held(Some(Holder { silent_for, ..row.holder })));
        }
        // Who is outdated may decide nothing, not for a moment.
        is_not_outdated(&conn, url)?;
        let term = format!("eng_{}", Ids::random().uuid(SystemClock.now()).simple());
        let sent = SystemClock.boot();
        let taken = Connection::Postgres(&conn).prepare_cached(TAKE)?.execute(params![
            term,
            role,
            host_name(),
            std::process::id(),
            env!("CARGO_PKG_VERSION"),
            row.term,
            row.beat
        ])?;
        if taken == 0 {
            // Its holder lives after all, or another was faster.
            self.conn = Some(conn);
            return Err(LeaseError::Held(None));
        }
        if let Some(before) = &row.term {
            warn!(term, before, "the engine that held the lease gives no sign of life: its lease is taken over");
        }
        debug!(term, boot_ms = u64::try_from(sent.as_millis()).unwrap_or(u64::MAX), "{LEASE_TAKEN}");
        ServerLease::begin(term, sent, conn, (url.clone(), key))
    }
}

/// Whoever asks for the end of a term hears here that it is said.
type Release = oneshot::Sender<()>;

/// A term, renewed by a thread of its own for as long as this value lives.
#[derive(Debug)]
pub(super) struct ServerLease {
    term: String,
    permit: Permit,
    lost: CancellationToken,
    orders: Mutex<Option<Sender<Release>>>,
    works: SharedWorks,
}

/// What the thread that renews a term asks; nothing: it renews for as long as its process lives.
#[derive(Clone, Default)]
struct SharedWorks(Arc<Mutex<Option<Works>>>);

impl SharedWorks {
    fn set(&self, works: Works) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(works);
    }

    fn go_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(|works| works())
    }
}

impl fmt::Debug for SharedWorks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedWorks")
    }
}

impl ServerLease {
    fn begin(
        term: String,
        sent: Duration,
        conn: PgConnection,
        (url, key): (PostgresUrl, i64),
    ) -> Result<Self, LeaseError> {
        let (permit, lost) = (Permit::until(sent + PERMIT), CancellationToken::new());
        let (orders, ordered) = channel();
        let works = SharedWorks::default();
        let server = history::server(&conn)?;
        let renewal = Renewal {
            term: term.clone(),
            server,
            url,
            key,
            conn: Some(conn),
            permit: permit.clone(),
            lost: lost.clone(),
            works: works.clone(),
            time_at: Duration::ZERO,
            is_outdated: false,
            is_elsewhere: false,
        };
        let thread = std::thread::Builder::new().name("lease".into());
        let spawned = thread.spawn(move || renewal.run(&ordered, sent));
        spawned.map_err(|source: io::Error| LeaseError::Io { path: "lease".into(), source })?;
        Ok(Self { term, permit, lost, orders: Mutex::new(Some(orders)), works })
    }

    /// Says that the term is over as soon as its permit is, whatever the thread that renews it waits for.
    pub(super) fn watch(&self) -> BoxFuture<'static, ()> {
        let (permit, lost) = (self.permit.clone(), self.lost.clone());
        Box::pin(async move {
            while let Some(left) = permit.left().filter(|left| !left.is_zero()) {
                tokio::select! {
                    () = lost.cancelled() => return,
                    () = SystemClock.sleep_until(SystemClock.now().plus(left.min(LOOKED_EVERY))) => {}
                }
            }
            if !lost.is_cancelled() {
                warn!("the lease could not be renewed in time: this process is not the engine any more");
            }
            lost.cancel();
        })
    }
}

#[async_trait]
impl Lease for ServerLease {
    fn term(&self) -> Option<&str> {
        Some(&self.term)
    }

    fn permit(&self) -> Permit {
        self.permit.clone()
    }

    fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    fn only_while(&self, works: Works) {
        self.works.set(works);
    }

    async fn release(&self) {
        let Some(orders) = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.permit.end();
        self.lost.cancel();
        let (said, heard) = oneshot::channel();
        if orders.send(said).is_ok() {
            drop(tokio::time::timeout(RELEASED_WITHIN, heard).await);
        }
    }

    /// The row is its sign.
    async fn keep(&self) -> Result<(), LeaseError> {
        Ok(())
    }
}

impl Drop for ServerLease {
    /// The thread sees that nobody asks any more, and ends the term as far as it still can.
    fn drop(&mut self) {
        self.permit.end();
        self.lost.cancel();
    }
}

/// What the thread that renews a term works with.
struct Renewal {
    term: String,
    /// On which server the term began.
    server: Option<String>,
    url: PostgresUrl,
    /// Which lock is the store's, for hints.
    key: i64,
    conn: Option<PgConnection>,
    permit: Permit,
    lost: CancellationToken,
    works: SharedWorks,
    /// When the server's clock is read again, by the boot clock.
    time_at: Duration,
    /// A newer version has changed the store so that this one cannot work on.
    is_outdated: bool,
    /// Another server goes on with the store: what this term was begun by may be lost there.
    is_elsewhere: bool,
}

impl Renewal {
    fn run(mut self, ordered: &Receiver<Release>, taken: Duration) {
        let mut next = taken + RENEWED_EVERY;
        loop {
            let wait = next.saturating_sub(SystemClock.boot());
            let asked = match ordered.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => None,
                Ok(said) => Some(Some(said)),
                Err(RecvTimeoutError::Disconnected) => Some(None),
            };
            if let Some(said) = asked {
                return self.end(ordered, said);
            }
            let sent = SystemClock.boot();
            if !self.permit_lasts() {
                return self.end(ordered, None);
            }
            next = sent + RENEWED_EVERY;
            if !self.works.go_on() {
                error!(
                    term = self.term,
                    "the loops of this engine stand still: its lease is given up, so that another takes over"
                );
                return self.end(ordered, None);
            }
            match self.renew() {
                Ok(_) if self.is_elsewhere => {
                    warn!(
                        term = self.term,
                        "another server goes on with the store: this term is over, and the next one looks what was lost"
                    );
                    return self.end(ordered, None);
                }
                Ok(0) => {
                    warn!(
                        term = self.term,
                        "another engine has taken the lease: this process is not the engine any more"
                    );
                    return self.end(ordered, None);
                }
                Ok(_) => {
                    self.permit.extend(sent + PERMIT);
                    self.follow_time(sent);
                    if self.is_outdated {
                        return self.end(ordered, None);
                    }
                }
                Err(e) => {
                    warn!(term = self.term, error = %e, "the lease could not be renewed; it is tried again while it lasts");
                    self.conn = None;
                    next = SystemClock.boot() + AGAIN_AFTER;
                }
            }
        }
    }

    /// Where it does not answer now, the next renewal says so.
    fn follow_time(&mut self, now: Duration) {
        let Some(conn) = self.conn.as_ref().filter(|_| now >= self.time_at) else { return };
        match is_not_outdated(conn, &self.url).and_then(|()| read_time(conn)) {
            Ok(()) => self.time_at = now + TIME_EVERY,
            Err(e @ StoreError::Newer { .. }) => {
                warn!(term = self.term, error = %e, "a newer version has changed the store: this program's term is over");
                self.is_outdated = true;
            }
            Err(e) => {
                debug!(error = %e, "the server's clock could not be read");
                self.conn = None;
            }
        }
    }

    fn permit_lasts(&self) -> bool {
        self.permit.left().is_none_or(|left| !left.is_zero())
    }

    fn execute(&mut self, sql: &str) -> Result<usize, StoreError> {
        let conn = match self.conn.take().filter(|conn| !conn.is_over()) {
            Some(conn) => conn,
            None => {
                let conn = connection(&self.url)?;
                let now = history::server(&conn)?;
                self.is_elsewhere |= self.server.is_some() && now.is_some() && self.server != now;
                conn
            }
        };
        let changed = Connection::Postgres(&conn).prepare_cached(sql)?.execute([self.term.as_str()])?;
        self.conn = Some(conn);
        Ok(changed)
    }

    fn renew(&mut self) -> Result<usize, StoreError> {
        self.execute(RENEW)
    }

    /// The term is over. Its row says so as soon as the server hears it: its holder may hang and never ask for that, and where the server
    /// is away, others need not wait once it is back.
    fn end(mut self, ordered: &Receiver<Release>, said: Option<Release>) {
        self.permit.end();
        self.lost.cancel();
        let until = SystemClock.boot() + SAID_WITHIN;
        let mut said = said;
        loop {
            let is_released = self.is_released();
            // Whoever asked for it waits for this one try.
            if let Some(said) = said.take() {
                let _ = said.send(());
            }
            if is_released || SystemClock.boot() >= until {
                return;
            }
            match ordered.recv_timeout(SAID_AGAIN) {
                Ok(asked) => drop(asked.send(())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(SAID_AGAIN),
            }
        }
    }

    /// Whether the row is this term's no more. Those who stand by get a hint, and else look a moment later.
    fn is_released(&mut self) -> bool {
        match self.execute(RELEASE) {
            Ok(0) => true,
            Ok(_) => {
                info!(term = self.term, "the lease is released");
                // A term is of letters, digits and `_`.
                let hint = format!("NOTIFY {}, '{}'", hints::channel(self.key), self.term);
                if let Some(e) = self.conn.as_ref().and_then(|conn| conn.batch(&hint).err()) {
                    debug!(error = %e, "nobody gets a hint that the lease is free");
                }
                true
            }
            Err(e) => {
                debug!(term = self.term, error = %e, "the lease could not be released: others wait for its end");
                self.conn = None;
                false
            }
        }
    }
}
