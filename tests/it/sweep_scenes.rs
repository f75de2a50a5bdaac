//! What leads the engine to each kill point, and what must be so once it has started again.

mod alert_texts;
mod copies;
mod histories;
mod judge;
mod roll_calls;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use dispatchctl::testkit::Stopwatch;

use crate::support::fault_injection::{FAILPOINT, Sink, died_at};
use crate::support::http;
use crate::support::stage::{SAM, Stage, attempts, emergency, entries, state, text};
use crate::support::wait::until;
use crate::sweep::Row;

const LADDERS: &str = r#"
[policies.once]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
[policies.soon]
steps = [ { wait = "400ms", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
[policies.twice]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "1500ms", notify = ["primary"] }, { wait = "1h", notify = ["backup"] } ]
exhaust_after = "1h"
"#;
/// A rotation that no ladder names goes by a calendar.
const CALENDAR: &str = "[[rotations]]\nid = \"spare\"\ntime_zone = \"UTC\"\ncalendar = \"spare.ics\"\n";
/// Signs what the sandbox posts as Retell.
const RETELL_KEY: &str = "key_sandbox_0123456789";
/// Compares Retell's list.
pub(crate) const LISTS: (&str, &str) = ("DISPATCHCTL_INTAKE__RETELL__LIST", "1s");
/// How long a point may take to be reached.
const REACHED: Duration = Duration::from_secs(45);
/// How often a reminder that left before its engine was armed is made again.
const TRIES: usize = 6;

/// Which text is under way when the engine dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    First,
    Reminder,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Reminder => "reminder",
        }
    }

    const fn step(self) -> usize {
        match self {
            Self::First => 1,
            Self::Reminder => 2,
        }
    }
}

/// What leads to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    Accept,
    Report,
    CallList,
    Notice,
    Timer,
    Reply,
    WaitingReply,
    Search,
    Poll,
    Alert,
    Mirror,
    Batch,
    Lock,
    Recovery,
    Migration,
    Override,
    Calendar,
    RollCall,
    AlertText,
    /// A store that was restored from a copy.
    History,
    /// A copy that a person asks for.
    Backup,
    Restore,
    /// Calls that were over long ago lose what they say of people.
    Prune,
    /// A scenario of its own plays it, with phones that ring: `phone-kill-` and the point.
    PhoneCall,
}

impl Scene {
    pub(crate) fn of(point: &str) -> Self {
        match point.split('.').next() {
            Some("accept") => Self::Accept,
            Some("report") => Self::Report,
            Some("call-list") => Self::CallList,
            Some("intent" | "post" | "outcome" | "receipt") => Self::Notice,
            Some("timer") => Self::Timer,
            Some("reply") => Self::Reply,
            Some("reply-time") => Self::WaitingReply,
            Some("search") => Self::Search,
            Some("poll") => Self::Poll,
            Some("alert") => Self::Alert,
            Some("mirror") => Self::Mirror,
            Some("batch") => Self::Batch,
            Some("lock") => Self::Lock,
            Some("recovery") => Self::Recovery,
            Some("migration") => Self::Migration,
            Some("history") => Self::History,
            Some("backup") => Self::Backup,
            Some("restore") => Self::Restore,
            Some("prune") => Self::Prune,
            Some("override" | "withdrawal") => Self::Override,
            Some("calendar") => Self::Calendar,
            Some(name) if name.starts_with("roll-call") => Self::RollCall,
            Some(name) if name.starts_with("alert-text") => Self::AlertText,
            Some("phone-status" | "asked" | "key" | "ringing" | "lost-call") => Self::PhoneCall,
            _ => panic!("{point} has no scene"),
        }
    }

