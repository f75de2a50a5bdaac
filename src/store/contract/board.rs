//! What the office's page shows in one read, and what signs people in to it.

use std::time::Duration;

use super::fixtures::*;
use super::lists::{closed, put_all};
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, CallStatus};
use crate::store::{BoardLink, BoardQuery, Store};

fn query() -> BoardQuery {
    BoardQuery {
        now: at(900),
        open_max: 50,
        alerts_max: 50,
        night_from: at(100),
        night_max: 3,
        closed_since: at(0),
        closed_before: None,
        closed_max: 2,
    }
}

fn told(name: &str, accepted: i64, last: AttemptState, message: u32) -> CallState {
    let mut state = call(name, at(accepted));
    put_in(&mut state.attempts[0], last, message, at(accepted + 1));
    state.call.notified_at = Some(at(accepted + 1));
    state
}

pub(crate) async fn the_board_shows_the_worst_first_and_no_more_than_it_is_asked_for(store: &dyn Store) {
    let mut held = call("held", at(1));
    (held.call.held_until, held.call.wake_at) = (Some(at(2_000)), Some(at(2_000)));
    let mut taken = closed(told("taken", 5, AttemptState::Delivered, 5), CallStatus::Acknowledged);
    taken.call.holder = "sam".parse().ok();
    let mut asleep = call("asleep", at(30));
    (asleep.call.status, asleep.call.wake_at) = (CallStatus::Deferred, Some(at(3_000)));
    let all = vec![
        told("looks-new", 300, AttemptState::Submitted, 1),
        told("looks-old", 200, AttemptState::Delivered, 2),
        told("failed", 290, AttemptState::Failed, 3),
        told("unknown", 295, AttemptState::Unknown, 4),
        closed(told("exhausted", 280, AttemptState::Delivered, 6), CallStatus::Exhausted),
        call("untold-new", at(400)),
        call("untold-old", at(310)),
        held,
        taken,
        asleep,
        closed(told("done", 20, AttemptState::Failed, 7), CallStatus::Resolved),
        closed(told("gone", 25, AttemptState::Delivered, 8), CallStatus::Cancelled),
        closed(told("old", 10, AttemptState::Delivered, 9), CallStatus::Resolved),
    ];
    put_all(store, all).await;
    let names = |calls: &[CallState]| calls.iter().map(|c| c.call.id.to_string()).collect::<Vec<_>>();
    let rows = store.board(&query()).await.expect("read");
    let want =
        ["untold-old", "untold-new", "exhausted", "unknown", "failed", "held", "looks-old", "looks-new", "taken"];
    assert_eq!(names(&rows.open), want);
    assert_eq!((names(&rows.deferred), rows.nobody_told, rows.held), (vec!["asleep".to_owned()], 2, 1));
    assert_eq!(rows.figures.open_calls, 10);
    let closed: Vec<&str> = rows.closed.iter().map(|l| l.call.id.as_str()).collect();
    assert_eq!(closed, ["gone", "done"], "the newest, as many as asked for");
    let night: Vec<String> = rows.night.iter().map(|(c, _)| c.call.id.to_string()).collect();
    assert_eq!((night, rows.night_calls), (["untold-new", "untold-old", "looks-new"].map(str::to_owned).to_vec(), 7));
    for most in 1..want.len() {
        let rows = store.board(&BoardQuery { open_max: most, ..query() }).await.expect("read");
        assert_eq!(names(&rows.open), &want[..most], "the first {most}");
    }
    let later = BoardQuery { closed_before: Some(id("done")), ..query() };
    let rows = store.board(&later).await.expect("read");
    assert_eq!(rows.closed.iter().map(|l| l.call.id.as_str()).collect::<Vec<_>>(), ["old"]);
}

pub(crate) async fn the_key_of_sessions_stays_and_a_link_works_once(store: &dyn Store) {
    assert_eq!(store.board_key([7; 32]).await.expect("made"), [7; 32]);
    assert_eq!(store.board_key([8; 32]).await.expect("read"), [7; 32]);
    assert_eq!(store.link_key([9; 32]).await.expect("made"), [9; 32], "another key than that of links");
    let link =
        |digest: &str, seconds: i64| BoardLink { digest: digest.into(), name: "the desk".into(), until: at(seconds) };
    store.keep_board_link(&link("a", 60), at(0)).await.expect("kept");
    store.keep_board_link(&link("b", 10), at(0)).await.expect("kept");
    let desk = Some("the desk".to_owned());
    for _ in 0..2 {
        assert_eq!(store.board_link("a", at(1)).await.expect("read"), desk);
    }
    assert_eq!(store.use_board_link("a", at(1)).await.expect("used"), desk);
    assert_eq!(store.use_board_link("a", at(1)).await.expect("used"), None, "it works once");
    assert_eq!(store.board_link("b", at(10)).await.expect("read"), None, "its time is over");
    assert_eq!(store.use_board_link("none", at(1)).await.expect("used"), None);
    store.keep_board_link(&link("c", 99), at(20)).await.expect("kept, and what is over is forgotten");
    assert_eq!(store.board_link("b", at(1)).await.expect("read"), None);
    assert_eq!(store.use_board_link("c", at(20).plus(Duration::from_secs(1))).await.expect("used"), desk);
}
