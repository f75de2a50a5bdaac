//! Phone calls that ask for a key: what the provider says of one, which key was pressed, and how one is ended that needs nobody any
//! more. Words, classes and TwiML are in `domain/voice/`. Source: `facts/twilio-voice.md` §11.

pub(super) mod blocked;
pub(super) mod ending;
pub(crate) mod job;
pub(super) mod key;
pub(super) mod limits;
pub(crate) mod outcome;
pub(super) mod progress;
pub(super) mod wait;
