//! Configuration as the rest of the program sees it: checked once, trusted afterwards.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::airtable_types::Airtable;
use super::in_force::Documents;
use super::intake_types::CallListPlace;
use super::origin::{ConfigErrors, ConfigProblem, Origin};
use super::secret_url::SecretUrl;
use super::show::ShowRow;
use super::sink_types::Alerts;
use super::store_types::StoreLocation;
use super::voice_types::Voice;
use crate::domain::PhoneNumber;
use crate::domain::alert::SinkTarget;
use crate::domain::reply::Lexicon;
use crate::domain::settings::Target;
use crate::domain::team::Directory;
use crate::domain::types::Sender;

/// The account of the sandbox where none is configured.
pub const SANDBOX_ACCOUNT_SID: &str = "AC5a4db0c5a4db0c5a4db0c5a4db0c0000";
pub const SANDBOX_AUTH_TOKEN: &str = "sandbox-auth-token";
/// The sender in test mode where none is configured: the one that works with Twilio's test credentials (`facts/twilio.md`).
pub const SANDBOX_FROM: &str = "+15005550006";
/// The sandbox's Airtable token where none is configured.
pub const SANDBOX_AIRTABLE_TOKEN: &str = "patSandbox.sandbox-airtable-token";
pub const SANDBOX_AIRTABLE_BASE_ID: &str = "appSandbox0000000";

/// Whether texts reach people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Real providers.
    Live,
    /// Nothing leaves the machine.
    Test,
}

impl Mode {
    /// As JSON documents say it: `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// What a bearer token may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenScope {
    /// Look.
    Read,
    /// Also dispatch.
    Dispatch,
    /// Also acknowledge, resolve, cancel, reopen.
    Operate,
}

/// A bearer token for `/api`.
#[derive(Debug, Clone)]
pub struct Token {
    /// The actor in the log.
    pub name: String,
    /// What the caller sends.
    pub token: SecretString,
    /// What it may do.
    pub scope: TokenScope,
}

/// The HTTP listeners.
#[derive(Debug, Clone)]
pub struct Server {
    /// The main listener; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A second one that serves `/webhooks` and `/livez` alone.
    pub public_listen: Option<SocketAddr>,
    /// What Twilio calls; without it all rests on polling. In test mode `serve` puts its own address here.
    pub public_url: Option<Url>,
    /// Its host as it was written, where that has capitals: they are signed.
    pub public_host: Option<String>,
    /// Empty only where nothing but this machine can reach the API.
    pub tokens: Vec<Token>,
    /// What stands before every path where a proxy serves us below one; empty: nothing.
    pub base_path: String,
    /// Whose word on where a request came from is taken.
    pub trusted_proxies: Vec<super::network::Network>,
}

impl Server {
    /// Whether others than this machine may reach `/api`: then it must not run without tokens.
    pub fn is_exposed(&self) -> bool {
        !self.listen.ip().is_loopback() || self.public_url.as_ref().is_some_and(|u| !super::forms::is_loopback(u))
    }
}

/// The provider of texts.
#[derive(Debug, Clone)]
pub struct Twilio {
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// Signs webhooks; authenticates requests where there is no API key.
    pub auth_token: SecretString,
    /// Also accepted in signatures, while rotating.
    pub auth_token_previous: Option<SecretString>,
    /// (`SK…`, its secret): authenticates requests.
    pub api_key: Option<(String, SecretString)>,
    /// Who sends where a line names nobody; always present in what [`Config::twilio_required`] returns.
    pub sender: Option<Sender>,
    /// Without credentials, https unless it is this machine.
    pub base_url: Url,
    /// Per sender, in segments; 0 = unlimited.
    pub messages_per_second: f64,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// For a whole request, connection included.
    pub request_timeout: Duration,
    /// `ValidityPeriod`, whole seconds from 1 to 36000.
    pub validity: Duration,
}

/// What to do about an outcome that stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Send again, once a notice, marked as a repeat.
    Resend,
    /// Leave it to the next step; where none follows, alert.
    Hold,
}

/// How messages are followed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// No final status by then: alert.
    pub status_timeout: Duration,
    /// No final status by then: ask Twilio. Over zero.
    pub poll_after: Duration,
    /// How long an unknown outcome is looked for, from the POST's start. Longer than the request timeout.
    pub settle: Duration,
    /// For a first notice.
    pub unknown_first: UnknownPolicy,
    /// For a reminder.
    pub unknown_follow_up: UnknownPolicy,
    /// Texts made for a notice because an earlier one failed in a transient way.
    pub resend_limit: u32,
    /// Before each of them.
    pub resend_pause: Duration,
    /// Whether those who were told hear that it is over.
    pub stand_down: bool,
}

