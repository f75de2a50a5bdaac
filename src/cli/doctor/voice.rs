//! Phone calls: whether a phone can be rung, and whether a key reaches us. Source: `facts/twilio-voice.md` §5, §9.

use crate::domain::breaker::shown;
use crate::gateways::GatewayError;
use crate::gateways::twilio::NumberSeen;

use super::super::app::App;
use super::finding::Findings;
use super::twilio::{Probe, ask};

/// Where who rings back is told to answer the text.
const RING_BACK: &str = "/webhooks/twilio/voice-inbound";

pub(super) async fn check(app: &App) -> Findings {
    let mut f = Findings::of("voice");
    let Some(from) = &app.config.directory.voice_from else {
        f.skip("number", "no phone is rung ([voice] is not configured)");
        return f;
    };
    let name = format!("number {}", shown(from.as_str()));
    let clients = (app.twilio(), app.twilio_by_token());
    match &clients.0 {
        Ok(client) => number(ask(app, client.number(from.as_str())).await, name, &mut f),
        Err(_) => f.skip(name, "not asked without credentials"),
    }
    match &app.config.server.public_url {
        Some(_) => f.ok("keys", "are posted to server.public_url, signed"),
        None => f.warn(
            "keys",
            "none can reach us: a phone call can only say to answer the text",
            "set server.public_url to an https address that leads to `serve`",
        ),
    }
    match &clients {
        (Ok(client), Ok(by_token)) => super::voice_limits::check(app, client, by_token, &mut f).await,
        _ => f.skip("limits", "not asked without credentials"),
    }
    f
}

fn number(said: Probe<Option<NumberSeen>>, name: String, f: &mut Findings) {
    match said {
        Probe::Yes(None) => {
            f.fail(name, "is no number of this account", "buy it, port it, or set another in voice.from");
        }
        Probe::Yes(Some(n)) if n.voice == Some(false) => {
            f.fail(name, "cannot ring a phone", "use a number with the voice capability in voice.from");
        }
        Probe::Yes(Some(n)) if !n.voice_url.trim_end_matches('/').ends_with(RING_BACK) => f.warn(
            name,
            "can ring phones, and who rings back does not hear that the text is to be answered",
            format!("set its voice URL (POST) to server.public_url + {RING_BACK}"),
        ),
        Probe::Yes(Some(_)) => f.ok(name, "can ring phones; who rings back is told to answer the text"),
        Probe::No(GatewayError::Refused { http: 401 | 403, .. }) => {
            f.skip(name, "this API key may not list the account's numbers");
        }
        Probe::No(e) => f.skip(name, format!("could not be looked up: {e}")),
        Probe::Unknown(why) => f.skip(name, format!("could not be looked up: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_cannot_ring_fails_and_one_whose_ring_backs_go_elsewhere_warns() {
        let seen = |voice: Option<bool>, voice_url: &str| {
            Probe::Yes(Some(NumberSeen { voice, voice_url: voice_url.to_owned(), ..NumberSeen::default() }))
        };
        let ours = "https://dispatch.example.com/webhooks/twilio/voice-inbound";
        for (said, state, words) in [
            (Probe::Yes(None), "fail", "no number of this account"),
            (seen(Some(false), ours), "fail", "cannot ring"),
            (seen(Some(true), "https://demo.twilio.com/welcome/voice/"), "warn", "voice URL"),
            (seen(Some(true), ""), "warn", "voice URL"),
            (seen(Some(true), ours), "ok", "can ring"),
            (seen(None, ours), "ok", "can ring"),
            (Probe::Unknown("no answer".to_owned()), "skip", "no answer"),
        ] {
            let mut f = Findings::of("voice");
            number(said, "number".to_owned(), &mut f);
            let shown = format!("{:?}", f);
            assert!(shown.to_lowercase().contains(state) && shown.contains(words), "{state}: {shown}");
        }
    }
}
