//! What the screen holds: what was read, and where the person in front of it is.

/// One alert above everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Alert {
    /// Whether it is to wake somebody.
    pub(in crate::cli) wakes: bool,
    pub(in crate::cli) since: String,
    pub(in crate::cli) text: String,
}

/// One call of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Row {
    pub(in crate::cli) call: String,
    pub(in crate::cli) reference: String,
    pub(in crate::cli) status: String,
    /// `None`: neither.
    pub(in crate::cli) is_good: Option<bool>,
    pub(in crate::cli) age: String,
    pub(in crate::cli) issue: String,
    pub(in crate::cli) holder: String,
    pub(in crate::cli) last_told: String,
    pub(in crate::cli) next: String,
}

/// One entry of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) at: String,
    pub(in crate::cli) who: String,
    pub(in crate::cli) what: String,
}

/// The story of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Story {
    pub(in crate::cli) call: String,
    pub(in crate::cli) reference: String,
    /// What stands above the entries, one line each.
    pub(in crate::cli) header: Vec<String>,
    pub(in crate::cli) entries: Vec<Entry>,
}

/// What was read last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Shown {
    pub(in crate::cli) is_test: bool,
    /// The engine: whether it works, and its line.
    pub(in crate::cli) engine: (bool, String),
    pub(in crate::cli) figures: String,
    pub(in crate::cli) alerts: Vec<Alert>,
    pub(in crate::cli) rows: Vec<Row>,
    /// What is said where not all calls are in the list.
    pub(in crate::cli) cut: Option<String>,
}

/// What the keys do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Browse,
    /// `a` was pressed: is this call taken?
    Confirm { call: String, reference: String },
    /// `n` was pressed: a note is written.
    Write { call: String, reference: String, text: String },
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::cli) struct Screen {
    pub(super) shown: Shown,
    pub(super) story: Option<Story>,
    /// The call that is chosen, by its id: the list moves beneath it.
    chosen: Option<String>,
    /// The first line of the story that is shown.
    pub(super) story_top: usize,
    pub(super) mode: Mode,
    /// A word about what was done last.
    pub(super) said: Option<String>,
}

impl Screen {
    /// What was read is shown from now on; the chosen call stays chosen wherever it stands now.
    pub(in crate::cli) fn show(&mut self, shown: Shown) {
        let place = self.place();
        self.shown = shown;
        let is_there = |id: &String| self.shown.rows.iter().any(|r| r.call == *id);
        if !self.chosen.as_ref().is_some_and(is_there) {
            // It left the list: whoever stands in its place now is chosen, and no key does anything to it unseen.
            self.chosen =
                self.shown.rows.get(place.min(self.shown.rows.len().saturating_sub(1))).map(|r| r.call.clone());
        }
    }

    /// The story of a call is shown in place of the list.
    pub(in crate::cli) fn open(&mut self, story: Story) {
        let is_same = self.story.as_ref().is_some_and(|s| s.call == story.call);
        if !is_same {
            self.story_top = 0;
        }
        self.story = Some(story);
    }

    /// Which call's story is shown.
    pub(in crate::cli) fn opened(&self) -> Option<&str> {
        self.story.as_ref().map(|s| s.call.as_str())
    }

    pub(super) fn close_story(&mut self) {
        self.story = None;
        self.story_top = 0;
    }

    /// A word about what was done.
    pub(in crate::cli) fn say(&mut self, text: String) {
        self.said = Some(text);
    }

    /// Where the chosen call stands in the list.
    pub(super) fn place(&self) -> usize {
        let is = |id: &String| self.shown.rows.iter().position(|r| r.call == *id);
        self.chosen.as_ref().and_then(is).unwrap_or_default()
    }

    /// The call that a key is about: the one whose story is shown, else the chosen one; its id and its reference.
    pub(super) fn chosen(&self) -> Option<(String, String)> {
        match &self.story {
            Some(story) => Some((story.call.clone(), story.reference.clone())),
            None => self.shown.rows.get(self.place()).map(|r| (r.call.clone(), r.reference.clone())),
        }
    }

    pub(super) fn go_by(&mut self, by: isize) {
        match &self.story {
            Some(story) => {
                let last = story.entries.len().saturating_sub(1);
                self.story_top = self.story_top.saturating_add_signed(by).min(last);
            }
            None => {
                let last = self.shown.rows.len().saturating_sub(1);
                let place = self.place().saturating_add_signed(by).min(last);
                self.chosen = self.shown.rows.get(place).map(|r| r.call.clone());
            }
        }
    }
}
