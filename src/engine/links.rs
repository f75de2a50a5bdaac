//! The links by which a contact takes a call: one call, one contact, signed, until the call ends, 24 h at most.
//!
//! A link names the attempt that carries it, by its id and a signature with a key that is kept in the store. Nothing of it is in a
//! log; whether it still holds is what the store says of its call.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;

use crate::domain::types::AttemptId;

/// How much of the signature stands in a link, in bytes: with the id an odd guess takes for ever, and a text stays short.
const SIGNATURE: usize = 12;
const ID: usize = 16;
/// What is signed besides the id, so that a signature means this alone.
const MEANING: &[u8] = b"dispatchctl take link 1";

/// Makes links and reads them.
pub struct Links {
    base: String,
    key: [u8; 32],
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Links {
    /// Under this public URL.
    pub fn new(public_url: &Url, key: [u8; 32]) -> Self {
        Self { base: public_url.as_str().trim_end_matches('/').to_owned(), key }
    }

    /// The link that this attempt carries.
    pub fn of(&self, attempt: AttemptId) -> String {
        let id = attempt.uuid().into_bytes();
        let mut token = Vec::with_capacity(ID + SIGNATURE);
        token.extend(id);
        token.extend(self.signature(&id).into_iter().take(SIGNATURE));
        format!("{}/l/{}", self.base, URL_SAFE_NO_PAD.encode(token))
    }

    /// The attempt whose link this is the token of; `None` for anything that we did not make.
    pub fn read(&self, token: &str) -> Option<AttemptId> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, signature) = bytes.split_at_checked(ID).filter(|(_, s)| s.len() == SIGNATURE)?;
        let mut mac = self.mac();
        mac.update(id);
        mac.verify_truncated_left(signature).ok()?;
        Some(AttemptId::from_uuid(Uuid::from_bytes(id.try_into().ok()?)))
    }

    fn mac(&self) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length");
        mac.update(MEANING);
        mac
    }

    fn signature(&self, id: &[u8]) -> [u8; 32] {
        let mut mac = self.mac();
        mac.update(id);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_back_and_nothing_else_is() {
        let base = Url::parse("https://dispatch.example.com/").expect("a URL");
        let links = Links::new(&base, [7; 32]);
        let id = AttemptId::from_uuid(Uuid::from_u128(42));
        let link = links.of(id);
        let token = link.strip_prefix("https://dispatch.example.com/l/").expect("its base");
        assert_eq!((links.read(token), token.len()), (Some(id), 38));
        assert_eq!(Links::new(&base, [8; 32]).read(token), None, "another store's key");
        let last = if token.ends_with('A') { "B" } else { "A" };
        for bad in [
            "",
            "x",
            &token[1..],
            &token[..37],
            &format!("{token}A"),
            &format!("{}{last}", &token[..37]),
            &"A".repeat(38),
            "../x",
        ] {
            assert_eq!(links.read(bad), None, "{bad}");
        }
        assert!(!format!("{links:?}").contains('7'), "the key is not shown");
    }
}
