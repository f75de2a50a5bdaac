//! What texts say by themselves: the operator's table, and what holds for any text at all.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::free::FreeText;
use super::words::Words;
use super::{Lexicon, OwnWord, Reading, Says, conditions, copies, harmless, read, references};
use crate::testing::replies::{TABLE, unescaped};

/// Who writes in the table.
const SAM: &str = "Sam Ortiz";

fn words_of(r: &Reading) -> &'static str {
    match (r.says, r.all) {
        (Says::Take, false) => "take",
        (Says::Take, true) => "take all",
        (Says::Pass, false) => "pass",
        (Says::Pass, true) => "pass all",
        (Says::Done, false) => "done",
        (Says::Done, true) => "done all",
        (Says::Later, _) => "later",
        (Says::Soft, _) => "soft",
        (Says::Code, false) => "code",
        (Says::Code, true) => "all",
        (Says::OptOut, _) => "opt-out",
        (Says::OptIn, _) => "opt-in",
        (Says::NoCalls, _) => "no calls",
        (Says::Calls, _) => "calls",
        (Says::Quoted, _) => "quoted",
        (Says::Other, _) => "other",
    }
}

#[test]
fn each_reply_of_the_table_is_taken_for_what_it_says() {
    let mut table = csv::Reader::from_path(TABLE).expect("the table");
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in table.records() {
        let row = row.expect("a row");
        let cell = |i: usize| row.get(i).expect("a cell");
        rows += 1;
        let r = read(&unescaped(cell(1)), SAM, &Lexicon::default());
        let call = r.reference.as_ref().map(ToString::to_string).unwrap_or_default();
        let free = r.free.as_ref().map(|f| f.text.clone()).unwrap_or_default();
        let found = (words_of(&r), call.as_str(), free.as_str());
        if found != (cell(2), cell(3), unescaped(cell(4)).as_str()) {
            wrong.push(format!("{:?}: {found:?}, not {:?}", cell(1), (cell(2), cell(3), cell(4))));
        }
        assert_eq!(
            r.free.as_ref().is_some_and(|f| f.blocks),
            r.free.is_some() && r.says == Says::Other,
            "{:?}",
            cell(1)
        );
    }
    assert!(wrong.is_empty(), "{} of {rows}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= 200, "{rows}");
}

/// The replies of the table, as they are written, with what each is taken for.
fn table() -> Vec<(String, String, String)> {
    let mut table = csv::Reader::from_path(TABLE).expect("the table");
    let cells = |row: csv::StringRecord| {
        let cell = |i: usize| row.get(i).expect("a cell").to_owned();
        (cell(0), unescaped(&cell(1)), cell(2))
    };
    table.records().map(|row| cells(row.expect("a row"))).collect()
}

const ODD: &[&str] = &[
    "?",
    "if",
    " if ",
    "maybe",
    "in 2 hours",
    "but",
    "unless",
    "\n",
    ", ",
    ". ",
    " - ",
    "-",
    "/",
    "(",
    ")",
    "\"",
    "“",
    "”",
    "'",
    "’",
    "#",
    "7K3Q",
    "7K3Q-1",
    "8M4R",
    "2345",
    "20 min",
    "2 hours",
    "all",
    "STOP",
    "👍",
    "👎",
    "❓",
    "\u{200b}",
    "\u{feff}",
    "\u{20e3}",
    "１",
    "①",
    "Liked “",
    "7K3Q-1 Acme: no heat",
    "> ",
    "--\n",
    "Sent from my iPhone",
    "sí",
    "é",
    "e\u{301}",
    "İ",
    "ﬀ",
    "𝟏",
    "½",
    "№",
    "\0",
    "\u{202e}",
    "Ⅻ",
];

/// Texts of anything: words of the table, oddities and any characters at all.
fn random_text(rng: &mut SmallRng, replies: &[(String, String, String)]) -> String {
    let mut text = String::new();
    for _ in 0..rng.random_range(0..7) {
        match rng.random_range(0..6) {
            0 => text.extend((0..rng.random_range(0..12)).map(|_| rng.random::<char>())),
            1 | 2 => text.push_str(ODD[rng.random_range(0..ODD.len())]),
            3 => text.extend((0..rng.random_range(0..4)).map(|_| char::from(rng.random_range(b' '..=b'~')))),
            _ => text.push_str(&replies[rng.random_range(0..replies.len())].1),
        }
        if rng.random_bool(0.6) {
            text.push(' ');
        }
    }
    text
}

#[test]
fn no_text_at_all_is_taken_by_more_than_the_table_has() {
    let (replies, lexicon) = (table(), Lexicon::default());
    let mut rng = SmallRng::seed_from_u64(11);
    let mut taken = 0;
    for _ in 0..100_000 {
        let text = random_text(&mut rng, &replies);
        let r = read(&text, SAM, &lexicon);
        let own = Words::of(copies::own_words(&text).0);
        let folded = format!(" {} ", own.all());
        if let Some(call) = &r.reference {
            let seen = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
            let folded = own.all().to_uppercase();
            assert!(seen.contains(call.as_str()) || folded.contains(call.as_str()), "{text:?}: {call}");
            assert!(references(&text).contains(call), "{text:?}: {call}");
        }
        if let Some(free) = &r.free {
            assert!(text.contains(free.text.as_str()), "{text:?}: {free:?}");
        }
        assert!(r.says == Says::Take || !r.all || r.free.is_none(), "{text:?}");
        if r.says != Says::Take {
            continue;
        }
        taken += 1;
        let in_table = lexicon.takes().iter().any(|word| folded.contains(&format!(" {word} ")));
        let minutes = ["there", "eta"].iter().any(|w| folded.contains(&format!(" {w} ")));
        assert!(in_table || minutes, "{text:?}");
        assert!(!own.question, "{text:?}");
        for word in own.all().split(' ') {
            assert!(!conditions::is_condition(word), "{text:?}: {word}");
        }
    }
    assert!(taken > 1_000, "the generator reaches what takes a call: {taken}");
}

#[test]
fn a_condition_or_a_question_mark_anywhere_in_the_words_takes_nothing() {
    let lexicon = Lexicon::default();
    let takes: Vec<String> = table()
        .into_iter()
        .filter(|(kind, _, says)| says.starts_with("take") && !kind.contains("signature"))
        .map(|r| r.1)
        .collect();
    assert!(takes.len() > 100);
    for reply in &takes {
        for word in conditions::conditions().chain(["but", "not", "can't", "2 hours", "\u{2753}", "?", "👎"]) {
            let spots =
                reply.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at).chain([0, reply.trim_end().len()]);
            for at in spots {
                let (before, after) = reply.split_at(at);
                for text in [
                    format!("{before} {word} {after}"),
                    format!("{before}, {word}, {after}"),
                    format!("{before}\n{word}\n{after}"),
                ] {
                    let r = read(&text, SAM, &lexicon);
                    assert_ne!(r.says, Says::Take, "{text:?}");
                }
            }
        }
    }
}

