//! A storm over several replicas of one shop: calls under load while their engine is killed, stopped and cut off from the server, drawn
//! from a seed. In the end the provider's ledger is held against the store, as after every scenario.

mod terms;
mod way;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Stopwatch;
use crate::ids::Ids;

use super::check::judge;
use super::documents::{text, under_way};
use super::outcome::{Check, Measures, Outcome};
use super::process::{Process, Signal};
use super::scenario::Scenario;
use super::world::{DrillEnv, World, free_port};
use way::Way;

/// What SPEC promises of a takeover.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(5);
/// How long the first engine, and one after a fault, is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How many calls are handed over at once.
const AT_ONCE: usize = 8;
/// The longest that attempts may take to come to rest after the last fault.
const REST_MAX: Duration = Duration::from_secs(90);

/// What happens to the engine, with how often each is drawn.
const FAULTS: &[(Fault, u64)] = &[(Fault::Killed, 35), (Fault::Stopped, 25), (Fault::CutOff, 25), (Fault::Asked, 15)];

/// The settings of the shop: a call is told at once, once more after some seconds, and then rests.
const SETTINGS: &str = r#"
title = "several replicas, whose engine is killed, stopped and cut off"
fault = "replicas"
timeout = "24h"
[given]
engine = false
pace = "30ms"
tcp_peer = true
[given.config.delivery]
settle = "4s"
poll_after = "500ms"
[given.config.twilio]
request_timeout = "2s"
connect_timeout = "1s"
[given.config.policies.normal]
steps = [ { wait = "0s", notify = ["primary"] }, { wait = "6s", notify = ["backup"] } ]
exhaust_after = "24h"
[[when]]
pause = "1ms"
"#;

/// What happens to an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// SIGKILL.
    Killed,
    /// SIGSTOP for a while.
    Stopped,
    /// Nothing goes between it and the server for a while.
    CutOff,
    /// SIGTERM.
    Asked,
}

impl Fault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::CutOff => "cut off",
            Self::Asked => "asked to stop",
        }
    }

    /// How long it lasts, in seconds.
    fn lasts(self, ids: &Ids) -> Duration {
        Duration::from_secs(match self {
            Self::Killed | Self::Asked => ids.below(3),
            Self::Stopped => [2, 10, 10, 90].get(usize::try_from(ids.below(4)).unwrap_or(0)).copied().unwrap_or(2),
            Self::CutOff => 2 + ids.below(9),
        })
    }
}

/// What a storm is made of.
#[derive(Debug, Clone, Copy)]
pub struct ReplicaStorm {
    /// How many processes serve the store.
    pub replicas: usize,
    /// How often an engine meets a fault.
    pub faults: usize,
    /// How many calls are handed over meanwhile.
    pub calls: usize,
}

struct Replica {
    at: SocketAddr,
    way: Way,
    process: Option<Process>,
    starts: usize,
}

/// The replicas of one shop, around their provider.
struct Shop {
    world: World,
    all: Vec<Replica>,
    client: reqwest::Client,
}

/// Plays it. What goes wrong on the way is a check that did not hold; nothing is left behind.
pub async fn play(storm: ReplicaStorm, drill_env: Arc<DrillEnv>, told: impl Fn(&str)) -> Outcome {
    let watch = Stopwatch::start();
    let mut outcome = Outcome {
        name: "replicas".into(),
        file: "replicas".into(),
        title: format!("{} replicas, {} faults of their engine, {} calls", storm.replicas, storm.faults, storm.calls),
        fault: "replicas".into(),
        checks: Vec::new(),
        judged: super::check::Judgement::default(),
        measures: Measures::default(),
        took_ms: 0,
        time: "policy",
        log_tail: Vec::new(),
        skipped: None,
        faults: BTreeMap::new(),
        kills: BTreeMap::new(),
        standstill_ms: None,
    };
    if let Err(e) = Box::pin(through(storm, drill_env, &mut outcome, &told)).await {
        outcome.checks.push(Check::of("the storm can be played to its end", false, e));
    }
    outcome.took_ms = i64::try_from(watch.passed().as_millis()).unwrap_or(0);
    outcome
}

