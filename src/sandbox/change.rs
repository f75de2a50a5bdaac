//! Redacting and deleting a message: what an operator or a retention job does in the account behind our back.
//!
//! Source: `facts/twilio.md` §3, Twilio's error pages 20009, 30400 and 30409. The ledger keeps the whole message.

use std::sync::Arc;

use wiremock::ResponseTemplate;

use super::answer::Response;
use super::messages::{Content, Message};
use super::state::Shared;
use super::wire::{Params, TwilioRefusal, not_found, resource, respond};

/// `POST …/Messages/{Sid}.json`: an empty `Body` takes the text away; nothing else of a message can be changed here.
pub(super) fn update(shared: &Arc<Shared>, path: &str, sid: &str, form: &[u8]) -> Result<Response, TwilioRefusal> {
    let params = Params::parse(form, &["Body", "Status"], &[])?;
    let message = complete(shared, path, sid)?;
    if params.has("Status") {
        return Err(TwilioRefusal::new(400, 30409, "This message cannot be canceled"));
    }
    if !params.has("Body") || params.get("Body").is_some() {
        return Err(TwilioRefusal::new(400, 30400, "Parameters are not valid"));
    }
    keep(shared, sid, Content::Redacted)?;
    let redacted = Message { content: Content::Redacted, ..message };
    Ok(Response::Send(respond(shared, 200, &resource(shared, &redacted))))
}

/// `DELETE …/Messages/{Sid}.json`.
pub(super) fn delete(shared: &Arc<Shared>, path: &str, sid: &str) -> Result<Response, TwilioRefusal> {
    complete(shared, path, sid)?;
    keep(shared, sid, Content::Deleted)?;
    let id = shared.sid("RQ");
    Ok(Response::Send(ResponseTemplate::new(204).insert_header("Twilio-Request-Id", id.as_str())))
}

/// The message, where there is one and it has come to its end.
fn complete(shared: &Shared, path: &str, sid: &str) -> Result<Message, TwilioRefusal> {
    let found = shared.state().messages.shown(sid).cloned().ok_or_else(|| not_found(path))?;
    if found.is_complete() {
        Ok(found)
    } else {
        Err(TwilioRefusal::new(409, 20009, "Cannot delete this resource before it is complete"))
    }
}

fn keep(shared: &Shared, sid: &str, content: Content) -> Result<(), TwilioRefusal> {
    shared.set_content(sid, content).map_err(|e| {
        tracing::error!(error = %e, "the sandbox's ledger cannot be written: the message was not changed");
        TwilioRefusal::new(500, 20500, "the sandbox cannot write its ledger")
    })
}
