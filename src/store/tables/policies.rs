//! The policies that calls carry as JSON: calls of one level carry the same text, which is parsed once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::domain::policy::Policy;
use crate::store::{StoreError, rows};

/// How many texts are known: more than a shop has levels. One more, and all are parsed again.
const KNOWN_MAX: usize = 64;

/// What a text says depends on nothing else, so that all stores of the process share this.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Known(HashMap<Box<str>, Arc<Policy>>);

impl Known {
    fn read(&mut self, text: &str) -> Result<Arc<Policy>, StoreError> {
        if let Some(known) = self.0.get(text) {
            return Ok(Arc::clone(known));
        }
        let policy: Arc<Policy> = Arc::new(rows::from_json("calls.policy", text)?);
        if self.0.len() >= KNOWN_MAX {
            self.0.clear();
        }
        self.0.insert(text.into(), Arc::clone(&policy));
        Ok(policy)
    }
}

/// Reads the policy of a call.
///
/// # Errors
/// [`StoreError::Corrupt`], each time anew.
pub(in crate::store) fn read(text: &str) -> Result<Arc<Policy>, StoreError> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).read(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        format!(r#"{{"name":"{name}","steps":[],"repeat":0,"repeat_wait":0,"exhaust_after":0}}"#)
    }

    #[test]
    fn one_text_is_one_policy_another_text_another_and_a_broken_one_is_damage_each_time() {
        let mut known = Known::default();
        let first = known.read(&text("a")).expect("read");
        assert!(Arc::ptr_eq(&first, &known.read(&text("a")).expect("read")), "parsed once");
        assert_eq!(known.read(&text("b")).expect("read").name, "b");
        for _ in 0..2 {
            assert!(matches!(known.read("{"), Err(StoreError::Corrupt { .. })));
        }
        for n in 0..3 * KNOWN_MAX {
            assert_eq!(known.read(&text(&n.to_string())).expect("read").name, n.to_string());
            assert!(known.0.len() <= KNOWN_MAX);
        }
        assert_eq!(known.read(&text("a")).expect("read"), first, "parsed again, and the same");
    }
}
