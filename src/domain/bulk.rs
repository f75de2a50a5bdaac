//! Which message a sink gets next: an alert by itself, or many of a kind grouped, so that a crowd of alerts is counted, not rung.
//!
//! Where no more than [`SINGLE_MAX`] of a kind were told of in the last minute or wait, they go one by one, at once, whatever else
//! waits. More go in groups of up to [`GROUP_MAX`]; but for the first message of its kind in a minute, a group waits while
//! [`MESSAGES_MAX`] messages went to this sink in the last minute. What is decided from is in the store: what waits, and the
//! messages of the last minute. So a restart rings nobody anew.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Timestamp;
use super::alert::{AlertKind, Severity};

/// Alerts of one kind that a sink is told of one by one, in a minute.
pub const SINGLE_MAX: usize = 5;
/// Alerts that one message names.
pub const GROUP_MAX: usize = 50;
/// Messages to one sink in a minute after which groups wait.
pub const MESSAGES_MAX: usize = 6;
/// That minute.
pub const WINDOW: Duration = Duration::from_secs(60);

/// An alert that a sink is still to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub kind: AlertKind,
    /// Whether it is its end that is to be told.
    pub over: bool,
    /// Since when it waits.
    pub since: Timestamp,
}

/// A message that went to the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentMessage {
    pub at: Timestamp,
    pub kind: AlertKind,
    /// How many alerts it named.
    pub alerts: usize,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Deliver these, by their place in what waits: one, or several of one kind, all raised or all over.
    Message(Vec<usize>),
    /// A group waits for its turn.
    Wait(Timestamp),
    /// Nothing waits.
    Idle,
}

/// What waits, in the order in which it is told: urgent ones first, then what waits for longest.
fn ordered(waiting: &[Waiting]) -> Vec<(usize, &Waiting)> {
    let mut order: Vec<(usize, &Waiting)> = waiting.iter().enumerate().collect();
    order.sort_by_key(|(place, w)| (w.kind.severity() != Severity::Page, w.over, w.since, *place));
    order
}

/// Decides for a sink whose receiver groups alerts itself: each by itself, however many there are.
pub fn next_alone(waiting: &[Waiting]) -> Next {
    ordered(waiting).first().map_or(Next::Idle, |(place, _)| Next::Message(vec![*place]))
}

