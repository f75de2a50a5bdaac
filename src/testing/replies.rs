//! What tests of replies share: the table of replies, and a shop in which nothing moves by itself.

use crate::domain::call::CallStatus;
use crate::domain::types::CallId;

use super::fixtures::{self, policy};
use super::world::Setup;
use super::{World, mins, secs};

/// Replies as people write them, with what each says and does.
pub(crate) const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/replies.csv");

/// `\n` and `\u{…}` as the table writes what a cell cannot show.
pub(crate) fn unescaped(cell: &str) -> String {
    let mut out = String::new();
    let mut rest = cell;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        rest = match escape.strip_prefix("u{").and_then(|e| e.split_once('}')) {
            Some((hex, after)) => {
                out.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
                after
            }
            None => {
                out.push('\n');
                escape.strip_prefix('n').unwrap_or(escape)
            }
        };
    }
    out + rest
}

/// A shop whose ladders do not move by themselves for an hour.
pub(crate) async fn quiet() -> World {
    let still = policy("still", &[(secs(0), &["primary"]), (mins(60), &["backup"])]);
    World::with(Setup { directory: fixtures::directory_with(still), ..Setup::default() }).await
}

pub(crate) async fn status(w: &World, call: &CallId) -> CallStatus {
    w.call(call).await.call.status
}

/// The call's reference, as a reply names it.
pub(crate) async fn reference(w: &World, call: &CallId) -> String {
    w.call(call).await.call.reference.to_string()
}
