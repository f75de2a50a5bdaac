//! A stand-in for the providers, for drills, demos and other people's integration tests, over HTTP on loopback: Twilio's
//! Messages (create, fetch, list, redact, delete) and Calls (create, fetch, list, change, played to their end), with signed status
//! callbacks, technicians who reply and pick up, faults on demand, and a ledger;
//! an Airtable base with its schema; and voice agents' platforms, which report phone calls and list them.
//!
//! The ledger is the judge of "lost" and "doubled", so nothing here shares code with the client that it judges: the
//! sandbox imports the domain's words, the clock and the ids, and signs its callbacks with an HMAC of its own.
//!
//! After a crash: every accepted message is one line of the ledger file, written before the answer leaves, so that a
//! killed sandbox starts again with the same messages (a power cut may cost the newest lines: there is no fsync here).
//! Messages that had not reached their end go on, with the callbacks that are still to come; a callback or a reply that
//! was just under way is lost, as the real one may be.
//!
//! Bounds: the HTTP server is `wiremock`, which cannot limit a request's size, refuse a connection while it runs, or cut
//! an answer in its middle. Stop the sandbox and start it on the same port and ledger to play a host that is gone.

mod account;
mod account_faults;
mod agents;
mod airtable;
mod answer;
mod armed;
mod callbacks;
mod change;
mod client;
pub(crate) mod config;
mod controls;
mod create;
mod faults;
mod identity;
mod kept_alerts;
mod ledger;
mod messages;
mod people;
mod person;
mod relay;
mod route;
mod server;
mod sinks;
mod state;
mod target;
mod tcp;
#[cfg(test)]
mod tests;
mod twilio;
mod voice;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock as _;

pub use airtable::{AirtableRequests, AirtableRow, BaseAdminAction, BaseShape};
pub use client::{ControlError, control};
pub use config::{SandboxConfig, SandboxError};
pub use faults::{Fault, FaultKind};
pub use identity::{Whose, whose};
pub use ledger::LedgerEntry;
pub use messages::Direction;
pub(crate) use people::twiml_messages;
pub use person::{Person, Reply};
pub use voice::PhoneScript;

use server::Server;
use state::Shared;

/// A running sandbox. Dropping it stops it; [`Sandbox::shutdown`] also waits until the port is free.
pub struct Sandbox {
    addr: SocketAddr,
    relay: Option<SocketAddr>,
    shared: Arc<Shared>,
    server: Option<Server>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Sandbox {
    /// Binds the port, reloads the ledger, and serves on threads of its own (so it lives on while the caller's runtime
    /// is blocked). Messages of an earlier life that had not reached their end go on.
    ///
    /// # Errors
    /// See [`SandboxError`]; nothing is left running.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let listen = config.listen;
        let listener = std::net::TcpListener::bind(listen).map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => SandboxError::PortInUse { addr: listen },
            _ => SandboxError::Listen { addr: listen, source },
        })?;
        let addr = listener.local_addr().map_err(|source| SandboxError::Listen { addr: listen, source })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sandbox")
            .enable_all()
            .build()
            .map_err(SandboxError::Runtime)?;
        let opened = Shared::open(config, runtime.handle().clone()).map(Arc::new).and_then(|shared| {
            let behind = if shared.has_front { behind(listener, &shared) } else { Ok(listener) };
            behind.map(|l| (shared, l)).map_err(|source| SandboxError::Listen { addr, source })
        });
        let (shared, listener) = match opened {
            Ok(opened) => opened,
            Err(e) => {
                runtime.shutdown_background();
                return Err(e);
            }
        };
        let relay = relay::start(addr, listen.port() != 0, &shared);
        let server = Server::start(listener, &shared).await;
        callbacks::resume(&shared);
        voice::resume(&shared);
        Ok(Self { addr, relay, shared, server: Some(server), runtime: Some(runtime) })
    }

    /// `http://127.0.0.1:4010`: what stands for `https://api.twilio.com`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it takes mails; `None`: the port above its own is not free.
    pub fn relay_addr(&self) -> Option<SocketAddr> {
        self.relay
    }

    /// Every message that was accepted, outbound and inbound, oldest first.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.state().messages.iter().map(LedgerEntry::from).collect()
    }

    /// Every phone call that was accepted, oldest first.
    #[cfg(test)]
    fn calls(&self) -> Vec<voice::CallEntry> {
        self.shared.state().calls.iter().map(voice::CallEntry::from).collect()
    }

    /// The ledger as `/_sandbox/ledger` tells it, without the callbacks: for a judge who looks often.
    pub fn texts(&self) -> serde_json::Value {
        controls::texts(&self.shared)
    }

    /// Arms a fault, as `POST /_sandbox/faults` does.
    ///
    /// # Errors
    /// [`SandboxError::Config`] names what cannot work in it.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, SandboxError> {
        self.shared.add_fault(fault).map_err(SandboxError::Config)
    }

    /// Disarms every fault.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// The provider's clock is so far ahead of the machine's from now on, in milliseconds: in what it makes from then on, and in
    /// the `Date` of its answers.
    pub fn set_clock_apart(&self, ms: i64) {
        self.shared.state().apart_ms = ms;
    }

    /// Where technicians' replies are posted from now on.
    ///
    /// # Errors
    /// [`SandboxError::Config`] where it is no absolute http(s) URL.
    pub fn set_inbound_url(&self, url: Option<String>) -> Result<(), SandboxError> {
        self.shared.set_inbound_url(url).map_err(SandboxError::Config)
    }

    /// The rows of a table of the Airtable base, named by name or id, in the order in which they were made.
    pub fn airtable_rows(&self, table: &str) -> Vec<AirtableRow> {
        self.shared.state().airtable.rows(table)
    }

    /// All requests to Airtable since the start.
    pub fn airtable_requests(&self) -> AirtableRequests {
        self.shared.state().airtable.requests().clone()
    }

    /// Does something to the Airtable base by hand, as `POST /_sandbox/airtable` does; what is told of it, e.g. `{"id":…}`.
    ///
    /// # Errors
    /// [`SandboxError::Config`] says what is wrong with it; nothing was changed.
    pub fn airtable_edits(&self, action: BaseAdminAction) -> Result<serde_json::Value, SandboxError> {
        airtable::by_hand(&self.shared, action).map_err(SandboxError::Config)
    }

    /// Stops serving, drops what is under way, closes the ledger and waits (2 s at most) until the port is free again.
    pub async fn shutdown(mut self) {
        self.stop();
        let until = self.shared.clock.now().plus(Duration::from_secs(2));
        while std::net::TcpListener::bind(self.addr).is_err() && self.shared.clock.now() < until {
            self.shared.clock.sleep_until(self.shared.clock.now().plus(Duration::from_millis(5))).await;
        }
    }

    fn stop(&mut self) {
        self.shared.state().ledger.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.server = None;
    }
}

/// Puts the peer in front on `listener`; where the server behind it listens.
fn behind(listener: std::net::TcpListener, shared: &Arc<Shared>) -> std::io::Result<std::net::TcpListener> {
    let behind = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    tcp::start(listener, behind.local_addr()?, shared)?;
    Ok(behind)
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("addr", &self.addr).finish_non_exhaustive()
    }
}
