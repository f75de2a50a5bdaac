//! Whose sandbox answers at an address: one that knows our credentials proves it, and no secret leaves either side.
//!
//! The asker sends a nonce; the sandbox answers with one HMAC-SHA256 per credential, keyed by the secret, over a fixed
//! prefix, the nonce and the public name (account SID, key SID). The prefix keeps these apart from everything else
//! that a secret signs. Nothing is sent to a stranger but a random number.

use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::config::SandboxConfig;
use super::state::Shared;

/// The longest wait for the answer: a sandbox answers one request at a time.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Hex digits of a nonce, at least and at most.
const NONCE: std::ops::RangeInclusive<usize> = 32..=128;

/// Who answers at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A sandbox that knows every credential that was asked about.
    Ours,
    /// A sandbox of another account, key or Airtable token, or of a release that cannot prove whose it is.
    Strangers,
    /// Something that is no sandbox, or that does not answer in time.
    NoSandbox,
}

/// What a sandbox proves, in hex; `null` for what it has none of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proofs {
    account: String,
    api_key: Option<String>,
    airtable: String,
}

/// The answer to `GET /_sandbox/identity?nonce=HEX`.
///
/// # Errors
/// A sentence where the nonce is none.
pub(super) fn proofs(shared: &Shared, query: &str) -> Result<Proofs, String> {
    let nonce = query.strip_prefix("nonce=").unwrap_or_default();
    if !NONCE.contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("nonce: {} to {} hex digits", NONCE.start(), NONCE.end()));
    }
    Ok(Proofs {
        account: proof("account", nonce, &shared.account_sid, &shared.secrets().auth_token),
        api_key: shared.secrets().api_key.as_ref().map(|(key, secret)| proof("api-key", nonce, key, secret)),
        airtable: proof("airtable", nonce, "", &shared.secrets().airtable_token),
    })
}

/// Asks whoever answers at `addr` whether it knows the account of `config`, its API key where it has one, and its
/// Airtable token where `with_airtable` (which base it has is no secret, and for `doctor` to say). `nonce`: 32 to 128 hex digits that were never used before. Takes 2 s at most.
pub async fn whose(addr: SocketAddr, config: &SandboxConfig, with_airtable: bool, nonce: &str) -> Whose {
    let none = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().timeout(ANSWER_MAX).redirect(none).no_proxy().build();
    let Ok(client) = client else { return Whose::NoSandbox };
    let healthy = client.get(format!("http://{addr}/_sandbox/health")).send().await;
    if !healthy.is_ok_and(|r| r.status().is_success()) {
        return Whose::NoSandbox;
    }
    let asked = client.get(format!("http://{addr}/_sandbox/identity?nonce={nonce}")).send().await;
    let Some(answer) = whole(asked).await else { return Whose::NoSandbox };
    let Ok(given) = serde_json::from_slice::<Proofs>(&answer) else { return Whose::Strangers };
    let account = given.account == proof("account", nonce, &config.account_sid, &config.auth_token);
    let key = config.api_key.as_ref().map(|(key, secret)| proof("api-key", nonce, key, secret));
    let airtable = given.airtable == proof("airtable", nonce, "", &config.airtable_token);
    if account && (key.is_none() || given.api_key == key) && (airtable || !with_airtable) {
        Whose::Ours
    } else {
        Whose::Strangers
    }
}

/// The body of an answer, where it came whole and is no longer than a sandbox's.
async fn whole(asked: reqwest::Result<reqwest::Response>) -> Option<Vec<u8>> {
    let mut answer = asked.ok()?;
    let mut body = Vec::new();
    while let Some(more) = answer.chunk().await.ok()? {
        body.extend_from_slice(&more);
        if body.len() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    Some(body)
}

fn proof(kind: &str, nonce: &str, name: &str, secret: &str) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("dispatchctl-sandbox-identity\n{kind}\n{nonce}\n{name}").as_bytes());
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
}