    /// Which texts it can befall.
    pub(crate) const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Accept
            | Self::Report
            | Self::CallList
            | Self::Alert
            | Self::Mirror
            | Self::Batch
            | Self::Migration
            | Self::Override
            | Self::Calendar
            | Self::RollCall
            | Self::AlertText
            | Self::Backup
            | Self::Restore
            | Self::Prune
            | Self::WaitingReply => &[Kind::First],
            Self::Lock | Self::History => &[Kind::Reminder],
            Self::PhoneCall => &[],
            _ => &[Kind::First, Kind::Reminder],
        }
    }

    /// The slow ones are begun first.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::Search => 3,
            Self::Recovery => 2,
            _ => 1,
        }
    }
}

/// One point, one kind of text, so many deaths.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) point: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rounds: usize,
}

/// What happened so far.
struct Play {
    job: Job,
    stage: Arc<Stage>,
    sink: Sink,
    kills: usize,
    calls: Vec<(String, &'static str)>,
    /// Calls whose caller was told of a success.
    answered: Arc<Mutex<BTreeSet<String>>>,
    /// Replies that were written: the call of each.
    replied: BTreeSet<String>,
}

impl Job {
    pub(crate) fn run(&self) -> Row {
        if matches!(Scene::of(self.point), Scene::Migration | Scene::RollCall | Scene::AlertText) {
            // A store is made once, and a roll call waits for nobody between two starts: each death has its own.
            let mut all = Row::default();
            for _ in 0..self.rounds {
                let row = Play::new(Self { rounds: 1, ..self.clone() }).play();
                all.kills += row.kills;
                all.recovered += row.recovered;
                all.unknown += row.unknown;
                all.lost += row.lost;
                all.doubled += row.doubled;
                all.unexpected += row.unexpected;
                all.wrong.extend(row.wrong);
            }
            return all;
        }
        Play::new(self.clone()).play()
    }
}

impl Play {
    fn new(job: Job) -> Self {
        let duties = match Scene::of(job.point) {
            Scene::RollCall => roll_calls::duties(),
            Scene::AlertText => alert_texts::OWNERS.to_owned(),
            _ => String::new(),
        };
        let base = match Scene::of(job.point) {
            Scene::Mirror => crate::mirror::AIRTABLE,
            Scene::Calendar => CALENDAR,
            _ => "",
        };
        let mut stage = Stage::new(&format!("{base}\n{LADDERS}\n{duties}"));
        let sink = Sink::start();
        for (name, value) in [
            ("TWILIO__REQUEST_TIMEOUT", "1s"),
            ("TWILIO__CONNECT_TIMEOUT", "1s"),
            ("DELIVERY__SETTLE", "1200ms"),
            (
                "DELIVERY__POLL_AFTER",
                if matches!(Scene::of(job.point), Scene::Poll | Scene::Search | Scene::RollCall | Scene::AlertText) {
                    "100ms"
                } else {
                    "30s"
                },
            ),
            ("DRILL_SINK", &sink.url),
            ("INTAKE__RETELL__API_KEY", RETELL_KEY),
        ] {
            stage.shop.set(&format!("DISPATCHCTL_{name}"), value);
        }
        Self {
            job,
            stage: Arc::new(stage),
            sink,
            kills: 0,
            calls: Vec::new(),
            answered: Arc::default(),
            replied: BTreeSet::new(),
        }
    }

    fn play(mut self) -> Row {
        let scene = Scene::of(self.job.point);
        let first = self.job.kind == Kind::First;
        if self.job.point == "post.under-way" {
            self.stage.fault(&json!([{ "kind": "delay", "delayMs": 400 }]));
        }
        match scene {
            Scene::Search => self.searches(),
            Scene::Recovery => self.recoveries(),
            Scene::Lock => self.locks(),
            Scene::CallList => self.lists(),
            Scene::RollCall => self.roll_calls(),
            Scene::AlertText => self.alert_texts(),
            Scene::History => self.histories(),
            Scene::Backup => self.backups(),
            Scene::Restore => self.restores(),
            Scene::Prune => self.prunes(),
            _ => {
                if scene == Scene::Poll {
                    self.stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
                }
                for _ in 0..self.job.rounds {
                    if first { self.first() } else { self.reminder() }
                }
            }
        }
        self.stage.clear_faults();
        self.judge()
    }

