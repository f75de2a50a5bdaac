//! Reads the JSON of an intake, also where it is not quite JSON.
//!
//! What several libraries and automations are known to send is taken and named: a byte-order mark, UTF-16, bytes that are no UTF-8,
//! half a surrogate pair (`\ud83d`, cut by a limit of characters), a bare line break inside a text, an escape that JSON does not have, a
//! key twice, a number that no computer number holds, a nesting that no person wrote. What is cut short is not guessed at.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

/// Deeper values are kept as the text that they are.
const DEPTH_MAX: usize = 64;
/// The most repeated keys that are named.
const REPEATED_MAX: usize = 8;
/// Objects and lists beyond so many are kept as the text that they are: each takes far more memory than its bytes.
const CONTAINERS_MAX: usize = 10_000;

/// A document, and what had to be mended in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// What was wrong with its bytes, one half sentence each.
    pub repaired: Vec<String>,
    /// Keys that are given twice with different values; the last one that is not null counts.
    pub repeated: Vec<String>,
}

impl Document {
    /// One that came as it should.
    pub fn plain(value: Value) -> Self {
        Self { value, repaired: Vec::new(), repeated: Vec::new() }
    }
}

/// Reads a body.
///
/// # Errors
/// A sentence that says where it stops being JSON. Nothing panics, however deep or long it is.
pub fn read(raw: &[u8]) -> Result<Document, String> {
    let (text, repaired) = decoded(raw);
    let mut reader = JsonReader { text: &text, at: 0, containers: 0, repaired, repeated: Vec::new() };
    let value = reader.document().map_err(|Broken| {
        let (line, column) = reader.place();
        format!("it cannot be read from line {line}, column {column} on")
    })?;
    let repaired = reader.repaired.into_iter().map(str::to_owned).collect();
    Ok(Document { value, repaired, repeated: reader.repeated })
}

type Repaired = BTreeSet<&'static str>;

/// The text of the bytes: UTF-8, or UTF-16 where its marks or its zeros say so.
fn decoded(raw: &[u8]) -> (String, Repaired) {
    let mut repaired = Repaired::new();
    let wide = match raw {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as _)),
        [b'{', 0, ..] => Some((raw, u16::from_le_bytes as _)),
        [0, b'{', ..] => Some((raw, u16::from_be_bytes as _)),
        _ => None,
    };
    if let Some((raw, unit)) = wide {
        let units = raw.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(unit);
        repaired.insert("the body is UTF-16, not UTF-8");
        return (char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(), repaired);
    }
    let raw = match raw {
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            repaired.insert("a byte-order mark stands before the text");
            rest
        }
        raw => raw,
    };
    if std::str::from_utf8(raw).is_err() {
        repaired.insert("bytes that are no UTF-8 were replaced");
    }
    (String::from_utf8_lossy(raw).into_owned(), repaired)
}

/// The text is no JSON from here on.
struct Broken;

struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    containers: usize,
    repaired: Repaired,
    repeated: Vec<String>,
}

