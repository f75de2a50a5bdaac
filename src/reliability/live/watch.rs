//! Looks into the provider's list and into Airtable beside the test, once a second and for a bounded time: when does what the
//! engine made appear there?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::{Clock as _, SystemClock};
use crate::config::Airtable;
use crate::domain::{ClockOffset, PhoneNumber, Timestamp};
use crate::gateways::mirror::Record;
use crate::gateways::{ListFilter, MessageRecord, MirrorGateway, SmsGateway};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks whether there is anything to look for.
const IDLE: Duration = Duration::from_millis(100);
/// A message that is not in the list for so long is not waited for.
pub(super) const LIST_MAX: Duration = Duration::from_secs(60);
/// An event that is not in Airtable for so long is not waited for; the promise is 5 s.
pub(super) const EVENT_MAX: Duration = Duration::from_secs(15);
/// The provider's times have whole seconds, and an offset of two clocks is known to about one.
const MARGIN: Duration = Duration::from_secs(120);
/// Messages of one number since the start: more than any plan makes.
const MESSAGES_MAX: usize = 200;

/// Airtable as the test reads it.
#[derive(Clone)]
pub struct MirrorSide {
    /// The base.
    pub gateway: Arc<dyn MirrorGateway>,
    /// Its names of tables and fields.
    pub names: Airtable,
}

/// An event as it was first seen.
#[derive(Debug, Clone)]
pub(super) struct EventSeen {
    pub(super) at: Timestamp,
    pub(super) records: Vec<Record>,
}

/// What was looked for and what was seen.
#[derive(Default)]
pub(super) struct Sightings {
    /// SIDs and when the create was answered.
    pub(super) messages: BTreeMap<String, Timestamp>,
    /// SIDs and when the list first had them.
    pub(super) listed: BTreeMap<String, Timestamp>,
    /// Everything that the list has of the test numbers since the start, newest state.
    pub(super) found: BTreeMap<String, MessageRecord>,
    /// How far our clock is ahead of the provider's, by its answers.
    pub(super) offset: Option<ClockOffset>,
    /// Attempts and when they were made.
    pub(super) attempts: BTreeMap<String, Timestamp>,
    /// Attempts and their events.
    pub(super) events: BTreeMap<String, EventSeen>,
    /// Attempts and what Airtable has of them in the end; `None`: that was not read.
    pub(super) last: Option<BTreeMap<String, Vec<Record>>>,
    /// Why a list or Airtable could not be read, the last time.
    pub(super) list_error: Option<String>,
    pub(super) mirror_error: Option<String>,
    /// Lists read to their end.
    pub(super) lists: u32,
}

/// Looks until it is dropped.
pub(super) struct Watch {
    seen: Arc<Mutex<Sightings>>,
    provider: Arc<dyn SmsGateway>,
    numbers: Vec<PhoneNumber>,
    since: Timestamp,
    tasks: JoinSet<()>,
}

