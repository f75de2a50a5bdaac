//! The provider's messages in memory: found by SID, by recipient and by sender without a scan.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// Where a message is, in Twilio's words (`facts/twilio.md` §5): the ones that the sandbox uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A messaging service took it.
    Accepted,
    /// Waits for `SendAt`; the sandbox leaves it there.
    Scheduled,
    /// Has a sender.
    Queued,
    /// The carrier took it.
    Sent,
    /// It arrived.
    Delivered,
    /// The carrier said no.
    Undelivered,
    /// Twilio could not send it.
    Failed,
    /// Inbound.
    Received,
}

impl Status {
    /// Twilio's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Received => "received",
        }
    }
}

/// Which way a message goes, in Twilio's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Created through the API.
    OutboundApi,
    /// The `<Message>` of a TwiML answer.
    OutboundReply,
    /// A technician's text.
    Inbound,
}

impl Direction {
    /// Twilio's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutboundApi => "outbound-api",
            Self::OutboundReply => "outbound-reply",
            Self::Inbound => "inbound",
        }
    }
}

/// How a message will end; decided when it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum MessageOutcome {
    /// It arrives.
    Delivered,
    /// The carrier says no, with this code.
    Undelivered(u32),
    /// Twilio cannot send it, with this code.
    Failed(u32),
    /// It stays at `sent`: a carrier that gives no receipt.
    Sent,
}

/// A message as the provider keeps it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) sid: String,
    pub(super) to: String,
    pub(super) from: Option<String>,
    pub(super) service: Option<String>,
    pub(super) body: String,
    pub(super) direction: Direction,
    pub(super) status: Status,
    pub(super) error_code: Option<u32>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) sent: Option<Timestamp>,
    /// `StatusCallback` as given, overrides included.
    pub(super) callback: Option<String>,
    pub(super) outcome: MessageOutcome,
    /// How far the provider's clock was ahead of the machine's when it was made, in milliseconds. The times above are the
    /// machine's; what the API shows is the provider's.
    #[serde(default)]
    pub(super) apart_ms: i64,
    /// How much of it the API still shows.
    #[serde(default)]
    pub(super) content: Content,
    /// When a list that was answered first had it; of this life of the sandbox alone.
    #[serde(skip)]
    pub(super) listed: Option<Timestamp>,
    /// When a list that was answered last left it out because it lags.
    #[serde(skip)]
    pub(super) hidden: Option<Timestamp>,
}

/// How much of a message the API shows. The ledger keeps the whole of it: it is evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Content {
    /// All.
    #[default]
    Whole,
    /// Everything but its text.
    Redacted,
    /// Nothing: it is not found.
    Deleted,
}

impl Message {
    /// A moment of the machine's clock by the provider's.
    pub(super) fn theirs(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().saturating_add(self.apart_ms))
    }

    /// Whether it has come to its end: only then can it be deleted.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.status, Status::Delivered | Status::Undelivered | Status::Failed | Status::Received)
    }

    /// The status after this one; none at the end (`facts/twilio.md` §5).
    pub(super) fn next(&self) -> Option<Status> {
        match (self.status, self.outcome) {
            (Status::Accepted, _) => Some(Status::Queued),
            (Status::Queued, MessageOutcome::Failed(_)) => Some(Status::Failed),
            (Status::Queued, _) => Some(Status::Sent),
            (Status::Sent, MessageOutcome::Delivered) => Some(Status::Delivered),
            (Status::Sent, MessageOutcome::Undelivered(_)) => Some(Status::Undelivered),
            _ => None,
        }
    }

    /// Whether the handset has it now: delivered, or taken by a carrier that never says so.
    pub(super) fn on_handset(&self) -> bool {
        self.direction != Direction::Inbound
            && (self.status == Status::Delivered
                || (self.status == Status::Sent && self.outcome == MessageOutcome::Sent))
    }

    /// Moves it to `status`.
    pub(super) fn advance(&mut self, status: Status, at: Timestamp) {
        self.status = status;
        self.updated = at;
        if matches!(status, Status::Sent) {
            self.sent = Some(at);
        }
        self.error_code = match (status, self.outcome) {
            (Status::Failed, MessageOutcome::Failed(code))
            | (Status::Undelivered, MessageOutcome::Undelivered(code)) => Some(code),
            _ => None,
        };
    }
}

/// What a list did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Had,
    /// It will be, and was not yet.
    Hid,
}

/// All messages, in the order in which they were accepted.
#[derive(Default)]
pub(super) struct Messages {
    list: Vec<Message>,
    by_sid: HashMap<String, usize>,
    by_to: HashMap<String, Vec<usize>>,
    by_from: HashMap<String, Vec<usize>>,
}