/// Decides.
pub fn next(waiting: &[Waiting], sent: &[SentMessage], now: Timestamp) -> Next {
    let in_window = |m: &&SentMessage| m.at <= now && now.since(m.at) < WINDOW;
    let recent: Vec<SentMessage> = sent.iter().filter(in_window).copied().collect();
    let order = ordered(waiting);
    let mut of_kind: BTreeMap<AlertKind, usize> = BTreeMap::new();
    for w in waiting {
        *of_kind.entry(w.kind).or_default() += 1;
    }
    let named = |w: &Waiting| recent.iter().filter(|m| m.kind == w.kind).map(|m| m.alerts).sum::<usize>();
    let alone = |w: &Waiting| named(w) + of_kind.get(&w.kind).copied().unwrap_or_default() <= SINGLE_MAX;
    let group = |first: &Waiting| {
        let together = order.iter().filter(|(_, w)| (w.kind, w.over) == (first.kind, first.over));
        Next::Message(together.take(GROUP_MAX).map(|(place, _)| *place).collect())
    };
    if let Some((place, w)) = order.iter().find(|(_, w)| alone(w) || named(w) == 0) {
        return if alone(w) { Next::Message(vec![*place]) } else { group(w) };
    }
    let Some((_, first)) = order.first() else { return Next::Idle };
    if let Some(full) = recent.len().checked_sub(MESSAGES_MAX) {
        let mut times: Vec<Timestamp> = recent.iter().map(|m| m.at).collect();
        times.sort_unstable();
        return Next::Wait(times.get(full).map_or(now, |at| at.plus(WINDOW)));
    }
    group(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_795_313_040_000;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(T).plus(Duration::from_secs(s))
    }

    fn waiting(kind: AlertKind, n: usize, since: u64) -> Vec<Waiting> {
        vec![Waiting { kind, over: false, since: at(since) }; n]
    }

    /// Delivers what may go, looking at these seconds; the messages by second and size.
    fn play(mut all: Vec<Waiting>, seconds: impl Iterator<Item = u64>) -> Vec<(u64, usize)> {
        let (mut sent, mut out) = (Vec::new(), Vec::new());
        for s in seconds {
            let now = at(s);
            let due = |all: &[Waiting]| all.iter().filter(|w| w.since <= now).copied().collect::<Vec<_>>();
            while let Next::Message(places) = next(&due(&all), &sent, now) {
                let kind = due(&all)[places[0]].kind;
                sent.push(SentMessage { at: now, kind, alerts: places.len() });
                out.push((s, places.len()));
                for _ in &places {
                    let one = all.iter().position(|w| w.kind == kind && w.since <= now).expect("it waits");
                    all.remove(one);
                }
            }
        }
        assert!(all.is_empty(), "{} were never named", all.len());
        out
    }

    #[test]
    fn a_thousand_at_once_are_all_named_in_at_most_six_messages_a_minute() {
        let out = play(waiting(AlertKind::Unnotified, 1_000, 0), 0..=300);
        assert_eq!(out.iter().map(|(_, n)| n).sum::<usize>(), 1_000);
        assert_eq!(out[..7], [(0, 50), (0, 50), (0, 50), (0, 50), (0, 50), (0, 50), (60, 50)]);
        for minute in 0..300 {
            let in_minute = out.iter().filter(|(s, _)| (minute..minute + 60).contains(s)).count();
            assert!(in_minute <= MESSAGES_MAX, "{in_minute} from second {minute} on: {out:?}");
        }
        assert!(out.last().is_some_and(|(s, _)| *s <= 180), "{out:?}");
    }

    #[test]
    fn one_a_second_is_grouped_from_the_sixth_on() {
        let all: Vec<Waiting> = (0..120).flat_map(|s| waiting(AlertKind::LateFollowUp, 1, s)).collect();
        let out = play(all, 0..=300);
        assert_eq!(out[..6], [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        for minute in 0..240 {
            let in_minute = out.iter().filter(|(s, _)| (minute..minute + 60).contains(s)).count();
            assert!(in_minute <= MESSAGES_MAX, "{in_minute} from second {minute} on: {out:?}");
        }
    }

    #[test]
    fn few_alerts_go_at_once_beside_a_crowd_and_pages_first() {
        let bulk = waiting(AlertKind::LateFollowUp, 300, 0);
        let sent = vec![SentMessage { at: at(0), kind: AlertKind::LateFollowUp, alerts: 50 }; MESSAGES_MAX];
        assert_eq!(next(&bulk, &sent, at(1)), Next::Wait(at(60)));
        let mut all = bulk.clone();
        all.extend(waiting(AlertKind::Failed, 1, 1));
        all.extend(waiting(AlertKind::Exhausted, 1, 1));
        assert_eq!(next(&all, &sent, at(1)), Next::Message(vec![301]), "the page");
        all.truncate(301);
        assert_eq!(next(&all, &sent, at(1)), Next::Message(vec![300]), "and another kind");
        // A second crowd does not wait behind the first, and is not rung one by one either.
        let mut both = bulk;
        both.extend(waiting(AlertKind::Exhausted, 80, 1));
        assert_eq!(next(&both, &sent, at(1)), Next::Message((300..350).collect()));
        let mut told = sent;
        told.push(SentMessage { at: at(1), kind: AlertKind::Exhausted, alerts: 50 });
        assert_eq!(next(&both[..330], &told, at(2)), Next::Wait(at(60)), "its next message waits like the others");
    }

    #[test]
    fn a_sink_that_was_away_is_told_in_groups() {
        let out = play(waiting(AlertKind::Exhausted, 120, 0), 3_600..=3_600);
        assert_eq!(out, [(3_600, 50), (3_600, 50), (3_600, 20)]);
        let few = play(waiting(AlertKind::Exhausted, 5, 0), 3_600..=3_600);
        assert_eq!(few, [(3_600, 1); 5]);
    }

    #[test]
    fn a_group_is_all_raised_or_all_over_and_of_one_kind() {
        let mut all = waiting(AlertKind::Unnotified, 7, 0);
        all.extend(waiting(AlertKind::Unnotified, 3, 0).into_iter().map(|w| Waiting { over: true, ..w }));
        all.extend(waiting(AlertKind::Exhausted, 7, 0));
        let named = |kind| SentMessage { at: at(0), kind, alerts: 25 };
        let sent = [named(AlertKind::Unnotified), named(AlertKind::Exhausted)];
        assert_eq!(next(&all, &sent, at(1)), Next::Message((0..7).collect()));
        assert_eq!(next(&all[7..10], &sent, at(1)), Next::Message((0..3).collect()), "the ends");
        assert_eq!(next(&all[10..], &sent, at(1)), Next::Message((0..7).collect()));
        assert_eq!(next(&[], &sent, at(1)), Next::Idle);
    }

    #[test]
    fn a_sink_that_groups_itself_is_told_of_each_and_pages_first() {
        let mut all = waiting(AlertKind::LateFollowUp, 300, 0);
        all.extend(waiting(AlertKind::Exhausted, 1, 1));
        assert_eq!(next_alone(&all), Next::Message(vec![300]));
        assert_eq!(next_alone(&all[..300]), Next::Message(vec![0]));
        assert_eq!(next_alone(&[]), Next::Idle);
    }

    #[test]
    fn messages_of_a_time_to_come_hold_nobody_up() {
        let sent = vec![SentMessage { at: at(500), kind: AlertKind::Unnotified, alerts: 50 }; 9];
        assert_eq!(
            next(&waiting(AlertKind::Unnotified, 1, 0), &sent, at(1)),
            Next::Message(vec![0]),
            "a clock set back"
        );
    }
}
