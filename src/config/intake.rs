//! `[intake]`: the voice agents' platforms whose reports are taken, how they prove who they are, and where they say what.
//!
//! The secrets are each process's own; the paths decide, and are part of the settings in force. What has no secret is off.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::intake_lists::{self, ListSection, Stand};
use super::intake_types::{CallListPlace, CallListSource, CustomSource, FieldPaths, Intake, RetellSource, VapiSource};
use super::read::{Reader, Section};
use super::types::Part;

/// A shorter secret is warned of.
const SECRET_CHARS_ADVISED: usize = 16;
const PATH_FORM: &str = "keys with dots between them, like \"call.from_number\"; a|b: either key";
/// Names that are sources of ours.
const TAKEN: &[&str] = &["retell", "vapi", "twilio"];

pub(super) fn intake(r: &mut Reader, root: &mut Section, stand: &mut Stand<'_>) -> Intake {
    let mut s = r.section(root, "intake");
    let (retell, retell_list) = retell(r, &mut s, stand);
    let (vapi, vapi_list) = vapi(r, &mut s, stand);
    let lists = [retell_list, vapi_list, intake_lists::twilio(r, &mut s)].into_iter().flatten().collect();
    let mut all = r.section(&mut s, "custom");
    let mut custom = BTreeMap::new();
    for name in all.names() {
        let key = all.key(&name);
        let mut one = r.section(&mut all, &name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) || TAKEN.contains(&name.as_str()) {
            let form = "1 to 40 small letters, digits, dashes and underscores, and none of retell, vapi, twilio";
            r.wrong(one.origin.clone(), &key, "is no name for an intake", form);
        }
        custom.extend(self::custom(r, &mut one).map(|source| (name, source)));
        r.finish(one);
    }
    r.finish(all);
    r.finish(s);
    Intake { retell, vapi, custom, lists }
}

type Both<T> = (Option<T>, Option<CallListSource>);

fn retell(r: &mut Reader, root: &mut Section, stand: &mut Stand<'_>) -> Both<RetellSource> {
    let mut s = r.section(root, "retell");
    let api_key = secret(r, &mut s, "api_key");
    let section = ListSection::with_address(r, &mut s, stand);
    let list = section.list(r, &s, api_key.clone(), |base_url, api_key| CallListPlace::Retell { base_url, api_key });
    let fields = fields(r, &mut s);
    r.finish(s);
    (api_key.map(|api_key| RetellSource { api_key, fields }), list)
}

fn vapi(r: &mut Reader, root: &mut Section, stand: &mut Stand<'_>) -> Both<VapiSource> {
    let mut s = r.section(root, "vapi");
    let (secret, hmac_secret) = (self::secret(r, &mut s, "secret"), self::secret(r, &mut s, "hmac_secret"));
    let api_key = self::secret(r, &mut s, "api_key");
    let section = ListSection::with_address(r, &mut s, stand);
    let list = section.list(r, &s, api_key, |base_url, api_key| CallListPlace::Vapi { base_url, api_key });
    let parse = |t: &str| if t.trim().is_empty() { Err("is blank".to_owned()) } else { Ok(t.trim().to_owned()) };
    let tools = r.list(&mut s, "tools", "the name of a tool", parse, Clone::clone).unwrap_or_default();
    let fields = fields(r, &mut s);
    r.finish(s);
    let tools = tools.into_iter().map(|t| t.value).collect();
    let is_on = secret.is_some() || hmac_secret.is_some();
    (is_on.then_some(VapiSource { secret, hmac_secret, tools, fields }), list)
}

fn custom(r: &mut Reader, s: &mut Section) -> Option<CustomSource> {
    let (token, hmac_secret) = (secret(r, s, "token"), secret(r, s, "hmac_secret"));
    let header = |t: &str| {
        let t = t.trim().to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !t.is_empty() && t.bytes().all(plain) { Ok(t) } else { Err("is no name of a header".to_owned()) }
    };
    let hmac_header = r.parsed(s, "hmac_header", "the name of a header, like \"x-signature\"", header, Clone::clone);
    let call_id = paths(r, s, "call_id").unwrap_or_else(|| usual(&["callId|id", "call.id|callId"]));
    let given = fields(r, s);
    if token.is_none() && hmac_secret.is_none() {
        let unread = r.deferred.iter().any(|(_, p)| p.key.starts_with(&s.key("")));
        if !unread {
            r.warnings.push(format!("{} has neither token nor hmac_secret: it is off", s.path));
        }
        return None;
    }
    let hmac_header = hmac_header.map_or_else(|| "x-signature".to_owned(), |f| f.value);
    Some(CustomSource { token, hmac_secret, hmac_header, call_id, fields: given.or(usual_fields()) })
}

