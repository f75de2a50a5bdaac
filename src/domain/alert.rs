//! What an alert is about: its kind, a closed list, and its subject. One alert a key; a key is its kind and its subject.
//!
//! The table below is the one place that says of a kind how urgent it is, when it is over and whether it is repeated. A new
//! kind is one entry in it. The first sentence of its doc is its title where many are grouped. Keys are stored as text: a word of the table never changes, or open alerts of an older store are
//! never resolved.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::phone::masked;
use super::types::{Actor, CallId, Timestamp};

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A person must look, in the morning is soon enough: the emergency goes on.
    Notice,
    /// Somebody must wake up: an emergency stays unanswered, or we can no longer see or tell.
    Page,
}

impl Severity {
    /// Both.
    pub const ALL: &[Self] = &[Self::Notice, Self::Page];

    /// As configuration, store and JSON write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Page => "page",
        }
    }

    /// Reads it back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.as_str() == word)
    }
}

/// When an alert is over at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Somebody has its call.
    Taken,
    /// Its call is RESOLVED or CANCELLED.
    Closed,
    /// Whoever raised it says so: it is no call's.
    Ended,
}

/// What one kind is.
struct Entry {
    doc: &'static str,
    word: &'static str,
    severity: Severity,
    until: Until,
    repeat_s: u64,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident = $word:literal, $severity:ident, $until:ident $(, again after $repeat_s:literal s)?;)*) => {
        /// What kind of thing is alarming.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AlertKind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl AlertKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            const fn entry(self) -> Entry {
                match self {
                    $(Self::$kind => Entry {
                        doc: concat!($($doc),*),
                        word: $word,
                        severity: Severity::$severity,
                        until: Until::$until,
                        repeat_s: 0 $(+ $repeat_s)?,
                    },)*
                }
            }
        }
    };
}

