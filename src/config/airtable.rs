//! `[airtable]`: the shop's records.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use super::airtable_types::{
    AIRTABLE_RATE_MAX, Airtable, AirtableTables, BusinessFields, CallFields, ContactFields, EventFields, MirrorPace,
    Verify,
};
use super::airtable_values::{may_lack, values};
use super::forms::is_loopback;
use super::limits::{DAY, SHORTEST, within};
use super::origin::Layer;
use super::people::place;
use super::presets;
use super::read::{Reader, Section};
use super::secrets::{is_unreadable, need};
use super::test_mode::TestMode;
use super::types::{Part, SANDBOX_AIRTABLE_BASE_ID, SANDBOX_AIRTABLE_TOKEN, sandbox_url};

/// In TEST MODE the base is the sandbox's, which may be told to allow more.
const TEST_RATE_MAX: f64 = 50.0;

/// `None` where nothing of it is given, or a token or base is missing (then deferred); and whether it is given, which decides
/// whether changes are mirrored, whatever this process can read.
pub(super) fn airtable(
    r: &mut Reader,
    root: &mut Section,
    test: &mut TestMode,
    sandbox: std::net::SocketAddr,
) -> (Option<Airtable>, bool) {
    let mut s = r.section(root, "airtable");
    let given = s.is_given();
    let at = s.origin.clone();
    let token = r.secret(&mut s, "token", Part::Airtable).map(|f| f.value);
    let base_id = r
        .parsed(&mut s, "base_id", "app and 14 letters or digits", parse_base_id, |s: &String| s.clone())
        .map(|f| f.value);
    let base_url = r.url(&mut s, "base_url");
    let here = sandbox_url(sandbox);
    let base_url = test.local(r, "airtable.base_url", base_url, is_loopback, Some((here.clone(), here.to_string())));
    let most = if test.on { TEST_RATE_MAX } else { AIRTABLE_RATE_MAX };
    let requests_per_second = r.number(&mut s, "requests_per_second", 0.01..=most).map_or(0.01, |f| f.value);
    let mirror = r.choice(&mut s, "mirror", &[("realtime", false), ("batched", true)]).is_some_and(|f| f.value);
    let batch_every = within(r, &mut s, "batch_every", SHORTEST..=DAY);
    if let Some(every) = batch_every.as_ref().filter(|f| !mirror && f.layer > Layer::Default) {
        r.warnings
            .push(format!("{} does nothing without airtable.mirror = \"batched\"", place(&every.origin, &every.key)));
    }
    let batch_every = batch_every.map(|f| f.value).unwrap_or_default();
    let words = [("all", Verify::All), ("first", Verify::First), ("none", Verify::None)];
    let verify = r.choice(&mut s, "verify", &words).map_or(Verify::All, |f| f.value);
    let adopt_every = within(r, &mut s, "adopt_every", Duration::ZERO..=DAY).map(|f| f.value).filter(|d| !d.is_zero());
    preset(r, &mut s);
    let tables = tables(r, &mut s);
    let Fields { events, calls, contacts, businesses } = fields(r, &mut s);
    let values = values(r, &mut s);
    let may_lack = may_lack(r, &mut s);
    r.finish(s);
    if !given {
        return (None, false);
    }
    let stands_in = test.on && !is_unreadable(r, "airtable.token");
    let token = token.or_else(|| stands_in.then(|| SANDBOX_AIRTABLE_TOKEN.into()));
    let base_id = if test.on { Some(base_id.unwrap_or_else(|| SANDBOX_AIRTABLE_BASE_ID.to_owned())) } else { base_id };
    if token.is_none() {
        need(r, Part::Airtable, at.clone(), "airtable.token", "a personal access token, also from AIRTABLE_API_KEY");
    }
    if base_id.is_none() {
        need(r, Part::Airtable, at, "airtable.base_id", "app and 14 letters or digits, also from AIRTABLE_BASE_ID");
    }
    let both: Option<(SecretString, String)> = token.zip(base_id);
    let airtable = both.map(|(token, base_id)| Airtable {
        token,
        base_id,
        base_url: base_url.map_or(here, |f| f.value),
        requests_per_second,
        mirror: if mirror { MirrorPace::Batched(batch_every) } else { MirrorPace::Realtime },
        verify,
        adopt_every,
        tables,
        events,
        calls,
        contacts,
        businesses,
        values,
        may_lack,
    });
    (airtable, true)
}

