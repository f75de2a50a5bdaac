//! Bodies by chance: whatever comes, it is a call or it is refused in words, and nothing panics.

use super::tests::directory;
use super::*;

const BODIES: u64 = 100_000;
/// Pieces that bodies are made of: JSON's own, and what breaks readers.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "1.5",
    "99999999999999999999",
    " ",
    "\n",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\u{200b}",
    "\u{1f6b0}",
    "\\ud800",
    "\\udfff",
    "\\u0000",
    "\\q",
    "é",
    "x",
    "\"callId\":",
    "\"callData\":{",
    "\"issueSummary\":",
    "\"callerPhone\":",
    "\"twilioToNumber\":\"+1800\"",
    "\"contact\":\"sam\"",
    "\"emergencyLevel\":\"high\"",
    "\"a\":{\"b\":[1,2]}",
    "\"call_1\"",
];

/// A body of up to a dozen pieces in the frame of an object, with a byte changed here and there.
fn body(ids: &Ids) -> Vec<u8> {
    let below = |n: usize| usize::try_from(ids.below(n as u64)).unwrap_or(0);
    let field = |out: &mut String| {
        let name =
            ["callId", "callData", "issueSummary", "callerPhone", "address", "contact", "twilioToNumber", "other"];
        let value = [
            "\"x\"",
            "5",
            "true",
            "null",
            "{}",
            "[1,\"a\"]",
            "\"\\ud83d\"",
            "1e999",
            "{\"callId\":\"y\"}",
            "\"+1 949\"",
        ];
        out.push_str(&format!("\"{}\":{}", name[below(name.len())], value[below(value.len())]));
    };
    let mut out = String::from("{");
    for i in 0..below(6) {
        if i > 0 {
            out.push(',');
        }
        field(&mut out);
    }
    out.push('}');
    if below(2) == 0 {
        let at = (0..=out.len()).filter(|i| out.is_char_boundary(*i)).nth(below(out.len())).unwrap_or(0);
        for _ in 0..=below(12) {
            out.insert_str(at, PIECES[below(PIECES.len())]);
        }
    }
    let mut raw = out.into_bytes();
    if below(4) == 0 {
        let at = below(raw.len());
        raw[at] = u8::try_from(below(256)).unwrap_or(0);
    }
    raw
}

#[test]
fn a_hundred_thousand_bodies_are_calls_or_are_refused_in_words() {
    let (ids, directory) = (Ids::seeded(11), directory());
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..BODIES {
        let raw = body(&ids);
        let made = json::read(&raw).map_err(IntakeError::Shape).and_then(|document| {
            let intake = from_json(&document, Validation::Lenient)?;
            new_call(intake, &directory, Validation::Lenient, &ids, Timestamp::from_millis(0))
        });
        match made {
            Ok(_) => taken += 1,
            // JSON that is an object is refused for its id alone.
            Err(IntakeError::Field { field, .. }) => {
                assert_eq!(field, "callId", "{}", String::from_utf8_lossy(&raw));
                refused += 1;
            }
            Err(IntakeError::Shape(_)) => {
                let strict = serde_json::from_slice::<serde_json::Value>(&raw);
                assert!(!strict.is_ok_and(|v| v.is_object()), "{}", String::from_utf8_lossy(&raw));
                refused += 1;
            }
        }
    }
    assert!(taken > BODIES / 4 && refused > BODIES / 10, "{taken} taken, {refused} refused");
}
