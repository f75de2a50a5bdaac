//! The last look at a permit: on the connection that is open, before the first byte of a request is written to it.
//!
//! A connection that comes too late is an error of the connector, and so surely nothing was sent.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::{Layer, Service};
use tracing::debug;

use crate::clock::{Clock as _, Permit, SystemClock};
use crate::failpoint;

/// What is left of a permit when the first byte is written.
pub(super) const LEFT_MIN: Duration = Duration::from_millis(200);

/// How the log says that a request begins, with the time of the boot clock and what was left of its permit then.
pub const REQUEST_BEGINS: &str = "a request to the provider begins within its permit";

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Around the connector of a client that writes.
#[derive(Debug, Clone)]
pub(super) struct PermitLayer(pub(super) Permit);

/// See [`PermitLayer`].
#[derive(Debug, Clone)]
pub(super) struct PermitConnector<S> {
    connector: S,
    permit: Permit,
}

#[derive(Debug, thiserror::Error)]
#[error("this process may not be the engine any more: nothing was sent")]
struct Ended;

impl<S> Layer<S> for PermitLayer {
    type Service = PermitConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        PermitConnector { connector, permit: self.0.clone() }
    }
}

impl<S, R> Service<R> for PermitConnector<S>
where
    S: Service<R, Error = Failure>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let (connected, permit) = (self.connector.call(to), self.permit.clone());
        Box::pin(async move {
            let connection = connected.await?;
            let boot = SystemClock.boot();
            match permit.lasts(LEFT_MIN) {
                true => {
                    if let Some(left) = permit.left() {
                        debug!(boot_ms = ms(boot), left_ms = ms(left), "{REQUEST_BEGINS}");
                    }
                    failpoint::hit("post.permitted");
                    Ok(connection)
                }
                false => Err(Ended.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// A connector that takes so long, and then is there.
    fn connector(
        takes: Duration,
    ) -> impl Service<(), Response = &'static str, Error = Failure, Future: Send + 'static> {
        tower::service_fn(move |()| async move {
            SystemClock.sleep_until(SystemClock.now().plus(takes)).await;
            Ok("open")
        })
    }

    #[tokio::test]
    async fn a_permit_that_ends_while_a_connection_is_opened_lets_nothing_be_written_to_it() {
        let within = |ms| Permit::until(SystemClock.boot() + Duration::from_millis(ms));
        for (label, permit, takes, is_open) in [
            ("a quick one", within(5_000), Duration::ZERO, true),
            ("a slow one", within(400), Duration::from_millis(300), false),
            ("the last moments", within(100), Duration::ZERO, false),
            ("without end", Permit::endless(), Duration::from_millis(10), true),
        ] {
            let mut service = PermitLayer(permit).layer(connector(takes));
            let done = service.call(()).await;
            assert_eq!(done.is_ok(), is_open, "{label}: {done:?}");
        }
        let lost = within(60_000);
        let mut service = PermitLayer(lost.clone()).layer(connector(Duration::from_millis(50)));
        let opened = service.call(());
        lost.end();
        assert!(opened.await.is_err(), "its lease was lost meanwhile");
    }
}
