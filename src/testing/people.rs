//! The shop of the tests: Sam is primary, Ana backup, Olga the owner; the policies are those of the sample configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{mins, secs};
use crate::domain::UnknownPolicy;
use crate::domain::event::Rules;
use crate::domain::policy::{Policy, Step};
use crate::domain::team::{Contact, Directory, Line, Templates};

/// Our sender.
pub(crate) const SENDER: &str = "+15005550006";

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
    let steps = steps
        .iter()
        .map(|(wait, roles)| Step { wait: *wait, notify: roles.iter().map(|r| r.parse().expect("role")).collect() });
    Policy { name: name.into(), steps: steps.collect(), repeat: 0, repeat_wait: mins(10), exhaust_after: mins(10) }
}

fn contact(id: &str, name: &str, role: &str) -> Contact {
    Contact {
        id: id.parse().expect("id"),
        name: name.into(),
        phone: phone(id).parse().expect("phone"),
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
        },
        lines: Vec::new(),
        from: SENDER.parse().ok(),
        fallback: Vec::new(),
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
        test_mode: false,
    }
}
