//! What a key does: a pure step from one screen to the next.

use super::model::{Mode, Screen};

/// A key, by what it means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-C, which a terminal in raw mode hands over as a key.
    Interrupt,
    Char(char),
}

/// What is to be done because of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Action {
    /// Draw anew, and no more.
    Nothing,
    /// Leave; whether it was an interrupt.
    Quit { is_interrupt: bool },
    /// Read and show the story of this call.
    Open(String),
    /// This call is taken, in the own name.
    Acknowledge(String),
    /// This goes into the story of this call.
    Note(String, String),
}

/// The longest note, in characters.
const NOTE_MAX: usize = 1_000;
/// Rows of a page.
const PAGE: usize = 10;

impl Screen {
    /// Takes a key.
    pub(in crate::cli) fn press(&mut self, key: Key) -> Action {
        if key == Key::Interrupt {
            return Action::Quit { is_interrupt: true };
        }
        self.said = None;
        match std::mem::replace(&mut self.mode, Mode::Browse) {
            Mode::Browse => self.browse(key),
            Mode::Confirm { call, reference } => self.confirm(key, call, reference),
            Mode::Write { call, reference, text } => self.write(key, call, reference, text),
        }
    }

    fn browse(&mut self, key: Key) -> Action {
        match key {
            Key::Char('q') => return Action::Quit { is_interrupt: false },
            Key::Escape | Key::Backspace | Key::Char('b') if self.story.is_some() => self.close_story(),
            Key::Escape => return Action::Quit { is_interrupt: false },
            Key::Up | Key::Char('k') => self.go_by(-1),
            Key::Down | Key::Char('j') => self.go_by(1),
            Key::PageUp => self.go_by(-(PAGE as isize)),
            Key::PageDown | Key::Char(' ') => self.go_by(PAGE as isize),
            Key::Home | Key::Char('g') => self.go_by(isize::MIN),
            Key::End | Key::Char('G') => self.go_by(isize::MAX),
            Key::Enter => {
                if let (Some(row), None) = (self.chosen(), &self.story) {
                    return Action::Open(row.0);
                }
            }
            Key::Char('a') => {
                if let Some((call, reference)) = self.chosen() {
                    self.mode = Mode::Confirm { call, reference };
                }
            }
            Key::Char('n') => {
                if let Some((call, reference)) = self.chosen() {
                    self.mode = Mode::Write { call, reference, text: String::new() };
                }
            }
            Key::Backspace | Key::Char(_) | Key::Interrupt => {}
        }
        Action::Nothing
    }

    fn confirm(&mut self, key: Key, call: String, reference: String) -> Action {
        match key {
            Key::Char('y' | 'Y') => Action::Acknowledge(call),
            Key::Char('n' | 'N' | 'q') | Key::Escape => {
                self.said = Some("nothing was done".to_owned());
                Action::Nothing
            }
            // A key that was meant for something else takes no call.
            _ => {
                self.mode = Mode::Confirm { call, reference };
                Action::Nothing
            }
        }
    }

    fn write(&mut self, key: Key, call: String, reference: String, mut text: String) -> Action {
        match key {
            Key::Escape => {
                self.said = Some("nothing was written".to_owned());
                return Action::Nothing;
            }
            Key::Enter if text.trim().is_empty() => {
                self.said = Some("nothing was written".to_owned());
                return Action::Nothing;
            }
            Key::Enter => return Action::Note(call, text.trim().to_owned()),
            Key::Backspace => {
                text.pop();
            }
            Key::Char(c) if text.chars().count() < NOTE_MAX && !c.is_control() => text.push(c),
            _ => {}
        }
        self.mode = Mode::Write { call, reference, text };
        Action::Nothing
    }
}
