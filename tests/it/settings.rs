//! The settings in force: several shells on one store, live as in a shop, with the sandbox as Twilio and Airtable.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::http;
use crate::support::process::Process;
use crate::support::stage::{self, SAM, Stage, free_port, text};
use crate::support::wait::until;

/// A contact that only the other shell's file knows.
const STRANGER: &str = "+19495550199";
const TOKEN: &str = "patSandbox.sandbox-airtable-token";
const AUTH: &str = "sandbox-auth-token";
const ACCOUNT: &str = "AC5a4db0c5a4db0c5a4db0c5a4db0c0000";
const BASE: &str = "appSandbox0000000";

/// A shop whose `serve` is live: it has the secrets, and no other shell has.
pub(crate) struct Shop {
    pub(crate) stage: Stage,
    pub(crate) at: std::net::SocketAddr,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let at = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
        let shop = Self { stage: Stage::new("[airtable]\nbase_id = \"appSandbox0000000\"\n"), at };
        shop.write("live/config.toml", &shop.config(""));
        shop.write("live/twilio", AUTH);
        shop.write("live/airtable", TOKEN);
        shop.stage.control(
            "POST",
            "settings",
            &json!({ "inboundUrl": format!("http://{at}/webhooks/twilio/sms-inbound") }),
        );
        shop
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.stage.shop.path(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    pub(crate) fn config(&self, more: &str) -> String {
        let (sandbox, at) = (self.stage.sandbox_at(), self.at);
        let people = dispatchctl::testkit::PEOPLE.replace(
            "[twilio]\n",
            &format!("[twilio]\naccount_sid = \"{ACCOUNT}\"\nauth_token_file = \"twilio\"\nfrom = \"+15005550006\"\nbase_url = \"http://{sandbox}\"\n"),
        );
        format!(
            "{people}\n[server]\nlisten = \"{at}\"\npublic_url = \"http://{at}\"\n\
             [airtable]\ntoken_file = \"airtable\"\nbase_id = \"{BASE}\"\nbase_url = \"http://{sandbox}\"\n{more}"
        )
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.stage.shop.path("live/shop.db").display())
    }

    /// A command in this directory, with nothing of the machine's environment and no secrets.
    pub(crate) fn command(&self, dir: &str, args: &[&str]) -> Command {
        let dir = self.stage.shop.path(dir);
        std::fs::create_dir_all(&dir).expect("made");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
        command.args([&["--store", &self.store()], args].concat()).current_dir(&dir).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", &dir).env("USER", "dana");
        command
    }

    pub(crate) fn serve(&self) -> Process {
        let mut command = self.command("live", &["--config", "config.toml", "-o", "json", "serve"]);
        let process = Process::start(&mut command, &self.stage.shop.path(""), &self.stage.next_name());
        until("the listener", || http::json(self.at, "GET", "/livez", None).ok().filter(|a| a.status == 200));
        process
    }

    /// Runs it to its end: its exit code, stdout and stderr.
    pub(crate) fn run(&self, dir: &str, args: &[&str]) -> (i32, String, String) {
        let out = self.command(dir, args).output().expect("it runs");
        let text = |b: Vec<u8>| String::from_utf8(b).expect("UTF-8");
        (out.status.code().unwrap_or(-1), text(out.stdout), text(out.stderr))
    }

    pub(crate) fn dispatch(&self, call: &str, level: &str) {
        let answer = http::json(self.at, "POST", "/api/dispatch/manual", Some(&stage::emergency(call, level)));
        let answer = answer.expect("an answer");
        assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    }

    pub(crate) fn call(&self, call: &str) -> Value {
        http::json(self.at, "GET", &format!("/api/calls/{call}"), None).expect("an answer").json()
    }

    /// The call's row as intake makes it: where there is none, the engine waits half a minute for it.
    pub(crate) fn row_of_intake(&self, call: &str) {
        let fields = json!({ "Call ID": call, "Status": "DISPATCHING" });
        self.stage.control("POST", "airtable", &json!({ "do": "add_record", "table": "Calls", "fields": fields }));
    }

