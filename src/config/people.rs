//! Contacts, lines, policies and templates: the [`Directory`], and warnings where a ladder would find nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calendar_types::CalendarAt;
use super::forms::DURATION_FORM;
use super::known::{Known, nearest, unknown_contact, why};
use super::origin::Origin;
use super::read::{Found, Reader, Section};
use super::rotations::{calendars, rotations, settle_zones};
use crate::domain::PhoneNumber;
use crate::domain::attempt::Channel;
use crate::domain::body;
use crate::domain::hours::{self, HOURS_FORM, Hours};
use crate::domain::levels::HIGH;
use crate::domain::mail::MailAddress;
use crate::domain::oncall::RotationId;
use crate::domain::phone::{is_e164, looks_wrong, masked};
use crate::domain::policy::{Policy, Step};
use crate::domain::team::{Contact, Directory, Line, TeamEntry, TeamRole, TeamWho, Templates};
use crate::domain::types::{ContactId, ParseError, Role, Sender};

/// The longest that a call may look for somebody.
const LADDER_MAX: Duration = Duration::from_secs(30 * 86_400);
const LADDER_FORM: &str = "at most 30 days with its repeats and exhaust_after";
pub(super) const PHONE_FORM: &str = "E.164, like +19495550101: a plus, the country code, the number, no spaces";
pub(super) const SENDER_FORM: &str =
    "an E.164 number, a short code, an alphanumeric sender of up to 11 characters, or MG and 32 hex digits";
const ID_FORM: &str = "1 to 64 visible characters without spaces";
const QUIET_FORM: &str = "a time span of the day, like \"22:00-07:00\"; leave it out for none";
const CHANNEL_FORM: &str = "\"sms\", \"voice\" or \"email\"";
pub(super) const MAIL_FORM: &str = "a mail address, like \"sam@example.com\"";
pub(super) const ZONE_FORM: &str = "an IANA name, like \"America/Los_Angeles\"";
const ROLE_FORM: &str = "1 to 64 visible characters, like \"primary\"";

/// A phone number to text; the error says what is wrong and the form says what is accepted.
pub(super) fn parse_phone(s: &str) -> Result<PhoneNumber, String> {
    s.parse().map_err(|e: ParseError| match is_e164(s) {
        true => e.why,
        false => "is not a phone number".to_owned(),
    })
}

/// A list of numbers to text.
pub(super) fn phones(r: &mut Reader, section: &mut Section, name: &str) -> Vec<PhoneNumber> {
    let found = r.list(section, name, PHONE_FORM, parse_phone, ToString::to_string);
    found.unwrap_or_default().into_iter().map(|f| f.value).collect()
}

/// Reads everything that decisions need to know of people. `from` is the sender where a line names none, `fallback`
/// what goes while its breaker is open, `others` whom mails and phone calls come from. With `elsewhere`, Airtable's table names contacts too: what is missing here may be there.
pub(super) fn directory(
    r: &mut Reader,
    root: &mut Section,
    from: Option<&Found<Sender>>,
    fallback: Vec<Sender>,
    others: (Option<MailAddress>, Option<Sender>),
    elsewhere: bool,
) -> (Directory, Vec<CalendarAt>) {
    let (mail_from, voice_from) = others;
    let name = r.plain(root, "name", "a name").map(|f| f.value).unwrap_or_default();
    let time_zone = time_zone(r, root);
    let (contacts, ids) = contacts(r, root, from);
    let policies = policies(r, root);
    let templates = templates(r, root);
    let default_line =
        Line { number: None, name, team: None, from: None, policies, templates, time_zone, keywords: Vec::new() };
    let (drafts, rotation_ids) = rotations(r, root, Known { ids: &ids, rotations: &[], elsewhere });
    let known = Known { ids: &ids, rotations: &rotation_ids, elsewhere };
    let lines = lines(r, root, &default_line, known);
    let calendars = calendars(&drafts);
    let rotations = settle_zones(r, drafts, &default_line, &lines);
    let last_resort = last_resort(r, root, known);
    let from = from.map(|f| f.value.clone());
    let names: Vec<String> =
        std::iter::once(&default_line).chain(&lines).flat_map(|l| l.policies.keys().cloned()).collect();
    let levels = super::levels::levels(r, root, &names);
    let directory = Directory {
        contacts,
        default_line,
        lines,
        from,
        fallback,
        mail_from,
        voice_from,
        last_resort,
        alert_owners: Vec::new(),
        levels,
        rotations,
        overrides: Vec::new(),
        calendars: BTreeMap::new(),
    };
    if !elsewhere {
        r.warnings.extend(empty_roles(&directory).into_iter().map(|role| role.said));
    }
    r.warnings.extend(no_last_resort(&directory));
    (directory, calendars)
}

