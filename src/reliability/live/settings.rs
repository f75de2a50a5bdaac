//! The settings of the engine under test: the operator's effective ones for the provider, delivery and the mirror, and none
//! of those that could reach anybody but the test numbers.
//!
//! They are made from the checked configuration, not copied from its file: what a flag, the environment or `.env` said is in
//! them. Left out on purpose: contacts, lines, the shop's policies and templates, alert sinks, the heartbeat, the shop's API
//! tokens, adoption of calls from Airtable and contacts read from there. Secrets ride in the child's environment and are
//! never written.

use std::fmt::Write as _;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::config::{Airtable, Config, MirrorPace, Twilio, UnknownPolicy, Verify};

use super::super::settings::quoted;
use super::plan::LivePlan;

/// Tells every number, and everybody again after T1.
pub(super) const ALL: &str = "drill-all";
/// Tells the first number alone, and again after T1.
pub(super) const FIRST: &str = "drill-first";
/// Rings every number.
pub(super) const VOICE: &str = "drill-voice";
/// Without callbacks statuses are asked for this soon.
const POLL_SOON: Duration = Duration::from_secs(5);

/// A file's text, and what rides in the environment.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) env: Vec<(&'static str, String)>,
}

/// Requests a second that are left to who looks into the base beside the engine, and to its restart, which knows nothing of
/// the requests before it: the provider counts them all, and half a minute of silence would follow.
const LOOKS_ON: f64 = 1.5;

/// The settings of this plan. `token`: opens the API of the engine under test.
pub(super) fn of(config: &Config, twilio: &Twilio, plan: &LivePlan, token: &str) -> Made {
    let mut made = Made { text: String::new(), env: Vec::new() };
    let t = &mut made.text;
    line(t, "name", &quoted(&config.directory.default_line.name));
    table(t, "[server]");
    if let Some(url) = &plan.public_url {
        line(t, "public_url", &quoted(url.as_str()));
    }
    table(t, "[[server.tokens]]");
    line(t, "name", "\"live-drill\"");
    line(t, "token", &quoted(token));
    line(t, "scope", "\"operate\"");
    provider(twilio, &mut made);
    delivery(config, plan, &mut made.text);
    phone_calls(plan, &mut made.text);
    if let Some(airtable) = &config.airtable {
        mirror(airtable, &mut made);
    }
    people(plan, &mut made.text);
    made
}

fn line(t: &mut String, key: &str, value: &str) {
    let _ = writeln!(t, "{key} = {value}");
}

fn table(t: &mut String, head: &str) {
    let _ = writeln!(t, "{head}");
}

fn span(d: Duration) -> String {
    format!("\"{}ms\"", d.as_millis())
}

fn provider(twilio: &Twilio, made: &mut Made) {
    let t = &mut made.text;
    table(t, "[twilio]");
    line(t, "account_sid", &quoted(&twilio.account_sid));
    if let Some((sid, _)) = &twilio.api_key {
        line(t, "api_key", &quoted(sid));
    }
    if let Some(sender) = &twilio.sender {
        let key = if sender.is_service() { "messaging_service_sid" } else { "from" };
        line(t, key, &quoted(sender.as_str()));
    }
    line(t, "base_url", &quoted(twilio.base_url.as_str()));
    line(t, "messages_per_second", &format!("{:?}", twilio.messages_per_second));
    line(t, "connect_timeout", &span(twilio.connect_timeout));
    line(t, "request_timeout", &span(twilio.request_timeout));
    line(t, "validity", &span(twilio.validity));
    made.env.push(("DISPATCHCTL_TWILIO__AUTH_TOKEN", twilio.auth_token.expose_secret().to_owned()));
    if let Some(previous) = &twilio.auth_token_previous {
        made.env.push(("DISPATCHCTL_TWILIO__AUTH_TOKEN_PREVIOUS", previous.expose_secret().to_owned()));
    }
    if let Some((_, secret)) = &twilio.api_key {
        made.env.push(("DISPATCHCTL_TWILIO__API_SECRET", secret.expose_secret().to_owned()));
    }
}

/// No text beyond the plan's: an unknown outcome is held, a failed text is not sent again, nobody is stood down.
fn delivery(config: &Config, plan: &LivePlan, t: &mut String) {
    let d = &config.delivery;
    let poll_after = if plan.public_url.is_some() { d.poll_after } else { d.poll_after.min(POLL_SOON) };
    table(t, "[delivery]");
    line(t, "status_timeout", &span(d.status_timeout));
    line(t, "poll_after", &span(poll_after));
    line(t, "settle", &span(d.settle));
    line(t, "unknown_first", held(UnknownPolicy::Hold));
    line(t, "unknown_follow_up", held(UnknownPolicy::Hold));
    line(t, "resend_limit", "0");
    line(t, "resend_pause", &span(d.resend_pause));
    line(t, "stand_down", "false");
}

