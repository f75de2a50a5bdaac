//! Event webhooks as an automation service receives them: signed, in order, each at least once under one id, also where the
//! engine is killed and the receiver is away for a while.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::support::stage::{Stage, text};
use crate::support::wait::until;

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// What a receiver was posted, and what it answers.
#[derive(Default)]
struct Posted {
    /// (id, whether the signature is right, the document).
    all: Vec<(String, bool, Value)>,
    away: bool,
}

/// A receiver of webhooks on this machine.
struct Receiver {
    url: String,
    posted: Arc<Mutex<Posted>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hooks/secret-path", listener.local_addr().expect("an address"));
        let posted: Arc<Mutex<Posted>> = Arc::default();
        let keep = posted.clone();
        std::thread::spawn(move || {
            for mut peer in listener.incoming().flatten() {
                let Some(event) = event(&peer) else { continue };
                let mut posted = keep.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = if posted.away { "503 Service Unavailable" } else { "204 No Content" };
                if !posted.away {
                    posted.all.push(event);
                }
                let _ = peer.write_all(format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n").as_bytes());
            }
        });
        Self { url, posted }
    }

    fn posted(&self) -> std::sync::MutexGuard<'_, Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `call.taken c1`, each id once, in the order of their first arrival.
    fn told(&self) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        let posted = self.posted();
        let new = posted.all.iter().filter(|(id, ..)| seen.insert(id.clone()));
        new.map(|(_, _, body)| format!("{} {}", text(body, "type"), text(&body["data"]["call"], "callId"))).collect()
    }
}

/// One POST: its id, whether it is signed as Standard Webhooks say, its document.
fn event(peer: &TcpStream) -> Option<(String, bool, Value)> {
    let mut reader = BufReader::new(peer);
    let (mut length, mut id, mut at, mut signature) = (0, String::new(), String::new(), String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "webhook-id" => id = value,
            "webhook-timestamp" => at = value,
            "webhook-signature" => signature = value,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).ok()?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&body);
    let want = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    Some((id, signature == want, serde_json::from_slice(&body).ok()?))
}

#[test]
fn what_happens_to_calls_reaches_an_automation_service_whole_and_in_order() {
    let receiver = Receiver::start();
    let secret = BASE64_STANDARD.encode(KEY);
    let stage = Stage::new(&format!(
        "[[events]]\nname = \"automation\"\nurl = \"{}\"\nsecret = \"whsec_{secret}\"\n",
        receiver.url
    ));
    let serve = stage.serve();
    stage.dispatch("c1", "normal");
    stage.delivered("c1", 1);
    until("c1 was told of", || receiver.told().contains(&"call.delivered c1".to_owned()).then_some(()));

    // Away, killed in the middle, and back.
    receiver.posted().away = true;
    stage.dispatch("c2", "normal");
    stage.delivered("c2", 1);
    serve.process.kill();
    let serve = stage.serve();
    stage.shop.expect(0, &["ack", "c2", "--for", "sam"]);
    stage.shop.expect(0, &["resolve", "c2"]);
    receiver.posted().away = false;
    until("c2 was told of", || receiver.told().contains(&"call.resolved c2".to_owned()).then_some(()));
    let told = receiver.told();
    let of = |call: &str| -> Vec<String> {
        told.iter().filter(|t| t.ends_with(call)).map(|t| t.trim_end_matches(call).trim().to_owned()).collect()
    };
    assert_eq!(of("c1"), ["call.accepted", "call.told", "call.delivered"]);
    assert_eq!(of("c2"), ["call.accepted", "call.told", "call.delivered", "call.taken", "call.resolved"]);
    let posted = receiver.posted();
    assert!(posted.all.iter().all(|(_, signed, _)| *signed));
    let (_, _, taken) = posted.all.iter().find(|(_, _, body)| body["type"] == "call.taken").expect("told");
    assert_eq!(text(&taken["data"]["call"], "holderName"), "Sam Ortiz", "{taken:#}");
    drop(posted);
    let shown = stage.shop.expect(0, &["config", "show"]).stdout;
    assert!(!shown.contains("secret-path") && !shown.contains(&secret), "{shown}");
    assert!(!serve.process.kill().contains("secret-path"));
}

#[test]
fn what_is_wrong_with_a_receiver_is_named() {
    let secret = BASE64_STANDARD.encode(KEY);
    for (lines, words) in [
        ("url = \"https://hooks.example.com/a\"\nsecret = \"hush\"", "whsec_"),
        ("url = \"http://hooks.example.com/a\"\nsecret = \"whsec_SECRET\"", "https://"),
        ("secret = \"whsec_SECRET\"", "events[0].url"),
        (
            "url = \"https://hooks.example.com/a\"\nsecret = \"whsec_SECRET\"\nkinds = [\"ringing\"]",
            "is no kind of event",
        ),
        (
            "url = \"https://hooks.example.com/a\"\nsecret = \"whsec_SECRET\"\nkind = []",
            "did you mean `events[0].kinds`",
        ),
    ] {
        let shop = crate::support::Shop::with_config(&format!("[[events]]\n{}\n", lines.replace("SECRET", &secret)));
        let run = shop.run(&["config", "show"]);
        assert!(run.code == 2 && run.stderr.contains(words) && !run.stderr.contains(&secret), "{lines}: {run:?}");
    }
}
