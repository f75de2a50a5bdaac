//! What the processes on one store tell each other: settings in force, contacts, requests, engines, clocks, and that something changed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Store;
use super::error::StoreError;
use super::lease::{Holder, Lease, LeaseError};
use crate::domain::hours::Hours;
use crate::domain::mail::MailAddress;
use crate::domain::settings::{Basis, NewSettings, SettingsRow};
use crate::domain::types::{Actor, ContactId, Role};
use crate::domain::{ClockOffset, PhoneNumber, Timestamp};

/// A contact as another system has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedContact {
    /// Its record there: who it is, whatever its name becomes.
    pub record: String,
    /// What it is called here; stays with the record.
    pub id: ContactId,
    /// The name as people say it.
    pub name: String,
    /// Where texts go; only one who is not active may be without.
    pub phone: Option<PhoneNumber>,
    /// Where its mails go, as the base says.
    #[serde(default)]
    pub email: Option<MailAddress>,
    /// Its role on lines that name no team of their own.
    pub role: Option<Role>,
    /// Who is not is not told.
    pub active: bool,
    /// The records of the businesses that it works for; empty: no one of them in particular.
    #[serde(default)]
    pub businesses: Vec<String>,
    /// Its place among those who are asked: 1 first.
    #[serde(default)]
    pub priority: Option<u32>,
    /// Asked after the first, whatever its place.
    #[serde(default)]
    pub backup: bool,
    /// Asked only about this trade; `None`: about all.
    #[serde(default)]
    pub trade: Option<String>,
    /// Not asked for now.
    #[serde(default)]
    pub away: bool,
    /// On duty only then, by its line's clock.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Another row of somebody who stands before it, with the same id: a further place or business.
    #[serde(default)]
    pub again: bool,
}

/// A business as another system has it: a line of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedBusiness {
    /// Its record there.
    pub record: String,
    /// The name as texts show it.
    pub name: String,
    /// What its customers dial, in E.164.
    pub numbers: Vec<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    pub trade: Option<String>,
    /// Its own words of an emergency.
    pub keywords: Vec<String>,
    /// Which is not has no line.
    pub active: bool,
}

/// Contacts as another system had them when it was last read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedContacts {
    /// Its table, for people.
    pub source: String,
    pub read_at: Timestamp,
    /// Every contact that could be read, active or not, oldest first.
    pub contacts: Vec<SyncedContact>,
    /// Every business that could be read, active or not, oldest first; none where they are not read from there.
    pub businesses: Vec<SyncedBusiness>,
}

/// What a process asks of the engine that holds the lock.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// `refresh` (ask the provider about a call's messages), `yield` (hand over the engine lock).
    pub kind: String,
    /// What it is about.
    pub payload: Value,
    /// Who asks.
    pub actor: Actor,
    /// Since when.
    pub at: Timestamp,
    /// Its answer, once there is one.
    pub result: Option<Value>,
}

/// The engine that works on this store, or did last: for people, and for "was the last stop clean". The lock itself is a file
/// lock, never this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRow {
    /// A fresh id for every start.
    pub id: String,
    /// What it runs as: `serve`, `send`…
    pub role: String,
    /// Its process.
    pub pid: u32,
    /// Since when.
    pub started_at: Timestamp,
    /// When it stopped cleanly; `None`: it runs or died.
    pub stopped_at: Option<Timestamp>,
    /// Where its listener is, for people and for commands of the same machine.
    pub listen: Option<String>,
    /// Its last sign of life; `None`: it is of a version that gave none.
    pub beat: Option<EngineBeat>,
}

/// An engine's sign of life, as other processes read it: when its essential duties had last passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineBeat {
    /// The boot of its machine; after another one the boot clock means nothing.
    pub boot_id: String,
    /// By the boot clock, in whole milliseconds.
    pub boot: Duration,
    /// By the wall clock, for people.
    pub at: Timestamp,
}

/// How far our clock was ahead of the provider's, as an engine measured it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptProviderClock {
    /// By so much.
    pub offset: ClockOffset,
    /// When, by our clock.
    pub measured_at: Timestamp,
    /// The newest moment of the provider's clock that one of its messages named.
    pub newest_message: Option<Timestamp>,
}

/// How far a list of phone calls was compared with what was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListProgress {
    /// Phone calls that began before this are nobody's here.
    pub since: Timestamp,
    /// Of each phone call that began before this it is known what became of it.
    pub until: Timestamp,
}

/// Why the story in a store may be incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryDoubt {
    /// Half a sentence about the store.
    pub why: String,
    /// When its newest entry was written, as it was found then: what came after may be lost.
    pub newest: Timestamp,
}

impl HistoryDoubt {
    /// As it is kept: milliseconds and the reason. `None`: it is whole.
    pub(super) fn read(kept: &str) -> Option<Self> {
        let (at, why) = kept.split_once(' ')?;
        Some(Self { why: why.to_owned(), newest: Timestamp::from_millis(at.parse().ok()?) })
    }
}

