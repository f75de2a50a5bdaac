//! Every guard is taken away once: its scenario is green with it and red without it, so that each check is known to see what
//! it is there for.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::fault_injection::{FAILPOINT, SAFEGUARDS_OFF, died_at, my_turn};
use crate::support::http;
use crate::support::process::report;
use crate::support::stage::{ANA, LEE, SAM, Stage, attempts, emergency, entries, free_port, seconds, state, text};
use crate::support::wait::until;

const LADDERS: &str = r#"
[policies.once]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;

/// What a check saw; `Ok` where the promise holds.
pub(crate) type Seen = Result<String, String>;
/// Its place, its line of the table, and what is wrong with it.
type Row = (usize, String, Result<(), String>);
/// A scenario, with the guard's name where it is to be played without it.
type Play = fn(Option<&str>) -> Seen;

const SAFEGUARDS: &[(&str, &str, Play)] = &[
    ("intent-commit", "ledger: one message an attempt", intent_commit),
    ("look-before-resend", "ledger: a text that is there is not sent again", look_before_resend),
    ("claim-check", "ledger: one message an attempt", claim_check),
    ("claim-recheck", "ledger: nothing leaves for a call that is taken", claim_recheck),
    ("monotone-receipts", "store: a message's status moves forward", monotone_receipts),
    ("signature", "store: only the provider's word moves an attempt", signature),
    ("engine-lock", "process: one engine works on a store", engine_lock),
    ("store-file", "file: what is accepted outlives the process", store_file),
    ("reply-dedup", "store: a reply counts once", reply_dedup),
    ("last-text", "store: a polite word takes no other call", last_text),
    ("reply-time", "store: a late reply takes no younger call", reply_time),
    ("prompts", "story: a phone that answers by itself is answered three times", prompts),
    ("provider-times", "ledger: a text that is there is not sent again", provider_times),
    ("settings-in-force", "ledger: nobody of another file is told", settings_in_force),
    ("read-back", "base: it holds what it was told", read_back),
    ("last-resort", "ledger: the last resort is told before a call is given up", last_resort),
    ("key-signature", "scenario: a forged key changes nothing", |off| scenario("phone-forged-key", off)),
    ("key-needed", "scenario: a mailbox takes no call", |off| scenario("phone-voicemail", off)),
    ("fence", "ledger: nothing leaves under another's lease", crate::safeguards_lease::fence),
    ("write-order", "log: a cursor that follows it misses nothing", crate::safeguards_writes::log_order),
    ("write-order", "store: a receipt meets its own outcome", crate::safeguards_writes::outcome_and_receipt),
    ("permit", "wire: no POST begins after the lease", crate::safeguards_lease::permit),
    ("one-phone-call", "scenario: a phone is in one call of ours", |off| scenario("phone-two-calls-to-one-phone", off)),
];

/// How often a check is played without its guard until it is red.
const PLAYS_MAX: usize = 3;

#[test]
fn without_each_guard_a_check_goes_red() {
    let _turn = my_turn();
    let rows: Mutex<Vec<Row>> = Mutex::default();
    std::thread::scope(|scope| {
        for (n, (safeguard, check, play)) in SAFEGUARDS.iter().enumerate() {
            let rows = &rows;
            scope.spawn(move || {
                let (with, without) = std::thread::scope(|both| {
                    let with = both.spawn(|| play(None));
                    // What two processes do at one moment may go well by luck.
                    let mut without = play(Some(safeguard));
                    for _ in 1..PLAYS_MAX {
                        without = without.and_then(|_| play(Some(safeguard)));
                    }
                    (with.join().unwrap_or_else(|_| Err("it panicked".into())), without)
                });
                let row = format!(
                    "{safeguard:<20}{check:<52}{}",
                    without.as_ref().map_or_else(Clone::clone, |s| format!("NOT CAUGHT: {s}"))
                );
                let fault = match (with, without) {
                    (Err(e), _) => Err(format!("{safeguard}: red with every guard on: {e}")),
                    (_, Ok(seen)) => Err(format!("{safeguard}: green without it: {seen}")),
                    (Ok(_), Err(_)) => Ok(()),
                };
                rows.lock().expect("no other panicked").push((n, row, fault));
            });
        }
    });
    let mut rows = rows.into_inner().expect("nobody panicked");
    rows.sort_by_key(|r| r.0);
    let table: Vec<&str> = rows.iter().map(|r| r.1.as_str()).collect();
    report(&format!("{:<20}{:<52}seen without it\n{}", "guard", "caught by", table.join("\n")));
    let faults: Vec<&String> = rows.iter().filter_map(|r| r.2.as_ref().err()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let names: Vec<&str> = SAFEGUARDS.iter().map(|g| g.0).collect();
    for (_, name) in dispatchctl::testkit::failpoint::Safeguard::ALL {
        assert!(names.contains(name), "{name} has no scenario");
    }
}

/// A scenario that is compiled in, without this guard.
fn scenario(name: &str, off: Option<&str>) -> Seen {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dispatchctl"));
    command.args(["test-reliability", "--scenario", name, "-o", "json"]);
    command.args(off.iter().flat_map(|guard| ["--guards-off", guard]));
    let output = command.output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(format!("{name} held")) } else { Err(said.chars().take(400).collect()) }
}