    fn name(&mut self, level: &'static str) -> String {
        let name = format!("c{}", self.calls.len());
        self.calls.push((name.clone(), level));
        name
    }

    /// Hands a call over beside the test: its caller may wait, or never hear.
    fn hand_over(&mut self, level: &'static str) -> String {
        let name = self.name(level);
        let (stage, answered, call) = (self.stage.clone(), self.answered.clone(), name.clone());
        std::thread::spawn(move || {
            if let Ok(a) = stage.post("/api/dispatch/manual", &body(&call, level))
                && matches!(a.status, 200..=202)
            {
                answered.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
            }
        });
        name
    }

    /// A platform reports a phone call beside the test, and may never hear.
    fn report(&mut self) {
        let name = format!("retell:c{}", self.calls.len());
        self.calls.push((name.clone(), "once"));
        let (stage, answered) = (self.stage.clone(), self.answered.clone());
        std::thread::spawn(move || {
            if stage.report(&name) == Some(200) {
                answered.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
            }
        });
    }

    /// Phone calls that nobody reports, one before each start; the store has a call, so the list is compared from before.
    fn lists(&mut self) {
        let process = self.stage.serve_armed(&[]);
        let call = self.name("once");
        self.stage.dispatch(&call, "once");
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(call.clone());
        self.stage.delivered(&call, 1);
        process.kill();
        for n in 0..self.job.rounds {
            let listed = json!({ "id": format!("m{n}"), "from": "+19495550142", "to": "+18005550100",
                "agoSeconds": 300, "seconds": 60, "reason": "agent_hangup" });
            self.stage.agents(&json!({ "do": "list", "platform": "retell", "call": listed }));
            let process = self.stage.start_armed(&[(FAILPOINT, self.job.point), LISTS]);
            self.dies(process);
        }
    }

    fn armed(&self) -> [(&'static str, &'static str); 1] {
        [(FAILPOINT, self.job.point)]
    }

    fn dies(&mut self, mut process: crate::support::process::Process) {
        let (point, kind) = (self.job.point, self.job.kind.as_str());
        assert!(died_at(&mut process, point, REACHED), "{point} ({kind}) was never reached: {}", process.stderr());
        self.kills += 1;
    }

    /// A start that is armed, and the first text of a call.
    fn first(&mut self) {
        if Scene::of(self.job.point) == Scene::Calendar {
            self.write_calendar();
        }
        let mut process = self.stage.start_armed(&self.armed());
        if self.stage.ready_or_dead(&mut process) {
            match Scene::of(self.job.point) {
                Scene::Timer => drop(self.hand_over("soon")),
                Scene::Report => self.report(),
                Scene::Alert => drop(self.hand_over("no-such-level")),
                Scene::Batch => (0..12).for_each(|_| drop(self.hand_over("once"))),
                Scene::Reply => {
                    let call = self.hand_over("once");
                    self.reply(&call, 1);
                }
                Scene::WaitingReply => self.reply_that_waits(),
                Scene::Override => self.except(),
                _ => drop(self.hand_over("once")),
            }
        } else {
            // What an earlier death has left led there: the call is handed over all the same, later.
            self.name("once");
        }
        self.dies(process);
    }

    fn reply(&mut self, call: &str, number: usize) {
        let story = self.stage.until_call_is_there(call, |c| state(c, number) == "delivered");
        self.replied.insert(call.to_owned());
        self.stage.reply(SAM, &format!("1 {}", text(&story, "reference")));
    }

    /// Two calls told within a minute: which one a polite word answers depends on when it was written, so it waits.
    fn reply_that_waits(&mut self) {
        let first = self.hand_over("once");
        self.stage.until_call_is_there(&first, |c| state(c, 1) == "delivered");
        let second = self.hand_over("once");
        self.stage.until_call_is_there(&second, |c| state(c, 1) == "delivered");
        let watch = Stopwatch::start();
        // The provider's times have whole seconds.
        until("a second has passed", || (watch.passed() > Duration::from_millis(1_100)).then_some(()));
        self.replied.insert(second);
        self.stage.reply(SAM, "ok");
    }

