//! Whether somebody can be told: what they barred, against how the levels of a line tell people.

use crate::domain::Timestamp;
use crate::domain::attempt::Channel;
use crate::domain::oncall::outlook::{Gap, LineRole, gaps};
use crate::domain::phone::PhoneNumber;
use crate::domain::team::{Contact, Directory, Line};
use crate::domain::types::{ContactId, Role, Sender};
use crate::domain::voice::NO_PHONE_CALLS;
use crate::store::OptOutLine;

/// Whether this number takes nothing by this channel: a text from this sender, or any phone call.
pub(crate) fn is_opted_out(
    phone: &PhoneNumber,
    channel: Channel,
    sender: Option<&str>,
    opt_outs: &[OptOutLine],
) -> bool {
    let is_barred = |by: &str| match channel {
        Channel::Sms => by.is_empty() || Some(by) == sender,
        Channel::Voice => by == NO_PHONE_CALLS,
        Channel::Email => false,
    };
    opt_outs.iter().any(|o| o.phone == phone.e164() && is_barred(&o.sender))
}

/// Somebody whom a step names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// `None`: the last resort.
    pub(crate) role: Option<Role>,
    pub(crate) contact: ContactId,
    pub(crate) name: String,
    pub(crate) phone: PhoneNumber,
    /// Takes nothing by its step's channel.
    pub(crate) opted_out: bool,
}

/// Whom roles name on a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OnCall {
    /// Each contact once, in order.
    pub(crate) named: Vec<Named>,
    /// Roles that nobody holds.
    pub(crate) empty_roles: Vec<Role>,
}

impl OnCall {
    /// Whether a step of these roles would tell anybody.
    pub(crate) fn notifies_somebody(&self) -> bool {
        self.named.iter().any(|n| !n.opted_out)
    }
}

/// Who holds these roles on this line at this time.
pub(crate) fn holders_of(
    directory: &Directory,
    line: &Line,
    (roles, channel): (&[Role], Channel),
    at: Timestamp,
    opt_outs: &[OptOutLine],
) -> OnCall {
    let sender = directory.sender(line).map(Sender::as_str);
    let mut found = OnCall::default();
    for role in roles {
        let holders = directory.holders(line, role, at);
        if holders.is_empty() {
            found.empty_roles.push(role.clone());
        }
        for c in holders.into_iter().map(|h| h.contact) {
            if !found.named.iter().any(|n| n.contact == c.id) {
                found.named.push(Named {
                    role: Some(role.clone()),
                    contact: c.id.clone(),
                    name: c.name.clone(),
                    phone: c.phone.clone(),
                    opted_out: is_opted_out(&c.phone, channel, sender, opt_outs),
                });
            }
        }
    }
    found
}

/// Whether every level of the line that names this role tells this contact in some step, by a channel that they have and take.
fn can_be_told(directory: &Directory, duty: &LineRole<'_>, contact: &Contact, opt_outs: &[OptOutLine]) -> bool {
    let sender = directory.sender(duty.line).map(Sender::as_str);
    let takes = |channel: Channel| {
        let has = match channel {
            Channel::Sms => true,
            Channel::Voice => directory.voice_from.is_some(),
            Channel::Email => contact.email.is_some(),
        };
        has && !is_opted_out(&contact.phone, channel, sender, opt_outs)
    };
    let levels = directory.levels(duty.line);
    levels.iter().filter_map(|level| directory.policy(duty.line, level)).all(|policy| {
        let names = |role: &&crate::domain::types::Role| role.as_str().eq_ignore_ascii_case(duty.role.as_str());
        let mut steps = policy.steps.iter().filter(|s| s.notify.iter().any(|role| names(&role))).peekable();
        steps.peek().is_none() || steps.any(|s| takes(s.channel))
    })
}

