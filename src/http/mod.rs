//! The HTTP interface of `serve`: delivery receipts and replies in, dispatches and decisions in, calls, log and health out.
//!
//! What is answered with success is durable; a request that is cut off before its answer was either recorded whole or not at
//! all, and may be made again. No request reaches a provider from here, keeps a thread, or stays for longer than [`HttpLimits`].
//! `cli::serve` makes the state and starts a listener or two over it.
//!
//! `public_url` is what the provider calls. Where it has a path, webhooks are served with that path before them and without it:
//! some proxies take a prefix off, others do not.

mod api;
mod auth;
mod board;
mod calls;
mod dispatch;
mod feed;
mod first_head;
mod intake;
mod links;
mod metrics;
mod oncall;
mod ops;
mod problem;
#[cfg(feature = "drills")]
pub(crate) mod properties;
mod refusals;
mod request;
mod request_ids;
mod routes;
mod server;
mod snapshot;
mod stall;
mod state;
#[cfg(test)]
mod tests;
mod voice;
mod waiting;
mod webhooks;

pub use metrics::names::METRICS;
#[cfg(test)]
pub use server::serve;
pub use server::{BindError, KeptListener, bind, serve_kept};
pub use state::{BoardSettings, HttpDeps, HttpSettings, HttpState, REFUSAL_ALERTS, Surface, keep_refusal_alerts};
pub use waiting::Waiting;
pub use webhooks::{PROBE, probe_proof};
