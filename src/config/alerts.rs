//! `[alerts]`: when a person is alarmed, and whom the sinks stand in for.

use std::collections::BTreeSet;

use super::known::{Known, unknown_contact, why};
use super::limits::{DAY, SHORTEST, within};
use super::read::{Reader, Section};
use super::sink_types::Alerts;
use super::sinks::{NAME, SinkDraft, draft};
use super::smtp::SmtpSection;
use super::test_mode::TestMode;
use crate::domain::types::ContactId;

/// What is said where no sink can wake anybody while the provider of texts is away.
pub const WAKES_NOBODY: &str = "alerts.sinks has none that wakes somebody without Twilio: name an ntfy topic, Pushover, a webhook or a command (a mail wakes nobody, and a text goes by Twilio)";
pub(super) const OWNERS_FORM: &str = "a list of contacts' ids, like [\"lee\"]";

/// Reads the section; the owners are whom `directory` is to name for alerts by text.
pub(super) fn alerts(
    r: &mut Reader,
    root: &mut Section,
    test: &mut TestMode,
    relay: &SmtpSection,
    known: Known<'_>,
) -> (Alerts, Vec<ContactId>) {
    let mut s = r.section(root, "alerts");
    let owners = owners(r, &mut s, known);
    let consecutive_failures = r.integer(&mut s, "consecutive_failures", 1..=1_000_000).map_or(1, |f| f.value);
    let late_follow_up = within(r, &mut s, "late_follow_up", SHORTEST..=DAY).map(|f| f.value).unwrap_or_default();
    let sections = r.sections(&mut s, "sinks").unwrap_or_default();
    r.finish(s);
    let given = !sections.is_empty();
    let mut drafts: Vec<SinkDraft> = sections.into_iter().map(|s| draft(r, s, test, relay, &owners)).collect();
    name_all(r, &mut drafts);
    check_fallbacks(r, &drafts);
    if !given && !test.on {
        r.warnings.push("alerts.sinks is empty: nobody is told when a person must act".into());
    }
    if given && !test.on && !drafts.iter().any(|d| d.wakes) {
        r.warnings.push(WAKES_NOBODY.into());
    }
    let is_kept = |draft: &SinkDraft| !test.on || draft.is_text;
    let sinks = drafts.into_iter().filter(is_kept).filter_map(SinkDraft::finish).collect();
    (Alerts { consecutive_failures, late_follow_up, sinks }, owners)
}

/// Whom alerts by text go to: contacts, each once.
fn owners(r: &mut Reader, s: &mut Section, known: Known<'_>) -> Vec<ContactId> {
    let parse = |text: &str| text.parse::<ContactId>().map_err(why);
    let mut out: Vec<ContactId> = Vec::new();
    for contact in r.list(s, "owners", OWNERS_FORM, parse, ToString::to_string).unwrap_or_default() {
        if !known.has(&contact.value) {
            unknown_contact(r, &contact, known.ids);
        }
        if !out.contains(&contact.value) {
            out.push(contact.value);
        }
    }
    out
}

/// Each gets the name that it was given, or one that no other has.
fn name_all(r: &mut Reader, drafts: &mut [SinkDraft]) {
    let mut taken = BTreeSet::new();
    for draft in drafts.iter() {
        if let Some(name) = draft.name.as_ref().filter(|n| !taken.insert(n.value.clone())) {
            r.wrong(name.origin.clone(), &name.key, "is the name of another sink too", NAME);
        }
    }
    let names = drafts.iter().map(|d| (d.name.as_ref().map(|n| n.value.clone()), d.default_name.clone())).collect();
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