/// The gaps of this time, with those whose holders cannot be told.
pub(crate) fn gaps_between(
    directory: &Directory,
    from: Timestamp,
    until: Timestamp,
    opt_outs: &[OptOutLine],
) -> Vec<Gap> {
    gaps(directory, from, until, &|duty, contact| can_be_told(directory, duty, contact, opt_outs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::START;
    use crate::testing::{fixtures, mins};

    /// What holders of `primary` barred is a gap where a level has no other way to tell them.
    #[test]
    fn who_barred_texts_is_reached_where_every_level_rings_and_not_where_one_only_texts() {
        let ladder = |steps: &[Channel]| {
            let all: Vec<(_, &[&str])> = steps.iter().map(|_| (mins(1), &["primary"][..])).collect();
            let mut policy = fixtures::policy("only", &all);
            policy.steps.iter_mut().zip(steps).for_each(|(step, channel)| step.channel = *channel);
            let mut directory = fixtures::directory_with(policy);
            directory.default_line.policies.retain(|name, _| name == "only");
            directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
            directory
        };
        let barred = |directory: &Directory, by: &str| {
            let line = |phone: &PhoneNumber| OptOutLine {
                phone: phone.e164().to_owned(),
                sender: by.to_owned(),
                since: START,
            };
            directory.contacts.iter().map(|c| line(&c.phone)).collect::<Vec<_>>()
        };
        use Channel::{Email, Sms, Voice};
        for (steps, by, is_gap) in [
            (&[Sms][..], "", true),
            (&[Sms, Voice], "", false),
            (&[Voice], "", false),
            (&[Sms], NO_PHONE_CALLS, false),
            (&[Sms, Voice], NO_PHONE_CALLS, false),
            (&[Voice], NO_PHONE_CALLS, true),
            (&[Email], "", false),
        ] {
            let directory = ladder(steps);
            let gaps = |opt_outs: &[OptOutLine]| {
                let all = gaps_between(&directory, START, START.plus(mins(60)), opt_outs);
                all.iter().any(|g| g.role.as_str() == "primary")
            };
            assert!(!gaps(&[]), "{steps:?}: nobody barred anything");
            assert_eq!(gaps(&barred(&directory, by)), is_gap, "{steps:?}: {by:?} is barred");
        }
        // Without a number to ring from, no phone rings.
        let mut directory = ladder(&[Sms, Voice]);
        directory.voice_from = None;
        let barred = barred(&directory, "");
        assert!(!gaps_between(&directory, START, START.plus(mins(60)), &barred).is_empty());
    }

    #[test]
    fn each_contact_is_named_once_a_role_of_nobody_by_itself_and_one_who_barred_texts_is_no_one_to_tell() {
        let role = |name: &str| -> Role { name.parse().expect("role") };
        let entry = |who: &str, name| crate::domain::team::TeamEntry::of(who.parse().expect("id"), role(name));
        let mut directory = fixtures::directory();
        let team = vec![entry("sam", "primary"), entry("sam", "backup"), entry("ana", "backup")];
        directory.default_line.team = Some(team);
        let barred = [OptOutLine { phone: fixtures::phone("sam").into(), sender: String::new(), since: START }];
        let named = |roles: &[&str], opt_outs: &[OptOutLine]| {
            let roles: Vec<Role> = roles.iter().map(|name| role(name)).collect();
            holders_of(&directory, &directory.default_line, (roles.as_slice(), Channel::Sms), START, opt_outs)
        };
        let all = named(&["primary", "backup", "owner"], &barred);
        let who: Vec<(&str, bool)> = all.named.iter().map(|n| (n.contact.as_str(), n.opted_out)).collect();
        assert_eq!(who, [("sam", true), ("ana", false)]);
        assert_eq!(all.empty_roles, [role("owner")]);
        assert!(all.notifies_somebody());
        assert!(!named(&["primary"], &barred).notifies_somebody() && !named(&["owner"], &[]).notifies_somebody());
        assert!(named(&["primary"], &[]).notifies_somebody());
    }
}
