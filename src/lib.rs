//! dispatchctl: a dispatch that was accepted is never lost, a follow-up fires on time, "sent" is never taken for "delivered".
//!
//! # Floors
//!
//! A floor imports from itself and from lower floors; a test reads every `use` and says where that is broken.
//!
//! | Floor | Owns |
//! |---|---|
//! | `cli`, `reliability`, `sandbox` | the commands; the drills and the stand-in for the providers (feature `drills`) |
//! | `http` | routes, tokens, signatures, answers, the office's page |
//! | `engine` | the write path, the loops, recovery, the mirror |
//! | `config` | flags, environment and file as one checked value |
//! | `gateways`, `store` | the providers; every fact that outlives the process |
//! | `domain` | decisions: what happened and what is known in, a change out; no clock, no chance, no I/O |
//! | `clock`, `ids`, `failpoint`, `telemetry` | time, ids, where a drill kills the process, logs |
//!
//! Every change goes one way: an event (`domain/event.rs`), the pure step (`domain/step.rs`), one transaction
//! (`store/writer.rs`), then hints to the loops (`engine/wake.rs`). A hint may be lost: the loops look again by themselves.
//!
//! # The way of a dispatch
//!
//! 1. `http/dispatch.rs` reads the request (`cli/send.rs` the command line).
//! 2. `engine/intake/mod.rs` mends and checks it, picks line, level and ladder.
//! 3. `engine/apply.rs` runs the step on what the store loads (`store/tables/load.rs`).
//! 4. `domain/decide.rs` accepts the call; `domain/sequence.rs` fires its first step.
//! 5. `store/tables/save.rs` writes call, attempt and log; after the commit the caller has its answer.
//! 6. `engine/dispatcher.rs` finds the attempt (`store/tables/send_queues.rs`) and claims it (`domain/sending.rs`): the intent
//!    is on disk before the request.
//! 7. `gateways/twilio/client.rs` sends it; `domain/sending.rs` records the answer, or that nobody knows it.
//! 8. What nobody knows, `engine/reconciler.rs` looks for in the provider's list (`domain/resend.rs`).
//!
//! # The way of a callback
//!
//! 1. `http/webhooks.rs` takes the form and checks its signature (`gateways/twilio/signature.rs`).
//! 2. A status is an event of `domain/status_update.rs`, which moves the attempt forward only (`domain/attempt.rs`); a failure
//!    of `domain/failure.rs`.
//! 3. A text is read by `domain/reply/reading.rs` and acts in `domain/reply/act.rs`. Where its time matters and is not known,
//!    it waits for `engine/waiting.rs`.
//! 4. `engine/apply.rs` commits; only then the provider has its 204 or the answer.
//!
//! # The way of a voice agent's report
//!
//! 1. `http/intake/mod.rs` has it proven (`http/intake/proof.rs`) and read (`engine/intake/reports/`).
//! 2. `domain/report.rs` makes the call, which may wait for a better report, or adds it to the story of the call that is there.
//! 3. The commit is answered; the first step goes the way of a dispatch from its sixth hop on.
//!
//! # The way of a timer
//!
//! 1. `engine/scheduler.rs` asks the store for calls that are due (`store/tables/reads.rs`).
//! 2. `domain/sequence.rs` fires the step, or skips what was missed; `domain/ladder_end.rs` ends the ladder.
//! 3. The new attempts go the way of a dispatch from its sixth hop on.
//!
//! # Where something new goes
//!
//! - An alert kind: `domain/alert.rs`, and the decision or duty that raises it.
//! - An alert sink: a file like `gateways/sinks/ntfy.rs`, its keys in `config/sinks.rs`, made in `cli/sinks.rs`; `engine/outbox.rs` delivers to
//!   it as to the others.
//! - A kind of event for other systems: `domain/outgoing.rs`; `engine/event_webhooks.rs` reads it from the log and tells it.
//! - A duty of the engine: a file in `engine/` and a line in `engine/duties.rs`.
//! - A cell of the shop's rows: `engine/mirror/rows.rs`, its name in `config/types.rs`, and what it holds in
//!   `engine/layout/columns.rs`. A base of another shape: a file in `config/presets/`.
//! - A command: a file in `cli/` and a line in `cli/args.rs`.
//! - A reader of something from outside: what must hold of any bytes of it, in a `properties.rs` beside it; its name in
//!   `testkit::fuzz`, a test in `testing/properties.rs`, a program and a corpus in `tests/fuzz`.

