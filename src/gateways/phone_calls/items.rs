//! Fields of an item of any list.

use serde_json::Value;

use crate::domain::Timestamp;

/// The text, number or boolean at a JSON pointer; nothing where it is blank.
pub(super) fn text(item: &Value, at: &str) -> Option<String> {
    let text = match item.pointer(at)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Milliseconds since 1970.
pub(super) fn millis(item: &Value, at: &str) -> Option<Timestamp> {
    let value = item.pointer(at)?;
    let ms = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    ms.filter(|ms| *ms > 0).map(Timestamp::from_millis)
}

/// An ISO time.
pub(super) fn iso(item: &Value, at: &str) -> Option<Timestamp> {
    item.pointer(at)?.as_str()?.parse().ok()
}

/// The item without these members, which are long and of no use here.
pub(super) fn without(mut item: Value, members: &[&str]) -> Value {
    if let Some(map) = item.as_object_mut() {
        for name in members {
            map.remove(*name);
        }
    }
    item
}
