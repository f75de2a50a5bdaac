//! One phone call is one call, whichever way it comes; and what Twilio alone tells of is dispatched in the end.

use serde_json::json;

use crate::domain::call::CallState;
use crate::domain::change::Answer;
use crate::domain::event::{EndedPhoneCall, Event, Report};
use crate::domain::phone_call::PhoneCall;
use crate::domain::types::{Actor, CallId};
use crate::engine::in_force::InForce;
use crate::engine::intake::{self, Intake, Validation};
use crate::engine::phone_calls::fallback;
use crate::testing::crash::Death;
use crate::testing::story::intake;
use crate::testing::{World, mins, secs};

const LINE: &str = "+18005550100";
const CALLER: &str = "+19495550142";

impl World {
    /// As a platform reports it, with more of what its data say.
    async fn report(&self, id: &str, more: &[(&str, &str)]) -> CallState {
        let mut given = intake(id, "normal");
        given.data.twilio_to_number = Some(LINE.to_owned());
        given.data.caller_phone = Some(CALLER.to_owned());
        for (name, value) in more {
            given.data.extra.insert((*name).to_owned(), json!(value));
        }
        let (source, _) = id.split_once(':').unwrap_or(("desk", ""));
        let report = Report { source: source.to_owned(), event: "report".to_owned(), hold: None };
        let core = &self.process.core;
        let make = |held: &InForce| made(given.clone(), held, core);
        match core.report(make, report, Actor("a webhook".into())).await.expect("stored").expect("a call") {
            Answer::Created(call) | Answer::Exists(call) => *call,
            other => panic!("{other:?}"),
        }
    }

    async fn ends(&self, sid: &str, caller: &str, words: Option<&str>) {
        let now = self.now();
        let phone = PhoneCall {
            id: sid.to_owned(),
            sid: Some(sid.to_owned()),
            line: Some(LINE.to_owned()),
            caller: Some(caller.to_owned()),
            started_at: Some(now.minus(secs(60))),
            ended_at: Some(now),
        };
        let id: CallId = format!("twilio:{sid}").parse().expect("an id");
        let ended = EndedPhoneCall { id, phone, words: words.map(str::to_owned) };
        self.process.core.apply(Event::PhoneCallEnded(Box::new(ended)), Actor::provider()).await.expect("stored");
    }

    async fn falls_back(&self) {
        fallback::pass(&self.process.core).await.expect("looked");
    }

    async fn many(&self) -> usize {
        self.process
            .store
            .calls(&crate::store::CallFilter { limit: 99, ..Default::default() })
            .await
            .expect("read")
            .len()
    }
}

fn made(
    given: Intake,
    held: &InForce,
    core: &crate::engine::apply::Core,
) -> Result<crate::domain::event::NewCall, intake::IntakeError> {
    intake::new_call(given, &held.directory, Validation::Lenient, &core.ids, crate::testing::world::START)
}

fn ms(w: &World, ago: u64) -> String {
    w.now().minus(secs(ago)).as_millis().to_string()
}

#[tokio::test]
async fn reports_of_two_platforms_are_one_call_by_sid_and_by_line_caller_and_start() {
    let w = World::new().await;
    let first = w
        .report(
            "retell:a",
            &[("twilioCallSid", "CA00000000000000000000000000000001"), ("callStartedAtMs", &ms(&w, 60))],
        )
        .await;
    let by_sid = w.report("vapi:b", &[("twilioCallSid", "CA00000000000000000000000000000001")]).await;
    assert_eq!(by_sid.call.id, first.call.id);
    let by_start = w.report("desk:c", &[("callStartedAtMs", &ms(&w, 149))]).await;
    assert_eq!(by_start.call.id, first.call.id, "89 s before it");
    assert_eq!(w.report("desk:c", &[]).await.call.id, first.call.id, "by its own id, from then on");
    let other = w.report("mail:d", &[("callStartedAtMs", &ms(&w, 240))]).await;
    assert_ne!(other.call.id, first.call.id, "91 s before the first of these");
    let again = w
        .report("vapi:e", &[("twilioCallSid", "CA00000000000000000000000000000002"), ("callStartedAtMs", &ms(&w, 60))])
        .await;
    assert_ne!(again.call.id, first.call.id, "another SID is another phone call");
    assert_eq!(w.many().await, 3);
    let story = w.process.store.story(&first.call.id).await.expect("read").expect("there");
    let reported = story.log.iter().filter(|l| l.entry.kind.as_str() == "call.reported").count();
    assert_eq!((reported, story.state.attempts.len()), (3, 1), "each is in the story once, and one text");
}

