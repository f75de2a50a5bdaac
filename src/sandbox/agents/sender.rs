//! Posts reports as a platform signs them, or as a forger does. Only loopback addresses are ever called.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::description::{Platform, SandboxPhoneCall};
use super::{retell, vapi};
use crate::clock::Clock as _;
use crate::sandbox::callbacks::{self, Posted};
use crate::sandbox::state::Shared;
use crate::sandbox::target::Target;

/// The keys that sign where a control gives none.
const RETELL_KEY: &str = "key_sandbox_0123456789";
const VAPI_SECRET: &str = "invented-vapi-secret";
/// How far back an old signature is dated.
const OLD: Duration = Duration::from_secs(24 * 3_600);
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMES_MAX: usize = 16;

/// How a report proves itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Signing {
    #[default]
    Valid,
    /// Of another body.
    Broken,
    /// Good, and of yesterday.
    Old,
    /// Vapi's bearer token.
    Bearer,
    None,
}

/// A report that is posted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sending {
    platform: Platform,
    /// `http://127.0.0.1:3000`, with the prefix of its public URL.
    at: String,
    /// `call_analyzed`, `call_ended`, `function NAME`; `end-of-call-report`, `status-update`, `tool NAME`.
    event: String,
    #[serde(default)]
    call: Option<SandboxPhoneCall>,
    /// In place of what the call would give.
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    signature: Signing,
    #[serde(default)]
    key: Option<String>,
    /// So often at once.
    #[serde(default = "once")]
    times: usize,
}

const fn once() -> usize {
    1
}

/// What each of them was answered.
///
/// # Errors
/// What is wrong with it; nothing was posted.
pub(super) fn post(shared: &Arc<Shared>, sending: &Sending) -> Result<Value, String> {
    let target = Target::parse(&format!("{}{}", sending.at.trim_end_matches('/'), path(sending)?));
    let target = target.map_err(|e| format!("at: {e}"))?;
    if !target.is_loopback() {
        return Err("at: the sandbox calls loopback addresses only".to_owned());
    }
    if !(1..=TIMES_MAX).contains(&sending.times) {
        return Err(format!("times: 1 to {TIMES_MAX}"));
    }
    let body = body(shared, sending)?.to_string();
    let headers = headers(shared, sending, body.as_bytes());
    let own = shared.clone();
    let times = sending.times;
    let work = async move {
        let posts = (0..times).map(|_| callbacks::post_json(&own, &target, &body, &headers, TIMEOUT));
        join_all(posts).await
    };
    let posted: Vec<Posted> = callbacks::waited(shared, work).ok_or("the webhook did not answer in time")?;
    let answers: Vec<Value> = posted.iter().map(|p| json!({ "httpStatus": p.http_status, "body": p.body })).collect();
    Ok(json!({ "answers": answers }))
}

fn path(sending: &Sending) -> Result<&'static str, String> {
    match sending.platform {
        Platform::Retell if sending.event.starts_with("function ") => Ok("/webhooks/retell/function"),
        Platform::Retell => Ok("/webhooks/retell/call-ended"),
        Platform::Vapi => Ok("/webhooks/vapi"),
        Platform::Twilio => Err("platform: Twilio posts forms, see /_sandbox/forge".to_owned()),
    }
}

fn body(shared: &Shared, sending: &Sending) -> Result<Value, String> {
    if let Some(body) = &sending.body {
        return Ok(body.clone());
    }
    let call = sending.call.as_ref().ok_or("a call or a body is needed")?;
    let started = call.started(shared.theirs());
    Ok(match sending.platform {
        Platform::Vapi => vapi::report(&sending.event, call, started),
        _ => retell::report(&sending.event, call, started),
    })
}

fn headers(shared: &Shared, sending: &Sending, body: &[u8]) -> Vec<(&'static str, String)> {
    let usual = if sending.platform == Platform::Vapi { VAPI_SECRET } else { RETELL_KEY };
    let key = sending.key.as_deref().unwrap_or(usual);
    let now = shared.clock.now();
    let at = if sending.signature == Signing::Old { now.minus(OLD) } else { now };
    let ms = at.as_millis().to_string();
    let signed: &[u8] = if sending.signature == Signing::Broken { b"another body" } else { body };
    match (sending.signature, sending.platform) {
        (Signing::None, _) => Vec::new(),
        (Signing::Bearer, _) => vec![("Authorization", format!("Bearer {key}"))],
        (_, Platform::Vapi) => {
            let digest = hmac(key, &[ms.as_bytes(), b".", signed]);
            vec![("x-signature", digest), ("x-timestamp", ms)]
        }
        _ => vec![("X-Retell-Signature", format!("v={ms},d={}", hmac(key, &[signed, ms.as_bytes()])))],
    }
}

pub(in crate::sandbox) fn hmac(key: &str, parts: &[&[u8]]) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
}
