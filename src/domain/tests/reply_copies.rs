//! Quotes and free words in a reply: what is a copy of a text of ours, what takes back the word before it.

use crate::domain::reply::{Lexicon, Reading, Says, read};
use crate::domain::types::CallRef;

fn says(text: &str) -> Reading {
    read(text, "Sam Ortiz", &Lexicon::default())
}

fn code(text: &str) -> CallRef {
    text.parse().expect("a reference")
}

#[test]
fn a_copy_in_words_that_nobody_knows_is_known_by_how_our_texts_begin() {
    for (text, call) in [
        ("Le gusta “7K3Q-1 Acme HIGH: No he…”", Some("7K3Q")),
        ("Se rió de “7K3Q Acme HIGH”", None),
        ("Le gusta “Which call? Reply 1 and its code, like 1 7K3Q”", None),
    ] {
        let read = says(text);
        assert_eq!(read.says, Says::Quoted, "{text}");
        assert_eq!(read.reference, call.map(code), "{text}: the mark of its attempt names it");
    }
}

#[test]
fn quotation_marks_alone_make_no_copy_of_an_answer() {
    for (text, want) in [
        ("1, heading to \"12 Oak St\"", Says::Take),
        ("1, going to “12 Old Mill Rd”", Says::Take),
        ("on it “now”", Says::Take),
        ("\u{1f44d} coming “now”", Says::Take),
        ("\u{1f44d} 1 “now”", Says::Take),
        ("#7K3Q done “ok”", Says::Done),
    ] {
        assert_eq!(says(text).says, want, "{text}");
    }
}

#[test]
fn of_a_text_quoted_below_an_answer_only_the_mark_of_its_attempt_names_a_call() {
    let one = Some("7K3Q");
    for (text, call) in [
        ("1\n> 7K3Q-1 Acme: no heat, 2345 Oak St. Reply 1 to take it, 2 to pass.", one),
        ("1\n> 7K3Q-1 Acme: no heat\n> 7K3Q-1 Acme: no heat", one),
        ("1\n> Acme 7K3Q: no heat", None),
        ("1\n> 7K3Q-1 Acme: no heat\n> 4M8X-1 Acme: a leak", None),
    ] {
        let read = says(text);
        assert_eq!((read.says, read.reference), (Says::Take, call.map(code)), "{text}");
    }
}

#[test]
fn behind_an_answer_a_time_of_day_or_hours_take_it_back_and_minutes_and_addresses_do_not() {
    for (text, want) in [
        ("done, back at 6", Says::Other),
        ("done, took around 20 min", Says::Done),
        ("done, took around 20 hours", Says::Other),
        ("1, 12 Oak St", Says::Take),
        ("1, 40 min drive", Says::Take),
        // It reads as an address in which it takes hours to get there.
        ("1, 4 hours drive", Says::Other),
    ] {
        assert_eq!(says(text).says, want, "{text}");
    }
}

#[test]
fn a_question_behind_an_answer_is_one_where_a_clause_begins_with_it() {
    for (text, want) in [
        ("done, replaced the valve. did anyone tell her", Says::Other),
        ("done, did anyone tell her", Says::Other),
        ("done, the leak is the old valve", Says::Done),
        ("done, glad that it is the valve", Says::Done),
    ] {
        assert_eq!(says(text).says, want, "{text}");
    }
}

/// What each text says, and which call it names.
fn assert_says(texts: &[(&str, Says, Option<&str>)]) {
    for (text, want, call) in texts {
        let read = says(text);
        assert_eq!((read.says, read.reference.clone()), (*want, call.map(code)), "{text:?}: {read:?}");
    }
}

#[test]
fn a_call_that_is_named_is_meant_whatever_is_quoted_below() {
    assert_says(&[
        ("1 7K3Q\n> 4M8X-1 Acme: a leak", Says::Take, Some("7K3Q")),
        ("1 7K3Q 4M8X\n> 7K3Q-1 Acme: no heat", Says::Other, None),
    ]);
}

#[test]
fn a_reaction_is_one_whatever_the_phone_hides_in_it() {
    assert_says(&[("Liked\u{200b} “on my way”", Says::Quoted, None), ("Liked “on my way”", Says::Quoted, None)]);
}

#[test]
fn the_first_line_with_words_is_an_answer_though_it_begins_like_a_signature() {
    assert_says(&[("--done", Says::Done, None), ("\n--done", Says::Done, None)]);
}

#[test]
fn the_code_of_a_call_takes_the_number_of_an_attempt_to_it_and_no_longer_or_broken_one() {
    assert_says(&[
        ("1 7K3Q-9495550199", Says::Other, Some("7K3Q")),
        ("7K3Q-2.1", Says::Other, Some("7K3Q")),
        // What may be a number is a code where it has an attempt's number.
        ("1 2345-2 zorqx", Says::Other, Some("2345")),
        ("1 2345 zorqx", Says::Other, None),
    ]);
}

#[test]
fn an_address_is_a_number_and_a_name_and_a_direction_in_one_clause_and_nothing_behind_it() {
    assert_says(&[
        ("1, 12 Oak St SE", Says::Take, None),
        ("1, 12 Oak St zorqx", Says::Other, None),
        ("1, 12 Oak St, SE", Says::Other, None),
        ("1, 12 40 Rd", Says::Other, None),
    ]);
}

#[test]
fn the_name_of_a_shop_is_a_signature_only_below_the_writers_own() {
    assert_says(&[
        ("1\nSam Ortiz\nAcme Plumbing", Says::Take, None),
        ("1\nleaving now\nAcme Plumbing", Says::Other, None),
        ("1, Acme Plumbing", Says::Other, None),
    ]);
}

#[test]
fn minutes_of_a_way_are_ninety_at_most_and_none_that_may_be_a_time_of_day() {
    assert_says(&[
        ("1, 20 min", Says::Take, None),
        ("1, 20 min zorqx", Says::Other, None),
        ("omw 20 min,12 Oak St", Says::Take, None),
        ("omw eta 25", Says::Take, None),
        ("omw eta 24", Says::Other, None),
        ("done, took 90 min", Says::Done, None),
        ("done, took 91 min", Says::Other, None),
        ("done, ready 6:30", Says::Other, None),
    ]);
}

#[test]
fn a_phrase_of_digits_is_one_beside_other_words_and_no_phrase_goes_over_a_comma() {
    assert_says(&[
        ("1, thanks 10-4", Says::Take, None),
        ("on it", Says::Take, None),
        ("on, it", Says::Other, None),
        ("ok thanks I’ll take it, gate code please", Says::Take, None),
    ]);
}

#[test]
fn one_letter_with_words_behind_it_passes_nothing() {
    assert_says(&[("n", Says::Pass, None), ("n, in Reno", Says::Other, None), ("no, in Reno", Says::Pass, None)]);
}

#[test]
fn an_initial_of_a_contact_names_nobody() {
    let free = says("done, replaced valve b").free.expect("free text");
    assert!(!free.names("B. Tran", "Sam Ortiz"));
}

#[test]
fn what_cannot_be_seen_says_nothing_and_a_sign_or_a_letter_of_another_script_does() {
    assert_says(&[
        ("1\u{7}", Says::Take, None),
        ("o\0n it", Says::Take, None),
        ("1 \u{1f21a}", Says::Take, None),
        ("\u{20ac}1", Says::Other, None),
        ("1 \u{43d}\u{435}", Says::Other, None),
        // The sign for "number" is no "no".
        ("\u{2116} 7K3Q", Says::Code, Some("7K3Q")),
        ("1 \u{2116} 7K3Q", Says::Take, Some("7K3Q")),
    ]);
}
