//! Named places where the process can be made to die, and guards that can be switched off: for drills on a test store.
//!
//! Always compiled in, so that what is drilled is what runs; an unarmed [`hit`] and an asked [`Safeguard`] cost one relaxed load.
//! Armed by the environment at a start or by a `fault_injection` request at run time, and only once this process has opened a store that
//! is stamped test: [`opened`] is told of every store, a live one refuses. Imports nothing of ours.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Every kill point and what has happened when it is reached. Each name stands in the code once.
pub const POINTS: &[(&str, &str)] = &[
    ("accept.before-commit", "an emergency was read from the API, nothing is stored"),
    ("accept.committed", "the call is stored, its caller has no answer"),
    ("report.before-commit", "a voice agent's report is read, nothing of it is stored"),
    ("report.committed", "the report is stored, its platform has no answer"),
    ("intent.before-commit", "a text is about to be claimed"),
    ("intent.committed", "the intent is stored, nothing has left"),
    ("post.permitted", "the connection is open and the term lasts, nothing of the POST is written"),
    ("post.under-way", "the POST has left, its answer has not come"),
    ("post.answered", "the provider has answered, the answer is not read"),
    ("outcome.before-commit", "the answer is read, not stored"),
    ("outcome.committed", "what became of the POST is stored"),
    ("receipt.before-commit", "a delivery receipt is read, not stored"),
    ("receipt.committed", "a delivery receipt is stored, not answered"),
    ("reply.before-commit", "a reply is read, not stored"),
    ("reply.committed", "a reply is stored, not answered"),
    ("reply-time.before-commit", "the provider was asked when a reply was written, what that decides is not stored"),
    ("reply-time.committed", "a reply that waited is decided and stored"),
    ("phone-status.before-commit", "how a phone call goes is read, not stored"),
    ("phone-status.committed", "how a phone call goes is stored, not answered"),
    ("asked.before-commit", "the provider asks what is to be said in a phone call, nothing of it is stored"),
    ("asked.committed", "that a phone call was picked up is stored, nothing was said"),
    ("key.before-commit", "a key was pressed in a phone call, nothing of it is stored"),
    ("key.committed", "what a key did is stored, whoever pressed it was told nothing"),
    ("ringing.noted", "how a phone call is ended is decided, the provider was told nothing"),
    ("ringing.ended", "the provider was told to end a phone call, that is not stored"),
    ("timer.claimed", "a due step is read, not fired"),
    ("timer.committed", "a due step has fired"),
    ("search.before-commit", "the provider's list is read for an unknown outcome, what it says is not stored"),
    ("search.committed", "what the list says of an unknown outcome is stored"),
    ("lost-call.before-commit", "the list of calls is read for an unknown outcome, what it says is not stored"),
    ("lost-call.committed", "what the list of calls says of an unknown outcome is stored"),
    ("poll.before-commit", "the provider was asked for a status, its answer is not stored"),
    ("poll.committed", "the status that was asked for is stored"),
    ("alert.claimed", "an alert is read from the outbox, no sink was told"),
    ("alert.told", "the sinks were told of an alert, that is not stored"),
    ("alert-text.before-commit", "an alert is to be told by text, nothing of it is stored"),
    ("alert-text.committed", "that an alert is to be told by text is stored"),
    ("alert-text-intent.before-commit", "a text of an alert is about to be claimed"),
    ("alert-text-intent.committed", "the intent of a text of an alert is stored, nothing has left"),
    ("alert-text-outcome.before-commit", "what became of a text of an alert is known, not stored"),
    ("alert-text-outcome.committed", "what became of a text of an alert is stored"),
    ("alert-text-found.before-commit", "the provider was asked about a text of an alert, its answer is not stored"),
    ("alert-text-found.committed", "what the provider says of a text of an alert is stored"),
    ("call-list.noted", "what became of a listed phone call is stored, how far the list was compared is not"),
    ("call-list.compared", "a list of phone calls is compared, that is not stored"),
    ("mirror.claimed", "dispatch events are read from the outbox, the base was told nothing"),
    ("mirror.written", "the base was told, that is not stored"),
    ("mirror.told", "that the base was told is stored, nothing is read back"),
    ("mirror.verified", "what the base was told is read back, that is not stored"),
    ("override.before-commit", "an exception to who is on call is read, not stored"),
    ("override.committed", "an exception to who is on call is stored, not answered"),
    ("withdrawal.before-commit", "the withdrawal of an exception is read, not stored"),
    ("withdrawal.committed", "the withdrawal of an exception is stored, not answered"),
    ("calendar.before-commit", "a calendar of who is on call is read, not stored"),
    ("calendar.committed", "a calendar of who is on call is stored, nobody decides by it yet"),
    ("roll-call.before-commit", "somebody is to be asked whether they are on call, nothing of it is stored"),
    ("roll-call.committed", "that somebody is to be asked whether they are on call is stored"),
    ("roll-call-intent.before-commit", "a text of a roll call is about to be claimed"),
    ("roll-call-intent.committed", "the intent of a text of a roll call is stored, nothing has left"),
    ("roll-call-outcome.before-commit", "what became of a text of a roll call is known, not stored"),
    ("roll-call-outcome.committed", "what became of a text of a roll call is stored"),
    ("roll-call-found.before-commit", "the provider was asked about a text of a roll call, its answer is not stored"),
    ("roll-call-found.committed", "what the provider says of a text of a roll call is stored"),
    ("roll-call-due.before-commit", "a roll call waits for no answer any longer, nothing of it is stored"),
    ("roll-call-due.committed", "that a roll call is asked again or given up is stored"),
    ("batch.before-commit", "several changes are in one transaction, which is not committed"),
    ("batch.committed", "several changes are committed, none is answered"),
    ("lock.taken", "the engine lock is held, nobody's name is in it"),
    ("recovery.engine-row", "a start is recorded, nothing is recovered"),
    ("history.before-found", "a text is in the provider's list, what it tells of a lost story is not stored"),
    ("history.before-whole", "what the store lost is found out, that nothing more is in doubt is not stored"),
    ("recovery.between-claims", "one claim of an engine that is gone is settled"),
    ("backup.copied", "a copy of the store is written to where a person named it, and not verified"),
    ("backup.verified", "a copy of the store is whole and on the disk, and has not its name"),
    ("restore.copied", "a copy is made ready beside a store's place, which is as it was"),
    ("restore.kept", "the store that a copy replaces has its second name, and is in its place still"),
    (
        "restore.log-moved",
        "a log of the damaged store that a copy replaces has its second name, the store is in its place",
    ),
    ("restore.placed", "a copy has taken a store's place"),
    ("prune.before-commit", "calls have lost what they said of people, that is not stored"),
    ("prune.committed", "that calls have lost what they said of people is stored"),
    ("prune.before-log", "everything is pruned, nothing says so"),
    ("prune.before-rewrite", "everything is pruned, the file's free parts are as they were"),
    ("prune.rewritten", "the file is written anew after a pruning, its log is not emptied"),
    ("migration.before-stamp", "the schema is made, the store is not stamped and not committed"),
    ("migration.committed", "the schema is committed"),
];

