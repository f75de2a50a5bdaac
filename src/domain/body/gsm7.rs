//! What a text costs: GSM-7 or UCS-2, the exact number of segments, and the folding of look-alikes to GSM-7.
//!
//! Source: `facts/twilio.md` §14 (SMS character limits; checked there with Twilio's own segment calculator). A text is
//! GSM-7 only if every character is; one curly quote makes the whole message UCS-2 and halves the room.

/// How a text is encoded on the way to the handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Seven bits: 160 septets in one segment, 153 in each part of several.
    Gsm7,
    /// UTF-16: 70 units in one segment, 67 in each part of several.
    Ucs2,
}

impl Encoding {
    /// The encoding that this text needs.
    pub fn of(text: &str) -> Self {
        if text.chars().all(|c| septets(c).is_some()) { Self::Gsm7 } else { Self::Ucs2 }
    }

    /// The room of a single segment, and of each part where there are several.
    const fn room(self) -> (u32, u32) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }

    /// What a character takes; at most 2 in either encoding.
    fn width(self, c: char) -> u32 {
        match self {
            Self::Gsm7 => septets(c).unwrap_or(1),
            Self::Ucs2 => u32::from(u32::from(c) > 0xFFFF) + 1,
        }
    }
}

/// How many septets a character takes in GSM-7: 1, 2 for the extension set, `None` where it is not in GSM-7 at all.
pub fn septets(c: char) -> Option<u32> {
    match c {
        '\n' | '\r' | ' ' | '!'..='Z' | '_' | 'a'..='z' => Some(1),
        '¡' | '£' | '¤' | '¥' | '§' | '¿' | 'Ä' | 'Å' | 'Æ' | 'Ç' | 'É' | 'Ñ' | 'Ö' | 'Ø' | 'Ü' | 'ß' => {
            Some(1)
        }
        'à' | 'ä' | 'å' | 'æ' | 'è' | 'é' | 'ì' | 'ñ' | 'ò' | 'ö' | 'ø' | 'ù' | 'ü' => Some(1),
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        '\u{c}' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' | '€' => Some(2),
        _ => None,
    }
}

/// The exact number of segments that a text is charged as; 0 for an empty one. A two-septet character or a surrogate
/// pair is not split over two parts, so plain division would be wrong.
pub fn segments(text: &str) -> u32 {
    let encoding = Encoding::of(text);
    let (single, part) = encoding.room();
    let total = text.chars().fold(0_u32, |n, c| n.saturating_add(encoding.width(c)));
    if total <= single {
        return u32::from(total > 0);
    }
    let (mut parts, mut used) = (1_u32, 0_u32);
    for width in text.chars().map(|c| encoding.width(c)) {
        if used + width > part {
            parts = parts.saturating_add(1);
            used = 0;
        }
        used += width;
    }
    parts
}

/// Replaces look-alikes by GSM-7 characters: curly quotes, dashes, accents that GSM-7 lacks, odd spaces, pictures (which
/// are dropped). Letters of other scripts stay as they are: the text is then UCS-2, and readable.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if septets(c).is_some() && c != '\u{c}' {
            out.push(c);
        } else if let Some(like) = look_alike(c) {
            out.push_str(like);
        } else if let Some(plain) = full_width(c) {
            out.push(plain);
        } else {
            out.push(c);
        }
    }
    out
}

/// As [`fold`], and as one line: control characters, line ends and runs of space become one space, the ends are trimmed.
pub fn clean(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    fold(&spaced).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The full-width forms of ASCII (U+FF01 to U+FF5E); a full-width backtick becomes a quote as the plain one does.
fn full_width(c: char) -> Option<char> {
    match u32::from(c) {
        0xFF40 => Some('\''),
        n @ 0xFF01..=0xFF5E => char::from_u32(n - 0xFF01 + 0x21),
        _ => None,
    }
}

/// The GSM-7 text that stands for a character outside of it; empty for what carries no words.
fn look_alike(c: char) -> Option<&'static str> {
    latin(c).or_else(|| sign(c)).or_else(|| greek_capital(c)).or_else(|| nothing(c))
}

