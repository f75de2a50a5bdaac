//! The table of routes.

use axum::routing::{get, post};

use super::route::{Access, Body, Part, Route, Served, Verb, WebhookRoute};
use super::show;
use crate::config::TokenScope;
use crate::http::{board, calls, dispatch, feed, links, metrics, oncall, ops};

const HTML: Body = Body::Text("text/html");
const JSON: &str = "Document";
const OPERATE: Access = Access::Token(TokenScope::Operate);
const READ: Access = Access::Token(TokenScope::Read);

/// A line that asks, with what most have.
const fn asks(path: &'static str, serve: fn() -> Served) -> Route {
    Route {
        verb: Verb::Get,
        path,
        part: Part::Full,
        access: READ,
        serve,
        summary: "",
        query: &[],
        takes: None,
        gives: (&[200], Body::Json(JSON)),
        also: &[],
    }
}

/// A line that changes something, with what most have.
const fn changes(path: &'static str, serve: fn() -> Served) -> Route {
    Route { verb: Verb::Post, access: OPERATE, also: &[404, 409, 413, 415, 503], ..asks(path, serve) }
}

/// A person's decision about a call.
const fn decides(path: &'static str, serve: fn() -> Served, summary: &'static str) -> Route {
    Route {
        takes: Some(Body::MaybeJson("Decision")),
        gives: (&[200], Body::Json("Call")),
        summary,
        ..changes(path, serve)
    }
}

/// Every route but the page's own.
pub(in crate::http) const ROUTES: &[Route] = &[
    Route {
        part: Part::Public,
        access: Access::Open,
        gives: (&[200], Body::Json(JSON)),
        summary: "Whether the process lives.",
        ..asks("/livez", || get(ops::live))
    },
    Route {
        part: Part::Public,
        access: Access::Secret,
        gives: (&[200], HTML),
        also: &[404, 410],
        ..asks("/l/{token}", || get(links::show))
    },
    Route {
        part: Part::Public,
        access: Access::Secret,
        gives: (&[200], HTML),
        ..changes("/l/{token}", || post(links::take))
    },
    Route {
        part: Part::Public,
        access: Access::Secret,
        gives: (&[200], Body::Text("text/calendar")),
        also: &[404],
        summary: "Who is on call, as a calendar. The secret in the path is that of a feed, and .ics stands behind it.",
        ..asks("/oncall/{file}", || get(feed::show))
    },
    Route {
        access: Access::Token(TokenScope::Dispatch),
        query: &[("shape", "v2: the answer is also as the system before this one wrote it")],
        takes: Some(Body::Json("Dispatch")),
        gives: (&[200, 201, 202], Body::Json("Dispatched")),
        also: &[409, 413, 415, 503],
        summary: "Hands an emergency over. 201: the first attempt's outcome is known, 202: it is not yet, 200: it was handed over before. \
                  The same again sends nothing. A header Idempotency-Key stands for a callId that is not given.",
        ..changes("/api/dispatch/manual", || post(dispatch::manual))
    },
    Route {
        gives: (&[200], Body::Json("Story")),
        also: &[404],
        summary: "As /api/calls/{id}: the path of the system before this one.",
        ..asks("/api/dispatch/status/{id}", || get(calls::story))
    },
    Route {
        query: &[
            ("status", "One status, or several with commas between"),
            ("since", "Only calls accepted at this time or later, RFC 3339"),
            ("before", "The id of a call: only older ones; `next` of the page before"),
            ("limit", "1 to 1000; 100 where it is not given"),
        ],
        gives: (&[200], Body::Json("Calls")),
        also: &[404],
        summary: "Calls, newest first. A token of the scope dispatch sees those that it handed over.",
        ..asks("/api/calls", || get(calls::list))
    },
    Route {
        gives: (&[200], Body::Json("Story")),
        also: &[404],
        summary: "The whole story of a call, by its id, its reference or the SID of one of its messages.",
        ..asks("/api/calls/{id}", || get(calls::story))
    },
    decides("/api/calls/{id}/ack", || post(calls::acknowledge), "Somebody took it; with `contact`, that contact did."),
    decides("/api/calls/{id}/resolve", || post(calls::resolve), "It is done."),
    decides("/api/calls/{id}/cancel", || post(calls::cancel), "It is withdrawn."),
    decides("/api/calls/{id}/reopen", || post(calls::reopen), "It needs somebody again: a new round."),
    decides("/api/calls/{id}/raise", || post(calls::raise), "It runs as a higher level, or is woken; with `level`."),
    decides("/api/calls/{id}/seen", || post(calls::seen), "A person has seen it in the morning."),
    decides(
        "/api/calls/{id}/note",
        || post(calls::note),
        "A line into its story: `note`; with `text`, also to those told of it.",
    ),
    Route {
        access: Access::Everything,
        query: &[
            ("at", "When, RFC 3339; now where it is not given"),
            ("line", "The number that is dialled"),
            ("role", "This role alone"),
        ],
        summary: "Who holds each role of a line, until when, who is next, and why.",
        ..asks("/api/oncall", || get(oncall::now))
    },
    Route {
        access: Access::Everything,
        query: &[
            ("from", "RFC 3339; now where it is not given"),
            ("until", "RFC 3339, 92 days at most behind `from`; a week where it is not given"),
            ("line", "The number that is dialled"),
            ("role", "This role alone"),
        ],
        summary: "Who holds the roles of a line, span by span.",
        ..asks("/api/oncall/shifts", || get(oncall::shifts))
    },
    Route {
        access: Access::Everything,
        summary: "Exceptions to who is on call that are not over.",
        ..asks("/api/oncall/overrides", || get(oncall::overrides))
    },
    Route {
        takes: Some(Body::Json("Override")),
        gives: (&[200, 201], Body::Json(JSON)),
        also: &[409, 413, 415, 503],
        summary: "Makes an exception. With a header Idempotency-Key the same again makes no second one.",
        ..changes("/api/oncall/overrides", || post(oncall::make))
    },
    Route {
        takes: Some(Body::MaybeJson("Withdrawal")),
        also: &[404, 413, 415, 503],
        summary: "Withdraws an exception; again says so and changes nothing.",
        ..changes("/api/oncall/overrides/{id}/withdraw", || post(oncall::withdraw))
    },
    Route {
        query: &[
            ("after", "`next` of the page before; 0 is the beginning"),
            ("call", "Of this call alone; a token of the scope dispatch must name one of its own"),
            ("since", "Only entries of this time or later, RFC 3339"),
            ("limit", "1 to 1000; 1000 where it is not given"),
        ],
        gives: (&[200], Body::Json("Log")),
        also: &[404],
        summary: "The log, oldest entry first.",
        ..asks("/api/log", || get(calls::log))
    },
    Route {
        access: Access::Everything,
        summary: "What the office's page shows, as JSON.",
        ..asks("/api/board", || get(board::document))
    },
    Route {
        access: Access::Everything,
        gives: (&[200], Body::Text("text/plain")),
        summary: "What a monitor watches, in the text format of Prometheus.",
        ..asks("/metrics", || get(metrics::show))
    },
    Route {
        access: Access::Open,
        gives: (&[200], Body::Text("application/vnd.oai.openapi+json")),
        summary: "This description.",
        ..asks("/openapi.json", || get(show::show))
    },
    Route {
        access: Access::Open,
        gives: (&[200, 503], Body::Json("Health")),
        summary: "How everything is: `ok`, `degraded` (a person should look) or `failing` (503).",
        ..asks("/health", || get(ops::health))
    },
    Route {
        access: Access::Open,
        gives: (&[200, 503], Body::Json(JSON)),
        summary: "Whether it takes work: 503 while it does not.",
        ..asks("/readyz", || get(ops::ready))
    },
];

