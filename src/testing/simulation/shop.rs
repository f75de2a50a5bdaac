//! The shop of a history: who there is, by which ladders they are told, and, in plain arithmetic that shares nothing with the
//! product's, who holds which role when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::civil::{date, time};
use jiff::tz::TimeZone;

use super::chance::Chance;
use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::limits::SpendLimits;
use crate::domain::oncall::{DutyOverride, MemberList, OnCallRules, OverrideId, OverrideKind, OverrideScope, Rotation};
use crate::domain::policy::{Policy, Step};
use crate::domain::reply::Lexicon;
use crate::domain::rules::{FollowthroughRules, Rules, UnknownPolicy};
use crate::domain::team::{Contact, Directory, Line, TeamEntry, TeamRole, TeamWho, Templates};

/// Built once: it takes longer than the rest of a shop.
static LEXICON: LazyLock<Arc<Lexicon>> = LazyLock::new(Arc::default);

pub(crate) const MIN: i64 = 60_000;
pub(crate) const DAY: i64 = 24 * 60 * MIN;
/// 2026-11-02T00:00:00Z, a Monday: the rotation of a history begins at its handoff.
pub(crate) const MONDAY: i64 = 1_793_577_600_000;
/// The rotation goes on at 08:00 UTC.
const HANDOFF: i64 = 8 * 60 * MIN;

pub(crate) const PEOPLE: [&str; 4] = ["sam", "ana", "bo", "olga"];
pub(crate) const SENDER: &str = "+15005550006";
pub(crate) const STAND_IN: &str = "+15005550009";
/// Steps of the ladder: how long is waited before each, and the roles that it names.
pub(crate) const STEPS: [(i64, &[&str]); 4] =
    [(0, &["primary"]), (2, &["primary"]), (3, &["backup"]), (5, &["primary", "backup"])];
const EXHAUST_AFTER: i64 = 10 * MIN;
/// Texts that repeat one of a notice which failed in a way that may pass.
pub(crate) const RESEND_LIMIT: u32 = 2;
pub(crate) const SETTLE: i64 = 60_000;
const RESEND_PAUSE: i64 = 20_000;

pub(crate) fn phone(who: &str) -> String {
    let at = PEOPLE.iter().position(|p| *p == who).expect("one of the people");
    format!("+1949555010{}", at + 1)
}

/// Bounds on texts, and how many times slower the ladder is than [`STEPS`]: within a quick one no hour ends.
type Bounds = (u32, u32, bool, i64);

/// An exception to who holds the rotation, as the history has it.
#[derive(Debug, Clone, Copy)]
struct Exception {
    kind: OverrideKind,
    who: &'static str,
    from: i64,
    until: i64,
}

pub(crate) struct Shop {
    pub(crate) directory: Directory,
    pub(crate) rules: Rules,
    /// Who takes turns, a day each; empty: Sam is primary always.
    turns: Vec<&'static str>,
    exceptions: Vec<Exception>,
    pub(crate) last_resort: Vec<&'static str>,
    pub(crate) start: i64,
    pace: i64,
}

