//! The live test: real texts to the operator's own test numbers, by the real engine, judged by the provider's own list.
//!
//! [`LivePlan`] says what will be sent before anything is; [`run`] sends it. Two calls: one that is told and told again at T1, and
//! one whose engine is killed between the two. The engine under test is `serve` as a child on a temporary live store; of the
//! operator's settings it has those of the provider, of delivery and of the mirror, and nobody to text but the test numbers.
//! When the drill is stopped, by whatever signal but SIGKILL, its engine ends with it; after a SIGKILL of the drill that engine
//! goes on until it is ended by hand, and tells nobody but the test numbers.

mod engine;
mod plan;
mod rows;
mod settings;
mod voice;
mod voice_row;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::config::{Config, Twilio};
use crate::domain::Timestamp;
use crate::gateways::{SmsGateway, VoiceGateway};

use super::documents::{list, text, time};
use super::drill_dir::DrillDir;
use super::outcome::Outcome;

pub use plan::{Credentials, LivePlan, LiveRefusal, MirrorTarget, Wishes};
pub use watch::MirrorSide;

use engine::{LiveEngine, Start};
use rows::LiveRow;
use watch::Watch;

/// How often the engine is asked where a call stands.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long after its time a step is waited for.
const STEP_MAX: Duration = Duration::from_secs(30);
/// At the end, for each thing that is put in order.
const TIDY_MAX: Duration = Duration::from_secs(5);

/// What a live test is played with.
pub struct Live {
    /// What is sent.
    pub plan: LivePlan,
    /// The operator's settings.
    pub config: Config,
    /// The program under test.
    pub program: PathBuf,
    /// Where everything is written; gone with the test.
    pub drill_dir: DrillDir,
    /// Reads the provider's lists; sends nothing.
    pub provider: Arc<dyn SmsGateway>,
    /// Asked what became of phone calls, where some are placed; places none.
    pub phones: Option<Arc<dyn VoiceGateway>>,
    /// Airtable, where it is looked at.
    pub mirror: Option<MirrorSide>,
    /// More of the child's environment, e.g. where the machine's certificates are.
    pub env: Vec<(String, String)>,
    /// Distinguishes this run; it is in the ids of its calls.
    pub run_id: String,
    /// Opens the API of the engine under test; nobody can guess it.
    pub token: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Played {
    /// One a row.
    pub outcomes: Vec<Outcome>,
    /// What a reader must know besides.
    pub notes: Vec<String>,
    /// What was sent, one line a text.
    pub sent: Vec<String>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Sends what the plan says, looks, judges. `stop` ends it early: then too the calls are withdrawn and nothing is left running.
/// `say` hears of each step as it begins.
///
/// # Errors
/// The test has no place to write, or no client; nothing was sent.
pub async fn run(live: Live, stop: impl Future<Output = ()>, mut say: impl FnMut(&str)) -> Result<Played, String> {
    let twilio = live.config.twilio.as_ref().ok_or("there are no credentials")?;
    let mut stage = Stage::new(&live, twilio)?;
    let interrupted = tokio::select! {
        () = stage.play(&mut say) => false,
        () = stop => true,
    };
    stage.tidy(&mut say).await;
    Ok(stage.told(interrupted))
}

struct Stage<'a> {
    // Dropped first: looking ends before the engine does, and the engine before its directory.
    watch: Watch,
    engine: LiveEngine,
    live: &'a Live,
    steady: String,
    killed: String,
    stories: BTreeMap<String, Value>,
    /// Handed over, whatever was answered: what is withdrawn in the end.
    asked: Vec<String>,
    accepted: Vec<String>,
    /// How long each part took, in milliseconds.
    took_ms: [i64; 2],
    killed_at: Option<Timestamp>,
    steady_error: Option<String>,
    killed_error: Option<String>,
    voice: String,
    voice_error: Option<String>,
    /// What the provider says of the phone calls.
    rung: voice_row::Found,
    started_at: Timestamp,
}

impl<'a> Stage<'a> {
    fn new(live: &'a Live, twilio: &Twilio) -> Result<Self, String> {
        let plan = &live.plan;
        let made = settings::of(&live.config, twilio, plan, &live.token);
        let own = made.env.into_iter().map(|(k, v)| (k.to_owned(), v));
        let start = Start {
            program: live.program.clone(),
            settings: made.text,
            env: live.env.iter().cloned().chain(own).collect(),
            listen: plan.listen,
            token: live.token.clone(),
        };
        let engine = LiveEngine::new(live.drill_dir.within("engine")?, start)?;
        let lists = plan.credentials == Credentials::Real;
        let watch = Watch::start(live.provider.clone(), live.mirror.clone(), plan.numbers.clone(), lists);
        let started_at = engine.now();
        Ok(Self {
            watch,
            engine,
            live,
            steady: format!("live-drill-{}-steady", live.run_id),
            killed: format!("live-drill-{}-killed", live.run_id),
            stories: BTreeMap::new(),
            asked: Vec::new(),
            accepted: Vec::new(),
            took_ms: [0; 2],
            killed_at: None,
            steady_error: None,
            killed_error: None,
            voice: format!("live-drill-{}-voice", live.run_id),
            voice_error: None,
            rung: voice_row::Found::new(),
            started_at,
        })
    }

