//! A shop that tells by mail alone: no provider of texts is configured, in live mode, with a relay on this machine.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::Shop;
use crate::support::http;
use crate::support::process::Process;
use crate::support::wait::until;

const CONFIG: &str = r#"
name = "Acme Plumbing"
[smtp]
from = "dispatch@example.com"
[last_resort]
notify = ["ana"]
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
email = "sam@example.com"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
email = "ana@example.com"
role = "backup"
[policies.normal]
steps = [ { wait = "0s", notify = ["primary"], channel = "email" }, { wait = "1h", notify = ["backup"], channel = "email" } ]
exhaust_after = "1h"
[policies.high]
steps = [ { wait = "0s", notify = ["primary"], channel = "email" } ]
exhaust_after = "1h"
"#;

/// The relay of a sandbox beside the test, and what it took.
struct Relay {
    _sandbox: Process,
    at: SocketAddr,
    url: String,
}

impl Relay {
    fn start(shop: &mut Shop) -> Self {
        let mut command = shop.command(&["-o", "json", "sandbox", "--listen", "127.0.0.1:0"]);
        let mut sandbox = Process::start(&mut command, &shop.path(""), "sandbox");
        let line = sandbox.first_line();
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{name}: {line}")).to_owned();
        let (url, base) = (text("smtpUrl"), text("baseUrl"));
        shop.set("DISPATCHCTL_SMTP__URL", url.clone());
        let at = base.strip_prefix("http://").and_then(|at| at.parse().ok()).expect("an address");
        Self { at, url, _sandbox: sandbox }
    }

    fn mails(&self) -> Vec<Value> {
        let answer = http::json(self.at, "GET", "/_sandbox/mails", None).expect("answers").json();
        answer["mails"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn a_shop_without_a_provider_of_texts_starts_is_examined_and_dispatches_by_mail() {
    let mut shop = Shop::with_config(CONFIG);
    let relay = Relay::start(&mut shop);
    let live = |args: &[&str]| shop.run_as_is(&[&["--store", "sqlite:live.db"], args].concat());

    let sent =
        live(&["send", "--call-id", "m1", "--issue", "no heat", "--level", "normal", "--caller", "+19495550150"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let mails = relay.mails();
    assert_eq!((mails.len(), &mails[0]["to"]), (1, &json!("sam@example.com")), "{mails:?}");
    let body = mails[0]["body"].as_str().expect("a body");
    assert!(body.contains("no heat") && body.contains("+19495550150") && body.contains("Ring the office"), "{body}");

    let doctor = live(&["doctor", "-o", "json"]);
    let document = doctor.json();
    let checks = document["checks"].as_array().expect("checks");
    let of = |area: &str, name: &str| {
        checks
            .iter()
            .find(|c| c["area"] == area && c["name"] == name)
            .unwrap_or_else(|| panic!("{area} {name}: {doctor:?}"))
    };
    assert_eq!(
        (&of("mail", "relay")["status"], &of("twilio", "credentials")["status"]),
        (&json!("ok"), &json!("skip"))
    );
    assert!(checks.iter().all(|c| c["status"] != "fail"), "{doctor:?}");

    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
    command
        .args(["--store", "sqlite:live.db", "-o", "json", "serve", "--listen", "127.0.0.1:0"])
        .current_dir(shop.path(""));
    command.env("DISPATCHCTL_SMTP__URL", &relay.url);
    let mut serve = Process::start(&mut command, &shop.path(""), "serve");
    serve.first_line();
    let sent = live(&["send", "--call-id", "m2", "--issue", "a leak"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    until("the second mail", || (relay.mails().len() == 2).then_some(()));
    let taken = live(&["ack", "m2", "--for", "ana", "-o", "json"]);
    assert_eq!(taken.json()["status"], "ACKNOWLEDGED", "{taken:?}");
    until("Sam is stood down by mail", || (relay.mails().len() == 3).then_some(()));
    assert_eq!(relay.mails()[2]["to"], "sam@example.com");
    serve.kill();

    // A step by text needs its provider.
    shop.write_config(&CONFIG.replacen(", channel = \"email\"", "", 1));
    let refused = shop.run_as_is(&["--store", "sqlite:other.db", "send", "--call-id", "m3", "--issue", "x"]);
    assert!(refused.code == 2 && refused.stderr.contains("twilio.account_sid"), "{refused:?}");
    shop.write_config(&CONFIG.replace("from = \"dispatch@example.com\"", ""));
    let refused = shop.run_as_is(&["--store", "sqlite:other.db", "config", "show"]);
    assert!(refused.code == 2 && refused.stderr.contains("smtp.from"), "{refused:?}");
}
