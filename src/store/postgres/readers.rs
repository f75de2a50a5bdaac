//! Connections beside the writer's: each read is one transaction, so it sees one moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::connection::{BEGIN_READ, PgConnection};
use crate::clock::{Clock as _, SystemClock};
use crate::store::sql::Connection;
use crate::store::{PostgresUrl, StoreError};

/// How many reads may run at once.
const READERS: usize = 4;
/// One that nobody has needed for so long is closed, but for the last: each costs memory here and a process of the server.
const IDLE_MAX: Duration = Duration::from_secs(30);

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

    /// Runs `read` in one read transaction on a thread that may block. Cancel-safe. One whose connection the server has ended while it
    /// was idle begins on another.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.in_turn(move |this| {
            let (conn, ()) = this.on_idle(|conn| conn.batch(BEGIN_READ))?;
            let done = read(Connection::Postgres(&conn));
            if conn.batch("ROLLBACK").is_err() {
                conn.leave();
            }
            this.give_back(conn);
            done
        })
        .await
    }

    /// Runs `work` on a connection of the pool, outside of any transaction. It runs again on another where the server has ended the
    /// one that it began on: twice must be as good as once.
    pub(super) async fn on_one<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&PgConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.in_turn(move |this| {
            let (conn, done) = this.on_idle(work)?;
            this.give_back(conn);
            Ok(done)
        })
        .await
    }

    /// On a thread that may block, when it is its turn.
    async fn in_turn<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&this)
        });
        done.await
            .unwrap_or_else(|_| Err(StoreError::Refused { what: "a read panicked or the runtime stopped".into() }))
    }

    fn give_back(&self, conn: PgConnection) {
        if conn.is_over() {
            return;
        }
        let now = SystemClock.boot();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle.iter().take_while(|(_, used)| now.saturating_sub(*used) > IDLE_MAX).count();
        let closed: Vec<_> = idle.drain(..old).collect();
        idle.push((conn, now));
        drop(idle);
        drop(closed);
    }

    /// The connection that was used last, and what came of `work` on it: the server may have ended those that were idle, which only
    /// their use shows. Asking each first whether it is there would be a question for every question.
    fn on_idle<T>(
        &self,
        work: impl Fn(&PgConnection) -> Result<T, StoreError>,
    ) -> Result<(PgConnection, T), StoreError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((conn, _)) = idle else {
                let conn = PgConnection::again(&self.url, self.lock_within)?;
                let done = work(&conn);
                return self.with(conn, done);
            };
            let done = work(&conn);
            if done.is_ok() || !conn.was_ended() {
                return self.with(conn, done);
            }
        }
    }

    fn with<T>(&self, conn: PgConnection, done: Result<T, StoreError>) -> Result<(PgConnection, T), StoreError> {
        match done {
            Ok(done) => Ok((conn, done)),
            Err(e) => {
                self.give_back(conn);
                Err(e)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_says_how_many_connections_a_process_holds() {
        // Beside those that read, one writes, one listens and one has the lease.
        let most = format!("up to {} connections", READERS + 3);
        let page = include_str!("../../cli/manual/topics/postgres.txt");
        assert!(page.contains(&most), "{most}");
    }
}
