//! What holds of every item of a platform's list.

use serde_json::Value;

use super::items::text;
use super::{ListedPhoneCall, retell, twilio, vapi};
use crate::domain::phone_call::is_sid;

/// An item is a phone call that came in, none of ours, or cannot be read; it keeps the platform's id. The input: one item, or a list.
pub(crate) fn listed(raw: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(raw) else { return };
    let list = ["items", "calls"].iter().find_map(|name| document.get(*name)?.as_array());
    let items = list.or(document.as_array()).map_or_else(|| std::slice::from_ref(&document), Vec::as_slice);
    for item in items {
        match retell::listed(item) {
            None => assert_eq!(text(item, "/call_id"), None, "it has an id: {item}"),
            Some(None) => {}
            Some(Some(call)) => is_one(&call, text(item, "/call_id"), item),
        }
        match twilio::listed(item) {
            None => assert_eq!(text(item, "/sid"), None, "it has an id: {item}"),
            Some(None) => {}
            Some(Some(call)) => {
                assert_eq!(call.call.sid, text(item, "/sid"));
                is_one(&call, text(item, "/sid"), item);
            }
        }
        if let Some(id) = text(item, "/id")
            && let Some(call) = vapi::listed(id.clone(), item)
        {
            is_one(&call, Some(id), item);
            assert!(call.call.sid.is_none_or(|sid| is_sid(&sid)));
        }
    }
}

fn is_one(call: &ListedPhoneCall, id: Option<String>, item: &Value) {
    assert_eq!(Some(&call.call.id), id.as_ref());
    assert!(call.is_over || call.call.ended_at.is_none(), "it ended and goes on: {item}");
    assert!(call.document.to_string().len() <= item.to_string().len());
    for said in [&call.call.line, &call.call.caller, &call.call.sid].into_iter().flatten() {
        assert!(!said.trim().is_empty(), "a blank in place of nothing: {item}");
    }
}
