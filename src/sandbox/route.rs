//! Who answers a request: the controls, Airtable, a voice agents' platform or Twilio.

use std::sync::Arc;

use wiremock::Request;

use super::answer::Response;
use super::state::Shared;
use super::{agents, airtable, controls, twilio, wire};
use crate::clock::Clock as _;
use crate::domain::Timestamp;

/// Answers one request.
pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Response {
    if request.url.path().starts_with("/_sandbox/") {
        controls::answer(shared, request)
    } else if request.url.path().starts_with("/v0/") {
        airtable::answer(shared, request)
    } else if agents::is_list(request) {
        agents::answer(shared, request)
    } else {
        dated(shared, twilio::answer(shared, request))
    }
}

/// An answer with the date of the provider's own clock; without a difference the server writes it.
fn dated(shared: &Shared, answer: Response) -> Response {
    let apart_ms = shared.state().apart_ms;
    match answer {
        Response::Send(template) if apart_ms != 0 => {
            let now = Timestamp::from_millis(shared.clock.now().as_millis().saturating_add(apart_ms));
            Response::Send(template.insert_header("Date", wire::http_date(now).as_str()))
        }
        other => other,
    }
}
