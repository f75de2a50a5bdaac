//! The server as a database: see [`Database`].

use std::sync::{Arc, PoisonError};

use super::connection::PgConnection;
use super::hints;
use super::history::COMMITS;
use super::lease;
use super::schema_names;
use super::store::PostgresStore;
use crate::domain::event::Load;
use crate::failpoint::Safeguard;
use crate::store::sql::Connection;
use crate::store::tables::{CommonState, Database};
use crate::store::{Holder, Lease, LeaseError, Store, StoreError, Unreadable, rows, writer};

const TABLES: &str = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r'";

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

    async fn run_one_statement<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.on_one(move |conn| read(Connection::Postgres(conn))).await
    }

    async fn run_write<T, F>(&self, load: Option<Arc<Load>>, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let term = self.term.clone();
        let (history, begun) = (Arc::clone(&self.history), self.history_changes);
        let fenced = move |conn: Connection<'_>| {
            // Decided by what may be lost: its next term looks first.
            if term.is_some() && history.changes() != begun && !Safeguard::Fence.is_off() {
                return Err(StoreError::Fenced);
            }
            if let (Connection::Postgres(conn), Some(term)) = (conn, &term) {
                conn.fence(term)?;
            }
            change(conn)
        };
        writer::submit(&jobs.ok_or(StoreError::Closed)?, load, fenced).await
    }

    async fn run_beat<F>(&self, change: F) -> Result<(), StoreError>
    where
        F: Fn(Connection<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        self.readers.on_one(move |conn| change(Connection::Postgres(conn))).await
    }

    async fn version_seen(&self) -> Result<u64, StoreError> {
        let read =
            |conn: &PgConnection| Connection::Postgres(conn).prepare_cached(COMMITS)?.query_row([], |r| r.get(0));
        let n: i64 = self.readers.on_one(read).await?;
        let n = u64::try_from(n).map_err(|_| rows::corrupt("commits.n"))?;
        self.history.saw(n);
        Ok(n)
    }

    async fn version_of_other_processes(&self) -> Result<Option<u64>, StoreError> {
        let before = self.own.before();
        let all = self.version_seen().await?;
        Ok(self.own.others(all, before))
    }

    async fn lease(&self, role: &str) -> Result<Arc<dyn Lease>, LeaseError> {
        let (observer, url, key) = (Arc::clone(&self.observer), self.url.clone(), self.hints.key());
        let role = role.to_owned();
        let take = move || observer.lock().unwrap_or_else(PoisonError::into_inner).try_take(&url, key, &role);
        let lease = tokio::task::spawn_blocking(take).await.map_err(|_| StoreError::Closed)??;
        tokio::spawn(lease.watch());
        Ok(Arc::new(lease))
    }

    async fn hint(&self) {
        self.hints.next(&self.url).await;
    }

    fn listens(&self) -> bool {
        self.hints.are_heard()
    }

    async fn holder_seen(&self) -> Result<Option<Holder>, StoreError> {
        self.readers.on_one(lease::holder).await
    }

    async fn count_replicas(&self) -> Result<Option<u64>, StoreError> {
        let key = self.hints.key();
        self.readers.on_one(move |conn| hints::count(conn, key)).await.map(Some)
    }

    fn handle_under(&self, lease: &dyn Lease) -> Option<Arc<dyn Store>> {
        let term = Some(lease.term()?.to_owned());
        Some(Arc::new(self.handle_of(term)))
    }

    fn may_decide(&self) -> bool {
        self.term.is_some() || Safeguard::Fence.is_off()
    }

    fn server_name(&self) -> Option<String> {
        self.history.server()
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

    fn checked_file(conn: Connection<'_>, _: usize) -> Result<(u64, &'static str, Vec<Unreadable>), StoreError> {
        let tables: i64 = conn.prepare_cached(TABLES)?.query_row([], |r| r.get(0))?;
        Ok((u64::try_from(tables).unwrap_or_default(), "tables, whose files the server looks after", Vec::new()))
    }

    fn schema_differences(conn: Connection<'_>, limit: usize) -> Result<(u64, Vec<Unreadable>), StoreError> {
        schema_names::missing(conn, limit)
    }

    async fn repair(&self, found: Vec<Unreadable>) -> Result<bool, StoreError> {
        let whole = found.is_empty();
        found.into_iter().for_each(|u| self.common.damage.found(u));
        Ok(whole)
    }
}
