//! What a phone hears, and the key that takes a call: from the provider's signed request to the answer, which is on disk then.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Conn, ms, print_quantiles};
use crate::peer::Arrival;
use crate::{ACCOUNT, Serve, Stage};

/// So many phone calls, each to a phone and a line of its own, as one phone rings once at a time.
const PHONE_CALLS: usize = 1_000;
/// So many requests of each kind in a second.
const RATE: f64 = 50.0;
/// So many requests may wait for their answer at once.
const AT_ONCE: usize = 16;

/// Every phone asks what is to be said, then every key is pressed, each at [`RATE`] a second.
pub(crate) fn run() {
    let mut stage = Stage::new("10m", "1h");
    stage.extra = vec![("DISPATCHCTL_VOICE__PER_SECOND".into(), "30".into())];
    let path = stage.dir.join("dispatchctl.toml");
    let config = std::fs::read_to_string(&path).expect("config");
    std::fs::write(&path, format!("{config}{}", lines())).expect("config");
    let serve = stage.serve();
    for i in 0..PHONE_CALLS {
        let body = format!(
            r#"{{"callId":"ring-{i}","callData":{{"callerPhone":"+19495550150","issueSummary":"water in the cellar","address":"12 Elm St","emergencyLevel":"ring","twilioToNumber":"{}"}}}}"#,
            line(i)
        );
        assert!(matches!(serve.dispatch(&body).0, 201 | 202), "accepted");
    }
    let rung = stage.peer.wait_for_phone_calls(PHONE_CALLS);
    let asked = |a: &Arrival| serve.signed(&format!("/webhooks/twilio/voice/{}", a.attempt), &form(a, &[]));
    let times = paced(&serve, &rung.iter().map(asked).collect::<Vec<_>>(), "<Gather");
    show("what is to be said", times);
    let key = |a: &Arrival| {
        serve.signed(&format!("/webhooks/twilio/voice-key/{}/1", a.attempt), &form(a, &[("Digits", "1")]))
    };
    let times = paced(&serve, &rung.iter().map(key).collect::<Vec<_>>(), "You have the job");
    show("key 1, which takes the call", times);
}

fn show(what: &str, mut times: Vec<f64>) {
    print_quantiles(&format!("{what}, {RATE:.0} a second"), "ms", &mut times);
}

fn line(i: usize) -> String {
    format!("+1415555{i:04}")
}

fn lines() -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "[voice]\nfrom = \"+15005550010\"\n[policies.ring]\nsteps = [ { wait = \"0s\", notify = [\"primary\"], channel = \"voice\" } ]\nexhaust_after = \"1h\"\n",
    );
    for i in 0..PHONE_CALLS {
        let _ = write!(
            text,
            "[[contacts]]\nid = \"t{i}\"\nname = \"Tech {i}\"\nphone = \"+1213555{i:04}\"\n[[lines]]\nnumber = \"{}\"\nname = \"Shop {i}\"\nteam = [ {{ contact = \"t{i}\", role = \"primary\" }} ]\n",
            line(i)
        );
    }
    text
}

fn form(a: &Arrival, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("CallSid", a.sid.clone()),
        ("AccountSid", ACCOUNT.to_owned()),
        ("CallStatus", "in-progress".to_owned()),
        ("From", "+15005550010".to_owned()),
        ("To", a.reference.clone()),
        ("Direction", "outbound-api".to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
    ];
    form.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    form
}

/// Sends each request at its time, whether those before it are answered or not, and demands these words in the answer.
fn paced(serve: &Serve, requests: &[Vec<u8>], words: &str) -> Vec<f64> {
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let all: Mutex<Vec<f64>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut conn = Conn::open(serve.addr);
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(i) else { return };
                    let due = started + Duration::from_secs_f64(i as f64 / RATE);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let (status, answer) = conn.ask(request);
                    // From when it was due: a request that waited for a free connection waited too.
                    all.lock().expect("lock").push(ms(due.elapsed()));
                    assert!(status == 200 && answer.contains(words), "{status} {answer}");
                }
            });
        }
    });
    all.into_inner().expect("lock")
}