/// Who is told before a call is given up: contacts, each once.
fn last_resort(r: &mut Reader, root: &mut Section, known: Known<'_>) -> Vec<ContactId> {
    let mut s = r.section(root, "last_resort");
    let form = "a list of contacts' ids, like [\"lee\"]";
    let found = r.list(&mut s, "notify", form, |s| s.parse::<ContactId>().map_err(why), ToString::to_string);
    r.finish(s);
    let mut out: Vec<ContactId> = Vec::new();
    for contact in found.unwrap_or_default() {
        if !known.has(&contact.value) {
            unknown_contact(r, &contact, known.ids);
        }
        if !out.contains(&contact.value) {
            out.push(contact.value);
        }
    }
    out
}

/// What is missing where nobody is the last resort.
pub fn no_last_resort(directory: &Directory) -> Option<String> {
    let what = "last_resort.notify is empty: a call that nobody takes is given up with an alert alone";
    directory.last_resort.is_empty().then(|| what.to_owned())
}

pub(super) fn time_zone(r: &mut Reader, section: &mut Section) -> Option<String> {
    let parse = |s: &str| match jiff::tz::TimeZone::get(s) {
        Ok(_) => Ok(s.to_owned()),
        Err(_) => Err("is not a time zone".to_owned()),
    };
    r.parsed(section, "time_zone", ZONE_FORM, parse, |s: &String| s.clone()).map(|f| f.value)
}

/// The contacts, and the ids that are named (also of those that are wrong otherwise, so that no team is blamed for them).
fn contacts(r: &mut Reader, root: &mut Section, from: Option<&Found<Sender>>) -> (Vec<Contact>, Vec<ContactId>) {
    let mut out: Vec<Contact> = Vec::new();
    let mut ids: Vec<ContactId> = Vec::new();
    let mut phones: BTreeMap<PhoneNumber, String> = BTreeMap::new();
    for mut s in r.sections(root, "contacts").unwrap_or_default() {
        let parse = |s: &str| s.parse::<ContactId>().map_err(why);
        let id = r.parsed(&mut s, "id", ID_FORM, parse, ToString::to_string);
        let name = r.plain(&mut s, "name", "a name").map(|f| f.value);
        let phone = r.parsed(&mut s, "phone", PHONE_FORM, parse_phone, ToString::to_string);
        let role = r.parsed(&mut s, "role", ROLE_FORM, |s| s.parse::<Role>().map_err(why), ToString::to_string);
        let parse = |s: &str| s.parse::<MailAddress>().map_err(why);
        let email = r.parsed(&mut s, "email", MAIL_FORM, parse, ToString::to_string).map(|f| f.value);
        r.require(&s, "id", id.is_some(), ID_FORM);
        r.require(&s, "phone", phone.is_some(), PHONE_FORM);
        r.finish(s);
        if let Some(id) = &id {
            if ids.iter().any(|other| other.as_str().eq_ignore_ascii_case(id.value.as_str())) {
                let what = format!("{} is another contact's id", id.value);
                r.wrong(id.origin.clone(), &id.key, what, "an id of its own");
            }
            ids.push(id.value.clone());
        }
        let (Some(id), Some(phone)) = (id, phone) else { continue };
        if let Some(other) = phones.insert(phone.value.clone(), id.value.to_string()) {
            let what = format!("is the phone of contact {other} too");
            r.wrong(phone.origin.clone(), &phone.key, what, "a phone of its own");
        }
        if from.is_some_and(|f| f.value.as_str() == phone.value.e164()) {
            r.wrong(phone.origin.clone(), &phone.key, "is the number that texts come from", "another phone");
        }
        if let Some(why) = looks_wrong(&phone.value) {
            r.warnings.push(format!("the phone {} of contact {} {why}", phone.value, id.value));
        }
        let name = name.unwrap_or_else(|| id.value.to_string());
        out.push(Contact { id: id.value, name, phone: phone.value, email, role: role.map(|f| f.value) });
    }
    (out, ids)
}

