//! One real text to a number of the operator's, followed until it is delivered: credentials, sender, carrier and telephone in one.
//!
//! It belongs to no call and is kept nowhere, so it carries no reference and asks for no callback: its status is asked for. It is made
//! once; an answer that is lost is looked for in the provider's list by its words.

use std::time::Duration;

use crate::config::Mode;
use crate::domain::body::segments;
use crate::domain::breaker::shown;
use crate::domain::call::CallStatus;
use crate::domain::codes::name_of;
use crate::domain::receipt::Verdict;
use crate::domain::types::{AttemptId, MessageSid, Sender};
use crate::domain::{PhoneNumber, Timestamp};
use crate::gateways::{Callback, GatewayError, ListFilter, MessageBody, MessageRecord, SmsGateway, Submission};
use crate::store::{CallFilter, Views};

use super::super::app::App;
use super::super::output::Output;
use super::finding::{Args, Findings};

/// Between two questions how it goes.
const ASKS_EVERY: Duration = Duration::from_secs(1);
/// What the list is searched through for a text whose answer was lost.
const LIST_MAX: usize = 50;
const NAME: &str = "canary";
const CODES: &str = "look the code up at twilio.com/docs/api/errors";

pub(super) async fn check(app: &App, args: &Args, store: Result<Option<&dyn Views>, String>, out: &Output) -> Findings {
    let mut f = Findings::of("twilio");
    let Some(to) = &args.canary else { return f };
    let senders = app.config.directory.from.iter().chain(&app.config.directory.fallback);
    let (Some(from), true) = (senders.into_iter().next(), app.config.texts) else {
        f.fail(NAME, "not sent: nothing is configured that texts are sent from", "set twilio.from");
        return f;
    };
    match looking_for_somebody(store).await {
        Ok(None) => {}
        Ok(Some(call)) => {
            let what = format!(
                "not sent: the call {call} looks for somebody, and a reply to a test could be taken for its answer"
            );
            f.fail(NAME, what, "try again when it is taken");
            return f;
        }
        Err(why) => {
            f.fail(NAME, format!("not sent: whether a call is open cannot be seen: {why}"), "see the store above");
            return f;
        }
    }
    let gateway = match app.gateway() {
        Ok(gateway) => gateway,
        Err(e) => {
            f.fail(NAME, format!("not sent: {}", e.what), "see config above");
            return f;
        }
    };
    let now = app.clock.now();
    let id = AttemptId::from_uuid(app.ids.uuid(now));
    let body = words(id);
    if app.config.mode == Mode::Live {
        out.note(&format!(
            "sends one real text to {to} from {}: {} segment, at your account's price",
            shown(from.as_str()),
            segments(&body)
        ));
    }
    let text = Submission {
        attempt: id,
        to: to.clone(),
        from: from.clone(),
        body: MessageBody(body),
        validity: app.config.twilio.as_ref().map_or(args.canary_wait, |t| t.validity),
        callback: Callback::Without,
    };
    let end = now.plus(args.canary_wait);
    match gateway.submit(&text).await {
        Ok(record) => follow(app, &*gateway, record, (now, end), to, &mut f).await,
        Err(GatewayError::Refused { http, code, message }) => {
            let words = code.map(|c| format!(" {c}, {}", name_of(c))).unwrap_or_default();
            f.fail(NAME, format!("refused (HTTP {http}){words}: {message}"), CODES);
        }
        Err(GatewayError::Retryable { why, .. }) => {
            f.fail(NAME, format!("not sent: Twilio could not be asked: {why}"), super::twilio::REACH);
        }
        Err(GatewayError::Unknown { why }) => match found(app, &*gateway, &text, end).await {
            Some(record) => follow(app, &*gateway, record, (now, end), to, &mut f).await,
            None => {
                let what =
                    format!("nobody knows whether it was sent ({why}), and the provider's list does not have it");
                f.fail(NAME, what, "look whether it came, and at the messages in the console, before another is sent");
            }
        },
    }
    f
}

