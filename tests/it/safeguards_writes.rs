//! What keeps the writes of several processes on one database apart: one lock for all of them, held until a commit is visible. It is
//! taken away once, under a cursor that follows the log, and under a receipt that meets the outcome of its own send. Left out aloud
//! where there is no PostgreSQL.

use serde_json::json;

use crate::safeguards::{Seen, account, post_form};
use crate::safeguards_lease::without_server;
use crate::support::fault_injection::SAFEGUARDS_OFF;
use crate::support::http;
use crate::support::postgres_server::{TestServer, test_server};
use crate::support::replicas::Replicas;
use crate::support::stage::{SAM, emergency, text};
use crate::support::wait::until;

/// How long a commit takes that is slow, in seconds.
const SLOW_S: &str = "1.2";

/// Two replicas, the first of which is the engine; in the database a change of some rows takes its time.
fn two(off: Option<&str>, slow: &str) -> Option<(&'static TestServer, String, Replicas)> {
    let server = test_server()?;
    let url = server.schema();
    let mut r = Replicas::on(vec![url.clone(); 2]);
    let environment: Vec<(&str, &str)> = off.map(|guard| (SAFEGUARDS_OFF, guard)).into_iter().collect();
    for n in 0..2 {
        r.start_with(n, &environment);
        until("it is ready", || r.ready(n).map(drop));
    }
    assert_eq!(r.leader(), 0);
    let function = format!(
        "CREATE FUNCTION takes_its_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({SLOW_S}); RETURN NULL; END $$"
    );
    server.psql(&url, &function);
    server.psql(&url, &format!("CREATE TRIGGER slow AFTER {slow} EXECUTE FUNCTION takes_its_time()"));
    Some((server, url, r))
}

/// Whether a change of this table takes its time at this moment.
fn is_under_way(server: &TestServer, url: &str, table: &str) -> bool {
    let sql = format!(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity a USING (pid)
            WHERE relation = '{table}'::regclass AND mode = 'RowExclusiveLock' AND a.wait_event = 'PgSleep'"
    );
    server.psql(url, &sql) != "0"
}

/// An entry has its number and is not committed yet, while another process commits the next one.
pub(crate) fn log_order(off: Option<&str>) -> Seen {
    let slow = "INSERT ON log FOR EACH ROW WHEN (NEW.kind = 'call.accepted' AND NEW.call_id = 'slow')";
    let Some((server, url, r)) = two(off, slow) else { return without_server(off) };
    let accept = |n: usize, call: &str| {
        let answer = http::json(r.all[n].at, "POST", "/api/dispatch/manual", Some(&emergency(call, "normal")));
        assert!(matches!(answer.expect("an answer").status, 201 | 202), "{call}");
    };
    let (mut cursor, mut seen) = (0, Vec::new());
    let follow = |cursor: &mut i64, seen: &mut Vec<String>| {
        let page = http::json(r.all[1].at, "GET", &format!("/api/log?after={cursor}&limit=500"), None);
        for entry in page.expect("a page").json()["entries"].as_array().into_iter().flatten() {
            *cursor = (*cursor).max(entry["seq"].as_i64().expect("a number"));
            if text(entry, "kind") == "call.accepted" {
                seen.push(text(entry, "callId").to_owned());
            }
        }
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| accept(0, "slow"));
        until("its entry is not committed yet", || is_under_way(server, &url, "log").then_some(()));
        let second = scope.spawn(|| accept(1, "fast"));
        while !(first.is_finished() && second.is_finished()) {
            follow(&mut cursor, &mut seen);
        }
        first.join().expect("accepted");
        second.join().expect("accepted");
    });
    follow(&mut cursor, &mut seen);
    seen.sort_unstable();
    match seen.join(" ").as_str() {
        "fast slow" => Ok("a cursor saw both".into()),
        other => Err(format!("two calls are accepted, and a cursor that followed the log saw: {other}")),
    }
}

/// What the provider answered is not committed yet, while another process takes a receipt of the same message.
pub(crate) fn outcome_and_receipt(off: Option<&str>) -> Seen {
    let slow = "UPDATE ON attempts FOR EACH ROW WHEN (OLD.sid IS NULL AND NEW.sid IS NOT NULL)";
    let Some((server, url, mut r)) = two(off, slow) else { return without_server(off) };
    r.stage.fault(&json!([{ "kind": "withhold_callbacks" }]));
    let at = r.all[0].at;
    std::thread::scope(|scope| {
        let client =
            scope.spawn(move || http::json(at, "POST", "/api/dispatch/manual", Some(&emergency("c1", "normal"))));
        until("its outcome is not committed yet", || is_under_way(server, &url, "attempts").then_some(()));
        let ledger = r.stage.ledger();
        let sid = text(ledger.texts_to(SAM).first().expect("it has left"), "sid").to_owned();
        let form = json!({ "MessageSid": sid, "SmsSid": sid, "MessageStatus": "delivered", "SmsStatus": "delivered",
            "AccountSid": account(&r.stage), "To": SAM, "From": "+15005550006", "ApiVersion": "2010-04-01" });
        let to = format!("http://{}/webhooks/twilio/sms-status", r.all[1].at);
        assert_eq!(post_form(&r.stage, &to, form, true), 204, "it is taken");
        client.join().expect("a client").expect("an answer");
    });
    r.judge(0);
    let effects = server.psql(&url, "SELECT string_agg(effect, ' ') FROM receipts");
    match effects.trim() {
        "moved" => Ok("the receipt found its attempt".into()),
        other => Err(format!("the provider's word and the outcome of the send missed each other: {other}")),
    }
}
