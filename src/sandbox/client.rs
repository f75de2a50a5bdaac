//! The handles of a sandbox in another process, as its own commands turn them.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

/// A reply waits for the webhook's answer, which may take as long.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Why a handle could not be turned.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody answers there.
    #[error("no sandbox answers at http://{addr}")]
    Away { addr: SocketAddr },
    /// It answers, and does not do it.
    #[error("the sandbox refuses it ({status}): {why}")]
    Refused { status: u16, why: String },
}

/// Posts to a handle, as `settings` or `reply`; its answer.
///
/// # Errors
/// [`ControlError`]: nothing was done, or nobody can tell.
pub async fn control(addr: SocketAddr, handle: &str, body: &Value) -> Result<Value, ControlError> {
    let away = || ControlError::Away { addr };
    let none = reqwest::redirect::Policy::none();
    let client =
        reqwest::Client::builder().timeout(ANSWER_MAX).redirect(none).no_proxy().build().map_err(|_| away())?;
    let asked = client.post(format!("http://{addr}/_sandbox/{handle}")).json(body).send().await;
    let answer = asked.map_err(|_| away())?;
    let status = answer.status();
    let document: Value = answer.json().await.unwrap_or_default();
    if status.is_success() {
        return Ok(document);
    }
    let why = document.get("error").and_then(Value::as_str).unwrap_or("it does not say why").to_owned();
    Err(ControlError::Refused { status: status.as_u16(), why })
}
