//! Read-only connections beside the writer: each read is one transaction, so it sees one moment.
//!
//! One is opened when there is something to read and none is idle: a command that reads once has one.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::connections::Opener;
use super::open::Use;
use crate::store::StoreError;

/// How many reads may run at once.
const READERS: usize = 4;

/// A pool of read-only connections.
#[derive(Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    opener: Opener,
}

impl Readers {
    pub(super) fn new(opener: Opener) -> Self {
        Self { idle: Arc::default(), turns: Arc::new(Semaphore::new(READERS)), opener }
    }

    /// Opens all that are not open yet. Blocks.
    pub(super) fn open_all(&self) -> Result<(), StoreError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are lent come back.
        while idle.len() < self.turns.available_permits() {
            idle.push(self.opener.open(Use::Read)?);
        }
        Ok(())
    }

    /// Runs `read` in one read transaction on a thread that may block. Cancel-safe.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, asked) = oneshot::channel();
        self.lend(Box::new(move |conn| drop(answer.send(read(conn))))).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same for whatever is read: a task of the runtime for the type of each question would be a megabyte of the program.
    async fn lend(&self, read: Box<dyn FnOnce(&Connection) + Send>) -> Result<(), StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (idle, opener) = (Arc::clone(&self.idle), self.opener.clone());
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let lent = Lent::take(&idle, &opener)?;
            let conn = lent.conn()?;
            conn.prepare_cached("BEGIN")?.execute([])?;
            read(conn);
            Ok(())
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
    fn take(home: &'a Mutex<Vec<Connection>>, opener: &Opener) -> Result<Self, StoreError> {
        let idle = home.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = idle.map_or_else(|| opener.open(Use::Read), Ok)?;
        Ok(Self { conn: Some(conn), home })
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