/// Owns the settings in force, the last good copy of contacts that live in another system, requests to the engine, the engines
/// that worked here, and the provider's clock. `serve` and commands write them, each in a transaction of its own; every process
/// reads them.
///
/// After a crash what was answered is there, but for [`Control::engine_heartbeat`]. Putting the same settings or the same copy again
/// changes nothing, and so does answering a request twice; [`Control::post_request`] posts another one.
#[async_trait]
pub trait Control: Send + Sync {
    /// The key that signs links: `fresh` where there is none yet, which then stays. Never in a log.
    async fn link_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;
    /// The settings in force; `None`: none were put in force yet.
    async fn settings(&self) -> Result<Option<SettingsRow>, StoreError>;
    /// Puts settings in force, and whom they name to be told; the same ones again keep their number. The row that is in force.
    async fn put_settings(&self, new: &NewSettings) -> Result<SettingsRow, StoreError>;
    /// What decisions are based on now.
    async fn basis(&self) -> Result<Basis, StoreError>;
    /// The last good copy of contacts that live in another system.
    async fn synced_contacts(&self) -> Result<Option<SyncedContacts>, StoreError>;
    /// Replaces that copy whole; `None`: there is no such system any more.
    async fn keep_synced_contacts(&self, copy: Option<&SyncedContacts>) -> Result<(), StoreError>;
    /// Commits a request to the engine; its id. Requests of more than a day ago are forgotten.
    async fn post_request(&self, kind: &str, payload: Value, actor: &Actor, now: Timestamp) -> Result<i64, StoreError>;
    /// Requests without an answer, oldest first.
    async fn open_requests(&self) -> Result<Vec<Request>, StoreError>;
    /// Answers a request; answering twice changes nothing.
    async fn answer_request(&self, id: i64, result: Value, now: Timestamp) -> Result<(), StoreError>;
    async fn request(&self, id: i64) -> Result<Option<Request>, StoreError>;
    /// The newest engine.
    async fn engine(&self) -> Result<Option<EngineRow>, StoreError>;
    /// Records an engine's start (and forgets all but the last hundred).
    async fn engine_started(&self, row: &EngineRow) -> Result<(), StoreError>;
    /// Records an engine's sign of life, and waits for no disk: a power cut may forget it.
    async fn engine_heartbeat(&self, id: &str, beat: &EngineBeat) -> Result<(), StoreError>;
    /// Records its clean stop.
    async fn engine_stopped(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;
    /// How far our clock is ahead of the provider's, as it was kept last.
    async fn provider_clock(&self) -> Result<Option<KeptProviderClock>, StoreError>;
    async fn keep_provider_clock(&self, clock: &KeptProviderClock) -> Result<(), StoreError>;
    /// How far the list of this source was compared; `None`: it never was.
    async fn list_progress(&self, source: &str) -> Result<Option<ListProgress>, StoreError>;
    async fn keep_list_progress(&self, source: &str, progress: ListProgress) -> Result<(), StoreError>;
    /// Changes when another process or we committed: cheap, for polling. Only "the same" or "another" means something, and
    /// only between answers of one handle; now and then it changes without a commit.
    async fn version(&self) -> Result<u64, StoreError>;
    /// As [`Store::version`], for the commits of other processes alone: our own change nothing. Costs a look while nobody
    /// commits, and a turn of the writer after a commit. `None`: nobody can tell at this moment, as a commit of our own is under way.
    async fn version_of_others(&self) -> Result<Option<u64>, StoreError>;
    /// Returns soon after another process has committed something, or never: a hint, which may be lost.
    async fn hinted(&self);
    /// Whether hints come, as far as is known: somebody waits for them, and the way to them stands.
    fn is_hinted(&self) -> bool;
    /// Makes this process the engine, at once, or says which other one is. On a store that machines share, whoever asks again and again
    /// takes over what it has seen stand still for long enough: after 3.2 s. It asks soon after the holder's next sign of life is due
    /// ([`Holder::next_sign_in`]), and every 250 ms while none comes.
    ///
    /// # Errors
    /// [`LeaseError`]; the store is untouched.
    async fn take_lease(&self, role: &str) -> Result<Arc<dyn Lease>, LeaseError>;
    /// Who holds the lease, whether it still gives signs of life or not: nothing is decided by it.
    async fn lease_holder(&self) -> Result<Option<Holder>, StoreError>;
    /// How many `serve` are connected to a store that several share, the engine among them. One that is gone without a word is counted
    /// until the server has noticed. `None`: a file is one process's.
    async fn replicas(&self) -> Result<Option<u64>, StoreError>;
    /// The same store for whoever holds this lease: all that is changed through it is committed only while the lease is held, else
    /// it is [`StoreError::Fenced`]. `None`: this handle does.
    fn under(&self, lease: &dyn Lease) -> Option<Arc<dyn Store>>;
    /// Whether an engine may decide through this handle; else only evidence may be written and what people decide.
    fn decides(&self) -> bool;
    /// Why what is here may lack what was written last; `None`: nothing speaks for it. Noted by whoever writes first to a server that
    /// took another's place, and with a store that is restored; stays until [`Control::history_is_whole`].
    async fn history_doubt(&self) -> Result<Option<HistoryDoubt>, StoreError>;
    /// What was lost is found out as far as it can be: what is here counts from now on.
    async fn history_is_whole(&self) -> Result<(), StoreError>;
    /// A real write and commit, for health: how long it took. On a server it is no news for others.
    async fn probe(&self, now: Timestamp) -> Result<Duration, StoreError>;
}
