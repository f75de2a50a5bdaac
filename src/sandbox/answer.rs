//! What becomes of a request to the sandbox.

use wiremock::ResponseTemplate;

/// What becomes of a request.
pub(super) enum Response {
    /// This is sent.
    Send(ResponseTemplate),
    /// The connection is closed without a byte.
    Drop,
}
