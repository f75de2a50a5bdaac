//! A look through the whole store finds nothing where nothing is wrong.

use super::fixtures::*;
use crate::domain::call::CallStatus;
use crate::store::Store;

pub(crate) async fn a_store_that_is_well_is_found_well_whatever_its_calls_wait_for(store: &dyn Store) {
    put(store, full_call("full")).await.expect("put");
    put(store, call("waits", at(0))).await.expect("put");
    // A call that was left for the morning has a wake time until a person has seen it.
    for (name, wake) in [("deferred", Some(at(60))), ("seen", None)] {
        let mut left = call(name, at(0));
        left.call.status = CallStatus::Deferred;
        left.call.wake_at = wake;
        left.attempts.clear();
        left.call.attempts = 0;
        put(store, left).await.expect("put");
    }
    assert_eq!(store.unreadable(10).await.expect("looked"), []);
    let parts = store.checked(10).await.expect("looked");
    let named: Vec<&str> = parts.iter().map(|p| p.part).collect();
    assert_eq!(named, ["file", "schema", "calls", "rules", "orphans"]);
    for part in &parts {
        assert!(part.wrong.is_empty() && part.looked_at > 0, "{part:?}");
    }
    assert_eq!(parts[2].looked_at, 4, "closed calls too");
}
