//! What processes tell each other: see [`Control`].

use std::sync::Arc;
use std::time::Duration;

use crate::store::sql::{Connection, params};
use async_trait::async_trait;
use serde_json::Value;

use super::database::Database;
use super::{engines, keys, phone_calls, reads, settings, sql, synced_contacts};
use crate::clock::Clock as _;
use crate::domain::settings::{Basis, NewSettings, SettingsRow};
use crate::domain::types::Actor;
use crate::domain::{ClockOffset, Timestamp};
use crate::store::{
    Control, EngineBeat, EngineRow, HistoryDoubt, Holder, KeptProviderClock, Lease, LeaseError, ListProgress, Request,
    Store, StoreError, SyncedContacts, rows,
};

/// How long a request and its answer are kept.
const REQUESTS_KEPT: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl<D: Database> Control for D {
    async fn link_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.with_tx(move |conn| keys::kept(conn, sql::KEEP_LINK_KEY, sql::LINK_KEY, &fresh)).await
    }

    async fn settings(&self) -> Result<Option<SettingsRow>, StoreError> {
        self.read(settings::newest).await
    }

    async fn put_settings(&self, new: &NewSettings) -> Result<SettingsRow, StoreError> {
        let new = new.clone();
        self.with_tx(move |conn| settings::put(conn, &new)).await
    }

    async fn basis(&self) -> Result<Basis, StoreError> {
        self.read(settings::basis).await
    }

    async fn synced_contacts(&self) -> Result<Option<SyncedContacts>, StoreError> {
        self.read(synced_contacts::read).await
    }

    async fn keep_synced_contacts(&self, copy: Option<&SyncedContacts>) -> Result<(), StoreError> {
        let copy = copy.cloned();
        self.with_tx(move |conn| synced_contacts::keep(conn, copy.as_ref())).await
    }

    async fn post_request(&self, kind: &str, payload: Value, actor: &Actor, now: Timestamp) -> Result<i64, StoreError> {
        let (kind, actor) = (kind.to_owned(), actor.clone());
        self.with_tx(move |conn| {
            let payload = rows::to_json("a request", &payload)?;
            conn.prepare_cached(sql::FORGET_REQUESTS)?.execute([now.minus(REQUESTS_KEPT).as_millis()])?;
            let with = params![kind, payload, actor.0, now.as_millis()];
            conn.prepare_cached(sql::POST_REQUEST)?.query_row(with, |r| r.get(0))
        })
        .await
    }

    async fn open_requests(&self) -> Result<Vec<Request>, StoreError> {
        self.list(reads::open_requests).await
    }

    async fn answer_request(&self, id: i64, result: Value, now: Timestamp) -> Result<(), StoreError> {
        self.with_tx(move |conn| {
            let result = rows::to_json("an answer", &result)?;
            conn.prepare_cached(sql::ANSWER_REQUEST)?.execute(params![id, result, now.as_millis()])?;
            Ok(())
        })
        .await
    }

    async fn request(&self, id: i64) -> Result<Option<Request>, StoreError> {
        self.read(move |conn| reads::request(conn, id)).await
    }

    async fn engine(&self) -> Result<Option<EngineRow>, StoreError> {
        self.list(engines::newest).await
    }

    async fn engine_started(&self, row: &EngineRow) -> Result<(), StoreError> {
        let row = row.clone();
        let path = self.file_name();
        let is_new_name = self
            .with_tx(move |conn| {
                // By which of several names it was used, should it ever have several.
                let kept =
                    conn.prepare_cached(sql::KEEP_PATH)?.execute(params![path.as_deref().unwrap_or_default()])?;
                engines::started(conn, &row)?;
                Ok(kept > 0)
            })
            .await?;
        if is_new_name {
            self.renamed().await?;
        }
        Ok(())
    }

    async fn history_doubt(&self) -> Result<Option<HistoryDoubt>, StoreError> {
        let kept: Option<String> =
            self.read(|conn| conn.prepare_cached(sql::HISTORY_DOUBT)?.query_maybe([], |r| r.get(0))).await?;
        Ok(kept.as_deref().and_then(HistoryDoubt::read))
    }

    async fn history_is_whole(&self) -> Result<(), StoreError> {
        let server = self.server_name();
        self.with_tx(move |conn| {
            conn.prepare_cached(sql::NO_HISTORY_DOUBT)?.execute([])?;
            if let Some(server) = &server {
                conn.prepare_cached(sql::KEEP_SERVER)?.execute([server.as_str()])?;
            }
            Ok(())
        })
        .await
    }

    async fn engine_heartbeat(&self, id: &str, beat: &EngineBeat) -> Result<(), StoreError> {
        self.shared().gate.before_read().await;
        let (id, beat) = (id.to_owned(), beat.clone());
        self.run_beat(move |conn| engines::heartbeats(conn, &id, &beat)).await
    }

    async fn engine_stopped(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.with_tx(move |conn| engines::stopped(conn, &id, at)).await
    }

    async fn provider_clock(&self) -> Result<Option<KeptProviderClock>, StoreError> {
        self.read(|conn| {
            let found = reads::all(conn, sql::PROVIDER_CLOCK, [], |row| {
                Ok(KeptProviderClock {
                    offset: ClockOffset { least_ms: row.get(0)?, most_ms: row.get(1)? },
                    measured_at: Timestamp::from_millis(row.get(2)?),
                    newest_message: rows::time(row.get(3)?),
                })
            });
            Ok(found?.pop())
        })
        .await
    }

    async fn keep_provider_clock(&self, clock: &KeptProviderClock) -> Result<(), StoreError> {
        let c = *clock;
        self.with_tx(move |conn| {
            conn.prepare_cached(sql::KEEP_PROVIDER_CLOCK)?.execute(params![
                c.offset.least_ms,
                c.offset.most_ms,
                c.measured_at.as_millis(),
                rows::millis(c.newest_message),
            ])?;
            Ok(())
        })
        .await
    }

    async fn list_progress(&self, source: &str) -> Result<Option<ListProgress>, StoreError> {
        let source = source.to_owned();
        self.read(move |conn| phone_calls::progress(conn, &source)).await
    }

    async fn keep_list_progress(&self, source: &str, progress: ListProgress) -> Result<(), StoreError> {
        let source = source.to_owned();
        self.with_tx(move |conn| phone_calls::keep_progress(conn, &source, progress)).await
    }

    async fn version(&self) -> Result<u64, StoreError> {
        self.shared().gate.before_read().await;
        self.version_seen().await
    }

    async fn version_of_others(&self) -> Result<Option<u64>, StoreError> {
        self.shared().gate.before_read().await;
        self.version_of_other_processes().await
    }

    async fn take_lease(&self, role: &str) -> Result<Arc<dyn Lease>, LeaseError> {
        self.lease(role).await
    }

    async fn hinted(&self) {
        self.hint().await;
    }

    fn is_hinted(&self) -> bool {
        self.listens()
    }

    async fn lease_holder(&self) -> Result<Option<Holder>, StoreError> {
        self.holder_seen().await
    }

    async fn replicas(&self) -> Result<Option<u64>, StoreError> {
        self.count_replicas().await
    }

    fn under(&self, lease: &dyn Lease) -> Option<Arc<dyn Store>> {
        self.handle_under(lease)
    }

    fn decides(&self) -> bool {
        self.may_decide()
    }

    async fn probe(&self, now: Timestamp) -> Result<Duration, StoreError> {
        let started = self.shared().clock.boot();
        self.with_tx(move |conn| {
            let changed = conn.prepare_cached(sql::PROBE)?.execute([now.as_millis().to_string()])?;
            if let Connection::Postgres(server) = conn {
                server.is_no_news(changed);
                // A right that was taken away from one table alone refuses every call.
                let barred: Option<String> = conn.prepare_cached(sql::BARRED)?.query_row([], |r| r.get(0))?;
                if let Some(table) = barred {
                    return Err(StoreError::Denied { what: format!("permission denied for table {table}") });
                }
            }
            Ok(())
        })
        .await?;
        Ok(self.shared().clock.boot().saturating_sub(started))
    }
}