    async fn play(&mut self, say: &mut impl FnMut(&str)) {
        let steady = self.play_steady(say).await;
        let between = self.engine.now();
        self.took_ms[0] = between.as_millis() - self.started_at.as_millis();
        let goes_on = steady.is_ok();
        self.steady_error = steady.err();
        if !goes_on {
            let why = "not played: the engine could not be used before";
            (self.killed_error, self.voice_error) = (Some(why.into()), Some(why.into()));
            return;
        }
        self.killed_error = self.play_killed(say).await.err();
        self.took_ms[1] = self.engine.now().as_millis() - between.as_millis();
        if self.live.plan.voice.is_some() {
            self.voice_error = self.play_voice(say).await.err();
        }
        self.look_on(say).await;
    }

    /// One call, told and told again, by an engine that lives on.
    async fn play_steady(&mut self, say: &mut impl FnMut(&str)) -> Result<(), String> {
        self.engine.start().await?;
        say("the engine under test runs; the first texts go");
        let call = self.steady.clone();
        self.dispatch(&call, settings::ALL).await?;
        self.followed_up(&call, say).await
    }

    /// One call whose engine is killed between its text and the follow-up.
    async fn play_killed(&mut self, say: &mut impl FnMut(&str)) -> Result<(), String> {
        let call = self.killed.clone();
        say("a further first text goes; then the engine is killed");
        self.dispatch(&call, settings::FIRST).await?;
        let answered = self.engine.now().plus(STEP_MAX);
        let settled = |s: &Value| list(s, "attempts").iter().any(|a| !is_under_way(a));
        if !self.until(&call, answered, settled).await? {
            return Err("the text before the kill did not leave".into());
        }
        let at = self.accepted_at(&call)?.plus(self.live.plan.t1 / 2);
        self.engine.until(at).await;
        self.look(&call).await?;
        self.engine.kill()?;
        self.killed_at = Some(self.engine.now());
        say("the engine is killed; it starts again");
        self.engine.start().await?;
        self.followed_up(&call, say).await
    }

    /// One call that rings every number.
    async fn play_voice(&mut self, say: &mut impl FnMut(&str)) -> Result<(), String> {
        let call = self.voice.clone();
        say("the phones ring: press 1, or let them ring");
        self.dispatch(&call, settings::VOICE).await?;
        // It is judged by its own row.
        self.accepted.retain(|c| *c != call);
        let deadline = self.engine.now().plus(voice::TAKES_MAX);
        // A phone that is to be rung once more waits as an attempt; whoever has pressed a key still listens.
        let is_over = |a: &Value| {
            let hung_up = matches!(text(a, "status"), "completed" | "busy" | "failed" | "no-answer" | "canceled");
            is_final(a) && (text(a, "sid").is_empty() || hung_up)
        };
        let over = |s: &Value| list(s, "attempts").iter().all(is_over);
        let in_time = self.until(&call, deadline, over).await?;
        self.engine.cancel(&call).await?;
        self.ask_what_became(&call).await?;
        let most = voice::TAKES_MAX.as_secs();
        if in_time { Ok(()) } else { Err(format!("the phone calls were not over within {most} s")) }
    }

    /// Asks the provider for each phone call by its SID.
    async fn ask_what_became(&mut self, call: &str) -> Result<(), String> {
        let story = self.look(call).await?;
        let Some(phones) = &self.live.phones else { return Ok(()) };
        for a in list(&story, "attempts") {
            let Ok(sid) = text(a, "sid").parse() else { continue };
            let found = phones.fetch(&sid).await.map(|r| r.status.to_string()).map_err(|e| e.to_string());
            self.rung.insert(text(a, "sid").to_owned(), found);
        }
        Ok(())
    }

