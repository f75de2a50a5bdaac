//! `status --watch` on a terminal: the whole screen. Who waits for somebody stands in the middle; the engine, the figures and the alerts
//! stand above it and never scroll away.
//!
//! What is shown is read as the overview reads it, and drawn anew when somebody commits, a key is pressed or the window changes. It
//! decides nothing by itself: `a` and `n` go the same way as `dispatchctl ack` and `note`. The terminal is put back as it was at the
//! end, after a panic, and after SIGTERM.

mod keys;
mod model;
mod terminal;
mod view;

pub(super) use keys::Action;
pub(super) use model::{Alert, Entry, Row, Screen, Shown, Story};
pub(super) use terminal::{Input, Terminal};
