//! A message's way to its end, and the signed POSTs that tell of it.
//!
//! Statuses move on by themselves, whether or not a callback is heard. Callbacks of one message leave in order unless a
//! fault says otherwise; each is tried again as its URL's fragment asks. Only loopback addresses are ever called.
//! Source: `facts/twilio.md` §5 to §7.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use tokio::sync::oneshot;

use super::armed::Subject;
use super::faults::FaultKind;
use super::messages::{Direction, Message, Status};
use super::people;
use super::state::Shared;
use super::target::Target;
use crate::clock::Clock as _;
use crate::domain::Timestamp;

/// How much of an answer is read.
const ANSWER_MAX: usize = 64 * 1024;

/// `X-Twilio-Signature` of a form POST (`facts/twilio.md` §7): the URL, then each name and value, sorted by name.
/// Values of one name are sorted and told once, as the official Node and Python validators do.
pub(super) fn sign(token: &str, url: &str, form: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = form.iter().collect();
    pairs.sort();
    pairs.dedup();
    let mut text = url.to_owned();
    for (name, value) in pairs {
        text.push_str(name);
        text.push_str(value);
    }
    let Ok(mut mac) = Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

/// The longest wait for a webhook.
const WEBHOOK_MAX: Duration = Duration::from_secs(16);

/// Waits on wiremock's thread, which runs none of the sandbox's own work; nothing where it takes too long.
pub(super) fn waited<T: Send + 'static>(shared: &Shared, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (send_outcome, outcome) = std::sync::mpsc::sync_channel(1);
    shared.runtime.spawn(async move {
        let _ = send_outcome.send(work.await);
    });
    outcome.recv_timeout(WEBHOOK_MAX).ok()
}

