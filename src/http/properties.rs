//! What holds of every form, body and query that comes in, and of every answer in TwiML.

use axum::http::uri::PathAndQuery;
use serde_json::{Value, json};

use super::calls::{CallQuery, OperatorRequest};
use super::oncall::request_of;
use super::problem::Problem;
use super::request::form;
use super::webhooks::twiml;
use crate::config::properties::shop;
use crate::domain::Timestamp;
use crate::domain::oncall::OverrideId;
use crate::domain::properties::{XmlPart, is_of_xml, shape, text, xml};
use crate::engine::intake::properties::unreported;
use crate::engine::oncall::making::{LONGEST, OverrideRequest, effect, read};
use crate::gateways::twilio::call_ended::CallCallback;
use crate::gateways::twilio::signature::{SignatureChecker, sign};
use crate::gateways::twilio::voice_form::VoiceForm;
use crate::gateways::twilio::wire::{FormError, InboundSms, StatusCallback};

pub(crate) use super::intake::properties::report_proof;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_millis(1_795_313_040_000);
/// Public URLs as shops have them.
const BASES: [&str; 3] =
    ["https://dispatch.example.com", "https://dispatch.example.com:8443/pre", "http://127.0.0.1:3000"];

type Pairs = Vec<(String, String)>;

/// A form is read strictly: written anew it is the same form, and every reader of it says the same whatever the order of its names and
/// whatever names nobody knows; what it reads is what stands there.
pub(crate) fn webhook_form(raw: &[u8]) {
    let pairs = match form(raw) {
        Ok(pairs) => pairs,
        Err(why) => {
            assert!(raw.contains(&b'%') || std::str::from_utf8(raw).is_err(), "a plain form is refused: {why}");
            return;
        }
    };
    assert_eq!(form(written(&pairs).as_bytes()), Ok(pairs.clone()));
    status(&pairs);
    inbound(&pairs);
    phone_call(&pairs);
    voice(&pairs);
}

fn written(pairs: &Pairs) -> String {
    let one = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    pairs.iter().map(|(n, v)| format!("{}={}", one(n), one(v))).collect::<Vec<_>>().join("&")
}

/// What this reader says of the form, which is the same of the form in another order and with a name that nobody knows.
fn read_alike<T: std::fmt::Debug + PartialEq>(
    pairs: &Pairs,
    parse: impl Fn(&[(String, String)]) -> Result<T, FormError>,
) -> Option<T> {
    let read = parse(pairs);
    let mut other: Pairs = pairs.iter().rev().cloned().collect();
    other.push(("A-Name-Of-Tomorrow".to_owned(), "1".to_owned()));
    assert_eq!(read, parse(&other), "by the order of its names");
    match read {
        Ok(read) => {
            let account = value(pairs, "AccountSid");
            assert!(account.is_none_or(|a| a == ACCOUNT), "of another account");
            Some(read)
        }
        Err(why) => {
            assert!(!why.to_string().is_empty());
            None
        }
    }
}

/// The value of a name that is there once.
fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    let mut all = pairs.iter().filter(|(n, _)| n == name);
    let first = all.next();
    assert!(first.is_none() || all.next().is_none(), "{name} is there twice");
    first.map(|(_, value)| value.as_str())
}

fn status(pairs: &Pairs) {
    let Some(read) = read_alike(pairs, |pairs| StatusCallback::parse(pairs, ACCOUNT)) else { return };
    assert_eq!(value(pairs, "MessageSid"), Some(read.sid.as_str()));
    assert!(value(pairs, "MessageStatus").is_some_and(|word| word.eq_ignore_ascii_case(read.status.as_str())));
    let code = value(pairs, "ErrorCode").and_then(|text| text.parse().ok()).filter(|code| *code > 0);
    assert_eq!(read.error_code.map(|code| code.0), code);
    is_masked(&format!("{read:?}"), read.to.as_ref().map(|to| to.as_str()));
}

fn inbound(pairs: &Pairs) {
    let Some(read) = read_alike(pairs, |pairs| InboundSms::parse(pairs, ACCOUNT)) else { return };
    assert_eq!(value(pairs, "MessageSid"), Some(read.sid.as_str()));
    assert_eq!(read.body.0, value(pairs, "Body").unwrap_or_default(), "a text is read as it was written");
    assert_eq!(read.odd.contains(&"Body"), value(pairs, "Body").is_none());
    assert!(value(pairs, "From").is_some_and(|from| from.ends_with(read.from.as_str())));
    is_masked(&format!("{read:?}"), Some(read.from.as_str()));
}

