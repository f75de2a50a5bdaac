//! What `[board]` gives to `serve`.

use url::Url;

/// The office's page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    /// Whether it is served on `server.listen`; never on `server.public_listen`.
    pub is_enabled: bool,
    /// Where people reach it, for links that sign in; `None`: the public URL, else the listener's own address.
    pub url: Option<Url>,
}
