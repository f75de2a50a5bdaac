//! `[voice]`: whether phones are rung, from which number, how fast and for how long. Source: `facts/twilio-voice.md` §1, §9.

use std::time::Duration;

use super::limits::within;
use super::people::{PHONE_FORM, parse_phone};
use super::read::{Reader, Section};
use super::voice_types::Voice;
use crate::domain::attempt::Channel;
use crate::domain::team::Directory;
use crate::domain::types::Sender;

/// The provider's limit is one a second until it has raised it.
const RATE: std::ops::RangeInclusive<f64> = 0.01..=30.0;
/// Twilio rings up to 5 s longer than it is told, and for 600 s at most.
const RING: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(600);

/// Reads `[voice]`, and the number that phones are rung from; `None`: no phone is.
pub(super) fn voice(r: &mut Reader, root: &mut Section) -> (Voice, Option<Sender>) {
    let mut s = r.section(root, "voice");
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        text => parse_phone(text).map(Some),
    };
    let show = |from: &Option<_>| from.as_ref().map(ToString::to_string).unwrap_or_default();
    let from = r.parsed(&mut s, "from", PHONE_FORM, number, show).and_then(|f| f.value);
    let per_second = r.number(&mut s, "per_second", RATE).map_or(1.0, |f| f.value);
    let timeout = within(r, &mut s, "timeout", RING);
    r.finish(s);
    if let Some(odd) = timeout.as_ref().filter(|f| f.value.subsec_nanos() != 0) {
        r.wrong(odd.origin.clone(), &odd.key, "is no whole number of seconds", "whole seconds, like \"20s\"");
    }
    let timeout = timeout.map_or(Duration::from_secs(20), |f| f.value);
    (Voice { per_second, timeout }, from.and_then(|phone| phone.e164().parse().ok()))
}

/// Whether any ladder has a step that rings.
pub(super) fn rings(directory: &Directory) -> bool {
    ringing(directory).next().is_some()
}

fn ringing(directory: &Directory) -> impl Iterator<Item = &str> {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    lines.flat_map(|l| l.policies.values()).filter(|p| p.has(Channel::Voice)).map(|p| p.name.as_str())
}

/// A step that rings needs a number to ring from; without an address of ours nobody can answer by a key.
pub(super) fn check(r: &mut Reader, directory: &Directory, is_reachable: bool) {
    let Some(policy) = ringing(directory).next() else { return };
    if r.problems.iter().any(|p| p.key == "voice.from") {
        return;
    }
    if directory.voice_from.is_none() {
        r.wrong(None, "voice.from", format!("is missing: a step of the policy {policy} rings"), PHONE_FORM);
    } else if !is_reachable {
        r.warnings.push(format!(
            "the policy {policy} rings, and server.public_url is not set: a phone call can only say to answer the text, as no key reaches us"
        ));
    }
}
