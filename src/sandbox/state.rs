//! What the sandbox knows, behind one lock, and the changes that go through the ledger file first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;

use super::agents::Lists;
use super::airtable::Airtable;
use super::armed::Faults;
use super::config::{SandboxConfig, SandboxError};
use super::faults::Fault;
use super::kept_alerts::Sinks;
use super::ledger::{ContentLine, LedgerFile, LedgerLine, LineRef, StatusLine, Violation};
use super::messages::{Content, Direction, Message, Messages};
use super::person::{Person, is_opt_in, is_opt_out};
use super::relay::Relay;
use super::target::{Target, client};
use super::voice::{CallLine, VoiceCall, VoiceCalls};
use crate::clock::{Clock as _, SystemClock};
use crate::domain::Timestamp;
use crate::ids::Ids;

/// The number that a messaging service of the sandbox sends from.
pub(super) const SERVICE_SENDER: &str = "+15005550006";
/// How many callbacks are remembered, and how many violations are kept.
const KEPT_MAX: usize = 2_000;
/// How many callbacks may be under way at once.
const POSTS_MAX: usize = 256;

/// How many requests of each kind came, since the start.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    pub(super) create: u64,
    pub(super) fetch: u64,
    pub(super) list: u64,
    pub(super) call_create: u64,
    pub(super) call_fetch: u64,
    pub(super) call_list: u64,
    pub(super) call_change: u64,
}

/// One try of a callback.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallbackRecord {
    pub(super) sid: String,
    pub(super) status: &'static str,
    /// None where no answer came.
    pub(super) http_status: Option<u16>,
    pub(super) at: Timestamp,
}

/// Everything that changes.
pub(super) struct SandboxState {
    pub(super) messages: Messages,
    pub(super) calls: VoiceCalls,
    pub(super) ledger: LedgerFile,
    pub(super) faults: Faults,
    pub(super) people: HashMap<String, Person>,
    /// Texts that reached each phone.
    pub(super) texts: HashMap<String, u32>,
    /// (phone, sender) pairs that said STOP.
    pub(super) opted_out: HashSet<(String, String)>,
    pub(super) pace: Duration,
    /// How long a second of a phone call takes here.
    pub(super) call_second: Duration,
    /// How many phone calls leave the account's queue in a second; 0: any number.
    pub(super) calls_per_second: u32,
    pub(super) account: super::account_faults::AccountFaults,
    pub(super) inbound_url: Option<String>,
    /// Whether somebody chose it: then no `serve` that starts puts its own there.
    pub(super) is_inbound_chosen: bool,
    pub(super) violations: Vec<Violation>,
    pub(super) violations_total: u64,
    pub(super) counts: Counts,
    pub(super) callbacks: VecDeque<CallbackRecord>,
    pub(super) airtable: Airtable,
    /// Phone calls as platforms list them.
    pub(super) agents: Lists,
    /// The provider's clock less the machine's, in milliseconds.
    pub(super) apart_ms: i64,
    /// When lists of messages were asked for in vain: by a fault they were not answered or not in time, or whoever had asked was
    /// gone before they had read the answer.
    pub(super) vain_lists: VecDeque<Timestamp>,
    /// What was told to the sandbox as a sink of alerts.
    pub(super) sinks: Sinks,
    /// What its relay of mails took.
    pub(super) relay: Relay,
}

/// What is asked of whoever calls, and signed with.
#[derive(Clone)]
pub(super) struct Secrets {
    pub(super) auth_token: String,
    pub(super) api_key: Option<(String, String)>,
    pub(super) airtable_token: String,
}

/// The sandbox behind its server.
pub(super) struct Shared {
    pub(super) account_sid: String,
    secrets: Mutex<Secrets>,
    pub(super) airtable_base: String,
    pub(super) airtable_judge: Option<String>,
    /// Whether a peer in front can corrupt the bytes.
    pub(super) has_front: bool,
    pub(super) clock: SystemClock,
    pub(super) started: Timestamp,
    pub(super) ids: Ids,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) client: reqwest::Client,
    pub(super) posts: Semaphore,
    state: Mutex<SandboxState>,
}

