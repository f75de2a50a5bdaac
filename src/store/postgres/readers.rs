//! Connections beside the writer's: each read is one transaction, so it sees one moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::connection::PgConnection;
use crate::clock::{Clock as _, SystemClock};
use crate::store::sql::Connection;
use crate::store::{PostgresUrl, StoreError};

/// How many reads may run at once.
const READERS: usize = 4;
/// One that nobody has needed for so long is closed, but for the last: each costs memory here and a process of the server.
const IDLE_MAX: Duration = Duration::from_secs(30);
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A pool of connections, each opened when it is first needed.
#[derive(Clone)]
pub(super) struct ServerReaders {
    /// The one that was used last stands last, each with the time of that by the boot clock.
    idle: Arc<Mutex<Vec<(PgConnection, Duration)>>>,
    turns: Arc<Semaphore>,
    url: PostgresUrl,
    lock_within: Duration,
}

impl ServerReaders {
    pub(super) fn new(url: PostgresUrl, lock_within: Duration, first: PgConnection) -> Self {
        Self {
            idle: Arc::new(Mutex::new(vec![(first, SystemClock.boot())])),
            turns: Arc::new(Semaphore::new(READERS)),
            url,
            lock_within,
        }
    }

    /// Runs `read` in one read transaction on a thread that may block. Cancel-safe.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.on_one(move |conn| {
            conn.batch(BEGIN)?;
            let done = read(Connection::Postgres(conn));
            if conn.batch("ROLLBACK").is_err() {
                conn.leave();
            }
            done
        })
        .await
    }

    /// Runs `work` on a connection of the pool, outside of any transaction.
    pub(super) async fn on_one<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&PgConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let conn = this.take()?;
            let done = work(&conn);
            if !conn.is_over() {
                this.give_back(conn);
            }
            done
        });
        done.await
            .unwrap_or_else(|_| Err(StoreError::Refused { what: "a read panicked or the runtime stopped".into() }))
    }

    fn give_back(&self, conn: PgConnection) {
        let now = SystemClock.boot();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle.iter().take_while(|(_, used)| now.saturating_sub(*used) > IDLE_MAX).count();
        let closed: Vec<_> = idle.drain(..old).collect();
        idle.push((conn, now));
        drop(idle);
        drop(closed);
    }

    /// One that answers: the server may have ended those that were idle.
    fn take(&self) -> Result<PgConnection, StoreError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some((conn, _)) if conn.batch("").is_ok() => return Ok(conn),
                Some(_) => {}
                None => return PgConnection::again(&self.url, self.lock_within),
            }
        }
    }
}
