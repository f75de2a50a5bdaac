//! A fault in a loop of a real `serve`: health, the alerts and systemd's watchdog follow the loops' progress, not the process's life.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};

use dispatchctl::testkit::Stopwatch;
use serde_json::{Value, json};

use crate::support::http;
use crate::support::process::report;
use crate::support::stage::{Stage, emergency};
use crate::support::wait::{PATIENCE, until};

/// What gives an engine duties by its settings.
const MORE: &str =
    "[airtable]\nadopt_every = \"10s\"\n[airtable.tables]\ncontacts = \"On-Call\"\noverrides = \"On-Call Overrides\"\n";

/// A stage whose `serve` has this planted in it, and what it says to systemd.
fn stage(fault: &str) -> (Stage, UnixDatagram) {
    let mut stage = Stage::new(MORE);
    let socket = stage.shop.path("notify.sock");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_nonblocking(true).expect("it does not wait");
    stage.shop.set("NOTIFY_SOCKET", socket.display().to_string());
    stage.shop.set("WATCHDOG_USEC", "1500000");
    if !fault.is_empty() {
        stage.shop.set("DISPATCHCTL_FAILPOINT", fault);
    }
    (stage, systemd)
}

/// Everything that was said to systemd since the last look.
fn said(systemd: &UnixDatagram) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = systemd.recv(&mut buffer) {
        all.push(String::from_utf8_lossy(&buffer[..n]).into_owned());
    }
    all
}

fn is_fed(said: &[String]) -> bool {
    said.iter().any(|s| s.contains("WATCHDOG=1"))
}

fn alerts(stage: &Stage) -> Vec<String> {
    // The fault is for `serve`: this command runs no loop.
    let document = stage.shop.expect(0, &["alerts", "-o", "json"]).json();
    let all = document["alerts"].as_array().expect("alerts").iter();
    all.map(|a| a["key"].as_str().unwrap_or_default().to_owned()).collect()
}

fn health(stage: &Stage) -> (u16, Value) {
    let answer = http::json(stage.at(), "GET", "/health", None).expect("an answer");
    (answer.status, answer.json())
}

#[test]
fn a_sound_engine_feeds_the_watchdog() {
    let (stage, systemd) = stage("");
    let _serve = stage.serve();
    until("the watchdog is fed", || is_fed(&said(&systemd)).then_some(()));
    let (status, document) = health(&stage);
    assert_eq!(status, 200, "{document:#}");
    let duties = document["duties"].as_array().expect("duties");
    assert!(duties.iter().all(|d| d["isStill"] == json!(false)), "{duties:#?}");
}

/// What is planted in the loops of one `serve`, and what is to be said of it.
struct Plant {
    label: &'static str,
    /// From the start on.
    fault: String,
    /// Once it works.
    later: &'static str,
    /// Those that died, are started again, and go on.
    died: Vec<String>,
    /// Those that stand still, calls going on without them.
    still: Vec<String>,
    /// Those that stand still and without which nobody is told.
    essential: &'static [&'static str],
    /// Whether the listener answers.
    listens: bool,
    /// Whether the service manager's watchdog, and the dead-man's switch, get signs of life.
    feeds: bool,
    is_alive: bool,
}

/// Every loop of a process that serves: the engine's duties and what runs beside them.
fn loops() -> Vec<String> {
    let (stage, _systemd, _switch) = watched("");
    let _serve = stage.serve();
    let document = health(&stage).1;
    let names = document["duties"].as_array().expect("duties").iter();
    let names: Vec<String> = names.map(|d| d["name"].as_str().expect("a name").to_owned()).collect();
    let beside = [
        "http",
        "duty-watch",
        "refusals",
        "settings",
        "watchdog",
        "heartbeat",
        "mirror",
        "contacts",
        "overrides",
        "adopt",
    ];
    for known in dispatchctl::testkit::duties().into_iter().chain(beside) {
        assert!(names.iter().any(|n| n == known), "{known} is a loop and is not shown: {names:?}");
    }
    names
}

/// With a service manager and a dead-man's switch that listen, on loopback.
fn watched(fault: &str) -> (Stage, UnixDatagram, Switch) {
    let (mut stage, systemd) = stage(fault);
    let switch = Switch::new();
    stage.shop.set("DISPATCHCTL_HEARTBEAT__URL", format!("http://{}/alive", switch.at));
    stage.shop.set("DISPATCHCTL_HEARTBEAT__FAIL_URL", format!("http://{}/fail", switch.at));
    stage.shop.set("DISPATCHCTL_HEARTBEAT__EVERY", "1s");
    (stage, systemd, switch)
}

/// A dead-man's switch: what was asked of it, in order. It ends with the test's process.
struct Switch {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Switch {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("an address");
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = heard.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 2048];
                let n = stream.read(&mut head).unwrap_or(0);
                let line = String::from_utf8_lossy(&head[..n]).lines().next().unwrap_or_default().to_owned();
                hears.lock().expect("not poisoned").push(line);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { at, heard }
    }

    /// How often this path was asked for.
    fn heard(&self, path: &str) -> usize {
        self.heard.lock().expect("not poisoned").iter().filter(|line| line.contains(path)).count()
    }
}

impl Plant {
    /// Nothing is said of what is well.
    fn new(label: &'static str, fault: String) -> Self {
        let (died, still) = (Vec::new(), Vec::new());
        Self { label, fault, later: "", died, still, essential: &[], listens: true, feeds: true, is_alive: true }
    }

