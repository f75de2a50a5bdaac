//! Whether a search that works would have spared a resend.
//!
//! A text whose answer was lost may be sent again where nobody could know of it. Where the provider's list had it in time, it
//! could have been found: then the second text is one too many, however well it is logged.

use serde_json::Value;

use crate::domain::Timestamp;

use super::documents::{list, time};

/// A text that was in the list for so long could be found.
const IN_THE_LIST_MS: i64 = 1_000;
/// What a list said so long before the next text left was known by then.
const KNOWN_MS: i64 = 500;

/// Why the resend was one too many, by the ledger's message of the first text and that of the second; `None` where nobody could
/// know of the first, or where the ledger does not say what its lists had (a true provider's).
pub(super) fn needless(ledger: &Value, first: &Value, second: &Value) -> Option<&'static str> {
    let since = time(ledger, "since")?;
    let (made, sent) = (time(first, "createdAt").filter(|at| *at >= since)?, time(second, "createdAt")?);
    let ms = |from: Timestamp, to: Timestamp| to.as_millis().saturating_sub(from.as_millis());
    let vain = list(ledger, "vainLists").iter().filter_map(|v| v.as_str()?.parse::<Timestamp>().ok());
    let vain = vain.chain(time(first, "hiddenAt")).filter(|at| *at >= made);
    match vain.filter(|at| *at <= sent).max() {
        None if time(first, "hiddenAt").is_some() => None,
        None => (ms(made, sent) >= IN_THE_LIST_MS).then_some("the provider's list had the first one all the time"),
        Some(last) => {
            let listed = time(first, "listedAt").filter(|at| *at > last && ms(*at, sent) >= KNOWN_MS)?;
            (listed <= sent).then_some("the provider's list had shown the first one before")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resend_is_needless_where_the_list_had_the_first_text_in_time() {
        let at = |ms: i64| json!(Timestamp::from_millis(1_795_312_800_000 + ms));
        let none = Value::Null;
        for (label, vain, hidden, listed, sent, want) in [
            ("it was in the list, and nobody looked well", vec![], None, None, 2_000, true),
            ("it was shown, and not seen", vec![], None, Some(100), 2_000, true),
            ("it left too soon after to be found", vec![], None, None, 900, false),
            ("the list lagged", vec![], Some(1_500), None, 2_000, false),
            ("the list lagged to the end and beyond", vec![], Some(2_500), Some(3_000), 2_000, false),
            ("the list lagged, then showed it", vec![], Some(1_000), Some(1_200), 2_000, true),
            ("it showed it when the second one was on its way", vec![], Some(1_000), Some(1_900), 2_000, false),
            ("the list could not be read", vec![1_900], None, None, 2_000, false),
            ("it could not be read after it had been shown", vec![1_900], None, Some(500), 2_000, false),
            ("it could not be read before the first one was made", vec![-500], None, None, 2_000, true),
        ] {
            let ledger = json!({ "since": at(-60_000), "vainLists": vain.into_iter().map(at).collect::<Vec<_>>() });
            let first = json!({ "createdAt": at(0), "hiddenAt": hidden.map_or(none.clone(), at),
                "listedAt": listed.map_or(none.clone(), at) });
            let second = json!({ "createdAt": at(sent) });
            assert_eq!(needless(&ledger, &first, &second).is_some(), want, "{label}");
            assert_eq!(needless(&json!({}), &first, &second), None, "{label}: a true provider's list");
        }
    }
}