fn stage() -> Stage {
    let mut stage = Stage::new(LADDERS);
    for (name, value) in
        [("TWILIO__REQUEST_TIMEOUT", "1s"), ("TWILIO__CONNECT_TIMEOUT", "1s"), ("DELIVERY__SETTLE", "1200ms")]
    {
        stage.shop.set(&format!("DISPATCHCTL_{name}"), value);
    }
    stage
}

fn env(off: Option<&str>) -> Vec<(&str, &str)> {
    off.map(|safeguard| (SAFEGUARDS_OFF, safeguard)).into_iter().collect()
}

fn is_known(state: &str) -> bool {
    matches!(state, "submitted" | "delivered")
}

/// One message of each attempt, as the judge sees it.
fn judged(stage: &Stage, what: &str) -> Seen {
    let wrongs: Vec<String> =
        stage.ledger().wrongs(&stage.stories()).into_iter().filter(|w| !w.ends_with("has 0 messages")).collect();
    if wrongs.is_empty() { Ok(what.to_owned()) } else { Err(wrongs.join("; ")) }
}

/// The provider has answered, and the engine dies.
fn intent_commit(off: Option<&str>) -> Seen {
    let stage = stage();
    stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
    let mut armed = env(off);
    armed.push((FAILPOINT, "post.answered"));
    let mut process = stage.serve_armed(&armed);
    drop(stage.post("/api/dispatch/manual", &emergency("c1", "once")));
    assert!(died_at(&mut process, "post.answered", seconds(8)), "it lives");
    let _serve = stage.serve_armed(&[]);
    stage.until_call("c1", "its text is known", |c| is_known(state(c, 1)));
    judged(&stage, "one message, found out")
}

/// The answer is lost, the message is in the list, and no callback comes.
fn look_before_resend(off: Option<&str>) -> Seen {
    look_before_resend_on(&stage(), off)
}

fn look_before_resend_on(stage: &Stage, off: Option<&str>) -> Seen {
    stage.fault(&json!([{ "kind": "drop_after_accept", "times": 1 }, { "kind": "withhold_callbacks" }]));
    let _serve = stage.serve_armed(&env(off));
    stage.post("/api/dispatch/manual", &emergency("c1", "once")).expect("an answer");
    stage.until_call("c1", "one of its texts is known", |c| {
        attempts(c).iter().any(|a| is_known(text(a, "attemptState")))
    });
    match stage.ledger().texts_to(SAM).len() {
        1 => Ok("found in the list".into()),
        n => Err(format!("one notice, {n} messages, the first of which the list had all the time")),
    }
}

/// The answer is lost, no callback comes, and the provider's clock is 5 min behind ours.
fn provider_times(off: Option<&str>) -> Seen {
    let stage = stage();
    stage.control("POST", "settings", &json!({ "clockApartMs": -300_000 }));
    look_before_resend_on(&stage, off)
}

