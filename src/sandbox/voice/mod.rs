//! Twilio's phone calls: created, fetched, listed, changed, and truly played. Source: `facts/twilio-voice.md` §1 to §6.
//!
//! A call rings, somebody or something picks up as its script says ([`PhoneScript`]), the TwiML is fetched and obeyed with its true
//! lengths, keys are posted, and signed status callbacks tell of it. A second of a phone call takes `call_second` here.
//!
//! After a crash: an accepted call is one line of the ledger file, and so is each of its steps, keys and spoken texts. A killed
//! sandbox goes on with calls that had not been answered; one that was in progress is over.

mod call;
mod change;
mod create;
mod events;
mod flow;
mod kept;
mod player;
mod reads;
mod resource;
mod script;
mod twiml;

pub use self::call::{CallEntry, PhoneStatus};
pub use self::script::PhoneScript;

pub(super) use self::call::{CallLine, VoiceCall};
pub(super) use self::change::{change, hang_up_now, press_now};
pub(super) use self::create::create;
pub(super) use self::kept::VoiceCalls;
pub(super) use self::player::resume;
pub(super) use self::reads::{fetch, list, notifications};
