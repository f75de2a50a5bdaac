//! `[delivery]`: how messages are followed, and what is done about an unknown outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use super::forms::show_duration;
use super::limits::{DAY, HOUR, SHORTEST, within};
use super::read::{Found, Reader, Section};
use super::types::{Delivery, UnknownPolicy};
use crate::domain::team::Directory;

/// A search before this is no evidence: the provider may still accept a request that was given up (`facts/twilio.md`: its
/// own limit is near 26 s, a search counts from 30 s on).
const SETTLE_ADVISED: Duration = Duration::from_secs(45);

/// Asking about a message ends then (`facts/twilio.md` §5: nothing is expected later).
const FOLLOWED: Duration = Duration::from_secs(72 * 3_600);

pub(super) fn delivery(r: &mut Reader, root: &mut Section, request_timeout: Option<&Found<Duration>>) -> Delivery {
    let mut s = r.section(root, "delivery");
    let words = [("resend", UnknownPolicy::Resend), ("hold", UnknownPolicy::Hold)];
    let status_timeout = within(r, &mut s, "status_timeout", SHORTEST..=FOLLOWED);
    let poll_after = within(r, &mut s, "poll_after", SHORTEST..=FOLLOWED);
    let settle = within(r, &mut s, "settle", SHORTEST..=DAY);
    let unknown_first = r.choice(&mut s, "unknown_first", &words).map_or(UnknownPolicy::Hold, |f| f.value);
    let unknown_follow_up = r.choice(&mut s, "unknown_follow_up", &words).map_or(UnknownPolicy::Hold, |f| f.value);
    let resend_limit = r.integer(&mut s, "resend_limit", 0..=10).map_or(0, |f| f.value);
    let resend_pause = within(r, &mut s, "resend_pause", Duration::ZERO..=HOUR).map(|f| f.value).unwrap_or_default();
    let stand_down = r.boolean(&mut s, "stand_down").is_some_and(|f| f.value);
    r.finish(s);
    if let (Some(settle), Some(request)) = (&settle, request_timeout)
        && settle.value <= request.value
    {
        let form = format!("more than twilio.request_timeout ({})", show_duration(request.value));
        r.wrong(settle.origin.clone(), &settle.key, "ends before the request itself may", &form);
    } else if let Some(settle) = &settle
        && settle.value < SETTLE_ADVISED
    {
        let advised = show_duration(SETTLE_ADVISED);
        r.warnings.push(format!(
            "delivery.settle is under {advised}: an unknown outcome may be decided before the provider shows what it accepted"
        ));
    }
    if let (Some(poll), Some(status)) = (&poll_after, &status_timeout)
        && poll.value >= status.value
    {
        r.warnings
            .push("delivery.poll_after is not shorter than delivery.status_timeout: alerts come before asking".into());
    }
    Delivery {
        status_timeout: status_timeout.map(|f| f.value).unwrap_or_default(),
        poll_after: poll_after.map(|f| f.value).unwrap_or_default(),
        settle: settle.map(|f| f.value).unwrap_or_default(),
        unknown_first,
        unknown_follow_up,
        resend_limit,
        resend_pause,
        stand_down,
    }
}

/// Ladders that would end before the outcome of their last text can be known: their calls are held open until it is.
pub(super) fn warn_of_early_ends(r: &mut Reader, directory: &Directory, settle: Duration) {
    let lines = std::iter::once(&directory.default_line).chain(&directory.lines);
    let early = lines.flat_map(|l| l.policies.values()).filter(|p| p.exhaust_after < settle);
    let warnings: BTreeSet<String> = early
        .map(|p| {
            format!(
                "exhaust_after ({}) of policy {} is shorter than delivery.settle ({}): a call whose text has an unknown outcome ends later",
                show_duration(p.exhaust_after),
                p.name,
                show_duration(settle)
            )
        })
        .collect();
    r.warnings.extend(warnings);
}
