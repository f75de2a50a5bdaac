//! `[alerts]` and its sinks.

use std::collections::BTreeSet;

use super::limits::{DAY, SHORTEST, within};
use super::origin::Origin;
use super::read::{Found, Reader, Section};
use super::secret_url::SecretUrl;
use super::secrets::need;
use super::test_mode::TestMode;
use super::types::{Alerts, Part, Sink, SinkFormat, SinkKind};
use crate::domain::alert::Severity;

const KIND: &str = "\"webhook\"";
const FORMAT: &str = "\"slack\" or \"plain\"";
const NAME: &str = "1 to 40 visible characters, one name a sink";
const NAME_MAX: usize = 40;

pub(super) fn alerts(r: &mut Reader, root: &mut Section, test: &mut TestMode) -> Alerts {
    let mut s = r.section(root, "alerts");
    let consecutive_failures = r.integer(&mut s, "consecutive_failures", 1..=1_000_000).map_or(1, |f| f.value);
    let late_follow_up = within(r, &mut s, "late_follow_up", SHORTEST..=DAY).map(|f| f.value).unwrap_or_default();
    let sections = r.sections(&mut s, "sinks").unwrap_or_default();
    r.finish(s);
    let given = !sections.is_empty();
    let mut drafts: Vec<SinkDraft> = sections.into_iter().map(|s| draft(r, s, test)).collect();
    name_all(r, &mut drafts);
    check_fallbacks(r, &drafts);
    if !given && !test.on {
        r.warnings.push("alerts.sinks is empty: nobody is told when a person must act".into());
    }
    let sinks = if test.on { Vec::new() } else { drafts.into_iter().filter_map(SinkDraft::finish).collect() };
    Alerts { consecutive_failures, late_follow_up, sinks }
}

/// A sink as it was read, before it is compared with the others.
struct SinkDraft {
    name: Option<Found<String>>,
    /// Its name, once it has one.
    called: Option<String>,
    kind: Option<SinkKind>,
    format: SinkFormat,
    min: Severity,
    fallback_for: Option<Found<String>>,
    url: Option<SecretUrl>,
}

impl SinkDraft {
    fn finish(self) -> Option<Sink> {
        let fallback_for = self.fallback_for.map(|f| f.value);
        let (format, min) = (self.format, self.min);
        Some(Sink { name: self.called?, kind: self.kind?, format, min, fallback_for, url: self.url? })
    }
}

fn draft(r: &mut Reader, mut s: Section, test: &mut TestMode) -> SinkDraft {
    let shown = |word: &str| word.to_owned();
    let name = r.parsed(&mut s, "name", NAME, sink_name, |n: &String| n.clone());
    let kind = r.parsed(&mut s, "kind", KIND, sink_kind, |_| shown("webhook"));
    let format = r.parsed(&mut s, "format", FORMAT, sink_format, |f| {
        shown(if *f == SinkFormat::Slack { "slack" } else { "plain" })
    });
    let min = r.parsed(&mut s, "min", "\"notice\" or \"page\"", severity, |m: &Severity| shown(m.as_str()));
    let fallback_for = r.text(&mut s, "fallback_for", "the name of another sink, or \"\"");
    let url = r.secret_url(&mut s, "url", Part::Alerts);
    r.require(&s, "kind", kind.is_some(), KIND);
    if matches!(s.origin, Some(Origin::InForce(_))) && url.is_none() {
        // A process that delivers to no sink needs no place of one.
        need(r, Part::Alerts, s.origin.clone(), &s.key("url"), "an https:// URL");
    } else {
        r.require(&s, "url", url.is_some(), "an https:// URL");
    }
    if test.on {
        let url_key = s.key("url");
        let at = s.origin.clone().map_or_else(String::new, |o| format!(" ({o})"));
        test.replaced.push(format!("{}{at} is replaced by nothing", s.path));
        r.show(&url_key, "", &Origin::TestMode);
    }
    r.finish(s);
    SinkDraft {
        name,
        called: None,
        kind: kind.map(|k| k.value),
        format: format.map_or(SinkFormat::Slack, |f| f.value),
        min: min.map_or(Severity::Notice, |m| m.value),
        fallback_for: fallback_for.filter(|f| !f.value.is_empty()),
        url: url.map(|u| u.value),
    }
}

