//! What of the account is set up wrongly.

use serde::Deserialize;

/// What a test sets up wrongly: where nothing is said, all is well.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct AccountFaults {
    /// `Trial`.
    pub(super) kind: Option<String>,
    /// Countries that may not be rung, `CA`.
    pub(super) not_rung: Vec<String>,
    /// Without an approved customer profile.
    pub(super) no_profile: bool,
    /// No number can ring a phone.
    pub(super) no_voice: bool,
    /// Countries and profiles are answered as nobody expects.
    pub(super) other_answers: bool,
}
