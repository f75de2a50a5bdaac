//! One of `[[alerts.sinks]]`: its kind, and what that kind needs.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::event_types::key_of;
use super::events::SECRET_FORM;
use super::known::why;
use super::limits::{DAY, within};
use super::origin::Origin;
use super::people::MAIL_FORM;
use super::read::{Found, Reader, Section};
use super::secret_url::{MASK, SecretUrl};
use super::secrets::need;
use super::sink_types::{Sink, SinkFormat, SinkPlace, SinkSecret, TEXT};
use super::smtp::SmtpSection;
use super::test_mode::TestMode;
use super::types::Part;
use crate::domain::alert::Severity;
use crate::domain::mail::MailAddress;
use crate::domain::types::ContactId;

pub(super) const NAME: &str = "1 to 40 visible characters, one name a sink";
const NAME_MAX: usize = 40;
/// How often a sink is told again of what must wake somebody, where nothing is said.
const REPEAT: Duration = Duration::from_secs(30 * 60);
const REPEAT_MIN: Duration = Duration::from_secs(60);
/// Keys of one kind or another; of a secret its `_file` twin too.
const OF_SOME_KIND: &[&str] = &[
    "format",
    "url",
    "url_file",
    "secret",
    "secret_file",
    "secret_previous",
    "secret_previous_file",
    "token",
    "token_file",
    "user",
    "user_file",
    "retry",
    "expire",
    "command",
    "to",
];
const URL: &str = "an https:// URL";
const TOPIC: &str = "an https:// URL that ends in the topic: https://ntfy.sh/TOPIC";
const COMMAND: &str = "a program and its arguments, like [\"/usr/local/bin/page\", \"--loud\"]";
const ROUTING_KEY: &str = "the routing key of the service's integration";
/// Where PagerDuty takes events, where no url says otherwise.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Where Pushover takes messages, where no url says otherwise.
const PUSHOVER: &str = "https://api.pushover.net";
const PUSHOVER_TOKEN: &str = "the token of your application at Pushover";
const PUSHOVER_USER: &str = "the key of a user or group at Pushover";
/// How a page rings there, where nothing is said; the service takes 30 s and more, and 3 h at most.
const RETRY: Duration = Duration::from_secs(60);
const RETRY_RANGE: RangeInclusive<Duration> = Duration::from_secs(30)..=Duration::from_secs(10_800);
const EXPIRE: Duration = Duration::from_secs(10_800);
const EXPIRE_RANGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(10_800);

/// How a sink is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SinkKind {
    Webhook,
    Ntfy,
    Pushover,
    Command,
    Smtp,
    Text,
}

impl SinkKind {
    const ALL: [Self; 6] = [Self::Webhook, Self::Ntfy, Self::Pushover, Self::Command, Self::Smtp, Self::Text];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Pushover => "pushover",
            Self::Command => "command",
            Self::Smtp => "smtp",
            Self::Text => TEXT,
        }
    }

    const fn wakes(self) -> bool {
        match self {
            Self::Webhook | Self::Ntfy | Self::Pushover | Self::Command => true,
            Self::Smtp | Self::Text => false,
        }
    }
}

/// A sink as it was read, before it is compared with the others.
pub(super) struct SinkDraft {
    pub(super) name: Option<Found<String>>,
    /// What it goes by where nobody names it.
    pub(super) default_name: Option<String>,
    /// Its name, once it has one.
    pub(super) called: Option<String>,
    pub(super) fallback_for: Option<Found<String>>,
    /// Whether it can wake somebody, and not by the provider of texts: a mail wakes nobody.
    pub(super) wakes: bool,
    /// Whether it is told by texts of our own.
    pub(super) is_text: bool,
    min: Severity,
    repeat: Option<Duration>,
    place: Option<SinkPlace>,
}

impl SinkDraft {
    pub(super) fn finish(self) -> Option<Sink> {
        let fallback_for = self.fallback_for.map(|f| f.value);
        Some(Sink { name: self.called?, min: self.min, fallback_for, repeat: self.repeat, place: self.place? })
    }
}

