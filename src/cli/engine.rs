//! Whether the engine that a command relies on works: its sign of life is in the store. A process that holds the lock may hang.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{self, Clock};
use crate::engine::beat::OLD;
use crate::store::{Control, EngineRow, Holder, Lease, LeaseError};

use super::app::App;
use super::exit::ExitStatus;
use super::output::{Output, spinner};
use super::report::CliError;

/// How long a sign of life is waited for where the last one is old.
pub(super) const WAIT: Duration = Duration::from_secs(6);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Who lives renews a lease on a server once a second.
const RENEWED_WITHIN: Duration = Duration::from_millis(1_500);
/// The lease of who does not live ends within this.
const LEASE_ENDS_WITHIN: Duration = Duration::from_secs(6);

/// The process that holds the engine lock, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine {
    pub(crate) holder: Holder,
    pub(crate) state: EngineState,
}

/// How an engine is, by its sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineState {
    /// The last one is fresh.
    Working,
    /// There is none of this holder yet.
    NoSign,
    /// The last one is this old.
    Silent(Duration),
}

/// How many would take over, of so many replicas of which one is the engine.
pub(crate) fn stand_by(replicas: u64) -> String {
    match replicas.saturating_sub(1) {
        0 => "nobody stands by".to_owned(),
        1 => "1 stands by".to_owned(),
        n => format!("{n} stand by"),
    }
}

impl Engine {
    /// How it is at this moment, without waiting; `None`: nobody is the engine. A command that asks the provider or mends the
    /// mirror holds the lock for that moment and is no engine: it gives no sign, and nothing of it is waited for.
    pub(crate) fn now(holder: Option<Holder>, row: Option<&EngineRow>, clock: &dyn Clock) -> Option<Self> {
        let holder = holder.filter(|h| !matches!(h.role.as_str(), "status" | "verify-events"))?;
        // What it says of its machine's clock means nothing on another; its lease is renewed by the store's own.
        if holder.host.is_some() {
            let state = match holder.silent_for {
                Some(ago) if ago > OLD => EngineState::Silent(ago),
                _ => EngineState::Working,
            };
            return Some(Self { holder, state });
        }
        let own = row.filter(|r| r.pid == holder.pid && r.stopped_at.is_none());
        let beat = own.and_then(|r| r.beat.as_ref()).filter(|b| b.boot_id == clock::boot_id());
        let state = match beat.map(|b| clock.boot().saturating_sub(b.boot)) {
            None => EngineState::NoSign,
            Some(ago) if ago > OLD => EngineState::Silent(ago),
            Some(_) => EngineState::Working,
        };
        Some(Self { holder, state })
    }

    /// Whether it is silent for so long already that nobody waits for a sign any more.
    pub(crate) fn is_silent_for_long(&self) -> bool {
        matches!(self.state, EngineState::Silent(ago) if ago >= OLD + WAIT)
    }

    /// Whether whoever relies on it must be told that it does not answer.
    pub(crate) fn is_silent(&self) -> bool {
        self.state != EngineState::Working
    }

    /// The same, where a sign of life is still waited for.
    pub(crate) fn as_working(&self) -> Self {
        Self { holder: self.holder.clone(), state: EngineState::Working }
    }

    /// For a sentence about it.
    pub(crate) fn said(&self) -> String {
        let holder = &self.holder;
        match self.state {
            EngineState::Working => format!("the engine ({holder}) works"),
            EngineState::NoSign => {
                format!("the engine ({holder}) has not answered yet: it is starting, or hangs at its start")
            }
            EngineState::Silent(ago) => {
                format!("the engine has not answered for {} s ({holder})", ago.as_secs())
            }
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        format!(
            "nothing is sent and no follow-up fires until it goes on: see whether process {} is stopped or hangs, and restart it",
            self.holder.pid
        )
    }

    /// For documents.
    pub(crate) fn document(&self) -> Value {
        let (state, ago) = match self.state {
            EngineState::Working => ("working", None),
            EngineState::NoSign => ("starting", None),
            EngineState::Silent(ago) => ("silent", Some(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))),
        };
        let mut document = json!({ "role": self.holder.role, "pid": self.holder.pid, "state": state, "silentMs": ago });
        if let (Some(host), Some(map)) = (&self.holder.host, document.as_object_mut()) {
            let ago = self.holder.silent_for.map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX));
            map.insert("host".into(), host.as_str().into());
            map.insert("beatAgoMs".into(), ago.into());
        }
        document
    }

    /// Says that it does not answer; how a command ends whose own commit stays and whose rest waits for it.
    pub(crate) fn say_silent(&self, out: &Output) -> ExitStatus {
        out.note(&format!("{}; what was recorded stays: do not run this again", self.said()));
        out.note(&format!("hint: {}", self.hint()));
        ExitStatus::Pending
    }
}

/// How a command ends that only looks at a store: that its engine does not answer is an answer of "no".
pub(super) fn looked_at(beside: Option<&Engine>, out: &Output) -> ExitStatus {
    match beside.filter(|e| e.is_silent()) {
        None => ExitStatus::Done,
        Some(engine) => {
            out.note(&format!("warning: {}", engine.said()));
            out.note(&format!("hint: {}", engine.hint()));
            ExitStatus::No
        }
    }
}

