//! What a process answers while it waits for its store: it lives, and takes nothing yet. Nothing is read of a request but its head,
//! nothing is kept of it, and whoever asked may ask again.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::clock::{Clock as _, SystemClock};
use crate::ids::Ids;

use super::problem::Problem;
use super::request::{finished, json as json_answer};
use super::request_ids::RequestIds;
use super::server::{ACCEPT_PAUSE, BindError, bind, connection};
use super::state::HttpLimits;

/// How many are answered at a time; others wait in the system's queue.
const AT_ONCE: usize = 64;

/// A listener that answers 503, and on `/livez` 200, until it is taken over.
pub struct Waiting {
    stop: CancellationToken,
    answering: JoinHandle<TcpListener>,
    addr: SocketAddr,
}

impl Waiting {
    /// Takes the address and begins to answer. `mode`: the word of documents.
    ///
    /// # Errors
    /// [`BindError`], which names the address.
    pub async fn begin(addr: SocketAddr, mode: &'static str) -> Result<Self, BindError> {
        let listener = bind(addr).await?;
        let addr = listener.local_addr().unwrap_or(addr);
        let stop = CancellationToken::new();
        Ok(Self { answering: tokio::spawn(answer(listener, mode, stop.clone())), stop, addr })
    }

    /// The listener, for whoever serves from now on; what comes meanwhile waits in its queue.
    ///
    /// # Errors
    /// [`BindError`]: it was lost, and the address cannot be taken again.
    pub async fn end(self) -> Result<TcpListener, BindError> {
        self.stop.cancel();
        match self.answering.await {
            Ok(listener) => Ok(listener),
            Err(_) => bind(self.addr).await,
        }
    }
}

async fn answer(listener: TcpListener, mode: &'static str, stop: CancellationToken) -> TcpListener {
    let lives = async move || json_answer(StatusCode::OK, &json!({ "status": "ok", "mode": mode }));
    let ids = Arc::new(RequestIds::of(&Ids::random(), SystemClock.now()));
    let finish = move |request: Request, next: Next| {
        let id = ids.next();
        async move { finished(next.run(request).await, &id, mode) }
    };
    let router = Router::new().route("/livez", get(lives)).fallback(too_early).layer(from_fn(finish));
    let limits = HttpLimits::default();
    let (seats, connections) = (Arc::new(Semaphore::new(AT_ONCE)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async { (seats.clone().acquire_owned().await, listener.accept().await) } => accepted,
        };
        match accepted {
            (Ok(seat), Ok(accepted)) => {
                let connection = connection(accepted, router.clone(), limits.clone(), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
            (_, Err(e)) => {
                warn!(error = %e, "cannot accept a connection");
                let clock = SystemClock;
                clock.sleep_until(clock.now().plus(ACCEPT_PAUSE)).await;
            }
            (Err(_), _) => break,
        }
    }
    connections.close();
    let _ = tokio::time::timeout(limits.drain, connections.wait()).await;
    listener
}

async fn too_early() -> Problem {
    let detail = "The store's server cannot be reached, and this process has just started: it waits for it. Nothing was \
                  recorded; make the same request again.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .kind("store-unavailable", "The store cannot be reached")
        .header(header::RETRY_AFTER, HeaderValue::from_static("2"))
}