/// A number is not shown in full.
fn is_masked(shown: &str, number: Option<&str>) {
    let number = number.filter(|n| n.starts_with('+') && n.len() >= 8).unwrap_or("\n");
    assert!(!shown.contains(number), "{shown}");
}

fn phone_call(pairs: &Pairs) {
    let Some(read) = read_alike(pairs, |pairs| CallCallback::parse(pairs, ACCOUNT, NOW)) else { return };
    assert_eq!(value(pairs, "CallSid"), Some(read.phone.id.as_str()));
    assert!(read.phone.started_at <= read.phone.ended_at, "{read:?}");
    assert!(read.words.as_deref().is_none_or(|words| !words.trim().is_empty()));
    unreported(&read.phone, read.words.as_deref());
}

fn voice(pairs: &Pairs) {
    let Some(read) = read_alike(pairs, |pairs| VoiceForm::parse(pairs, ACCOUNT)) else { return };
    assert!(read.sid.is_of_a_phone_call() && read.digits.is_none_or(|digits| digits.chars().count() <= 32));
}

/// What is signed as the provider signs is accepted, in any order; with another byte anywhere it is refused. The input: a line with the
/// path and query, and the form behind it.
pub(crate) fn signature(raw: &[u8]) {
    let at = raw.iter().position(|b| *b == b'\n').unwrap_or(raw.len());
    let (path, form_of) = raw.split_at(at);
    let Ok(pairs) = form(form_of.strip_prefix(b"\n").unwrap_or(form_of)) else { return };
    // What HTTP carries, as `signed` gets it.
    let path = std::str::from_utf8(path).ok().and_then(|path| path.parse::<PathAndQuery>().ok());
    let Some(path) = path.as_ref().map(PathAndQuery::as_str).filter(|path| path.starts_with('/')) else { return };
    let pick = raw.iter().fold(7_usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(*b)));
    let checker = SignatureChecker::new(vec!["a token that was rotated away".into(), TOKEN.into()]);
    for base in BASES {
        let url = format!("{base}{path}");
        let signature = sign(TOKEN, &url, &pairs);
        let verify = |path: &str, pairs: &Pairs, signature: &str| {
            checker.verify_spelled(base, &["DISPATCH.example.com", "evil.example"], path, pairs, signature)
        };
        assert!(verify(path, &pairs, &signature), "{url} {pairs:?}");
        assert!(verify(path, &pairs.iter().rev().cloned().collect(), &signature), "in another order");
        let other_token = SignatureChecker::new(vec!["0123456789abcdef0123456789abcdee".into()]);
        assert!(!other_token.verify_spelled(base, &[], path, &pairs, &signature), "another token");
        let other_path = changed(path, pick);
        if other_path.parse::<PathAndQuery>().is_ok_and(|p| p.as_str() == other_path) {
            assert!(!verify(&other_path, &pairs, &signature), "{path:?} and {other_path:?}");
        }
        assert!(!verify(path, &pairs, &changed(&signature, pick)), "{signature:?} and {:?}", changed(&signature, pick));
        if pairs.is_empty() {
            continue;
        }
        let mut other = pairs.clone();
        let at = pick % pairs.len();
        if let Some((name, value)) = other.get_mut(at) {
            let of = if pick.is_multiple_of(2) || value.is_empty() { name } else { value };
            *of = changed(of, pick / 2);
        }
        // A pair that is there twice counts once, as the provider's own libraries have it.
        let set = |pairs: &Pairs| pairs.iter().cloned().collect::<std::collections::BTreeSet<_>>();
        if set(&other) != set(&pairs) {
            assert!(!verify(path, &other, &signature), "{pairs:?} and {other:?}");
        }
        let (name, value) = other.remove(at);
        // A slash between path and form may belong to either.
        if total(&set(&other)) != total(&set(&pairs)) && format!("{name}{value}").len() > 1 {
            assert!(!verify(path, &other, &signature), "one is missing: {pairs:?}");
        }
    }
}

fn total(pairs: &std::collections::BTreeSet<(String, String)>) -> usize {
    pairs.iter().map(|(n, v)| n.len() + v.len()).sum()
}

