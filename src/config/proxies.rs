//! `server.trusted_proxies`: the machines whose word on where a request came from is taken.

use super::network::Network;
use super::read::{Reader, Section};

const FORM: &str = "an address or a network, like \"10.0.0.7\" or \"10.0.0.0/8\"";

/// Reads `server.trusted_proxies`.
pub(super) fn trusted_proxies(r: &mut Reader, server: &mut Section) -> Vec<Network> {
    let found = r.list(server, "trusted_proxies", FORM, str::parse::<Network>, ToString::to_string);
    found.unwrap_or_default().into_iter().map(|f| f.value).collect()
}
