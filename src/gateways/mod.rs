//! The outside world as the engine sees it: traits, and the three meanings that a failure can have.

pub(crate) mod airtable;
pub(crate) mod calendar;
pub(crate) mod event_webhook;
mod exchange;
pub(crate) mod heartbeat;
#[cfg(feature = "drills")]
pub(crate) mod mail_properties;
pub(crate) mod mirror;
mod no_texts;
mod permit;
pub(crate) mod phone_calls;
mod provider_clock;
pub(crate) mod sinks;
pub(crate) mod smtp;
#[cfg(test)]
mod smtp_tests;
pub(crate) mod twilio;

pub use mirror::{MirrorError, MirrorGateway};
pub use no_texts::NoTexts;
#[cfg(feature = "drills")]
pub(crate) use permit::REQUEST_BEGINS;
pub use provider_clock::{ClockWatcher, http_date};

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::alert::{AlertKey, SinkReceipt};
use crate::domain::mail::MailAddress;
use crate::domain::types::CallRef;
use crate::domain::types::{AttemptId, CallId, ErrorCode, MessageSid, Sender, Timestamp};
use crate::domain::voice::script::{Twiml, TwimlSource};
use crate::domain::voice::status::PhoneCallStatus;
use crate::domain::{MessageStatus, PhoneNumber, ProviderClock};

/// One message to be created.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Rides in the callback URL's path.
    pub attempt: AttemptId,
    /// The recipient.
    pub to: PhoneNumber,
    /// Who sends.
    pub from: Sender,
    /// The whole text, reference included.
    pub body: MessageBody,
    /// How long the provider may keep it before it is stale.
    pub validity: Duration,
    /// Whether to ask for delivery receipts (where a public URL is configured).
    pub callback: Callback,
}

/// Whether a message asks for delivery receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    /// Yes, where a public URL is configured.
    Wanted,
    /// No: the provider refused our URL (21609), the status is polled instead.
    Without,
}

/// A text to a person: never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageBody(pub String);

impl std::fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MessageBody({} characters)", self.0.chars().count())
    }
}

/// A message as the provider describes it in a create answer, a fetch or a list.
#[derive(Debug, Clone)]
pub struct MessageRecord {
    pub sid: MessageSid,
    pub status: MessageStatus,
    /// Present with `failed` and `undelivered`.
    pub error_code: Option<ErrorCode>,
    /// The recipient (for inbound: us), as the provider writes it.
    pub to: String,
    /// The sender; absent with a messaging service until one is chosen.
    pub from: Option<String>,
    /// The messaging service it was made with.
    pub service: Option<String>,
    /// As sent: a trial account prefixes it.
    pub body: MessageBody,
    /// `outbound-api`, `inbound`, `outbound-reply`…
    pub direction: String,
    /// When the provider made it; second precision.
    pub created_at: Option<Timestamp>,
}

/// Why an outside call did not succeed. Exactly three meanings, and the type says which.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GatewayError {
    /// The provider said no: it was not done and will not be.
    #[error("the provider refused the request (HTTP {http}{})", code.map(|c| format!(", code {c}")).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        http: u16,
        /// The provider's own code, the thing to branch on.
        code: Option<ErrorCode>,
        /// The provider's words, for a person; never branched on.
        message: String,
    },
    /// Surely not done: the connection never opened, or the provider says that it did not process the request.
    #[error("the provider could not be asked: {why}")]
    Retryable {
        why: String,
        /// How long the provider asked us to wait.
        retry_after: Option<Duration>,
    },
    /// May be done or not: timeout, reset, 5xx or an unreadable answer after the request left.
    #[error("the outcome is unknown: {why}")]
    Unknown { why: String },
}

/// Which messages to list. No date filter on purpose: `date_sent` is null while a message is queued, so one would hide
/// exactly the message that is looked for (`facts/twilio.md` §3).
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Recipient.
    pub to: Option<String>,
    /// Sender.
    pub from: Option<String>,
    /// Stop paging at the first message made before this moment of the provider's clock (newest come first).
    pub not_before: Option<Timestamp>,
    /// At most this many messages.
    pub limit: usize,
}

/// The result of a list: what was found, and whether the search saw everything that the filter asks for.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Newest first.
    pub messages: Vec<MessageRecord>,
    /// False where `limit` cut it short.
    pub complete: bool,
}