async fn through(
    storm: ReplicaStorm,
    drill_env: Arc<DrillEnv>,
    outcome: &mut Outcome,
    told: &impl Fn(&str),
) -> Result<(), String> {
    let ids = Ids::seeded(drill_env.seed);
    let scenario: Scenario = super::read("replicas.toml", SETTINGS).map_err(|e| e.0.join("; "))?;
    let world = World::open(&scenario, drill_env, "replicas").await?;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).pool_max_idle_per_host(0);
    let client = client.build().map_err(|e| format!("no HTTP client: {e}"))?;
    let mut shop = Shop { world, all: Vec::new(), client };
    for n in 0..storm.replicas {
        let way = Way::open(&shop.world.dir().join(format!("way-{n}")), shop.world.server()?)?;
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        shop.all.push(Replica { at, way, process: None, starts: 0 });
        shop.start(n)?;
        shop.leader(None).await?;
    }
    let load = shop.load(storm.calls, &ids);
    let mut takeovers: BTreeMap<Fault, Vec<i64>> = BTreeMap::new();
    for n in 0..storm.faults {
        let (leader, _) = shop.leader(None).await?;
        let fault = drawn(&ids);
        let lasts = fault.lasts(&ids);
        let took = shop.meets(leader, fault, lasts).await?;
        takeovers.entry(fault).or_default().push(took);
        told(&format!(
            "{}/{}: {} for {} s, taken over after {took} ms",
            n + 1,
            storm.faults,
            fault.as_str(),
            lasts.as_secs()
        ));
        *outcome.kills.entry(fault.as_str().to_owned()).or_default() += 1;
    }
    let (accepted, refused) = load.ended(storm.calls).await;
    told(&format!("{} calls are accepted, {refused} answers were none", accepted.len()));
    for (fault, all) in &mut takeovers {
        all.sort_unstable();
        let (middle, most) = (all.get(all.len() / 2).copied().unwrap_or(0), all.last().copied().unwrap_or(0));
        let what = format!("{} {} times: taken over within 5 s", fault.as_str(), all.len());
        let held = most < i64::try_from(TAKEN_OVER_WITHIN.as_millis()).unwrap_or(i64::MAX);
        outcome.checks.push(Check::of(what, held, format!("{middle} ms in the middle, {most} ms at most")));
    }
    let (leader, _) = shop.leader(None).await?;
    shop.rests(leader).await?;
    let ledger = shop.world.ledger()?;
    let stories = shop.world.stories(&[]).await?;
    shop.world.keep_history(&outcome.name, &ledger, &stories)?;
    outcome.judged = judge(&ledger, &stories, accepted.iter().map(String::as_str));
    let logs = shop.world.logs();
    let requests = terms::requests(&logs);
    let least = requests.least_left_ms.map_or_else(String::new, |ms| format!(", {ms} ms of a permit left at least"));
    told(&format!("{} requests to the provider began{least}", requests.begun));
    let what = "every request to the provider began within the term of its process";
    let held = requests.begun > 0 && requests.outside.is_empty();
    let seen = requests.outside.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    outcome.checks.push(Check::of(what, held, format!("{} of {}: {seen}", requests.outside.len(), requests.begun)));
    shop.close().await;
    Ok(())
}

fn drawn(ids: &Ids) -> Fault {
    let all: u64 = FAULTS.iter().map(|(_, weight)| weight).sum();
    let mut at = ids.below(all);
    for (fault, weight) in FAULTS {
        match at.checked_sub(*weight) {
            None => return *fault,
            Some(left) => at = left,
        }
    }
    Fault::Killed
}

impl Shop {
    fn start(&mut self, n: usize) -> Result<(), String> {
        let Some(replica) = self.all.get_mut(n) else { return Err(format!("there is no replica {n}")) };
        replica.starts += 1;
        let name = format!("replica-{n}-{}", replica.starts);
        replica.process = Some(self.world.start_replica(replica.at, &replica.way.dir, &name)?);
        Ok(())
    }

    async fn role(&self, n: usize) -> Option<String> {
        let at = self.all.get(n)?.at;
        let answer =
            self.client.get(format!("http://{at}/readyz")).timeout(Duration::from_secs(1)).send().await.ok()?;
        let document: Value = answer.json().await.ok()?;
        Some(text(&document, "role").to_owned())
    }

    /// The one that is the engine, but not this one; and when it was seen, by the wall clock.
    async fn leader(&self, not: Option<usize>) -> Result<(usize, i64), String> {
        let watch = Stopwatch::start();
        while watch.passed() < PATIENCE {
            let asked = (0..self.all.len()).filter(|n| Some(*n) != not);
            let roles = futures_util::future::join_all(asked.map(|n| async move { (n, self.role(n).await) })).await;
            if let Some((n, _)) = roles.into_iter().find(|(_, role)| role.as_deref() == Some("leader")) {
                return Ok((n, self.world.now().as_millis()));
            }
            self.world.pause(LOOK_EVERY).await;
        }
        Err(format!("no replica is the engine after {} s", PATIENCE.as_secs()))
    }