impl JsonReader<'_> {
    fn document(&mut self) -> Result<Value, Broken> {
        let value = self.value(0)?;
        // A C program may send the end of its text along.
        let rest = self.rest();
        if rest.iter().any(|b| *b != 0 && !b.is_ascii_whitespace()) {
            self.blanks();
            return Err(Broken);
        }
        if rest.contains(&0) {
            self.repaired.insert("a zero byte stands behind the text");
        }
        Ok(value)
    }

    /// Line and column, from 1, of what cannot be read.
    fn place(&self) -> (usize, usize) {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
        (before.iter().filter(|b| **b == b'\n').count() + 1, column)
    }

    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn next(&mut self) -> Result<u8, Broken> {
        let byte = self.peek().ok_or(Broken)?;
        self.at += 1;
        Ok(byte)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Broken> {
        self.blanks();
        let first = self.peek().ok_or(Broken)?;
        self.containers += usize::from(matches!(first, b'{' | b'['));
        match first {
            b'{' | b'[' if depth >= DEPTH_MAX => self.as_it_is("values are nested too deep to be read"),
            b'{' | b'[' if self.containers > CONTAINERS_MAX => self.as_it_is("more objects and lists than are read"),
            b'{' => self.object(depth).map(Value::Object),
            b'[' => self.array(depth).map(Value::Array),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Broken),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Broken> {
        if self.rest().starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(Broken)
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>, Broken> {
        let mut map = Map::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(map);
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            if self.next()? != b':' {
                self.at -= 1;
                return Err(Broken);
            }
            let value = self.value(depth + 1)?;
            self.put(&mut map, key, value);
            self.blanks();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(map),
                _ => {
                    self.at -= 1;
                    return Err(Broken);
                }
            }
        }
    }

    /// Of a key that is given twice the last value counts that is not null, as most readers have it.
    fn put(&mut self, map: &mut Map<String, Value>, key: String, value: Value) {
        match map.get_mut(&key) {
            None => {
                map.insert(key, value);
            }
            Some(before) if *before == value || value.is_null() => {}
            Some(before) => {
                let differs = !before.is_null();
                *before = value;
                if differs && self.repeated.len() < REPEATED_MAX && !self.repeated.contains(&key) {
                    self.repeated.push(key);
                }
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, Broken> {
        let mut all = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(all);
        }
        loop {
            all.push(self.value(depth + 1)?);
            self.blanks();
            match self.next()? {
                b',' => {}
                b']' => return Ok(all),
                _ => {
                    self.at -= 1;
                    return Err(Broken);
                }
            }
        }
    }

    /// A number; one that would lose digits stays the text that it is.
    fn number(&mut self) -> Result<Value, Broken> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if !is_number(text) {
            self.at = start;
            return Err(Broken);
        }
        let number = serde_json::from_str::<Number>(text).ok();
        let whole = number.as_ref().is_some_and(|n| n.is_i64() || n.is_u64());
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        Ok(match number {
            Some(number) if whole || !plain || text == "-0" => Value::Number(number),
            _ => {
                let text = text.to_owned();
                self.repaired.insert("a number has more digits than a computer keeps: it is kept as a text");
                Value::String(text)
            }
        })
    }

    fn string(&mut self) -> Result<String, Broken> {
        if self.peek() != Some(b'"') {
            return Err(Broken);
        }
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            out.push_str(self.text.get(self.at..self.at + plain).unwrap_or_default());
            self.at += plain;
            match self.next()? {
                b'"' => return Ok(out),
                b'\\' => out.push(self.escape()?),
                control => {
                    self.repaired.insert("a control character stands bare in a text");
                    out.push(char::from(control));
                }
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<char, Broken> {
        let start = self.at;
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                if let Some(unit) = self.unit() {
                    return Ok(self.character(unit));
                }
                self.repaired.insert("an escape in a text is none of JSON's");
                'u'
            }
            _ => {
                self.repaired.insert("an escape in a text is none of JSON's");
                self.at = start;
                let c = self.text.get(start..).and_then(|t| t.chars().next()).ok_or(Broken)?;
                self.at += c.len_utf8();
                c
            }
        })
    }

    /// Four hex digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let unit = u16::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(unit)
    }

    /// The character that begins with this unit; half a pair is replaced.
    fn character(&mut self, first: u16) -> char {
        if let Some(c) = char::from_u32(u32::from(first)) {
            return c;
        }
        let back = self.at;
        if self.rest().starts_with(b"\\u") {
            self.at += 2;
            let second = self.unit();
            let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
            if let Some(c) = pair {
                return c;
            }
            self.at = back;
        }
        self.repaired.insert("half a character was replaced");
        char::REPLACEMENT_CHARACTER
    }

    /// A value that is not read, as the text that it is.
    fn as_it_is(&mut self, why: &'static str) -> Result<Value, Broken> {
        let start = self.at;
        let mut open = 0_usize;
        loop {
            match self.peek().ok_or(Broken)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                self.repaired.insert(why);
                return Ok(Value::String(self.text.get(start..self.at).unwrap_or_default().to_owned()));
            }
        }
    }
}

