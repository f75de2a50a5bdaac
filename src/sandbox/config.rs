//! How a sandbox is started, and why it may not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::airtable::BaseShape;
use super::person::Person;

/// The account that the sandbox has where none is configured: of the right shape, and nobody's.
pub const DEFAULT_ACCOUNT_SID: &str = "AC5a9db0c5a9db0c5a9db0c5a9db0c5a9d";
/// The auth token of [`DEFAULT_ACCOUNT_SID`]: signs callbacks and opens the API.
pub const DEFAULT_AUTH_TOKEN: &str = "5a9db0c0ffee5a9db0c0ffee5a9db0c0";
/// The Airtable token where none is configured.
pub const DEFAULT_AIRTABLE_TOKEN: &str = "patSandbox.sandbox-airtable-token";
/// The Airtable base where none is configured.
pub const DEFAULT_AIRTABLE_BASE: &str = "appSandbox0000000";

/// How a sandbox is started.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account: `AC` and 32 hex digits.
    pub account_sid: String,
    /// Signs callbacks, and opens the API together with the account SID.
    pub auth_token: String,
    /// An API key (`SK…`) and its secret that open the API too.
    pub api_key: Option<(String, String)>,
    /// The ledger file; made where there is none, reloaded where there is one.
    pub ledger: PathBuf,
    /// Between two statuses of a message.
    pub pace: Duration,
    /// How long a second of a phone call takes: ringing, speech, pauses, waits for a key.
    pub call_second: Duration,
    /// Where technicians' replies are posted; without it they are only listed.
    pub inbound_url: Option<String>,
    /// Technicians who reply by themselves.
    pub people: Vec<Person>,
    /// Decides every chance (faults with `share` or `coin`, ids, the order of Airtable's unsorted lists).
    pub seed: u64,
    /// Opens the Airtable API.
    pub airtable_token: String,
    /// The base: `app` and 14 letters or digits.
    pub airtable_base: String,
    /// Which base it is, before anybody changes it.
    pub airtable_shape: BaseShape,
    /// With this token Airtable's lists are read past every fault and the rate limit, and nothing counts it: for a judge,
    /// who must neither disturb what is judged nor be disturbed.
    pub airtable_judge: Option<String>,
    /// How long Airtable refuses everything after the sixth request of a second; the real one: 30 s.
    pub airtable_pause: Duration,
    /// Whether a TCP peer stands in front, for the faults of the wire; it sees also whose answers nobody took.
    pub tcp_faults: bool,
}

impl SandboxConfig {
    /// A sandbox with the default account on a free loopback port, statuses 50 ms apart.
    pub fn new(ledger: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account_sid: DEFAULT_ACCOUNT_SID.to_owned(),
            auth_token: DEFAULT_AUTH_TOKEN.to_owned(),
            api_key: None,
            ledger: ledger.into(),
            pace: Duration::from_millis(50),
            call_second: Duration::from_secs(1),
            inbound_url: None,
            people: Vec::new(),
            seed: 1,
            airtable_token: DEFAULT_AIRTABLE_TOKEN.to_owned(),
            airtable_base: DEFAULT_AIRTABLE_BASE.to_owned(),
            airtable_shape: BaseShape::Own,
            airtable_judge: None,
            airtable_pause: Duration::from_secs(30),
            tcp_faults: false,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Another process listens there.
    #[error("port {} of {} is in use", addr.port(), addr.ip())]
    PortInUse {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// Another sandbox writes this ledger.
    #[error("the ledger {} is in use by another sandbox", path.display())]
    LedgerInUse {
        /// The file.
        path: PathBuf,
    },
    /// The ledger cannot be opened or read.
    #[error("cannot use the ledger {}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// A line of the ledger, not the last and torn one, is not one of ours.
    #[error("line {line} of the ledger {} cannot be read", path.display())]
    LedgerDamaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A setting that cannot work.
    #[error("{0}")]
    Config(String),
    /// The background threads could not be started.
    #[error("cannot start the sandbox's threads")]
    Runtime(#[source] std::io::Error),
    /// The client that posts callbacks could not be made.
    #[error("cannot make the client that posts callbacks")]
    Client(#[source] reqwest::Error),
}
