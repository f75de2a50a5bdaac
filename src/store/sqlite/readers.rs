//! Read-only connections beside the writer: each read is one transaction, so it sees one moment.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open::{Use, connect};
use crate::store::{StoreError, StoreSettings};

/// How many reads may run at once.
const READERS: usize = 4;

/// A pool of read-only connections.
#[derive(Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(options: &StoreSettings) -> Result<Self, StoreError> {
        let idle = (0..READERS).map(|_| connect(options, Use::Read)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), turns: Arc::new(Semaphore::new(READERS)) })
    }

    /// Runs `read` in one read transaction on a thread that may block. Cancel-safe.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let lent = Lent::take(&idle)?;
            let conn = lent.conn()?;
            conn.prepare_cached("BEGIN")?.execute([])?;
            read(conn)
        });
        done.await
            .unwrap_or_else(|_| Err(StoreError::Refused { what: "a read panicked or the runtime stopped".into() }))
    }
}

/// A connection that goes back with its transaction ended, whatever happens.
struct Lent<'a> {
    conn: Option<Connection>,
    home: &'a Mutex<Vec<Connection>>,
}

impl<'a> Lent<'a> {
    fn take(home: &'a Mutex<Vec<Connection>>) -> Result<Self, StoreError> {
        let conn = home.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if conn.is_none() { Err(StoreError::Closed) } else { Ok(Self { conn, home }) }
    }

    fn conn(&self) -> Result<&Connection, StoreError> {
        self.conn.as_ref().ok_or(StoreError::Closed)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            // A read transaction has nothing to lose: an error here only means that it is over already.
            drop(conn.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([])));
            self.home.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}