    async fn dispatch(&mut self, call: &str, level: &str) -> Result<(), String> {
        self.asked.push(call.to_owned());
        self.engine.dispatch(call, level, &self.live.plan.words).await?;
        self.accepted.push(call.to_owned());
        self.look(call).await.map(drop)
    }

    /// Waits for the follow-up, then for what becomes of all texts, then withdraws the call.
    async fn followed_up(&mut self, call: &str, say: &mut impl FnMut(&str)) -> Result<(), String> {
        let due = self.accepted_at(call)?.plus(self.live.plan.t1 + STEP_MAX);
        let fired = |s: &Value| steps_fired(s) > 1 || text(s, "status") != "DISPATCHING";
        let _ = self.until(call, due, fired).await?;
        say("waiting for what becomes of the texts");
        let (real, mut within) = (self.live.plan.credentials == Credentials::Real, self.live.plan.final_within);
        if !real {
            // Nothing becomes of them: only the answers are waited for.
            within = STEP_MAX;
        }
        let rests = move |s: &Value| {
            let answered = |a: &Value| !real && !text(a, "sid").is_empty();
            list(s, "attempts").iter().all(|a| is_final(a) || answered(a))
        };
        let deadline = self.engine.now().plus(within);
        let _ = self.until(call, deadline, rests).await?;
        self.engine.cancel(call).await
    }

    /// Waits for the provider's list and Airtable to show what was made, each within its bound.
    async fn look_on(&mut self, say: &mut impl FnMut(&str)) {
        say("reading the provider's list");
        let deadline = self.engine.now().plus(watch::LIST_MAX);
        loop {
            let done = {
                let seen = self.watch.seen();
                let listed = seen.messages.keys().all(|sid| seen.listed.contains_key(sid));
                let events = seen.attempts.keys().all(|id| seen.events.contains_key(id));
                let now = self.engine.now();
                let late = |at: &Timestamp| now.since(*at) > watch::EVENT_MAX;
                (listed || self.live.plan.credentials == Credentials::Test)
                    && (events || self.live.mirror.is_none() || seen.attempts.values().all(late))
            };
            if done || self.engine.now() > deadline {
                return;
            }
            self.engine.pause(LOOK_EVERY).await;
        }
    }

    fn accepted_at(&self, call: &str) -> Result<Timestamp, String> {
        let story = self.stories.get(call);
        story.and_then(|s| time(s, "acceptedAt")).ok_or_else(|| "the call has no time".into())
    }

    /// Reads where a call stands, and lets the watch know what to look for.
    async fn look(&mut self, call: &str) -> Result<Value, String> {
        let story = self.engine.story(call).await?.ok_or_else(|| format!("the engine does not know {call}"))?;
        {
            let mut seen = self.watch.seen();
            for a in list(&story, "attempts") {
                if let Some(at) = time(a, "createdAt").filter(|_| self.live.mirror.is_some()) {
                    seen.attempts.insert(text(a, "attemptId").to_owned(), at);
                }
                let is_text = text(a, "channel") == "sms" && !text(a, "sid").is_empty();
                if let Some(at) = rows::answered_at(&story, a).filter(|_| is_text) {
                    seen.messages.entry(text(a, "sid").to_owned()).or_insert(at);
                }
            }
        }
        self.stories.insert(call.to_owned(), story.clone());
        Ok(story)
    }

    /// Whether it came true in time.
    async fn until(&mut self, call: &str, deadline: Timestamp, so: impl Fn(&Value) -> bool) -> Result<bool, String> {
        loop {
            if so(&self.look(call).await?) {
                return Ok(true);
            }
            if self.engine.now() > deadline {
                return Ok(false);
            }
            self.engine.pause(LOOK_EVERY).await;
        }
    }

    /// Withdraws the calls, lets Airtable hear of it, ends the engine, and reads the provider's list a last time.
    async fn tidy(&mut self, say: &mut impl FnMut(&str)) {
        say("ending: the calls are withdrawn");
        for call in self.asked.clone() {
            let _ = tokio::time::timeout(TIDY_MAX, self.withdraw(&call)).await;
        }
        if self.live.config.airtable.is_some() {
            let deadline = self.engine.now().plus(TIDY_MAX);
            while self.engine.now() < deadline && self.engine.outbox_depth().await.is_ok_and(|n| n > 0) {
                self.engine.pause(LOOK_EVERY).await;
            }
        }
        self.engine.stop().await;
        if let Some(mirror) = &self.live.mirror
            && tokio::time::timeout(TIDY_MAX, watch::read_events(&self.watch, mirror)).await.is_err()
        {
            self.watch.seen().mirror_error = Some("Airtable did not answer in the end".into());
        }
        if self.live.plan.credentials == Credentials::Real && !self.asked.is_empty() {
            let _ = self.watch.read_once().await;
            self.fetch_unlisted().await;
        }
    }

