//! The names that intakes in use have for our fields: read over the API where our own name says nothing.
//! Source: `facts/shop-base.md` §4.

use serde_json::{Map, Value};

use super::plain::{as_text, letters};
use super::reports::caller;

/// Our name, and others' for the same; capitals, dashes and underscores do not matter.
const NAMES: &[(&str, &[&str])] = &[
    ("callerPhone", &["callerPhone", "callbackNumber", "callbackPhone", "callback"]),
    ("emergencyLevel", &["emergencyLevel", "urgency", "level"]),
    ("issueSummary", &["issueSummary", "issue", "summary"]),
    ("twilioToNumber", &["twilioToNumber", "toNumber", "to"]),
    ("callerName", &["callerName", "name"]),
    ("address", &["address"]),
];
/// The number that the phone showed.
const SHOWN: &str = "from";
/// So much of a transcript stands for an issue that nobody named: its beginning, as the system before this one had it.
const ISSUE_CHARACTERS: usize = 500;

/// Puts what stands under another name under ours; the other name is gone, what it said is not.
pub(super) fn by_our_names(data: &mut Map<String, Value>) {
    for (ours, names) in NAMES {
        if says(data.get(*ours)) {
            continue;
        }
        let theirs = names.iter().find_map(|name| {
            let is = |key: &&String| *key != ours && letters(key) == letters(name) && says(data.get(*key));
            data.keys().find(is).cloned()
        });
        if let Some(value) = theirs.and_then(|key| data.remove(&key)) {
            data.insert((*ours).to_owned(), value);
        }
    }
    if says(data.get(SHOWN)) {
        call_back(data);
    }
    let transcript = data.get("transcript").map(as_text).filter(|t| !t.is_empty());
    if let (false, Some(transcript)) = (says(data.get("issueSummary")), transcript) {
        let start: String = transcript.chars().take(ISSUE_CHARACTERS).collect();
        data.insert("issueSummary".to_owned(), Value::String(start));
    }
}

/// "This number" and other words are the number that the phone showed; where both are numbers, both are kept.
fn call_back(data: &mut Map<String, Value>) {
    let text = |name: &str| data.get(name).map(as_text).filter(|t| !t.is_empty());
    let who = caller(text("callerPhone"), text(SHOWN));
    data.remove(SHOWN);
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), Value::String(value));
        }
    };
    put("callerPhone", who.phone);
    put("callerId", who.also);
}

fn says(value: Option<&Value>) -> bool {
    value.is_some_and(|v| !v.is_null() && !as_text(v).is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_names_in_use_are_ours_and_ours_count_where_both_are_there() {
        let long = "x".repeat(600);
        for (given, want) in [
            (json!({"issue": "No heat"}), json!({"issueSummary": "No heat"})),
            (json!({"issue_summary": "a", "summary": "b"}), json!({"issueSummary": "a", "summary": "b"})),
            (json!({"issueSummary": "a", "issue": "b"}), json!({"issueSummary": "a", "issue": "b"})),
            (json!({"issueSummary": " ", "issue": "b"}), json!({"issueSummary": "b"})),
            (
                json!({"urgency": true, "to_number": "+18005550100"}),
                json!({"emergencyLevel": true, "twilioToNumber": "+18005550100"}),
            ),
            (json!({"from": "+19495550142"}), json!({"callerPhone": "+19495550142"})),
            (json!({"from": "+19495550142", "callback_number": "this number"}), json!({"callerPhone": "+19495550142"})),
            (
                json!({"from": "+19495550142", "callback_phone": "+19495550150"}),
                json!({"callerPhone": "+19495550150", "callerId": "+19495550142"}),
            ),
            (
                json!({"caller-name": "Kim", "ADDRESS": "12 Oak St"}),
                json!({"callerName": "Kim", "address": "12 Oak St"}),
            ),
            (json!({"transcript": "the pipe"}), json!({"transcript": "the pipe", "issueSummary": "the pipe"})),
            (json!({"transcript": long, "issue": "a"}), json!({"transcript": long, "issueSummary": "a"})),
            (json!({"issue": null, "trace": 7}), json!({"issue": null, "trace": 7})),
        ] {
            let Value::Object(mut data) = given.clone() else { panic!("an object") };
            by_our_names(&mut data);
            assert_eq!(Value::Object(data), want, "{given}");
        }
        let mut data = Map::from_iter([("transcript".to_owned(), json!(long))]);
        by_our_names(&mut data);
        assert_eq!(data["issueSummary"].as_str().map(str::len), Some(500));
    }
}