/// A provider of text messages. No method retries: retrying is the engine's durable decision.
#[async_trait]
pub trait SmsGateway: Send + Sync {
    /// One POST that may reach the provider. On `Ok` the message exists and has a SID.
    async fn submit(&self, message: &Submission) -> Result<MessageRecord, GatewayError>;
    /// Asks for one message by SID.
    async fn fetch(&self, sid: &MessageSid) -> Result<MessageRecord, GatewayError>;
    /// Lists messages, following pages.
    async fn list(&self, filter: &ListFilter) -> Result<Listing, GatewayError>;
    /// What its answers have told of its clock so far; asks nothing.
    fn clock(&self) -> ProviderClock {
        ProviderClock::default()
    }
}

/// One phone call to be placed.
#[derive(Debug, Clone)]
pub struct PhoneCallRequest {
    pub attempt: AttemptId,
    pub to: PhoneNumber,
    pub from: PhoneNumber,
    pub script: TwimlSource,
    pub ring_for: Duration,
    pub callback: Callback,
}

/// A phone call as the provider describes it in a create answer, a fetch or a list.
#[derive(Debug, Clone)]
pub struct PhoneCallRecord {
    pub sid: MessageSid,
    pub status: PhoneCallStatus,
    /// As the provider writes them.
    pub to: String,
    pub from: String,
    /// `outbound-api`, `inbound`…
    pub direction: String,
    /// When the provider made it; second precision.
    pub created_at: Option<Timestamp>,
    /// How long the provider expects it to wait before it is dialled.
    pub queue_time: Option<Duration>,
}

/// Which phone calls to list.
#[derive(Debug, Clone)]
pub struct PhoneCallFilter {
    pub to: String,
    pub from: String,
    /// Stop paging at the first one made before this moment of the provider's clock (newest come first).
    pub not_before: Option<Timestamp>,
    /// At most this many.
    pub limit: usize,
}

/// The result of a list.
#[derive(Debug, Clone)]
pub struct PhoneCallListing {
    /// Newest first.
    pub phone_calls: Vec<PhoneCallRecord>,
    /// False where `limit` cut it short.
    pub complete: bool,
}

/// How a phone call is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndPhoneCall {
    /// While it is queued or rings; one that was picked up goes on.
    Cancel,
    /// Whoever listens hears this, and it ends.
    Redirect(Twiml),
}

/// A provider of phone calls. No method retries.
#[async_trait]
pub trait VoiceGateway: Send + Sync {
    /// One POST that may make a phone ring. On `Ok` the phone call exists and has a SID.
    async fn place(&self, request: &PhoneCallRequest) -> Result<PhoneCallRecord, GatewayError>;
    /// Asks for one phone call by SID.
    async fn fetch(&self, sid: &MessageSid) -> Result<PhoneCallRecord, GatewayError>;
    /// Lists phone calls, following pages.
    async fn list(&self, filter: &PhoneCallFilter) -> Result<PhoneCallListing, GatewayError>;
    /// Ends one; `Ok` too where it is over already.
    async fn end(&self, sid: &MessageSid, how: &EndPhoneCall) -> Result<(), GatewayError>;
}

/// One mail.
#[derive(Clone)]
pub struct Mail {
    /// The left part of its Message-ID: the same mail again is one to most programs.
    pub id: String,
    pub to: MailAddress,
    /// As people read the sender.
    pub from_name: Option<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Mails of one thread name the same one here, which was itself never sent.
    pub thread: Option<String>,
    pub attached: Option<AttachedTable>,
}

/// A table that a mail carries, for a table program.
#[derive(Clone)]
pub struct AttachedTable {
    /// Of the file, in ASCII.
    pub name: String,
    pub csv: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({}, to {}, {} characters)", self.id, self.to, self.text.chars().count())
    }
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailRefusal {
    /// The reader's address.
    Recipient,
    /// What was written.
    Content,
    /// Ours: the relay does not take mails from us.
    Relay,
}

/// Why a mail was not taken: the three meanings of [`GatewayError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// For good.
    #[error("{why}")]
    Refused { whose: MailRefusal, why: String },
    /// Surely not, and the relay is at fault; it may pass.
    #[error("{why}")]
    NotSent { why: String },
    /// Surely not: whoever sends may not be the engine any more. It says nothing of the relay.
    #[error("this process may not be the engine any more")]
    NotTheEngine,
    /// Surely not; the relay asks for this mail later.
    #[error("{why}")]
    Later { why: String },
    /// Nobody knows, and nobody can be asked.
    #[error("{why}")]
    Unknown { why: String },
}

/// How long one conversation with a relay may take.
pub const MAIL_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// A relay of mails. No method retries.
#[async_trait]
pub trait MailGateway: Send + Sync {
    /// One conversation. On `Ok` the relay has the mail: its words, for a person.
    ///
    /// # Errors
    /// [`MailError`].
    async fn submit(&self, mail: &Mail) -> Result<String, MailError>;
    /// Connects and proves who we are; sends nothing.
    ///
    /// # Errors
    /// [`MailError`].
    async fn check(&self) -> Result<(), MailError>;
}

