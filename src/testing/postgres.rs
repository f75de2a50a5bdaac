//! A schema of a case's own on the tests' PostgreSQL server.

use std::path::Path;

use super::postgres_server::test_server;
use crate::store::{Location, PostgresUrl, StoreSettings};

/// A schema of a case's own.
pub(crate) struct TestSchema {
    url: String,
}

impl TestSchema {
    /// `None`: there is no PostgreSQL here, which is said.
    pub(crate) async fn fresh() -> Option<Self> {
        let made = tokio::task::spawn_blocking(|| test_server().map(|server| Self { url: server.schema() }));
        made.await.expect("no panic")
    }

    /// How tests use a store in it, as [`super::store_at`].
    pub(crate) fn settings(&self) -> StoreSettings {
        let location = Location::Postgres(PostgresUrl::new(self.url.clone()));
        StoreSettings { location, ..super::store_at(Path::new("")) }
    }
}