/// A call that looks for somebody now.
pub(in crate::cli) async fn looking_for_somebody(
    store: Result<Option<&dyn Views>, String>,
) -> Result<Option<String>, String> {
    // Where there is no store there is no call.
    let Some(store) = store? else { return Ok(None) };
    let statuses = vec![CallStatus::Dispatching, CallStatus::Exhausted];
    let open = store.calls(&CallFilter { statuses, limit: 1, ..CallFilter::default() }).await;
    open.map(|all| all.first().map(|line| line.call.id.to_string())).map_err(|e| e.to_string())
}

/// One segment; the token tells one test from another.
fn words(id: AttemptId) -> String {
    let token: String = id.uuid().simple().to_string().chars().rev().take(8).collect();
    format!("Test by dispatchctl doctor: nothing is to be done, please do not reply. {token}")
}

/// Until it has ended, or the time is over.
async fn follow(
    app: &App,
    gateway: &dyn SmsGateway,
    mut record: MessageRecord,
    (began, end): (Timestamp, Timestamp),
    to: &PhoneNumber,
    f: &mut Findings,
) {
    let sid = record.sid.clone();
    let mut trouble = None;
    loop {
        let now = app.clock.now();
        let took = now.since(began).as_secs_f64();
        match record.status.verdict() {
            Some(Verdict::Delivered) => {
                f.ok(NAME, format!("delivered to {to} after {took:.1} s ({})", sid.as_str()));
                return;
            }
            Some(Verdict::Failed) => {
                let code = record.error_code.map(|c| format!(", code {c}: {}", name_of(c))).unwrap_or_default();
                let what = format!("{} after {took:.1} s{code} ({})", record.status.as_str(), sid.as_str());
                f.fail(NAME, what, CODES);
                return;
            }
            None if now >= end => {
                f.fail(NAME, late(&record, &sid, took, trouble), LATE);
                return;
            }
            None => {}
        }
        app.clock.sleep_until(now.plus(ASKS_EVERY).min(end)).await;
        match gateway.fetch(&sid).await {
            Ok(newer) => (record, trouble) = (newer, None),
            Err(e) => trouble = Some(e.to_string()),
        }
    }
}

const LATE: &str = "look whether the phone has it: some carriers confirm nothing; else see the message in the console, and the registration \
    of the sender (A2P 10DLC, toll-free)";

fn late(record: &MessageRecord, sid: &MessageSid, took: f64, trouble: Option<String>) -> String {
    let trouble = trouble.map(|why| format!("; it could not be asked for last: {why}")).unwrap_or_default();
    format!("not delivered within {took:.0} s: its status is {} ({}){trouble}", record.status.as_str(), sid.as_str())
}

/// What the provider has made of it though its answer was lost.
async fn found(app: &App, gateway: &dyn SmsGateway, text: &Submission, end: Timestamp) -> Option<MessageRecord> {
    let filter = ListFilter {
        to: Some(text.to.e164().to_owned()),
        from: (!text.from.is_service()).then(|| Sender::as_str(&text.from).to_owned()),
        not_before: None,
        limit: LIST_MAX,
    };
    let token = text.body.0.rsplit(' ').next().unwrap_or_default();
    loop {
        let listed = gateway.list(&filter).await.map(|l| l.messages).unwrap_or_default();
        let ours = listed.into_iter().find(|m| m.direction == "outbound-api" && m.body.0.ends_with(token));
        if ours.is_some() || app.clock.now() >= end {
            return ours;
        }
        app.clock.sleep_until(app.clock.now().plus(ASKS_EVERY).min(end)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::contains_reference;
    use uuid::Uuid;

    #[test]
    fn its_words_are_one_segment_and_no_two_are_alike_and_none_holds_a_reference() {
        let of = |n: u128| words(AttemptId::from_uuid(Uuid::from_u128(n)));
        assert_ne!(of(1), of(2));
        for text in [of(1), of(u128::MAX), of(0x0123_4567_89ab_cdef)] {
            assert_eq!(segments(&text), 1, "{text}");
            assert!(!contains_reference(&text, "7K3Q-2"), "{text}");
        }
    }
}