/// One alert as a sink is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertNotice {
    /// One alert a key; repeats are harmless by it.
    pub key: AlertKey,
    pub call: Option<CallId>,
    pub reference: Option<CallRef>,
    /// When its call was accepted.
    pub accepted_at: Option<Timestamp>,
    /// What the caller said: for an alert that wakes somebody alone.
    pub issue: Option<String>,
    /// What happened and what to do; no text of a message, phones masked but for a caller who is to be called back.
    pub message: String,
    /// Since when.
    pub raised_at: Timestamp,
    /// Since when it is over; `None`: it is not.
    pub resolved_at: Option<Timestamp>,
}

/// One message to a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertMessage {
    /// The same at every try of the same alerts in the same state: repeats are harmless by it.
    pub id: String,
    /// When this try is made.
    pub at: Timestamp,
    /// One alert, or several of one kind that are all raised or all over.
    pub notices: Vec<AlertNotice>,
}

/// What a sink answered to a message that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// For a person.
    pub said: String,
    /// Where it says later whether somebody has seen the message.
    pub receipt: Option<SinkReceipt>,
}

impl From<String> for Taken {
    fn from(said: String) -> Self {
        Self { said, receipt: None }
    }
}

/// What a receipt says by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptAnswer {
    /// Nobody has seen the message yet.
    Waits,
    /// Somebody has.
    Acknowledged {
        /// On which device, where that is said.
        device: Option<String>,
    },
    /// Nobody has, and it rings no more.
    Expired,
}

/// Why a sink was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkError {
    /// For a person; without the URL.
    pub why: String,
    /// Whether it surely did not take it.
    pub surely: bool,
    /// Whether it will take none, until somebody changes something.
    pub for_good: bool,
    /// How long it asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// Where alerts are delivered. No method retries.
#[async_trait]
pub trait AlertSink: Send + Sync {
    /// Delivers one message; what its receiver answered.
    ///
    /// # Errors
    /// [`SinkError`].
    async fn deliver(&self, message: &AlertMessage) -> Result<Taken, SinkError>;
    /// Whether it says later that somebody has seen a message.
    fn gives_receipts(&self) -> bool {
        false
    }
    /// What this receipt of a message says by now. Asks once.
    ///
    /// # Errors
    /// [`SinkError`]; for good: nobody knows the receipt.
    async fn read_receipt(&self, _receipt: &str) -> Result<ReceiptAnswer, SinkError> {
        Ok(ReceiptAnswer::Expired)
    }
    /// The message of this receipt rings no more. May be asked again.
    ///
    /// # Errors
    /// [`SinkError`]; for good: nobody knows the receipt.
    async fn cancel_receipt(&self, _receipt: &str) -> Result<(), SinkError> {
        Ok(())
    }
    /// How many of its alerts, from the first, one message names whole at its receiver; at least the first.
    fn holds(&self, message: &AlertMessage) -> usize {
        message.notices.len()
    }
    /// Whether it is told by texts of our own: the engine sends those, and [`Self::deliver`] tells nothing.
    fn is_text(&self) -> bool {
        false
    }
    /// Whether its receiver groups alerts by their keys, so that it is told of each by itself, also of many.
    fn groups_itself(&self) -> bool {
        false
    }
}

/// One event as its receiver is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPost {
    /// The same at every try: repeats are harmless by it.
    pub id: String,
    /// When this try is made.
    pub at: Timestamp,
    /// The JSON document.
    pub body: String,
}

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRefusal {
    /// For a person; without the URL.
    pub why: String,
    /// Whether the event is refused for what it is; else its receiver is at fault.
    pub of_this_event: bool,
    /// How long it asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// Who is told of what happens to calls. No method retries.
#[async_trait]
pub trait EventReceiver: Send + Sync {
    /// Tells of one event.
    ///
    /// # Errors
    /// [`EventRefusal`].
    async fn deliver(&self, post: &EventPost) -> Result<(), EventRefusal>;
}

/// A dead-man's switch: somebody elsewhere who alarms when this stays away.
#[async_trait]
pub trait Heartbeat: Send + Sync {
    /// One sign of life.
    ///
    /// # Errors
    /// Why it did not arrive, without the URL.
    async fn fetch(&self) -> Result<(), String>;
    /// Says at once that something is wrong, where whoever listens takes that; `why` holds nothing of a call.
    ///
    /// # Errors
    /// Why it did not arrive, without the URL.
    async fn fail(&self, _why: &str) -> Result<(), String> {
        Ok(())
    }
}
