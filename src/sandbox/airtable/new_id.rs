//! Ids of what is made in the base.

use super::base::letters;
use crate::clock::Clock as _;
use crate::sandbox::state::Shared;

/// A new id: `prefix` and 14 letters or digits, of which the first seven tell the time, so that a restart with the same
/// seed makes no id twice.
pub(super) fn new_id(shared: &Shared, prefix: &str) -> String {
    let ms = u128::try_from(shared.clock.now().as_millis()).unwrap_or(0);
    let chance = u128::from(shared.ids.below(62u64.pow(7)));
    format!("{prefix}{}{}", letters(ms, 7), letters(chance, 7))
}