impl Shared {
    /// The provider's own time.
    pub(super) fn theirs(&self) -> Timestamp {
        let apart_ms = self.state().apart_ms;
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(apart_ms))
    }

    /// As they are now.
    pub(super) fn secrets(&self) -> Secrets {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on; those of before are refused at once.
    pub(super) fn rotate(&self, change: impl FnOnce(&mut Secrets)) {
        change(&mut self.secrets.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Checks the configuration and reloads the ledger.
    pub(super) fn open(config: SandboxConfig, runtime: tokio::runtime::Handle) -> Result<Self, SandboxError> {
        let hex = config.account_sid.strip_prefix("AC").unwrap_or("");
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(SandboxError::Config("the sandbox's account SID is AC and 32 hex digits".into()));
        }
        let base = config.airtable_base.strip_prefix("app").unwrap_or("");
        if base.len() != 14 || !base.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(SandboxError::Config("the sandbox's base is app and 14 letters or digits".into()));
        }
        if let Some(url) = &config.inbound_url {
            Target::parse(url).map_err(|e| SandboxError::Config(format!("inbound URL: {e}")))?;
        }
        let (ledger, lines) = LedgerFile::open(&config.ledger)?;
        let mut state = SandboxState {
            messages: Messages::default(),
            calls: VoiceCalls::default(),
            ledger,
            faults: Faults::default(),
            people: config.people.into_iter().map(|p| (p.phone.clone(), p)).collect(),
            texts: HashMap::new(),
            opted_out: HashSet::new(),
            pace: config.pace,
            call_second: config.call_second,
            calls_per_second: 0,
            account: super::account_faults::AccountFaults::default(),
            is_inbound_chosen: config.inbound_url.is_some(),
            inbound_url: config.inbound_url,
            violations: Vec::new(),
            violations_total: 0,
            counts: Counts::default(),
            callbacks: VecDeque::new(),
            apart_ms: 0,
            vain_lists: VecDeque::new(),
            sinks: Sinks::default(),
            relay: Relay::default(),
            agents: Lists::default(),
            airtable: Airtable::new(config.seed, config.airtable_pause, config.airtable_shape),
        };
        state.reload(lines);
        Ok(Self {
            account_sid: config.account_sid,
            secrets: Mutex::new(Secrets {
                auth_token: config.auth_token,
                api_key: config.api_key,
                airtable_token: config.airtable_token,
            }),
            airtable_base: config.airtable_base,
            airtable_judge: config.airtable_judge,
            has_front: config.tcp_faults,
            started: SystemClock::new().now(),
            clock: SystemClock::new(),
            ids: Ids::seeded(config.seed),
            runtime,
            client: client().map_err(SandboxError::Client)?,
            posts: Semaphore::new(POSTS_MAX),
            state: Mutex::new(state),
        })
    }

    /// The state, locked; never held across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, SandboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of a message the API shows from now on.
    pub(super) fn set_content(&self, sid: &str, content: Content) -> std::io::Result<()> {
        let line = ContentLine { sid: sid.to_owned(), content, at: self.clock.now() };
        let mut state = self.state();
        state.ledger.append(&LineRef::Content(&line))?;
        state.messages.set_content(sid, content);
        Ok(())
    }

    /// A new SID: `prefix` and 32 hex digits.
    pub(super) fn sid(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.ids.uuid(self.clock.now()).simple())
    }

    /// Arms a fault; one with an end disarms itself.
    pub(super) fn add_fault(self: &Arc<Self>, fault: Fault) -> Result<u64, String> {
        if fault.kind.is_wire() && !self.has_front {
            return Err("faults of the wire need a sandbox that was started with --tcp-faults".into());
        }
        let back = fault.lives_ms();
        let id = self.state().faults.add(fault)?;
        if let Some(ms) = back {
            let shared = self.clone();
            self.runtime.spawn(async move {
                shared.pause(Duration::from_millis(ms)).await;
                shared.state().faults.remove(id);
            });
        }
        Ok(id)
    }

    /// Where replies go from now on.
    pub(super) fn set_inbound_url(&self, url: Option<String>) -> Result<(), String> {
        if let Some(url) = &url {
            Target::parse(url).map_err(|e| format!("inboundUrl: {e}"))?;
        }
        let mut state = self.state();
        (state.is_inbound_chosen, state.inbound_url) = (url.is_some(), url);
        Ok(())
    }

    /// Waits `d`, at least.
    pub(super) async fn pause(&self, d: Duration) {
        self.clock.sleep_until(self.clock.now().plus(d)).await;
    }

    /// Writes a message to the ledger, then keeps it. When this fails it was not accepted.
    pub(super) fn accept(&self, m: Message) -> std::io::Result<()> {
        let mut state = self.state();
        state.ledger.append(&LineRef::Message(&m))?;
        state.note_opt_words(&m);
        state.messages.add(m);
        Ok(())
    }

    /// Moves a message one step on; it as it is then, or nothing where it has reached its end.
    pub(super) fn advance(&self, sid: &str) -> Option<Message> {
        let at = self.clock.now();
        let mut state = self.state();
        let m = state.messages.get(sid)?;
        let status = m.next()?;
        let from = m.from.is_none().then(|| SERVICE_SENDER.to_owned());
        let line = StatusLine { sid: sid.to_owned(), status, from, at };
        if let Err(e) = state.ledger.append(&LineRef::Status(&line)) {
            tracing::warn!(message.sid = sid, error = %e, "a status was not written to the sandbox's ledger");
            return None;
        }
        state.messages.advance(sid, status, line.from.as_deref(), at).cloned()
    }

    /// Records a request that the real service would have misunderstood in silence.
    pub(super) fn violation(&self, request: String, problem: String) {
        let v = Violation { at: self.clock.now(), request, problem };
        let mut state = self.state();
        state.violations_total += 1;
        if state.violations.len() < KEPT_MAX {
            if let Err(e) = state.ledger.append(&LineRef::Violation(&v)) {
                tracing::warn!(error = %e, "a violation was not written to the sandbox's ledger");
            }
            state.violations.push(v);
        }
    }

    /// Remembers one try of a callback.
    pub(super) fn note_callback(&self, sid: &str, status: &'static str, http_status: Option<u16>) {
        let record = CallbackRecord { sid: sid.to_owned(), status, http_status, at: self.clock.now() };
        let mut state = self.state();
        if state.callbacks.len() >= KEPT_MAX {
            state.callbacks.pop_front();
        }
        state.callbacks.push_back(record);
    }
}