/// Whether this is a number by JSON's grammar.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.trim_start_matches(['+', '-']))),
        None => (text, None),
    };
    let (whole, part) = match mantissa.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (mantissa, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && part.is_none_or(digits) && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_quite_json_is_read_and_named() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let table: &[(&[u8], Value, &str)] = &[
            (br#"{"a":"x\ud800y"}"#, json!({"a": "x\u{fffd}y"}), "half a character"),
            (br#"{"a":"\udc00\ud83d\ude00\ud83d"}"#, json!({"a": "\u{fffd}\u{1f600}\u{fffd}"}), "half a character"),
            (br#"{"a":"\ud83d\u0041"}"#, json!({"a": "\u{fffd}A"}), "half a character"),
            (b"\xef\xbb\xbf{\"a\":1}", json!({"a": 1}), "byte-order mark"),
            (b"\xff\xfe{\0\"\0a\0\"\0:\0\x31\0}\0", json!({"a": 1}), "UTF-16"),
            (b"{\"a\":\"caf\xe9\"}", json!({"a": "caf\u{fffd}"}), "no UTF-8"),
            (b"{\"a\":\"one\ntwo\tthree\"}", json!({"a": "one\ntwo\tthree"}), "control character"),
            (br#"{"a":"don\'t \x"}"#, json!({"a": "don't x"}), "escape"),
            (br#"{"a":"\uZZZZ"}"#, json!({"a": "uZZZZ"}), "escape"),
            (b"{\"a\":1}\0\n", json!({"a": 1}), "zero byte"),
        ];
        for (raw, want, says) in table {
            let read = read(raw).unwrap_or_else(|e| panic!("{:?}: {e}", String::from_utf8_lossy(raw)));
            assert_eq!(read.value, *want, "{:?}", String::from_utf8_lossy(raw));
            assert!(read.repaired.iter().any(|m| m.contains(says)), "{says}: {:?}", read.repaired);
        }
        let read = read(deep.as_bytes()).expect("read");
        assert!(read.repaired.iter().any(|m| m.contains("nested")), "{:?}", read.repaired);
    }

    #[test]
    fn a_key_that_is_given_twice_is_named_and_the_last_value_counts() {
        let twice = |raw: &str| read(raw.as_bytes()).map(|d| (d.value["a"].clone(), d.repeated));
        assert_eq!(twice(r#"{"a":1,"a":2}"#), Ok((json!(2), vec!["a".to_owned()])));
        assert_eq!(twice(r#"{"a":1,"a":1}"#), Ok((json!(1), vec![])));
        assert_eq!(twice(r#"{"a":1,"a":null}"#), Ok((json!(1), vec![])));
        assert_eq!(twice(r#"{"a":null,"a":1}"#), Ok((json!(1), vec![])));
        assert_eq!(twice(r#"{"a":1,"a":2,"a":3}"#), Ok((json!(3), vec!["a".to_owned()])));
        let many: Vec<String> = (0..=REPEATED_MAX).map(|n| format!("\"k{n}\":1,\"k{n}\":2")).collect();
        let named = read(format!("{{{}}}", many.join(",")).as_bytes()).map(|d| d.repeated.len());
        assert_eq!(named, Ok(REPEATED_MAX));
    }

    #[test]
    fn utf_16_is_read_in_either_order_with_and_without_its_mark() {
        let units: Vec<u16> = "{\"a\":\"No heat – 2 °C\"}".encode_utf16().collect();
        for (is_marked, is_little) in [(true, true), (true, false), (false, true), (false, false)] {
            let bytes = |unit: u16| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let mark = is_marked.then_some(0xfeff_u16);
            let raw: Vec<u8> = mark.into_iter().chain(units.iter().copied()).flat_map(bytes).collect();
            let document = read(&raw).unwrap_or_else(|e| panic!("{is_marked} {is_little}: {e}"));
            assert_eq!(document.value, json!({"a": "No heat – 2 °C"}), "{is_marked} {is_little}");
            assert_eq!(document.repaired, ["the body is UTF-16, not UTF-8"], "{is_marked} {is_little}");
        }
    }

    #[test]
    fn the_escapes_of_json_are_read_and_are_nothing_to_mend() {
        let raw = br#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#;
        let want = json!({"a": "\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}"});
        assert_eq!(read(raw), Ok(Document::plain(want)));
    }

    #[test]
    fn what_is_nested_too_deep_is_kept_as_its_text_and_what_follows_is_read() {
        let nested = |open: &str, inner: &str, close: &str| {
            let (open, close) = (open.repeat(DEPTH_MAX + 8), close.repeat(DEPTH_MAX + 8));
            format!("{{\"deep\":{open}{inner}{close},\"issue\":\"No heat\"}}")
        };
        for raw in [nested("[", "\"] \\\" ]\"", "]"), nested("{\"a\":", "\"{ \\\" }}\"", "}")] {
            let document = read(raw.as_bytes()).unwrap_or_else(|e| panic!("{e}: {raw}"));
            assert_eq!(document.value["issue"], "No heat", "{raw}");
            assert_eq!(document.repaired, ["values are nested too deep to be read"], "{raw}");
        }
    }

    #[test]
    fn more_objects_and_lists_than_memory_should_hold_are_kept_as_their_text() {
        // The list around them is the first.
        let raw = format!("[{}]", vec!["{}"; CONTAINERS_MAX + 1].join(","));
        let document = read(raw.as_bytes()).expect("read");
        let at = |n: usize| document.value[n].clone();
        assert_eq!((at(CONTAINERS_MAX - 2), at(CONTAINERS_MAX - 1)), (json!({}), json!("{}")));
        assert_eq!(at(CONTAINERS_MAX), json!("{}"));
        assert_eq!(document.repaired, ["more objects and lists than are read"]);
    }

    #[test]
    fn what_is_cut_short_or_is_no_json_is_refused_with_its_place() {
        let deep = "[".repeat(100_000);
        for raw in [
            "",
            " ",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "nul",
            "{} x",
            &deep,
        ] {
            let e = read(raw.as_bytes()).expect_err(&raw[..raw.len().min(20)]);
            assert!(e.contains("line 1, column"), "{e}");
        }
        assert_eq!(read(b"{\n \"a\": x}"), Err("it cannot be read from line 2, column 7 on".into()));
        for (raw, column) in [(r#"{"a" 1}"#, 6), (r#"{"a":1 "b":2}"#, 8), (r#"{"a":[1 2]}"#, 9)] {
            let want = format!("it cannot be read from line 1, column {column} on");
            assert_eq!(read(raw.as_bytes()), Err(want), "{raw}");
        }
    }

    #[test]
    fn a_number_that_would_lose_digits_stays_a_text() {
        for (raw, want) in [
            ("19495550101", json!(19_495_550_101_u64)),
            ("-5", json!(-5)),
            ("1.5", json!(1.5)),
            ("-0", json!(-0.0)),
            ("123456789012345678901234567890", json!("123456789012345678901234567890")),
            ("1e999", json!("1e999")),
        ] {
            assert_eq!(read(raw.as_bytes()).map(|d| d.value), Ok(want), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_nothing_panics_and_json_is_read_as_such(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let ours = read(&raw);
            if let Ok(theirs) = serde_json::from_slice::<Value>(&raw) {
                let ours = ours.map(|d| d.value);
                prop_assert!(ours.is_ok(), "{theirs}");
            }
        }

        #[test]
        fn plain_json_is_read_as_it_is(texts in proptest::collection::vec(".*", 0..6), number in any::<i64>(), flag in any::<bool>()) {
            let value = json!({ "texts": texts, "number": number, "flag": flag, "inner": { "none": null, "list": [number, flag] } });
            let read = read(value.to_string().as_bytes());
            prop_assert_eq!(read, Ok(Document::plain(value)));
        }
    }
}
