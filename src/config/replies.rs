//! `[replies]`: the shop's own words that answer a text, checked against ours and the provider's.

use std::sync::Arc;

use super::read::{Reader, Section};
use crate::domain::reply::{Lexicon, OwnWord};

const WORD_FORM: &str = "a word or a short phrase as people write it, like \"voy\" or \"estoy ocupado\"";

/// The built-in words and the shop's own.
pub(super) fn replies(r: &mut Reader, root: &mut Section) -> Arc<Lexicon> {
    let mut s = r.section(root, "replies");
    let mut lexicon = Lexicon::default();
    for (key, own) in
        [("take", OwnWord::Take), ("pass", OwnWord::Pass), ("done", OwnWord::Done), ("later", OwnWord::Later)]
    {
        let words = r.list(&mut s, key, WORD_FORM, |w| Ok(w.trim().to_owned()), Clone::clone).unwrap_or_default();
        for word in words {
            if let Err(why) = lexicon.add(own, &word.value) {
                r.wrong(word.origin, &word.key, format!("{:?} {why}", word.value), WORD_FORM);
            }
        }
    }
    r.finish(s);
    Arc::new(lexicon)
}
