//! What `config show` prints: every effective key, its value with secrets and numbers masked, and where it came from.

use super::origin::Origin;

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowRow {
    /// The dotted key.
    pub key: String,
    /// The value as it may be shown: secrets are `****`, phones masked.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}
