//! Programs of several versions on one store.

use std::time::Duration;

use super::PostgresStore;
use super::tests::opened;
use super::versions::{MIGRATIONS, known_schema};
use crate::clock::{Clock as _, SystemClock};
use crate::store::contract::fixtures::{at, call, put, stored};
use crate::store::sql::params;
use crate::store::tables::Database as _;
use crate::store::{Control as _, LeaseError, StoreError};
use crate::testing::postgres::TestSchema;

/// The schema is of this version, and who works on it must know that one at least.
async fn is_of(store: &PostgresStore, found: i64, oldest: i64) {
    let done = store.run_write(None, move |conn| {
        for (key, value) in [("schema", found), ("oldest_schema", oldest)] {
            conn.prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")?
                .execute(params![key, value.to_string()])?;
        }
        Ok(())
    });
    done.await.expect("noted");
}

async fn tried(schema: &TestSchema) -> Result<PostgresStore, StoreError> {
    let settings = schema.settings();
    tokio::task::spawn_blocking(move || PostgresStore::open(settings)).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_newer_version_only_added_keeps_this_one_from_nothing() {
    let Some(schema) = TestSchema::fresh().await else { return };
    let store = opened(schema.settings()).await;
    is_of(&store, known_schema() + 2, known_schema()).await;
    let beside = tried(&schema).await.expect("it works on");
    put(&beside, call("c", at(0))).await.expect("put");
    assert_eq!(stored(&store, "c").await, call("c", at(0)));
    drop(beside.take_lease("serve").await.expect("it may be the engine"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_cannot_work_on_ends_its_term_and_takes_no_other() {
    let Some(schema) = TestSchema::fresh().await else { return };
    let (store, standby) = (opened(schema.settings()).await, opened(schema.settings()).await);
    let lease = store.take_lease("serve").await.expect("free");
    // A newer version has changed the store; the next renewal sees it.
    is_of(&store, known_schema() + 1, known_schema() + 1).await;
    let lost = lease.lost();
    tokio::select! {
        () = lost.cancelled() => {}
        () = SystemClock.sleep_until(SystemClock.now().plus(Duration::from_secs(20))) => panic!("its term goes on"),
    }
    let got = standby.take_lease("serve").await.map(drop);
    assert!(matches!(&got, Err(LeaseError::Store(StoreError::Newer { .. }))), "{got:?}");
    let got = tried(&schema).await.map(drop);
    assert!(matches!(&got, Err(StoreError::Newer { .. })), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_would_end_the_engine_waits_until_it_is_stopped() {
    let Some(schema) = TestSchema::fresh().await else { return };
    let store = opened(schema.settings()).await;
    let before = MIGRATIONS.len() - 1;
    let newest = &MIGRATIONS[before];
    let before = i64::try_from(before).expect("few");
    if newest.works_from <= before {
        return;
    }
    put(&store, call("c", at(0))).await.expect("put");
    is_of(&store, before, before).await;
    let lease = store.take_lease("serve").await.expect("free");
    let got = tried(&schema).await.map(drop);
    let why = got.as_ref().err().map(|e| format!("{e:?}")).unwrap_or_default();
    assert!(why.contains("stop every `serve`") && why.contains("version 0."), "{why}");
    lease.release().await;
    // Nobody is the engine: the step is made, here for a second time, which the server says.
    let got = tried(&schema).await.map(drop);
    let why = got.as_ref().err().map(|e| format!("{e:?}")).unwrap_or_default();
    assert!(!why.contains("stop every"), "{why}");
    assert_eq!(stored(&store, "c").await, call("c", at(0)));
}