/// Letters that make no word of ours: nobody knows what it says.
fn strange_word(rng: &mut SmallRng) -> String {
    let mut word: String = (0..rng.random_range(3..9)).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
    word.push_str("qx");
    word
}

#[test]
fn behind_a_word_that_takes_a_strange_word_a_number_or_a_question_takes_nothing() {
    let lexicon = Lexicon::default();
    let mut rng = SmallRng::seed_from_u64(12);
    for take in lexicon.takes() {
        for _ in 0..50 {
            let (known, strange) = (harmless::all().nth(rng.random_range(0..150)), strange_word(&mut rng));
            let known = known.expect("a word");
            let number = rng.random_range(3..1000);
            for text in [
                format!("{take}, {strange}"),
                format!("{take}\n{known} {strange}"),
                format!("{take}. {strange}, {known}"),
                format!("{take}, {number}"),
                format!("{take}, at {number}"),
                format!("{take}, are {known}, {strange}"),
                format!("{take}, does it {known}"),
                format!("{take}, {known}. can u {known}"),
            ] {
                assert_ne!(read(&text, SAM, &lexicon).says, Says::Take, "{text:?}");
            }
        }
    }
}

#[test]
fn no_harmless_word_is_one_that_takes_back() {
    let answers = |word: &str| read(word, "", &Lexicon::default()).says != Says::Other;
    for word in harmless::all().filter(|word| !answers(word)) {
        for reply in ["done, ", "done, well, "] {
            let r = read(&format!("{reply}{word}"), SAM, &Lexicon::default());
            assert_eq!(r.says, Says::Done, "{word}");
        }
    }
}