/// Reads one; what its kind does not use is an unknown key.
pub(super) fn draft(
    r: &mut Reader,
    mut s: Section,
    test: &mut TestMode,
    relay: &SmtpSection,
    owners: &[ContactId],
) -> SinkDraft {
    let name = r.parsed(&mut s, "name", NAME, sink_name, |n: &String| n.clone());
    let kinds = SinkKind::ALL.map(|k| (k.as_str(), k));
    let kind = r.choice(&mut s, "kind", &kinds).map(|k| k.value);
    let min = r.choice(&mut s, "min", &[("notice", Severity::Notice), ("page", Severity::Page)]);
    let fallback_for = r.text(&mut s, "fallback_for", "the name of another sink, or \"\"");
    let repeat = repeat(r, &mut s);
    let form = kinds.map(|(word, _)| format!("\"{word}\"")).join(" or ");
    r.require(&s, "kind", kind.is_some(), &form);
    let (place, default_name) = match kind {
        // Without a kind nobody knows which of these it needs.
        None => {
            for name in OF_SOME_KIND {
                r.take(&mut s, name);
            }
            (None, None)
        }
        Some(SinkKind::Webhook) => webhook(r, &mut s),
        Some(SinkKind::Ntfy) => ntfy(r, &mut s),
        Some(SinkKind::Pushover) => pushover(r, &mut s),
        Some(SinkKind::Command) => command(r, &mut s),
        Some(SinkKind::Smtp) => mail(r, &mut s, relay),
        Some(SinkKind::Text) => (text(r, &s, owners), Some(TEXT.to_owned())),
    };
    // The sandbox takes texts: nothing of them leaves the machine.
    if test.on && kind != Some(SinkKind::Text) {
        let place_key = s.key(match kind {
            Some(SinkKind::Command) => "command",
            Some(SinkKind::Smtp) => "to",
            Some(SinkKind::Pushover) => "user",
            Some(SinkKind::Webhook | SinkKind::Ntfy | SinkKind::Text) | None => "url",
        });
        let at = s.origin.clone().map_or_else(String::new, |o| format!(" ({o})"));
        test.replaced.push(format!("{}{at} is replaced by nothing", s.path));
        r.show(&place_key, "", &Origin::TestMode);
    }
    r.finish(s);
    SinkDraft {
        name,
        default_name,
        called: None,
        wakes: kind.is_some_and(SinkKind::wakes),
        is_text: kind == Some(SinkKind::Text),
        fallback_for: fallback_for.filter(|f| !f.value.is_empty()),
        min: min.map_or(Severity::Notice, |m| m.value),
        repeat: match (repeat, &place) {
            (Some(given), _) => Some(given).filter(|every| !every.is_zero()),
            // It repeats by itself.
            (None, Some(SinkPlace::Webhook { format: SinkFormat::PagerDuty, .. })) => None,
            // It rings by itself for so long.
            (None, Some(SinkPlace::Pushover { expire, .. })) => Some(*expire),
            (None, _) => Some(REPEAT),
        },
        place,
    }
}

/// Zero: never.
fn repeat(r: &mut Reader, s: &mut Section) -> Option<Duration> {
    let found = r.duration(s, "repeat")?;
    if found.value.is_zero() || (REPEAT_MIN..=DAY).contains(&found.value) {
        return Some(found.value);
    }
    r.wrong(found.origin, &found.key, "is out of range", "a duration from \"1m\" to \"24h\", or \"0s\": never");
    None
}

type Placed = (Option<SinkPlace>, Option<String>);

fn webhook(r: &mut Reader, s: &mut Section) -> Placed {
    let formats = SinkFormat::ALL.map(|f| (f.as_str(), f));
    let format = r.choice(s, "format", &formats).map_or(SinkFormat::Slack, |f| f.value);
    let url = r.secret_url(s, "url", Part::Alerts).map(|u| u.value);
    let signs = signing(r, s);
    let token = if format == SinkFormat::PagerDuty { secret(r, s, "token") } else { None };
    let url = if format == SinkFormat::PagerDuty {
        require(r, s, "token", token.is_some(), ROUTING_KEY);
        url.or_else(|| SecretUrl::constant(PAGERDUTY))
    } else {
        require(r, s, "url", url.is_some(), URL);
        url
    };
    let named = NamedBy { url: url.as_ref().map(SecretUrl::expose), format: format.as_str(), program: None };
    let name = default_name(SinkKind::Webhook.as_str(), named);
    let is_whole = format != SinkFormat::PagerDuty || token.is_some();
    let place = url.filter(|_| is_whole).map(|url| SinkPlace::Webhook { url, format, signs, token });
    (place, name)
}

fn ntfy(r: &mut Reader, s: &mut Section) -> Placed {
    let url = r.secret_url(s, "url", Part::Alerts);
    let no_topic = |url: &SecretUrl| url.expose().path().trim_matches('/').is_empty();
    if let Some(found) = url.as_ref().filter(|found| no_topic(&found.value)) {
        r.wrong(found.origin.clone(), &found.key, "names no topic", TOPIC);
    }
    let token = secret(r, s, "token");
    require(r, s, "url", url.is_some(), TOPIC);
    let url = url.map(|found| found.value);
    let name = default_name(
        SinkKind::Ntfy.as_str(),
        NamedBy { url: url.as_ref().map(SecretUrl::expose), ..NamedBy::default() },
    );
    (url.map(|url| SinkPlace::Ntfy { url, token }), name)
}

fn pushover(r: &mut Reader, s: &mut Section) -> Placed {
    let url = r.secret_url(s, "url", Part::Alerts).map(|u| u.value).or_else(|| SecretUrl::constant(PUSHOVER));
    let (token, user) = (secret(r, s, "token"), secret(r, s, "user"));
    require(r, s, "token", token.is_some(), PUSHOVER_TOKEN);
    require(r, s, "user", user.is_some(), PUSHOVER_USER);
    let retry = within(r, s, "retry", RETRY_RANGE).map_or(RETRY, |f| f.value);
    let expire = within(r, s, "expire", EXPIRE_RANGE).map_or(EXPIRE, |f| f.value);
    let whole = url.zip(token).zip(user);
    let place = whole.map(|((url, token), user)| SinkPlace::Pushover { url, token, user, retry, expire });
    (place, default_name(SinkKind::Pushover.as_str(), NamedBy::default()))
}

