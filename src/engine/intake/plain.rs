//! Keys and values as people vary and read them.

use serde_json::Value;

/// Beyond this a float no longer tells neighbouring integers apart.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// A key without what people vary in it: `issue_summary`, `IssueSummary`.
pub(super) fn letters(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A value as a person reads it: `{"street":"12 Oak St","city":"Irvine"}` is `12 Oak St, Irvine`.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        // A number without a fraction is that integer, also where a table wrote it as 1.8005550100e10.
        Value::Number(n) => match n.as_f64() {
            Some(f) if n.is_f64() && f.fract() == 0.0 && f.abs() < INTEGER_MAX => format!("{f:.0}"),
            _ => n.to_string(),
        },
        Value::String(s) => s.trim().to_owned(),
        Value::Array(all) => joined(all.iter()),
        Value::Object(map) => joined(map.values()),
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(as_text).filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_keeps_every_digit_and_a_whole_one_has_no_fraction() {
        for (value, text) in [
            (json!(18_005_550_100.0), "18005550100"),
            (json!(-5.0), "-5"),
            (json!(1.5), "1.5"),
            (json!(9_007_199_254_740_993_u64), "9007199254740993"),
        ] {
            assert_eq!(as_text(&value), text, "{value}");
        }
    }
}
