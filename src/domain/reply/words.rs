//! A text cut into words, as phones write them.
//!
//! What cannot be seen is dropped (zero-width characters, variation selectors, the box of a keycap, accents), full-width and
//! circled characters become plain ones, case does not matter. Emoji that say nothing are space. What stands between two words
//! is kept: a comma or a new line parts an answer from what is said besides; a hyphen inside `10-4` does not.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// So many characters of a text are read, two segments of an SMS; an answer is far shorter.
pub(super) const CHARS_MAX: usize = 320;

const COMPATIBLE: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();

/// A text as a sequence of words.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The words, folded, with one space between two.
    folded: String,
    list: Vec<LexiconWord>,
    /// A question mark stands in it.
    pub(super) question: bool,
    /// It goes on after [`CHARS_MAX`] characters.
    pub(super) is_cut: bool,
}

#[derive(Debug, Clone, Copy)]
struct LexiconWord {
    start: usize,
    end: usize,
    /// In the text as it was written.
    from: usize,
    gap: Gap,
}

/// What stands before a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// A comma, a bracket, a full stop before a space, the end of a line: another clause begins.
    pub(super) parts: bool,
    /// Neither space nor the end of a line.
    pub(super) is_glued: bool,
    /// Glued, by dashes alone.
    pub(super) is_dash: bool,
}

/// What is seen between two words.
#[derive(Default)]
struct Between {
    space: bool,
    mark: bool,
    dash: bool,
    dot: bool,
    other: bool,
}

impl Between {
    fn gap(&self) -> Gap {
        let is_glued = !self.space;
        Gap {
            parts: self.mark || ((self.dash || self.dot) && self.space),
            is_glued,
            is_dash: is_glued && self.dash && !self.dot && !self.mark && !self.other,
        }
    }
}

/// What one character is.
enum Class {
    Letter,
    /// A word of its own: an emoji that says something, a sign that no answer has.
    Sign,
    Space,
    Mark,
    Dash,
    Dot,
    Other,
    Question,
    Unseen,
}

impl Words {
    /// Cuts a text.
    pub(super) fn of(text: &str) -> Self {
        let mut words = Self { folded: String::with_capacity(text.len().min(CHARS_MAX * 4)), ..Self::default() };
        let mut between = Between::default();
        let mut is_open = false;
        // Blanks around a text say nothing: a minus is one behind them too.
        let before = text.len() - text.trim_start().len();
        for (count, (at, c)) in text.trim().char_indices().enumerate() {
            if count == CHARS_MAX {
                words.is_cut = true;
                break;
            }
            let at = before + at;
            if c.is_ascii() || is_whole(c) {
                words.see(c, at, &mut between, &mut is_open);
            } else {
                for d in COMPATIBLE.normalize_iter(std::iter::once(c)) {
                    words.see(d, at, &mut between, &mut is_open);
                }
            }
        }
        words
    }

    fn see(&mut self, c: char, at: usize, between: &mut Between, is_open: &mut bool) {
        let class = class(c);
        match class {
            Class::Unseen => {
                if *is_open && is_accent(c) {
                    self.accent(c);
                }
                return;
            }
            Class::Letter if *is_open => self.drop_accent(),
            Class::Letter | Class::Sign => {
                if !self.list.is_empty() {
                    self.folded.push(' ');
                }
                let start = self.folded.len();
                self.list.push(LexiconWord { start, end: start, from: at, gap: between.gap() });
                *between = Between::default();
            }
            Class::Space => between.space = true,
            Class::Mark => {
                between.mark = true;
                between.space |= matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
            }
            Class::Dash => between.dash = true,
            Class::Dot => between.dot = true,
            Class::Other => between.other = true,
            Class::Question => {
                self.question = true;
                between.mark = true;
            }
        }
        *is_open = matches!(class, Class::Letter);
        if matches!(class, Class::Letter | Class::Sign) {
            if c.is_ascii() {
                self.folded.push(c.to_ascii_lowercase());
            } else {
                self.folded.extend(c.to_lowercase().filter(|l| !matches!(self::class(*l), Class::Unseen)));
            }
            if let Some(word) = self.list.last_mut() {
                word.end = self.folded.len();
            }
        }
    }