/// The store's file is deleted, and a call comes.
fn store_file(off: Option<&str>) -> Seen {
    let stage = stage();
    let serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    std::fs::remove_file(stage.shop.path("shop.db")).expect("removed");
    let answer = stage.post("/api/dispatch/manual", &emergency("c2", "once")).expect("an answer");
    serve.kill();
    match answer.status {
        503 => Ok("refused".into()),
        status => Err(format!("{status} for a call in a file that has no name any more")),
    }
}

/// Two engines on one store (their lock is away in both plays), and texts whose pause ends for both at once.
fn claim_check(off: Option<&str>) -> Seen {
    let stage = stage();
    let safeguards = ["engine-lock"].into_iter().chain(off).collect::<Vec<_>>().join(",");
    let first = stage.serve_armed(&[(SAFEGUARDS_OFF, &safeguards)]);
    let (_second, _) = second_engine(&stage, &safeguards);
    for wave in 0..6 {
        stage.fault(&json!([{ "kind": "refuse", "status": 429, "code": 20429, "times": 8 }]));
        let ids: Vec<String> = (0..8).map(|n| format!("c{wave}-{n}")).collect();
        std::thread::scope(|scope| {
            for id in &ids {
                let stage = &stage;
                scope.spawn(move || stage.post("/api/dispatch/manual", &emergency(id, "once")));
            }
        });
        let told = |c: &Value| attempts(c).iter().all(|a| matches!(text(a, "attemptState"), "delivered"));
        for id in &ids {
            stage.until_call(id, "it is told", told);
        }
        let seen = judged(&stage, "48 texts, each once");
        if seen.is_err() {
            return seen.map_err(|e| format!("wave {}: {}", wave + 1, e.split("; ").next().unwrap_or_default()));
        }
    }
    assert!(first.stderr().contains("serve started"), "the first engine ran");
    judged(&stage, "48 texts, each once")
}

/// A second engine on the same store, at a place of its own; whether it runs.
fn second_engine(stage: &Stage, safeguards: &str) -> (crate::support::process::Process, bool) {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = stage.shop.command(&["-o", "json", "serve", "--listen", &at.to_string()]);
    command.env(SAFEGUARDS_OFF, safeguards);
    let mut process = crate::support::process::Process::start(&mut command, &stage.shop.path(""), &stage.next_name());
    let runs = until("the second engine, or its end", || {
        if process.ended().is_some() {
            return Some(false);
        }
        http::json(at, "GET", "/livez", None).is_ok_and(|a| a.status == 200).then_some(true)
    });
    (process, runs)
}

/// Somebody takes the call while its text is with a provider that will throttle it: then it waits again, unwanted.
fn claim_recheck(off: Option<&str>) -> Seen {
    let mut stage = stage();
    let provider = Throttle::before(stage.sandbox_at());
    stage.shop.set("DISPATCHCTL_TWILIO__BASE_URL", provider.url.clone());
    let _serve = stage.serve_armed(&env(off));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| stage.post("/api/dispatch/manual", &emergency("c1", "once")));
        stage.until_call_is_there("c1", |c| state(c, 1) == "sending");
        until("it is with the provider", || provider.holds().then_some(()));
        let answer = stage.post("/api/calls/c1/ack", &json!({})).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        provider.let_go();
        client.join().expect("a client").expect("an answer");
    });
    let call = stage.until_call("c1", "it is over", |c| matches!(state(c, 1), "cancelled" | "delivered"));
    assert_eq!((text(&call, "status"), entries(&call, "attempt.retrying").len()), ("ACKNOWLEDGED", 1));
    // A stand-down may go while nobody knows yet whether the notice arrives.
    match stage.ledger().of(&call, 1).len() {
        0 => Ok(format!("attempt 1 is {}", state(&call, 1))),
        n => Err(format!("{n} message(s) of a call that was taken before")),
    }
}

/// Stands before the sandbox: holds the first request and answers 429 when it is let go; passes the others on.
struct Throttle {
    url: String,
    held: Arc<AtomicBool>,
    go: Sender<()>,
}