/// One POST of a JSON body with these headers.
pub(super) async fn post_json(
    shared: &Shared,
    target: &Target,
    body: &str,
    headers: &[(&'static str, String)],
    timeout: Duration,
) -> Posted {
    let request = shared.client.post(target.url.clone()).timeout(timeout).header("Content-Type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    answered(request.body(body.to_owned())).await
}

/// What came of a POST.
#[derive(Debug, Clone, Default)]
pub(super) struct Posted {
    /// The answer's status; none where no answer came.
    pub(super) http_status: Option<u16>,
    pub(super) content_type: String,
    pub(super) body: String,
    connect_failed: bool,
}

/// One POST of a form. `signature` goes out as it is.
pub(super) async fn post_once(
    shared: &Shared,
    target: &Target,
    form: &[(String, String)],
    signature: Option<&str>,
    token: &str,
    timeout: Duration,
) -> Posted {
    if !target.is_loopback() {
        return Posted::default();
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = shared
        .client
        .post(target.url.clone())
        .timeout(timeout)
        .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("Accept", "*/*")
        .header("X-Home-Region", "us1")
        .header("I-Twilio-Idempotency-Token", token)
        .body(body);
    if let Some(signature) = signature {
        request = request.header("X-Twilio-Signature", signature);
    }
    answered(request).await
}

async fn answered(request: reqwest::RequestBuilder) -> Posted {
    match request.send().await {
        Err(e) => Posted { connect_failed: e.is_connect(), ..Posted::default() },
        Ok(mut answer) => {
            let content_type = answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
            let mut posted = Posted {
                http_status: Some(answer.status().as_u16()),
                content_type: content_type.to_owned(),
                ..Posted::default()
            };
            let mut raw = Vec::new();
            while let Ok(Some(chunk)) = answer.chunk().await {
                raw.extend_from_slice(&chunk);
                if raw.len() > ANSWER_MAX {
                    break;
                }
            }
            posted.body = String::from_utf8_lossy(&raw).into_owned();
            posted
        }
    }
}

/// Posts a signed form, again and again as the target's overrides ask; `delivered` hears of the first try's end.
pub(super) async fn post_signed(
    shared: &Shared,
    target: &Target,
    form: &[(String, String)],
    note: (&str, &'static str),
    delivered: Option<oneshot::Sender<()>>,
) -> Posted {
    let mut delivered = delivered;
    let signature = sign(&shared.secrets().auth_token, target.signed_url(), form);
    let token = shared.ids.uuid(shared.clock.now()).to_string();
    let started = shared.clock.boot();
    let mut pause = Duration::from_millis(250);
    for tries in 0.. {
        let left = target.total.saturating_sub(shared.clock.boot().saturating_sub(started));
        let posted = {
            let Ok(_permit) = shared.posts.acquire().await else { return Posted::default() };
            post_once(shared, target, form, Some(&signature), &token, target.read_timeout.min(left)).await
        };
        shared.note_callback(note.0, note.1, posted.http_status);
        if let Some(delivered) = delivered.take() {
            let _ = delivered.send(());
        }
        let again = match posted.http_status {
            Some(400..=499) => target.on_4xx,
            Some(500..=599) => target.on_5xx,
            Some(_) => false,
            None if posted.connect_failed => target.on_connect,
            None => target.on_read,
        };
        let spent = shared.clock.boot().saturating_sub(started) + pause;
        if !again || tries >= target.retries || spent >= target.total {
            return posted;
        }
        shared.pause(pause).await;
        pause *= 2;
    }
    Posted::default()
}

/// The form of a status callback, in the order of the recorded ones.
pub(super) fn status_form(account_sid: &str, m: &Message) -> Vec<(String, String)> {
    let mut form: Vec<(String, String)> = Vec::with_capacity(11);
    let mut add = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
    if let Some(code) = m.error_code {
        add("ErrorCode", &code.to_string());
    }
    if m.status == Status::Delivered {
        add("RawDlrDoneDate", &dlr_date(m.updated));
    }
    add("SmsSid", &m.sid);
    add("SmsStatus", m.status.as_str());
    add("MessageStatus", m.status.as_str());
    add("To", &m.to);
    if let Some(service) = &m.service {
        add("MessagingServiceSid", service);
    }
    add("MessageSid", &m.sid);
    add("AccountSid", account_sid);
    if let Some(from) = &m.from {
        add("From", from);
    }
    add("ApiVersion", "2010-04-01");
    form
}

/// `YYMMDDhhmm`.
fn dlr_date(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map(|t| t.strftime("%y%m%d%H%M").to_string()).unwrap_or_default()
}

/// Takes up every message that an earlier life left on its way.
pub(super) fn resume(shared: &Arc<Shared>) {
    let sids = shared.state().messages.under_way();
    for sid in sids {
        run(shared, sid);
    }
}

/// Walks a message to its end in the background.
pub(super) fn run(shared: &Arc<Shared>, sid: String) {
    let shared = shared.clone();
    shared.runtime.clone().spawn(async move {
        let mut line = CallbackLine::new(&shared);
        loop {
            let pace = {
                let state = shared.state();
                if state.messages.get(&sid).and_then(Message::next).is_none() {
                    break;
                }
                state.pace
            };
            shared.pause(pace).await;
            let Some(message) = shared.advance(&sid) else { break };
            if message.on_handset() {
                people::text_arrived(&shared, &message);
            }
            line.tell(message);
        }
        line.release();
    });
}

/// A callback that is to be made.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) target: Target,
    pub(super) form: Vec<(String, String)>,
    pub(super) sid: String,
    /// The status that it tells.
    pub(super) word: &'static str,
}

/// The callbacks of one message or phone call, each after the first try of the one before.
pub(super) struct CallbackLine {
    shared: Arc<Shared>,
    before: Option<oneshot::Receiver<()>>,
    held: Option<Outgoing>,
}

impl CallbackLine {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), before: None, held: None }
    }

    fn tell(&mut self, message: Message) {
        let target = message.callback.as_deref().and_then(|c| Target::parse(c).ok());
        let Some(target) = target.filter(|_| message.direction == Direction::OutboundApi) else { return };
        let form = status_form(&self.shared.account_sid, &message);
        let subject = Subject {
            to: Some(&message.to),
            from: message.from.as_deref(),
            status: Some(message.status),
            ..Subject::default()
        };
        let outgoing = Outgoing { target, form, sid: message.sid.clone(), word: message.status.as_str() };
        self.enqueue(outgoing, subject);
    }

    /// Makes it, unless a fault has it otherwise; never to anything but loopback.
    pub(super) fn enqueue(&mut self, outgoing: Outgoing, subject: Subject<'_>) {
        if !outgoing.target.is_loopback() {
            return;
        }
        let (withheld, twice, swapped, late) = {
            let mut state = self.shared.state();
            let mut hit = |kind| state.faults.hit(&[kind], subject, &self.shared.ids);
            let late = hit(FaultKind::DelayCallbacks).and_then(|f| f.delay_ms).map(Duration::from_millis);
            (
                hit(FaultKind::WithholdCallbacks).is_some(),
                hit(FaultKind::DuplicateCallbacks).is_some(),
                hit(FaultKind::ReorderCallbacks).is_some(),
                late,
            )
        };
        if withheld {
            return;
        }
        if swapped && self.held.is_none() {
            self.held = Some(outgoing);
            return;
        }
        if twice {
            self.send(outgoing.clone(), late);
        }
        self.send(outgoing, late);
        self.release();
    }

    /// Sends what was held back, after what has gone out since.
    pub(super) fn release(&mut self) {
        if let Some(outgoing) = self.held.take() {
            self.send(outgoing, None);
        }
    }

    fn send(&mut self, outgoing: Outgoing, late: Option<Duration>) {
        let (delivered, done) = oneshot::channel();
        // A late one holds up nobody: that is what makes it late.
        let before = if late.is_none() { self.before.replace(done) } else { None };
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            if let Some(late) = late {
                shared.pause(late).await;
            }
            let Outgoing { target, form, sid, word } = outgoing;
            post_signed(&shared, &target, &form, (&sid, word), Some(delivered)).await;
        });
    }
}