    fn check(&self) {
        let (stage, systemd, switch) = watched(&self.fault);
        let label = self.label;
        let serve = stage.try_serve();
        let died = self.died.iter().map(|name| format!("duty-died:{name}"));
        let still = self.still.iter().map(|name| format!("duty-still:{name}"));
        let stands = self.essential.iter().map(|name| format!("engine-still:{name}"));
        let want: BTreeSet<String> = died.chain(still).chain(stands).collect();
        serve.says("serve started");
        if !self.later.is_empty() {
            until(&format!("{label}: a sign of life before"), || (switch.heard("/alive") > 0).then_some(()));
            stage.drilled(json!({ "kill": self.later }));
        }
        let mut seen = BTreeSet::new();
        let missing = |seen: &BTreeSet<String>| want.difference(seen).cloned().collect::<Vec<_>>();
        let wait = Stopwatch::start();
        while !want.is_subset(&seen) {
            assert!(wait.passed() < PATIENCE, "{label}: no alert says {:?}", missing(&seen));
            // Whoever gives a sign of life waits where nobody takes the one before.
            said(&systemd);
            seen = alerts(&stage).into_iter().filter(|k| k.contains("-still:") || k.contains("duty-died:")).collect();
        }
        assert_eq!(seen, want, "{label}: of nothing else");

        // From now on: what came before is of the start.
        said(&systemd);
        switch.heard.lock().expect("not poisoned").clear();
        if self.feeds {
            until(&format!("{label}: the watchdog is fed"), || is_fed(&said(&systemd)).then_some(()));
        }
        if self.is_alive {
            until(&format!("{label}: a sign of life"), || (switch.heard("/alive") > 0).then_some(()));
        } else if !self.essential.is_empty() {
            // Posted at once when it was seen; again when the next sign of life would be due.
            until(&format!("{label}: the trouble is posted"), || (switch.heard("/fail") > 0).then_some(()));
        }
        if self.listens {
            let (status, document) = health(&stage);
            let want = if self.essential.is_empty() { (200, "degraded") } else { (503, "failing") };
            assert_eq!((status, document["status"].as_str()), (want.0, Some(want.1)), "{label}: {document:#}");
            let duty = |name: &str| {
                let found = document["duties"].as_array().and_then(|d| d.iter().find(|d| d["name"] == name));
                found.unwrap_or_else(|| panic!("{label}: {name} is not shown")).clone()
            };
            for name in &self.died {
                let duty = duty(name);
                assert_eq!((&duty["restarts"], &duty["isStill"]), (&json!(1), &json!(false)), "{label}: {duty}");
                assert!(duty["lastPassAgoMs"].is_u64(), "{label}: it goes on: {duty}");
            }
            for name in self.still.iter().map(String::as_str).chain(self.essential.iter().copied()) {
                assert_eq!(duty(name)["isStill"], json!(true), "{label}: {name}");
            }
            // A call is taken all the same, and told where nothing essential stands still.
            let answer = stage.post("/api/dispatch/manual", &emergency("c1", "normal")).expect("an answer");
            assert!(matches!(answer.status, 201 | 202), "{label}: {answer:?}");
            if self.essential.is_empty() {
                stage.delivered("c1", 1);
            }
        }
        if !self.feeds {
            assert!(!is_fed(&said(&systemd)), "{label}: systemd starts it again");
        }
        if !self.is_alive {
            assert_eq!(switch.heard("/alive"), 0, "{label}: no sign of life");
        }
    }
}

/// The names with this fault planted in each.
fn in_each(names: &[String], what: &str) -> String {
    names.iter().map(|name| format!("duty:{name}:{what}")).collect::<Vec<_>>().join(",")
}

#[test]
fn a_panic_and_a_hang_in_each_loop_are_said_by_health_alerts_the_watchdog_and_the_switch() {
    let all = loops();
    // Each stands for itself below: without them nobody says, or nobody can ask.
    let apart = ["scheduler", "dispatcher", "http", "duty-watch", "watchdog", "heartbeat"];
    let others: Vec<String> = all.iter().filter(|name| !apart.contains(&name.as_str())).cloned().collect();
    let of = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let plants = [
        Plant { died: all, ..Plant::new("each dies once", "duty:*:panic".into()) },
        Plant { still: others.clone(), ..Plant::new("each other hangs", in_each(&others, "hang:3")) },
        Plant {
            essential: &["scheduler"],
            feeds: false,
            is_alive: false,
            later: "duty:scheduler:hang",
            ..Plant::new("what fires hangs", String::new())
        },
        Plant {
            essential: &["dispatcher"],
            feeds: false,
            is_alive: false,
            ..Plant::new("what sends dies again and again", "duty:dispatcher:panics".into())
        },
        Plant {
            essential: &["http"],
            listens: false,
            feeds: false,
            is_alive: false,
            later: "duty:http:hang",
            ..Plant::new("what listens hangs", String::new())
        },
        Plant {
            still: of(&["duty-watch"]),
            ..Plant::new("what watches the others hangs", "duty:duty-watch:hang:3".into())
        },
        Plant {
            still: of(&["watchdog", "heartbeat"]),
            feeds: false,
            is_alive: false,
            ..Plant::new("what gives the signs of life hangs", "duty:watchdog:hang:3,duty:heartbeat:hang:3".into())
        },
    ];
    let took = Stopwatch::start();
    std::thread::scope(|scope| plants.iter().for_each(|plant| drop(scope.spawn(|| plant.check()))));
    report(&format!("{} engines with faults: {:.1} s", plants.len(), took.passed().as_secs_f64()));
}