impl Throttle {
    fn before(sandbox: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let held = Arc::new(AtomicBool::new(false));
        let (go, gone) = channel();
        let holds = held.clone();
        std::thread::spawn(move || {
            for mut peer in listener.incoming().flatten() {
                let mut first = [0; 4096];
                let read = peer.read(&mut first).unwrap_or(0);
                if first.starts_with(b"POST ") && !holds.swap(true, Ordering::SeqCst) {
                    let _ = gone.recv();
                    let body = r#"{"code":20429,"message":"Too Many Requests","status":429}"#;
                    let head = format!("HTTP/1.1 429 Too Many Requests\r\nContent-Length: {}\r\n", body.len());
                    let _ = write!(peer, "{head}Content-Type: application/json\r\nConnection: close\r\n\r\n{body}");
                    continue;
                }
                std::thread::spawn(move || pass_on(&peer, first.get(..read).unwrap_or_default(), sandbox));
            }
        });
        Self { url, held, go }
    }

    fn holds(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    fn let_go(&self) {
        self.go.send(()).expect("it waits");
    }
}

fn pass_on(peer: &TcpStream, first: &[u8], sandbox: SocketAddr) {
    let Ok(mut upstream) = TcpStream::connect(sandbox) else { return };
    let _ = upstream.write_all(first);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &*peer, &mut &upstream);
            let _ = upstream.shutdown(std::net::Shutdown::Write);
        });
        let _ = std::io::copy(&mut &upstream, &mut &*peer);
        let _ = peer.shutdown(std::net::Shutdown::Both);
    });
}

/// A status comes late.
fn monotone_receipts(off: Option<&str>) -> Seen {
    let stage = stage();
    let _serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    let call = stage.delivered("c1", 1);
    let sent = forge(&stage, &call, "sending", true);
    assert_eq!(sent, 204, "a true receipt is taken");
    let call = stage.call("c1");
    match text(&call["attempts"][0], "status") {
        "delivered" => Ok("still delivered".into()),
        word => Err(format!("the message was delivered and is {word}")),
    }
}

/// Everybody passes.
fn last_resort(off: Option<&str>) -> Seen {
    let stage = Stage::new(&format!("{LADDERS}[last_resort]\nnotify = [\"lee\"]\n"));
    let _serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    stage.delivered("c1", 1);
    stage.reply(SAM, "2");
    stage.delivered("c1", 2);
    stage.reply(ANA, "2");
    let over = |c: &Value| text(c, "status") == "EXHAUSTED" || state(c, 3) == "delivered";
    let call = stage.until_call("c1", "its ladder is over", over);
    match (stage.ledger().texts_to(LEE).len(), text(&call, "status")) {
        (1, "DISPATCHING") => Ok("told".into()),
        (texts, status) => Err(format!("{status} with {texts} texts to the last resort")),
    }
}

/// Somebody else says that a text has failed.
fn signature(off: Option<&str>) -> Seen {
    let stage = stage();
    stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
    let _serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    let call = stage.until_call("c1", "its text is known", |c| state(c, 1) == "submitted");
    let answer = forge(&stage, &call, "delivered", false);
    let call = stage.call("c1");
    match (answer, state(&call, 1)) {
        (403, "submitted") => Ok("refused, nothing moved".into()),
        (answer, state) => Err(format!("a forged receipt was answered {answer}, the attempt is {state}")),
    }
}

/// A receipt of the first attempt's message; what it was answered.
fn forge(stage: &Stage, call: &Value, word: &str, sign: bool) -> u64 {
    let a = &call["attempts"][0];
    let form = json!({ "MessageSid": a["sid"], "SmsSid": a["sid"], "MessageStatus": word, "SmsStatus": word,
        "AccountSid": account(stage), "To": SAM, "From": "+15005550006", "ApiVersion": "2010-04-01" });
    let url = format!("http://{}/webhooks/twilio/sms-status/{}", stage.at(), text(a, "attemptId"));
    post_form(stage, &url, form, sign)
}

pub(crate) fn post_form(stage: &Stage, url: &str, form: Value, sign: bool) -> u64 {
    let mut request = json!({ "url": url, "form": form, "sign": sign });
    if !sign {
        request["signature"] = json!("bm90IHRoZSBwcm92aWRlcidzIQ==");
    }
    stage.control("POST", "forge", &request)["httpStatus"].as_u64().unwrap_or(0)
}