impl Watch {
    /// `lists`: whether the provider's list can show anything.
    pub(super) fn start(
        provider: Arc<dyn SmsGateway>,
        mirror: Option<MirrorSide>,
        numbers: Vec<PhoneNumber>,
        lists: bool,
    ) -> Self {
        let since = SystemClock::new().now();
        let mut watch = Self { seen: Arc::default(), provider, numbers, since, tasks: JoinSet::new() };
        if lists {
            let (seen, provider, numbers) = (watch.seen.clone(), watch.provider.clone(), watch.numbers.clone());
            watch.tasks.spawn(async move {
                let clock = SystemClock::new();
                loop {
                    let wanted = due(&lock(&seen), clock.now());
                    if wanted {
                        read(&seen, &*provider, &numbers, since, &clock).await;
                    }
                    let pause = if wanted { EVERY } else { IDLE };
                    clock.sleep_until(clock.now().plus(pause)).await;
                }
            });
        }
        if let Some(mirror) = mirror {
            let seen = watch.seen.clone();
            watch.tasks.spawn(async move {
                let clock = SystemClock::new();
                loop {
                    let wanted = missing_events(&lock(&seen), clock.now());
                    if !wanted.is_empty() {
                        events(&seen, &mirror, &wanted, &clock).await;
                    }
                    let pause = if wanted.is_empty() { IDLE } else { EVERY };
                    clock.sleep_until(clock.now().plus(pause)).await;
                }
            });
        }
        watch
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Sightings> {
        lock(&self.seen)
    }

    /// Reads the whole list once more; an error where it cannot be.
    pub(super) async fn read_once(&self) -> Result<(), String> {
        read(&self.seen, &*self.provider, &self.numbers, self.since, &SystemClock::new()).await;
        match &self.seen().list_error {
            Some(e) => Err(e.clone()),
            None => Ok(()),
        }
    }
}

/// Looks at all events once more, as they are in the end.
pub(super) async fn read_events(watch: &Watch, mirror: &MirrorSide) {
    let wanted: Vec<String> = watch.seen().attempts.keys().cloned().collect();
    let names = &mirror.names.events;
    let fields: [&str; 3] = [&names.call_id, &names.delivery_status, &names.message_sid];
    let found = mirror.gateway.by_key(&mirror.names.tables.events, &names.event_id, &wanted, &fields).await;
    let mut seen = watch.seen();
    match found {
        Ok(found) => seen.last = Some(found),
        Err(e) => seen.mirror_error = Some(e.to_string()),
    }
}

fn lock(seen: &Mutex<Sightings>) -> MutexGuard<'_, Sightings> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a message that is not listed yet is still waited for.
fn due(seen: &Sightings, now: Timestamp) -> bool {
    seen.messages.iter().any(|(sid, at)| !seen.listed.contains_key(sid) && now.since(*at) < LIST_MAX)
}

fn missing_events(seen: &Sightings, now: Timestamp) -> Vec<String> {
    let missing = seen.attempts.iter().filter(|(id, at)| !seen.events.contains_key(*id) && now.since(**at) < EVENT_MAX);
    missing.map(|(id, _)| id.clone()).collect()
}

async fn read(
    seen: &Mutex<Sightings>,
    provider: &dyn SmsGateway,
    numbers: &[PhoneNumber],
    since: Timestamp,
    clock: &SystemClock,
) {
    let mut error = None;
    for number in numbers {
        // The first answer tells how far the two clocks are apart: until then all that there is is read.
        let theirs = provider.clock().offset.map(|offset| offset.to_theirs(since).minus(MARGIN));
        // No sender in the filter: a message that a service has not given one yet would be hidden.
        let filter =
            ListFilter { to: Some(number.e164().to_owned()), from: None, not_before: theirs, limit: MESSAGES_MAX };
        match provider.list(&filter).await {
            Ok(listing) => {
                let (now, mut seen) = (clock.now(), lock(seen));
                if !listing.complete {
                    error = Some("the list goes on for too long to be read".to_owned());
                }
                for message in listing.messages {
                    let sid = message.sid.to_string();
                    seen.listed.entry(sid.clone()).or_insert(now);
                    seen.found.insert(sid, message);
                }
            }
            Err(e) => error = Some(e.to_string()),
        }
    }
    let mut seen = lock(seen);
    seen.lists += u32::from(error.is_none());
    seen.offset = provider.clock().offset.or(seen.offset);
    seen.list_error = error;
}

async fn events(seen: &Mutex<Sightings>, mirror: &MirrorSide, wanted: &[String], clock: &SystemClock) {
    let fields = &mirror.names.events;
    let found = mirror.gateway.by_key(&mirror.names.tables.events, &fields.event_id, wanted, &[&fields.call_id]).await;
    let (now, mut seen) = (clock.now(), lock(seen));
    match found {
        Ok(found) => {
            seen.mirror_error = None;
            for (id, records) in found {
                seen.events.entry(id).or_insert(EventSeen { at: now, records });
            }
        }
        Err(e) => seen.mirror_error = Some(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::tests::config;
    use super::*;
    use crate::gateways::airtable::{AirtableClient, AirtableSettings, Fields};
    use crate::gateways::mirror::Typecast;
    use crate::ids::Ids;
    use crate::sandbox::{Sandbox, SandboxConfig};

    #[test]
    fn nothing_is_looked_for_beyond_its_time() {
        let now = Timestamp::from_millis(1_795_313_040_000);
        let mut seen = Sightings::default();
        assert!(!due(&seen, now) && missing_events(&seen, now).is_empty(), "nothing was made");
        seen.messages.insert("SM1".into(), now);
        seen.attempts.insert("att_1".into(), now);
        assert!(due(&seen, now.plus(Duration::from_secs(59))) && !due(&seen, now.plus(LIST_MAX)));
        assert_eq!(missing_events(&seen, now.plus(Duration::from_secs(14))), ["att_1"]);
        assert!(missing_events(&seen, now.plus(EVENT_MAX)).is_empty());
        seen.listed.insert("SM1".into(), now);
        assert!(!due(&seen, now), "it is there");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_event_is_found_by_its_key_once_it_is_there_and_a_failure_is_told() {
        let dir = tempfile::tempdir().expect("temp dir");
        let sandbox = Sandbox::start(SandboxConfig::new(dir.path().join("ledger.ndjson"))).await.expect("a sandbox");
        let mut names = config("[airtable]\nbase_id = \"appSandbox0000000\"\n").airtable.expect("airtable");
        names.token = crate::sandbox::config::DEFAULT_AIRTABLE_TOKEN.to_owned().into();
        let base = sandbox.base_url().parse().expect("a URL");
        let settings = AirtableSettings::new(names.token.expose_secret().into(), names.base_id.clone(), base, 4.5);
        let clock = Arc::new(SystemClock::new());
        let client = AirtableClient::new(settings, clock.clone(), Arc::new(Ids::seeded(1))).expect("a client");
        let gateway: Arc<dyn MirrorGateway> = Arc::new(client);
        let side = MirrorSide { gateway: gateway.clone(), names: names.clone() };
        let seen = Mutex::new(Sightings::default());
        let wanted = ["att_1".to_owned()];
        events(&seen, &side, &wanted, &clock).await;
        assert!(lock(&seen).events.is_empty() && lock(&seen).mirror_error.is_none(), "{:?}", lock(&seen).mirror_error);
        let row = Fields::new().with("Event ID", "att_1").with("Call ID", "c1");
        gateway.upsert("Dispatch Events", &["Event ID"], &[row], Typecast::Off).await.expect("written");
        events(&seen, &side, &wanted, &clock).await;
        assert_eq!(lock(&seen).events.get("att_1").map(|e| e.records.len()), Some(1));
        let wrong = Airtable {
            tables: crate::config::AirtableTables { events: "Nothing".into(), ..names.tables.clone() },
            ..names
        };
        events(&seen, &MirrorSide { gateway, names: wrong }, &wanted, &clock).await;
        assert!(lock(&seen).mirror_error.is_some());
        sandbox.shutdown().await;
    }
}
