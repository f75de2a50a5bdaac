//! What only a test store lets be armed in the engine: kill points, guards taken away, its clock; and the deaths that come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::types::Actor;

use super::super::process::Signal;
use super::{LOOK_EVERY, Started, World};

/// How long a drill request waits for the engine.
const DRILL_MAX: Duration = Duration::from_secs(3);
/// A death by nothing but a signal, as it is counted.
pub(in super::super) const PLAIN: &str = "SIGKILL";

/// What is armed, and who died where.
#[derive(Default)]
pub(super) struct ArmedFaults {
    /// At the next start.
    kill: Option<String>,
    /// At every start from now on.
    guards_off: Vec<String>,
    /// Deaths by their place.
    kills: BTreeMap<String, usize>,
    /// The faults that hit each call that is counted under its faults.
    faults_hit: BTreeMap<String, BTreeSet<String>>,
    /// The engine stands still: it answers no drill before it goes on.
    pub(super) stands: bool,
    /// Of these, the ones that no death has befallen yet.
    since_death: Vec<String>,
}

impl ArmedFaults {
    /// Without these guards from the first start on.
    pub(super) fn without(guards: &[String]) -> Self {
        Self { guards_off: guards.to_vec(), ..Self::default() }
    }

    /// What the next engine is armed with by its environment.
    pub(super) fn environment(&mut self) -> Vec<(&'static str, String)> {
        let kill = self.kill.take().map(|point| ("DISPATCHCTL_FAILPOINT", point));
        kill.into_iter().chain(self.guards()).collect()
    }

    /// The guards that every engine, and every other shell, is without.
    pub(super) fn guards(&self) -> Option<(&'static str, String)> {
        (!self.guards_off.is_empty()).then(|| ("DISPATCHCTL_SAFEGUARDS_OFF", self.guards_off.join(",")))
    }

    /// These calls are counted under a fault, and under the next death.
    pub(super) fn under(&mut self, fault: &str, calls: impl Iterator<Item = String>) {
        for call in calls {
            self.faults_hit.entry(call.clone()).or_default().insert(fault.to_owned());
            self.since_death.push(call);
        }
    }

    fn died(&mut self, drill_dir: &str) {
        *self.kills.entry(drill_dir.to_owned()).or_default() += 1;
        let row = if drill_dir == PLAIN { PLAIN.to_owned() } else { format!("{PLAIN} at {drill_dir}") };
        for call in self.since_death.drain(..) {
            self.faults_hit.entry(call).or_default().insert(row.clone());
        }
    }
}

/// A kill point without the count of its hits.
fn name(point: &str) -> &str {
    point.split_once(':').map_or(point, |(name, _)| name)
}

impl World {
    /// Arms what only a test store lets be armed, in the running engine; the engine answers, or dies of it first. One that stands
    /// still finds it when it goes on.
    pub(in super::super) async fn fault_injection(&mut self, payload: Value) -> Result<(), String> {
        let store = self.open_store().await?;
        let actor = Actor("drill".into());
        let id = store.post_request("drill", payload, &actor, self.now()).await.map_err(|e| e.to_string())?;
        if self.armed_faults.stands {
            return store.close().await.map_err(|e| e.to_string());
        }
        let deadline = self.now().plus(DRILL_MAX);
        let answer = loop {
            match store.request(id).await.map_err(|e| e.to_string())?.and_then(|r| r.result) {
                Some(answer) => break Ok(answer),
                None if !self.engine_runs() => break Ok(Value::Null),
                None if self.now() > deadline => break Err("the engine takes no drills".to_owned()),
                None => self.pause(LOOK_EVERY).await,
            }
        };
        store.close().await.map_err(|e| e.to_string())?;
        match answer?.get("error").and_then(Value::as_str) {
            Some(e) => Err(format!("the engine refused the drill: {e}")),
            None => Ok(()),
        }
    }

    /// The engine dies at this point: the one that runs, else the next.
    pub(in super::super) async fn arm(&mut self, point: &str) -> Result<(), String> {
        if self.engine_runs() {
            return self.fault_injection(json!({ "kill": point })).await;
        }
        self.armed_faults.kill = Some(point.to_owned());
        Ok(())
    }

    /// Takes these guards away and puts the others back: in the engine that runs, and in all that follow.
    pub(in super::super) async fn guards_off(&mut self, guards: &[String]) -> Result<(), String> {
        if self.engine_runs() {
            self.fault_injection(json!({ "guardsOff": guards })).await?;
        }
        self.armed_faults.guards_off = guards.to_vec();
        Ok(())
    }

    /// Waits until the engine has died at this point; what is seen where it has not.
    pub(in super::super) async fn dead_at(&mut self, point: &str) -> Result<Option<String>, String> {
        let Some(engine) = self.engine.as_mut() else { return Ok(Some("no engine runs".into())) };
        let Some(code) = engine.ended() else { return Ok(Some("it lives".into())) };
        let words = engine.last_words();
        if !says_death(&engine.stderr(), point) {
            return Err(format!("it ended with exit {code}, elsewhere: {words}"));
        }
        self.engine_end(Duration::ZERO).await?;
        self.armed_faults.died(name(point));
        Ok(None)
    }

    /// Kills the engine at this point, or where it is when the point is not reached in time.
    pub(in super::super) async fn kill_at(&mut self, point: &str, within: Duration) -> Result<(), String> {
        self.arm(point).await?;
        let deadline = self.now().plus(within);
        while self.now() < deadline {
            if self.dead_at(point).await?.is_none() {
                return Ok(());
            }
            self.pause(LOOK_EVERY).await;
        }
        let killed = self.signal(Signal::Kill).await;
        // It may have come to the point in this very moment.
        if killed.is_err() && self.dead_at(point).await?.is_none() { Ok(()) } else { killed }
    }

    /// Starts the engine, which dies at this point of its start. `sure`: else it may not come to it, and answers.
    pub(in super::super) async fn start_dying(&mut self, point: &str, sure: bool) -> Result<(), String> {
        self.armed_faults.kill = Some(point.to_owned());
        match self.start_once().await? {
            Started::Ended(code) if says_death(&self.newest_log(), point) => {
                tracing::debug!(code, point, "the engine died at its start");
                self.armed_faults.died(name(point));
                Ok(())
            }
            Started::Ended(code) => Err(format!("the engine ended with exit {code} at its start, elsewhere")),
            Started::Answers if sure => Err(format!("the engine started and did not come to {point}")),
            Started::Answers => self.signal(Signal::Kill).await,
        }
    }

    /// A signal has ended the engine.
    pub(super) fn killed_plainly(&mut self) {
        self.armed_faults.died(PLAIN);
    }

    /// Deaths by their place.
    pub(in super::super) fn kills(&self) -> &BTreeMap<String, usize> {
        &self.armed_faults.kills
    }

    /// The faults that hit the calls that are counted under their faults.
    pub(in super::super) fn faults_hit(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.armed_faults.faults_hit
    }
}

fn says_death(log: &str, point: &str) -> bool {
    log.contains(&format!("the armed kill point {} is reached", name(point)))
}
