//! `doctor` on a live set-up, sound and with one fault at a time: each is found, by its name and with its next step.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::stage::free_port;
use crate::support::wait::until;
use crate::support::{Run, Shop, http};

const AUTH_TOKEN: &str = "invented-auth-token-0123456789";

/// A sound set-up: `{…}` are places.
const SOUND: &str = r#"
name = "Acme Plumbing"
[store]
url = "sqlite:shop.db"
[server]
listen = "{listen}"
public_url = "http://{listen}"
[[server.tokens]]
name = "desk"
token_file = "desk.token"
scope = "operate"
[twilio]
account_sid = "AC00000000000000000000000000000001"
auth_token_file = "twilio.token"
from = "+15005550006"
base_url = "{base}"
[airtable]
token_file = "airtable.token"
base_id = "appSandbox0000000"
base_url = "{base}"
[delivery]
settle = "60s"
[last_resort]
notify = ["lee"]
[[alerts.sinks]]
name = "bell"
kind = "command"
command = ["/bin/true"]
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Reyes"
phone = "+19495550102"
role = "backup"
[[contacts]]
id = "lee"
name = "Lee Park"
phone = "+19495550103"
role = "owner"
"#;

/// A live shop beside a sandbox that plays its providers. Fields are dropped in order.
struct Live {
    _sandbox: Process,
    sandbox_at: SocketAddr,
    listen: SocketAddr,
    shop: Shop,
}

impl Live {
    fn new() -> Self {
        let shop = Shop::with_config("");
        for (name, secret) in [
            ("twilio.token", AUTH_TOKEN),
            ("desk.token", "desk-token-0123456789abcdef"),
            ("airtable.token", "patInvented0001.0123456789abcdef"),
        ] {
            let path = shop.path(name);
            std::fs::write(&path, secret).expect("written");
            mode(&path, 0o600);
        }
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        shop.write_config(&SOUND.replace("{listen}", &listen.to_string()).replace("{base}", "http://127.0.0.1:9"));
        let ledger = shop.path("ledger.ndjson").display().to_string();
        let args = ["sandbox", "-o", "json", "--listen", "127.0.0.1:0", "--ledger", &ledger];
        let mut sandbox = Process::start(&mut shop.command(&args), &shop.path(""), "sandbox");
        let base = sandbox.first_line()["baseUrl"].as_str().expect("a URL").to_owned();
        let sandbox_at = base.trim_start_matches("http://").parse().expect("an address");
        let live = Self { _sandbox: sandbox, sandbox_at, listen, shop };
        live.config(&[]);
        live.control("settings", &json!({ "inboundUrl": format!("http://{listen}/webhooks/twilio/sms-inbound") }));
        live
    }

    /// The sound configuration with these changes.
    fn config(&self, changes: &[(&str, &str)]) {
        let mut text = SOUND.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let base = format!("http://{}", self.sandbox_at);
        self.shop.write_config(&text.replace("{listen}", &self.listen.to_string()).replace("{base}", &base));
        mode(&self.shop.path("dispatchctl.toml"), 0o640);
    }

    fn control(&self, what: &str, body: &Value) {
        let answer = http::json(self.sandbox_at, "POST", &format!("/_sandbox/{what}"), Some(body)).expect("answers");
        assert!((200..300).contains(&answer.status), "{what} {body}: {answer:?}");
    }

    fn doctor(&self, more: &[&str]) -> Run {
        self.shop.run_as_is(&[&["doctor", "-o", "json"], more].concat())
    }

    fn serve(&self) -> Process {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
        command.arg("serve").current_dir(self.shop.path("")).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", self.shop.path(""));
        let serve = Process::start(&mut command, &self.shop.path(""), "serve");
        until("the listener", || http::json(self.listen, "GET", "/livez", None).ok().filter(|a| a.status == 200));
        serve
    }

    fn sql(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.shop.path("shop.db")).expect("a store");
        conn.execute_batch(sql).expect("done");
    }

    /// A store of this mode, with the settings of this configuration in force.
    fn store(&self) {
        let made = self.shop.run_as_is(&["config", "apply"]);
        assert_eq!(made.code, 0, "{made:?}");
    }
}