// The subject stands behind the kind's sentence. Nothing there: there is one such alert.
kinds! {
    // -- About one call: somebody must take it, or may have to.
    /// The ladder is over and nobody took the call. Subject: the call.
    Exhausted = "exhausted", Page, Taken;
    /// Nobody has been told of a DISPATCHING call. Subject: the call.
    Unnotified = "untold", Page, Taken, again after 600 s;
    /// Mails about a DISPATCHING call are out and nobody has answered. Subject: the call.
    Unanswered = "unanswered", Page, Taken, again after 600 s;
    /// Nothing will look at a DISPATCHING call again. Subject: the call.
    Stranded = "stranded", Page, Taken;
    /// A deferred call was not seen in the morning. Subject: the call.
    NotSeen = "not-seen", Page, Taken;
    /// A call waits for the morning; nobody was woken. Subject: the call.
    Deferred = "deferred", Notice, Taken;
    /// An outcome is unknown, and no step follows. Subject: the attempt.
    UnknownOutcome = "unknown", Page, Taken;
    /// Somebody picked up a phone call and heard nothing of the job. Subject: the call.
    NothingSaid = "nothing-said", Page, Taken;
    /// A follow-up fired late. Subject: the call.
    LateFollowUp = "late", Notice, Taken;
    /// A step found nobody to tell; the ladder goes on. Subject: the call, its round, the step.
    NobodyFound = "nobody", Notice, Taken;
    /// A text failed after it was accepted; the ladder goes on. Subject: the call and the contact.
    Failed = "failed", Notice, Taken;
    /// A text was refused for what it is; the ladder goes on. Subject: the call and the contact.
    Refused = "refused", Notice, Taken;
    /// The emergency level is unknown, the call runs as high. Subject: the call.
    UnknownLevel = "unknown-level", Notice, Taken;
    /// The contact that was asked for is unknown, the ladder runs as it is. Subject: the call.
    UnknownContact = "unknown-contact", Notice, Taken;
    /// Somebody wrote what nobody understood. Subject: the call and the writer.
    UnreadReply = "unread-reply", Notice, Taken;
    /// A reply that waits cannot be decided. Subject: the message.
    UndecidedReply = "undecided-reply", Page, Ended;
    /// Whoever holds the call takes no texts of ours any more. Subject: the call.
    HolderOptedOut = "holder-opted-out", Page, Closed;
    /// Whoever took a call was asked whether it goes on, and says nothing. Subject: the call.
    TakenSilent = "taken-silent", Page, Closed;
    /// Whoever holds a call may not know that its level was raised. Subject: the call.
    RaiseUntold = "raise-untold", Page, Closed;
    /// The paperwork of a call was odd in several ways, or was mended; the call runs. Subject: the call.
    Validation = "paperwork", Notice, Taken;
    /// A later report of a call that is taken or over says a higher level. Subject: the call.
    ReportRaised = "report-raised", Notice, Closed;
    /// A report was signed more than 5 min off our clock; the call runs. Subject: the call.
    ReportClock = "report-clock", Notice, Taken;
    /// The provider knows two messages of one attempt. Subject: the message.
    SecondMessage = "second-message", Notice, Closed;
    /// The provider knows a message of an attempt that never left. Subject: the message.
    UnexpectedMessage = "unexpected", Notice, Closed;
    /// Two different final words, and the provider cannot be asked. Subject: the attempt.
    Conflict = "conflict", Notice, Closed;
    /// The dialled number is no configured line; it alarms again with its next call. Subject: the number.
    UnlistedLine = "unlisted-line", Notice, Closed;
    /// A call was rebuilt, and nobody is told of it any more. Subject: the call.
    Rebuilt = "rebuilt", Notice, Closed;
    /// A call of another system cannot be taken over from Airtable. Subject: the record, or the call.
    NotAdopted = "adopt", Page, Ended;

    // -- Who is on call.
    /// Nobody who can be told holds a role for a time. Subject: the line, the role, its begin.
    OnCallGap = "oncall_gap", Notice, Ended;
    /// Nobody who can be told holds a role within 12 h, or now. Subject: the line, the role, its begin.
    OnCallGapNear = "oncall_gap_near", Page, Ended;
    /// Whoever is on call has not confirmed it. Subject: the roll call.
    RollCall = "roll-call", Page, Ended;
    /// Others are on call in the next days than before. Subject: when it was seen, in milliseconds.
    OnCallChanged = "oncall-changed", Notice, Ended;
    /// A calendar of who is on call is not taken, or cannot be read. Subject: the rotation and which.
    OnCallCalendar = "oncall-calendar", Notice, Ended;
    /// Events of a calendar of who is on call are not understood. Subject: the rotation and which.
    OnCallEvents = "oncall-events", Notice, Ended;
    /// The table of exceptions to who is on call cannot be read.
    OnCallTable = "oncall-table", Notice, Ended;
    /// A row of that table cannot be read and changes nothing. Subject: the record.
    OnCallRow = "oncall-row", Notice, Ended;

    // -- Sending as a whole.
    /// Texts of a sender fail: they wait. Subject: the sender, or `account`.
    Breaker = "breaker", Page, Ended;
    /// No sender is configured.
    NoSender = "no-sender", Page, Ended;
    /// Texts failed in a row.
    ConsecutiveFailures = "consecutive-failures", Page, Ended;
    /// The provider refuses our callback URL.
    CallbackUrl = "callback-url", Notice, Ended;
    /// The provider keeps our phone calls waiting.
    PhoneQueue = "phone-queue", Notice, Ended;
    /// The account may have no further phone call at once.
    PhoneLimit = "phone-limit", Notice, Ended;
    /// A template cannot be used. Subject: the line and the template.
    Template = "template", Notice, Ended;
    /// A report did not go out by mail. Subject: its reader.
    ReportMail = "report-mail", Notice, Ended;
    /// A contact takes no texts of ours. Subject: the contact, or the phone.
    OptedOut = "opted-out", Notice, Ended;
    /// A text of an alert did not reach an owner. Subject: the contact.
    OwnerUntold = "owner-untold", Notice, Ended;
    /// An unknown number wrote to one of ours: a customer may have. Subject: the number.
    UnknownWriter = "unknown-writer", Page, Ended;
    /// A phone answers every text with words that nobody understands. Subject: the contact, or the phone.
    AutoResponder = "auto-responder", Notice, Ended;
    /// A text has no final status; some carriers never confirm. Subject: the contact.
    NoFinalStatus = "no-status", Notice, Ended;

    /// A contact got as many texts within an hour as the limits allow. Reminders to them wait. Subject: the contact.
    ContactLimit = "contact-limit", Notice, Ended;
    /// As many texts went out within an hour as the limits allow. Reminders wait.
    MessageLimit = "message-limit", Notice, Ended;
    /// A text went to a country that the limits do not name. Subject: the call and the contact.
    OutsideCountries = "outside-countries", Notice, Taken;

    /// A receiver of event webhooks is away: what it is to be told waits. Subject: the receiver.
    EventsUntold = "events-untold", Notice, Ended;
    /// A receiver of event webhooks refuses one event for what it is: it was left out. Subject: the receiver and the event.
    EventRefused = "event-refused", Notice, Ended;
    /// Calls were pruned before every receiver of event webhooks was told of them.
    EventsPruned = "events-pruned", Notice, Ended;

    // -- What others ask of us and is refused.
    /// The provider's callbacks that name our account are refused.
    WebhooksRefused = "webhooks-refused", Page, Ended;
    /// A text came in with a parameter that is missing or unknown; it was read. Subject: the parameter.
    WebhookOdd = "webhook-odd", Notice, Ended;
    /// Sign-ins to the board fail again and again.
    BoardSignIns = "board-sign-ins", Notice, Ended;
    /// A dispatch was refused for want of a token.
    DispatchRefused = "dispatch-refused", Page, Ended;
    /// A voice agent's reports are refused. Subject: the source.
    ReportsRefused = "reports-refused", Page, Ended;
    /// A report of a phone call cannot be read; the log keeps it. Subject: a hash of it.
    ReportUnread = "report-unread", Page, Ended;
    /// A phone call broke off before anybody was heard. Subject: its id.
    Unheard = "unheard", Page, Ended;
    /// Somebody pressed a key in a phone call that is not known here. Subject: its SID.
    KeyNotKnown = "key-not-known", Page, Ended;
    /// A phone call is over and no report of it came: nobody was told. Subject: its id.
    CallMissed = "call-missed", Page, Ended;
    /// A list of phone calls cannot be read: nobody sees which of them are not reported. Subject: the source.
    CallList = "call-list", Notice, Ended;

    // -- The machine and the store.
    /// What fires, sends or alarms stands still: nobody is told of an emergency. Subject: the duty.
    EngineStill = "engine-still", Page, Ended;
    /// A duty of the engine stands still or dies again and again; calls go on. Subject: the duty.
    DutyStill = "duty-still", Notice, Ended;
    /// A duty of the engine died and was started again. Subject: the duty.
    DutyDied = "duty-died", Notice, Ended;
    /// The dead-man's switch takes no sign of life. Its own alarm may come.
    HeartbeatRefused = "heartbeat", Notice, Ended;
    /// An alert sink takes nothing: what it is to be told waits. Subject: the sink.
    SinkFailing = "sink-failing", Notice, Ended;
    /// Somebody tries whether alerts arrive.
    Test = "test", Page, Ended;
    /// The settings in force name an alert sink that this engine has no place for. Subject: the sink.
    SinkPlace = "sink-place", Page, Ended;
    /// The store is here, and a copy of it from when its file was gone lies beside it.
    RescuedCopy = "rescued-copy", Page, Ended;
    /// A start or a reload found its configuration wrong. The settings in force in the store stand.
    SettingsFile = "settings-file", Page, Ended;
    /// The store takes no writes.
    Store = "store", Page, Ended;
    /// No process is the engine of a store that several share. Calls are taken, and nobody is told of them.
    NoEngine = "no-engine", Page, Ended;
    /// What was written last to the store may be lost. Nothing is sent until the provider's list was read.
    HistoryDoubt = "history-in-doubt", Page, Ended;
    /// What was written last to the store is lost. Subject: when the entry before it was written, in milliseconds.
    HistoryLost = "history-lost", Page, Ended;
    /// The store's file is not in its place any more.
    StoreFile = "store-file", Page, Ended;
    /// The daily copy of the store cannot be made.
    Backup = "backup", Notice, Ended;
    /// A row, an index or a page of the store cannot be read. Subject: which.
    Unreadable = "unreadable", Page, Ended;
    /// The clock was set. Subject: when, in milliseconds.
    Clock = "clock", Notice, Ended;
    /// A replica's clock and that of the store's server are more than 1 s apart. Subject: the replica.
    HostClock = "host-clock", Notice, Ended;
    /// Our clock and the provider's are more than 5 s apart.
    ProviderClock = "provider-clock", Notice, Ended;

    // -- Airtable.
    /// The table of contacts cannot be read.
    ContactsTable = "contacts-table", Notice, Ended;
    /// The table of contacts would empty a role or has lost half of its rows. The last copy stands.
    ContactsKept = "contacts-kept", Page, Ended;
    /// A row of that table is wrong. Subject: the record.
    ContactsRow = "contacts-row", Notice, Ended;
    /// Rows wait for long.
    MirrorLate = "mirror:late", Notice, Ended;
    /// What was written is not read back.
    MirrorUnverified = "mirror:unverified", Notice, Ended;
    /// Rows were given up.
    MirrorParked = "mirror:parked", Notice, Ended;
    /// The month's requests are used up.
    MirrorBilling = "mirror:billing", Notice, Ended;
    /// Our token may not read or write a table. Subject: the table.
    MirrorAccess = "mirror:access", Notice, Ended;
    /// A table is without a field that it needs. Subject: the table.
    MirrorField = "mirror:field", Notice, Ended;
}

