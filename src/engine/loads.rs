//! What each event's decision is shown: which rows are loaded for it, and whose opt-outs.

use std::time::Duration;

use crate::domain::alert_text::event::AlertTextEvent;
use crate::domain::event::{Event, Load, Source};
use crate::domain::merge::id_of_key;
use crate::domain::phone_call::PhoneCall;
use crate::domain::reply;
use crate::domain::report::by_api;
use crate::domain::roll_call::event::RollCallEvent;
use crate::domain::rules::Rules;
use crate::domain::similar::Similar;
use crate::domain::team::Directory;
use crate::domain::types::{CallId, CallRef};
use crate::domain::{PhoneNumber, Settlement, Timestamp};
use crate::ids::Ids;

/// A reference is not used again for this long.
const REFERENCE_REST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Platforms whose ids others hand over without the prefix.
const PLATFORMS: &[&str] = &["retell", "vapi", "twilio"];
/// How many references are drawn for a new call; with 600,000 to draw from, all of them taken means a broken store.
const REFERENCE_DRAWS: usize = 16;
/// Texts of alerts of this time count where there may be no more of a kind.
const RECENT: Duration = Duration::from_secs(3_600);

fn references(ids: &Ids) -> Vec<CallRef> {
    (0..REFERENCE_DRAWS).map(|_| ids.reference()).collect()
}

/// What is loaded for this event.
pub(super) fn load_for(ids: &Ids, event: &Event, rules: &Rules, now: Timestamp) -> Load {
    match event {
        Event::Accept(new) => Load::New {
            id: new.id.clone(),
            also: other_ids(&new.id).into_iter().chain(new.idempotency_key.as_deref().and_then(id_of_key)).collect(),
            // Without its SID nobody can say that it is of a phone call that came by another way.
            phone: Some(PhoneCall::told_by(&new.data)).filter(|phone| phone.sid.is_some()),
            idempotency_key: new.idempotency_key.clone(),
            report: Some(by_api().key(&new.fingerprint)),
            similar: Similar::by(&new.data, new.overridden.is_some(), rules, now),
            references: references(ids),
            used_since: now.minus(REFERENCE_REST),
        },
        Event::Report(new, report) => Load::New {
            id: new.id.clone(),
            also: other_ids(&new.id),
            phone: Some(PhoneCall::told_by(&new.data)),
            idempotency_key: None,
            report: Some(report.key(&new.fingerprint)),
            similar: Similar::by(&new.data, new.overridden.is_some(), rules, now).filter(|_| report.hold.is_none()),
            references: references(ids),
            used_since: now.minus(REFERENCE_REST),
        },
        Event::Import(import) => Load::New {
            id: import.state.call.id.clone(),
            also: Vec::new(),
            phone: None,
            idempotency_key: None,
            report: None,
            similar: None,
            references: import.references(references(ids).into_iter()),
            used_since: now.minus(REFERENCE_REST),
        },
        Event::Wake { call } | Event::Decide { call, .. } | Event::Unnotified { call } | Event::Unanswered { call } => {
            Load::Call(call.clone())
        }
        Event::Found(text) => Load::Call(text.call.clone()),
        Event::Sent { attempt, outcome: crate::domain::event::SendOutcome::Accepted { sid, .. }, .. } => {
            Load::Message { attempt: Some(*attempt), sid: sid.clone(), said: None }
        }
        Event::Settle { attempt, how: Settlement::Sent(sid), .. } => {
            Load::Message { attempt: Some(*attempt), sid: sid.clone(), said: None }
        }
        Event::Claim { attempt, .. } => Load::Claim(*attempt),
        Event::Asked(at) | Event::Key { turn: at, .. } => {
            Load::Message { attempt: Some(at.attempt), sid: at.sid.clone(), said: None }
        }
        Event::Settle { attempt, .. }
        | Event::EndPhoneCall { attempt }
        | Event::Sent { attempt, .. }
        | Event::EngineGone { attempt, .. }
        | Event::ClaimAgain { attempt, .. }
        | Event::Searched { attempt, .. }
        | Event::Gone { attempt }
        | Event::Polled { attempt, .. } => Load::Attempt(*attempt),
        Event::StatusUpdate(update) => Load::Message {
            attempt: update.attempt,
            sid: update.sid.clone(),
            said: (update.source == Source::Receipt).then(|| (update.status.clone(), update.code)),
        },
        Event::Inbound(text) => Load::Reply {
            from: text.from.clone(),
            sid: text.sid.clone(),
            references: reply::references(&text.body),
            changed_since: now.minus(reply::CLOSED_SINCE),
        },
        Event::RollCall(what) => match (what.as_ref(), what.text()) {
            (RollCallEvent::Make { new, .. }, _) => Load::NewRollCall {
                rotation: new.rotation.clone(),
                contact: new.contact.clone(),
                references: references(ids),
                used_since: now.minus(REFERENCE_REST),
            },
            (RollCallEvent::Due { id }, _) => Load::RollCall(id.clone()),
            (_, Some(text)) => Load::RollCallText(text),
            (_, None) => Load::Nothing,
        },
        Event::AlertText(what) => match (what.as_ref(), what.text()) {
            (AlertTextEvent::Make(message), _) => Load::NewAlertText {
                message: message.id.clone(),
                sink: message.sink.clone(),
                alerts: message.alerts.iter().map(|a| a.key.clone()).collect(),
                raised_since: message.raised_since,
                recent_since: now.minus(RECENT),
                references: references(ids),
                used_since: now.minus(REFERENCE_REST),
            },
            (_, Some(text)) => Load::AlertText(text),
            (_, None) => Load::Nothing,
        },
        Event::PhoneCallEnded(ended) => Load::PhoneCall { id: ended.id.clone(), phone: ended.phone.clone() },
        Event::ClearOptOut { .. } | Event::Alert(_) | Event::Note(_) | Event::PhoneCall(_) | Event::Breaker { .. } => {
            Load::Nothing
        }
    }
}

/// The ids that the same phone call has with the prefix of its platform, or without one.
pub(super) fn other_ids(id: &CallId) -> Vec<CallId> {
    let text = id.as_str();
    let plain = PLATFORMS.iter().find_map(|platform| text.strip_prefix(platform)?.strip_prefix(':'));
    match plain {
        Some(plain) => plain.parse().into_iter().collect(),
        None => PLATFORMS.iter().filter_map(|platform| format!("{platform}:{text}").parse().ok()).collect(),
    }
}

/// Whose opt-outs the decision wants to see: only those that tell somebody, or hear them, do.
pub(super) fn phones_of(event: &Event, directory: &Directory) -> Vec<PhoneNumber> {
    match event {
        Event::Polled { .. }
        | Event::Asked(_)
        | Event::EndPhoneCall { .. }
        | Event::Gone { .. }
        | Event::EngineGone { .. }
        | Event::ClaimAgain { .. }
        | Event::ClearOptOut { .. }
        | Event::Unnotified { .. }
        | Event::Unanswered { .. }
        | Event::Breaker { .. }
        | Event::Note(_)
        | Event::PhoneCallEnded(_)
        | Event::PhoneCall(_)
        | Event::Alert(_) => Vec::new(),
        Event::Inbound(text) => {
            text.from.parse().into_iter().chain(directory.contacts.iter().map(|c| c.phone.clone())).collect()
        }
        // That of a phone call is another word.
        Event::StatusUpdate(update)
            if update.status.verdict() != Some(crate::domain::Verdict::Failed) && !update.sid.is_of_a_phone_call() =>
        {
            Vec::new()
        }
        _ => directory.contacts.iter().map(|c| c.phone.clone()).collect(),
    }
}