/// A protection that can be taken away, to see whether anybody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safeguard {
    /// The intent is stored before the POST.
    IntentCommit,
    /// An unknown outcome is looked for before it is sent again.
    LookBeforeResend,
    /// What is claimed is not claimed again.
    ClaimCheck,
    /// A claim looks whether the call still wants it.
    ClaimRecheck,
    /// A late status moves nothing back.
    MonotoneReceipts,
    /// A callback is the provider's own.
    Signature,
    /// One engine works on a store.
    EngineLock,
    /// Nothing new is accepted while the store's file is gone from its place.
    StoreFile,
    /// A reply that comes again is answered as before.
    ReplyDedup,
    /// A soft word answers the last text alone.
    LastText,
    /// A reply waits where it matters when it was written.
    ReplyTime,
    /// A phone that answers by itself is not answered for ever.
    Prompts,
    /// A provider's times are compared with its own alone.
    ProviderTimes,
    /// A command decides by the settings in force, whatever file lies in its own directory.
    SettingsInForce,
    /// What the mirror was told is read back before it is taken for proven.
    ReadBack,
    /// The last resort is told before a call is given up.
    LastResort,
    /// One number rings another once at a time.
    OnePhoneCall,
    /// Only a key answers a phone call.
    KeyNeeded,
    /// A key is the provider's own word.
    KeySignature,
    /// What an engine decides is committed only while it holds the lease.
    Fence,
    /// An engine begins nothing that must not be done twice once its lease may have ended.
    Permit,
    /// Processes that share a database write one after the other.
    WriteOrder,
}

