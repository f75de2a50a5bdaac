//! What a platform lists is compared with what was accepted: nobody who called is forgotten, and nobody is alarmed twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::config::{CallListPlace, CallListSource, intake};
use crate::domain::Timestamp;
use crate::domain::alert::AlertKind;
use crate::domain::event::{Event, Note};
use crate::domain::log::LogKind;
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::Actor;
use crate::engine::phone_calls::{CallListWatch, seen};
use crate::gateways::GatewayError;
use crate::gateways::phone_calls::{ListedPhoneCall, ListedPhoneCalls, PhoneCallList};
use crate::store::LogFilter;
use crate::testing::crash::Death;
use crate::testing::story::intake;
use crate::testing::{World, mins, secs};

const CALLER: &str = "+19495550142";
const LINE: &str = "+18005550100";

/// The SID of the phone call of that id.
fn sid_of(id: &str) -> String {
    let hex: String = id.bytes().map(|b| format!("{b:02x}")).collect();
    format!("CA{hex:0>32}")
}

/// What the platform would answer.
#[derive(Default)]
struct Platform {
    calls: Mutex<Vec<ListedPhoneCall>>,
    unread: Mutex<usize>,
    broken: Mutex<Option<GatewayError>>,
    asked: Mutex<Vec<(Timestamp, Timestamp)>>,
}

#[async_trait]
impl PhoneCallList for Platform {
    async fn between(&self, from: Timestamp, to: Timestamp) -> Result<ListedPhoneCalls, GatewayError> {
        self.asked.lock().expect("a lock").push((from, to));
        if let Some(error) = self.broken.lock().expect("a lock").clone() {
            return Err(error);
        }
        let all = self.calls.lock().expect("a lock").clone();
        let calls = all.into_iter().filter(|c| c.call.started_at.is_some_and(|at| (from..=to).contains(&at)));
        Ok(ListedPhoneCalls { calls: calls.collect(), unread: *self.unread.lock().expect("a lock") })
    }
}

impl Platform {
    /// A phone call that began so long ago and takes so long.
    fn rings(&self, w: &World, id: &str, ago: Duration, takes: Option<Duration>) {
        let started = w.now().minus(ago);
        self.lists(ListedPhoneCall {
            call: PhoneCall {
                id: id.to_owned(),
                sid: Some(sid_of(id)),
                line: Some(LINE.to_owned()),
                caller: Some(CALLER.to_owned()),
                started_at: Some(started),
                ended_at: takes.map(|d| started.plus(d)),
            },
            is_over: takes.is_some(),
            reason: "agent_hangup".to_owned(),
            document: json!({ "disconnection_reason": "agent_hangup" }),
        });
    }

    fn lists(&self, call: ListedPhoneCall) {
        let mut calls = self.calls.lock().expect("a lock");
        calls.retain(|c| c.call.id != call.call.id);
        calls.push(call);
    }

    fn breaks(&self, error: Option<GatewayError>) {
        *self.broken.lock().expect("a lock") = error;
    }
}

fn watch(w: &World, platform: &Arc<Platform>) -> CallListWatch {
    let (base_url, api_key) = ("http://127.0.0.1:4010".parse().expect("a URL"), "key_test".into());
    let of = CallListSource {
        place: CallListPlace::Retell { base_url, api_key },
        every: mins(1),
        hung_up: intake::usual_rules()["retell"].clone(),
    };
    CallListWatch::new(w.process.core.clone(), platform.clone(), of)
}

impl World {
    /// Time passes and the list is looked at as often as it wants.
    async fn lists(&self, watch: &CallListWatch, d: Duration) {
        let end = self.now().plus(d);
        while self.now() < end {
            let next = watch.pass().await.expect("compared").expect("a next time");
            assert!(next > self.now(), "it does not turn on the spot");
            self.clock.pass(next.min(end).since(self.now()));
        }
    }

    async fn messages(&self) -> Vec<String> {
        self.process.store.alerts().await.expect("read").into_iter().map(|a| a.message).collect()
    }