impl AlertKind {
    /// How its keys begin; stored, and never changed.
    pub const fn word(self) -> &'static str {
        self.entry().word
    }

    /// The kind that has this word.
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.word() == word)
    }

    /// Its name in JSON: the word without a colon.
    pub fn name(self) -> String {
        self.word().replace(':', "-")
    }

    /// What it says of each of many.
    pub fn title(self) -> &'static str {
        let doc = self.entry().doc.trim_start();
        doc.split_once('.').map_or(doc, |(first, _)| first)
    }

    /// How urgent it is.
    pub const fn severity(self) -> Severity {
        self.entry().severity
    }

    /// When it is over at the latest.
    pub const fn until(self) -> Until {
        self.entry().until
    }

    /// Whether it is about the mirror of calls and events in Airtable.
    pub const fn is_mirror(self) -> bool {
        matches!(
            self,
            Self::MirrorLate
                | Self::MirrorUnverified
                | Self::MirrorParked
                | Self::MirrorBilling
                | Self::MirrorAccess
                | Self::MirrorField
        )
    }

    /// Whether its message quotes what a person wrote, or the number to call back: that is for the sinks, and never for the
    /// process's own log.
    pub const fn quotes_a_person(self) -> bool {
        matches!(
            self,
            Self::UnreadReply | Self::UndecidedReply | Self::UnknownWriter | Self::CallMissed | Self::UnknownLevel
        )
    }

    /// Whether it says the newest words of those that raise it.
    pub const fn says_the_newest(self) -> bool {
        matches!(self, Self::UnreadReply)
    }

    /// Whether it ends with its call, by whoever closes that.
    pub fn ends_with_its_call(self) -> bool {
        self.until() <= Until::Closed
    }

    /// How often it is said again while it stays.
    pub const fn repeat_every(self) -> Option<Duration> {
        match self.entry().repeat_s {
            0 => None,
            s => Some(Duration::from_secs(s)),
        }
    }

    /// The key of the one about `subject`.
    pub fn about(self, subject: impl fmt::Display) -> AlertKey {
        AlertKey { kind: self, subject: subject.to_string() }
    }
}

