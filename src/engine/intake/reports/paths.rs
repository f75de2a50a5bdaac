//! Where a document says what: a path of keys with dots between them, `a|b` for either key. Capitals and what is neither letter nor
//! digit do not matter in a key.

use serde_json::Value;

use super::super::plain::{as_text, letters};

/// The deepest path that is followed.
const SEGMENTS_MAX: usize = 16;

/// The text at the first of these paths that holds any. Numbers and booleans become text; an object or a list is its values.
pub(super) fn text(document: &Value, paths: &[String]) -> Option<String> {
    paths.iter().find_map(|path| at(document, path))
}

/// The text at one path.
pub(in crate::engine) fn at(document: &Value, path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('.').take(SEGMENTS_MAX).collect();
    follow(document, &segments)
}

fn follow(value: &Value, segments: &[&str]) -> Option<String> {
    let Some((first, rest)) = segments.split_first() else {
        return Some(as_text(value).trim().to_owned()).filter(|t| !t.is_empty());
    };
    first.split('|').find_map(|key| follow(child(value, key.trim())?, rest))
}

/// The value of a key: as it is written, else as people vary it.
fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(key).or_else(|| {
            let wanted = letters(key);
            map.iter().find(|(name, _)| letters(name) == wanted).map(|(_, value)| value)
        }),
        Value::Array(all) => all.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}