fn mode(path: &PathBuf, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

/// What is not well, as `area name: status: what next`.
fn unwell(doc: &Value) -> Vec<String> {
    let text = |c: &Value, name: &str| c[name].as_str().unwrap_or_default().to_owned();
    let checks = doc["checks"].as_array().expect("checks").iter();
    let bad = checks.filter(|c| matches!(c["status"].as_str(), Some("warn" | "fail")));
    let line = |c: &Value| {
        format!(
            "{} {}: {}: {} {}",
            text(c, "area"),
            text(c, "name"),
            text(c, "status"),
            text(c, "what"),
            text(c, "next")
        )
    };
    bad.map(line).collect()
}

/// One planted fault.
struct Fault {
    label: &'static str,
    changes: &'static [(&'static str, &'static str)],
    plant: fn(&Live),
    /// `area name: status` of the finding, and words of it and of its next step.
    found: (&'static str, &'static [&'static str]),
}

const NOTHING: fn(&Live) = |_| {};

const fn fault(
    label: &'static str,
    changes: &'static [(&'static str, &'static str)],
    plant: fn(&Live),
    found: (&'static str, &'static [&'static str]),
) -> Fault {
    Fault { label, changes, plant, found }
}

fn base_admin(live: &Live, action: Value) {
    live.control("airtable", &action);
}

const EVENTS: &str = "Dispatch Events";

const FAULTS: &[Fault] = &[
    fault(
        "a wrong auth token",
        &[("twilio.token", "wrong.token")],
        |live| {
            std::fs::write(live.shop.path("wrong.token"), "another-token-0123456789").expect("written");
            mode(&live.shop.path("wrong.token"), 0o600);
        },
        ("twilio credentials: fail", &["compare twilio.account_sid"]),
    ),
    fault(
        "another account",
        &[("AC00000000000000000000000000000001", "AC00000000000000000000000000000002")],
        NOTHING,
        ("twilio credentials: fail", &["account_sid"]),
    ),
    fault(
        "a sender of somebody else",
        &[("+15005550006", "+15005550007")],
        NOTHING,
        ("twilio sender +1500•••0007: fail", &["no number of this account", "twilio.from"]),
    ),
    fault(
        "Twilio's clock apart from ours",
        &[],
        |live| live.control("settings", &json!({ "clockApartMs": -300_000 })),
        ("clock against twilio: fail", &["s ahead", "timedatectl"]),
    ),
    fault(
        "no alert sink",
        &[("[[alerts.sinks]]\nname = \"bell\"\nkind = \"command\"\ncommand = [\"/bin/true\"]\n", "")],
        NOTHING,
        ("config alerts.sinks: warn", &["none", "[[alerts.sinks]]"]),
    ),
    fault(
        "no sink that wakes anybody",
        &[(
            "kind = \"command\"\ncommand = [\"/bin/true\"]",
            "kind = \"smtp\"\nto = [\"boss@example.com\"]\n[smtp]\nurl = \"smtp://127.0.0.1:1\"\nfrom = \"d@example.com\"",
        )],
        NOTHING,
        ("config alerts.sinks: warn", &["wakes", "add one"]),
    ),
    fault(
        "a sink whose program is not there",
        &[("/bin/true", "/nowhere/ring-the-bell")],
        NOTHING,
        ("config sink bell: fail", &["/nowhere/ring-the-bell", "alerts.sinks command"]),
    ),
    fault(
        "a role that nobody holds",
        &[("role = \"owner\"", "role = \"boss\"")],
        NOTHING,
        ("config people: warn", &["owner", "give somebody that role"]),
    ),
    fault(
        "no last resort",
        &[("notify = [\"lee\"]", "notify = []")],
        NOTHING,
        ("config last_resort: warn", &["[last_resort] notify"]),
    ),
    fault(
        "a gap in the rota",
        &[("[last_resort]", GAP)],
        NOTHING,
        ("config on-call: warn", &["primary", "dispatchctl oncall override"]),
    ),
    fault(
        "a directory of the store that is below a file",
        &[("sqlite:shop.db", "sqlite:twilio.token/at/all/shop.db")],
        NOTHING,
        ("store open: fail", &["cannot be made", "twilio.token is no directory", "store.url"]),
    ),
    fault(
        "a directory of the store that is a file",
        &[("sqlite:shop.db", "sqlite:twilio.token/shop.db")],
        NOTHING,
        ("store open: fail", &["twilio.token"]),
    ),
    fault(
        "a store of a newer schema",
        &[],
        |live| {
            live.store();
            live.sql("PRAGMA user_version = 999");
        },
        ("store open: fail", &["999"]),
    ),
    fault(
        "a store of a drill",
        &[],
        |live| {
            live.store();
            live.sql("UPDATE meta SET value = 'test' WHERE key = 'mode'");
        },
        ("store open: fail", &["stamped test", "--store"]),
    ),
    fault(
        "a secret that everybody may read",
        &[],
        |live| mode(&live.shop.path("twilio.token"), 0o644),
        ("config secret files: warn", &["twilio.auth_token", "644", "chmod 600"]),
    ),
    fault(
        "a secret typed into a file that everybody may read",
        &[("token_file = \"desk.token\"", "token = \"typed-into-the-file-0123\"")],
        |live| mode(&live.shop.path("dispatchctl.toml"), 0o644),
        ("config secret files: warn", &["server.tokens", "chmod 600"]),
    ),
    fault(
        "a secret's file that is gone",
        &[("twilio.token", "gone.token")],
        NOTHING,
        ("config twilio.auth_token_file: fail", &["gone.token", "_file"]),
    ),
    fault(
        "a token that can be guessed",
        &[("token_file = \"desk.token\"", "token = \"short\"")],
        NOTHING,
        ("config warning: warn", &["shorter than 16"]),
    ),
    fault(
        "a field that Airtable's table lacks",
        &[],
        |live| {
            base_admin(live, json!({ "do": "drop_field", "table": EVENTS, "field": "Message SID" }));
        },
        ("airtable events.message_sid: fail", &["Message SID", "--fix"]),
    ),
    fault(
        "a field of another type",
        &[],
        |live| {
            base_admin(
                live,
                json!({ "do": "change_field", "table": EVENTS, "field": "Attempt Number", "type": "singleLineText" }),
            );
        },
        ("airtable events.attempt_number: fail", &["singleLineText"]),
    ),
    fault(
        "a token that may only read the base",
        &[],
        |live| base_admin(live, json!({ "do": "permission", "level": "read" })),
        ("airtable base: fail", &["editor"]),
    ),
    fault(
        "Airtable's token is not accepted",
        &[],
        |live| {
            live.control("faults", &json!([{ "kind": "refuse", "on": "airtable", "status": 401 }]));
        },
        ("airtable token: fail", &["airtable.com/create/tokens"]),
    ),
    fault(
        "a settle that is too short",
        &[("settle = \"60s\"", "settle = \"20s\"")],
        NOTHING,
        ("config delivery.settle: warn", &["45 s or more"]),
    ),
    fault(
        "other settings in force",
        &[("Acme Plumbing", "Acme Lifts")],
        |live| {
            live.config(&[]);
            live.store();
            live.config(&[("Acme Plumbing", "Acme Lifts")]);
        },
        ("config settings in force: warn", &["name", "SIGHUP", "config apply"]),
    ),
    fault(
        "a technician who has opted out",
        &[],
        |live| {
            live.store();
            live.sql(
                "INSERT INTO opt_outs (phone, sender, since) VALUES ('+19495550101', '+15005550006', 1700000000000)",
            );
        },
        ("people opted out: warn", &["Sam Ortiz", "START", "contacts clear sam"]),
    ),
    fault(
        "a breaker that is open",
        &[],
        |live| {
            live.store();
            live.sql(
                "INSERT INTO breakers (sender, opened_at, evidence, probe, code, why, probe_at, probes) \
                  VALUES ('+15005550006', 1700000000000, 'answer', 'notice', 21606, 'refused', 1700000000000, 0)",
            );
        },
        ("twilio breaker", &["breaker"]),
    ),
];

/// Nobody holds it for a day of each week.
const GAP: &str = "[[rotations]]\nid = \"week\"\nmembers = [\"sam\"]\nstarts = \"2026-01-05\"\ntime_zone = \"America/Los_Angeles\"\nhandoff = \"08:00\"\nevery = \"1d\"\n\
    days = [\"mon\", \"wed\"]\n[[lines]]\nnumber = \"+18005550100\"\nname = \"Acme Lifts\"\n\
    team = [ { rotation = \"week\", role = \"primary\" }, { contact = \"ana\", role = \"backup\" }, { contact = \"lee\", role = \"owner\" } ]\n[last_resort]";

#[test]
fn a_sound_set_up_is_well_in_every_check_and_strictly_so() {
    let live = Live::new();
    let serve = live.serve();
    let run = live.doctor(&["--strict"]);
    assert_eq!((run.code, unwell(&run.json())), (0, Vec::new()), "{run:?}");
    assert_eq!(run.json()["status"], "ok");
    for secret in [AUTH_TOKEN, "desk-token", "patInvented"] {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}");
    }
    // What is called from outside is another address than the one that is listened on.
    live.config(&[("public_url = \"http://{listen}\"", "public_url = \"http://127.0.0.1:9\"")]);
    let run = live.doctor(&[]);
    assert_eq!(run.code, 1, "{run:?}");
    let bad = unwell(&run.json());
    let is_found = bad.iter().any(|l| l.starts_with("twilio public URL: fail") && l.contains("cannot be called"));
    assert!(is_found, "{bad:#?}");
    serve.kill();
}

#[test]
fn each_planted_fault_is_found_with_its_next_step() {
    // A doctor waits for answers most of its time.
    std::thread::scope(|s| {
        for some in FAULTS.chunks(FAULTS.len().div_ceil(3)) {
            s.spawn(|| some.iter().for_each(is_found_with_its_next_step));
        }
    });
}

fn is_found_with_its_next_step(f: &Fault) {
    let live = Live::new();
    live.config(f.changes);
    (f.plant)(&live);
    let run = live.doctor(&[]);
    let bad = unwell(&run.json());
    let (line, words) = f.found;
    let found = bad.iter().find(|b| b.starts_with(line) && words.iter().all(|w| b.contains(w)));
    assert!(found.is_some(), "{}: {line} {words:?} is not among {bad:#?}", f.label);
    assert_eq!(run.code, i32::from(bad.iter().any(|b| b.contains(": fail: "))), "{}: {bad:#?}", f.label);
    assert_eq!(live.doctor(&["--strict"]).code, 1, "{}: strictly", f.label);
    assert!(!run.stdout.contains(AUTH_TOKEN), "{}", f.label);
}

#[test]
fn a_port_that_another_program_has_is_a_fault() {
    let live = Live::new();
    let other = TcpListener::bind(live.listen).expect("the port");
    let run = live.doctor(&[]);
    let bad = unwell(&run.json());
    assert!(bad.iter().any(|b| b.starts_with("config server.listen: fail") && b.contains("ss -ltnp")), "{bad:#?}");
    assert_eq!(run.code, 1);
    drop(other);
    assert!(!live.doctor(&[]).stdout.contains("is in use"));
}

/// What cannot be read as a configuration is told before anything is looked at: all of it at once, with its lines.
#[test]
fn what_is_no_configuration_is_named_with_its_line() {
    let live = Live::new();
    for (label, changes, words) in [
        (
            "a public URL that anybody may read along",
            ("http://{listen}\"\n[[server.tokens]]", "http://dispatch.example.com\"\n[[server.tokens]]"),
            ["server.public_url", "https"],
        ),
        (
            "a template that cannot be used",
            ("[delivery]", "[templates]\nnotice = \"{{ isue }}\"\n[delivery]"),
            ["templates.notice", "isue"],
        ),
        ("a key that nobody knows", ("settle = \"60s\"", "setle = \"60s\""), ["delivery.setle", "settle"]),
        ("a sender that is no number", ("+15005550006", "0500 nothing"), ["twilio.from", "E.164"]),
    ] {
        live.config(&[changes]);
        let run = live.doctor(&[]);
        assert_eq!(run.code, 2, "{label}: {run:?}");
        assert!(run.stderr.contains("dispatchctl.toml:"), "{label}: {}", run.stderr);
        assert!(words.iter().all(|w| run.stderr.contains(w)), "{label}: {words:?}: {}", run.stderr);
    }
}
