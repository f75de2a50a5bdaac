//! Breakers of senders that nothing uses any more: they are closed, as nothing would ever probe them.

use crate::domain::attempt::Channel;
use crate::domain::breaker::{ACCOUNT, Breaker, Evidence, Probe, VOICE_ACCOUNT, key_of, unused};
use crate::domain::mail::RELAY;
use crate::domain::team::Directory;
use crate::testing::fixtures;
use crate::testing::world::START;

const FALLBACK: &str = "+19495550120";
const OF_A_LINE: &str = "+19495550121";
const NOBODYS: &str = "+19495550122";

fn open(sender: &str) -> Breaker {
    Breaker {
        sender: sender.to_owned(),
        opened_at: START,
        closed_at: None,
        evidence: Evidence::Answer,
        probe: Probe::Notice,
        code: None,
        why: String::new(),
        probe_at: START,
        probes: 0,
    }
}

/// Texts by the shop's sender, a fallback and a line's own; mails; phone calls.
fn with_all() -> Directory {
    let mut directory = fixtures::directory();
    directory.fallback = vec![FALLBACK.parse().expect("a sender")];
    let mut line = directory.default_line.clone();
    (line.number, line.from) = (Some("+18005550199".into()), OF_A_LINE.parse().ok());
    directory.lines.push(line);
    directory.mail_from = "night@example.com".parse().ok();
    directory.voice_from = fixtures::VOICE_SENDER.parse().ok();
    directory
}

#[test]
fn a_breaker_is_unused_where_nothing_sends_by_its_sender_and_that_of_the_account_never() {
    let mut with_none = fixtures::directory();
    with_none.from = None;
    let with_all = with_all();
    let voice = |number: &str| key_of(Channel::Voice, number);
    for (label, key, used_by_all, used_by_none) in [
        ("the account's texts", ACCOUNT.to_owned(), true, true),
        ("the account's phone calls", VOICE_ACCOUNT.to_owned(), true, true),
        ("the shop's sender", fixtures::SENDER.to_owned(), true, false),
        ("a fallback", FALLBACK.to_owned(), true, false),
        ("a line's own", OF_A_LINE.to_owned(), true, false),
        ("the relay of mails", RELAY.to_owned(), true, false),
        ("the number that phone calls come from", voice(fixtures::VOICE_SENDER), true, false),
        ("texts of a number that only rings", fixtures::VOICE_SENDER.to_owned(), false, false),
        ("phone calls of a number that only texts", voice(fixtures::SENDER), false, false),
        ("a number of nobody", NOBODYS.to_owned(), false, false),
    ] {
        for (directory, is_used) in [(&with_all, used_by_all), (&with_none, used_by_none)] {
            let breakers = [open(&key)];
            assert_eq!(unused(&breakers, directory).is_empty(), is_used, "{label}");
            let closed = [Breaker { closed_at: Some(START), ..open(&key) }];
            assert!(unused(&closed, directory).is_empty(), "{label}: it is closed already");
        }
    }
}

#[test]
fn a_breaker_holds_what_goes_by_its_sender_and_nothing_of_another_channel() {
    for (key, channel) in [
        (ACCOUNT.to_owned(), Channel::Sms),
        (fixtures::SENDER.to_owned(), Channel::Sms),
        (VOICE_ACCOUNT.to_owned(), Channel::Voice),
        (key_of(Channel::Voice, fixtures::SENDER), Channel::Voice),
        (RELAY.to_owned(), Channel::Email),
    ] {
        assert_eq!(open(&key).channel(), channel, "{key}");
    }
}
