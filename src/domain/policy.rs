//! Policies: the ladder for one emergency level, as checked values, and the arithmetic of its steps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::Channel;
use super::hours::Hours;
use super::levels::HIGH;
use super::types::Role;

/// One step of a ladder: wait this long after the step before it was due, then tell these roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Counted from the due time of the step before (for the first: from acceptance).
    #[serde(with = "millis")]
    pub wait: Duration,
    /// All who hold one of these roles are told.
    pub notify: Vec<Role>,
    /// How they are told.
    #[serde(default, skip_serializing_if = "Channel::is_sms")]
    pub channel: Channel,
}

/// The ladder for one emergency level. Copied into a call when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The level it serves, in lower case.
    pub name: String,
    /// At least one.
    pub steps: Vec<Step>,
    /// How many times the ladder runs again after its last step.
    pub repeat: u32,
    /// From the due time of the last step to the first step of the next run.
    #[serde(with = "millis")]
    pub repeat_wait: Duration,
    /// From the due time of the very last step until the call is EXHAUSTED.
    #[serde(with = "millis")]
    pub exhaust_after: Duration,
    /// Whether a technician's `3` leaves a call for the morning; `None`: at every level but `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defer_by_reply: Option<bool>,
    /// Hours of the day, by the clock of the line, in which nobody is told of a call whose level was stated; never of level `high`.
    /// A call goes by the settings in force, not by its copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Hours>,
}

/// The most steps that a sequence may have, repeats included: a bound on what one call can cost.
pub const STEPS_MAX: usize = 1_000;

impl Policy {
    /// Checks what a policy must be: at least one step, each with somebody to notify, at most [`STEPS_MAX`] in all.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn checked(self) -> Result<Self, String> {
        if self.steps.is_empty() {
            return Err("has no steps; at least one is needed".into());
        }
        if let Some(i) = self.steps.iter().position(|s| s.notify.is_empty()) {
            return Err(format!("step {} notifies nobody; name at least one role", i + 1));
        }
        if self.total_steps() > STEPS_MAX {
            return Err(format!("has {} steps with its repeats; at most {STEPS_MAX} are allowed", self.total_steps()));
        }
        Ok(self)
    }

    /// Whether a step of it tells anybody by text.
    pub fn has_texts(&self) -> bool {
        self.has(Channel::Sms)
    }

    /// Whether a step of it tells anybody by this channel.
    pub fn has(&self, channel: Channel) -> bool {
        self.steps.iter().any(|s| s.channel == channel)
    }

    /// Whether a step of it tells anybody by mail.
    pub fn has_mails(&self) -> bool {
        self.has(Channel::Email)
    }

    /// Whether a technician may leave a call of this policy for the morning by a reply.
    pub fn may_be_deferred(&self) -> bool {
        self.defer_by_reply.unwrap_or(self.name != HIGH)
    }

    /// How many steps a sequence of this policy has, repeats included.
    pub fn total_steps(&self) -> usize {
        self.steps.len().saturating_mul(usize::try_from(self.repeat).unwrap_or(usize::MAX).saturating_add(1))
    }

    /// The step with this index in the flattened ladder (repeats follow one another), or `None` past its end.
    pub fn step(&self, index: usize) -> Option<&Step> {
        if index < self.total_steps() { self.steps.get(index % self.steps.len().max(1)) } else { None }
    }

    /// The wait between the due time of step `index - 1` and that of step `index`; for `index == total_steps()`, until the
    /// call is exhausted. For index 0, from acceptance.
    pub fn wait_before(&self, index: usize) -> Duration {
        if index >= self.total_steps() {
            return self.exhaust_after;
        }
        let own = self.step(index).map_or(Duration::ZERO, |s| s.wait);
        let first_of_a_repeat = index > 0 && index.is_multiple_of(self.steps.len().max(1));
        if first_of_a_repeat { self.repeat_wait.saturating_add(own) } else { own }
    }
}

/// Durations in stored JSON are whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(waits: &[u64], repeat: u32) -> Policy {
        let steps = waits
            .iter()
            .map(|w| Step {
                wait: Duration::from_secs(*w),
                notify: vec!["primary".parse().expect("role")],
                channel: Channel::Sms,
            })
            .collect();
        Policy {
            name: "t".into(),
            steps,
            repeat,
            repeat_wait: Duration::from_secs(600),
            exhaust_after: Duration::from_secs(60),
            defer_by_reply: None,
            quiet: None,
        }
    }

    #[test]
    fn a_reply_defers_at_every_level_but_high_unless_the_policy_says_otherwise() {
        for (name, says, may) in
            [("normal", None, true), ("high", None, false), ("high", Some(true), true), ("normal", Some(false), false)]
        {
            let p = Policy { name: name.into(), defer_by_reply: says, ..policy(&[0], 0) };
            assert_eq!(p.may_be_deferred(), may, "{name} {says:?}");
            let stored = serde_json::to_string(&p).expect("JSON");
            assert_eq!(stored.contains("defer_by_reply"), says.is_some(), "{stored}");
            assert_eq!(serde_json::from_str::<Policy>(&stored).expect("a policy"), p);
        }
    }

    #[test]
    fn waits_count_from_the_step_before_and_repeats_follow_one_another() {
        let p = policy(&[0, 120, 300], 1);
        let waits: Vec<u64> = (0..=6).map(|i| p.wait_before(i).as_secs()).collect();
        assert_eq!(waits, [0, 120, 300, 600, 120, 300, 60]);
        assert_eq!(p.total_steps(), 6);
        assert!(p.step(5).is_some() && p.step(6).is_none());
    }

    #[test]
    fn a_policy_needs_steps_with_somebody_to_tell() {
        assert!(policy(&[], 0).checked().is_err());
        assert!(policy(&[1; 600], 1).checked().is_err());
        let mut p = policy(&[0], 0);
        p.steps[0].notify.clear();
        assert!(p.checked().is_err());
        assert!(policy(&[0, 1], 0).checked().is_ok());
    }
}