pub(crate) fn account(stage: &Stage) -> String {
    let shown = stage.shop.expect(0, &["config", "show", "-o", "json"]).json();
    let rows = shown["settings"].as_array().or(shown.as_array()).cloned().unwrap_or_default();
    let sid = rows.iter().find(|r| r["key"] == "twilio.account_sid").map(|r| text(r, "value").to_owned());
    sid.unwrap_or_else(|| dispatchctl::testkit::SANDBOX_ACCOUNT_SID.to_owned())
}

/// A second engine is started beside the first, which has a text under way.
fn engine_lock(off: Option<&str>) -> Seen {
    let mut stage = stage();
    stage.shop.set("DISPATCHCTL_TWILIO__REQUEST_TIMEOUT", "8s");
    stage.shop.set("DISPATCHCTL_DELIVERY__SETTLE", "9s");
    let first = stage.serve_armed(&env(off));
    stage.fault(&json!([{ "kind": "delay", "delayMs": 3_000 }, { "kind": "delay_callbacks", "delayMs": 6_000 }]));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| stage.post("/api/dispatch/manual", &emergency("c1", "once")));
        until("its text is under way", || (stage.ledger().creates() == 1).then_some(()));
        let (_second, runs) = second_engine(&stage, off.unwrap_or_default());
        client.join().expect("a client").expect("an answer");
        let call = stage.call("c1");
        let usurped = entries(&call, "attempt.unknown").len();
        assert!(first.stderr().contains("serve started"), "the first engine ran");
        match (runs, usurped) {
            (false, 0) => Ok("the second was refused".into()),
            (_, n) => Err(format!("two engines at once; {n} text(s) of the first were taken for a dead engine's")),
        }
    })
}

/// A reply comes again, after its writer has handed the call back.
fn reply_dedup(off: Option<&str>) -> Seen {
    let stage = stage();
    let _serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    let call = stage.delivered("c1", 1);
    let reference = text(&call, "reference").to_owned();
    let taken = inbound(&stage, "SM000000000000000000000000000000a1", &format!("1 {reference}"));
    assert_eq!((taken, text(&stage.call("c1"), "status")), (200, "ACKNOWLEDGED"));
    let back = inbound(&stage, "SM000000000000000000000000000000a2", &format!("2 {reference}"));
    assert_eq!((back, text(&stage.call("c1"), "status")), (200, "DISPATCHING"));
    let again = inbound(&stage, "SM000000000000000000000000000000a1", &format!("1 {reference}"));
    let call = stage.call("c1");
    match (again, text(&call, "status")) {
        (200, "DISPATCHING") => Ok("answered as before, nothing moved".into()),
        (answer, status) => Err(format!("the same reply again was answered {answer}; the call is {status}")),
    }
}

/// "Ok" to "you need not go", while another call looks for somebody.
fn last_text(off: Option<&str>) -> Seen {
    let stage = stage();
    let _serve = stage.serve_armed(&env(off));
    for call in ["c1", "c2"] {
        stage.dispatch(call, "once");
        stage.delivered(call, 1);
    }
    stage.post("/api/calls/c2/cancel", &json!({ "by": "mia" })).expect("cancelled");
    stage.delivered("c2", 2);
    a_second_later();
    stage.reply(SAM, "Ok");
    let call = stage.until_call("c1", "the word stands in its story", |c| !entries(c, "reply.received").is_empty());
    match text(&call, "status") {
        "DISPATCHING" => Ok("it was politeness".into()),
        status => Err(format!("a polite word to a stand-down: the other call is {status}")),
    }
}

/// A `1` for a call that has ended comes in after a younger call's text.
fn reply_time(off: Option<&str>) -> Seen {
    let stage = stage();
    let _serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    stage.delivered("c1", 1);
    stage.fault(&json!([{ "kind": "withhold_callbacks", "messageStatus": "received", "times": 1 }]));
    let written = stage.reply(SAM, "1");
    a_second_later();
    stage.post("/api/calls/c1/cancel", &json!({ "by": "mia" })).expect("cancelled");
    stage.dispatch("c2", "once");
    stage.delivered("c2", 1);
    stage.control("POST", "reply", &json!({ "from": SAM, "sid": text(&written, "sid") }));
    // It stands in the story of the call that it was decided about.
    let decided = |call: &str| !entries(&stage.call(call), "reply.received").is_empty();
    until("the word is decided", || (decided("c1") || decided("c2")).then_some(()));
    match text(&stage.call("c2"), "status") {
        "DISPATCHING" => Ok("it was the other call's".into()),
        status => Err(format!("a late reply that was meant for a call that has ended: the younger is {status}")),
    }
}