impl SandboxState {
    fn reload(&mut self, lines: Vec<LedgerLine>) {
        for line in lines {
            match line {
                LedgerLine::Message(m) => {
                    self.note_opt_words(&m);
                    self.messages.add(*m);
                }
                LedgerLine::Status(s) => {
                    self.messages.advance(&s.sid, s.status, s.from.as_deref(), s.at);
                }
                LedgerLine::Call(call) => self.calls.add(*call),
                LedgerLine::CallStep(line) => self.calls.take(&line),
                LedgerLine::Content(c) => self.messages.set_content(&c.sid, c.content),
                LedgerLine::Airtable(change) => self.airtable.reload(*change),
                LedgerLine::Violation(v) => {
                    self.violations_total += 1;
                    self.violations.push(v);
                }
            }
        }
        for m in self.messages.iter().filter(|m| m.on_handset()) {
            *self.texts.entry(m.to.clone()).or_default() += 1;
        }
        self.calls.count_dialled();
    }

    /// Writes a phone call to the ledger, then keeps it. When this fails it was not accepted.
    pub(super) fn accept_call(&mut self, call: VoiceCall) -> std::io::Result<()> {
        self.ledger.append(&LineRef::Call(&call))?;
        self.calls.add(call);
        Ok(())
    }

    /// Writes what happened in a phone call to the ledger, then keeps it; whether that could be done.
    pub(super) fn note_call(&mut self, line: &CallLine) -> bool {
        if let Err(e) = self.ledger.append(&LineRef::CallStep(line)) {
            tracing::warn!(error = %e, "a phone call's step was not written to the sandbox's ledger");
            return false;
        }
        self.calls.take(line);
        true
    }

    /// A list of messages was asked for in vain.
    pub(super) fn note_vain_list(&mut self, at: Timestamp) {
        if self.vain_lists.len() >= KEPT_MAX {
            self.vain_lists.pop_front();
        }
        self.vain_lists.push_back(at);
    }

    /// STOP and START, which the provider itself obeys (`facts/twilio.md` §8).
    fn note_opt_words(&mut self, m: &Message) {
        if m.direction != Direction::Inbound {
            return;
        }
        let Some(from) = &m.from else { return };
        let pair = (from.clone(), m.to.clone());
        if is_opt_out(&m.body) {
            self.opted_out.insert(pair);
        } else if is_opt_in(&m.body) {
            self.opted_out.remove(&pair);
        }
    }
}