fn policies(r: &mut Reader, parent: &mut Section) -> BTreeMap<String, Policy> {
    let mut s = r.section(parent, "policies");
    let mut out = BTreeMap::new();
    for name in s.names() {
        let origin = s.origin.clone();
        let mut section = r.section(&mut s, &name);
        let key = section.path.clone();
        let at = section.origin.clone().or(origin);
        let reported_before = r.problems.len();
        let steps = steps(r, &mut section);
        let repeat = r.integer(&mut section, "repeat", 0..=1000).map_or(0, |f| f.value);
        let ten_minutes = Duration::from_secs(600);
        let repeat_wait = r.duration(&mut section, "repeat_wait").map_or(ten_minutes, |f| f.value);
        let exhaust_after = r.duration(&mut section, "exhaust_after").map_or(ten_minutes, |f| f.value);
        let quiet = quiet(r, &mut section, &name);
        let defer_by_reply = r.boolean(&mut section, "defer_by_reply").map(|f| f.value);
        r.finish(section);
        if r.problems.len() > reported_before {
            continue;
        }
        if name.trim().is_empty() || name.trim() != name {
            r.wrong(at, &key, "has no name, or blanks around it", "a level's name, like [policies.high]");
            continue;
        }
        let level = name.to_lowercase();
        let policy = Policy { name: level.clone(), steps, repeat, repeat_wait, exhaust_after, defer_by_reply, quiet };
        if let Some(whole) = too_long(&policy) {
            r.wrong(at, &key, format!("ends {} days after its first step", whole.as_secs() / 86_400), LADDER_FORM);
            continue;
        }
        match policy.checked() {
            Ok(policy) => {
                if out.insert(level, policy).is_some() {
                    r.wrong(at, &key, "is defined twice", "names that differ not by case alone");
                }
            }
            Err(what) => r.wrong(at, &key, what, "steps = [ { wait = \"0s\", notify = [\"primary\"] }, ... ]"),
        }
    }
    r.finish(s);
    out
}

/// The hours in which a call of this level wakes nobody.
fn quiet(r: &mut Reader, section: &mut Section, level: &str) -> Option<Hours> {
    let parse = |text: &str| {
        let (start, end) = text.split_once(['-', '\u{2013}']).ok_or_else(|| "is no time span".to_owned())?;
        match (hours::time(start), hours::time(end)) {
            (Some(start), Some(end)) if start == end => Err("is the whole day: nobody would ever be told".to_owned()),
            (Some(start), Some(end)) => Ok(Hours::daily(start, end)),
            _ => Err("is no time span".to_owned()),
        }
    };
    let found = r.parsed(section, "quiet", QUIET_FORM, parse, Hours::to_string)?;
    if level.trim().eq_ignore_ascii_case(HIGH) {
        r.wrong(found.origin, &found.key, "would hold emergencies: level high has no quiet hours", "another level");
        return None;
    }
    Some(found.value)
}

/// How long the ladder takes, where that is longer than anybody waits.
fn too_long(policy: &Policy) -> Option<Duration> {
    let once: Duration = policy.steps.iter().fold(Duration::ZERO, |all, step| all.saturating_add(step.wait));
    let again = once.saturating_add(policy.repeat_wait).saturating_mul(policy.repeat);
    let whole = once.saturating_add(again).saturating_add(policy.exhaust_after);
    (whole > LADDER_MAX).then_some(whole)
}

fn steps(r: &mut Reader, policy: &mut Section) -> Vec<Step> {
    let mut out = Vec::new();
    for mut s in r.sections(policy, "steps").unwrap_or_default() {
        let wait = r.duration(&mut s, "wait").map(|f| f.value);
        r.require(&s, "wait", wait.is_some(), DURATION_FORM);
        let notify = r.list(&mut s, "notify", ROLE_FORM, |s| s.parse::<Role>().map_err(why), ToString::to_string);
        let channel = r.parsed(&mut s, "channel", CHANNEL_FORM, channel, ToString::to_string);
        let channel = channel.map(|f| f.value).unwrap_or_default();
        r.require(&s, "notify", notify.is_some(), "a list of roles, like [\"primary\"]");
        r.finish(s);
        let notify = notify.unwrap_or_default().into_iter().map(|f| f.value).collect();
        out.push(Step { wait: wait.unwrap_or_default(), notify, channel });
    }
    out
}

