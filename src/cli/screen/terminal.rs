//! The terminal: taken over, and given back however this ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::keys::Key;
use super::model::Screen;
use super::view::{self, Look};

/// How often the reader of keys looks whether it is to end.
const LOOKS_EVERY: Duration = Duration::from_millis(100);
/// Keys that wait; whoever holds one down loses some.
const KEYS: usize = 64;

/// What comes from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Input {
    Key(Key),
    /// The window has another size.
    Resized,
    /// Nothing more can be read.
    Lost,
}

/// A terminal in raw mode on its second screen; dropping it gives it back, and so does a panic anywhere.
pub(in crate::cli) struct Terminal {
    terminal: DefaultTerminal,
    look: Look,
    inputs: mpsc::Receiver<Input>,
    is_over: Arc<AtomicBool>,
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// It cannot be: nothing is changed then.
    pub(in crate::cli) fn take(has_color: bool) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let (sender, inputs) = mpsc::channel(KEYS);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        tokio::task::spawn_blocking(move || read(&sender, &over));
        Ok(Self { terminal, look: Look { has_color }, inputs, is_over })
    }

    /// Draws the screen; only cells that differ are written.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(in crate::cli) fn draw(&mut self, screen: &Screen) -> io::Result<()> {
        let look = self.look;
        self.terminal.draw(|frame| view::draw(frame, screen, look)).map(drop)
    }

    /// The next key, or a new size. Cancel-safe.
    pub(in crate::cli) async fn input(&mut self) -> Input {
        self.inputs.recv().await.unwrap_or(Input::Lost)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = ratatui::try_restore();
    }
}

/// Reads keys until it is over. A thread of its own, as a read of the terminal blocks.
fn read(sender: &mpsc::Sender<Input>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let input = match event::poll(LOOKS_EVERY) {
            Ok(false) => continue,
            Ok(true) => event::read().map(input_of),
            Err(e) => Err(e),
        };
        match input {
            Ok(None) => {}
            // A full queue: the person in front of it sees what the keys before did.
            Ok(Some(input)) => drop(sender.try_send(input)),
            Err(_) => {
                let _ = sender.blocking_send(Input::Lost);
                return;
            }
        }
    }
}

fn input_of(event: Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Resized),
        Event::Key(KeyEvent { code, modifiers, kind, .. }) if kind != KeyEventKind::Release => {
            key_of(code, modifiers).map(Input::Key)
        }
        _ => None,
    }
}

fn key_of(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
    if modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(code, KeyCode::Char('c' | 'C')).then_some(Key::Interrupt);
    }
    Some(match code {
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Char(c) => Key::Char(c),
        _ => return None,
    })
}
