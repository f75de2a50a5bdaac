//! What surrounds each access of a store in tests: a process that dies at a commit, a change that is refused. Outside of tests
//! there is nothing of it.
//!
//! A backend passes the gate where it reads and where it writes, and so no test has to wrap every method of a store.

#[cfg(test)]
use std::sync::{Arc, OnceLock};

#[cfg(test)]
use async_trait::async_trait;

use super::error::StoreError;
use crate::domain::event::Load;

/// What a test does around an access.
#[cfg(test)]
#[async_trait]
pub(crate) trait Hooks: Send + Sync {
    /// A read begins once this returns.
    async fn before_read(&self);
    /// A change is handed over once this returns.
    async fn before_write(&self);
    /// A change was committed: whoever made it hears so once this returns.
    async fn after_commit(&self);
    /// Why this decision is not even tried.
    fn refused(&self, load: &Load) -> Option<StoreError>;
}

/// Where a backend passes; open where no test stands in it.
#[derive(Default)]
pub(super) struct Gate {
    #[cfg(test)]
    hooks: OnceLock<Arc<dyn Hooks>>,
}

impl Gate {
    /// From now on these surround each access.
    #[cfg(test)]
    pub(super) fn safeguard(&self, hooks: Arc<dyn Hooks>) {
        assert!(self.hooks.set(hooks).is_ok(), "one test at a time");
    }

    pub(super) async fn before_read(&self) {
        #[cfg(test)]
        if let Some(hooks) = self.hooks.get() {
            hooks.before_read().await;
        }
    }

    pub(super) async fn before_write(&self) {
        #[cfg(test)]
        if let Some(hooks) = self.hooks.get() {
            hooks.before_write().await;
        }
    }

    pub(super) async fn after_commit(&self) {
        #[cfg(test)]
        if let Some(hooks) = self.hooks.get() {
            hooks.after_commit().await;
        }
    }

    /// # Errors
    /// What the test says; never outside of tests.
    pub(super) fn admit(&self, load: &Load) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(refused) = self.hooks.get().and_then(|h| h.refused(load)) {
            return Err(refused);
        }
        let _ = load;
        Ok(())
    }
}
