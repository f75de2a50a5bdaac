//! Keys that are made at their first use and stay: what they signed is valid for whoever opens the store later.

use crate::store::sql::Connection;
use crate::store::{StoreError, rows};

/// The key that `read` finds, in hex, after `keep` has kept `fresh` where there was none.
pub(in crate::store) fn kept(
    conn: Connection<'_>,
    keep: &str,
    read: &str,
    fresh: &[u8; 32],
) -> Result<[u8; 32], StoreError> {
    let fresh = fresh.iter().map(|b| format!("{b:02x}")).collect::<String>();
    conn.prepare_cached(keep)?.execute([fresh])?;
    let kept: String = conn.prepare_cached(read)?.query_row([], |r| r.get(0))?;
    let byte = |i: usize| kept.get(2 * i..2 * i + 2).and_then(|b| u8::from_str_radix(b, 16).ok());
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    bytes.and_then(|b| b.try_into().ok()).filter(|_| kept.len() == 64).ok_or_else(|| rows::corrupt("meta.value"))
}
