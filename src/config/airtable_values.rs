//! `[airtable.values]`: our words and the base's. What a select of the shop does not have is never written into it.

use std::collections::{BTreeMap, BTreeSet};

use super::airtable_types::{CallFields, EventFields};
use super::airtable_words::{AVAILABLE, AWAY, AirtableValues, DEFERRED, DISPATCHING_TOLD, EXHAUSTED_UNTOLD, ValueMap};
use super::raw::Value;
use super::read::{Reader, Section};
use crate::domain::MessageStatus;
use crate::domain::attempt::{AttemptState, Channel};
use crate::domain::call::CallStatus;
use crate::domain::types::Role;

const FORM: &str =
    "a word of the base, a list of words of which the first that is there counts, or \"\" for an empty cell";

/// Whether this is a word that an attempt's row may say, or one with an error code behind it: `failed_30034`.
fn is_delivery_word(word: &str) -> bool {
    let stem = word.rsplit_once('_').filter(|(_, code)| !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit()));
    let word = stem.map_or(word, |(stem, _)| stem);
    AttemptState::from_word(word).is_some() || MessageStatus::from_word(word).rank().is_some()
}

/// Whether this is a word that a call's row may say.
fn is_call_word(word: &str) -> bool {
    CallStatus::from_word(&word.to_uppercase()).is_some()
        || [DISPATCHING_TOLD, EXHAUSTED_UNTOLD, DEFERRED].contains(&word)
}

pub(super) fn values(r: &mut Reader, airtable: &mut Section) -> AirtableValues {
    let mut s = r.section(airtable, "values");
    let mut events = r.section(&mut s, "events");
    let delivery_status =
        map(r, &mut events, "delivery_status", "submitted, delivered, failed, failed_30034", is_delivery_word);
    let method = map(r, &mut events, "method", "sms", |w| Channel::from_word(w).is_some());
    r.finish(events);
    let mut calls = r.section(&mut s, "calls");
    let status = map(r, &mut calls, "status", "dispatching, dispatching_told, acknowledged, exhausted", is_call_word);
    let emergency_level = map(r, &mut calls, "emergency_level", "the name of a policy", |_| true);
    r.finish(calls);
    let mut contacts = r.section(&mut s, "contacts");
    let role = map(r, &mut contacts, "role", "primary, backup, owner", |w| w.parse::<Role>().is_ok());
    let availability = map(r, &mut contacts, "availability", "available, away", |w| [AVAILABLE, AWAY].contains(&w));
    r.finish(contacts);
    let mut businesses = r.section(&mut s, "businesses");
    let is_zone = |w: &str| jiff::tz::TimeZone::get(w).is_ok() || jiff::tz::db().is_definitively_empty();
    let time_zone = map(r, &mut businesses, "time_zone", "America/Los_Angeles", is_zone);
    r.finish(businesses);
    r.finish(s);
    AirtableValues { delivery_status, method, status, emergency_level, role, availability, time_zone }
}

fn map(r: &mut Reader, table: &mut Section, field: &str, words: &str, is_word: impl Fn(&str) -> bool) -> ValueMap {
    let mut s = r.section(table, field);
    let mut found = BTreeMap::new();
    for word in s.names() {
        let key = s.key(&word);
        let Some(node) = r.take(&mut s, &word) else { continue };
        if !is_word(&word) {
            r.wrong(node.origin, &key, "is no word of ours", &format!("a word such as {words}"));
            continue;
        }
        let texts = match node.value {
            Value::Text(text) => Some(vec![text]),
            Value::List(items) => {
                items.into_iter().map(|i| if let Value::Text(t) = i.value { Some(t) } else { None }).collect()
            }
            _ => None,
        };
        let fit = |t: &String| !t.chars().any(char::is_control);
        match texts.filter(|all: &Vec<String>| !all.is_empty() && all.iter().all(fit)) {
            Some(texts) => {
                r.show(&key, texts.join(", "), &node.origin);
                found.insert(word, texts.into_iter().map(|t| t.trim().to_owned()).collect());
            }
            None => r.wrong(node.origin, &key, "is no word", FORM),
        }
    }
    r.finish(s);
    ValueMap(found)
}

/// Fields that a base may be without, as nobody need be told of it: `events.message_sid`.
pub(super) fn may_lack(r: &mut Reader, airtable: &mut Section) -> BTreeSet<String> {
    let (mut events, mut calls) = (EventFields::default(), CallFields::default());
    let of_events = events.pairs_mut().into_iter().map(|(ours, _)| format!("events.{ours}"));
    let fields: Vec<String> =
        of_events.chain(calls.pairs_mut().into_iter().map(|(ours, _)| format!("calls.{ours}"))).collect();
    let known = |text: &str| fields.iter().any(|f| f == text);
    let parse = |text: &str| if known(text) { Ok(text.to_owned()) } else { Err("names no field".to_owned()) };
    let found = r.list(airtable, "may_lack", "events. or calls. and our name of a field", parse, Clone::clone);
    found.into_iter().flatten().map(|f| f.value).collect()
}