impl App {
    /// The engine that this command relies on; waits up to [`WAIT`] for a sign of life where the last one is old.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn engine_beside(&self, store: &dyn Control, out: &Output) -> Result<Option<Engine>, CliError> {
        let began = self.clock.boot();
        let mut bar = None;
        loop {
            let engine = self.engine_at_once(store).await?;
            let waited = self.clock.boot().saturating_sub(began);
            if engine.as_ref().is_none_or(|e| !e.is_silent()) || waited >= WAIT {
                return Ok(engine);
            }
            bar.get_or_insert_with(|| spinner(out, "waiting for the engine's answer"));
            self.clock.sleep_until(self.clock.now().plus(LOOK_EVERY)).await;
        }
    }

    /// The same as it is at this moment.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn engine_at_once(&self, store: &dyn Control) -> Result<Option<Engine>, CliError> {
        let row = store.engine().await?;
        Ok(Engine::now(self.holder().await, row.as_ref(), &*self.clock))
    }

    /// Who holds the lease and lives. An OS lock says so by itself; on a server, a process that was killed a moment ago is still
    /// named, so its next sign of life is waited for.
    pub(super) async fn living_holder(&self) -> Option<Holder> {
        let began = self.clock.boot();
        loop {
            let holder = self.holder().await?;
            let waited = self.clock.boot().saturating_sub(began);
            if holder.is_renewed(waited) {
                return Some(holder);
            }
            if waited >= RENEWED_WITHIN {
                return None;
            }
            self.clock.sleep_until(self.clock.now().plus(LOOK_EVERY)).await;
        }
    }

    /// Takes the lease, at once or as soon as that of a process which does not live any more has ended.
    ///
    /// # Errors
    /// [`LeaseError::Held`]: by a process that lives.
    pub(super) async fn lease_unless_held(
        &self,
        store: &dyn Control,
        role: &str,
    ) -> Result<Arc<dyn Lease>, LeaseError> {
        let began = self.clock.boot();
        loop {
            let held = match store.take_lease(role).await {
                Err(e @ LeaseError::Held(_)) => e,
                other => return other,
            };
            let waited = self.clock.boot().saturating_sub(began);
            if waited >= LEASE_ENDS_WITHIN || self.living_holder().await.is_some() {
                return Err(held);
            }
            self.clock.sleep_until(self.clock.now().plus(LOOK_EVERY)).await;
        }
    }

    /// The engine that this command relies on, where it has left something to it, for its document.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn relied_on(
        &self,
        leaves_work: bool,
        store: &dyn Control,
        out: &Output,
    ) -> Result<Rest, CliError> {
        if !leaves_work {
            return Ok(Rest::Nothing);
        }
        Ok(match self.engine_beside(store, out).await? {
            None => Rest::NoEngine,
            Some(engine) if engine.is_silent() => Rest::Silent(engine),
            Some(_) => Rest::Engine,
        })
    }
}

/// Who does the rest of what a command began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rest {
    /// There is none.
    Nothing,
    /// An engine, which works.
    Engine,
    /// An engine that does not answer.
    Silent(Engine),
    /// Nobody yet.
    NoEngine,
}

impl Rest {
    /// Says who does not do it; how the command ends. `waits`: what waits where no engine runs.
    pub(crate) fn say(&self, waits: &str, out: &Output) -> ExitStatus {
        match self {
            Self::Silent(engine) => return engine.say_silent(out),
            Self::NoEngine => {
                out.note(&format!("warning: no engine runs, so {waits} wait; start `dispatchctl serve`"));
            }
            Self::Nothing | Self::Engine => {}
        }
        ExitStatus::Done
    }

    /// Into a command's document, where the engine does not answer.
    pub(crate) fn add_to(&self, document: &mut Value) {
        if let (Self::Silent(engine), Some(map)) = (self, document.as_object_mut()) {
            map.insert("engine".into(), engine.document());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::store::EngineBeat;
    use crate::testing::clock::ManualClock;

    #[test]
    fn an_engine_works_as_long_as_its_sign_of_life_is_fresh_by_the_boot_clock() {
        let clock = ManualClock::new(Timestamp::from_millis(10_000_000));
        let beat = EngineBeat { boot_id: clock::boot_id(), boot: clock.boot(), at: clock.now() };
        let row = EngineRow {
            id: "e".into(),
            role: "serve".into(),
            pid: 7,
            started_at: clock.now(),
            stopped_at: None,
            listen: None,
            beat: Some(beat.clone()),
        };
        let held = |role: &str, pid| Some(Holder::of_this_machine(role, pid));
        let state = |holder, row: &EngineRow| Engine::now(holder, Some(row), &clock).map(|e| e.state);
        clock.set_wall(Timestamp::from_millis(0));
        clock.pass(Duration::from_secs(5));
        assert_eq!(state(held("serve", 7), &row), Some(EngineState::Working));
        clock.pass(Duration::from_secs(7));
        assert_eq!(state(held("serve", 7), &row), Some(EngineState::Silent(Duration::from_secs(12))));
        assert_eq!(state(None, &row), None, "its process is gone");
        for (label, role, pid, row) in [
            ("another process", "serve", 8, row.clone()),
            (
                "another boot",
                "serve",
                7,
                EngineRow { beat: Some(EngineBeat { boot_id: "another".into(), ..beat.clone() }), ..row.clone() },
            ),
            ("a clean stop before", "send", 7, EngineRow { stopped_at: Some(clock.now()), ..row.clone() }),
        ] {
            assert_eq!(state(held(role, pid), &row), Some(EngineState::NoSign), "{label}");
        }
        assert_eq!(state(held("verify-events", 7), &row), None, "it is no engine");
    }
}