    /// What the call's row in Airtable says, past every part of ours, once the engine has written to it.
    pub(crate) fn status_in_airtable(&self, call: &str) -> Option<String> {
        let all = self.stage.control("GET", "airtable", &Value::Null);
        let rows = all["rows"]["Calls"].as_array().cloned().unwrap_or_default();
        let row = rows.into_iter().find(|r| r["fields"]["Call ID"] == call)?;
        row["fields"]["Reference"].as_str()?;
        row["fields"]["Status"].as_str().map(str::to_owned)
    }
}

/// A file of another shop, with the same contact ids and the same level.
const OTHER: &str = r#"
name = "Another shop"
[[contacts]]
id = "sam"
phone = "+19495550199"
role = "primary"
[policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1s", notify = ["primary"] } ]
"#;

#[test]
fn a_shell_without_secrets_and_with_another_file_decides_by_the_settings_in_force() {
    let shop = Shop::new();
    shop.write("other/dispatchctl.toml", OTHER);
    let serve = shop.serve();
    shop.row_of_intake("c1");
    shop.dispatch("c1", "normal");
    until("Airtable has the call", || shop.status_in_airtable("c1").filter(|s| s == "DISPATCHING"));

    // The step of the settings in force, to their backup; not the other file's.
    let (code, _, said) = shop.run("other", &["follow-up", "run", "--call", "c1"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the settings 1 of") && said.contains("differs in") && said.contains("contacts"), "{said}");
    until("the backup is told", || {
        let told = shop.stage.ledger().texts_to(stage::ANA).len();
        (told == 1).then_some(())
    });
    let (code, _, said) = shop.run("other", &["ack", "c1", "--for", "sam"]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("no engine runs"), "{said}");
    until("Airtable has the acknowledgement", || shop.status_in_airtable("c1").filter(|s| s == "ACKNOWLEDGED"));
    until("nobody of the other file was texted, and Ana was stood down", || {
        let ledger = shop.stage.ledger();
        assert!(ledger.texts_to(STRANGER).is_empty());
        (ledger.texts_to(stage::ANA).len() == 2).then_some(())
    });
    assert_eq!(shop.call("c1")["settings"], 1);

    // The same with nobody beside it: the row waits, and goes out at the next start.
    shop.row_of_intake("c2");
    shop.dispatch("c2", "normal");
    until("Airtable has the call", || shop.status_in_airtable("c2").filter(|s| s == "DISPATCHING"));
    serve.kill();
    let (code, _, said) = shop.run("other", &["resolve", "c2"]);
    assert_eq!(code, 0, "{said}");
    let _serve = shop.serve();
    until("Airtable has the end", || shop.status_in_airtable("c2").filter(|s| s == "RESOLVED"));
    let told = shop.run("other", &["status", "-o", "json"]);
    let status: Value = serde_json::from_str(&told.1).unwrap_or_else(|e| panic!("{e}: {told:?}"));
    assert_eq!((&status["settings"]["number"], text(&status["settings"], "by")), (&json!(1), "serve"), "{status}");
}

#[test]
fn settings_of_ones_own_hold_for_one_command_and_never_beside_an_engine() {
    let shop = Shop::new();
    shop.write("other/dispatchctl.toml", OTHER);
    let serve = shop.serve();
    let (code, _, said) = shop.run("other", &["--settings", "own", "oncall"]);
    assert_eq!((code, said.contains("refused while an engine lives")), (6, true), "{said}");
    let (_, out, _) = shop.run("other", &["oncall", "-o", "json"]);
    assert!(out.contains("Sam Ortiz") && !out.contains("Another"), "{out}");
    serve.kill();
    let (code, out, said) = shop.run("other", &["--settings", "own", "oncall", "-o", "json"]);
    assert!(code == 0 && said.contains("differs: contacts[0].phone") && !out.contains("Sam Ortiz"), "{out} {said}");

    // What it does is by them too, and the next one's by those in force again.
    let serve = shop.serve();
    for call in ["c1", "c2"] {
        shop.dispatch(call, "normal");
    }
    until("Sam is told of both", || (shop.stage.ledger().texts_to(SAM).len() == 2).then_some(()));
    serve.kill();
    shop.write("own/dispatchctl.toml", &OTHER.replace("\"sam\"", "\"ana\"").replace("\"primary\"", "\"backup\""));
    for (call, own) in [("c1", &["--settings", "own"][..]), ("c2", &[])] {
        let (code, _, said) = shop.run("own", &[own, &["follow-up", "run", "--call", call]].concat());
        assert_eq!(code, 0, "{said}");
    }
    let serve = shop.serve();
    until("both follow-ups are out", || {
        let ledger = shop.stage.ledger();
        let told = (ledger.texts_to(STRANGER).len(), ledger.texts_to(stage::ANA).len());
        (told == (1, 1)).then_some(())
    });
    serve.kill();

    let (code, out, said) = shop.run("other", &["config", "show", "--diff", "-o", "json"]);
    assert_eq!(code, 0, "{said}");
    let diff: Value = serde_json::from_str(&out).expect("JSON");
    let keys: Vec<&str> = diff["differences"].as_array().expect("a list").iter().map(|d| text(d, "key")).collect();
    assert!(keys.contains(&"name") && keys.contains(&"contacts[1]") | keys.contains(&"contacts[1].id"), "{keys:?}");
    assert!(!out.contains("5550199") && !out.contains("5550101"), "numbers are masked: {out}");
}

#[test]
fn settings_that_are_applied_count_at_once_in_a_running_engine() {
    let shop = Shop::new();
    let serve = shop.serve();
    let new = shop
        .config("")
        .replace(SAM, "+19495550111")
        .replace("\"1h\", notify = [\"backup\"]", "\"2h\", notify = [\"owner\"]");
    shop.write("live/new.toml", &new);
    let (code, out, said) = shop.run("live", &["--config", "new.toml", "config", "apply", "-o", "json"]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("\"number\": 2") || out.contains("\"number\":2"), "{out}");
    shop.dispatch("c1", "normal");
    until("the new number is told", || (shop.stage.ledger().texts_to("+19495550111").len() == 1).then_some(()));
    assert!(shop.stage.ledger().texts_to(SAM).is_empty());
    let call = shop.call("c1");
    assert_eq!((&call["settings"], &call["policy"]["steps"][1]["notify"][0]), (&json!(2), &json!("owner")), "{call}");
    drop(serve);
}

#[test]
fn a_file_with_a_typo_does_not_keep_serve_down_where_the_store_has_settings() {
    let shop = Shop::new();
    let broken = format!("{}\nthis is no TOML\n", shop.config(""));
    shop.write("live/config.toml", &broken);
    let (code, _, said) = shop.run("live", &["--config", "config.toml", "serve"]);
    assert_eq!(
        (code, said.contains("not valid TOML")),
        (2, true),
        "without settings there is nothing to go by: {said}"
    );
    shop.write("live/config.toml", &shop.config(""));
    shop.serve().kill();

    for (label, text) in
        [("no TOML", broken), ("an unknown key", shop.config("").replace("[server]", "[server]\nlisen = 1"))]
    {
        shop.write("live/config.toml", &text);
        let serve = shop.serve();
        until(&format!("{label}: it works, and a person should look"), || {
            let health = http::json(shop.at, "GET", "/health", None).ok()?.json();
            (health["status"] == "degraded").then_some(())
        });
        let alerts = shop.run("live", &["--config", "config.toml", "status", "-o", "json"]).1;
        assert!(alerts.contains("settings-file") && alerts.contains("config.toml:"), "{label}: {alerts}");
        shop.dispatch(&format!("c-{}", label.len()), "normal");
        // Mended and told so: over.
        shop.write("live/config.toml", &shop.config(""));
        serve.signal("HUP");
        until("it is over", || {
            let health = http::json(shop.at, "GET", "/health", None).ok()?.json();
            (health["status"] == "ok").then_some(())
        });
        serve.kill();
    }
    assert_eq!(shop.stage.ledger().texts_to(SAM).len(), 2, "both calls went out under the settings in force");
    // A secret that only the broken file held cannot be made up.
    let typed = shop.config("").replace("auth_token_file = \"twilio\"", &format!("auth_token = \"{AUTH}\""));
    shop.write("live/config.toml", &typed);
    shop.serve().kill();
    shop.write("live/config.toml", &format!("{typed}\nthis is no TOML\n"));
    let (code, _, said) = shop.run("live", &["--config", "config.toml", "serve"]);
    assert_eq!((code, said.contains("not valid TOML"), said.contains(AUTH)), (2, true, false), "{said}");
}

#[test]
fn a_reload_says_what_only_a_restart_applies_each_time_and_warns_as_a_start_does() {
    let shop = Shop::new();
    let serve = shop.serve();
    let moved = shop.config("").replace(&format!("listen = \"{}\"", shop.at), "listen = \"127.0.0.1:1\"");
    let moved = moved.replace("notify = [\"owner\"]", "notify = [\"boss\"]");
    shop.write("live/config.toml", &moved);
    for times in 1..=2 {
        serve.signal("HUP");
        until("it says so, also where nothing changed since the last time", || {
            let said = serve.stderr();
            let waits = |key: &str| said.matches(&format!("{key} has changed and needs a restart")).count() == times;
            waits("server.listen").then_some(())
        });
    }
    let said = serve.stderr();
    for key in ["twilio.account_sid", "twilio.base_url", "airtable.base_url", "twilio.auth_token of signatures"] {
        assert!(said.contains(&format!("{key} is the same")), "{key}: {said}");
    }
    let warned = said.matches("no alert sink is configured").count();
    assert_eq!(warned, 3, "at the start and at each reload: {said}");
    assert!(!said.contains(AUTH), "{said}");
}

#[test]
fn who_was_told_and_is_removed_keeps_a_voice_and_gets_no_new_notice() {
    let shop = Shop::new();
    let _serve = shop.serve();
    shop.dispatch("c1", "normal");
    until("Sam is told", || (shop.stage.ledger().texts_to(SAM).len() == 1).then_some(()));
    let without: PathBuf = shop.stage.shop.path("live/new.toml");
    let text = shop
        .config("")
        .replace("id = \"sam\"", "id = \"kim\"")
        .replace(SAM, "+19495550111")
        .replace("Sam Ortiz", "Kim Lee");
    std::fs::write(&without, text).expect("written");
    let (code, _, said) = shop.run("live", &["--config", "new.toml", "config", "apply"]);
    assert_eq!(code, 0, "{said}");
    shop.stage.reply(SAM, "1");
    until("his word counts", || (shop.call("c1")["status"] == "ACKNOWLEDGED").then_some(()));
    shop.dispatch("c2", "normal");
    until("the new one is told", || (shop.stage.ledger().texts_to("+19495550111").len() == 1).then_some(()));
    assert_eq!(shop.stage.ledger().texts_to(SAM).len(), 1, "no new notice");
}

#[test]
fn a_command_of_its_own_settings_decides_by_them_and_a_broken_file_moves_neither_store_nor_mode() {
    let shop = Shop::new();
    shop.serve().kill();
    // By its own file: its man is told, as it was said.
    shop.write(
        "other/dispatchctl.toml",
        &shop.config("").replace(SAM, STRANGER).replace("\"twilio\"", "\"../live/twilio\""),
    );
    let send = [
        "--settings",
        "own",
        "send",
        "--call-id",
        "c1",
        "--issue",
        "Burst pipe",
        "--level",
        "normal",
        "--timeout",
        "5s",
    ];
    let (_, _, said) = shop.run("other", &send);
    assert!(said.contains("decides by its own settings"), "{said}");
    let ledger = shop.stage.ledger();
    assert_eq!((ledger.texts_to(STRANGER).len(), ledger.texts_to(SAM).len()), (1, 0), "{said}");

    // The store and the mode are read from a file that is broken elsewhere.
    let of_file = shop.config(&format!("[store]\nurl = \"{}\"\n", shop.store()));
    shop.write("live/config.toml", &format!("{of_file}\nthis is no TOML\n"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
    let dir = shop.stage.shop.path("live");
    command.args(["--config", "config.toml", "status", "-o", "json"]).current_dir(&dir).env_clear().env("HOME", &dir);
    let out = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        text.contains("\"c1\"") && text.contains("\"mode\":\"live\"") | text.contains("\"mode\": \"live\""),
        "{out:?}"
    );
}