impl Safeguard {
    /// Every guard and its name.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::IntentCommit, "intent-commit"),
        (Self::LookBeforeResend, "look-before-resend"),
        (Self::ClaimCheck, "claim-check"),
        (Self::ClaimRecheck, "claim-recheck"),
        (Self::MonotoneReceipts, "monotone-receipts"),
        (Self::Signature, "signature"),
        (Self::EngineLock, "engine-lock"),
        (Self::StoreFile, "store-file"),
        (Self::ReplyDedup, "reply-dedup"),
        (Self::LastText, "last-text"),
        (Self::ReplyTime, "reply-time"),
        (Self::Prompts, "prompts"),
        (Self::ProviderTimes, "provider-times"),
        (Self::SettingsInForce, "settings-in-force"),
        (Self::ReadBack, "read-back"),
        (Self::LastResort, "last-resort"),
        (Self::OnePhoneCall, "one-phone-call"),
        (Self::KeyNeeded, "key-needed"),
        (Self::KeySignature, "key-signature"),
        (Self::Fence, "fence"),
        (Self::Permit, "permit"),
        (Self::WriteOrder, "write-order"),
    ];

    /// Whether a drill has taken it away; one relaxed load.
    pub fn is_off(self) -> bool {
        OFF.load(Ordering::Relaxed) & self.bit() != 0
    }

    const fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// Why a drill is not armed. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultInjectionError {
    /// No such kill point.
    #[error("there is no kill point {0:?}; there are: {names}", names = names(POINTS))]
    Point(String),
    /// What follows the name counts the hits.
    #[error("a kill point's count is a number from 1, and what happens there is kill, stop or hang: {0:?}")]
    Count(String),
    /// No such guard.
    #[error("there is no guard {0:?}; there are: {names}", names = names(Safeguard::ALL.iter().map(|(_, n)| (*n, ""))))]
    Safeguard(String),
    /// Only a store that is stamped test may be drilled.
    #[error("drills are for stores that are stamped test")]
    Live,
    /// No duty, or nothing that can happen to one.
    #[error(
        "{0:?} plants nothing: write duty:NAME:panic, duty:NAME:panics, duty:NAME:hang or duty:NAME:hang:SECONDS; NAME may be *"
    )]
    Duty(String),
}

fn names<'a, T: std::borrow::Borrow<(&'a str, &'a str)>>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|n| n.borrow().0).collect::<Vec<_>>().join(", ")
}

/// What happens at an armed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtPoint {
    /// The process dies, as by SIGKILL.
    Dies,
    /// It is stopped, as by SIGSTOP, until somebody lets it go on.
    Stops,
    /// Whoever comes there stays there; the others go on.
    Hangs,
}

/// What happens to a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DutyFault {
    /// Its next pass panics.
    PanicsOnce,
    /// Each of its passes does.
    Panics,
    /// Its next pass never ends.
    Hangs,
}