/// A phone that answers every text with a sentence.
fn prompts(off: Option<&str>) -> Seen {
    let stage = stage();
    let _serve = stage.serve_armed(&env(off));
    stage.dispatch("c1", "once");
    stage.delivered("c1", 1);
    for n in 0..6 {
        stage.reply(SAM, &format!("I am driving, number {n}"));
    }
    let call = stage.call("c1");
    let said = call["replies"].as_array().expect("replies").iter().filter(|r| !text(r, "answer").is_empty()).count();
    if said == 3 { Ok("three answers".into()) } else { Err(format!("{said} answers to six texts")) }
}

/// The provider's times have whole seconds.
fn a_second_later() {
    let watch = dispatchctl::testkit::Stopwatch::start();
    until("a second has passed", || (watch.passed() > std::time::Duration::from_millis(1_100)).then_some(()));
}

/// A reply of Sam's with this SID, posted as the provider does; what it was answered.
fn inbound(stage: &Stage, sid: &str, body: &str) -> u64 {
    let form = json!({ "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": account(stage), "From": SAM,
        "To": "+15005550006", "Body": body, "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01" });
    post_form(stage, &format!("http://{}/webhooks/twilio/sms-inbound", stage.at()), form, true)
}

/// Somebody fires the next step in a shell with the file of another shop, which has other numbers for the same contacts.
fn settings_in_force(off: Option<&str>) -> Seen {
    let stage = stage();
    let _serve = stage.serve_armed(&[]);
    stage.dispatch("c1", "once");
    stage.delivered("c1", 1);
    let other = stage.shop.path("other");
    std::fs::create_dir(&other).expect("made");
    let file = "[[contacts]]\nid = \"ana\"\nphone = \"+19495550198\"\nrole = \"backup\"\n";
    std::fs::write(other.join("dispatchctl.toml"), file).expect("written");
    let mut command = stage.shop.command(&["follow-up", "run", "--call", "c1"]);
    let run = command.current_dir(&other).envs(env(off)).output().expect("it runs");
    assert!(run.status.success(), "{run:?}");
    let call = stage.delivered("c1", 2);
    let told = stage.ledger().of(&call, 2).iter().map(|m| text(m, "to").to_owned()).collect::<Vec<_>>();
    match told.as_slice() {
        [one] if one == ANA => Ok("Ana is told, by the settings in force".into()),
        other => Err(format!("the follow-up went to {other:?}")),
    }
}

/// The base took a row and holds another by the time it could be read back: somebody's rule has changed it.
fn read_back(off: Option<&str>) -> Seen {
    let stage = Stage::new(&format!("{}\n{LADDERS}", crate::mirror::AIRTABLE));
    stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
    let mut armed = env(off);
    armed.push((FAILPOINT, "mirror.told"));
    let mut process = stage.serve_armed(&armed);
    drop(stage.post("/api/dispatch/manual", &emergency("c1", "once")));
    assert!(died_at(&mut process, "mirror.told", seconds(10)), "it lives");
    let row = stage.base_rows("Dispatch Events").pop().expect("it was told");
    let fields = json!({ "Contact": "Nobody" });
    stage.by_hand(&json!({ "do": "edit_record", "table": "Dispatch Events", "id": row["id"], "fields": fields }));
    let _serve = stage.serve_armed(&env(off));
    until("the engine takes it for proven", || (stage.mirror_figures().unverified == 0).then_some(()));
    let contacts: Vec<Value> =
        stage.rows_of(text(&row["fields"], "Event ID")).iter().map(|r| r["fields"]["Contact"].clone()).collect();
    match contacts.as_slice() {
        [one] if one == "Sam Ortiz" => Ok("seen, and written again".into()),
        other => Err(format!("the base says {other:?}")),
    }
}