#[tokio::test]
async fn a_second_phone_call_of_the_same_caller_is_another_call() {
    let w = World::new().await;
    let at = |ago: u64| ("callStartedAtMs", ms(&w, ago));
    let with = |more: &[(&'static str, String)]| more.to_vec();
    let reported = async |id: &str, more: Vec<(&'static str, String)>| {
        let more: Vec<(&str, &str)> = more.iter().map(|(n, v)| (*n, v.as_str())).collect();
        w.report(id, &more).await.call.id.to_string()
    };
    let first = reported("desk:a", with(&[at(1_000), ("callEndedAtMs", ms(&w, 980))])).await;
    assert_eq!(reported("desk:b", with(&[at(990)])).await, "desk:b", "two ids of one source are two phone calls");
    assert_eq!(reported("vapi:c", with(&[at(970)])).await, "desk:b", "the first of them had ended");
    assert_eq!(reported("vapi:d", with(&[at(1_010)])).await, first, "the first of them went on");
    assert_eq!(reported("zap:e", with(&[at(1_050), ("callEndedAtMs", ms(&w, 1_020))])).await, "zap:e", "it had ended");
}

#[tokio::test]
async fn what_is_no_sid_of_twilios_forbids_no_join() {
    let w = World::new().await;
    let at = ms(&w, 60);
    for (other, id, sid) in [
        ("v3:telnyx-1", "vapi:a", "CA00000000000000000000000000000001"),
        ("CA1", "vapi:b", "CA00000000000000000000000000000002"),
    ] {
        let caller = ("callerId", if id == "vapi:a" { "+19495550151" } else { "+19495550152" });
        let first = w.report(id, &[("twilioCallSid", other), ("callStartedAtMs", &at), caller]).await;
        let retell = id.replace("vapi", "retell");
        let joined = w.report(&retell, &[("twilioCallSid", sid), ("callStartedAtMs", &at), caller]).await;
        assert_eq!(joined.call.id, first.call.id, "{other}");
    }
}

#[tokio::test]
async fn an_intake_and_a_report_are_one_call_with_and_without_the_prefix() {
    let w = World::new().await;
    assert!(matches!(w.accept(intake("call_1", "normal")).await, Answer::Created(_)));
    assert_eq!(w.report("retell:call_1", &[]).await.call.id.as_str(), "call_1");
    w.report("vapi:v1", &[("twilioCallSid", "CA00000000000000000000000000000009")]).await;
    for (id, sid) in [("v1", None), ("zap-7", Some("CA00000000000000000000000000000009"))] {
        let mut given = intake(id, "normal");
        given.data.extra.extend(sid.map(|sid| ("twilioCallSid".to_owned(), json!(sid))));
        for _ in 0..2 {
            match w.accept(given.clone()).await {
                Answer::Exists(call) => assert_eq!(call.call.id.as_str(), "vapi:v1", "{id}"),
                other => panic!("{id}: {other:?}"),
            }
        }
    }
    assert_eq!(w.many().await, 2);
    let own = intake("zap-8", "normal");
    assert!(matches!(w.accept(own).await, Answer::Created(_)), "the same caller alone is another emergency");
}

#[tokio::test]
async fn what_nobody_reports_is_dispatched_after_three_minutes_and_what_was_reported_is_not() {
    let mut w = World::new().await;
    w.ends("CA00000000000000000000000000000001", CALLER, Some("the pipe has burst")).await;
    w.ends("CA00000000000000000000000000000002", "+19495550143", None).await;
    w.ends("CA00000000000000000000000000000003", "+19495550144", None).await;
    w.ends("CA00000000000000000000000000000004", "anonymous", None).await;
    // One is reported in time, another was dispatched by an intake that knows nothing of SIDs.
    w.report("retell:a", &[("twilioCallSid", "CA00000000000000000000000000000002")]).await;
    let mut given = intake("zap-1", "normal");
    (given.data.twilio_to_number, given.data.caller_phone) = (Some(LINE.to_owned()), Some("(949) 555-0144".to_owned()));
    w.accept(given).await;
    w.away(secs(179));
    w.falls_back().await;
    assert_eq!(w.many().await, 2, "not yet");
    w.restart().await;
    w.away(secs(1));
    w.falls_back().await;
    w.falls_back().await;
    assert_eq!(w.many().await, 4);
    let call = w.call(&"twilio:CA00000000000000000000000000000001".parse().expect("an id")).await;
    let data = &call.call.data;
    assert_eq!(data.issue_summary.as_deref(), Some("the pipe has burst"));
    assert_eq!((data.caller_phone.as_deref(), call.attempts.len()), (Some(CALLER), 1));
    let hidden = w.call(&"twilio:CA00000000000000000000000000000004".parse().expect("an id")).await;
    assert!(hidden.call.data.issue_summary.is_some_and(|issue| issue.contains("ring the caller back")));
    // The report that comes late joins it.
    assert_eq!(
        w.report("retell:late", &[("twilioCallSid", "CA00000000000000000000000000000001")]).await.call.id.as_str(),
        "twilio:CA00000000000000000000000000000001"
    );
    w.ends("CA00000000000000000000000000000001", CALLER, None).await;
    w.away(mins(9));
    w.falls_back().await;
    assert_eq!(w.many().await, 4, "told again, it is the same");
}

#[tokio::test]
async fn a_crash_at_any_commit_dispatches_it_once() {
    for k in 1..=4 {
        for death in [Death::After(k), Death::BeforeTheOneAfter(k)] {
            let mut w = World::new().await;
            w.ends("CA00000000000000000000000000000001", CALLER, None).await;
            w.ends("CA00000000000000000000000000000002", "+19495550143", None).await;
            w.away(mins(4));
            w.process.crash.dies(death);
            let (core, crash) = (w.process.core.clone(), w.process.crash.clone());
            tokio::select! {
                _ = fallback::pass(&core) => {}
                () = crash.died() => {}
            }
            w.restart().await;
            w.falls_back().await;
            assert_eq!(w.many().await, 2, "{death:?}");
            for id in ["twilio:CA00000000000000000000000000000001", "twilio:CA00000000000000000000000000000002"] {
                assert_eq!(w.call(&id.parse().expect("an id")).await.attempts.len(), 1, "{death:?} {id}");
            }
        }
    }
}