fn channel(text: &str) -> Result<Channel, String> {
    Channel::from_word(text).ok_or_else(|| "is no way to tell anybody".to_owned())
}

/// Sources that can be rendered: a wrong one is found here, not at 02:00.
fn templates(r: &mut Reader, parent: &mut Section) -> Templates {
    let mut s = r.section(parent, "templates");
    let mut source = |name: &str| {
        let form = "a minijinja template; leave the key out for the built-in text";
        let node = r.take(&mut s, name)?;
        let key = s.key(name);
        match node.value {
            super::raw::Value::Text(text) if text.trim().is_empty() => {
                r.wrong(node.origin, &key, "is empty", form);
                None
            }
            super::raw::Value::Text(text) => {
                if let Err(e) = body::check_template(&text) {
                    r.wrong(node.origin, &key, format!("cannot be used: {e}"), form);
                    return None;
                }
                r.show(&key, text.escape_debug().to_string(), &node.origin);
                Some(text)
            }
            other => {
                r.wrong(node.origin, &key, format!("is {}", other.kind()), form);
                None
            }
        }
    };
    let templates = Templates { notice: source("notice"), reminder: source("reminder") };
    r.finish(s);
    templates
}

fn lines(r: &mut Reader, root: &mut Section, default: &Line, known: Known<'_>) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let form = "E.164, like +18005550100";
    for mut s in r.sections(root, "lines").unwrap_or_default() {
        // A dialled number is compared, never texted, so its shape is enough.
        let parse = |s: &str| if is_e164(s) { Ok(s.to_owned()) } else { Err("is not a phone number".to_owned()) };
        let number = r.parsed(&mut s, "number", form, parse, |s: &String| masked(s));
        r.require(&s, "number", number.is_some(), form);
        let name = r.plain(&mut s, "name", "a name").map_or_else(|| default.name.clone(), |f| f.value);
        let from = sender(r, &mut s, "from").map(|f| f.value);
        let team = team(r, &mut s, known);
        let policies = policies(r, &mut s);
        let templates = templates(r, &mut s);
        let time_zone = time_zone(r, &mut s);
        let keywords = super::levels::keywords(r, &mut s);
        r.finish(s);
        if let Some(number) = &number
            && out.iter().any(|l| l.number.as_ref() == Some(&number.value))
        {
            r.wrong(number.origin.clone(), &number.key, "is another line's number", "a number of its own");
        }
        out.push(Line { number: number.map(|f| f.value), name, team, from, policies, templates, time_zone, keywords });
    }
    out
}

fn team(r: &mut Reader, line: &mut Section, known: Known<'_>) -> Option<Vec<TeamEntry>> {
    let sections = r.sections(line, "team")?;
    let mut out = Vec::new();
    for mut s in sections {
        let parse = |s: &str| s.parse::<ContactId>().map_err(why);
        let contact = r.parsed(&mut s, "contact", ID_FORM, parse, ToString::to_string);
        let parse = |s: &str| s.parse::<RotationId>().map_err(why);
        let rotation = r.parsed(&mut s, "rotation", ID_FORM, parse, ToString::to_string);
        let role = r.parsed(&mut s, "role", ROLE_FORM, |s| s.parse::<Role>().map_err(why), ToString::to_string);
        let span = |s: &str| Hours::read([s]).map(|_| s.to_owned()).map_err(why);
        let hours = r.list(&mut s, "hours", HOURS_FORM, span, Clone::clone);
        let off = r.boolean(&mut s, "off").is_some_and(|f| f.value);
        let fallback = r.boolean(&mut s, "fallback").is_some_and(|f| f.value);
        if rotation.is_none() {
            r.require(&s, "contact", contact.is_some(), "the id of a contact, or rotation = that of a rotation");
        }
        r.require(&s, "role", role.is_some(), ROLE_FORM);
        r.finish(s);
        let Some(who) = team_who(r, contact, rotation, known) else { continue };
        let hours = hours.map(|all| all.into_iter().map(|f| f.value).collect::<Vec<_>>());
        let hours = hours.and_then(|all| Hours::read(all.iter().map(String::as_str)).ok());
        if let Some(role) = role {
            out.push(TeamEntry { who, role: TeamRole::Named(role.value), hours, off, fallback });
        }
    }
    Some(out)
}

