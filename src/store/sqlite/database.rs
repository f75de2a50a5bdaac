//! The file as a database: see [`Database`].

use std::io;
use std::sync::Arc;

use super::handle::SqliteStore;
use super::lease::FileLease;
use super::repair::misfit;
use super::{check, versions};
use crate::domain::event::Load;
use crate::store::sql::Connection;
use crate::store::tables::{CommonState, Database};
use crate::store::{Holder, Lease, LeaseError, Store, StoreError, Unreadable, Upkeep as _};

impl Database for SqliteStore {
    fn shared(&self) -> &CommonState {
        &self.common
    }

    async fn run_read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(move |conn| read(Connection::Sqlite(conn))).await
    }

    async fn run_one_statement<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(move |conn| read(Connection::Sqlite(conn))).await
    }

    async fn run_write<T, F>(&self, load: Option<Arc<Load>>, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        // Its way to the file is short: what a change loads it asks when it needs it.
        drop(load);
        self.in_turn(move |conn| change(Connection::Sqlite(conn))).await
    }

    async fn run_beat<F>(&self, change: F) -> Result<(), StoreError>
    where
        F: Fn(Connection<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        Self::on(&self.beater, move |conn| change(Connection::Sqlite(conn))).await
    }

    async fn version_seen(&self) -> Result<u64, StoreError> {
        Self::on(&self.watcher, versions::of).await
    }

    async fn version_of_other_processes(&self) -> Result<Option<u64>, StoreError> {
        let seen = self.version_seen().await?;
        if self.versions.is_known(seen) {
            return Ok(Some(self.versions.of_others()));
        }
        // Somebody committed: only the connection that makes our own commits can tell whose it was.
        self.versions.learn(seen, self.in_turn(versions::of).await).map(Some)
    }

    async fn lease(&self, role: &str) -> Result<Arc<dyn Lease>, LeaseError> {
        let lease = FileLease::take(self.options.path(), role)?;
        // From here on a file that is lost from its place is worked on all the same, so all of its connections are open.
        self.open_all()
            .map_err(|e| LeaseError::Io { path: self.options.path().to_owned(), source: io::Error::other(e) })?;
        Ok(Arc::new(lease))
    }

    /// There are none: whoever waits looks.
    async fn hint(&self) {
        std::future::pending().await
    }

    fn listens(&self) -> bool {
        false
    }

    async fn holder_seen(&self) -> Result<Option<Holder>, StoreError> {
        let path = self.options.path().to_owned();
        tokio::task::spawn_blocking(move || FileLease::holder(&path)).await.map_err(|_| StoreError::Closed)
    }

    /// Who holds the lock is the only one who could.
    fn handle_under(&self, _: &dyn Lease) -> Option<Arc<dyn Store>> {
        None
    }

    fn may_decide(&self) -> bool {
        true
    }

    fn file_name(&self) -> Option<String> {
        self.options.path().to_str().map(str::to_owned)
    }

    /// Whoever opens the file by another name reads it without the log, which lies beside this one.
    async fn renamed(&self) -> Result<(), StoreError> {
        self.checkpoint().await
    }

    fn damaged_places(conn: Connection<'_>, limit: usize) -> Result<Vec<Unreadable>, StoreError> {
        check::file(conn.sqlite()?, limit)
    }

    fn checked_file(conn: Connection<'_>, limit: usize) -> Result<(u64, &'static str, Vec<Unreadable>), StoreError> {
        let conn = conn.sqlite()?;
        let pages: i64 = conn.pragma_query_value(None, "page_count", |r| r.get(0))?;
        Ok((u64::try_from(pages).unwrap_or_default(), "pages", check::file(conn, limit)?))
    }

    fn schema_differences(conn: Connection<'_>, limit: usize) -> Result<(u64, Vec<Unreadable>), StoreError> {
        check::schema(conn.sqlite()?, limit)
    }

    async fn repair(&self, found: Vec<Unreadable>) -> Result<bool, StoreError> {
        let (misfits, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|u| misfit(u).is_some());
        let whole = misfits.is_empty() && other.is_empty();
        other.into_iter().for_each(|u| self.common.damage.found(u));
        Ok(self.repair_indexes(misfits).await? == 0 && whole)
    }
}
