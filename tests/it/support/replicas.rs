//! Replicas of one shop: several `serve` on one store in PostgreSQL, with the sandbox as their provider.

use std::net::SocketAddr;
use std::time::Duration;

use dispatchctl::testkit::Timestamp;
use serde_json::Value;

use super::http;
use super::postgres_server::test_server;
use super::process::Process;
use super::stage::{Stage, emergency, free_port, text};
use super::wait::{now, until};

const SETTINGS: &str = r#"
[delivery]
poll_after = "500ms"
settle = "4s"
[policies.quick]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "3s", notify = ["backup"] } ]
exhaust_after = "1h"
"#;
/// What SPEC promises of a takeover.
pub(crate) const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(5);

pub(crate) struct Replica {
    pub(crate) at: SocketAddr,
    /// Its way to the database.
    url: String,
    pub(crate) process: Option<Process>,
}

/// Replicas of one shop.
pub(crate) struct Replicas {
    pub(crate) all: Vec<Replica>,
    pub(crate) stage: Stage,
}

impl Replicas {
    /// `None`: there is no PostgreSQL here.
    pub(crate) fn start(many: usize) -> Option<Self> {
        let url = test_server()?.schema();
        Some(Self::start_on(vec![url; many]))
    }

    /// One for each of these ways to the same database.
    pub(crate) fn start_on(urls: Vec<String>) -> Self {
        let mut replicas = Self::on(urls);
        for n in 0..replicas.all.len() {
            replicas.restart(n);
        }
        replicas
    }

    /// None of them runs yet.
    pub(crate) fn on(urls: Vec<String>) -> Self {
        let mut stage = Stage::on_server(SETTINGS, urls[0].clone());
        stage.shop.set("DISPATCHCTL_TWILIO__REQUEST_TIMEOUT", "2s");
        stage.shop.set("DISPATCHCTL_TWILIO__CONNECT_TIMEOUT", "1s");
        let place = format!("office=http://{}/_sandbox/alerts/well", stage.sandbox_at());
        stage.shop.set("DISPATCHCTL_DRILL_SINK", place);
        let replica = |url| Replica { at: SocketAddr::from(([127, 0, 0, 1], free_port())), url, process: None };
        let all = urls.into_iter().map(replica).collect();
        Self { all, stage }
    }

    pub(crate) fn restart(&mut self, n: usize) {
        self.start_with(n, &[]);
        until("it is ready", || self.ready(n).map(drop));
    }

    /// It is started in this environment; nobody waits for it.
    pub(crate) fn start_with(&mut self, n: usize, environment: &[(&str, &str)]) {
        let listen = self.all[n].at.to_string();
        let shop = &mut self.stage.shop;
        shop.move_to(self.all[n].url.clone());
        let mut command = shop.command(&["-o", "json", "serve", "--listen", &listen]);
        command.envs(environment.iter().copied());
        let dir = shop.path("");
        self.all[n].process = Some(Process::start(&mut command, &dir, &self.stage.next_name()));
    }

    /// What `/readyz` says, once it says yes.
    pub(crate) fn ready(&self, n: usize) -> Option<Value> {
        http::json(self.all[n].at, "GET", "/readyz", None).ok().filter(|a| a.status == 200).map(|a| a.json())
    }

    pub(crate) fn role(&self, n: usize) -> String {
        self.ready(n).map(|doc| text(&doc, "role").to_owned()).unwrap_or_default()
    }

    /// Whether its process is stopped, as by SIGSTOP.
    pub(crate) fn is_stopped(&self, n: usize) -> bool {
        let id = self.all[n].process.as_ref().expect("it runs").id();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Its role, whether it is ready or not.
    pub(crate) fn shown_role(&self, n: usize) -> String {
        let answer = http::json(self.all[n].at, "GET", "/health", None);
        answer.map(|a| text(&a.json(), "role").to_owned()).unwrap_or_default()
    }

    /// The one that is the engine.
    pub(crate) fn leader(&self) -> usize {
        until("one is the engine", || (0..self.all.len()).find(|n| self.lives(*n) && self.role(*n) == "leader"))
    }

    pub(crate) fn lives(&self, n: usize) -> bool {
        self.all[n].process.is_some()
    }

    pub(crate) fn another(&self, than: usize) -> usize {
        (0..self.all.len()).find(|n| *n != than && self.lives(*n)).expect("another one")
    }

    pub(crate) fn process(&mut self, n: usize) -> &mut Process {
        self.all[n].process.as_mut().expect("it runs")
    }

    pub(crate) fn signal(&self, n: usize, name: &str) {
        self.all[n].process.as_ref().expect("it runs").signal(name);
    }

    /// Calls handed to this replica, which are there once each is answered.
    pub(crate) fn dispatch(&self, n: usize, prefix: &str, many: usize) -> Vec<String> {
        self.dispatch_as(n, prefix, many, "normal")
    }

    /// The same of this level.
    pub(crate) fn dispatch_as(&self, n: usize, prefix: &str, many: usize, level: &str) -> Vec<String> {
        let names: Vec<String> = (0..many).map(|i| format!("{prefix}-{i}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                let at = self.all[n].at;
                scope.spawn(move || {
                    let answer = http::json(at, "POST", "/api/dispatch/manual", Some(&emergency(name, level)));
                    let answer = answer.expect("an answer");
                    assert!(matches!(answer.status, 201 | 202), "{name}: {answer:?}");
                });
            }
        });
        names
    }

    /// How long until another replica than this one is the engine.
    pub(crate) fn taken_over_from(&self, gone: usize, began: Timestamp) -> (usize, Duration) {
        let next = until("another is the engine", || {
            (0..self.all.len()).find(|n| *n != gone && self.lives(*n) && self.role(*n) == "leader")
        });
        (next, now().since(began))
    }

    /// How often the office was told of alerts of this kind.
    pub(crate) fn told(&self, key: &str, state: &str) -> usize {
        let all = self.stage.control("GET", "alerts", &Value::Null)["alerts"].as_array().cloned().unwrap_or_default();
        let is_it = |a: &&Value| text(a, "key").split(':').next() == Some(key) && a["state"] == state;
        all.iter().filter(is_it).count()
    }

    /// A check of `/health`, as it is now.
    pub(crate) fn check(&self, n: usize, name: &str) -> Option<Value> {
        let answer = http::json(self.all[n].at, "GET", "/health", None).ok()?;
        answer.json()["checks"].as_array()?.iter().find(|c| c["name"] == name).cloned()
    }

    /// Everything that was accepted reached the provider once, or is known not to be known.
    pub(crate) fn judge(&mut self, by: usize) {
        let at = self.all[by].at;
        self.stage.turn_to(at);
        self.stage.judge();
    }
}