/// What a person can do about an alert of this call.
pub fn what_to_do(kind: AlertKind, call: &CallId) -> String {
    match kind.until() {
        Until::Taken => format!("`dispatchctl status {call}` tells its story, `dispatchctl ack {call}` takes it"),
        Until::Closed | Until::Ended => format!("see `dispatchctl status {call}`"),
    }
}

/// The words of an alert that is over: a line of their own, which nobody takes for the alarm.
pub fn over(message: &str) -> String {
    format!("over: {message}")
}

/// One of the outside who is told of alerts, by its name in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SinkTarget {
    /// Unique among the sinks.
    pub name: String,
    /// The least that it is told of.
    pub min: Severity,
}

/// By what a receiver of alerts says later whether somebody has seen a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkReceipt {
    /// Its own word for the message.
    pub id: String,
    /// It says nothing new after this.
    pub expires_at: Timestamp,
}

/// One alert: a kind and what it is about. Its text is the kind's word, a colon and the subject, or the word alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey {
    kind: AlertKind,
    subject: String,
}

impl AlertKey {
    pub(super) const NO_PHONE_CALLS: &str = ":phone-calls";
    /// That this contact's phone is rung no more, by its own word.
    pub fn of_no_phone_calls(contact: &str) -> Self {
        AlertKind::OptedOut.about(format_args!("{contact}{}", Self::NO_PHONE_CALLS))
    }

