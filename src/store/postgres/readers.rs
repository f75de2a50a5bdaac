//! Connections beside the writer's: each read is one transaction, so it sees one moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::connection::{BEGIN_READ, PgConnection};
use crate::clock::{Clock as _, SystemClock};
use crate::store::sql::Connection;
use crate::store::{PostgresUrl, StoreError};

/// How many reads may run at once.
const READERS: usize = 4;
/// One that nobody has needed for so long is closed, but for the last: each costs memory here and a process of the server.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// What is done with the pool.
type InTurn = Box<dyn FnOnce(&ServerReaders) -> Result<(), StoreError> + Send>;

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
        let (answer, asked) = oneshot::channel();
        let work = move |this: &Self| {
            let conn = this.on_idle(&mut |conn| conn.batch(BEGIN_READ))?;
            let done = read(Connection::Postgres(&conn));
            if conn.batch("ROLLBACK").is_err() {
                conn.leave();
            }
            this.give_back(conn);
            drop(answer.send(done));
            Ok(())
        };
        self.in_turn(Box::new(work)).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs `work` on a connection of the pool, outside of any transaction. It runs again on another where the server has ended the
    /// one that it began on: twice must be as good as once.
    pub(super) async fn on_one<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&PgConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, asked) = oneshot::channel();
        let work = move |this: &Self| {
            let mut done = Err(StoreError::Closed);
            let conn = this.on_idle(&mut |conn| {
                done = Ok(work(conn)?);
                Ok(())
            })?;
            this.give_back(conn);
            drop(answer.send(done));
            Ok(())
        };
        self.in_turn(Box::new(work)).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// On a thread that may block, when it is its turn. For whatever is asked: a task of the runtime for the type of each question
    /// would be a megabyte of the program.
    async fn in_turn(&self, work: InTurn) -> Result<(), StoreError> {
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

    /// The connection that was used last, after `work` on it: the server may have ended those that were idle, which only their use
    /// shows. Asking each first whether it is there would be a question for every question.
    fn on_idle(
        &self,
        work: &mut dyn FnMut(&PgConnection) -> Result<(), StoreError>,
    ) -> Result<PgConnection, StoreError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let (conn, is_new) = match idle {
                Some((conn, _)) => (conn, false),
                None => (PgConnection::again(&self.url, self.lock_within)?, true),
            };
            match work(&conn) {
                Ok(()) => return Ok(conn),
                Err(_) if !is_new && conn.was_ended() => {}
                Err(e) => {
                    self.give_back(conn);
                    return Err(e);
                }
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