impl Messages {
    /// Adds one; its SID is new.
    pub(super) fn add(&mut self, m: Message) {
        let at = self.list.len();
        self.by_sid.insert(m.sid.clone(), at);
        self.by_to.entry(m.to.clone()).or_default().push(at);
        if let Some(from) = &m.from {
            self.by_from.entry(from.clone()).or_default().push(at);
        }
        self.list.push(m);
    }

    /// The message of this SID.
    pub(super) fn get(&self, sid: &str) -> Option<&Message> {
        self.by_sid.get(sid).and_then(|i| self.list.get(*i))
    }

    /// The message of this SID, where the API still has it.
    pub(super) fn shown(&self, sid: &str) -> Option<&Message> {
        self.get(sid).filter(|m| m.content != Content::Deleted)
    }

    fn change(&mut self, sid: &str, change: impl FnOnce(&mut Message)) {
        if let Some(m) = self.by_sid.get(sid).and_then(|i| self.list.get_mut(*i)) {
            change(m);
        }
    }

    /// From now on the API shows so much of it.
    pub(super) fn set_content(&mut self, sid: &str, content: Content) {
        self.change(sid, |m| m.content = content);
    }

    /// A list that was answered at this moment had it, or left it out because it lags.
    pub(super) fn note_listed(&mut self, sid: &str, at: Timestamp, had_it: Listed) {
        self.change(sid, |m| match had_it {
            Listed::Had => m.listed = m.listed.or(Some(at)),
            Listed::Hid => m.hidden = Some(at),
        });
    }

    /// Moves a message on, and gives it its sender where a service has just chosen one.
    pub(super) fn advance(&mut self, sid: &str, status: Status, from: Option<&str>, at: Timestamp) -> Option<&Message> {
        let i = *self.by_sid.get(sid)?;
        let m = self.list.get_mut(i)?;
        m.advance(status, at);
        if let (None, Some(from)) = (&m.from, from) {
            m.from = Some(from.to_owned());
            let list = self.by_from.entry(from.to_owned()).or_default();
            let place = list.partition_point(|j| *j < i);
            list.insert(place, i);
        }
        self.list.get(i)
    }

    /// Newest first, only those before the message `before` where one is given; narrowed by recipient and sender.
    pub(super) fn newest<'a>(
        &'a self,
        to: Option<&'a str>,
        from: Option<&'a str>,
        before: Option<&str>,
    ) -> Box<dyn Iterator<Item = &'a Message> + 'a> {
        let end = before.and_then(|sid| self.by_sid.get(sid).copied()).unwrap_or(self.list.len());
        let none: &[usize] = &[];
        let index = |map: &'a HashMap<String, Vec<usize>>, key: &str| map.get(key).map_or(none, Vec::as_slice);
        let by_to = to.map(|t| index(&self.by_to, t));
        let by_from = from.map(|f| index(&self.by_from, f));
        let shorter = match (by_to, by_from) {
            (Some(a), Some(b)) => Some(if a.len() <= b.len() { a } else { b }),
            (a, b) => a.or(b),
        };
        let fits =
            move |m: &&Message| to.is_none_or(|t| m.to == t) && from.is_none_or(|f| m.from.as_deref() == Some(f));
        match shorter {
            Some(index) => {
                let upto = index.partition_point(|i| *i < end);
                Box::new(index.iter().take(upto).rev().filter_map(|i| self.list.get(*i)).filter(fits))
            }
            None => Box::new(self.list.iter().take(end).rev()),
        }
    }

    /// The newest text that this phone got.
    pub(super) fn newest_text_to<'a>(&'a self, phone: &'a str) -> Option<&'a Message> {
        self.newest(Some(phone), None, None).find(|m| m.direction != Direction::Inbound)
    }

    /// SIDs of the messages that have not reached their end.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.list.iter().filter(|m| m.next().is_some()).map(|m| m.sid.clone()).collect()
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.list.iter()
    }
}

const GSM_BASIC: &str = "\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz\
                         ¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΔΦΓΛΩΠΨΣΘΞ";
const GSM_EXTENDED: &str = "\u{c}[\\]^{|}~€";

/// How many segments a text takes (`facts/twilio.md` §14): a pair is never split over two.
pub(super) fn segments(body: &str) -> usize {
    let gsm = |c: char| {
        if GSM_BASIC.contains(c) { Some(1) } else { GSM_EXTENDED.contains(c).then_some(2) }
    };
    let (widths, one, part): (Vec<usize>, usize, usize) = match body.chars().map(gsm).collect() {
        Some(widths) => (widths, 160, 153),
        None => (body.chars().map(char::len_utf16).collect(), 70, 67),
    };
    if widths.iter().sum::<usize>() <= one {
        return 1;
    }
    let (mut count, mut used) = (1, 0);
    for width in widths {
        if used + width > part {
            count += 1;
            used = 0;
        }
        used += width;
    }
    count
}
