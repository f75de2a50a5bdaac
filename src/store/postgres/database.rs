//! The server as a database: see [`Database`].

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::connection::PgConnection;
use super::store::PostgresStore;
use crate::store::sql::Connection;
use crate::store::tables::{CommonState, Database};
use crate::store::{Lease, LeaseError, StoreError, Unreadable, rows, writer};

/// How many transactions of all processes changed something. Signs of life do not count.
const VERSION: &str = "SELECT n FROM commits";

impl Database for PostgresStore {
    fn shared(&self) -> &CommonState {
        &self.common
    }

    async fn run_read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(read).await
    }

    async fn run_write<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writer::submit(&jobs.ok_or(StoreError::Closed)?, change).await
    }

    async fn run_beat<F>(&self, change: F) -> Result<(), StoreError>
    where
        F: FnOnce(Connection<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        self.readers.on_one(move |conn| change(Connection::Postgres(conn))).await
    }

    async fn version_seen(&self) -> Result<u64, StoreError> {
        let read =
            |conn: &PgConnection| Connection::Postgres(conn).prepare_cached(VERSION)?.query_row([], |r| r.get(0));
        let n: i64 = self.readers.on_one(read).await?;
        u64::try_from(n).map_err(|_| rows::corrupt("commits.n"))
    }

    async fn version_of_other_processes(&self) -> Result<u64, StoreError> {
        let all = self.version_seen().await?;
        Ok(all.wrapping_sub(self.own.load(Ordering::Relaxed)))
    }

    async fn lease(&self, _: &str) -> Result<Arc<dyn Lease>, LeaseError> {
        let source =
            io::Error::new(io::ErrorKind::Unsupported, "no engine works on a PostgreSQL store in this version");
        Err(LeaseError::Io { path: "postgres".into(), source })
    }

    fn file_name(&self) -> Option<String> {
        None
    }

    async fn renamed(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The server looks after its files.
    fn damaged_places(_: Connection<'_>, _: usize) -> Result<Vec<Unreadable>, StoreError> {
        Ok(Vec::new())
    }

    async fn repair(&self, found: Vec<Unreadable>) -> Result<bool, StoreError> {
        let whole = found.is_empty();
        found.into_iter().for_each(|u| self.common.damage.found(u));
        Ok(whole)
    }
}