    /// The engine meets this fault; how long until another is the engine, in milliseconds. Afterwards all replicas run.
    async fn meets(&mut self, leader: usize, fault: Fault, lasts: Duration) -> Result<i64, String> {
        let Some(replica) = self.all.get_mut(leader) else { return Err("no engine".into()) };
        let Some(process) = replica.process.as_mut() else { return Err("the engine does not run".into()) };
        let began = self.world.now();
        match fault {
            Fault::Killed => drop(process.kill()),
            Fault::Asked => process.signal(Signal::Stop)?,
            Fault::Stopped => process.signal(Signal::Freeze)?,
            Fault::CutOff => replica.way.cut(true),
        }
        let heals_at = began.plus(lasts);
        // A fault that is over before anybody could take over leaves the engine what it is.
        let is_short = matches!(fault, Fault::Stopped | Fault::CutOff) && lasts < TAKEN_OVER_WITHIN;
        let took = if is_short { 0 } else { self.leader(Some(leader)).await?.1.saturating_sub(began.as_millis()) };
        self.world.until(heals_at).await;
        let Some(replica) = self.all.get_mut(leader) else { return Err("no engine".into()) };
        let Some(process) = replica.process.as_mut() else { return Err("the engine does not run".into()) };
        match fault {
            Fault::Killed => self.start(leader)?,
            Fault::Asked => {
                let watch = Stopwatch::start();
                while process.ended().is_none() && watch.passed() < PATIENCE {
                    self.world.pause(LOOK_EVERY).await;
                }
                match process.ended() {
                    Some(0) => self.start(leader)?,
                    other => {
                        return Err(format!(
                            "a replica that was asked to stop ended with {other:?}: {}",
                            process.last_words()
                        ));
                    }
                }
            }
            Fault::Stopped => process.signal(Signal::Thaw)?,
            Fault::CutOff => replica.way.cut(false),
        }
        for replica in &mut self.all {
            if let Some(code) = replica.process.as_mut().and_then(Process::ended) {
                let words = replica.process.as_ref().map(Process::last_words).unwrap_or_default();
                return Err(format!("a replica ended by itself with {code}: {words}"));
            }
        }
        Ok(took)
    }

    /// Calls that are handed over to whichever replica takes them, as long as the storm goes on.
    fn load(&self, calls: usize, ids: &Ids) -> Load {
        let next = Arc::new(AtomicUsize::new(0));
        let (hurry, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let places: Vec<SocketAddr> = self.all.iter().map(|r| r.at).collect();
        let tasks = (0..AT_ONCE)
            .map(|_| {
                let (next, hurry, refused) = (next.clone(), hurry.clone(), refused.clone());
                let (client, places, asked) = (self.client.clone(), places.clone(), self.world.asked.clone());
                let chance = Ids::seeded(ids.below(u64::MAX));
                let clock = crate::clock::SystemClock::new();
                tokio::spawn(async move {
                    use crate::clock::Clock as _;
                    let mut accepted = Vec::new();
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= calls {
                            return accepted;
                        }
                        let call = format!("storm-{n}");
                        let body = json!({ "callId": call, "callData": { "callerPhone": "+19495550150",
                            "issueSummary": "Burst pipe", "address": "12 Oak St", "callerName": "Kim Doe",
                            "emergencyLevel": "normal" } });
                        loop {
                            let many = u64::try_from(places.len()).unwrap_or(1);
                            let at = places.get(usize::try_from(chance.below(many)).unwrap_or(0)).copied();
                            let Some(at) = at else { return accepted };
                            let from = clock.now();
                            let sent = client.post(format!("http://{at}/api/dispatch/manual")).json(&body).send().await;
                            asked.note(&call, (from, clock.now()), sent.as_ref().ok().map(|a| a.status().as_u16()));
                            if sent.is_ok_and(|a| a.status().is_success()) {
                                accepted.push(call);
                                break;
                            }
                            refused.fetch_add(1, Ordering::Relaxed);
                            clock.sleep_until(clock.now().plus(LOOK_EVERY * 5)).await;
                        }
                        if !hurry.load(Ordering::Relaxed) {
                            let pause = Duration::from_millis(500 + chance.below(1_500));
                            clock.sleep_until(clock.now().plus(pause)).await;
                        }
                    }
                })
            })
            .collect();
        Load { tasks, hurry, refused }
    }

    /// Nothing is under way any more. From then on the world asks this replica.
    async fn rests(&mut self, leader: usize) -> Result<(), String> {
        let Some(replica) = self.all.get_mut(leader) else { return Err("no engine".into()) };
        let Some(process) = replica.process.take() else { return Err("the engine does not run".into()) };
        self.world.asks(process, replica.at);
        let watch = Stopwatch::start();
        loop {
            let left = under_way(&self.world.stories(&[]).await?);
            if left == 0 {
                return Ok(());
            }
            if watch.passed() > REST_MAX {
                return Err(format!("{left} attempts are still under way after {} s", REST_MAX.as_secs()));
            }
            self.world.pause(Duration::from_secs(1)).await;
        }
    }

    async fn close(self) {
        let Self { world, all, .. } = self;
        drop(all);
        world.close().await;
    }
}

/// Calls that are being handed over.
struct Load {
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
    /// The storm is over: what is left goes at once.
    hurry: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
}

impl Load {
    /// The calls that were accepted, and how often one was not at once.
    async fn ended(self, calls: usize) -> (Vec<String>, usize) {
        self.hurry.store(true, Ordering::Relaxed);
        let mut accepted = Vec::with_capacity(calls);
        for task in self.tasks {
            accepted.extend(task.await.unwrap_or_default());
        }
        (accepted, self.refused.load(Ordering::Relaxed))
    }
}