    async fn noted(&self, id: &str) -> Vec<String> {
        let filter =
            crate::store::LogFilter { call: Some(id.parse().expect("an id")), limit: 99, ..Default::default() };
        let log = self.process.store.log(&filter).await.expect("read");
        log.into_iter().map(|l| l.entry.kind.as_str().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_phone_call_that_nobody_reports_pages_once_with_the_number_to_call_back() {
    let mut w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    platform.rings(&w, "call_1", secs(0), Some(mins(2)));
    w.lists(&list, mins(3)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new(), "it may still be reported");
    w.lists(&list, secs(30)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new(), "over for 90 s, not a second less");
    w.lists(&list, secs(1)).await;
    assert_eq!(w.alerts().await, ["call-missed:retell:call_1"]);
    let said = w.messages().await.remove(0);
    for part in [
        "+19495550142",
        "+18005550100",
        "2026-11-22 02:02 UTC",
        "agent_hangup",
        "send --call-id retell:call_1 --caller +19495550142 --to-number +18005550100",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    w.restart().await;
    let again = watch(&w, &platform);
    w.lists(&again, mins(90)).await;
    assert_eq!(w.noted("retell:call_1").await, ["call.missed"], "and never again");
    // The person does as the alert says.
    w.accept(intake("retell:call_1", "high")).await;
    w.lists(&again, mins(1)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_accepted_unheard_or_hung_up_alarms_nobody() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    w.accept(intake("retell:call_1", "high")).await;
    let mut joined = intake("zap-7", "normal");
    joined.data.extra.insert("twilioCallSid".to_owned(), json!(sid_of("call_2")));
    w.accept(joined).await;
    let mut same = intake("zap-8", "normal");
    same.data.twilio_to_number = Some(LINE.to_owned());
    same.data.caller_phone = Some("(949) 555-0142".to_owned());
    w.accept(same).await;
    for id in ["call_1", "call_2", "call_3"] {
        platform.rings(&w, id, secs(0), Some(secs(60)));
    }
    platform.rings(&w, "call_4", secs(0), Some(secs(7)));
    let mut quick = platform.calls.lock().expect("a lock").pop().expect("the last");
    quick.document = json!({ "disconnection_reason": "user_hangup" });
    quick.call.caller = Some("+19495550143".to_owned());
    platform.lists(quick);
    w.lists(&list, mins(20)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new());
    assert_eq!(w.noted("retell:call_4").await, ["call.unheard"]);
    assert_eq!(w.noted("retell:call_3").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_said_once_and_loses_nothing() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    let throttled = GatewayError::Retryable { why: "HTTP 429".to_owned(), retry_after: Some(mins(5)) };
    platform.breaks(Some(throttled));
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    let began = w.now();
    w.lists(&list, mins(120)).await;
    assert_eq!(w.alerts().await, ["call-list:retell"]);
    let asked = platform.asked.lock().expect("a lock").iter().filter(|(_, to)| *to > began.plus(mins(5))).count();
    assert!(asked <= 25, "it stays away as long as it is asked to: {asked}");
    assert_eq!(w.log_of(None).await.matches("cannot be read").count(), 1);
    platform.breaks(None);
    w.lists(&list, mins(6)).await;
    assert_eq!(w.alerts().await, ["call-missed:retell:call_1"], "what came meanwhile is found, two hours later");
    // A key that is taken back is said at once.
    platform.breaks(Some(GatewayError::Refused { http: 401, code: None, message: String::new() }));
    w.lists(&list, mins(1)).await;
    assert!(w.has_alert("call-list:retell").await);
    platform.breaks(None);
    w.lists(&list, mins(2)).await;
    assert!(!w.has_alert("call-list:retell").await);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_keeps_the_list_from_going_on() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    *platform.unread.lock().expect("a lock") = 1;
    let began = w.now();
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    w.lists(&list, mins(150)).await;
    assert_eq!(w.alerts().await, ["call-list:retell", "call-missed:retell:call_1"], "the others have their verdict");
    let last = platform.asked.lock().expect("a lock").last().map(|(from, _)| *from);
    assert!(last.is_some_and(|from| from <= began), "it is asked from there again");
    *platform.unread.lock().expect("a lock") = 0;
    w.lists(&list, mins(2)).await;
    assert!(!w.has_alert("call-list").await);
}

#[tokio::test]
async fn a_phone_call_of_hours_and_an_engine_that_was_away_are_not_passed_by() {
    let mut w = World::new().await;
    let platform = Arc::new(Platform::default());
    w.lists(&watch(&w, &platform), secs(1)).await;
    platform.rings(&w, "long", secs(0), None);
    w.lists(&watch(&w, &platform), mins(150)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new(), "it goes on");
    platform.rings(&w, "long", mins(150), Some(mins(150)));
    w.lists(&watch(&w, &platform), mins(3)).await;
    assert_eq!(w.alerts().await, ["call-missed:retell:long"]);
    // The engine is away for a night; somebody calls at its beginning.
    platform.rings(&w, "night", secs(0), Some(mins(1)));
    w.away(mins(9 * 60));
    w.restart().await;
    w.lists(&watch(&w, &platform), secs(1)).await;
    assert!(w.has_alert("call-missed:retell:night").await);
    // What never ends is over after some hours.
    platform.rings(&w, "endless", secs(0), None);
    w.lists(&watch(&w, &platform), mins(6 * 60 + 3)).await;
    assert!(w.has_alert("call-missed:retell:endless").await);
}

#[tokio::test]
async fn what_came_before_the_list_was_first_read_is_nobodys() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    platform.rings(&w, "before", mins(10), Some(mins(1)));
    w.lists(&watch(&w, &platform), mins(10)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new());
    // A store that has calls was one before: its disk may have been lost.
    let mut other = World::new().await;
    other.dispatch("normal").await;
    other.lists(&watch(&other, &platform), secs(1)).await;
    assert_eq!(other.alerts().await, ["call-missed:retell:before"]);
}

#[tokio::test]
async fn a_crash_at_any_commit_alarms_once_and_forgets_nobody() {
    for k in 1..=6 {
        for death in [Death::After(k), Death::BeforeTheOneAfter(k)] {
            let mut w = World::new().await;
            let platform = Arc::new(Platform::default());
            w.lists(&watch(&w, &platform), secs(1)).await;
            for id in ["call_1", "call_2", "call_3"] {
                platform.rings(&w, id, secs(0), Some(secs(30)));
            }
            w.away(mins(3));
            w.process.crash.dies(death);
            let (list, crash) = (watch(&w, &platform), w.process.crash.clone());
            tokio::select! {
                _ = list.pass() => {}
                () = crash.died() => {}
            }
            w.restart().await;
            w.lists(&watch(&w, &platform), mins(3)).await;
            for id in ["retell:call_1", "retell:call_2", "retell:call_3"] {
                assert_eq!(w.noted(id).await, ["call.missed"], "{death:?} {id}");
            }
            assert_eq!(w.alerts().await.len(), 3, "{death:?}");
        }
    }
}

#[tokio::test]
async fn a_withheld_number_is_named_as_such() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    let mut hidden = platform.calls.lock().expect("a lock").pop().expect("one");
    (hidden.call.caller, hidden.document) = (Some("anonymous".to_owned()), Value::Null);
    platform.lists(hidden);
    w.lists(&list, mins(4)).await;
    let said = w.messages().await.remove(0);
    assert!(said.contains("from anonymous") && said.contains("withheld") && !said.contains("--caller "), "{said}");
}

#[tokio::test]
async fn an_alarm_ends_where_the_phone_call_came_by_another_way_after_all() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    w.lists(&list, mins(3)).await;
    assert_eq!(w.alerts().await, ["call-missed:retell:call_1"]);
    let mut late = intake("zap-7", "normal");
    late.data.extra.insert("twilioCallSid".to_owned(), json!(sid_of("call_1")));
    w.accept(late).await;
    w.lists(&list, mins(1)).await;
    assert_eq!(w.alerts().await, Vec::<String>::new());
    assert_eq!(w.noted("retell:call_1").await, ["call.missed"]);
}

#[tokio::test]
async fn the_alarm_of_a_missed_call_stands_until_a_call_of_it_exists_or_a_day_has_passed() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    w.lists(&list, mins(3)).await;
    let note = Note {
        call: Some("vapi:v1".parse().expect("an id")),
        kind: LogKind::CallUnheard,
        message: "a phone call was turned away".to_owned(),
        data: Value::Null,
        alert: Some((AlertKind::Unheard.about("vapi:v1"), "a phone call was turned away".to_owned())),
        phone: None,
        over: None,
    };
    w.process.core.apply(Event::Note(Box::new(note)), Actor::engine()).await.expect("stored");
    let both = ["call-missed:retell:call_1", "unheard:vapi:v1"];
    w.away(mins(23 * 60));
    w.watch().await;
    assert_eq!(w.alerts().await, both, "a night is not enough");
    w.accept(intake("vapi:v1", "high")).await;
    w.watch().await;
    assert!(w.has_alert(both[0]).await && !w.has_alert(both[1]).await, "a call of it exists");
    w.away(mins(60));
    w.watch().await;
    assert!(!w.has_alert(both[0]).await);
    assert_eq!(seen(&w.process.core, "retell:call_1", Actor("Ana".into()), None).await.expect("read"), None);
    assert_eq!(w.noted("retell:call_1").await, ["call.missed"], "the story keeps it");
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_hides_nobody() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    let right = w.now();
    w.clock.set_wall(right.plus(mins(3 * 24 * 60)));
    w.lists(&list, secs(1)).await;
    w.clock.set_wall(right.plus(secs(1)));
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    w.lists(&list, mins(4)).await;
    assert!(w.has_alert("call-missed:retell:call_1").await);
    let kept = w.process.store.list_progress("retell").await.expect("read").expect("kept");
    assert!(kept.since <= w.now() && kept.until <= w.now(), "it is stored so");
    // A list that was read for the first time while the clock was ahead.
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    let right = w.now();
    w.clock.set_wall(right.plus(mins(3 * 24 * 60)));
    w.lists(&list, secs(1)).await;
    w.clock.set_wall(right);
    w.lists(&list, secs(1)).await;
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    w.lists(&list, mins(4)).await;
    assert!(w.has_alert("call-missed:retell:call_1").await);
}

#[tokio::test]
async fn a_person_ends_the_alarm_of_a_missed_call_once_and_it_does_not_come_back() {
    let w = World::new().await;
    let platform = Arc::new(Platform::default());
    let list = watch(&w, &platform);
    w.lists(&list, secs(1)).await;
    platform.rings(&w, "call_1", secs(0), Some(mins(1)));
    w.lists(&list, mins(3)).await;
    let key = AlertKind::CallMissed.about("retell:call_1");
    assert!(w.has_alert("call-missed:retell:call_1").await);
    let ana = || Actor("Ana".into());
    let core = &w.process.core;
    assert_eq!(seen(core, "retell:call_2", ana(), None).await.expect("read"), None, "another one");
    assert_eq!(seen(core, "retell:call_1", ana(), Some("rang back".into())).await.expect("read"), Some(key));
    assert!(!w.has_alert("call-missed:retell:call_1").await);
    let log = core.store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("the log");
    let entry = log.iter().find(|line| line.entry.kind == LogKind::AlertSeen).expect("in the log");
    assert_eq!((entry.entry.actor.0.as_str(), entry.entry.data["note"].as_str()), ("Ana", Some("rang back")));
    assert_eq!(seen(core, "retell:call_1", ana(), None).await.expect("read"), None, "it is over");
    w.lists(&list, mins(3)).await;
    assert!(!w.has_alert("call-missed:retell:call_1").await, "it is not new");
}