fn secret(r: &mut Reader, s: &mut Section, name: &str) -> Option<SecretString> {
    let found = r.secret(s, name, Part::Server)?;
    if found.value.expose_secret().len() < SECRET_CHARS_ADVISED {
        r.warnings.push(format!("{} is shorter than {SECRET_CHARS_ADVISED} characters", found.key));
    }
    Some(found.value)
}

fn fields(r: &mut Reader, root: &mut Section) -> FieldPaths {
    let mut s = r.section(root, "fields");
    let mut read = |name: &str| paths(r, &mut s, name).unwrap_or_default();
    let fields = FieldPaths {
        caller_phone: read("caller_phone"),
        caller_id: read("caller_id"),
        emergency_level: read("emergency_level"),
        issue_summary: read("issue_summary"),
        transcript: read("transcript"),
        twilio_to_number: read("twilio_to_number"),
        caller_name: read("caller_name"),
        address: read("address"),
    };
    r.finish(s);
    fields
}

fn paths(r: &mut Reader, s: &mut Section, name: &str) -> Option<Vec<String>> {
    let parse = |text: &str| {
        let text = text.trim();
        let whole = |segment: &str| segment.split('|').all(|key| !key.trim().is_empty());
        if text.split('.').all(whole) { Ok(text.to_owned()) } else { Err("holds an empty key".to_owned()) }
    };
    let found = r.list(s, name, PATH_FORM, parse, Clone::clone)?;
    Some(found.into_iter().map(|f| f.value).collect())
}

fn usual(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|p| (*p).to_owned()).collect()
}

/// By the names that are in use, at the top and in `callData`.
fn usual_fields() -> FieldPaths {
    let both = |names: &str| vec![names.to_owned(), format!("callData.{names}")];
    FieldPaths {
        caller_phone: both("callerPhone|callbackNumber|callbackPhone|callback"),
        caller_id: both("from|callerId"),
        emergency_level: both("emergencyLevel|urgency|level"),
        issue_summary: both("issueSummary|issue|summary"),
        transcript: both("transcript"),
        twilio_to_number: both("twilioToNumber|toNumber|to"),
        caller_name: both("callerName|name"),
        address: both("address"),
    }
}

/// The rules of the defaults, by source.
#[cfg(test)]
pub(crate) fn usual_rules() -> BTreeMap<&'static str, Vec<super::intake_types::ListRule>> {
    const FILE: &str = r#"
        [intake.retell]
        api_key = "key_test_0123456789"
        list = true
        [intake.vapi]
        api_key = "invented-vapi-key"
        list = "30s"
        [intake.twilio]
        list = true
    "#;
    of_file(FILE).lists.into_iter().map(|list| (list.source(), list.hung_up)).collect()
}

/// All platforms on, with the paths of the defaults and invented secrets.
#[cfg(test)]
pub(crate) fn sample() -> Intake {
    const FILE: &str = r#"
        [intake.retell]
        api_key = "key_test_0123456789"
        [intake.vapi]
        secret = "invented-vapi-token"
        hmac_secret = "invented-vapi-hmac"
        [intake.custom.desk]
        token = "invented-desk-token"
        hmac_secret = "invented-desk-hmac"
        [intake.custom.desk.fields]
        caller_phone = ["caller.phone"]
        issue_summary = ["Call regarding"]
        twilio_to_number = ["Number called"]
        emergency_level = ["priority", "urgent"]
        caller_name = ["caller.name"]
        address = ["location"]
        [intake.custom.plain]
        token = "invented-plain-token"
    "#;
    of_file(FILE)
}

#[cfg(test)]
fn of_file(file: &str) -> Intake {
    let parse = |text: &str| super::file::parse(text, None).unwrap_or_else(|problem| panic!("{problem}"));
    let mut root = parse(include_str!("default.toml"));
    super::raw::overlay(&mut root, parse(file), "");
    let mut r = Reader::new(std::path::PathBuf::from("/"), Vec::new());
    let mut test = super::test_mode::TestMode { on: false, replaced: Vec::new() };
    let mut stand = Stand { test: &mut test, sandbox: ([127, 0, 0, 1], 4010).into() };
    let sample = intake(&mut r, &mut Section::root(root), &mut stand);
    assert!(r.problems.is_empty() && r.deferred.is_empty(), "{:?}", r.problems);
    sample
}