    /// Its kind.
    pub const fn kind(&self) -> AlertKind {
        self.kind
    }

    /// What it is about; empty where there is but one.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its text for people and other systems: the subject may end in a phone number, which is masked.
    pub fn masked(&self) -> String {
        self.to_string().split(':').map(masked).collect::<Vec<_>>().join(":")
    }
}

impl From<AlertKind> for AlertKey {
    fn from(kind: AlertKind) -> Self {
        Self { kind, subject: String::new() }
    }
}

/// As it is stored: whole, for nobody's eyes.
impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, ":{}", self.subject) }
    }
}

impl fmt::Debug for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertKey({})", self.masked())
    }
}

/// As it is shown: masked.
impl Serialize for AlertKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

/// A text that is no alert's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind of alert has such a key")]
pub struct NoAlertKey;

impl FromStr for AlertKey {
    type Err = NoAlertKey;

    fn from_str(text: &str) -> Result<Self, NoAlertKey> {
        let of_kind = |kind: &AlertKind| {
            let rest = text.strip_prefix(kind.word())?;
            let subject = if rest.is_empty() { rest } else { rest.strip_prefix(':').filter(|s| !s.is_empty())? };
            Some(Self { kind: *kind, subject: subject.to_owned() })
        };
        AlertKind::ALL.iter().find_map(of_kind).ok_or(NoAlertKey)
    }
}