#[test]
fn a_writer_may_sign_with_his_own_name() {
    let lexicon = Lexicon::default();
    let says = |text: &str, writer: &str| read(text, writer, &lexicon).says;
    for text in ["1\nSam Ortiz", "1, Sam", "1\n\nSAM ORTIZ\nAcme Plumbing", "on my way. Sam"] {
        assert_eq!(says(text, SAM), Says::Take, "{text}");
        assert_eq!(says(text, "Bo Tran"), Says::Other, "{text}");
    }
    let free = |text: &str| FreeText { text: text.to_owned(), blocks: false };
    assert!(!free("Sam Ortiz").names("Ana Ortiz", SAM));
    assert!(free("Ana Ortiz").names("Ana Ortiz", SAM));
    for name in ["Will May", "Call Center", "Office Phone", "Duty Tech", "On Call", "Home"] {
        let text = "will call the office phone on the way home, may be the duty tech is on call";
        assert!(!free(text).names(name, SAM), "{name}");
    }
}

#[test]
fn another_contacts_name_is_found_in_free_text() {
    let free = |text: &str| FreeText { text: text.to_owned(), blocks: false };
    for (text, name, found) in [
        ("call Bo", "Bo Tran", true),
        ("bo’s truck", "Bo Tran", true),
        ("BO has the key", "Bo", true),
        ("ask Lopez", "Ana Lopez", true),
        ("ask Lópéz", "Ana Lopez", true),
        ("be there in 20", "Bo Tran", false),
        ("bored already", "Bo", false),
        ("the valve", "Van der The", false),
        ("a long way", "A. Long", true),
        ("in 20", "Tech 20", false),
        ("", "Bo", false),
    ] {
        assert_eq!(free(text).names(name, ""), found, "{text} {name}");
    }
}

#[test]
fn only_the_bare_word_is_the_providers_own() {
    for text in ["STOP", " stop.\n", "Unsubscribe", "\u{feff}STOP"] {
        assert_eq!(read(text, SAM, &Lexicon::default()).says, Says::OptOut, "{text:?}");
    }
    let opts_in = |text| read(text, SAM, &Lexicon::default()).opts_in;
    assert!(opts_in("YES") && opts_in("yes.") && opts_in("unstop") && opts_in("Start"));
    assert!(!opts_in("1") && !opts_in("yes please") && !opts_in("STOP") && !opts_in("yes 7K3Q"));
}

#[test]
fn blanks_around_a_text_change_nothing() {
    let lexicon = Lexicon::default();
    let long = format!("1, {}", "on the road ".repeat(25));
    for text in ["-1", "1", "- 1", "1, in 20 min", "2 valves", "done. thanks", long.trim_end()] {
        let bare = read(text, SAM, &lexicon);
        for around in
            [format!(" {text}"), format!("\n{text}"), format!("\t\r\n{text} \n"), format!("{text}{}", " ".repeat(300))]
        {
            assert_eq!(read(&around, SAM, &lexicon), bare, "{around:?}");
        }
    }
    assert_eq!(read(" -1", SAM, &lexicon).says, Says::Other, "a negative number is no word");
}

#[test]
fn what_is_too_long_to_be_an_answer_is_none() {
    let long = format!("1, {}", "on the road ".repeat(60));
    assert_eq!(read(&long, SAM, &Lexicon::default()).says, Says::Other);
    let signed = format!("1\n--\n{}", "Acme Plumbing. ".repeat(500));
    assert_eq!(read(&signed, SAM, &Lexicon::default()).says, Says::Take);
}

#[test]
fn words_of_the_shop_answer_as_ours_do() {
    let mut lexicon = Lexicon::default();
    for (own, word) in [
        (OwnWord::Take, "Sí"),
        (OwnWord::Take, "voy en camino"),
        (OwnWord::Pass, "no puedo"),
        (OwnWord::Done, "listo"),
        (OwnWord::Later, "mas tarde"),
        (OwnWord::Take, "omw"),
    ] {
        lexicon.add(own, word).expect("a word");
    }
    for parted in ["voy, en camino", "voy.\nahora", "voy e\u{2028}n camino", "mine; voy"] {
        assert!(lexicon.add(OwnWord::Take, parted).is_err(), "it would not be read as it is written: {parted:?}");
    }
    for (text, says) in [
        ("si", Says::Take),
        ("SÍ!", Says::Take),
        ("si\u{301} 7K3Q", Says::Take),
        ("Voy en camino, 20 min", Says::Take),
        ("voy", Says::Other),
        ("1, no puedo", Says::Other),
        ("1, pero no puedo", Says::Other),
        ("no puedo", Says::Pass),
        ("no", Says::Pass),
        ("Listo.", Says::Done),
    ] {
        assert_eq!(read(text, SAM, &lexicon).says, says, "{text:?}");
    }
}