const fn webhook(path: &'static str, summary: &'static str) -> WebhookRoute {
    WebhookRoute { path, summary, takes: Body::Form, gives: (204, Body::Text("text/plain")) }
}

const fn spoken(path: &'static str, summary: &'static str) -> WebhookRoute {
    WebhookRoute { gives: (200, Body::Text("text/xml")), ..webhook(path, summary) }
}

const fn report(path: &'static str, summary: &'static str) -> WebhookRoute {
    WebhookRoute { takes: Body::Json(JSON), gives: (200, Body::Json(JSON)), ..webhook(path, summary) }
}

/// What others post to us, each signed in its own way.
pub(in crate::http) const WEBHOOKS: &[WebhookRoute] = &[
    webhook("/webhooks/twilio/sms-status", "A delivery receipt that names its message."),
    webhook("/webhooks/twilio/sms-status/{attempt}", "A delivery receipt on the attempt's own URL."),
    spoken("/webhooks/twilio/sms-inbound", "A person's reply; answered in TwiML."),
    spoken("/webhooks/twilio/sms", "The same, as the system before this one named it."),
    webhook("/webhooks/twilio/status-callback", "A phone call to one of our numbers has ended."),
    spoken("/webhooks/twilio/voice/{attempt}/{turn}", "What is to be said in a phone call of ours."),
    spoken("/webhooks/twilio/voice-key/{attempt}/{turn}", "Which key was pressed in it."),
    webhook("/webhooks/twilio/voice-status/{attempt}", "How it goes."),
    spoken("/webhooks/twilio/voice-inbound", "Somebody rings a number of ours back."),
    report("/webhooks/retell/call-ended", "Retell's report of a phone call."),
    report("/webhooks/retell/function", "Retell's agent asks for something during one."),
    report("/webhooks/vapi", "Vapi's messages about a phone call."),
    report("/webhooks/intake/{name}", "The report of a configured source of another kind."),
    WebhookRoute {
        gives: (200, Body::Json(JSON)),
        ..webhook(
            "/webhooks/probe",
            "`dispatchctl doctor` tries the public URL and its signature; nothing is recorded.",
        )
    },
];
