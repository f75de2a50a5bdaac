//! The part of the store that is about clocks: see [`Clocks`].

use async_trait::async_trait;
use rusqlite::params;

use super::{SqliteStore, reads, sql};
use crate::domain::{ClockOffset, Timestamp};
use crate::store::clocks::{Clocks, KeptProviderClock};
use crate::store::{StoreError, rows};

#[async_trait]
impl Clocks for SqliteStore {
    async fn clock_stepped(&self, by_ms: i64, fresh_since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let shifted = [
            sql::SHIFT_WAKES,
            sql::SHIFT_PAUSES,
            sql::SHIFT_POLLS,
            sql::SHIFT_PROBES,
            sql::SHIFT_OUTBOX,
            sql::SHIFT_ALERT_MESSAGES,
            sql::SHIFT_ALERT_SINKS,
            sql::SHIFT_READ_BACKS,
        ];
        self.with_tx(move |conn| {
            for statement in [sql::STEP_CLAIMED, sql::STEP_UNDECIDED] {
                conn.prepare_cached(statement)?.execute([by_ms, fresh_since.as_millis(), now.as_millis()])?;
            }
            for statement in shifted.iter().filter(|_| by_ms < 0) {
                conn.prepare_cached(statement)?.execute([by_ms.saturating_neg()])?;
            }
            Ok(())
        })
        .await
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
}
