//! The parts of a store that loops ask for alone.

use super::*;

#[async_trait]
impl Replies for Mortal {
    async fn listened(
        &self,
        since: Timestamp,
        after: Option<&ListenedPlace>,
        limit: usize,
    ) -> Result<Vec<Listened>, StoreError> {
        self.alive().await;
        self.inner.listened(since, after, limit).await
    }
    async fn heard(&self, messages: &[MessageSid]) -> Result<Vec<MessageSid>, StoreError> {
        self.alive().await;
        self.inner.heard(messages).await
    }
    async fn date_replies(&self, times: &[(MessageSid, Timestamp)]) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.date_replies(times).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
    async fn waiting_replies(&self, limit: usize) -> Result<Vec<InboundText>, StoreError> {
        self.alive().await;
        self.inner.waiting_replies(limit).await
    }
    async fn replies_read(&self) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.replies_read().await
    }
    async fn keep_replies_read(&self, until: Timestamp) -> Result<(), StoreError> {
        self.before_write().await;
        let done = self.inner.keep_replies_read(until).await;
        if done.is_ok() {
            self.after_write().await;
        }
        done
    }
}

#[async_trait]
impl AlertOutbox for Mortal {
    async fn alerts_due(&self, sink: &str, now: Timestamp, limit: usize) -> Result<Vec<AlertTask>, StoreError> {
        self.alive().await;
        self.inner.alerts_due(sink, now, limit).await
    }
    async fn next_alert(&self, sink: &str, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.alive().await;
        self.inner.next_alert(sink, after).await
    }
    async fn alerts_waiting(&self, sink: &str) -> Result<Vec<AlertKey>, StoreError> {
        self.alive().await;
        self.inner.alerts_waiting(sink).await
    }
    async fn sink_state(&self, sink: &str, since: Timestamp) -> Result<SinkState, StoreError> {
        self.alive().await;
        self.inner.sink_state(sink, since).await
    }
    async fn alerts_asked(&self, sink: &str, keys: Vec<AlertKey>) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.alerts_asked(sink, keys).await
    }
    async fn alerts_delivered(&self, sink: &str, tasks: Vec<AlertTask>, at: Timestamp) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.alerts_delivered(sink, tasks, at).await
    }
    async fn alerts_not_delivered(
        &self,
        sink: &str,
        tasks: Vec<AlertTask>,
        how: NotDelivered,
    ) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.alerts_not_delivered(sink, tasks, how).await
    }
    async fn alerts_dropped(&self, sink: &str, tasks: Vec<AlertTask>) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.alerts_dropped(sink, tasks).await
    }
    async fn share_alerts(&self, now: Timestamp) -> Result<(), StoreError> {
        self.alive().await;
        self.inner.share_alerts(now).await
    }
}