/// Latin letters with marks that GSM-7 lacks.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'À' | 'Á' | 'Â' | 'Ã' | 'Ā' | 'Ă' | 'Ą' | 'Ǎ' => "A",
        'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ª' => "a",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'Ć' | 'Ĉ' | 'Ċ' | 'Č' => "C",
        'Ď' | 'Đ' | 'Ð' => "D",
        'ď' | 'đ' | 'ð' => "d",
        'È' | 'Ê' | 'Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => "E",
        'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => "G",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'Ĥ' | 'Ħ' => "H",
        'ĥ' | 'ħ' => "h",
        'Ì' | 'Í' | 'Î' | 'Ï' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' => "I",
        'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'Ĵ' => "J",
        'ĵ' => "j",
        'Ķ' => "K",
        'ķ' | 'ĸ' => "k",
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ŀ' | 'Ł' => "L",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'Ń' | 'Ņ' | 'Ň' | 'Ŋ' => "N",
        'ń' | 'ņ' | 'ň' | 'ŉ' | 'ŋ' => "n",
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ō' | 'Ŏ' | 'Ő' => "O",
        'ó' | 'ô' | 'õ' | 'ō' | 'ŏ' | 'ő' | 'º' => "o",
        'Ŕ' | 'Ŗ' | 'Ř' => "R",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'Ś' | 'Ŝ' | 'Ş' | 'Š' | 'Ș' => "S",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ſ' => "s",
        'Ţ' | 'Ť' | 'Ŧ' | 'Ț' => "T",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'Ù' | 'Ú' | 'Û' | 'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ú' | 'û' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'µ' => "u",
        'Ŵ' => "W",
        'ŵ' => "w",
        'Ý' | 'Ŷ' | 'Ÿ' => "Y",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        'Þ' => "Th",
        'þ' => "th",
        'Œ' => "OE",
        'œ' => "oe",
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ẞ' => "ß",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        _ => return None,
    })
}

/// Quotes, dashes, spaces and other signs.
fn sign(c: char) -> Option<&'static str> {
    Some(match c {
        '`' | '´' | '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' | 'ʻ' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '¨' => "\"",
        '‹' => "<",
        '›' => ">",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '¬' | '⁃' => "-",
        '…' => "...",
        '•' | '‣' | '◦' | '●' | '▪' | '†' | '‡' => "*",
        '‖' => "|",
        '‗' => "_",
        '·' | '∙' => ".",
        '\t' | '\u{c}' | '\u{b}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' => " ",
        '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '⁄' | '∕' => "/",
        '÷' => "/",
        '×' => "x",
        '±' => "+/-",
        '°' => "deg",
        '¹' => "1",
        '²' => "2",
        '³' => "3",
        '¼' => "1/4",
        '½' => "1/2",
        '¾' => "3/4",
        '¢' => "c",
        '¦' => "|",
        '¶' => " ",
        '¸' => ",",
        '¯' => "-",
        '©' => "(c)",
        '®' => "(R)",
        '™' => "(TM)",
        '№' => "No.",
        '→' => "->",
        '←' => "<-",
        '≤' => "<=",
        '≥' => ">=",
        '≈' => "~",
        '‴' => "'",
        '、' => ",",
        '。' => ".",
        _ => return None,
    })
}

/// Greek capitals that look like Latin ones (the other Greek capitals are in GSM-7 themselves).
fn greek_capital(c: char) -> Option<&'static str> {
    Some(match c {
        'Α' => "A",
        'Β' => "B",
        'Ε' => "E",
        'Ζ' => "Z",
        'Η' => "H",
        'Ι' => "I",
        'Κ' => "K",
        'Μ' => "M",
        'Ν' => "N",
        'Ο' => "O",
        'Ρ' => "P",
        'Τ' => "T",
        'Υ' => "Y",
        'Χ' => "X",
        _ => return None,
    })
}