fn phone_calls(plan: &LivePlan, t: &mut String) {
    let Some(voice) = &plan.voice else { return };
    table(t, "[voice]");
    line(t, "from", &quoted(voice.from.as_str()));
    line(t, "per_second", &format!("{:?}", voice.per_second));
    line(t, "timeout", &span(voice.timeout));
}

fn held(policy: UnknownPolicy) -> &'static str {
    match policy {
        UnknownPolicy::Resend => "\"resend\"",
        UnknownPolicy::Hold => "\"hold\"",
    }
}

fn mirror(airtable: &Airtable, made: &mut Made) {
    let t = &mut made.text;
    table(t, "[airtable]");
    line(t, "base_id", &quoted(&airtable.base_id));
    line(t, "base_url", &quoted(airtable.base_url.as_str()));
    let rate = (airtable.requests_per_second - LOOKS_ON).max(airtable.requests_per_second / 2.0);
    line(t, "requests_per_second", &format!("{rate:?}"));
    match airtable.mirror {
        MirrorPace::Realtime => line(t, "mirror", "\"realtime\""),
        MirrorPace::Batched(every) => {
            line(t, "mirror", "\"batched\"");
            line(t, "batch_every", &span(every));
        }
    }
    let verify = match airtable.verify {
        Verify::All => "\"all\"",
        Verify::First => "\"first\"",
        Verify::None => "\"none\"",
    };
    line(t, "verify", verify);
    // Calls that the shop's own people put there are none of this test's.
    line(t, "adopt_every", "\"0s\"");
    table(t, "[airtable.tables]");
    line(t, "events", &quoted(&airtable.tables.events));
    line(t, "calls", &quoted(&airtable.tables.calls));
    line(t, "contacts", "\"\"");
    for (head, pairs) in [
        ("[airtable.fields.events]", airtable.events.all()),
        ("[airtable.fields.calls]", airtable.calls.all()),
        ("[airtable.fields.contacts]", airtable.contacts.all()),
        ("[airtable.fields.businesses]", airtable.businesses.all()),
    ] {
        table(t, head);
        for (ours, theirs) in pairs {
            line(t, ours, &quoted(theirs));
        }
    }
    for (head, ours) in [
        ("[airtable.values.events.delivery_status]", "delivery_status"),
        ("[airtable.values.events.method]", "method"),
        ("[airtable.values.calls.status]", "status"),
        ("[airtable.values.calls.emergency_level]", "emergency_level"),
    ] {
        let Some(map) = airtable.values.of(ours).filter(|m| !m.is_empty()) else { continue };
        table(t, head);
        for word in map.words() {
            let theirs: Vec<String> = map.of(word).unwrap_or_default().iter().map(|w| quoted(w)).collect();
            line(t, &quoted(word), &format!("[{}]", theirs.join(", ")));
        }
    }
    made.env.push(("DISPATCHCTL_AIRTABLE__TOKEN", airtable.token.expose_secret().to_owned()));
}

fn people(plan: &LivePlan, t: &mut String) {
    for (i, number) in plan.numbers.iter().enumerate() {
        table(t, "[[contacts]]");
        line(t, "id", &quoted(&contact(i)));
        line(t, "phone", &quoted(number.e164()));
        line(t, "role", if i == 0 { "\"first\"" } else { "\"others\"" });
    }
    let everybody = if plan.numbers.len() > 1 { "\"first\", \"others\"" } else { "\"first\"" };
    // The shop's own levels are taken away: a call of one would go to the first number alone, and to nobody else.
    for (name, notify) in [(ALL, everybody), (FIRST, "\"first\""), ("normal", "\"first\""), ("high", "\"first\"")] {
        table(t, &format!("[policies.{name}]"));
        let wait = span(plan.t1);
        line(
            t,
            "steps",
            &format!("[ {{ wait = \"0s\", notify = [{notify}] }}, {{ wait = {wait}, notify = [{notify}] }} ]"),
        );
        line(t, "exhaust_after", "\"2h\"");
    }
    if plan.voice.is_some() {
        table(t, &format!("[policies.{VOICE}]"));
        line(t, "steps", &format!("[ {{ wait = \"0s\", notify = [{everybody}], channel = \"voice\" }} ]"));
        line(t, "exhaust_after", "\"2h\"");
    }
}

