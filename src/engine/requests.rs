//! Sees other processes' commits, and does what they ask of the holder of the engine lock.
//!
//! A request is a row: it waits for whichever engine runs next. Answered after it was done, so a crash does it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::store::StoreError;

use super::duty::Passed;
use super::poller::Poller;
use super::{Engine, Scope, fault_injection};

/// Another process's commit is seen within this, with room to spare for the promised 250 ms.
const EVERY: Duration = Duration::from_millis(150);
/// The same on a server, where commits come with a hint of their own, while none is heard.
const EVERY_ON_A_SERVER: Duration = Duration::from_millis(240);
/// And while they are heard: for a hint that is lost with its connection.
pub const EVERY_BESIDE_HINTS: Duration = Duration::from_secs(1);
/// A process that asked for the lock longer ago than this waits no more.
const ASKER_GONE: Duration = Duration::from_secs(120);

/// See the module.
pub struct Requests {
    engine: Arc<Engine>,
    poller: Arc<Poller>,
    /// The version of the store that was looked at last: with our own commits, and without them.
    seen: AtomicU64,
    seen_of_others: AtomicU64,
}

impl Requests {
    /// Over this engine; questions to the provider are this poller's.
    pub fn new(engine: Arc<Engine>, poller: Arc<Poller>) -> Self {
        Self { engine, poller, seen: AtomicU64::new(0), seen_of_others: AtomicU64::new(0) }
    }

    /// Where another process committed since the last pass, every loop is woken and what is asked is done. Our own commits wake
    /// whom they concern themselves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(&self) -> Passed {
        let core = &self.engine.core;
        let now = core.clock.now();
        let (boot, version) = (core.clock.boot(), core.store.version().await?);
        core.version.saw(version, boot);
        if self.seen.load(Ordering::Relaxed) != version {
            let of_others = core.store.version_of_others().await?;
            if of_others.is_none_or(|n| self.seen_of_others.load(Ordering::Relaxed) != n) {
                core.wake.all();
                self.answer_all().await?;
                // What could not be answered is looked for again.
                if let Some(n) = of_others {
                    self.seen_of_others.store(n, Ordering::Relaxed);
                }
            } else {
                self.seen.store(version, Ordering::Relaxed);
            }
        }
        let is_known = self.seen.load(Ordering::Relaxed) == version;
        let every = match self.engine.is_in_a_term() {
            false => EVERY,
            true if is_known && core.store.is_hinted() => EVERY_BESIDE_HINTS,
            true => EVERY_ON_A_SERVER,
        };
        Ok(Some(now.plus(every)))
    }

    async fn answer_all(&self) -> Result<(), StoreError> {
        let store = &self.engine.core.store;
        let now = self.engine.core.clock.now();
        for request in store.open_requests().await? {
            let result = match request.kind.as_str() {
                "refresh" => match request.payload.get("call").and_then(Value::as_str).and_then(|c| c.parse().ok()) {
                    Some(call) => self.poller.refresh(&call).await?,
                    None => json!({ "error": "no such call" }),
                },
                "drill" => fault_injection::answer(&request.payload),
                "yield" if self.engine.scope == Scope::All => json!({ "error": "serve keeps the lock" }),
                "yield" if now.since(request.at) > ASKER_GONE => json!({ "error": "whoever asked is gone" }),
                "yield" => json!({ "yielded": true }),
                other => json!({ "error": format!("this engine does not know the request {other:?}") }),
            };
            let (yields, armed_faults) = (result.get("yielded").is_some(), result.get("armed").is_some());
            store.answer_request(request.id, result, now).await?;
            if armed_faults {
                fault_injection::arm(&request.payload);
            }
            // After the answer: it stops this very loop.
            if yields {
                self.engine.yielded.cancel();
            }
        }
        Ok(())
    }
}