/// What carries no words of its own: combining accents, marks of direction, joiners, pictures.
fn nothing(c: char) -> Option<&'static str> {
    let drop = matches!(u32::from(c),
        0xAD | 0x300..=0x36F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x20D0..=0x20FF
        | 0x2190..=0x2BFF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFF9..=0xFFFD | 0x1F000..=0x1FAFF | 0xE0000..=0xE0FFF);
    drop.then_some("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_are_those_that_were_measured() {
        let a = |n: usize| "a".repeat(n);
        for (label, text, want) in [
            ("empty", String::new(), 0),
            ("160 septets", a(160), 1),
            ("161 septets", a(161), 2),
            ("306 septets", a(306), 2),
            ("307 septets", a(307), 3),
            ("80 euro signs", "€".repeat(80), 1),
            ("81 euro signs", "€".repeat(81), 2),
            ("70 units", "ж".repeat(70), 1),
            ("71 units", "ж".repeat(71), 2),
            ("134 units", "ж".repeat(134), 2),
            ("135 units", "ж".repeat(135), 3),
            ("35 pictures", "😀".repeat(35), 1),
            ("36 pictures", "😀".repeat(36), 2),
            ("a pair moves on whole", format!("{}€{}", a(152), a(152)), 3),
            ("one curly quote", format!("{}’", a(70)), 2),
        ] {
            assert_eq!(segments(&text), want, "{label}");
        }
    }

    #[test]
    fn the_two_sets_of_gsm7_are_complete() {
        let basic = "\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz\
                     ¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΔΦΓΛΩΠΨΣΘΞ";
        assert!(basic.chars().all(|c| septets(c) == Some(1)));
        assert_eq!(basic.chars().count(), 127, "128 positions less the escape");
        assert!("\u{c}[\\]^{|}~€".chars().all(|c| septets(c) == Some(2)));
        for c in ['`', '\t', 'ç', 'á', 'í', 'ó', 'ú', '’', '“', '–', '—', '…', '•', '😀'] {
            assert_eq!(septets(c), None, "{c}");
        }
    }

    #[test]
    fn look_alikes_are_folded_and_other_scripts_kept() {
        for (from, to) in [
            ("José’s “café” – now…", "José's \"café\" - now..."),
            ("ç`á\u{a0}í\tó", "c'a i o"),
            ("e\u{301}", "e"),
            ("Łódź, Strauß, Ærø", "Lodz, Strauß, Ærø"),
            ("２０:１５", "20:15"),
            ("fire 🔥 now", "fire  now"),
            ("Привет", "Привет"),
            ("水漏れ", "水漏れ"),
        ] {
            assert_eq!(fold(from), to, "{from}");
        }
        assert_eq!(clean("  a\r\n\u{7}b 🔥\u{2028}c  "), "a b c");
    }

    #[test]
    fn a_character_of_the_basic_plane_takes_one_unit_up_to_the_last_and_one_beyond_it_two() {
        for (c, fit) in [('ж', 70), ('\u{ffff}', 70), ('\u{10000}', 35)] {
            assert_eq!([fit, fit + 1].map(|n| segments(&c.to_string().repeat(n))), [1, 2], "{c:?}");
        }
    }

    #[test]
    fn signs_and_joined_letters_that_gsm7_lacks_are_written_out_of_what_it_has() {
        for (from, to) in [
            ("STRAẞE", "STRAßE"),
            ("oﬀ ﬁne ﬂow", "off fine flow"),
            ("‹ ›", "< >"),
            ("a\u{2028}b\u{2029}c\u{202f}d\u{205f}e\u{3000}f", "a b c d e f"),
            ("a\u{c}b", "a b"),
            ("1⁄2 1∕2 1÷2", "1/2 1/2 1/2"),
            ("Acme™ №4", "Acme(TM) No.4"),
            ("a → b ← c", "a -> b <- c"),
            ("≤ ≥ ≈ ‴", "<= >= ~ '"),
            ("水、火。", "水,火."),
        ] {
            assert_eq!(fold(from), to, "{from}");
        }
    }

    proptest! {
        #[test]
        fn folded_text_of_the_alphabet_is_gsm7(text in "[ -~À-ſ‐-•←-⇿！-～\u{a0}-\u{bf}Α-ΡΤ-Ω“”’…]{0,80}") {
            let folded = fold(&text);
            prop_assert_eq!(Encoding::of(&folded), Encoding::Gsm7, "{}", folded);
        }

        #[test]
        fn more_text_is_never_fewer_segments(text in "\\PC{0,400}", more in "\\PC{0,40}") {
            let longer = [text.as_str(), more.as_str()].concat();
            prop_assert!(segments(&text) <= segments(&longer));
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,100}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