// Without the drills a few things have no user. The build with them finds what nobody uses.
#![cfg_attr(not(feature = "drills"), allow(dead_code, unused_imports))]

/// The binary's allocator: the simulation plays decisions by the million.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

mod cli;
mod clock;
mod config;
mod domain;
mod engine;
mod failpoint;
mod gateways;
mod http;
mod ids;
#[cfg(feature = "drills")]
mod reliability;
#[cfg(feature = "drills")]
mod sandbox;
mod store;
mod telemetry;
#[cfg(test)]
mod testing;

pub use cli::run;

/// What the tests and the benches of this repository use beside the binary. No other program should.
#[doc(hidden)]
pub mod testkit {
    #[cfg(any(test, feature = "drills"))]
    pub use crate::clock::StandstillWatch;
    pub use crate::clock::{Clock, Stopwatch, SystemClock};
    pub use crate::config::{SANDBOX_ACCOUNT_SID, SANDBOX_AIRTABLE_TOKEN, SANDBOX_AUTH_TOKEN};
    pub use crate::domain::Timestamp;
    pub use crate::domain::oncall::sample::SampleDuties;
    pub use crate::domain::reply::{Lexicon, read};
    pub use crate::domain::types::Actor;
    #[cfg(feature = "drills")]
    pub use crate::reliability::{PEOPLE, check::judge};

    /// The duties that each engine of a whole store has.
    pub fn duties() -> Vec<&'static str> {
        let of_all = |row: &&crate::engine::duties::DutyRow| row.is_of(&crate::engine::Scope::All);
        crate::engine::duties::TABLE.iter().filter(of_all).map(|row| row.name).collect()
    }

    pub mod failpoint {
        pub use crate::failpoint::{POINTS, Safeguard};
    }

    /// What must hold of anything that comes from outside, as functions of bytes that panic where it does not: what the tests play
    /// over the corpus in `tests/fuzz/corpus`, and what the fuzz targets call.
    #[cfg(feature = "drills")]
    pub mod fuzz {
        /// A property: any bytes at all, and a panic where it does not hold of them.
        pub type Property = fn(&[u8]);

        /// Each target by its name.
        pub const TARGETS: &[(&str, Property)] = &[
            ("airtable_answers", crate::gateways::airtable::properties::answer),
            ("airtable_words", crate::gateways::airtable::properties::quoted),
            ("calendars", crate::domain::ical::properties::calendar),
            ("configuration", crate::config::properties::configuration),
            ("dispatches", crate::engine::intake::properties::dispatch),
            ("feeds", crate::domain::ical::properties::feed_of),
            ("mails", crate::gateways::mail_properties::mail),
            ("operator_bodies", crate::http::properties::operator_body),
            ("phone_call_lists", crate::gateways::phone_calls::properties::listed),
            ("phone_words", crate::domain::voice::properties::phone_words),
            ("replies", crate::domain::reply::properties::reply),
            ("report_proofs", crate::http::properties::report_proof),
            ("reports", crate::engine::intake::properties::report),
            ("signatures", crate::http::properties::signature),
            ("text_answers", crate::http::properties::text_answer),
            ("twilio_answers", crate::gateways::twilio::properties::answer),
            ("webhook_forms", crate::http::properties::webhook_form),
        ];

        /// Holds one target's property against these bytes.
        ///
        /// # Panics
        /// Where it does not hold, and where there is no such target.
        pub fn hold(target: &str, bytes: &[u8]) {
            let found = TARGETS.iter().find(|(name, _)| *name == target);
            let (_, property) = found.unwrap_or_else(|| panic!("there is no target {target}"));
            property(bytes);
        }
    }

    pub mod ical {
        pub use crate::domain::ical::{People, Place, Window, read, shifts};
    }

    pub mod store {
        pub use crate::store::{MirrorFigures, StoreMode, StoreSettings, open};
    }
}
