//! The append-only log: its entries, and the closed list of what they tell of.

use serde_json::Value;

use super::attempt::words;
use super::types::{Actor, AttemptId, CallId, Timestamp};

/// The key of an entry's data that names the contact whom it is about.
pub const CONTACT: &str = "contact";
/// The key of an entry's data that says why a notice is sent once more.
pub const RESEND: &str = "resend";
/// The key of an entry's data that is true where an outcome was found out after it had been decided.
pub const LATE: &str = "late";

/// The key of an entry's data that counts calls of which a receiver of event webhooks was not told everything before they were pruned.
pub const UNTOLD: &str = "untold";

/// The key of an entry's data that names the number of another accepted text of the same notice.
pub const TWIN: &str = "twin";

words! {
    /// What an entry of the log tells of. Closed: others read it.
    LogKind {
        CallAccepted = "call.accepted",
        /// A call was rebuilt from the records of others.
        CallImported = "call.imported",
        /// A voice agent's platform told of it, first or again.
        CallReported = "call.reported",
        /// A phone call in which nobody was heard: no call was made of it.
        CallUnheard = "call.unheard",
        /// A phone call that its platform lists and that nobody reported: no call was made of it.
        CallMissed = "call.missed",
        /// A report that could not be read, as it came.
        ReportUnread = "report.unread",
        /// A contact took it.
        CallAcknowledged = "call.acknowledged",
        /// Whoever has it said how long it takes.
        CallEta = "call.eta",
        /// Whoever has it is asked whether it goes on.
        CallAsked = "call.asked",
        /// They say that it does.
        CallConfirmed = "call.confirmed",
        /// Done.
        CallResolved = "call.resolved",
        /// Withdrawn.
        CallCancelled = "call.cancelled",
        /// Nobody took it.
        CallExhausted = "call.exhausted",
        /// Handed back or reopened: a new round.
        CallReopened = "call.reopened",
        /// It can wait until the morning.
        CallDeferred = "call.deferred",
        /// It runs as a higher level: a new round, or whoever has it is told.
        CallRaised = "call.raised",
        /// What is known of it has changed.
        CallChanged = "call.changed",
        /// A person has seen a deferred one.
        CallSeen = "call.seen",
        /// A person has looked into what no call was made of.
        AlertSeen = "alert.seen",
        /// A person wrote into its story.
        CallNoted = "call.noted",
        /// Its follow-ups were stopped by a person.
        CallMuted = "call.muted",
        StepFired = "step.fired",
        /// A step found nobody.
        StepSkipped = "step.skipped",
        /// A step is due and waits for the breaker of its sender, or for the end of quiet hours.
        StepDeferred = "step.deferred",
        /// The ladder went on before its time.
        Escalated = "step.escalated",
        /// A contact said no.
        ContactPassed = "contact.passed",
        /// An attempt was made.
        AttemptScheduled = "attempt.scheduled",
        /// Its intent is stored, the POST follows.
        AttemptSending = "attempt.sending",
        /// The POST surely did not happen.
        AttemptRetrying = "attempt.retrying",
        /// It is not known whether it happened.
        AttemptUnknown = "attempt.unknown",
        /// A reminder waits because too many texts went out.
        AttemptHeld = "attempt.held",
        /// The provider has it.
        AttemptSubmitted = "attempt.submitted",
        /// It arrived.
        AttemptDelivered = "attempt.delivered",
        /// It did not.
        AttemptFailed = "attempt.failed",
        /// A person said what became of it.
        AttemptSettled = "attempt.settled",
        /// It was not wanted any more.
        AttemptSkipped = "attempt.skipped",
        /// The call closed before it left.
        AttemptCancelled = "attempt.cancelled",
        /// A phone call needs nobody any more and is ended.
        AttemptEnding = "attempt.ending",
        /// A key was pressed in a phone call.
        KeyPressed = "call.key",
        /// The provider's word moved on, short of a final one.
        MessageStatus = "message.status",
        /// Two different finals.
        MessageConflict = "message.conflict",
        /// A person wrote.
        ReplyReceived = "reply.received",
        /// A number is opted out.
        OptedOut = "contact.opted_out",
        /// It is back.
        OptedIn = "contact.opted_in",
        /// Nothing goes by a sender any more but probes.
        BreakerOpened = "breaker.opened",
        /// It works again.
        BreakerClosed = "breaker.closed",
        /// A person must look.
        AlertRaised = "alert.raised",
        /// A person has seen it.
        AlertAcknowledged = "alert.acknowledged",
        /// It is over.
        AlertResolved = "alert.resolved",
        /// A text that tells an owner of an alert went out, failed, or nobody knows.
        AlertTexted = "alert.texted",
        /// An exception to who is on call was made.
        OverrideMade = "oncall.override",
        /// It was withdrawn.
        OverrideWithdrawn = "oncall.withdrawn",
        /// Others hold a role than before.
        OnCallChanged = "oncall.changed",
        /// A calendar of who is on call says something else from now on.
        CalendarTaken = "oncall.calendar",
        /// The address of a calendar feed was made, or made anew.
        FeedMade = "oncall.feed",
        /// Whoever begins a shift is asked whether they hold it: it begins, is asked again, or ends without an answer.
        RollCall = "oncall.roll_call",
        /// They answered.
        RollCallAnswered = "oncall.roll_call_answered",
        /// What calls that are over said of people is gone.
        StorePruned = "store.pruned",
        /// Settings were put in force.
        SettingsInForce = "settings.in_force",
        /// An engine started, stopped, recovered.
        Engine = "engine",
    }
}

/// One entry of the append-only log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// What it tells of.
    pub kind: LogKind,
    pub at: Timestamp,
    /// The call it belongs to.
    pub call: Option<CallId>,
    /// The attempt it belongs to.
    pub attempt: Option<AttemptId>,
    /// Who did it.
    pub actor: Actor,
    /// One sentence for a person; phones masked, no message text.
    pub message: String,
    /// Fields to query; `Null` where there are none.
    pub data: Value,
}
