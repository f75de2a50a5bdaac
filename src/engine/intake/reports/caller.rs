//! Whom to call back: the number that the caller gave, or the one that the phone shows.

use crate::domain::phone_call::{digits, is_same, withheld};

/// Who called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::engine::intake) struct Caller {
    /// The number to call; a word where there is none.
    pub(in crate::engine::intake) phone: Option<String>,
    /// The number that the phone shows, where the caller gave another one.
    pub(in crate::engine::intake) also: Option<String>,
}

/// A number that the caller gave counts; "this number", "yes" and what is too short to be one fall to what the phone shows.
pub(in crate::engine::intake) fn caller(given: Option<String>, shown: Option<String>) -> Caller {
    let shown = shown.map(|text| match withheld(&text) {
        Some(word) => word.to_owned(),
        None => text,
    });
    let number = |text: &Option<String>| text.as_deref().and_then(digits);
    match (number(&given), number(&shown)) {
        (Some(a), Some(b)) => Caller { phone: given, also: shown.filter(|_| !is_same(&a, &b)) },
        (Some(_), None) => Caller { phone: given, also: None },
        (None, Some(_)) => Caller { phone: shown, also: None },
        (None, None) => Caller { phone: shown.or(given), also: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_number_counts_unless_it_is_none() {
        const ID: &str = "+19495550142";
        for (given, shown, phone, also) in [
            (Some("+19495550150"), Some(ID), Some("+19495550150"), Some(ID)),
            (Some("(949) 555-0142"), Some(ID), Some("(949) 555-0142"), None),
            (Some("this number"), Some(ID), Some(ID), None),
            (Some("same"), Some(ID), Some(ID), None),
            (Some("yes"), Some(ID), Some(ID), None),
            (Some("n/a"), Some(ID), Some(ID), None),
            (Some("555-014"), Some(ID), Some(ID), None),
            (Some("true"), Some(ID), Some(ID), None),
            (None, Some(ID), Some(ID), None),
            (Some("+19495550150"), Some("anonymous"), Some("+19495550150"), None),
            (Some("this number"), Some("ANONYMOUS"), Some("ANONYMOUS"), None),
            (None, Some("+266696687"), Some("anonymous"), None),
            (None, Some("+17378742833"), Some("restricted"), None),
            (Some("this number"), None, Some("this number"), None),
            (None, None, None, None),
        ] {
            let found = caller(given.map(str::to_owned), shown.map(str::to_owned));
            assert_eq!((found.phone.as_deref(), found.also.as_deref()), (phone, also), "{given:?} {shown:?}");
        }
    }
}