#[test]
fn the_minutes_that_somebody_says_are_read_and_those_of_what_is_no_take_are_not() {
    for (text, minutes) in [
        ("1 40 min", Some(40)),
        ("1 7K3Q 40min", Some(40)),
        ("on my way, 20-30 minutes", Some(30)),
        ("on my way, 20min-30min", Some(30)),
        ("1, 20min-30", Some(30)),
        ("1, 20min-traffic", Some(20)),
        ("be there in 20", Some(20)),
        ("mine. leaving now, eta 25", Some(25)),
        ("1", None),
        ("1, 12 Old Mill Rd", None),
        ("1 40", None),
        ("1, maybe in 40 min", None),
        ("ok 20 min", None),
        ("mine, was there 20 min ago", None),
    ] {
        assert_eq!(read(text, SAM, &Lexicon::default()).minutes, minutes, "{text}");
    }
}

#[test]
fn letters_in_another_dress_are_letters() {
    for (text, says) in [("ℕ", Says::Pass), ("𝐃𝐎𝐍𝐄", Says::Done), ("𝟏", Says::Take)] {
        let read = read(text, SAM, &Lexicon::default());
        assert_eq!(read.says, says, "{text}: {read:?}");
    }
}

#[test]
fn a_letter_with_an_accent_is_no_abbreviation() {
    for text in ["Ñ", "ñ", "N\u{303}", "Ý", "ý!", "Ķ", "y\u{301}\u{323}"] {
        let read = read(text, SAM, &Lexicon::default());
        assert!(!matches!(read.says, Says::Take | Says::Pass | Says::Done | Says::Later), "{text}: {read:?}");
    }
    for (text, says) in [("Ñó", Says::Pass), ("n", Says::Pass), ("y", Says::Soft), ("óń my wáy", Says::Take)] {
        let read = read(text, SAM, &Lexicon::default());
        assert_eq!(read.says, says, "{text}: {read:?}");
    }
}

proptest::proptest! {
    /// However words of the grammar are put together, written large or small, and set apart: what they say stays the same, what they
    /// name is a reference that is there, and nothing panics. Names of people and quoted lines are other tests' matter.
    #[test]
    fn words_of_the_grammar_say_the_same_however_they_are_set(words in proptest::collection::vec(proptest::sample::select(vec!["1", "2", "3", "done", "7K3Q", "8M4R-2", "all", "ok", "thanks", "on my way", "20 min", "stop", "no"]), 1..5), before in "[ \n]{0,2}", behind in "[ \n.]{0,2}") {
        let lexicon = Lexicon::default();
        let plain = words.join(" ");
        let one = read(&plain, SAM, &lexicon);
        let set = read(&format!("{before}{}{behind}", plain.to_uppercase()), SAM, &lexicon);
        proptest::prop_assert_eq!(words_of(&one), words_of(&set), "{:?}", plain);
        proptest::prop_assert_eq!(&one.reference, &set.reference, "{:?}", plain);
        if let Some(named) = &one.reference {
            proptest::prop_assert!(references(&plain).contains(named), "{:?} names {}", plain, named);
        }
    }

    /// Whatever is written takes no call by words that are none of ours: no digit, no letter, no sign of the tables.
    #[test]
    fn what_says_nothing_takes_nothing(text in "[^a-zA-Z0-9\\PL]{0,30}") {
        // Letters in another dress, as `ℕ` and `É`, are letters.
        let dress = icu_normalizer::DecomposingNormalizerBorrowed::new_nfkd();
        let text: String = text.chars().filter(|c| !dress.normalize_iter(std::iter::once(*c)).any(|d| d.is_ascii_alphanumeric())).collect();
        let said = read(&text, SAM, &Lexicon::default());
        proptest::prop_assert!(!matches!(said.says, Says::Take | Says::Pass | Says::Done | Says::Later), "{:?}: {:?}", text, said);
    }
}

/// What each text says, and which call it names.
fn assert_says(texts: &[(&str, Says, &str)]) {
    for (text, says, call) in texts {
        let r = read(text, SAM, &Lexicon::default());
        let named = r.reference.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!((r.says, named.as_str()), (*says, *call), "{text:?}: {r:?}");
    }
}