    /// A call whose handing over was cut off may only just be recorded: it is looked for some times before it is taken for
    /// one that never was.
    async fn withdraw(&mut self, call: &str) {
        for _ in 0..5 {
            if self.look(call).await.is_ok() {
                let _ = self.engine.cancel(call).await;
                let _ = self.look(call).await;
                return;
            }
            self.engine.pause(LOOK_EVERY).await;
        }
    }

    /// A message that the list does not show may be there all the same: the provider is asked for it by its SID, so that a
    /// list that lags is told from a text that is lost.
    async fn fetch_unlisted(&self) {
        let missing: Vec<String> = {
            let seen = self.watch.seen();
            seen.messages.keys().filter(|sid| !seen.found.contains_key(*sid)).cloned().collect()
        };
        for sid in missing {
            let Ok(parsed) = sid.parse() else { continue };
            if let Ok(record) = self.live.provider.fetch(&parsed).await {
                self.watch.seen().found.insert(sid, record);
            }
        }
    }

    fn told(&self, interrupted: bool) -> Played {
        let sightings = self.watch.seen();
        let seen = LiveRow {
            plan: &self.live.plan,
            steady: self.stories.get(&self.steady),
            killed: self.stories.get(&self.killed),
            sightings: &sightings,
            killed_at: self.killed_at,
            recovery_ms: &self.engine.recovery_ms,
            names: self.live.config.airtable.as_ref().map(|a| &a.events),
            steady_error: self.steady_error.as_deref(),
            killed_error: self.killed_error.as_deref(),
            accepted: &self.accepted,
            started_at: self.started_at,
        };
        let mut outcomes = rows::all(&seen);
        if self.live.plan.voice.is_some() {
            let rung = self.stories.get(&self.voice);
            outcomes.push(voice_row::row(self.live.plan.numbers.len(), rung, &self.rung, self.voice_error.as_deref()));
        }
        for (o, part) in outcomes.iter_mut().zip([0, 0, 0, 1]) {
            o.took_ms = self.took_ms[part];
        }
        for o in outcomes.iter_mut().filter(|o| !o.held()) {
            o.log_tail = self.engine.log_tail();
        }
        let mut notes: Vec<String> = rows::ways(&seen).into_iter().collect();
        notes.push(format!(
            "the list was read {} times, {} of the texts were measured in it",
            sightings.lists,
            sightings.listed.keys().filter(|sid| sightings.messages.contains_key(*sid)).count()
        ));
        let others = rows::others(&seen);
        if others > 0 {
            notes.push(format!(
                "{others} other texts of this account went to the test numbers meanwhile; they are not judged"
            ));
        }
        let sent = rows::sent(self.stories.values());
        notes.extend(sent.iter().map(|s| format!("sent: {s}")));
        Played { outcomes, notes, sent, interrupted }
    }
}

fn steps_fired(story: &Value) -> usize {
    list(story, "log").iter().filter(|e| text(e, "kind") == "step.fired").count()
}

fn is_under_way(a: &Value) -> bool {
    matches!(text(a, "attemptState"), "scheduled" | "sending" | "retrying")
}

fn is_final(a: &Value) -> bool {
    matches!(text(a, "attemptState"), "delivered" | "failed" | "skipped" | "cancelled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    /// A live configuration of Acme Plumbing with more of a file.
    pub(super) fn config(more: &str) -> Config {
        let text = format!(
            "name = \"Acme Plumbing\"\n[twilio]\naccount_sid = \"AC00000000000000000000000000000001\"\nfrom = \"+15005550006\"\n{more}"
        );
        let env = vec![
            ("TWILIO_AUTH_TOKEN".to_owned(), "sample-auth-token".to_owned()),
            ("AIRTABLE_API_KEY".to_owned(), "patSample.not-to-be-shown".to_owned()),
        ];
        config_from(&text, if more.contains("[airtable]") { env } else { env.into_iter().take(1).collect() })
    }

    pub(super) fn config_from(text: &str, env: Vec<(String, String)>) -> Config {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = dir.path().join("dispatchctl.toml");
        std::fs::write(&file, text).expect("written");
        let sources = Sources {
            flag_config: Some(file),
            flag_store: Some(dir.path().join("a.db").display().to_string()),
            env,
            cwd: dir.path().to_path_buf(),
            ..Sources::default()
        };
        load(&sources).unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}