    /// Another version of the calendar before each start: one that has an event more.
    fn write_calendar(&self) {
        let now = crate::support::wait::now().as_millis();
        let event = |n: i64| {
            let at = dispatchctl::testkit::Timestamp::from_millis(now + n * 86_400_000).rfc3339();
            let day = at.split('T').next().unwrap_or_default().replace('-', "");
            format!("BEGIN:VEVENT\nUID:{n}\nSUMMARY:Sam Ortiz\nDTSTART;VALUE=DATE:{day}\nEND:VEVENT\n")
        };
        let events: String = (1..).take(self.kills + 10).map(event).collect();
        let text = format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n");
        std::fs::write(self.stage.shop.path("spare.ics"), text).expect("written");
    }

    /// An exception of a role that no ladder names is made beside the test, and withdrawn where its withdrawal is to die.
    fn except(&mut self) {
        let call = self.hand_over("once");
        self.stage.until_call_is_there(&call, |c| state(c, 1) == "delivered");
        let (stage, withdraws) = (self.stage.clone(), self.job.point.starts_with("withdrawal"));
        let note = format!("swap {}", self.kills);
        std::thread::spawn(move || {
            let body = json!({ "role": "spare", "kind": "add", "contact": "sam", "until": "+8h", "note": note });
            let made = stage.post("/api/oncall/overrides", &body);
            let id = made.ok().and_then(|a| a.json()["override"]["id"].as_str().map(str::to_owned));
            if let Some(id) = id.filter(|_| withdraws) {
                let _ = stage.post(&format!("/api/oncall/overrides/{id}/withdraw"), &json!({}));
            }
        });
    }

    /// A running engine that is armed between a call's first text and its second.
    fn reminder(&mut self) {
        for _ in 0..TRIES {
            let mut process = self.stage.serve_armed(&[]);
            let call = self.name("twice");
            self.stage.dispatch(&call, "twice");
            self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(call.clone());
            self.stage.delivered(&call, 1);
            let replies = Scene::of(self.job.point) == Scene::Reply;
            if replies {
                self.stage.delivered(&call, 2);
            }
            self.stage.drilled_or_dead(&mut process, json!({ "kill": self.job.point }));
            if replies && process.ended().is_none() {
                self.reply(&call, 2);
            }
            if died_at(&mut process, self.job.point, Duration::from_secs(4)) {
                self.kills += 1;
                return;
            }
            // The text had left before the engine was armed, on a machine that is busy.
        }
        panic!("{} (reminder) was never reached", self.job.point);
    }

    /// Unknown outcomes, made by an engine that is not armed; every start that is looks for them.
    fn searches(&mut self) {
        let mut tries = 0;
        while self.kills < self.job.rounds {
            let many = if self.job.point == "search.committed" { (self.job.rounds - self.kills).min(20) } else { 1 };
            self.stage.clear_faults();
            let process = self.stage.serve_armed(&[]);
            let unknown = json!([
                { "kind": "drop_after_accept", "times": many },
                { "kind": "withhold_callbacks" },
            ]);
            if self.job.kind == Kind::First {
                self.stage.fault(&unknown);
            }
            let level = if self.job.kind == Kind::First { "once" } else { "twice" };
            let calls: Vec<String> = (0..many).map(|_| self.hand_over(level)).collect();
            if self.job.kind == Kind::Reminder {
                for call in &calls {
                    self.stage.until_call_is_there(call, |c| state(c, 1) == "delivered");
                }
                self.stage.fault(&unknown);
            }
            let number = self.job.kind.step();
            let is = |c: &Value| matches!(state(c, number), "unknown" | "submitted" | "delivered");
            let stories = calls.iter().map(|call| self.stage.until_call_is_there(call, is));
            let unknown = stories.filter(|c| state(c, number) == "unknown").count();
            process.kill();
            if unknown == 0 {
                // They had left before the fault was armed, on a machine that is busy.
                tries += 1;
                assert!(tries < TRIES, "{}: no outcome was ever unknown", self.job.point);
                continue;
            }
            let before = self.job.point == "search.before-commit";
            let left = if before { self.job.rounds - self.kills } else { unknown };
            for _ in 0..left {
                let process = self.stage.start_armed(&self.armed());
                self.dies(process);
            }
        }
    }