fn sink_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let visible = !name.is_empty() && !name.chars().any(char::is_control);
    if visible && name.chars().count() <= NAME_MAX { Ok(name.to_owned()) } else { Err("is no name".to_owned()) }
}

fn sink_kind(text: &str) -> Result<SinkKind, String> {
    match text {
        "webhook" => Ok(SinkKind::Webhook),
        "command" | "smtp" | "sms" | "ntfy" | "pushover" => Err("is not supported yet, it comes later".to_owned()),
        _ => Err("is not a kind of sink".to_owned()),
    }
}

fn sink_format(text: &str) -> Result<SinkFormat, String> {
    match text {
        "slack" => Ok(SinkFormat::Slack),
        "plain" => Ok(SinkFormat::Plain),
        "teams" | "discord" | "pagerduty" | "alertmanager" => Err("is not supported yet, it comes later".to_owned()),
        _ => Err("is not a format".to_owned()),
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| "is not a severity".to_owned())
}

/// What a sink goes by where it is not named: its kind and its host. Never its path, which may be a secret.
pub(super) fn default_name(kind: &str, url: &url::Url) -> String {
    format!("{kind} {}", url.host_str().unwrap_or_default())
}

/// Each gets the name that it was given, or one that no other has.
fn name_all(r: &mut Reader, drafts: &mut [SinkDraft]) {
    let mut taken = BTreeSet::new();
    for draft in drafts.iter() {
        if let Some(name) = draft.name.as_ref().filter(|n| !taken.insert(n.value.clone())) {
            r.wrong(name.origin.clone(), &name.key, "is the name of another sink too", NAME);
        }
    }
    let default = |d: &SinkDraft| d.url.as_ref().map(|url| default_name("webhook", url.expose()));
    let names = drafts.iter().map(|d| (d.name.as_ref().map(|n| n.value.clone()), default(d))).collect();
    for (draft, name) in drafts.iter_mut().zip(unique_names(names)) {
        draft.called = name;
    }
}

/// The names of sinks, from those that they were given and those that they would go by: where several would go by one, it is
/// numbered.
pub(super) fn unique_names(sinks: Vec<(Option<String>, Option<String>)>) -> Vec<Option<String>> {
    let mut taken: BTreeSet<String> = sinks.iter().filter_map(|(given, _)| given.clone()).collect();
    let numbered = |(given, default): (Option<String>, Option<String>)| {
        if given.is_some() {
            return given;
        }
        let plain = default?;
        let mut name = plain.clone();
        for n in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{plain} {n}");
        }
        Some(name)
    };
    sinks.into_iter().map(numbered).collect()
}

/// A stand-in names another sink, and nobody stands in for himself, be it through others.
fn check_fallbacks(r: &mut Reader, drafts: &[SinkDraft]) {
    let stands_in_for = |name: &str| {
        let it = drafts.iter().find(|d| d.called.as_deref() == Some(name))?;
        it.fallback_for.as_ref().map(|f| f.value.as_str())
    };
    let names: Vec<&str> = drafts.iter().filter_map(|d| d.called.as_deref()).collect();
    for draft in drafts {
        let Some(first) = &draft.fallback_for else { continue };
        let form = format!("the name of another sink: {}", names.join(", "));
        if !names.contains(&first.value.as_str()) {
            r.wrong(first.origin.clone(), &first.key, "is not the name of a sink", &form);
            continue;
        }
        let mut at = Some(first.value.as_str());
        for _ in 0..=drafts.len() {
            if at.is_some() && at == draft.called.as_deref() {
                // One word of a ring is enough: it has no first and no last.
                return r.wrong(first.origin.clone(), &first.key, "makes this sink stand in for itself", &form);
            }
            at = at.and_then(stands_in_for);
        }
    }
}