/// The same text with one character of it changed to another.
fn changed(text: &str, pick: usize) -> String {
    let count = text.chars().count();
    let at = pick % count.max(1);
    let other = |c: char| match c {
        'a' => 'b',
        'A' => 'Q',
        c if c.is_ascii_alphanumeric() => 'A',
        _ => 'a',
    };
    text.chars().enumerate().map(|(i, c)| if i == at { other(c) } else { c }).collect()
}

/// A body of the operator's endpoints is read, or refused in a sentence that names the field; what is accepted is accepted the same again.
pub(crate) fn operator_body(raw: &[u8]) {
    match OperatorRequest::read(raw) {
        Ok(said) => {
            let body = json!({
                "by": said.by, "note": said.note, "contact": said.contact, "level": said.level, "text": said.text
            });
            assert!(OperatorRequest::read(body.to_string().as_bytes()).is_ok_and(|again| again == said), "{said:?}");
            for text in [&said.by, &said.contact, &said.level].into_iter().flatten() {
                is_short(text, 64);
                assert!(!text.chars().any(char::is_control), "{text:?}");
            }
            said.note.iter().for_each(|note| is_short(note, 1_000));
        }
        Err(problem) => is_refused(&problem),
    }
    match request_of(raw) {
        Ok((asked, by)) => {
            let same = request_of(asked_again(&asked, by.as_deref()).to_string().as_bytes());
            assert!(same.is_ok_and(|again| again == (asked.clone(), by)), "{asked:?}");
            exception(&asked);
        }
        Err(problem) => is_refused(&problem),
    }
    query(raw);
}

fn asked_again(asked: &OverrideRequest, by: Option<&str>) -> Value {
    json!({
        "rotation": asked.rotation, "line": asked.line, "role": asked.role, "kind": asked.kind.as_str(),
        "contact": asked.contact, "from": asked.from, "until": asked.until, "note": asked.note, "by": by
    })
}

/// An exception that is made ends behind its begin and behind now, within bounds, and says what it changes.
fn exception(asked: &OverrideRequest) {
    let directory = &shop().directory;
    let id = OverrideId::from_uuid(uuid::Uuid::from_u128(7));
    match read(directory, asked, id, "ana", NOW) {
        Ok(made) => {
            assert!(made.from >= NOW && made.until > made.from && made.until.since(made.from) <= LONGEST, "{made:?}");
            assert!(directory.contacts.iter().any(|c| c.id == made.contact));
            assert!(!made.note.chars().any(char::is_control));
            assert_eq!(made.asked.as_deref(), Some(asked.hash().as_str()));
            let _ = effect(directory, &made, NOW);
        }
        Err(refused) => assert!(!refused.what.is_empty() && !refused.hint.is_empty(), "{refused:?}"),
    }
}

fn query(raw: &[u8]) {
    let Ok(text) = std::str::from_utf8(raw) else { return };
    match CallQuery::read(Some(text), &["status", "since", "before", "at", "line", "role"]) {
        Ok(query) => {
            assert!(query.get("status").is_none_or(|status| !status.is_empty()));
            for refused in [query.parsed::<Timestamp>("since").err(), query.parsed::<Timestamp>("at").err()] {
                refused.iter().for_each(is_refused);
            }
        }
        Err(problem) => is_refused(&problem),
    }
}

fn is_short(text: &str, max: usize) {
    assert!(!text.is_empty() && text.trim() == text && text.chars().count() <= max, "{text:?}");
}

fn is_refused(problem: &Problem) {
    assert!(problem.status().is_client_error() && problem.cause().is_none(), "{problem:?}");
    let detail = problem.detail();
    assert!(!detail.is_empty() && !detail.chars().any(char::is_control), "{detail:?}");
    let document = problem.document("req_1", "test");
    assert_eq!(document.get("status").and_then(Value::as_u64), Some(400), "{document}");
}

/// An answer to a text is one message, whatever is in it, and reads back as it was.
pub(crate) fn text_answer(raw: &[u8]) {
    let reply = text(raw);
    let parts = xml(&twiml(&reply));
    if reply.is_empty() {
        assert_eq!(shape(&parts), "<Response/");
        return;
    }
    assert_eq!(shape(&parts), "<Response<Message//");
    let said = parts.iter().find_map(|part| if let XmlPart::Text(text) = part { Some(text.as_str()) } else { None });
    let can_be_sent = |c: &char| is_of_xml(*c) && *c != '\u{7f}';
    // A reader of XML has one line end.
    let given: String = reply.chars().filter(can_be_sent).collect::<String>().replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!(said.unwrap_or_default(), given);
}
