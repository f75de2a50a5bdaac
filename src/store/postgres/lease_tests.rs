//! The lease and its fence, with several processes' stores on one database.

use std::sync::Arc;
use std::time::Duration;

use super::PostgresStore;
use super::tests::opened;
use crate::clock::{Clock as _, SystemClock};
use crate::domain::attempt::AttemptState;
use crate::store::contract::fixtures::{at, call, edit, entry, put, put_in, stored};
use crate::store::tables::Database as _;
use crate::store::{Control as _, Lease, LeaseError, Store, StoreError};
use crate::testing::postgres::TestSchema;
use crate::testing::steady::while_the_machine_runs;

const LOOK: Duration = Duration::from_millis(50);
/// What SPEC promises of a takeover.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(5);

macro_rules! two_or_skip {
    () => {{
        let Some(schema) = TestSchema::fresh().await else { return };
        let (a, b) = (opened(schema.settings()).await, opened(schema.settings()).await);
        (schema, a, b)
    }};
}

async fn pause(d: Duration) {
    SystemClock.sleep_until(SystemClock.now().plus(d)).await;
}

/// Asks again and again, as a standby does; how long it took.
async fn taken(store: &PostgresStore) -> (Arc<dyn Lease>, Duration) {
    let began = SystemClock.boot();
    loop {
        match store.take_lease("serve").await {
            Ok(lease) => return (lease, SystemClock.boot() - began),
            Err(LeaseError::Held(_)) => {}
            Err(e) => panic!("{e}"),
        }
        assert!(SystemClock.boot() - began < Duration::from_secs(20), "nobody lets go");
        pause(LOOK).await;
    }
}

/// The handle through which whoever holds this lease decides.
fn under(store: &PostgresStore, lease: &dyn Lease) -> Arc<dyn Store> {
    store.under(lease).expect("a store with terms")
}

