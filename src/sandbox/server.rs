//! The HTTP side: every request goes to [`super::route::answer`], one at a time, on wiremock's thread.
//!
//! Two mocks serve all. wiremock asks the first one's matcher, which does the whole work and keeps the answer; it matches
//! only where the connection must be dropped without one. The second mock matches everything and hands the answer out.
//! wiremock keeps a copy of each matched request as long as its mock is mounted, whatever its recording setting says, so
//! the mocks are mounted anew every [`ROTATE_AFTER`] requests.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Waker};

use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::answer::Response;
use super::route;
use super::state::Shared;

/// How many requests wiremock may keep copies of.
const ROTATE_AFTER: u64 = 2_000;

/// The running wiremock server.
pub(super) struct Server {
    _wiremock: Arc<MockServer>,
}

impl Server {
    /// Serves on `listener` until dropped.
    pub(super) async fn start(listener: std::net::TcpListener, shared: &Arc<Shared>) -> Self {
        let wiremock = Arc::new(MockServer::builder().listener(listener).disable_request_recording().start().await);
        let state = Arc::new(ServerState {
            shared: shared.clone(),
            kept: Mutex::new(None),
            served: AtomicU64::new(0),
            server: OnceLock::new(),
        });
        let _ = state.server.set(Arc::downgrade(&wiremock));
        for mock in state.mocks() {
            wiremock.register(mock).await;
        }
        Self { _wiremock: wiremock }
    }
}

/// Between the matcher, which decides, and the responder, which hands out. wiremock holds its lock from one to the other,
/// so there is never more than one kept answer.
struct ServerState {
    shared: Arc<Shared>,
    kept: Mutex<Option<ResponseTemplate>>,
    served: AtomicU64,
    server: OnceLock<Weak<MockServer>>,
}

#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

struct Decide(Arc<ServerState>);

impl Match for Decide {
    fn matches(&self, request: &Request) -> bool {
        let answer = route::answer(&self.0.shared, request);
        let served = self.0.served.fetch_add(1, Ordering::Relaxed) + 1;
        if served.is_multiple_of(ROTATE_AFTER) {
            self.0.rotate();
        }
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Response::Send(answer) => {
                *kept = Some(answer);
                false
            }
            Response::Drop => true,
        }
    }
}

struct HandOut(Arc<ServerState>);

impl Respond for HandOut {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| ResponseTemplate::new(500))
    }
}

impl ServerState {
    fn mocks(self: &Arc<Self>) -> [Mock; 2] {
        [
            Mock::given(Decide(self.clone())).respond_with_err(|_: &Request| Dropped).with_priority(1),
            Mock::given(wiremock::matchers::any()).respond_with(HandOut(self.clone())).with_priority(2),
        ]
    }

    /// Replaces the mocks, and with them the copies. Called while wiremock holds its lock, which is fair: the unmounting
    /// and both mountings are queued here, before any later request, so that none finds the server without mocks.
    fn rotate(self: &Arc<Self>) {
        let Some(server) = self.server.get().and_then(Weak::upgrade) else { return };
        let mut steps: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::with_capacity(3);
        let unmount = server.clone();
        steps.push(Box::pin(async move { unmount.reset().await }));
        for mock in self.mocks() {
            let server = server.clone();
            steps.push(Box::pin(async move { server.register(mock).await }));
        }
        let mut steps: Vec<_> = steps.into_iter().map(|s| Box::pin(tokio::task::unconstrained(s))).collect();
        let mut nobody = Context::from_waker(Waker::noop());
        steps.retain_mut(|step| step.as_mut().poll(&mut nobody).is_pending());
        self.shared.runtime.spawn(async move {
            for step in steps {
                step.await;
            }
        });
    }
}
