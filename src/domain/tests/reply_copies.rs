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