impl Shop {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        // Two of three have no bounds.
        let (per_contact_per_hour, messages_per_hour, is_abroad, pace): Bounds = chance.pick_aside(&[
            (14, (0, 0, false, 1)),
            (1, (1, 0, false, 1)),
            (1, (1, 0, false, 6)),
            (1, (2, 0, false, 6)),
            (1, (0, 2, false, 1)),
            (1, (0, 3, false, 6)),
            (1, (2, 4, false, 6)),
            (1, (0, 0, true, 1)),
            (1, (2, 0, true, 6)),
        ]);
        // Some histories begin shortly before a handoff.
        let start = MONDAY + 3 * DAY + HANDOFF + chance.pick(&[(2, 6 * 60 * MIN), (1, -4 * MIN), (1, -10 * MIN)]);
        let turns = if chance.once_in(2) { vec!["sam", "bo"] } else { Vec::new() };
        let mut exceptions = Vec::new();
        if !turns.is_empty() && chance.once_in(3) {
            let kind = chance.pick(&[(2, OverrideKind::Take), (1, OverrideKind::Away), (1, OverrideKind::Add)]);
            let who = if kind == OverrideKind::Away { turns[chance.below(2) as usize] } else { "ana" };
            let from = start + chance.between(-5, 8) * MIN;
            exceptions.push(Exception { kind, who, from, until: from + chance.between(2, 20) * MIN });
        }
        let last_resort = if chance.once_in(2) { vec!["olga"] } else { Vec::new() };
        let (first, follow_up) = (chance.once_in(4), chance.once_in(3));
        let mut rules = rules(
            if first { UnknownPolicy::Hold } else { UnknownPolicy::Resend },
            if follow_up { UnknownPolicy::Resend } else { UnknownPolicy::Hold },
        );
        let countries = if is_abroad { ["44".to_owned()].into() } else { BTreeSet::new() };
        rules.limits = SpendLimits { per_contact_per_hour, messages_per_hour, countries };
        let has_stand_in = chance.once_in(4);
        let directory = directory(&turns, &exceptions, &last_resort, has_stand_in, pace);
        Self { directory, rules, turns, exceptions, last_resort, start, pace }
    }

    /// How long is waited before this step, from 0; behind the last, before the call is given up.
    pub(crate) fn wait_before(&self, step: u32) -> i64 {
        self.pace * STEPS.get(step as usize).map_or(EXHAUST_AFTER, |(wait, _)| wait * MIN)
    }

    pub(crate) fn exhaust_after(&self) -> i64 {
        self.pace * EXHAUST_AFTER
    }

    pub(crate) fn policy(&self) -> Policy {
        policy(self.pace)
    }

    /// Who holds this role at this moment.
    pub(crate) fn holders(&self, role: &str, at: i64) -> Vec<&'static str> {
        match (role, self.turns.len()) {
            ("primary", 0) => vec!["sam"],
            ("primary", turns) => {
                let days = (at - MONDAY - HANDOFF).div_euclid(DAY);
                let turn = self.turns[usize::try_from(days).expect("after the first handoff") % turns];
                let in_force = |e: &&Exception| e.from <= at && at < e.until;
                let mut holders = vec![turn];
                for e in self.exceptions.iter().filter(in_force) {
                    match e.kind {
                        OverrideKind::Take => holders = vec![e.who],
                        OverrideKind::Add => holders.push(e.who),
                        // Whoever is away is stood in for by the next of the list.
                        OverrideKind::Away if holders.contains(&e.who) => {
                            holders = self.turns.iter().copied().filter(|t| *t != e.who).collect();
                        }
                        OverrideKind::Away => {}
                    }
                }
                holders
            }
            ("backup", _) => vec!["ana"],
            _ => Vec::new(),
        }
    }

    /// Whom this step names, from 0; behind the last, the last resort.
    pub(crate) fn named(&self, step: u32, at: i64) -> Vec<&'static str> {
        match STEPS.get(step as usize) {
            None => self.last_resort.clone(),
            Some((_, roles)) => roles.iter().flat_map(|role| self.holders(role, at)).collect(),
        }
    }
}

fn rules(unknown_first: UnknownPolicy, unknown_follow_up: UnknownPolicy) -> Rules {
    let ms = |ms: i64| Duration::from_millis(ms as u64);
    Rules {
        poll_after: ms(30_000),
        status_timeout: ms(5 * MIN),
        validity: ms(10 * MIN),
        settle: ms(SETTLE),
        unknown_first,
        unknown_follow_up,
        resend_limit: RESEND_LIMIT,
        resend_pause: ms(RESEND_PAUSE),
        stand_down: true,
        late_follow_up: ms(30_000),
        followthrough: FollowthroughRules::default(),
        limits: SpendLimits::default(),
        oncall: OnCallRules::default(),
        test_mode: false,
        retention: None,
        morning: time(8, 0, 0, 0),
        lexicon: LEXICON.clone(),
        off: crate::domain::safeguards::SafeguardsOff::default(),
    }
}

