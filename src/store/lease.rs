//! Who is the engine of a store: at most one process at a time.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::error::StoreError;
use crate::clock::Permit;

/// The right to be the engine of a store, from [`Control::take_lease`](super::Control::take_lease) until it is dropped or its
/// process has ended: a term. On a store that several machines share it may also be lost while its process lives.
#[async_trait]
pub trait Lease: fmt::Debug + Send + Sync {
    /// The term, a new one each time; the owner of its claims. `None`: the lease is an OS lock, which has no terms.
    fn term(&self) -> Option<&str>;
    /// Until when whoever holds it may begin what must not be done twice.
    fn permit(&self) -> Permit;
    /// Fires when the term is over, and in doubt: whoever holds it then decides nothing more, and finishes what it has begun.
    fn lost(&self) -> CancellationToken;
    /// From now on the term lasts only as long as this says yes: looked at before each renewal, on a thread of its own, so that loops
    /// that hang cannot keep the others from taking over. An OS lock is held as long as its process lives.
    fn only_while(&self, works: Works);
    /// Ends the term, so that another process need not wait for its end. To be called when nothing is decided or begun any more.
    /// Where it cannot be said, the others wait.
    async fn release(&self);
    /// Makes it seen again by other processes, where somebody removed its sign. Called several times a second by the engine.
    ///
    /// # Errors
    /// [`LeaseError`]: the sign cannot be kept; the right itself stays.
    async fn keep(&self) -> Result<(), LeaseError>;
}

/// How the log says that a term begins, with the time of the boot clock before it was asked for.
pub(crate) const LEASE_TAKEN: &str = "the lease is taken";

/// This machine's name, for people.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether the work of whoever holds a lease goes on. Must not block.
pub type Works = Box<dyn Fn() -> bool + Send + Sync>;

/// A holder whose last sign of life is older is gone, for commands and people: its permit is over.
const SEEN_MAX: Duration = Duration::from_millis(3_500);

/// How often a holder gives a sign of life, where its lock is none.
pub(super) const SIGN_EVERY: Duration = Duration::from_secs(1);
/// Its way to the store takes some time.
const SIGN_SEEN_WITHIN: Duration = Duration::from_millis(100);

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `serve`, `send`…
    pub role: String,
    /// Its process.
    pub pid: u32,
    /// Its machine, where that may be another one.
    pub host: Option<String>,
    /// How long ago it gave its last sign of life, by the store's own clock; `None`: its lock is the sign.
    pub silent_for: Option<Duration>,
}

impl Holder {
    /// Whether it holds the lease still, as far as commands and people are concerned.
    pub fn is_seen(&self) -> bool {
        self.silent_for.is_none_or(|ago| ago <= SEEN_MAX)
    }

    /// How soon its next sign of life should be there, at least `least`; a question before then finds what the last one found. By the
    /// store's clock, which may be set: never more than a second and a little away.
    pub fn next_sign_in(&self, least: Duration) -> Duration {
        let all = SIGN_EVERY + SIGN_SEEN_WITHIN;
        self.silent_for.map_or(least, |ago| all.saturating_sub(ago).max(least))
    }

    /// Whether it has given a sign of life since somebody began to look, so long ago.
    pub fn is_renewed(&self, looked_for: Duration) -> bool {
        self.silent_for.is_none_or(|ago| ago < looked_for)
    }

    /// A process of this machine, which lives.
    pub fn of_this_machine(role: impl Into<String>, pid: u32) -> Self {
        Self { role: role.into(), pid, host: None, silent_for: None }
    }
}

/// For a sentence.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, process {}", self.role, self.pid)?;
        self.host.as_ref().map_or(Ok(()), |host| write!(f, " on {host}"))
    }
}

/// Why a lease could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process works on this store.
    #[error("the store is held by another engine ({})", .0.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string))]
    Held(Option<Holder>),
    /// The file cannot be made or locked.
    #[error("the engine lock {path} cannot be taken")]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The store does not say who holds it.
    #[error("the lease of the store cannot be taken")]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_on_a_server_lives_once_it_has_renewed_its_lease_under_our_eyes() {
        let seen = |ago_ms| Holder {
            host: Some("north".into()),
            silent_for: Some(Duration::from_millis(ago_ms)),
            ..Holder::of_this_machine("serve", 7)
        };
        let looked_for = Duration::from_millis;
        assert!(!seen(0).is_renewed(looked_for(0)), "it may have been killed just now");
        assert!(!seen(900).is_renewed(looked_for(600)), "that sign was given before");
        assert!(seen(100).is_renewed(looked_for(600)));
        assert!(Holder::of_this_machine("serve", 7).is_renewed(looked_for(0)), "an OS lock ends with its process");
    }

    #[test]
    fn a_look_waits_for_the_next_sign_and_no_longer_than_that() {
        let (ms, least) = (Duration::from_millis, Duration::from_millis(240));
        for (silent, next) in [(Some(0), 1_100), (Some(60), 1_040), (Some(900), 240), (Some(90_000), 240), (None, 240)]
        {
            let holder = Holder { silent_for: silent.map(ms), ..Holder::of_this_machine("serve", 7) };
            assert_eq!(holder.next_sign_in(least), ms(next), "silent for {silent:?}");
        }
    }
}
