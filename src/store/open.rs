//! From where a store is to the store: nobody else names a backend.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::StoreError;
#[cfg(test)]
use super::gate::Hooks;
use super::peeked::Peeked;
use super::place::{Location, StoreSettings};
use super::postgres::{self, PostgresStore};
use super::sqlite::{self, SqliteStore};
use super::upkeep::{Overwrite, Restored, Room};
use super::{Holder, LeaseError, Store};

/// Opens a store, or makes it; blocks for as long as a migration takes. Needs a tokio runtime around it.
///
/// # Errors
/// [`StoreError::Open`] (missing, no directory, not a database, not ours, read-only, empty), [`StoreError::Newer`],
/// [`StoreError::OtherMode`], [`StoreError::WrongFile`], [`StoreError::Busy`]: in each case the store is as it was.
pub fn open(settings: StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    match settings.location {
        Location::File(_) => Ok(Arc::new(SqliteStore::open(settings)?)),
        Location::Postgres(_) => Ok(Arc::new(PostgresStore::open(settings)?)),
    }
}

/// The same with a test around each access.
#[cfg(test)]
pub(crate) fn open_between(settings: StoreSettings, hooks: Arc<dyn Hooks>) -> Result<Arc<dyn Store>, StoreError> {
    let store = SqliteStore::open(settings)?;
    // The tests' engines hold no lock: they are the engine from the start.
    store.open_all()?;
    store.common.gate.safeguard(hooks);
    Ok(Arc::new(store))
}

/// What a store says without being opened for more; nothing where there is no such store.
///
/// # Errors
/// [`StoreError`]: it is there and cannot be read.
pub async fn peek(settings: StoreSettings) -> Result<Peeked, StoreError> {
    off_the_runtime(move || match &settings.location {
        Location::File(_) => SqliteStore::peek(&settings),
        Location::Postgres(url) => postgres::peek(&settings, url),
    })
    .await
}

/// Open calls with their references, the newest first and not too many: read from where they lie, and nothing beside them is made,
/// changed or waited for.
///
/// # Errors
/// [`StoreError`]: it cannot be read so.
pub async fn open_calls(settings: StoreSettings) -> Result<Vec<(String, String)>, StoreError> {
    off_the_runtime(move || match &settings.location {
        Location::File(_) => SqliteStore::open_calls(&settings),
        Location::Postgres(url) => postgres::open_calls(&settings, url),
    })
    .await
}

/// Whether there is a store. What this user may not look at is not taken for absent.
///
/// # Errors
/// [`StoreError::Open`]: it may not be read.
pub async fn exists(location: Location) -> Result<bool, StoreError> {
    off_the_runtime(move || match &location {
        Location::File(path) => sqlite::file::is_there(path),
        Location::Postgres(url) => postgres::exists(url),
    })
    .await
}

/// What blocks keeps no thread of the runtime.
async fn off_the_runtime<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(StoreError::Refused { what: "a look at the store panicked".into() }))
}

/// Refuses a location where there is no store and none must or can be made: an engine has lost its file from there, or works on it by
/// another name; a server keeps this user from it, or has a store in another schema. Looks only.
///
/// # Errors
/// [`StoreError::WrongFile`]; of a server those of [`open`].
pub async fn check(location: Location) -> Result<(), StoreError> {
    off_the_runtime(move || match &location {
        Location::File(path) => sqlite::file::check_name(path),
        Location::Postgres(url) => postgres::can_be_made(url),
    })
    .await
}

/// The process that is the engine of this store now; `None`: there is none, or nobody can say.
pub async fn holder(location: Location) -> Option<Holder> {
    let seen = off_the_runtime(move || match &location {
        Location::File(path) => Ok(sqlite::holder(path)),
        Location::Postgres(url) => Ok(postgres::holder(url).filter(Holder::is_seen)),
    });
    seen.await.ok().flatten()
}

/// Puts a copy in the place of a store: of the same mode, whole, with a doubt about what was written after it, so that the engine asks
/// the provider before it sends. What was there is kept beside it. No engine may work on the store meanwhile.
///
/// # Errors
/// [`LeaseError`]: somebody does. [`StoreError::Exists`]: a store is there, and `over` keeps it. [`StoreError::Refused`]: the store is
/// in a database. Those of [`open`] about the copy. After each what was there is as it was.
pub async fn restore(settings: StoreSettings, from: PathBuf, over: Overwrite) -> Result<Restored, LeaseError> {
    let done = tokio::task::spawn_blocking(move || match &settings.location {
        Location::File(_) => sqlite::restore(&settings, &from, over),
        Location::Postgres(_) => {
            Err(StoreError::Refused { what: "a server's store is restored by the server's own tools".into() }.into())
        }
    });
    done.await.unwrap_or_else(|_| Err(StoreError::Refused { what: "restoring the store panicked".into() }.into()))
}

/// How much room a store has and takes; `None`: somebody else keeps it.
pub fn room(location: &Location) -> Option<Room> {
    match location {
        Location::File(path) => Some(sqlite::room(path)),
        Location::Postgres(_) => None,
    }
}