/// An alert is raised or is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertChange {
    /// A person must look. Raising what is raised already changes nothing.
    Raise {
        /// One alert a key.
        key: AlertKey,
        /// The call it is about.
        call: Option<CallId>,
        /// What happened and what to do.
        message: String,
    },
    /// It stays, and is told again in these words. In the words that stand, or where it is not raised, this changes nothing.
    Again {
        key: AlertKey,
        /// For how long by now.
        message: String,
    },
    /// A sink had taken these and told nobody: each that still needs telling waits for it again, as tried once, so that whoever stands in
    /// speaks, and for each other sink that does not know of it.
    Untold {
        sink: String,
        /// Each with when it came to wait, and in which version it was taken.
        alerts: Vec<(AlertKey, Timestamp, i64)>,
    },
    /// A person has seen it: it is not repeated any more, and its end is told. Once is enough; what is not raised stays so.
    Acknowledge {
        key: AlertKey,
        by: Actor,
        /// What was raised later is not meant; `None`: whatever is raised.
        raised_by: Option<Timestamp>,
    },
    /// It is over. Resolving what is not raised changes nothing.
    Resolve { key: AlertKey },
    /// All that was raised about this call and does not outlast this is over.
    ResolveAll {
        call: CallId,
        /// What has come.
        at: Until,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_whatever_its_subject_is() {
        for kind in AlertKind::ALL {
            for subject in ["", "c1", "a:b:sam", "+19495550101", ":", "exhausted:c"] {
                let key = kind.about(subject);
                assert_eq!(key.to_string().parse(), Ok(key.clone()), "{kind:?} {subject}");
                assert_eq!((key.kind(), key.subject()), (*kind, subject));
            }
        }
        for text in
            ["", "k", "exhausted-", "exhaustedness:c1", "exhausted:", "mirror", "mirror:", "mirror:other", "unknown-"]
        {
            assert_eq!(text.parse::<AlertKey>(), Err(NoAlertKey), "{text}");
        }
    }

    #[test]
    fn keys_that_an_older_store_holds_are_still_those_of_their_kinds() {
        use AlertKind as K;
        for (text, kind, subject) in [
            ("exhausted:call_1", K::Exhausted, "call_1"),
            ("untold:a:b", K::Unnotified, "a:b"),
            ("unknown:att_1", K::UnknownOutcome, "att_1"),
            ("unknown-level:call_1", K::UnknownLevel, "call_1"),
            ("failed:call_1:sam", K::Failed, "call_1:sam"),
            ("nobody:call_1:1:2", K::NobodyFound, "call_1:1:2"),
            ("unlisted-line:+18005550199", K::UnlistedLine, "+18005550199"),
            ("template:default:notice", K::Template, "default:notice"),
            ("adopt:recCall1", K::NotAdopted, "recCall1"),
            ("store", K::Store, ""),
            ("clock:1795313040000", K::Clock, "1795313040000"),
            ("mirror:late", K::MirrorLate, ""),
            ("mirror:field:events", K::MirrorField, "events"),
            ("contacts-table", K::ContactsTable, ""),
        ] {
            assert_eq!(text.parse(), Ok(kind.about(subject)), "{text}");
        }
    }

    #[test]
    fn no_word_is_another_kinds_word_or_begins_its_keys() {
        for a in AlertKind::ALL {
            for b in AlertKind::ALL.iter().filter(|b| *b != a) {
                assert!(a.word() != b.word() && !b.word().starts_with(&format!("{}:", a.word())), "{a:?} {b:?}");
                assert_ne!(a.name(), b.name());
            }
        }
    }

    #[test]
    fn what_leaves_an_emergency_unanswered_or_blinds_us_pages() {
        let page = AlertKind::ALL.iter().filter(|k| k.severity() == Severity::Page).map(|k| k.word());
        let want = "exhausted untold unanswered stranded not-seen unknown nothing-said undecided-reply holder-opted-out taken-silent raise-untold adopt oncall_gap_near roll-call breaker no-sender \
                    consecutive-failures unknown-writer webhooks-refused dispatch-refused reports-refused report-unread unheard key-not-known call-missed engine-still test sink-place rescued-copy settings-file store no-engine history-in-doubt history-lost store-file unreadable \
                    contacts-kept";
        assert_eq!(page.collect::<Vec<_>>().join(" "), want);
        assert_eq!(
            Severity::ALL.iter().map(|s| Severity::parse(s.as_str())).collect::<Vec<_>>(),
            [Some(Severity::Notice), Some(Severity::Page)]
        );
    }

    #[test]
    fn every_kind_has_a_title_for_a_group() {
        assert_eq!(AlertKind::Unnotified.title(), "Nobody has been told of a DISPATCHING call");
        for kind in AlertKind::ALL {
            assert!((10..90).contains(&kind.title().len()) && !kind.title().contains("Subject"), "{kind:?}");
        }
    }

    #[test]
    fn a_number_in_a_key_is_masked_wherever_it_is_shown() {
        let key = AlertKind::OptedOut.about("+19495550101");
        assert_eq!(key.masked(), "opted-out:+1949•••0101");
        assert_eq!(serde_json::json!(key), "opted-out:+1949•••0101");
        assert!(!format!("{key:?}").contains("5550101"));
    }
}