    /// A word of one letter keeps its accent: `Ñ` alone is not the `n` of a no, nor `Ý` the `y` of a yes.
    fn accent(&mut self, c: char) {
        let Some(word) = self.list.last_mut() else { return };
        if self
            .folded
            .get(word.start..word.end)
            .is_some_and(|w| w.len() == 1 && w.starts_with(|l: char| l.is_ascii_alphabetic()))
        {
            self.folded.push(c);
            word.end = self.folded.len();
        }
    }

    /// The word goes on: its accents do not count.
    fn drop_accent(&mut self) {
        if self.folded.ends_with(is_accent) {
            self.folded.pop();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The word at that place, folded; empty behind the last one.
    pub(super) fn word(&self, i: usize) -> &str {
        self.list.get(i).and_then(|w| self.folded.get(w.start..w.end)).unwrap_or_default()
    }

    /// What stands before the word at that place.
    pub(super) fn gap(&self, i: usize) -> Gap {
        self.list.get(i).map(|w| w.gap).unwrap_or_default()
    }

    /// Whether these words stand there as one clause; how many they are must be known.
    pub(super) fn has(&self, i: usize, phrase: &str, len: usize) -> bool {
        let (Some(first), Some(last)) = (self.list.get(i), self.list.get(i + len - 1)) else { return false };
        self.folded.get(first.start..last.end) == Some(phrase) && (i + 1..i + len).all(|inner| !self.gap(inner).parts)
    }

    /// Whether that word and the next, in one clause, are one of these pairs.
    pub(super) fn has_pair(&self, i: usize, pairs: &[&str]) -> bool {
        pairs.iter().any(|pair| self.has(i, pair, 2))
    }

    /// The words in a row, folded.
    pub(super) fn all(&self) -> &str {
        &self.folded
    }

    /// Whether these words are all of their clause.
    pub(super) fn is_a_clause(&self, i: usize, len: usize) -> bool {
        let end = i + len;
        (i == 0 || self.gap(i).parts)
            && end <= self.len()
            && (i + 1..end).all(|i| !self.gap(i).parts)
            && (end == self.len() || self.gap(end).parts)
    }

    /// Where in the text as it was written the word at that place begins.
    pub(super) fn begins(&self, i: usize) -> Option<usize> {
        self.list.get(i).map(|w| w.from)
    }
}

/// Whether a word is a number.
pub(super) fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// Characters that have another meaning than the letters they are made of, and emoji, which no table takes apart.
fn is_whole(c: char) -> bool {
    c == '№' || ('\u{2600}'..='\u{27bf}').contains(&c) || ('\u{1f200}'..='\u{1faff}').contains(&c)
}

/// A mark above or below a letter that makes another letter of it; strokes through it and lines under it are style.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{331}')
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Letter,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::Mark,
        '\'' | '`' | '´' | 'ʼ' | '‘' | '’' | '‛' | '′' => Class::Unseen,
        ',' | ';' | ':' | '!' | '(' | ')' | '[' | ']' | '،' | '、' | '。' | '·' | '•' => Class::Mark,
        '-' | '‐'..='―' | '−' | '⁃' | '~' | '〜' => Class::Dash,
        '.' => Class::Dot,
        '?' | '¿' | '؟' | '\u{37e}' | '❓' | '❔' => Class::Question,
        '#' | '*' | '_' | '"' | '/' | '“' | '”' | '„' | '‟' | '«' | '»' | '№' => Class::Other,
        _ if c.is_whitespace() || c.is_control() && c != '\0' => Class::Space,
        _ if is_unseen(c) => Class::Unseen,
        _ if c.is_ascii() => Class::Sign,
        '👍' | '👌' | '✅' | '✔' | '🆗' | '🫡' | '🙏' => Class::Sign,
        _ if DOUBTS.contains(&c) => Class::Sign,
        '€' | '£' | '¥' | '¢' | '⁄' | '≠' | '¬' | '×' | '\u{fffd}' => Class::Sign,
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Space,
    }
}

/// Emoji that take back the word beside them.
pub(super) const DOUBTS: &[char] = &[
    '👎', '❌', '✖', '❎', '✗', '✘', '🚫', '⛔', '🛑', '🙅', '🤷', '🤔', '😕', '🙄', '🤒', '🤢', '🤮', '😷', '💩', '🖕',
];

fn is_unseen(c: char) -> bool {
    matches!(c,
        '\0' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0000}'..='\u{e0fff}')
}