/// As a process that was stopped: nobody renews its lease any more, and the row stands as it was.
fn silence(lease: &dyn Lease) {
    lease.only_while(Box::new(|| {
        loop {
            std::thread::park();
        }
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_holds_the_lease_and_what_it_releases_is_taken_at_once() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        assert_eq!(a.lease_holder().await.expect("read"), None);
        let (held, took) = taken(&a).await;
        assert!(took < Duration::from_secs(1), "nobody held it: {took:?}");
        assert!(held.permit().lasts(Duration::from_secs(1)) && !held.permit().lasts(Duration::from_secs(4)));
        let began = SystemClock.boot();
        // It is renewed for longer than a permit lasts.
        while SystemClock.boot() - began < Duration::from_secs(5) {
            match b.take_lease("serve").await {
                Err(LeaseError::Held(Some(holder))) => {
                    assert_eq!((holder.role.as_str(), holder.pid), ("serve", std::process::id()));
                    assert!(holder.host.is_some() && holder.silent_for < Some(Duration::from_secs(3)), "{holder:?}");
                }
                other => panic!("the lease is held: {other:?}"),
            }
            assert!(held.permit().lasts(Duration::from_secs(1)) && !held.lost().is_cancelled());
            pause(LOOK).await;
        }
        assert!(b.lease_holder().await.expect("read").is_some_and(|h| h.role == "serve"));
        held.release().await;
        assert!(held.lost().is_cancelled() && !held.permit().lasts(Duration::ZERO), "it decides nothing more");
        let (next, took) = taken(&b).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_ne!(next.term(), held.term(), "each term is a new one");
        let term = held.term().map(str::to_owned);
        next.release().await;
        let (again, _) = taken(&a).await;
        assert_ne!(again.term().map(str::to_owned), term, "even of the same process");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_dropped_is_free_and_one_that_nobody_renews_is_taken_over_in_time() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        let (held, _) = taken(&a).await;
        drop(held);
        let (held, took) = taken(&b).await;
        assert!(took < Duration::from_secs(2), "{took:?}");
        let lost = held.lost();
        silence(&*held);
        let (next, took) = taken(&a).await;
        assert!(took >= Duration::from_millis(3_200), "its permit could still have lasted: {took:?}");
        assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
        assert!(lost.is_cancelled() && !held.permit().lasts(Duration::ZERO), "it saw that itself");
        assert!(next.permit().lasts(Duration::from_secs(1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_term_whose_work_stands_still_is_given_up_although_its_thread_lives() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        let (held, _) = taken(&a).await;
        held.only_while(Box::new(|| true));
        pause(Duration::from_millis(2_500)).await;
        assert!(held.permit().lasts(Duration::from_secs(1)), "it works, and is renewed");
        held.only_while(Box::new(|| false));
        let (next, took) = taken(&b).await;
        assert!(took < Duration::from_secs(2), "nobody waits until it could have ended by itself: {took:?}");
        assert!(held.lost().is_cancelled() && !held.permit().lasts(Duration::ZERO));
        assert_ne!(next.term(), held.term());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_holder_commits_no_decision_after_a_takeover_and_its_evidence_is_kept() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        put(&a, call("c", at(0))).await.expect("put");
        put(&a, call("d", at(0))).await.expect("put");
        let (first, _) = taken(&a).await;
        let stale = under(&a, &*first);
        edit(&*stale, "c", |s| put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(1)))
            .await
            .expect("it holds the lease");
        silence(&*first);
        let (_second, _) = taken(&b).await;
        let before = stored(&b, "d").await;
        let claim = edit(&*stale, "d", |s| put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(1))).await;
        assert!(matches!(claim, Err(StoreError::Fenced)), "{claim:?}");
        let said = stale.append_log(vec![entry(Some("d"), at(1), "decided")]).await;
        assert!(matches!(said, Err(StoreError::Fenced)), "{said:?}");
        assert_eq!(stored(&b, "d").await, before, "something of the claim was written");
        edit(&a, "c", |s| put_in(&mut s.attempts[0], AttemptState::Submitted, 7, at(2)))
            .await
            .expect("what became of a POST");
        assert_eq!(stored(&b, "c").await.attempts[0].state, AttemptState::Submitted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_with_a_fenced_decision_keeps_its_evidence() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        for n in 0..40 {
            put(&a, call(&format!("c{n}"), at(0))).await.expect("put");
        }
        let (first, _) = taken(&a).await;
        let stale = under(&a, &*first);
        silence(&*first);
        let (_second, _) = taken(&b).await;
        let all = (0..40).map(|n| {
            let (stale, evidence) = (stale.clone(), &a);
            async move {
                let name = format!("c{n}");
                let by: &dyn Store = if n % 2 == 0 { &*stale } else { evidence };
                let sent = edit(by, &name, |s| put_in(&mut s.attempts[0], AttemptState::Sending, 0, at(1))).await;
                (n % 2 == 0, sent)
            }
        });
        for (is_decision, done) in futures_util::future::join_all(all).await {
            match (is_decision, done) {
                (true, Err(StoreError::Fenced)) | (false, Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

/// The takeover commits between the first look and the commit: only the fence of the commit sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_takeover_within_the_transaction_of_a_decision_ends_that_transaction() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        let (first, _) = taken(&a).await;
        let stale = a.handle_of(first.term().map(str::to_owned));
        let taker = Arc::new(b.handle_of(None));
        let handle = tokio::runtime::Handle::current();
        let decided = stale.run_write(None, move |conn| {
            conn.prepare_cached("INSERT INTO meta (key, value) VALUES ('decided', 'x')")?.execute([])?;
            // As a takeover does it, without the lock of the writers.
            let taker = Arc::clone(&taker);
            let take = taker.readers.clone();
            handle.block_on(async move {
                let sql = "UPDATE engine SET holder = 'eng_other', beat = 0 WHERE slot = 1";
                take.on_one(move |conn| crate::store::sql::Connection::Postgres(conn).prepare_cached(sql)?.execute([]))
                    .await
            })?;
            Ok(())
        });
        let decided = decided.await;
        assert!(matches!(decided, Err(StoreError::Fenced)), "{decided:?}");
        let kept = a.run_read(|conn| conn.prepare_cached("SELECT 1 FROM meta WHERE key = 'decided'")?.exists([])).await;
        assert!(!kept.expect("read"), "the decision of a term that was over was committed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_term_that_has_no_answer_from_the_server_ends_by_itself() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        let (held, _) = taken(&a).await;
        // Whoever holds the row up holds up every renewal, and every takeover.
        let (began, holds) = (SystemClock.boot(), b.readers.clone());
        let blocked = tokio::spawn(async move {
            holds
                .on_one(|conn| conn.batch("BEGIN; SELECT 1 FROM engine FOR UPDATE; SELECT pg_sleep(5); ROLLBACK"))
                .await
        });
        held.lost().cancelled().await;
        let took = SystemClock.boot() - began;
        assert!(took < Duration::from_millis(3_300), "no answer extends a permit: {took:?}");
        blocked.await.expect("no panic").expect("held");
        let (next, _) = taken(&b).await;
        assert_ne!(next.term(), held.term());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_hints_is_counted_as_long_as_it_is_there() {
    let (_schema, a, b) = two_or_skip!();
    let count = async || a.replicas().await.expect("counted");
    assert_eq!(count().await, Some(0), "commands are no replicas");
    a.hinted().await;
    assert_eq!(count().await, Some(1));
    b.hinted().await;
    assert_eq!(count().await, Some(2));
    drop(b);
    let began = SystemClock.boot();
    while count().await != Some(1) {
        assert!(SystemClock.boot() - began < Duration::from_secs(10), "one that is gone is counted no more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_another_process_is_heard_of_and_an_own_one_is_not() {
    while_the_machine_runs(async || {
        let (_schema, a, b) = two_or_skip!();
        assert!(!a.is_hinted(), "nobody waits for a hint");
        // Whoever begins to listen looks once.
        a.hinted().await;
        assert!(a.is_hinted());
        put(&a, call("own", at(0))).await.expect("put");
        assert!(tokio::time::timeout(Duration::from_millis(300), a.hinted()).await.is_err(), "its own commit");
        let mut took = Vec::new();
        for n in 0..20 {
            let began = SystemClock.boot();
            put(&b, call(&format!("c{n}"), at(0))).await.expect("put");
            tokio::time::timeout(Duration::from_secs(5), a.hinted()).await.expect("it is heard of");
            took.push(SystemClock.boot() - began);
        }
        took.sort_unstable();
        assert!(took[10] < Duration::from_millis(100), "{took:?}");
    })
    .await;
}