/// The id of a test number.
pub(super) fn contact(index: usize) -> String {
    format!("test-{}", index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::plan::Wishes;
    use super::super::tests::{config, config_from};
    use super::*;

    const ALL_SET: &str = r#"
[server]
listen = "127.0.0.1:3000"
public_url = "https://dispatch.example.com"
[[server.tokens]]
name = "intake"
token = "a-token-of-twenty-characters"
scope = "dispatch"
[delivery]
status_timeout = "7m"
poll_after = "31s"
settle = "61s"
resend_pause = "21s"
[airtable]
base_id = "app00000000000000"
requests_per_second = 3.5
verify = "first"
adopt_every = "30s"
[airtable.tables]
events = "Our \"Events\""
contacts = "On-Call"
[airtable.fields.events]
event_id = "Schlüssel"
[test]
numbers = ["+19495550101", "+19495550102"]
[[contacts]]
id = "sam"
phone = "+19495550199"
role = "primary"
[[alerts.sinks]]
kind = "webhook"
url = "https://hooks.example.com/x"
[[lines]]
number = "+18005550100"
name = "Acme Lifts"
"#;

    #[test]
    fn the_child_has_the_operators_provider_and_nobody_else_to_text() {
        let mut theirs = config(ALL_SET);
        if let Some(t) = &mut theirs.twilio {
            t.api_key = Some((format!("SK{}", "1".repeat(32)), "the-key's-secret".to_owned().into()));
            t.auth_token_previous = Some("the-previous-token".to_owned().into());
            (t.messages_per_second, t.request_timeout) = (2.5, Duration::from_secs(14));
        }
        let wishes = Wishes { listen: Some(([127, 0, 0, 1], 9).into()), ..Wishes::default() };
        let plan = LivePlan::of(&theirs, &wishes).expect("a plan");
        let twilio = theirs.twilio.as_ref().expect("a provider");
        let made = of(&theirs, twilio, &plan, "token-of-this-run-0001");
        for secret in ["sample-auth-token", "patSample", "the-key's-secret", "the-previous-token", "a-token-of-twenty"]
        {
            assert!(!made.text.contains(secret), "{secret} is written: {}", made.text);
        }
        let env = made.env.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        let ours = config_from(&made.text, env);
        // The whole of what is said of the provider, secrets included, as both would be used.
        let shown = |c: &Config| format!("{:?}", c.twilio);
        assert_eq!(shown(&ours), shown(&theirs));
        let secret = |c: &Config| {
            let t = c.twilio.as_ref().expect("a provider");
            let all = [Some(&t.auth_token), t.auth_token_previous.as_ref(), t.api_key.as_ref().map(|k| &k.1)];
            all.map(|s| s.map(|s| s.expose_secret().to_owned()))
        };
        assert_eq!(secret(&ours), secret(&theirs));
        let (a, b) = (ours.airtable.as_ref().expect("ours"), theirs.airtable.as_ref().expect("theirs"));
        assert_eq!((&a.base_id, a.verify, &a.events, &a.calls), (&b.base_id, b.verify, &b.events, &b.calls));
        assert_eq!((&a.tables.events, a.token.expose_secret()), (&b.tables.events, b.token.expose_secret()));
        assert!((b.requests_per_second - a.requests_per_second - LOOKS_ON).abs() < 1e-9, "{}", a.requests_per_second);
        assert_eq!((a.adopt_every, &a.tables.contacts), (None, &None), "nobody comes in by Airtable");
        let d = (&ours.delivery, &theirs.delivery);
        assert_eq!((d.0.status_timeout, d.0.poll_after, d.0.settle), (d.1.status_timeout, d.1.poll_after, d.1.settle));
        assert_eq!((d.0.resend_limit, d.0.stand_down), (0, false), "no text beyond the plan's");
        let phones: Vec<&str> = ours.directory.contacts.iter().map(|c| c.phone.e164()).collect();
        assert_eq!(phones, ["+19495550101", "+19495550102"]);
        assert!(ours.directory.lines.is_empty() && ours.alerts.sinks.is_empty() && ours.heartbeat.is_none());
        assert_eq!(ours.server.public_url, theirs.server.public_url);
        assert_eq!(ours.server.tokens.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["live-drill"]);
    }

    #[test]
    fn without_callbacks_statuses_are_asked_for_sooner() {
        let theirs = config("[test]\nnumbers = [\"+19495550101\"]\n");
        let plan = LivePlan::of(&theirs, &Wishes::default()).expect("a plan");
        let made = of(&theirs, theirs.twilio.as_ref().expect("a provider"), &plan, "token-of-this-run-0001");
        let env = made.env.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        let ours = config_from(&made.text, env);
        assert_eq!((ours.delivery.poll_after, ours.server.public_url), (POLL_SOON, None));
    }
}