/// A dead-man's switch.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Fetched while the engine is healthy; a secret in itself.
    pub url: SecretUrl,
    /// Where trouble is said at once; `None`: by silence alone.
    pub fail_url: Option<SecretUrl>,
    pub every: Duration,
}

/// The parts whose secrets may be missing or unreadable for commands that do not need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `[twilio]`.
    Twilio,
    /// `[airtable]`.
    Airtable,
    /// `[[server.tokens]]` and `[intake]`: what is let in.
    Server,
    /// `[[alerts.sinks]]` and `[heartbeat]`.
    Alerts,
    /// `[smtp]`.
    Mail,
    /// `calendar` and `calendar_overrides` of `[[rotations]]`.
    Calendars,
}

/// The whole of the settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that was read, as it was named.
    pub file: Option<PathBuf>,
    /// Whether texts reach people.
    pub mode: Mode,
    pub store: StoreLocation,
    /// How many copies of the whole store are kept beside it; 0: none are made.
    pub backups: usize,
    /// How long calls that are over keep what they say of people; `None`: for ever.
    pub retention: Option<std::time::Duration>,
    /// The listeners.
    pub server: Server,
    /// `None` where credentials are missing; ask [`Config::twilio_required`]. Always present in test mode.
    pub twilio: Option<Twilio>,
    /// Where mails go by; `None` where there are none, or it cannot be read here.
    pub smtp: Option<SecretUrl>,
    /// Whether anybody is told by text: where every step is by mail, no provider of texts is needed.
    pub texts: bool,
    /// After this a text is stale, whatever credentials this process can read.
    pub validity: Duration,
    /// How phones are rung.
    pub voice: Voice,
    /// `None` where it is not used, or its token is missing; ask [`Config::airtable_required`].
    pub airtable: Option<Airtable>,
    /// Contacts, lines, policies, templates.
    pub directory: Directory,
    /// Where calendars of who is on call are, as far as this process has their places.
    pub calendars: Vec<super::calendar_types::CalendarAt>,
    /// The words that answer a text.
    pub replies: Arc<Lexicon>,
    /// Gaps ahead.
    pub oncall: crate::domain::oncall::OnCallRules,
    /// Calls whose holder says nothing.
    pub followthrough: crate::domain::rules::FollowthroughRules,
    /// How many texts may go out, and where to.
    pub limits: crate::domain::limits::SpendLimits,
    /// When deferred calls must have been seen, by the clock of their line.
    pub morning: jiff::civil::Time,
    /// Reports by mail, where there are any.
    pub reports: Option<super::report_types::MailedReports>,
    /// When a week ends for reports, where that is said.
    pub week_ends: Option<crate::domain::time_report::WeekEnd>,
    /// How messages are followed.
    pub delivery: Delivery,
    /// When a person is alarmed.
    pub alerts: Alerts,
    /// The dead-man's switch, if there is one.
    pub heartbeat: Option<Heartbeat>,
    /// Who is told of what happens to calls.
    pub events: Vec<super::event_types::EventWebhook>,
    /// The office's page.
    pub board: super::board_types::Board,
    /// The voice agents' platforms whose reports are taken.
    pub intake: super::intake_types::Intake,
    /// The only numbers that a live test may text.
    pub test_numbers: Vec<PhoneNumber>,
    /// Where the sandbox is, or is to be; loopback in test mode.
    pub sandbox_listen: SocketAddr,
    /// What works and is probably not meant; said at start and by `doctor`.
    pub warnings: Vec<String>,
    /// The keys of secrets that stand in files, and in which: whoever may read such a file has them.
    pub secret_files: Vec<(String, PathBuf)>,
    /// What the file says and test mode replaced, one sentence each.
    pub replaced: Vec<String>,
    /// Where each effective key came from.
    pub origins: BTreeMap<String, Origin>,
    /// What of this process's own sources decides, and where its places are.
    pub documents: Documents,
    /// Under settings in force: why this process's own file could not be read, where it could not.
    pub unread: Option<ConfigProblem>,
    /// Whether `[airtable]` is given: changes are mirrored, whether or not this process can read its token.
    pub mirrors: bool,
    pub(super) rows: Vec<ShowRow>,
    pub(super) deferred: Vec<(Part, ConfigProblem)>,
}

impl Config {
    /// Where people reach what is served below `server.base_path`: as `board.url` says, else the public URL where one listener serves
    /// all; `None`: nobody has said.
    pub fn people_reach(&self) -> Option<String> {
        if let Some(url) = &self.board.url {
            return Some(url.as_str().trim_end_matches('/').to_owned());
        }
        let url = self.server.public_url.as_ref().filter(|_| self.server.public_listen.is_none())?;
        Some(format!("{}{}", url.origin().ascii_serialization(), self.server.base_path))
    }

    /// The office's page, where it is served and where that is is known.
    pub fn board_url(&self) -> Option<String> {
        self.people_reach().filter(|_| self.board.is_enabled).map(|base| format!("{base}/board"))
    }

