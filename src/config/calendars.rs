//! `calendar` and `calendar_overrides` of a rotation: a calendar says who, in place of a list. Where it is is a secret or a path, and each
//! process's own; that there is one decides, and is part of the settings in force.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

use super::calendar_types::{CalendarAt, CalendarPlace};
use super::forms::{is_loopback, parse_url};
use super::known::{Known, unknown_contact, why};
use super::origin::{Origin, resolve};
use super::raw::Value;
use super::read::{Reader, Section};
use super::secret_url::SecretUrl;
use super::test_mode::TestMode;
use super::types::Part;
use crate::domain::oncall::{CalendarPart, CalendarRules, RotationId};
use crate::domain::types::ContactId;

const CALENDAR_FORM: &str = "an https:// URL of a calendar (iCal), or the path of a file";
const PERSON_FORM: &str = "the id of a contact, like { \"Sam O\" = \"sam\" }";

/// What a rotation says of its calendars.
pub(super) struct Read {
    pub rules: CalendarRules,
    pub places: Vec<CalendarAt>,
}

/// Reads the calendars of a rotation; `None`: it goes by a list, or what it says is wrong.
pub(super) fn calendar(r: &mut Reader, s: &mut Section, of: Option<&RotationId>, known: Known<'_>) -> Option<Read> {
    let mut places = Vec::new();
    let mut one = |part| {
        let (is_there, found) = place(r, s, part);
        if let (Some((place, origin)), Some(rotation)) = (found, of) {
            let (rotation, key) = (rotation.clone(), s.key(part.key()));
            places.push(CalendarAt { rotation, part, place, key, origin });
        }
        is_there
    };
    let (events, overrides) = (one(CalendarPart::Events), one(CalendarPart::Overrides));
    let at = s.peek("calendar_people").map(|node| node.origin.clone());
    let people = people(r, s, known);
    if !events {
        let form = "calendar beside it";
        if overrides {
            r.wrong(s.origin.clone(), &s.key("calendar_overrides"), "goes with calendar alone", form);
        }
        if at.is_some() {
            r.wrong(at, &s.key("calendar_people"), "goes with calendar alone", form);
        }
        return None;
    }
    for name in ["every", "starts", "members", "days", "changes"] {
        if let Some(node) = r.take(s, name) {
            r.wrong(node.origin, &s.key(name), "stands beside calendar, which says who and when", "one of the two");
        }
    }
    Some(Read { rules: CalendarRules { people, has_overrides: overrides }, places })
}

/// Whether there is one; its place, where this process has it.
fn place(r: &mut Reader, s: &mut Section, part: CalendarPart) -> (bool, Option<(CalendarPlace, Origin)>) {
    let name = part.key();
    let is_in_force = matches!(s.origin, Some(Origin::InForce(_)));
    let has_file = s.peek(&format!("{name}_file")).is_some();
    let node = s.peek(name).map(|node| (&node.value, node.origin.clone()));
    let (place, key, origin) = match node {
        None if !has_file => {
            r.take(s, name);
            return (false, None);
        }
        Some((Value::Text(text), _)) if text.is_empty() && !has_file => {
            r.take(s, name);
            return (false, None);
        }
        // In settings in force it stands for the place that each process brings itself.
        Some((Value::Bool(true), _)) if is_in_force => {
            r.take(s, name);
            return (true, None);
        }
        Some((Value::Text(text), origin)) if !has_file && !text.contains("://") && is_like_an_address(text) => {
            // Never shown: it may hold the secret of the address that it was meant to be.
            r.take(s, name);
            (Err("is neither an address, which has :// behind its scheme, nor a file".to_owned()), s.key(name), origin)
        }
        Some((Value::Text(text), origin)) if !has_file && !text.contains("://") => {
            let file = resolve(&r.cwd, &origin, text);
            r.take(s, name);
            (Ok(CalendarPlace::File(file)), s.key(name), origin)
        }
        _ => {
            let Some(found) = r.secret(s, name, Part::Calendars) else { return (true, None) };
            // As calendar programs write an address that is subscribed to.
            let url = found.value.expose_secret().replacen("webcal://", "https://", 1);
            (parse_url(&url).map(|url| CalendarPlace::Url(SecretUrl(url))), found.key, found.origin)
        }
    };
    match place {
        Ok(place) => {
            r.show(&s.key(name), place.to_string(), &origin);
            (true, Some((place, origin)))
        }
        Err(what) => {
            r.wrong(origin, &key, what, CALENDAR_FORM);
            (true, None)
        }
    }
}

fn is_like_an_address(text: &str) -> bool {
    let scheme = text.split(':').next().unwrap_or_default().to_lowercase();
    text.contains(':') && matches!(scheme.as_str(), "http" | "https" | "webcal")
}

fn people(r: &mut Reader, s: &mut Section, known: Known<'_>) -> BTreeMap<String, ContactId> {
    let mut all = BTreeMap::new();
    if s.peek("calendar_people").is_none() {
        r.take(s, "calendar_people");
        return all;
    }
    let mut people = r.section(s, "calendar_people");
    for name in people.names() {
        let id = |text: &str| text.parse::<ContactId>().map_err(why);
        let Some(found) = r.parsed(&mut people, &name, PERSON_FORM, id, ToString::to_string) else { continue };
        if !known.has(&found.value) {
            unknown_contact(r, &found, known.ids);
        }
        all.insert(name, found.value);
    }
    r.finish(people);
    all
}

/// In TEST MODE nothing is read from elsewhere: what was read last, or nothing, stands.
pub(super) fn on_this_machine(r: &mut Reader, calendars: Vec<CalendarAt>, test: &mut TestMode) -> Vec<CalendarAt> {
    if !test.on {
        return calendars;
    }
    let is_here = |at: &CalendarAt| match &at.place {
        CalendarPlace::Url(url) => is_loopback(url.expose()),
        CalendarPlace::File(_) => true,
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) = calendars.into_iter().partition(is_here);
    for at in elsewhere {
        test.replaced.push(format!("{} ({}) is replaced by nothing", at.key, at.origin));
        r.show(&at.key, "", &Origin::TestMode);
    }
    here
}
