//! What people look at: see [`Views`].

use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;

use super::database::Database;
use super::{check, counted, figures, load, phone_calls, reads, spent};
use crate::clock::Clock as _;
use crate::domain::Timestamp;
use crate::domain::breaker::Breaker;
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::CallId;
use crate::store::{
    AlertLine, CallFilter, CallLine, CheckedPart, CountedEntry, DueLine, FailureLine, Figures, HourOfTexts, KnownAs,
    LogFilter, LogLine, OptOutLine, StoreError, Unreadable, Views, rows,
};

/// A look through everything does not stand in the way of a start.
const LOOK_FIRST: Duration = Duration::from_secs(60);
/// Wrong rows that one such look names.
const LOOKED_MAX: usize = 100;

#[async_trait]
impl<D: Database> Views for D {
    async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallLine>, StoreError> {
        let filter = filter.clone();
        self.list(move |context| reads::calls(context, &filter)).await
    }

    async fn log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError> {
        let filter = filter.clone();
        self.list(move |context| reads::log(context, &filter)).await
    }

    async fn newest_log(&self, filter: &LogFilter) -> Result<Vec<LogLine>, StoreError> {
        let filter = filter.clone();
        self.list(move |context| reads::newest_log(context, &filter)).await
    }

    async fn log_end(&self) -> Result<i64, StoreError> {
        self.read(counted::log_end).await
    }

    async fn counted_entries(&self, after: i64, limit: usize) -> Result<Vec<CountedEntry>, StoreError> {
        self.list(move |context| counted::entries(context, after, limit)).await
    }

    async fn due_lines(&self, limit: usize) -> Result<Vec<DueLine>, StoreError> {
        self.list(move |context| reads::due_lines(context, limit)).await
    }

    async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError> {
        self.list(move |context| figures::figures(context, now)).await
    }

    async fn texts_since(&self, since: Timestamp, per_contact: u32) -> Result<HourOfTexts, StoreError> {
        self.read(move |conn| spent::hour(conn, since, per_contact)).await
    }

    async fn failures(&self, since: Timestamp) -> Result<Vec<FailureLine>, StoreError> {
        self.read(move |conn| figures::failures(conn, since)).await
    }

    async fn alerts(&self) -> Result<Vec<AlertLine>, StoreError> {
        self.list(|context| reads::alerts(context, usize::MAX)).await
    }

    async fn told_of(&self, id: &CallId, phone: &PhoneCall) -> Result<Option<Option<CallId>>, StoreError> {
        let (id, phone) = (id.clone(), phone.clone());
        self.read(move |conn| {
            let found = phone_calls::same(conn, &id, &phone)?;
            found.map(|call| call.map(|c| rows::parsed("phone_calls.call_id", &c)).transpose()).transpose()
        })
        .await
    }

    async fn call_of_phone_call(
        &self,
        id: &CallId,
        also: &[CallId],
        phone: &PhoneCall,
    ) -> Result<Option<CallId>, StoreError> {
        let (id, also, phone) = (id.clone(), also.to_vec(), phone.clone());
        self.read(move |conn| {
            let found = load::call_of_phone(conn, &id, &also, Some(&phone))?;
            found.map(|call| rows::parsed("phone_calls.call_id", &call)).transpose()
        })
        .await
    }

    async fn known_phone_calls(&self, ids: Vec<CallId>) -> Result<Vec<KnownAs>, StoreError> {
        self.read(move |conn| phone_calls::known(conn, &ids)).await
    }

    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.read_one(load::breakers).await
    }

    async fn opt_outs(&self) -> Result<Vec<OptOutLine>, StoreError> {
        self.read(reads::opt_outs).await
    }

    fn skipped_rows(&self) -> Vec<Unreadable> {
        self.shared().damage.rows()
    }

    async fn unreadable(&self, limit: usize) -> Result<Vec<Unreadable>, StoreError> {
        self.read(move |conn| check::unreadable::<D>(conn, limit)).await
    }

    async fn checked(&self, limit: usize) -> Result<Vec<CheckedPart>, StoreError> {
        self.read(move |conn| check::parts::<D>(conn, limit)).await
    }

    async fn integrity_scan(&self, every: Duration) -> Result<bool, StoreError> {
        let now = self.shared().clock.boot();
        {
            let mut looked = self.shared().looked.lock().unwrap_or_else(PoisonError::into_inner);
            let due = self.shared().damage.take_alarm()
                || looked.map_or_else(
                    || self.shared().opened.passed() >= every.min(LOOK_FIRST),
                    |last| now.saturating_sub(last) >= every,
                );
            if !due {
                return Ok(false);
            }
            *looked = Some(now);
        }
        let found = self.unreadable(LOOKED_MAX).await?;
        self.repair(found).await
    }
}
