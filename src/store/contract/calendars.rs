//! Calendars that say who is on call, and feeds of who is.

use super::fixtures::at;
use crate::domain::oncall::{CalendarPart, RotationId};
use crate::store::{CalendarOutcome, CalendarRead, CalendarState, Feed, FeedOf, LogFilter, Renew, Store};

fn night() -> RotationId {
    "night".parse().expect("id")
}

async fn keep(store: &dyn Store, moment: i64, source: &str, outcome: CalendarOutcome) -> CalendarState {
    let (rotation, part, source) = (night(), CalendarPart::Events, source.to_owned());
    store.keep_calendar(&CalendarRead { rotation, part, source, at: at(moment), outcome }).await.expect("kept");
    store.calendar_states().await.expect("read").into_iter().find(|s| s.part == part).expect("a state")
}

async fn kept(store: &dyn Store) -> Vec<String> {
    let all = store.kept_calendars().await.expect("read");
    all.iter().map(|k| String::from_utf8_lossy(&k.text).into_owned()).collect()
}

fn taken(text: &str, said: Option<&str>) -> CalendarOutcome {
    let (text, etag) = (text.as_bytes().to_vec(), Some(format!("tag of {text}")));
    CalendarOutcome::Taken { text, etag, said: said.map(str::to_owned) }
}

pub(crate) async fn a_calendar_that_counts_is_replaced_by_what_is_taken_or_accepted_alone(store: &dyn Store) {
    let basis = async || store.basis().await.expect("basis").calendars;
    let failed = |why: &str| CalendarOutcome::Failed { why: why.to_owned() };
    assert_eq!((basis().await, kept(store).await.len()), (None, 0));
    let first = keep(store, 1, "a", failed("it answered HTTP 404")).await;
    assert_eq!((first.failing, first.is_kept), (Some((at(1), "it answered HTTP 404".into())), false));
    let first = keep(store, 2, "a", taken("one", Some("one says something"))).await;
    let changed = basis().await;
    assert_eq!((first.read_at, first.etag.as_deref(), &first.failing), (Some(at(2)), Some("tag of one"), &None));
    let same = keep(store, 3, "a", CalendarOutcome::Same).await;
    assert_eq!((same.read_at, basis().await), (Some(at(3)), changed));
    let words = keep(store, 4, "a", taken("one in other words", None)).await;
    assert!(words.etag.is_some() && basis().await == changed, "nobody reads it again");
    let failing = keep(store, 5, "a", failed("it is empty")).await;
    let later = keep(store, 6, "a", failed("it is a web page")).await;
    assert_eq!((failing.failing.map(|f| f.0), later.failing), (Some(at(5)), Some((at(5), "it is a web page".into()))));
    assert_eq!((later.read_at, kept(store).await), (Some(at(4)), vec!["one in other words".to_owned()]));
    assert_eq!(store.accept_calendars(&night(), "kim", at(7)).await.expect("asked"), [], "nothing waits");

    let text = Some((b"small".to_vec(), Some("tag of small".to_owned())));
    let offered = keep(store, 8, "a", CalendarOutcome::Offered { text, why: "it shrank".into() }).await;
    assert!(offered.is_offered && offered.is_kept && kept(store).await == ["one in other words"], "{offered:?}");
    assert_eq!((offered.etag.as_deref(), basis().await), (Some("tag of small"), changed));
    let waiting = store.offered_calendar(&night(), CalendarPart::Events).await.expect("read");
    assert_eq!(waiting.as_deref(), Some(&b"small"[..]));
    keep(store, 9, "a", CalendarOutcome::Offered { text: None, why: "it shrank".into() }).await;
    assert_eq!(store.accept_calendars(&night(), "kim", at(10)).await.expect("done"), [CalendarPart::Events]);
    assert_eq!(store.accept_calendars(&night(), "kim", at(11)).await.expect("asked"), [], "done twice");
    assert!(kept(store).await == ["small"] && basis().await > changed);
    let after = keep(store, 12, "a", CalendarOutcome::Same).await;
    assert!(!after.is_offered && after.failing.is_none());
    // What waited is over where its place gives again what counts.
    let text = Some((b"none".to_vec(), None));
    keep(store, 13, "a", CalendarOutcome::Offered { text, why: "it shrank".into() }).await;
    assert!(!keep(store, 14, "a", CalendarOutcome::Same).await.is_offered);
    let moved = keep(store, 15, "b", failed("it answered HTTP 401")).await;
    assert_eq!((moved.source.as_str(), moved.etag), ("b", None), "another place has other versions");

    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("log");
    let said: Vec<(&str, &str)> = log
        .iter()
        .filter(|l| l.entry.kind.as_str() == "oncall.calendar")
        .map(|l| (l.entry.actor.0.as_str(), l.entry.message.as_str()))
        .collect();
    let accepted = "the calendar of night that was not taken is accepted";
    assert_eq!(said, [("engine", "one says something"), ("kim", accepted)]);
}

pub(crate) async fn a_feed_has_one_secret_until_it_is_made_anew(store: &dyn Store) {
    let feed = |of: FeedOf, secret: &str, moment: i64| Feed { of, secret: secret.into(), made_at: at(moment) };
    let rotation = FeedOf::Rotation("sam".parse().expect("id"));
    let contact = FeedOf::Contact("sam".parse().expect("id"));
    let first = feed(rotation.clone(), "s1", 1);
    assert_eq!(store.make_feed(&first, Renew::No, "kim").await.expect("made"), first);
    let again = store.make_feed(&feed(rotation.clone(), "s2", 2), Renew::No, "kim").await.expect("read");
    assert_eq!(again, first, "the one that there is");
    let other = feed(contact, "s3", 3);
    assert_eq!(store.make_feed(&other, Renew::Yes, "kim").await.expect("made"), other);
    assert_eq!(store.feed_by_secret("s1").await.expect("read"), Some(first));
    let new = feed(rotation, "s4", 4);
    assert_eq!(store.make_feed(&new, Renew::Yes, "kim").await.expect("made anew"), new);
    assert_eq!(store.feed_by_secret("s1").await.expect("read"), None, "the old one is nobody's");
    assert_eq!(store.feeds().await.expect("read"), [other, new]);
    let log = store.log(&LogFilter { limit: 100, ..LogFilter::default() }).await.expect("log");
    let said: Vec<&str> = log.iter().map(|l| l.entry.message.as_str()).filter(|m| m.contains("feed")).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|m| !["s1", "s2", "s3", "s4"].iter().any(|secret| m.contains(secret))), "{said:?}");
}