fn command(r: &mut Reader, s: &mut Section) -> Placed {
    let key = s.key("command");
    let parse = |text: &str| if text.contains('\0') { Err("holds a zero".to_owned()) } else { Ok(text.to_owned()) };
    // Arguments may hold a secret.
    let list = r.list(s, "command", COMMAND, parse, |_| MASK.to_owned());
    let origin = list.as_ref().and_then(|l| l.first()).map(|first| first.origin.clone());
    let command: Vec<String> = list.into_iter().flatten().map(|found| found.value).collect();
    let program = command.first().filter(|program| !program.trim().is_empty());
    require(r, s, "command", program.is_some(), COMMAND);
    let Some(program) = program else { return (None, None) };
    if let Some(origin) = origin {
        r.show(&key, format!("{program} ({} arguments)", command.len().saturating_sub(1)), &origin);
    }
    let name = default_name(SinkKind::Command.as_str(), NamedBy { program: Some(program), ..NamedBy::default() });
    (Some(SinkPlace::Command(command)), name)
}

fn mail(r: &mut Reader, s: &mut Section, relay: &SmtpSection) -> Placed {
    let parse = |text: &str| text.parse::<MailAddress>().map_err(why);
    let to: Vec<MailAddress> =
        r.list(s, "to", MAIL_FORM, parse, ToString::to_string).into_iter().flatten().map(|found| found.value).collect();
    // Whom it tells decides: it is the same for every process.
    r.require(s, "to", !to.is_empty(), MAIL_FORM);
    if relay.from.is_none() {
        let what = format!("is missing: {} tells by mail", s.path);
        r.wrong(s.origin.clone(), "smtp.from", what, MAIL_FORM);
    }
    // A relay that cannot be read here is missed by whoever sends.
    let at = relay.url.clone().zip(relay.from.clone()).filter(|_| !to.is_empty());
    (at.map(|(relay, from)| SinkPlace::Mail { to, relay, from }), Some(SinkKind::Smtp.as_str().to_owned()))
}

/// Texts go to the owners, whom one list names for all sinks.
fn text(r: &mut Reader, s: &Section, owners: &[ContactId]) -> Option<SinkPlace> {
    if owners.is_empty() {
        let what = format!("names nobody: {} tells them by text", s.path);
        r.wrong(s.origin.clone(), "alerts.owners", what, super::alerts::OWNERS_FORM);
        return None;
    }
    Some(SinkPlace::Text)
}

/// What signs, the newest first.
fn signing(r: &mut Reader, s: &mut Section) -> Vec<SinkSecret> {
    let found = ["secret", "secret_previous"].map(|name| r.secret(s, name, Part::Alerts));
    let mut signs = Vec::new();
    for found in found.into_iter().flatten() {
        if key_of(&found.value).is_none() {
            r.wrong(found.origin, &found.key, "is no secret that signs", SECRET_FORM);
        } else {
            signs.push(SinkSecret(found.value));
        }
    }
    signs
}

fn secret(r: &mut Reader, s: &mut Section, name: &str) -> Option<SinkSecret> {
    r.secret(s, name, Part::Alerts).map(|found| SinkSecret(found.value))
}

/// What a sink cannot be told without. A process that delivers to no sink needs no place of one: under settings in force it is
/// missed by whoever delivers alone.
fn require(r: &mut Reader, s: &Section, name: &str, is_there: bool, form: &str) {
    if is_there {
        return;
    }
    if matches!(s.origin, Some(Origin::InForce(_))) {
        need(r, Part::Alerts, s.origin.clone(), &s.key(name), form);
    } else {
        r.require(s, name, false, form);
    }
}

fn sink_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let visible = !name.is_empty() && !name.chars().any(char::is_control);
    if visible && name.chars().count() <= NAME_MAX { Ok(name.to_owned()) } else { Err("is no name".to_owned()) }
}

/// What a sink without a name goes by, as far as it is known here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NamedBy<'a> {
    pub(super) url: Option<&'a url::Url>,
    pub(super) format: &'a str,
    pub(super) program: Option<&'a str>,
}

/// What a sink goes by where it is not named: its kind and its host or program. Never a path, which may be a secret. `None`:
/// its place is not known here.
pub(super) fn default_name(kind: &str, by: NamedBy<'_>) -> Option<String> {
    if let (Some(program), "command") = (by.program, kind) {
        let last = std::path::Path::new(program).file_name().and_then(|name| name.to_str());
        return Some(format!("{kind} {}", last.unwrap_or(program)));
    }
    if matches!(kind, "smtp" | "pushover" | TEXT) {
        return Some(kind.to_owned());
    }
    let host = match by.url {
        Some(url) => url.host_str().unwrap_or_default().to_owned(),
        None if by.format == SinkFormat::PagerDuty.as_str() => url::Url::parse(PAGERDUTY).ok()?.host_str()?.to_owned(),
        None => return None,
    };
    Some(format!("{kind} {host}"))
}