impl DutyFault {
    const ALL: [(Self, &'static str); 3] =
        [(Self::PanicsOnce, "panic"), (Self::Panics, "panics"), (Self::Hangs, "hang")];
}

/// A fault in a duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyPlant {
    /// `*`: in each.
    name: String,
    fault: DutyFault,
    /// After so long without a pass it stands still, whatever its own limit is.
    still_max: Option<Duration>,
    /// Which have had a fault that comes once.
    had: BTreeSet<String>,
}

/// The name of every duty.
const EVERY_DUTY: &str = "*";

/// How long it may take until a process that is to be stopped is.
const STOPPED_WITHIN: Duration = Duration::from_millis(100);

impl AtPoint {
    const ALL: [(Self, &'static str); 3] = [(Self::Dies, "kill"), (Self::Stops, "stop"), (Self::Hangs, "hang")];
}

/// What a drill asks for: checked, not yet armed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// This happens at this point, when it is reached for this time from now.
    pub kill: Option<(&'static str, u32, AtPoint)>,
    /// These happen to duties of the engine and to the loops beside them, as soon as each passes again.
    pub duties: Vec<DutyPlant>,
    /// Take these guards away, and put the others back; `None` leaves them as they are.
    pub safeguards_off: Option<Vec<Safeguard>>,
}

impl Orders {
    /// Reads `name`, `name:nth` or `name:nth:what` (`kill`, `stop` or `hang`), or faults of duties (`duty:NAME:panic`, several with a
    /// comma between), and names of guards.
    ///
    /// # Errors
    /// [`FaultInjectionError`] names what there is.
    pub fn parse<'a>(
        kill: Option<&str>,
        safeguards_off: Option<impl IntoIterator<Item = &'a str>>,
    ) -> Result<Self, FaultInjectionError> {
        let of_duties = kill.and_then(|text| text.trim().strip_prefix("duty:"));
        let duties = of_duties.map_or_else(|| Ok(Vec::new()), |all| all.split(",duty:").map(duty_fault).collect())?;
        let kill = kill.filter(|_| of_duties.is_none()).map(point).transpose()?;
        let safeguards_off = safeguards_off.map(|all| all.into_iter().map(safeguard).collect()).transpose()?;
        Ok(Self { kill, duties, safeguards_off })
    }

    /// Whether this guard is to be taken away.
    pub fn takes_away(&self, safeguard: Safeguard) -> bool {
        self.safeguards_off.as_ref().is_some_and(|all| all.contains(&safeguard))
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn point(text: &str) -> Result<(&'static str, u32, AtPoint), FaultInjectionError> {
    let (name, rest) = text.trim().split_once(':').unwrap_or((text.trim(), "1"));
    let (nth, what) = rest.split_once(':').unwrap_or((rest, "kill"));
    let (name, _) =
        POINTS.iter().find(|(n, _)| *n == name).ok_or_else(|| FaultInjectionError::Point(name.to_owned()))?;
    let what = AtPoint::ALL.iter().find(|(_, word)| *word == what).map(|(what, _)| *what);
    match (nth.parse(), what) {
        (Ok(nth), Some(what)) if nth > 0 => Ok((name, nth, what)),
        _ => Err(FaultInjectionError::Count(rest.to_owned())),
    }
}

/// `NAME:panic`, `NAME:panics`, `NAME:hang` or `NAME:hang:SECONDS`; a duty's name may hold anything but a colon.
fn duty_fault(text: &str) -> Result<DutyPlant, FaultInjectionError> {
    let wrong = || FaultInjectionError::Duty(text.to_owned());
    let (name, what) = text.split_once(':').ok_or_else(wrong)?;
    let (what, seconds) = what.split_once(':').map_or((what, None), |(what, seconds)| (what, Some(seconds)));
    let fault = DutyFault::ALL.iter().find(|(_, word)| *word == what).map(|(fault, _)| *fault).ok_or_else(wrong)?;
    let still_max = seconds.map(|s| s.parse().map(Duration::from_secs)).transpose().map_err(|_| wrong())?;
    if name.is_empty() || (still_max.is_some() && fault != DutyFault::Hangs) {
        return Err(wrong());
    }
    Ok(DutyPlant { name: name.to_owned(), fault, still_max, had: BTreeSet::new() })
}

fn safeguard(text: &str) -> Result<Safeguard, FaultInjectionError> {
    let found = Safeguard::ALL.iter().find(|(_, n)| *n == text.trim());
    found.map(|(g, _)| *g).ok_or_else(|| FaultInjectionError::Safeguard(text.to_owned()))
}

static ARMED: AtomicBool = AtomicBool::new(false);
static OFF: AtomicU32 = AtomicU32::new(0);
static FAULT_INJECTION: Mutex<FaultInjection> =
    Mutex::new(FaultInjection { is_test: false, wanted: None, kill: None, duties: Vec::new() });

/// What is armed, and what waits for the store to be opened.
struct FaultInjection {
    is_test: bool,
    wanted: Option<Orders>,
    kill: Option<(&'static str, u32, AtPoint)>,
    duties: Vec<DutyPlant>,
}

fn fault_injection() -> std::sync::MutexGuard<'static, FaultInjection> {
    FAULT_INJECTION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be armed as soon as a test store is opened.
pub fn want(orders: Orders) {
    fault_injection().wanted = Some(orders).filter(|o| !o.is_empty());
}

/// A store of this process was recognised by its stamp, or is about to get it.
///
/// # Errors
/// [`FaultInjectionError::Live`] where something waits to be armed and the store is live.
pub fn opened(is_test: bool) -> Result<(), FaultInjectionError> {
    let mut fault_injection = fault_injection();
    fault_injection.is_test = is_test;
    match fault_injection.wanted.take() {
        Some(_) if !is_test => Err(FaultInjectionError::Live),
        Some(orders) => {
            arm_in(&mut fault_injection, orders);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Whether this process works on a test store.
pub fn is_allowed() -> bool {
    fault_injection().is_test
}

/// Arms at run time.
///
/// # Errors
/// [`FaultInjectionError::Live`]: nothing is armed.
pub fn arm(orders: Orders) -> Result<(), FaultInjectionError> {
    let mut fault_injection = fault_injection();
    if !fault_injection.is_test {
        return Err(FaultInjectionError::Live);
    }
    arm_in(&mut fault_injection, orders);
    Ok(())
}

fn arm_in(fault_injection: &mut FaultInjection, orders: Orders) {
    if let Some(off) = orders.safeguards_off {
        OFF.store(off.iter().fold(0, |bits, g| bits | g.bit()), Ordering::Relaxed);
    }
    if !orders.duties.is_empty() {
        fault_injection.duties = orders.duties;
        ARMED.store(true, Ordering::Relaxed);
    }
    if let Some(kill) = orders.kill {
        fault_injection.kill = Some(kill);
        ARMED.store(true, Ordering::Relaxed);
    }
}

/// The process dies here where this point is armed, at once and without a last word to anybody but the log.
pub fn hit(point: &'static str) {
    if ARMED.load(Ordering::Relaxed) {
        reached(point);
    }
}

#[cold]
fn reached(point: &'static str) {
    let mut fault_injection = fault_injection();
    let Some((name, left, what)) = &mut fault_injection.kill else { return };
    if *name != point || *left == 0 {
        return;
    }
    *left -= 1;
    if *left > 0 {
        return;
    }
    let what = *what;
    drop(fault_injection);
    match what {
        AtPoint::Dies => {
            tracing::error!(point, "the armed kill point {point} is reached: the process dies");
            die();
        }
        AtPoint::Stops => {
            tracing::error!(point, "the armed kill point {point} is reached: the process is stopped");
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
            // The signal is another thread's to take: this one goes no further before it is stopped with it.
            std::thread::park_timeout(STOPPED_WITHIN);
        }
        AtPoint::Hangs => {
            tracing::error!(point, "the armed kill point {point} is reached: whoever is here stays here");
            loop {
                std::thread::park();
            }
        }
    }
}

/// A pass of this duty begins: where a fault is planted in it, it panics, or never ends.
pub async fn in_duty(name: &str) {
    if !ARMED.load(Ordering::Relaxed) {
        return;
    }
    let Some(fault) = planted(name) else { return };
    tracing::error!(duty = name, "a fault is planted in the duty {name}: {fault:?}");
    match fault {
        DutyFault::Hangs => std::future::pending().await,
        // As a bug does: the supervisor finds a task that ended badly.
        DutyFault::Panics | DutyFault::PanicsOnce => std::panic::resume_unwind(Box::new("a planted fault")),
    }
}

fn planted(name: &str) -> Option<DutyFault> {
    let mut fault_injection = fault_injection();
    let plant = fault_injection.duties.iter_mut().find(|plant| plant.is_in(name))?;
    let is_over = plant.fault == DutyFault::PanicsOnce && !plant.had.insert(name.to_owned());
    (!is_over).then_some(plant.fault)
}

impl DutyPlant {
    fn is_in(&self, name: &str) -> bool {
        self.name == name || self.name == EVERY_DUTY
    }
}

/// After how long without a pass this duty stands still, where a drill says so; one relaxed load where none does.
pub fn still_max(name: &str) -> Option<Duration> {
    if !ARMED.load(Ordering::Relaxed) {
        return None;
    }
    fault_injection().duties.iter().find(|plant| plant.is_in(name))?.still_max
}

/// As SIGKILL does: nothing is flushed, nobody is told.
fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // Not reached, but where the system does not let a process end itself so.
    std::process::abort()
}

/// How long a request is under way before [`hit_during`] takes it for sent.
const UNDER_WAY: Duration = Duration::from_millis(50);

/// Waits for `work`; where this point is armed, the process dies while it still waits.
pub async fn hit_during<T>(point: &'static str, work: impl Future<Output = T>) -> T {
    if !ARMED.load(Ordering::Relaxed) {
        return work.await;
    }
    tokio::select! {
        done = work => done,
        done = async { pause().await; hit(point); std::future::pending().await } => done,
    }
}

#[expect(clippy::disallowed_methods, reason = "an armed point alone waits, and for no time of the engine's")]
async fn pause() {
    tokio::time::sleep(UNDER_WAY).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Option<[&str; 0]> = None;

    #[test]
    fn orders_are_read_strictly_and_an_unknown_name_is_told_what_there_is() {
        assert_eq!(Orders::parse(None, NONE), Ok(Orders::default()));
        for (text, want) in [
            ("intent.committed", ("intent.committed", 1, AtPoint::Dies)),
            (" post.answered:3 ", ("post.answered", 3, AtPoint::Dies)),
            ("post.answered:2:stop", ("post.answered", 2, AtPoint::Stops)),
            ("timer.claimed:1:hang", ("timer.claimed", 1, AtPoint::Hangs)),
        ] {
            assert_eq!(Orders::parse(Some(text), NONE).map(|o| o.kill), Ok(Some(want)), "{text}");
        }
        for text in [
            "",
            "intent",
            "intent.committed:0",
            "intent.committed:x",
            "intent.committed:",
            ":1",
            "intent.committed:1:",
            "intent.committed:1:no",
        ] {
            assert!(Orders::parse(Some(text), NONE).is_err(), "{text}");
        }
        let unknown = Orders::parse(Some("nowhere"), NONE).expect_err("unknown").to_string();
        assert!(POINTS.iter().all(|(name, _)| unknown.contains(name)), "{unknown}");
        for (text, want) in [
            ("duty:scheduler:hang", vec![("scheduler", DutyFault::Hangs, None)]),
            ("duty:calls of retell:panic", vec![("calls of retell", DutyFault::PanicsOnce, None)]),
            (" duty:mirror:panics ", vec![("mirror", DutyFault::Panics, None)]),
            (
                "duty:a, b:hang:3,duty:*:panic",
                vec![("a, b", DutyFault::Hangs, Some(3)), ("*", DutyFault::PanicsOnce, None)],
            ),
        ] {
            let read = Orders::parse(Some(text), NONE).map(|o| (o.duties, o.kill));
            let plant = |(name, fault, still): (&str, DutyFault, Option<u64>)| DutyPlant {
                name: name.to_owned(),
                fault,
                still_max: still.map(Duration::from_secs),
                had: BTreeSet::new(),
            };
            assert_eq!(read, Ok((want.into_iter().map(plant).collect(), None)), "{text}");
        }
        for text in [
            "duty:",
            "duty:scheduler",
            "duty::hang",
            "duty:scheduler:dies",
            "duty:a:hang:x",
            "duty:a:panic:3",
            "duty:a:hang,b",
        ] {
            assert!(Orders::parse(Some(text), NONE).is_err(), "{text}");
        }
        let both = Orders::parse(None, Some(["signature", " engine-lock"]));
        assert_eq!(both.map(|o| o.safeguards_off), Ok(Some(vec![Safeguard::Signature, Safeguard::EngineLock])));
        let unknown = Orders::parse(None, Some(["locks"])).expect_err("unknown").to_string();
        assert!(Safeguard::ALL.iter().all(|(_, name)| unknown.contains(name)), "{unknown}");
    }

    #[test]
    fn every_guard_has_a_bit_of_its_own() {
        let bits = Safeguard::ALL.iter().fold(0, |bits, (g, _)| bits | g.bit());
        assert_eq!(bits.count_ones() as usize, Safeguard::ALL.len());
    }
}