    /// Three texts under way when the engine is killed; the next start dies while it settles what that one has left.
    fn recoveries(&mut self) {
        for _ in 0..self.job.rounds {
            let reached = (0..TRIES).any(|_| self.recovery());
            assert!(reached, "{} was never reached", self.job.point);
            self.kills += 1;
        }
    }

    /// Whether the start after the kill died; on a busy machine the texts may have been answered before it.
    fn recovery(&mut self) -> bool {
        let first = self.job.kind == Kind::First;
        let process = self.stage.serve_armed(&[]);
        let slow = json!([{ "kind": "delay", "delayMs": 900 }, { "kind": "delay_callbacks", "delayMs": 900 }]);
        if first {
            self.stage.fault(&slow);
        }
        let calls: Vec<String> = (0..3).map(|_| self.hand_over(if first { "once" } else { "twice" })).collect();
        if !first {
            for call in &calls {
                self.stage.until_call_is_there(call, |c| state(c, 1) == "delivered");
            }
            self.stage.fault(&slow);
        }
        let number = self.job.kind.step();
        until("two texts are under way", || {
            let left = |c: &&String| {
                let path = format!("/api/calls/{c}");
                let answer = http::json(self.stage.at(), "GET", &path, None).ok().filter(|a| a.status == 200);
                answer.is_some_and(|a| !matches!(state(&a.json(), number), "" | "scheduled"))
            };
            (calls.iter().filter(left).count() >= 2).then_some(())
        });
        process.kill();
        self.stage.clear_faults();
        let mut process = self.stage.start_armed(&self.armed());
        died_at(&mut process, self.job.point, REACHED)
    }

    /// A follow-up waits while start after start dies with the lock in its hand.
    fn locks(&mut self) {
        let process = self.stage.serve_armed(&[]);
        let call = self.name("twice");
        self.stage.dispatch(&call, "twice");
        self.stage.delivered(&call, 1);
        process.kill();
        for _ in 0..self.job.rounds {
            let process = self.stage.start_armed(&self.armed());
            self.dies(process);
        }
    }
}

impl Stage {
    /// One of the sandbox's controls; its answer.
    pub(crate) fn agents(&self, ask: &Value) -> Value {
        let answer = http::json(self.sandbox_at(), "POST", "/_sandbox/agents", Some(ask)).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Retell reports this phone call; the status of the answer, if there was one.
    pub(crate) fn report(&self, call: &str) -> Option<u64> {
        let id = call.trim_start_matches("retell:");
        let n: usize = id.trim_start_matches('c').parse().expect("a number");
        // Another caller each time: the same one at the same time is the same phone call.
        let phone_call = json!({ "id": id, "from": format!("+194955501{n:02}"), "to": "+18005550100", "transcript": "User: no heat",
            "said": { "issue": "no heat", "level": "once" } });
        let ask = json!({ "do": "report", "platform": "retell", "at": format!("http://{}", self.at()),
            "event": "call_analyzed", "call": phone_call });
        self.agents(&ask)["done"][0]["answers"][0]["httpStatus"].as_u64()
    }

    /// The story of a call that may not be there yet, once it is so.
    pub(crate) fn until_call_is_there(&self, call: &str, is: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/calls/{call}");
        until(&format!("{call} is so"), || {
            let answer = http::json(self.at(), "GET", &path, None).ok().filter(|a| a.status == 200)?;
            Some(answer.json()).filter(|c| is(c))
        })
    }
}

fn body(call: &str, level: &str) -> Value {
    emergency(call, level)
}
