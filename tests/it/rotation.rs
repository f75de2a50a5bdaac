//! Secrets that are rotated while `serve` runs: the new one counts once its other side takes it, a wrong one changes nothing and is said.

use std::time::Duration;

use dispatchctl::testkit::Stopwatch;
use serde_json::{Value, json};

use crate::settings::Shop;
use crate::support::http;
use crate::support::process::Process;
use crate::support::stage::{SAM, text};
use crate::support::wait::until;

const NEW_AUTH: &str = "rotated-auth-token";
const NEW_TOKEN: &str = "patSandbox.rotated-airtable-token";

impl Shop {
    /// The provider and the base take these from now on, and no others.
    fn rotate(&self, secrets: &Value) {
        self.stage.control("POST", "settings", secrets);
    }

    fn alerts(&self) -> String {
        self.run("other", &["-o", "json", "alerts"]).1
    }

    fn told(&self, call: &str) {
        self.row_of_intake(call);
        self.dispatch(call, "normal");
        until(&format!("the provider has {call}"), || {
            let story = self.call(call);
            matches!(text(&story["attempts"][0], "attemptState"), "submitted" | "delivered").then_some(())
        });
        until("Airtable has it", || self.status_in_airtable(call));
    }
}

fn reload(serve: &Process, words: &str) {
    let before = serve.stderr().matches(words).count();
    serve.signal("HUP");
    until(&format!("the words {words:?}"), || (serve.stderr().matches(words).count() > before).then_some(()));
}

#[test]
fn new_secrets_count_at_a_reload_and_a_call_goes_through_with_each() {
    let shop = Shop::new();
    let serve = shop.serve();
    shop.told("before");
    // The provider takes the new one alone from now on; the file has the old one.
    shop.write("live/twilio", NEW_AUTH);
    shop.write("live/airtable", NEW_TOKEN);
    shop.rotate(&json!({ "authToken": NEW_AUTH, "airtableToken": NEW_TOKEN }));
    reload(&serve, "settings and tokens were read again");
    for said in
        ["twilio.auth_token or api_secret of requests has changed and counts", "airtable.token has changed and counts"]
    {
        serve.says(said);
    }
    shop.told("after");
    // What the provider signs with the new token is heard, too.
    shop.stage.reply(SAM, &format!("1 {}", text(&shop.call("after"), "reference")));
    until("the reply counts", || (text(&shop.call("after"), "status") == "ACKNOWLEDGED").then_some(()));
    assert_eq!(shop.stage.ledger().texts_to(SAM).len(), 2, "nobody is texted twice");
    let said = serve.stderr();
    assert!(!said.contains(NEW_AUTH) && !said.contains(NEW_TOKEN), "no secret is in a log: {said}");
}

#[test]
fn a_wrong_secret_is_refused_and_said_and_the_old_one_goes_on() {
    let shop = Shop::new();
    let serve = shop.serve();
    shop.told("before");
    for (file, wrong, says) in [
        ("live/twilio", "a-typing-error-of-somebody", "the provider refuses it (code 20003)"),
        ("live/airtable", "pat.typing-error", "Airtable refuses it"),
    ] {
        let was = std::fs::read_to_string(shop.stage.shop.path(file)).expect("read");
        shop.write(file, wrong);
        reload(&serve, says);
        until("it is alerted", || shop.alerts().contains("settings-file").then_some(()));
        let call = format!("with-a-wrong-{}", file.trim_start_matches("live/"));
        shop.told(&call);
        shop.write(file, &was);
        reload(&serve, "settings and tokens were read again");
        until("it is over", || (!shop.alerts().contains("settings-file")).then_some(()));
        assert!(!serve.stderr().contains(wrong), "no secret is in a log");
    }
    // A reply that is signed with the old token is heard all the same.
    shop.stage.reply(SAM, &format!("1 {}", text(&shop.call("before"), "reference")));
    until("the reply counts", || (text(&shop.call("before"), "status") == "ACKNOWLEDGED").then_some(()));
}

#[test]
fn a_secret_that_nobody_answers_for_waits_and_is_tried_again() {
    let shop = Shop::new();
    let serve = shop.serve();
    shop.told("before");
    shop.write("live/twilio", NEW_AUTH);
    shop.rotate(&json!({ "authToken": NEW_AUTH }));
    shop.stage.fault(&json!([{ "kind": "refuse", "on": "list", "status": 503 }]));
    reload(&serve, "nobody can say whether it is right");
    shop.stage.clear_faults();
    until("it is taken over by itself", || {
        serve.stderr().contains("settings and tokens were read again").then_some(())
    });
    shop.told("after");
}

/// The provider takes 20 s for each list: whoever waited for the trial would wait for that.
#[test]
fn nothing_waits_for_the_trial_of_a_secret_and_an_untried_one_is_not_used() {
    let shop = Shop::new();
    let serve = shop.serve();
    shop.told("before");
    let was = std::fs::read_to_string(shop.stage.shop.path("live/twilio")).expect("read");
    shop.write("live/new.toml", &shop.config("[delivery]\nresend_limit = 1\n"));
    shop.rotate(&json!({ "authToken": NEW_AUTH }));
    shop.stage.fault(&json!([{ "kind": "answer_late", "on": "list", "delayMs": 20_000 }]));
    shop.write("live/twilio", NEW_AUTH);
    let began = Stopwatch::start();
    serve.signal("HUP");
    // An ordinary change of another process counts meanwhile, under the secrets of before.
    let (code, _, said) = shop.run("live", &["--config", "new.toml", "config", "apply"]);
    assert_eq!(code, 0, "{said}");
    until("the change counts", || serve.stderr().contains("config apply").then_some(()));
    assert!(!serve.stderr().contains("new secrets are taken"), "nobody has answered for it");
    // So does another reload, with the secret of before: the trial is given up.
    shop.write("live/twilio", &was);
    shop.rotate(&json!({ "authToken": was.trim() }));
    reload(&serve, "settings and tokens were read again");
    assert!(began.passed() < Duration::from_secs(12), "it took {:?}: something waited", began.passed());
    shop.stage.clear_faults();
    shop.told("after");
    let said = serve.stderr();
    assert!(!said.contains("nobody can say whether") && !said.contains("new secrets are taken"), "{said}");
    assert!(!said.contains(NEW_AUTH));
}

#[test]
fn a_token_of_the_api_that_is_rotated_counts_at_once_and_the_old_one_is_refused() {
    let shop = Shop::new();
    let token =
        |name: &str| format!("[[server.tokens]]\nname = \"{name}\"\ntoken_file = \"api\"\nscope = \"dispatch\"\n");
    shop.write("live/api", "an-old-token-of-the-api-0001");
    shop.write("live/config.toml", &shop.config(&token("intake")));
    let serve = shop.serve();
    let asks = |secret: &str| {
        let auth = format!("Bearer {secret}");
        http::request(shop.at, "GET", "/api/calls", &[("authorization", &auth)], "").expect("an answer").status
    };
    assert_eq!((asks("an-old-token-of-the-api-0001"), asks("a-new-token-of-the-api-0002")), (200, 401));
    shop.write("live/api", "a-new-token-of-the-api-0002");
    reload(&serve, "settings and tokens were read again");
    assert_eq!((asks("an-old-token-of-the-api-0001"), asks("a-new-token-of-the-api-0002")), (401, 200));
}