/// Whom an entry means: a contact or a rotation, one of both.
fn team_who(
    r: &mut Reader,
    contact: Option<Found<ContactId>>,
    rotation: Option<Found<RotationId>>,
    known: Known<'_>,
) -> Option<TeamWho> {
    match (contact, rotation) {
        (Some(_), Some(rotation)) => {
            let what = "stands beside a contact";
            r.wrong(rotation.origin, &rotation.key, what, "a contact or a rotation, each in an entry of its own");
            None
        }
        (Some(contact), None) => {
            if !known.has(&contact.value) {
                unknown_contact(r, &contact, known.ids);
            }
            Some(TeamWho::Contact(contact.value))
        }
        (None, Some(rotation)) => {
            if !known.rotations.contains(&rotation.value) {
                let what = format!("there is no rotation {}", rotation.value);
                let (origin, key) = (rotation.origin, rotation.key);
                let mut problem = super::ConfigProblem::new(origin, key, what, "the id of one of [[rotations]]");
                problem.meant = nearest(rotation.value.as_str(), known.rotations.iter().map(RotationId::as_str));
                r.problems.push(problem);
            }
            Some(TeamWho::Rotation(rotation.value))
        }
        (None, None) => None,
    }
}

/// A role that a policy names and nobody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyRole {
    /// The number of its line; `None`: that of numbers that are not listed.
    pub line: Option<String>,
    pub level: String,
    /// `None`: there are no contacts at all.
    pub role: Option<Role>,
    /// In one sentence.
    pub said: String,
}

/// Roles that a policy names and nobody ever holds: a step that finds nobody escalates at once, with an alert, which is better
/// known before the night.
pub fn empty_roles(directory: &Directory) -> Vec<EmptyRole> {
    unheld_roles(directory, Directory::is_ever_held)
}

/// The same of roles for which nobody is there at all, be it out of hours or on leave.
pub fn unstaffed_roles(directory: &Directory) -> Vec<EmptyRole> {
    unheld_roles(directory, Directory::is_staffed)
}

fn unheld_roles(directory: &Directory, is_held: fn(&Directory, &Line, &Role) -> bool) -> Vec<EmptyRole> {
    if directory.contacts.is_empty() {
        let said = "no contacts are configured: nobody can be told of a call".into();
        return vec![EmptyRole { line: None, level: String::new(), role: None, said }];
    }
    let mut found = Vec::new();
    let of_their_own = directory.lines.iter().filter(|l| l.team.is_some() || !l.policies.is_empty());
    for line in std::iter::once(&directory.default_line).chain(of_their_own) {
        for level in directory.levels(line) {
            let mut roles: Vec<&Role> = directory
                .policy(line, &level)
                .map(|p| p.steps.iter().flat_map(|s| &s.notify).collect())
                .unwrap_or_default();
            roles.sort();
            roles.dedup();
            for role in roles {
                if !is_held(directory, line, role) {
                    let place = match line.number.as_deref() {
                        Some(number) => format!("line {} ({})", line.name, masked(number)),
                        None if directory.lines.is_empty() => "any line".to_owned(),
                        None => "a line that is not listed".to_owned(),
                    };
                    let said = format!("policy {level} notifies the role {role}, which nobody holds on {place}");
                    found.push(EmptyRole {
                        line: line.number.clone(),
                        level: level.clone(),
                        role: Some(role.clone()),
                        said,
                    });
                }
            }
        }
    }
    found
}

/// A sender: its own key of a line or of the provider.
pub(super) fn sender(r: &mut Reader, section: &mut Section, name: &str) -> Option<Found<Sender>> {
    let parse = |s: &str| s.parse::<Sender>().map_err(|_| "is not a sender".to_owned());
    r.parsed(section, name, SENDER_FORM, parse, ToString::to_string)
}

/// The place of a key for messages about two of them.
pub(super) fn place(origin: &Origin, key: &str) -> String {
    format!("{key} ({origin})")
}