    /// The provider, for a command that needs it.
    ///
    /// # Errors
    /// What is missing or unreadable. Exit code 2.
    pub fn twilio_required(&self) -> Result<&Twilio, ConfigErrors> {
        self.check(&[Part::Twilio])?;
        self.twilio.as_ref().ok_or_else(|| ConfigErrors(Vec::new()))
    }

    /// The mirror, where one is configured, for a command that reads or writes it.
    ///
    /// # Errors
    /// What is missing or unreadable. Exit code 2.
    pub fn airtable_required(&self) -> Result<Option<&Airtable>, ConfigErrors> {
        self.check(&[Part::Airtable])?;
        Ok(self.airtable.as_ref())
    }

    /// Everything that a command may do without and `serve` may not: the secrets of each of these parts are at hand.
    ///
    /// # Errors
    /// What is missing or unreadable. Exit code 2.
    pub fn check(&self, parts: &[Part]) -> Result<(), ConfigErrors> {
        let found: Vec<ConfigProblem> =
            self.deferred.iter().filter(|(part, _)| parts.contains(part)).map(|(_, p)| p.clone()).collect();
        if found.is_empty() { Ok(()) } else { Err(ConfigErrors(found)) }
    }

    /// Shuts the API for whoever comes with a token whose file cannot be read, so that a lost file keeps no call from being followed up.
    /// `nobody_knows`: a secret of chance, so that a listener whose only token is lost is not one without tokens. What was wrong; `None`:
    /// there was nothing of that kind.
    pub fn shut_unreadable_tokens(&mut self, nobody_knows: SecretString) -> Option<ConfigErrors> {
        let of_tokens = |(_, p): &(Part, ConfigProblem)| p.key.starts_with("server.tokens[");
        let (lost, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.deferred).into_iter().partition(of_tokens);
        self.deferred = kept;
        if lost.is_empty() {
            return None;
        }
        self.server.tokens.push(Token { name: "unreadable".to_owned(), token: nobody_knows, scope: TokenScope::Read });
        Some(ConfigErrors(lost.into_iter().map(|(_, p)| p).collect()))
    }

    /// Who is told of changes under these settings, whatever secrets this process can read.
    pub fn targets(&self) -> Vec<Target> {
        let mirror = self.mirrors.then_some(Target::Mirror);
        mirror.into_iter().chain(self.sink_targets().into_iter().map(Target::Sink)).collect()
    }

    /// The alert sinks of these settings, also those whose place this process cannot read.
    pub fn sink_targets(&self) -> Vec<SinkTarget> {
        let mut named = self.documents.sinks();
        // A drill's own, which no file names.
        for sink in self.alerts.targets() {
            if named.iter().all(|n| n.name != sink.name) {
                named.push(sink);
            }
        }
        named
    }

    /// Every effective setting, in the order of the documentation.
    pub fn shown(&self) -> Vec<ShowRow> {
        self.rows.clone()
    }

    /// The sandbox's address as a base URL.
    pub fn sandbox_url(&self) -> Url {
        sandbox_url(self.sandbox_listen)
    }

    /// Says where the sandbox really listens: the base URLs that pointed to the configured place follow it.
    pub fn point_at_sandbox(&mut self, listen: SocketAddr) {
        let (before, now) = (self.sandbox_url(), sandbox_url(listen));
        let before_at = self.sandbox_listen;
        self.sandbox_listen = listen;
        if let (Some(here), Some(relay)) = (SecretUrl::sandbox_relay(before_at), &mut self.smtp)
            && *relay == here
            && let Some(there) = SecretUrl::sandbox_relay(listen)
        {
            *relay = there;
        }
        let twilio = self.twilio.iter_mut().map(|t| &mut t.base_url);
        let airtable = self.airtable.iter_mut().map(|a| &mut a.base_url);
        let lists = self.intake.lists.iter_mut().filter_map(|list| match &mut list.place {
            CallListPlace::Retell { base_url, .. } | CallListPlace::Vapi { base_url, .. } => Some(base_url),
            CallListPlace::Twilio => None,
        });
        for url in twilio.chain(airtable).chain(lists) {
            if *url == before {
                *url = now.clone();
            }
        }
    }
}

/// `http://` and an address, without the scope that an IPv6 address may have.
pub(super) fn sandbox_url(listen: SocketAddr) -> Url {
    #[expect(clippy::expect_used, reason = "a constant")]
    let mut url = Url::parse("http://127.0.0.1").expect("a constant URL");
    // Both fail for URLs without a host alone.
    let set = url.set_ip_host(listen.ip()).and_then(|()| url.set_port(Some(listen.port())));
    debug_assert!(set.is_ok(), "a URL with a host takes an address and a port");
    url
}