fn parse_base_id(s: &str) -> Result<String, String> {
    let ok = s.strip_prefix("app").is_some_and(|t| t.len() == 14 && t.bytes().all(|b| b.is_ascii_alphanumeric()));
    if ok { Ok(s.to_owned()) } else { Err("is not the id of a base".into()) }
}

const NAME_FORM: &str = "a name as the base has it";

fn tables(r: &mut Reader, airtable: &mut Section) -> AirtableTables {
    let mut s = r.section(airtable, "tables");
    let events = r.plain(&mut s, "events", NAME_FORM);
    let calls = r.plain(&mut s, "calls", NAME_FORM);
    let contacts = r.plain(&mut s, "contacts", NAME_FORM);
    let businesses = r.plain(&mut s, "businesses", NAME_FORM);
    let overrides = r.plain(&mut s, "overrides", NAME_FORM);
    if let (Some(businesses), None) = (&businesses, &contacts) {
        let what = "needs tables.contacts beside it";
        r.wrong(businesses.origin.clone(), &businesses.key, what, "the table of those who work for them");
    }
    for (name, other) in [("events", &events), ("calls", &calls)] {
        if let (Some(contacts), Some(other)) = (&contacts, other)
            && contacts.value == other.value
        {
            let what = format!("is the table of the {name} too");
            r.wrong(contacts.origin.clone(), &contacts.key, what, "a table for each");
        }
    }
    for (name, found) in [("events", &events), ("calls", &calls)] {
        r.require(&s, name, found.is_some(), NAME_FORM);
    }
    if let (Some(events), Some(calls)) = (&events, &calls)
        && events.value == calls.value
    {
        r.wrong(calls.origin.clone(), &calls.key, "is the table of the events too", "a table for each");
    }
    r.finish(s);
    AirtableTables {
        events: events.map(|f| f.value).unwrap_or_default(),
        calls: calls.map(|f| f.value).unwrap_or_default(),
        contacts: contacts.map(|f| f.value),
        businesses: businesses.map(|f| f.value),
        overrides: overrides.map(|f| f.value),
    }
}

struct Fields {
    events: EventFields,
    calls: CallFields,
    contacts: ContactFields,
    businesses: BusinessFields,
}

/// A base may have none of a field, which `""` says; but rows are found by this one.
const NEEDED: &[&str] = &["call_id"];

fn fields(r: &mut Reader, airtable: &mut Section) -> Fields {
    let mut all = Fields {
        events: EventFields::default(),
        calls: CallFields::default(),
        contacts: ContactFields::default(),
        businesses: BusinessFields::default(),
    };
    let mut s = r.section(airtable, "fields");
    let mut of_events = r.section(&mut s, "events");
    names(r, &mut of_events, all.events.pairs_mut(), &[]);
    r.finish(of_events);
    let mut of_calls = r.section(&mut s, "calls");
    names(r, &mut of_calls, all.calls.pairs_mut(), NEEDED);
    r.finish(of_calls);
    let mut of_contacts = r.section(&mut s, "contacts");
    names(r, &mut of_contacts, all.contacts.pairs_mut(), &["name", "phone", "role"]);
    r.finish(of_contacts);
    let mut of_businesses = r.section(&mut s, "businesses");
    names(r, &mut of_businesses, all.businesses.pairs_mut(), &["name"]);
    r.finish(of_businesses);
    r.finish(s);
    all
}

/// Laid in already, with the layers: here it is only checked.
fn preset(r: &mut Reader, airtable: &mut Section) {
    let parse = |s: &str| presets::named(s).ok_or_else(|| "is not the name of a preset".to_owned());
    r.parsed(airtable, "preset", presets::FORM, parse, |name| (*name).to_owned());
}

/// Two of our fields in one of the base's would overwrite each other for ever. Only those of `needed` may not be left empty.
fn names(r: &mut Reader, section: &mut Section, pairs: Vec<(&'static str, &mut String)>, needed: &[&str]) {
    let mut taken: BTreeMap<String, &'static str> = BTreeMap::new();
    for (ours, name) in pairs {
        let Some(found) = r.plain(section, ours, NAME_FORM) else {
            if needed.contains(&ours) {
                r.require(section, ours, false, NAME_FORM);
            }
            name.clear();
            continue;
        };
        if let Some(other) = taken.insert(found.value.to_lowercase(), ours) {
            r.wrong(found.origin, &found.key, format!("names the field of {other} too"), "a field of its own");
        }
        *name = found.value;
    }
}
