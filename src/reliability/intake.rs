//! Hands calls over as an intake does.

use std::time::Duration;

use serde_json::Value;

use crate::clock::{Clock as _, SystemClock};

/// Tries of one call while nobody answers; a restart takes less.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Posts a call; the status of the answer, if there was one. An intake whose answer is lost asks again with the same call id,
/// which makes no second call: an engine that restarts must not make a drill of calls into one of a few.
pub(super) async fn post(client: &reqwest::Client, url: &str, body: &Value) -> Option<u16> {
    let clock = SystemClock::new();
    for _ in 0..TRIES {
        match client.post(url).json(body).send().await {
            Ok(answer) => return Some(answer.status().as_u16()),
            Err(_) => clock.sleep_until(clock.now().plus(PAUSE)).await,
        }
    }
    None
}