fn policy(pace: i64) -> Policy {
    let minutes = |n: i64| Duration::from_millis((n * pace * MIN) as u64);
    let steps = STEPS.iter().map(|(wait, roles)| Step {
        wait: minutes(*wait),
        notify: roles.iter().map(|r| r.parse().expect("a role")).collect(),
        channel: Channel::Sms,
    });
    Policy {
        name: "normal".into(),
        steps: steps.collect(),
        repeat: 0,
        repeat_wait: minutes(10),
        exhaust_after: Duration::from_millis((pace * EXHAUST_AFTER) as u64),
        defer_by_reply: None,
        quiet: None,
    }
}

fn directory(
    turns: &[&str],
    exceptions: &[Exception],
    last_resort: &[&str],
    has_stand_in: bool,
    pace: i64,
) -> Directory {
    let contact = |id: &&str| Contact {
        id: id.parse().expect("an id"),
        name: format!("{} Doe", id.to_uppercase()),
        phone: phone(id).parse().expect("a phone"),
        email: None,
        role: None,
    };
    let entry = |who: TeamWho, role: &str| TeamEntry {
        who,
        role: TeamRole::Named(role.parse().expect("a role")),
        hours: None,
        off: false,
        fallback: false,
    };
    let contact_id = |id: &str| id.parse().expect("an id");
    let primary = match turns {
        [] => TeamWho::Contact(contact_id("sam")),
        _ => TeamWho::Rotation("nights".parse().expect("a rotation")),
    };
    let rotation = Rotation {
        id: "nights".parse().expect("a rotation"),
        zone: TimeZone::UTC,
        handoff: time(8, 0, 0, 0),
        period_days: 1,
        lists: vec![MemberList {
            starts: date(2026, 11, 2),
            members: turns.iter().map(|t| vec![contact_id(t)]).collect(),
        }],
        days: None,
        hours: None,
        calendar: None,
    };
    let exception = |(n, e): (usize, &Exception)| DutyOverride {
        id: OverrideId::from_uuid(uuid::Uuid::from_u128(n as u128)),
        scope: OverrideScope::Rotation(rotation.id.clone()),
        kind: e.kind,
        contact: contact_id(e.who),
        from: Timestamp::from_millis(e.from),
        until: Timestamp::from_millis(e.until),
        note: String::new(),
        by: "mia".into(),
        made_at: Timestamp::from_millis(MONDAY),
        source: None,
        asked: None,
        withdrawn: None,
    };
    Directory {
        contacts: PEOPLE.iter().map(contact).collect(),
        default_line: Line {
            number: None,
            name: "Acme Plumbing".into(),
            team: Some(vec![entry(primary, "primary"), entry(TeamWho::Contact(contact_id("ana")), "backup")]),
            from: None,
            policies: BTreeMap::from([("normal".to_owned(), policy(pace))]),
            templates: Templates::default(),
            time_zone: Some("UTC".into()),
            keywords: Vec::new(),
        },
        lines: Vec::new(),
        from: SENDER.parse().ok(),
        fallback: if has_stand_in { vec![STAND_IN.parse().expect("a sender")] } else { Vec::new() },
        mail_from: None,
        voice_from: None,
        last_resort: last_resort.iter().map(|id| contact_id(id)).collect(),
        alert_owners: Vec::new(),
        levels: crate::domain::levels::Levels::default(),
        overrides: exceptions.iter().enumerate().map(exception).collect(),
        rotations: if turns.is_empty() { Vec::new() } else { vec![rotation] },
        calendars: BTreeMap::new(),
    }
}
