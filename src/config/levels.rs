//! `[levels]`: the words that intakes use for levels, and words of an emergency.

use super::read::{Reader, Section};
use crate::domain::levels::{Levels, MORNING};

const WORD_FORM: &str = "a word as an intake writes it, like \"CRITICAL\"; capitals, blanks and dashes do not matter";
const KEYWORD_FORM: &str = "a word or a phrase of a caller, like \"gas smell\"";

/// The words of levels. Every other key of `[levels]` than `keywords` is the name of a policy, or `morning`.
pub(super) fn levels(r: &mut Reader, root: &mut Section, policies: &[String]) -> Levels {
    let mut s = r.section(root, "levels");
    let mut levels = Levels::default();
    for word in keywords(r, &mut s) {
        levels.add_keyword(&word);
    }
    for level in s.names() {
        let known = level == MORNING || policies.iter().any(|p| p.eq_ignore_ascii_case(&level));
        let words = r.list(&mut s, &level, WORD_FORM, |w| Ok(w.trim().to_owned()), Clone::clone).unwrap_or_default();
        for word in words {
            if !known {
                let what = format!("{level:?} is no policy of this shop");
                r.wrong(word.origin, &word.key, what, "words of a policy's name, or of \"morning\"");
                break;
            }
            if !levels.add(&level, &word.value) {
                let what = format!("{:?} is a word of another level", word.value);
                r.wrong(word.origin, &word.key, what, "each word under one level");
            }
        }
    }
    r.finish(s);
    levels
}

/// The words of an emergency of the shop, or of a line.
pub(super) fn keywords(r: &mut Reader, s: &mut Section) -> Vec<String> {
    let parse = |w: &str| match w.chars().any(char::is_alphanumeric) {
        true => Ok(w.trim().to_owned()),
        false => Err("holds no letter and no digit".to_owned()),
    };
    let words = r.list(s, "keywords", KEYWORD_FORM, parse, Clone::clone).unwrap_or_default();
    words.into_iter().map(|w| w.value).collect()
}