#[test]
fn only_what_is_surely_a_way_an_address_or_a_name_stands_behind_a_word_that_takes() {
    assert_says(&[
        // Somebody by his title; a number is no name.
        ("1, Mrs Vega called", Says::Take, ""),
        ("1, Mr 6", Says::Other, ""),
        ("1, calling Mr", Says::Other, ""),
        // A code is no more than itself.
        ("1, bringing the pump to 7K3Q-2", Says::Take, "7K3Q"),
        ("1, bringing the pump to 7K3Q zorqx", Says::Other, "7K3Q"),
        // An address has a number of a house or a name, in one clause; a time of day is no house.
        ("1, 22nd street", Says::Take, ""),
        ("1, 12 Tran Drive", Says::Take, ""),
        ("1, 12 drive", Says::Other, ""),
        ("1, 12 Tran, drive", Says::Other, ""),
        ("1, 6pm Oak St", Says::Other, ""),
        ("1, st Oak Drive", Says::Other, ""),
        // A number, with one letter at most, is behind `apt`; a letter alone may be a no.
        ("1, gate 6b", Says::Take, ""),
        ("1, gate 6ish", Says::Other, ""),
        ("1, gate n", Says::Other, ""),
    ]);
}

#[test]
fn a_word_that_is_harmless_before_another_stands_right_before_it_in_one_clause() {
    assert_says(&[
        ("1, stuck in the traffic", Says::Take, ""),
        ("1, ill call the customer", Says::Take, ""),
        // He is ill.
        ("1, ill. Call the customer", Says::Other, ""),
        ("1, ill so call the customer", Says::Other, ""),
        ("1, bad traffic stuck", Says::Other, ""),
    ]);
}

#[test]
fn hours_behind_done_take_it_back_and_the_minutes_that_it_took_do_not() {
    assert_says(&[
        ("done, took 40 min", Says::Done, ""),
        ("done, back in 2 hours", Says::Other, ""),
        ("done, test it at 6", Says::Other, ""),
        ("done, water is on at 6:30", Says::Other, ""),
        ("done, left at 6pm", Says::Other, ""),
    ]);
}

#[test]
fn a_code_and_a_word_are_told_apart_without_a_space_and_where_the_code_may_be_a_number() {
    assert_says(&[
        ("8M42,1", Says::Take, "8M42"),
        ("8M42:1", Says::Take, "8M42"),
        ("ok,1", Says::Take, ""),
        ("ok,1,2345", Says::Take, "2345"),
        ("2345 1", Says::Take, "2345"),
        ("2345 done", Says::Done, "2345"),
        ("1 2345 zorqx", Says::Other, ""),
        ("1.5", Says::Other, ""),
        ("1:30", Says::Other, ""),
    ]);
}

#[test]
fn whoever_names_one_call_and_says_all_is_asked() {
    assert_says(&[
        ("1 all 7K3Q", Says::Other, "7K3Q"),
        ("7K3Q all", Says::Other, "7K3Q"),
        ("done all 7K3Q", Says::Other, "7K3Q"),
    ]);
}

#[test]
fn a_word_of_the_shop_has_forty_characters_at_most_and_is_no_code() {
    let add = |word: &str| Lexicon::default().add(OwnWord::Take, word);
    for word in ["x".repeat(40).as_str(), "voy", "rgrd", "unit 12 rolling"] {
        assert_eq!(add(word), Ok(()), "{word}");
    }
    for word in ["x".repeat(41).as_str(), "x".repeat(60).as_str(), "7k3q", "8M42"] {
        assert!(add(word).is_err(), "{word}");
    }
}

#[test]
fn am_is_a_time_of_day_behind_a_number_alone() {
    assert_says(&[
        ("1, I am on my way, 20 min", Says::Take, ""),
        ("no, I am in Reno", Says::Pass, ""),
        ("2, I am at home with the kids", Says::Pass, ""),
        ("1 at 6 am", Says::Other, ""),
        ("1, 6 am", Says::Other, ""),
        ("1, 6am", Says::Other, ""),
        ("1, am I on call", Says::Other, ""),
    ]);
}

#[test]
fn a_number_and_a_letter_behind_the_name_of_a_place_are_no_time_of_day() {
    assert_says(&[
        ("1, apt 4a", Says::Take, ""),
        ("1, unit 12a", Says::Take, ""),
        ("1, gate 6p", Says::Take, ""),
        ("1, 6p", Says::Other, ""),
        ("1, at 4a", Says::Other, ""),
        ("1, apt 4am", Says::Other, ""),
    ]);
}

#[test]
fn a_comma_without_a_space_behind_minutes_is_no_clock() {
    assert_says(&[
        ("omw in 20,traffic", Says::Take, ""),
        ("be there in 30,thanks", Says::Take, ""),
        ("omw in 1:30", Says::Other, ""),
        ("omw in 1,30", Says::Other, ""),
    ]);
}
