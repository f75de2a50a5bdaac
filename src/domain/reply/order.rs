//! In which order a phone's words count: by the provider's times where those are known, else as they came.
//!
//! A word that is older than what its writer has said about the call since moves nothing. While a reply of a phone waits for its
//! time, what that phone writes later waits behind it.

use super::Reply;
use super::texts::{OFFSET_SLACK, When};
use crate::domain::answers::{PastReply, Prompt};
use crate::domain::call::CallState;
use crate::domain::types::{CallId, Timestamp};
use crate::domain::voice::NO_PHONE_CALLS;

/// What a reply about one call that was understood is kept as.
const ABOUT_ONE: &[&str] = &[
    "took the call",
    "already theirs",
    "handed the call back",
    "resolved the call",
    "passed",
    "passed too late",
    "taken by another",
    "left for the morning",
    "waits for the morning already",
];
/// And one about every call of its writer.
const ABOUT_ALL: &[&str] = &["opt-out", "took every call"];
/// And one about whether their phone rings.
const ABOUT_PHONE_CALLS: &[&str] = &["no phone calls", "phone calls again"];
/// What is understood and says nothing about who goes.
const SMALL_TALK: &[&str] = &[
    "a polite word",
    "opt-in",
    "closed call",
    "older than what they said since",
    "confirmed the roll call",
    "refused the roll call",
];

impl PastReply {
    /// Whether it says who goes to this call, or who does not.
    fn decides(&self, call: &CallId) -> bool {
        let is = |list: &[&str]| list.contains(&self.understood.as_str());
        !self.waits && ((is(ABOUT_ONE) && self.call.as_ref() == Some(call)) || is(ABOUT_ALL))
    }

    fn is_understood(&self) -> bool {
        let is = |list: &[&str]| list.contains(&self.understood.as_str());
        !self.waits
            && self.prompt.is_none()
            && [ABOUT_ONE, ABOUT_ALL, ABOUT_PHONE_CALLS, SMALL_TALK].into_iter().any(is)
    }
}

impl Reply<'_> {
    fn others(&self) -> impl Iterator<Item = &PastReply> {
        self.loaded.said.iter().filter(|p| p.sid != self.text.sid)
    }

    /// Whether another reply of this phone waits still, so that this one waits behind it.
    pub(super) fn stands_behind(&self) -> bool {
        self.text.waited_since.is_none() && !self.ctx.rules.off.reply_time && self.others().any(|p| p.waits)
    }

    /// Whether its writer has said something about this call since.
    pub(super) fn is_overruled(&self, c: &CallState) -> bool {
        !self.ctx.rules.off.reply_time && self.others().any(|p| p.decides(&c.call.id) && self.precedes(p))
    }

    /// Whether its writer has said since whether their phone may ring.
    pub(super) fn is_overruled_about_phone_calls(&self) -> bool {
        let is = |p: &&PastReply| !p.waits && ABOUT_PHONE_CALLS.contains(&p.understood.as_str());
        !self.ctx.rules.off.reply_time && self.others().filter(is).any(|p| self.precedes(p))
    }

    /// Whether an earlier reply of its writer took this call.
    pub(super) fn has_said_that_he_takes(&self, c: &CallState) -> bool {
        self.others()
            .any(|p| p.decides(&c.call.id) && matches!(p.understood.as_str(), "took the call" | "took every call"))
    }

    /// Whether it was written before that one.
    fn precedes(&self, other: &PastReply) -> bool {
        match (self.text.at, other.written, self.text.at_ours) {
            (Some(mine), Some(theirs), _) => mine < theirs,
            (Some(_), None, Some(ours)) => ours.plus(OFFSET_SLACK) < other.at,
            _ => self.arrived() < other.at,
        }
    }

    /// When it came, by our clock.
    fn arrived(&self) -> Timestamp {
        self.text.waited_since.unwrap_or(self.ctx.now)
    }

    /// When it was written, as far as that is known.
    pub(super) fn when(&self) -> When {
        When::of(self.text, self.ctx.now)
    }

    /// The newest reply of its writer that came before, where it is younger than `since`; with what its answer asked.
    pub(super) fn said_since(&self, since: Timestamp) -> Option<Option<Prompt>> {
        let before = self.others().filter(|p| !p.waits && !self.precedes(p));
        before.max_by_key(|p| p.at).filter(|p| p.at > since).map(|p| p.prompt)
    }

    /// When a word of its writer was understood last.
    pub(super) fn understood_last(&self) -> Option<Timestamp> {
        self.others().filter(|p| p.is_understood()).map(|p| p.at).max()
    }

    /// Whether he is opted out of texts when this is decided.
    pub(super) fn is_opted_out(&self) -> bool {
        let is_back = self.change.opt_outs.iter().any(|o| matches!(o, crate::domain::change::OptOutChange::In { .. }));
        !is_back
            && self.loaded.opted_out.iter().any(|(phone, sender)| *phone == self.text.from && sender != NO_PHONE_CALLS)
    }
}
