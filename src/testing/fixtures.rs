//! The shop of the tests: Sam is primary, Ana backup, Olga the owner; the policies are those of the sample configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{mins, secs};
use crate::domain::UnknownPolicy;
use crate::domain::attempt::Channel;
use crate::domain::policy::{Policy, Step};
use crate::domain::rules::Rules;
use crate::domain::team::{Contact, Directory, Line, Templates};

/// Our sender.
pub(crate) const SENDER: &str = "+15005550006";

/// The number that our phone calls come from.
pub(crate) const VOICE_SENDER: &str = "+15557122661";

/// The phone of one of the people; a number stands for itself.
pub(crate) fn phone(who: &str) -> &str {
    match who {
        "sam" => "+19495550101",
        "ana" => "+19495550102",
        "olga" => "+19495550103",
        number => number,
    }
}

/// A policy from its waits and roles.
pub(crate) fn policy(name: &str, steps: &[(Duration, &[&str])]) -> Policy {
    let steps = steps.iter().map(|(wait, roles)| Step {
        wait: *wait,
        notify: roles.iter().map(|r| r.parse().expect("role")).collect(),
        channel: Channel::Sms,
    });
    Policy {
        name: name.into(),
        steps: steps.collect(),
        repeat: 0,
        repeat_wait: mins(10),
        exhaust_after: mins(10),
        defer_by_reply: None,
        quiet: None,
    }
}

fn contact(id: &str, name: &str, role: &str) -> Contact {
    Contact {
        id: id.parse().expect("id"),
        name: name.into(),
        phone: phone(id).parse().expect("phone"),
        email: format!("{id}@example.com").parse().ok(),
        role: role.parse().ok(),
    }
}

/// See the module.
pub(crate) fn directory() -> Directory {
    let normal: &[(Duration, &[&str])] =
        &[(secs(0), &["primary"]), (mins(2), &["primary"]), (mins(5), &["backup"]), (mins(10), &["primary", "backup"])];
    let high: &[(Duration, &[&str])] =
        &[(secs(0), &["primary"]), (mins(1), &["primary"]), (mins(2), &["primary", "backup"]), (mins(5), &["owner"])];
    let policies = [policy("normal", normal), policy("high", high)];
    Directory {
        contacts: vec![
            contact("sam", "Sam Ortiz", "primary"),
            contact("ana", "Ana Reyes", "backup"),
            contact("olga", "Olga Lind", "owner"),
        ],
        default_line: Line {
            number: None,
            name: "Acme Plumbing".into(),
            team: None,
            from: None,
            policies: policies.into_iter().map(|p| (p.name.clone(), p)).collect::<BTreeMap<_, _>>(),
            templates: Templates::default(),
            time_zone: None,
            keywords: Vec::new(),
        },
        lines: Vec::new(),
        from: SENDER.parse().ok(),
        fallback: Vec::new(),
        mail_from: None,
        voice_from: None,
        last_resort: Vec::new(),
        alert_owners: Vec::new(),
        levels: crate::domain::levels::Levels::default(),
        rotations: Vec::new(),
        overrides: Vec::new(),
        calendars: BTreeMap::new(),
    }
}

/// A directory with one more policy.
pub(crate) fn directory_with(policy: Policy) -> Directory {
    let mut d = directory();
    d.default_line.policies.insert(policy.name.clone(), policy);
    d
}

/// The default bounds.
pub(crate) fn rules() -> Rules {
    Rules {
        retention: None,
        poll_after: secs(30),
        status_timeout: mins(5),
        validity: mins(10),
        settle: secs(60),
        unknown_first: UnknownPolicy::Resend,
        unknown_follow_up: UnknownPolicy::Hold,
        resend_limit: 2,
        resend_pause: secs(20),
        stand_down: true,
        late_follow_up: secs(30),
        followthrough: crate::domain::rules::FollowthroughRules::default(),
        limits: crate::domain::limits::SpendLimits::default(),
        oncall: crate::domain::oncall::OnCallRules::default(),
        test_mode: false,
        morning: jiff::civil::time(8, 0, 0, 0),
        lexicon: std::sync::Arc::default(),
        off: crate::domain::safeguards::SafeguardsOff::default(),
    }
}

/// The attempt of that number to tell Sam, which waits to be sent.
pub(crate) fn attempt(call: &str, number: u32) -> crate::domain::attempt::Attempt {
    use crate::domain::attempt::{Attempt, AttemptKind, AttemptState, Channel, Priority, Recipient};
    let at = super::world::START;
    Attempt {
        id: crate::domain::types::AttemptId::from_uuid(uuid::Uuid::from_u128(u128::from(number))),
        call: call.parse().expect("call id"),
        number,
        kind: AttemptKind::Notice,
        channel: Channel::Sms,
        provider: "twilio".into(),
        round: 1,
        step: number.saturating_sub(1),
        recipient: Recipient::by_text(
            "sam".parse().expect("contact"),
            "Sam Ortiz".into(),
            phone("sam").parse().expect("phone"),
        ),
        sender: None,
        state: AttemptState::Scheduled,
        priority: Priority::First,
        body: String::new(),
        segments: 0,
        created_at: at,
        not_before: at,
        due_at: None,
        expires_at: None,
        claimed_by: None,
        clock_steps_ms: 0,
        provider_at: None,
        provider_after: None,
        sent_at: None,
        tries: 0,
        callback: true,
        sid: None,
        message_status: None,
        class: None,
        error_code: None,
        result: String::new(),
        replied: String::new(),
        repeats: None,
        finished_at: None,
        decided_at: None,
        poll_at: None,
        polls: 0,
        conflict: false,
        trace: crate::domain::attempt::PhoneTrace::default(),
    }
}

/// A call that is being dispatched, its first attempt (to Sam) waiting.
pub(crate) fn call_state(name: &str) -> crate::domain::call::CallState {
    use crate::domain::call::{Call, CallData, CallState, CallStatus};
    let first = attempt(name, 1);
    let call = Call {
        id: name.parse().expect("call id"),
        reference: "7K3Q".parse().expect("reference"),
        status: CallStatus::Dispatching,
        round: 1,
        level: "normal".into(),
        policy: policy("normal", &[(secs(0), &["primary"]), (mins(2), &["primary"])]).into(),
        data: CallData::default(),
        fingerprint: "f".into(),
        idempotency_key: None,
        overridden: None,
        created_by: crate::domain::types::Actor("intake".into()),
        accepted_at: first.created_at,
        next_step: 1,
        wake_at: Some(first.created_at.plus(mins(2))),
        deferred_from: None,
        attempts: 1,
        holder: None,
        excluded: Vec::new(),
        notified_at: None,
        closed_at: None,
        muted: false,
        held_until: None,
        ask_at: None,
        asked_at: None,
        settings: None,
    };
    CallState { call, notices: first.notice().into_iter().collect(), attempts: vec![first] }
}
