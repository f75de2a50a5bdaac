//! Listeners: HTTP/1 connections with bounds on every wait, and a stop that lets requests under way finish.
//!
//! `axum::serve` bounds neither the time for a request's head nor the number of connections; this does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, info, warn};

use crate::engine::beside::LoopBeat;

use super::auth::Peer;
use super::first_head;
use super::routes::router;
use super::stall::StallLimited;
use super::state::{HttpLimits, HttpState, Surface};

/// The most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header lines.
const HEADERS_MAX: usize = 64;
/// After an error of the listener itself, such as too many open files.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest round of the loop that accepts.
const ROUND_MAX: Duration = Duration::from_secs(1);

/// Why a listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error("the address {addr} is in use")]
    InUse { addr: SocketAddr },
    /// Anything else.
    #[error("cannot listen on {addr}")]
    Other {
        addr: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

/// Takes an address; port 0 takes a free one. Connections queue from here on, to be answered by [`serve`].
///
/// # Errors
/// [`BindError`], which names the address.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => BindError::InUse { addr },
        _ => BindError::Other { addr, source },
    })
}

/// As [`serve_kept`], once.
#[cfg(test)]
pub async fn serve(listener: TcpListener, surface: Surface, state: Arc<HttpState>, stop: CancellationToken) {
    serve_kept(KeptListener::of(listener), surface, state, None, stop).await;
}

/// A listener that outlives a loop that dies: connections queue meanwhile. So do the connections that were accepted: whoever serves
/// it next counts them among its own, and a stop waits for them.
#[derive(Clone)]
pub struct KeptListener(Arc<Kept>);

struct Kept {
    listener: Mutex<Option<Arc<TcpListener>>>,
    /// As many as may be open at a time.
    seats: OnceLock<Arc<Semaphore>>,
    connections: TaskTracker,
    /// The time to stop is over.
    cut: CancellationToken,
}

impl KeptListener {
    pub fn of(listener: TcpListener) -> Self {
        Self(Arc::new(Kept {
            listener: Mutex::new(Some(Arc::new(listener))),
            seats: OnceLock::new(),
            connections: TaskTracker::new(),
            cut: CancellationToken::new(),
        }))
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<TcpListener>>> {
        self.0.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn open_connections(&self) -> usize {
        self.0.connections.len()
    }

    fn seats(&self, limits: &HttpLimits) -> Arc<Semaphore> {
        let seats = || Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        self.0.seats.get_or_init(seats).clone()
    }
}

/// Answers connections until `stop`; then accepts no more, lets requests under way finish within [`HttpLimits::drain`], and cuts
/// the rest. Several listeners may share a state; they stop together.
pub async fn serve_kept(
    kept: KeptListener,
    surface: Surface,
    state: Arc<HttpState>,
    beat: Option<LoopBeat>,
    stop: CancellationToken,
) {
    let Some(listener) = kept.held().clone() else { return };
    let router = router(surface, state.clone());
    let limits = state.settings.limits.clone();
    let seats = kept.seats(&limits);
    let (connections, cut) = (&kept.0.connections, &kept.0.cut);
    let clock = state.core.clock.clone();
    loop {
        if let Some(beat) = &beat {
            beat.round().await;
        }
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Also where nobody comes, or nobody more can be served: it lives.
            () = clock.sleep_until(clock.now().plus(ROUND_MAX)) => continue,
            accepted = async {
                // Taken before accepting: a connection that cannot be served waits in the system's queue, not here.
                let seat = seats.clone().acquire_owned().await;
                (listener.accept().await, seat)
            } => accepted,
        };
        match accepted {
            (Ok((stream, peer)), Ok(seat)) => {
                let connection = connection((stream, peer), router.clone(), limits.clone(), stop.clone());
                let cut = cut.clone();
                connections.spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = cut.cancelled() => debug!("a connection was cut: the time to stop is over"),
                    }
                    drop(seat);
                });
            }
            (Err(e), _) if is_of_one_connection(&e) => {}
            (Err(e), _) => {
                warn!(error = %e, "cannot accept a connection");
                clock.sleep_until(clock.now().plus(ACCEPT_PAUSE)).await;
            }
            (_, Err(_)) => break,
        }
    }
    kept.held().take();
    drop(listener);
    state.closing.cancel();
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        info!(open = connections.len(), "connections are cut: the time to stop is over");
        cut.cancel();
        connections.wait().await;
    }
}

pub(super) async fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
) {
    // Small answers go out at once; without this only a little time is lost.
    let _ = stream.set_nodelay(true);
    let mut read = Vec::new();
    let end = tokio::time::Instant::now() + limits.head;
    let begun = tokio::select! {
        begun = tokio::time::timeout_at(end, first_head::read_to(&stream, &mut read, HEAD_BYTES_MAX)) => Some(begun),
        () = stop.cancelled() => None,
    };
    let begun = match begun {
        Some(begun) => begun,
        // A request that has begun may finish.
        None if read.is_empty() => return,
        None => tokio::time::timeout_at(end, first_head::read_to(&stream, &mut read, HEAD_BYTES_MAX)).await,
    };
    match begun {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return,
        Ok(Err(e)) => return debug!(error = %e, "a connection ended early"),
        Err(_) => return debug!("a connection was cut: it has sent no whole head"),
    }
    // Apart: until here it costs next to nothing.
    Box::pin(answer_requests((stream, read, peer), router, limits, stop)).await;
}

/// Answers what comes on a connection, of which this much was read already.
async fn answer_requests(
    (stream, read, peer): (TcpStream, Vec<u8>, SocketAddr),
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        async move { Ok::<_, Infallible>(answered(router.oneshot(request).await)) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(true)
        // Whoever sends a request and hangs up has sent it: it is done all the same.
        .half_close(true);
    let io = TokioIo::new(StallLimited::new(stream, limits.write_stall).after(read));
    let served = http.serve_connection(io, service);
    tokio::pin!(served);
    let ended = tokio::select! {
        // What was read is seen before a stop is: a request that has begun is answered.
        biased;
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(e) = ended {
        debug!(error = %e, "a connection ended early");
    }
}

fn answered(result: Result<axum::response::Response, Infallible>) -> axum::response::Response {
    match result {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Errors of a connection that went away before it was accepted.
fn is_of_one_connection(e: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
