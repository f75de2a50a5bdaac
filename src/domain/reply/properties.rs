//! What holds of every text that a person may write.

use std::sync::LazyLock;

use super::conditions::is_condition;
use super::copies;
use super::words::Words;
use super::{Lexicon, OwnWord, Reading, Says, read, references};
use crate::domain::properties::texts;

/// A text of so many characters is read whole, whatever blanks stand around it.
const READ_WHOLE: usize = 300;
const SAM: &str = "Sam Ortiz";

/// A text is read, the same each time, and takes no call by a question or a condition. Blanks around it change nothing, nor do
/// capitals. What it names is loaded. The input: the text, and a word of the shop's own.
pub(crate) fn reply(raw: &[u8]) {
    static BUILT_IN: LazyLock<Lexicon> = LazyLock::new(Lexicon::default);
    let [text, own_word] = texts(raw);
    let lexicon = &*BUILT_IN;
    let reading = read(&text, SAM, lexicon);
    assert_eq!(reading, read(&text, SAM, lexicon), "{text:?}");
    is_sound(&text, &reading);
    let strangers = read(&text, "", lexicon);
    assert!(
        strangers.says != Says::Take || reading.says == Says::Take,
        "his own name takes nothing from him: {text:?}"
    );
    if text.chars().count() <= READ_WHOLE {
        for around in [
            format!(" {text}"),
            format!("\n{text}"),
            format!("{text} "),
            format!("{text}\r\n"),
            format!(" \t{text}\n\n"),
        ] {
            assert_eq!(reading, read(&around, SAM, lexicon), "{text:?} and {around:?}");
        }
    }
    if text.is_ascii() {
        let upper = read(&text.to_ascii_uppercase(), SAM, lexicon);
        let lower = read(&text.to_ascii_lowercase(), SAM, lexicon);
        assert_eq!(without_words(upper), without_words(lower), "{text:?}");
    }
    if let Some(free) = &reading.free {
        // A name is looked for, whatever it is written like.
        let _ = (free.names(&own_word, SAM), free.names(SAM, &own_word));
    }
    if !own_word.is_empty() {
        shops_word(&own_word, &text, lexicon);
    }
}

/// What is said, without the words of it.
fn without_words(reading: Reading) -> Reading {
    let free = reading.free.map(|free| super::free::FreeText { text: String::new(), ..free });
    Reading { free, ..reading }
}

fn is_sound(text: &str, reading: &Reading) {
    let named = references(text);
    assert!(named.len() <= 8, "{text:?}: {named:?}");
    if let Some(call) = &reading.reference {
        assert!(named.contains(call), "{text:?} names {call}, which is not loaded: {named:?}");
    }
    if let Some(free) = &reading.free {
        assert!(text.contains(free.text.as_str()), "{text:?}: {free:?}");
        assert_eq!(free.blocks, reading.says == Says::Other, "{text:?}: {reading:?}");
    }
    assert!(!reading.all || reading.reference.is_none(), "{text:?}: {reading:?}");
    assert!(reading.minutes.is_none_or(|m| (1..=90).contains(&m)), "{text:?}: {reading:?}");
    let own = Words::of(copies::own_words(text).0);
    if reading.says == Says::Take {
        assert!(!own.question && !own.is_cut, "a question takes nothing: {text:?}");
        for i in 0..own.len() {
            assert!(!is_condition(own.word(i)), "a condition takes nothing: {text:?}");
        }
    }
}

/// A word that the shop may have says what the shop says, alone and as it is written, and takes no other word's meaning away.
fn shops_word(word: &str, text: &str, built_in: &Lexicon) {
    for (own, says) in [
        (OwnWord::Take, Says::Take),
        (OwnWord::Pass, Says::Pass),
        (OwnWord::Done, Says::Done),
        (OwnWord::Later, Says::Later),
    ] {
        let mut lexicon = built_in.clone();
        if lexicon.add(own, word).is_err() {
            continue;
        }
        let read_back = read(word, SAM, &lexicon);
        assert_eq!(read_back.says, says, "{word:?} of the shop: {read_back:?}");
        for (bare, usual) in [("1", Says::Take), ("2", Says::Pass), ("done", Says::Done), ("STOP", Says::OptOut)] {
            assert_eq!(read(bare, SAM, &lexicon).says, usual, "{bare} beside {word:?}");
        }
        is_sound(text, &read(text, SAM, &lexicon));
    }
}
