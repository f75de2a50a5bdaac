//! In which order the texts of several lanes go: pure, and bounded by the pages that were read.

use crate::domain::attempt::Channel;
use crate::domain::breaker;
use crate::domain::mail::is_relay;
use crate::domain::team::Directory;
use crate::domain::types::{AttemptId, Sender, Timestamp};
use crate::store::{SendQueue, SendQueuePosition, Sendable};

use super::rate::PHONE_CALLS;

/// How many lanes are looked at together.
pub(super) const READ: usize = 1_024;
/// How many texts of one lane are read together, alone or beside others: what is in memory is bounded by [`READ`] times the least.
const PAGE: usize = 256;
const PAGE_LEAST: usize = 16;

/// How many texts of each of so many lanes are read.
pub(super) fn page(send_queues: usize) -> usize {
    (2 * PAGE / send_queues.max(1)).clamp(PAGE_LEAST, PAGE)
}

/// Where to read on behind a page; `None`: there was no more.
pub(super) fn next_page(page: &[Sendable], limit: usize) -> Option<(Timestamp, AttemptId)> {
    page.last().filter(|_| page.len() >= limit).map(|s| (s.created_at, s.attempt))
}

/// By whom a lane goes while every breaker is closed; empty: by nobody.
pub(super) fn first_sender(queue: &SendQueue, directory: &Directory) -> String {
    if queue.is_of_phone_calls() {
        return PHONE_CALLS.to_owned();
    }
    let own = queue.own();
    let channel = if own.as_ref().is_some_and(is_relay) { Channel::Email } else { Channel::Sms };
    let all = breaker::senders(directory, queue.dialled(), own.as_ref(), channel);
    all.first().map(|s| Sender::as_str(s).to_owned()).unwrap_or_default()
}

/// The group of each lane: those with one sender are one.
pub(super) fn by_sender(places: &[SendQueuePosition], directory: &Directory) -> Vec<usize> {
    let mut senders: Vec<String> = Vec::new();
    let group = |place: &SendQueuePosition| {
        let sender = first_sender(&place.key.queue, directory);
        senders.iter().position(|s| *s == sender).unwrap_or_else(|| {
            senders.push(sender);
            senders.len() - 1
        })
    };
    places.iter().map(group).collect()
}

/// Puts pages in the order in which their texts go, each with the number of its lane: first notices of all, then reminders, then
/// the rest; within these, groups take turns, and what is older goes first within a group.
pub(super) fn fair(pages: Vec<Vec<Sendable>>, groups: &[usize]) -> Vec<(usize, Sendable)> {
    let mut all: Vec<(usize, Sendable)> =
        pages.into_iter().enumerate().flat_map(|(queue, page)| page.into_iter().map(move |s| (queue, s))).collect();
    let group = |queue: usize| groups.get(queue).copied().unwrap_or_default();
    all.sort_by_key(|(queue, s)| (s.priority, group(*queue), s.created_at, s.attempt));
    let mut turns = Vec::with_capacity(all.len());
    let (mut of, mut turn) = (None, 0_usize);
    for (queue, s) in &all {
        let this = Some((s.priority, group(*queue)));
        turn = if of == this { turn + 1 } else { 0 };
        of = this;
        turns.push(turn);
    }
    let mut ordered: Vec<_> = turns.into_iter().zip(all).collect();
    ordered.sort_by_key(|(turn, (_, s))| (s.priority, *turn, s.created_at, s.attempt));
    ordered.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::{AttemptKind, Priority};
    use crate::store::SendQueueKey;
    use crate::testing::fixtures;

    fn text(n: u128, priority: Priority, created: i64) -> Sendable {
        Sendable {
            attempt: AttemptId::from_uuid(uuid::Uuid::from_u128(n)),
            call: "c".parse().expect("an id"),
            dialled: None,
            priority,
            kind: AttemptKind::Notice,
            channel: Channel::Sms,
            own: None,
            created_at: Timestamp::from_millis(created),
        }
    }

    fn order(pages: Vec<Vec<Sendable>>, groups: &[usize]) -> Vec<(usize, u128)> {
        fair(pages, groups).into_iter().map(|(queue, s)| (queue, s.attempt.uuid().as_u128())).collect()
    }

    #[test]
    fn senders_take_turns_within_a_priority_and_what_is_older_goes_first_within_a_sender() {
        use Priority::{First, Reminder, StandDown};
        let bulk = vec![text(1, First, 1), text(2, First, 2), text(3, First, 3), text(4, Reminder, 1)];
        let other = vec![text(5, First, 9), text(6, StandDown, 1), text(7, Reminder, 0)];
        let beside = vec![text(8, First, 0), text(9, First, 4)];
        // The first and the last lane go by one sender.
        let got = order(vec![bulk, other, beside], &[0, 1, 0]);
        assert_eq!(
            got,
            [(2, 8), (1, 5), (0, 1), (0, 2), (0, 3), (2, 9), (1, 7), (0, 4), (1, 6)],
            "8 and 5 take the first turn"
        );
        assert!(order(Vec::new(), &[]).is_empty());
    }

    #[test]
    fn lanes_of_one_sender_are_one_group() {
        let mut directory = fixtures::directory();
        let other: Sender = "+15005550007".parse().expect("a sender");
        let mut line = directory.default_line.clone();
        (line.number, line.from) = (Some("+18005550100".into()), Some(other.clone()));
        directory.lines.push(line);
        let place = |dialled: Option<&str>, own: Option<&Sender>| {
            SendQueuePosition::from(SendQueueKey { priority: Priority::First, queue: SendQueue::new(dialled, own) })
        };
        let places = [
            place(None, None),
            place(Some("+18005550100"), None),
            place(Some("+18005550199"), None),
            place(None, Some(&other)),
            place(Some(" +18005550100 "), None),
        ];
        assert_eq!(by_sender(&places, &directory), [0, 1, 0, 1, 1]);
        assert_eq!(first_sender(&SendQueue::from_stored("?".into()), &directory), fixtures::SENDER);
    }

    #[test]
    fn what_is_read_at_once_is_bounded() {
        assert_eq!((page(0), page(1), page(4), page(READ)), (PAGE, PAGE, 128, PAGE_LEAST));
        assert!((1..=READ).all(|n| n * page(n) <= READ * PAGE_LEAST), "never more than the longest list");
        let full: Vec<Sendable> = (0..3).map(|n| text(n, Priority::First, 7)).collect();
        assert_eq!(next_page(&full, 3), Some((Timestamp::from_millis(7), full[2].attempt)));
        assert_eq!((next_page(&full, 4), next_page(&[], 0)), (None, None));
    }
}
