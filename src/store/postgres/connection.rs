//! One connection to the server, used by one thread at a time.
//!
//! It has a runtime of its own, so that a statement is sent and its answer read on the thread that waits for it: nothing hands
//! over between threads. Whoever uses it may block. Every answer is waited for a bounded time; a connection that did not answer in it,
//! or that ended, is used no more.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, SimpleQueryMessage};
use tracing::warn;

use super::connect::connect;
use super::errors::{is_surely_not_committed, meaning, outage, unreachable, with_cause};
use super::pipeline::Pipeline;
use super::statement::PgStatement;
use crate::clock::Stopwatch;
use crate::failpoint::Safeguard;
use crate::store::sql::Connection;
use crate::store::{PostgresUrl, StoreError};

/// How long an answer is waited for beyond what the server itself may wait for a lock.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Begins what is read at one moment.
pub(super) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A first look: who is behind a takeover already is not even tried. What counts is the fence of the commit.
const HOLDER: &str = "SELECT holder FROM engine WHERE slot = 1";

/// An open connection.
pub(in crate::store) struct PgConnection {
    pub(super) client: Client,
    /// Which store it leads to, for people.
    place: String,
    /// Taken when it is dropped, which may be on a thread that must not block.
    runtime: Option<Runtime>,
    pub(super) statements: RefCell<HashMap<String, PgStatement>>,
    /// Those of many sets of values, by the number of the one that they are of; `None`: there is no such form.
    pub(super) of_many: RefCell<HashMap<usize, Option<tokio_postgres::Statement>>>,
    pub(super) pipeline: Pipeline,
    pub(super) changes: Cell<u64>,
    /// An answer did not come: what comes next would be that of another question.
    is_lost: Cell<bool>,
    /// A statement failed, and the server takes no other in this transaction.
    is_failed: Cell<bool>,
    /// Since the server was last asked anything.
    pub(super) silence: RefCell<Stopwatch>,
    /// The server warned of something.
    warned: Arc<AtomicBool>,
    answer_within: Duration,
    /// Whose decisions are in the transaction that is open: it commits only while they hold the lease.
    terms: RefCell<BTreeSet<String>>,
    /// Whether it is one of a store that is open.
    is_in_service: Cell<bool>,
    /// The payloads of the hints that came.
    hints: RefCell<mpsc::UnboundedReceiver<String>>,
}

fn last_word(said: Vec<SimpleQueryMessage>) -> Option<String> {
    let rows = said.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    });
    rows.last().flatten()
}

impl PgConnection {
    /// Connects. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Open`]: the URL cannot be used, or the server refuses this user. [`StoreError::Unreachable`].
    pub(super) fn open(url: &PostgresUrl, lock_within: Duration) -> Result<Self, StoreError> {
        Self::connected(url, lock_within, ANSWER_WITHIN + lock_within)
    }

    /// Connects to a store that this process has opened. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], and whatever is refused is an outage too: it was allowed before, and may be again.
    pub(super) fn again(url: &PostgresUrl, lock_within: Duration) -> Result<Self, StoreError> {
        Self::open_within(url, lock_within, ANSWER_WITHIN + lock_within)
    }

    /// As [`PgConnection::again`], with how long any answer is waited for.
    ///
    /// # Errors
    /// As [`PgConnection::again`].
    pub(super) fn open_within(
        url: &PostgresUrl,
        lock_within: Duration,
        answer_within: Duration,
    ) -> Result<Self, StoreError> {
        let conn = Self::connected(url, lock_within, answer_within).map_err(outage)?;
        conn.serve();
        Ok(conn)
    }

    fn connected(url: &PostgresUrl, lock_within: Duration, answer_within: Duration) -> Result<Self, StoreError> {
        let (runtime, (client, mut connection)) = on_own_runtime(connect(url))?;
        let warned = Arc::new(AtomicBool::new(false));
        let hears = Arc::clone(&warned);
        let (heard, hints) = mpsc::unbounded_channel();
        runtime.spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notice(said)) => {
                        warn!("the store's server says: {}", said.message());
                        hears.store(true, Ordering::Relaxed);
                    }
                    // Nobody may be there any more to hear it.
                    Ok(AsyncMessage::Notification(hint)) => drop(heard.send(hint.payload().to_owned())),
                    Ok(_) => {}
                    // Whoever waits for an answer hears it.
                    Err(_) => return,
                }
            }
        });
        let conn = Self {
            client,
            place: url.to_string(),
            runtime: Some(runtime),
            statements: RefCell::default(),
            of_many: RefCell::default(),
            pipeline: Pipeline::default(),
            changes: Cell::new(0),
            is_lost: Cell::new(false),
            is_failed: Cell::new(false),
            silence: RefCell::new(Stopwatch::start()),
            warned,
            answer_within,
            terms: RefCell::default(),
            is_in_service: Cell::new(false),
            hints: RefCell::new(hints),
        };
        conn.batch(&pins(url.schema(), lock_within, answer_within))?;
        conn.batch(PINS_OF_LATER_VERSIONS)?;
        Ok(conn)
    }

    /// Waits for an answer; one that does not come in time is never waited for again.
    pub(super) fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.answer(answer)?.map_err(|e| {
            self.changes.set(self.changes.get() + 1);
            self.is_failed.set(true);
            let meant = self.meaning(&e);
            if matches!(meant, StoreError::Unreachable { .. } | StoreError::ReadOnly { .. }) {
                // The server ends the connection, or is none that can be written to: the next one is made anew.
                self.is_lost.set(true);
            }
            meant
        })
    }

    fn meaning(&self, e: &tokio_postgres::Error) -> StoreError {
        let meant = meaning(e, &self.place);
        if self.is_in_service.get() { outage(meant) } else { meant }
    }

    /// The answer, be it an error of the server's.
    fn answer<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<Result<T, tokio_postgres::Error>, StoreError> {
        let runtime = self.runtime.as_ref().filter(|_| !self.is_over());
        let runtime = runtime.ok_or_else(|| unreachable("the connection is closed"))?;
        let within = self.answer_within;
        let answer = runtime.block_on(async { tokio::time::timeout(within, answer).await });
        *self.silence.borrow_mut() = Stopwatch::start();
        answer.map_err(|_| {
            self.is_lost.set(true);
            unreachable(format!("no answer in {} s", within.as_secs()))
        })
    }

    /// It is one of a store that is open from now on: what this user is refused ends when somebody mends it.
    pub(super) fn serve(&self) {
        self.is_in_service.set(true);
    }

    /// Names are of this schema from now on.
    pub(super) fn stay_in(&self, schema: &str) -> Result<(), StoreError> {
        self.batch(&format!("SET search_path = {}", search_path(schema)))
    }

    /// See [`Connection::read_on`].
    pub(in crate::store) fn read_on(&self) -> Result<(), StoreError> {
        self.batch(&format!("ROLLBACK; {BEGIN_READ}"))
    }

    /// It is used no more: what is open on it the server takes back.
    pub(super) fn leave(&self) {
        self.is_lost.set(true);
    }

    /// Whether it is closed, or not to be used any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_lost.get() || self.client.is_closed()
    }

    /// Whether the other side has ended it: nothing that is asked on it is answered any more.
    pub(super) fn was_ended(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the change that runs has sent a write, or any statement of the transaction has failed.
    pub(super) fn has_written(&self) -> bool {
        self.is_failed.get() || self.pipeline.has_written()
    }

    /// Grows with each change and with each statement that failed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// So many changes concern nobody: a commit of nothing else gives no hint, and changes no version.
    pub(in crate::store) fn is_no_news(&self, changes: usize) {
        let changes = u64::try_from(changes).unwrap_or(u64::MAX);
        self.changes.set(self.changes.get().saturating_sub(changes));
    }

    /// Statements that take no values and stand for themselves.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        if !sql.starts_with("ROLLBACK") {
            self.flush()?;
        }
        self.pipeline.forget();
        self.wait(self.client.batch_execute(sql))?;
        // What ends a transaction, or goes back in one, ends its failure too.
        self.is_failed.set(false);
        Ok(())
    }

    /// The first value of the last row that a statement without values answers with. Nothing of it is parsed before.
    pub(super) fn word(&self, sql: &str) -> Result<Option<String>, StoreError> {
        self.wait(self.client.simple_query(sql)).map(last_word)
    }

    /// Runs statements that end with the commit; the first value of the last row that any of them answers with.
    ///
    /// # Errors
    /// [`StoreError::Unsure`]: no answer came, or one by which nobody can tell; others: nothing was committed.
    pub(super) fn commit(&self, sql: &str) -> Result<Option<String>, StoreError> {
        self.flush()?;
        self.pipeline.forget();
        if self.is_failed.get() {
            // The server would take it back and call that no error.
            return Err(StoreError::Refused { what: "a statement of the transaction failed".into() });
        }
        self.warned.store(false, Ordering::Relaxed);
        let unsure = |what: String| {
            self.is_lost.set(true);
            StoreError::Unsure { what }
        };
        match self.answer(self.client.simple_query(sql)) {
            // "canceling wait for synchronous replication" is a success to the protocol.
            Ok(Ok(_)) if self.warned.load(Ordering::Relaxed) => Err(unsure("the server warned at the commit".into())),
            Ok(Ok(said)) => Ok(last_word(said)),
            Ok(Err(e)) if is_surely_not_committed(&e) => Err(self.meaning(&e)),
            Ok(Err(e)) => Err(unsure(with_cause(&e))),
            Err(e) => Err(unsure(e.to_string())),
        }
    }

    /// Waits so long for a hint that is not of this payload; whether one came.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`]: the connection is over.
    pub(super) fn hears(&self, own: &str, within: Duration) -> Result<bool, StoreError> {
        let runtime = self.runtime.as_ref().filter(|_| !self.is_over());
        let runtime = runtime.ok_or_else(|| unreachable("the connection is closed"))?;
        let mut hints = self.hints.borrow_mut();
        let heard = runtime.block_on(async {
            let others = async {
                loop {
                    match hints.recv().await {
                        Some(by) if by == own => {}
                        other => return other.is_some(),
                    }
                }
            };
            tokio::time::timeout(within, others).await
        });
        match heard {
            Ok(true) => Ok(true),
            Ok(false) => Err(unreachable("the connection is closed")),
            Err(_) => Ok(false),
        }
    }

    /// The transaction that is open commits only while this term holds the lease, which it does now.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]: it does not any more; nothing was written.
    pub(super) fn fence(&self, term: &str) -> Result<(), StoreError> {
        if Safeguard::Fence.is_off() || self.terms.borrow().contains(term) {
            return Ok(());
        }
        let holder: Option<String> = Connection::Postgres(self).prepare_cached(HOLDER)?.query_row([], |r| r.get(0))?;
        if holder.as_deref() != Some(term) {
            return Err(StoreError::Fenced);
        }
        self.terms.borrow_mut().insert(term.to_owned());
        Ok(())
    }

    /// No decision is in the transaction that begins.
    pub(super) fn without_fence(&self) {
        self.terms.borrow_mut().clear();
    }

    /// What a commit begins with: statements that end it where a term is over.
    pub(super) fn fences(&self) -> String {
        // A term is of letters, digits and `_`: see where the lease is taken.
        self.terms.borrow().iter().map(|term| format!("SELECT fence('{term}'); ")).collect()
    }
}

/// The path that leads to this schema alone.
fn search_path(schema: &str) -> String {
    format!("\"{}\", pg_temp", schema.replace('"', "\"\""))
}

/// What each session is told, whatever an operator has set for the role or the database: our statements rely on it.
fn pins(schema: Option<&str>, lock_within: Duration, answer_within: Duration) -> String {
    // What nobody waits for any more ends by itself.
    let statement_within = answer_within.saturating_add(Duration::from_secs(1)).as_millis();
    let lock_within = lock_within.as_millis();
    // Each statement of ours walks an index from a few rows, as SQLite does: a server that has not counted its tables yet would read them
    // whole, and goes on so for as long as it keeps a plan that it made while they were empty. Where it has to, it must not think that dear
    // enough to be compiled: that takes longer than all else.
    // An answer is given after the commit is on the server's disk. A process that was stopped inside a transaction keeps the others
    // waiting for two seconds at most.
    let pins = format!(
        "SET statement_timeout = {statement_within}; SET lock_timeout = {lock_within}; \
         SET idle_in_transaction_session_timeout = '2s'; SET synchronous_commit = on; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off; \
         SET client_min_messages = warning; SET standard_conforming_strings = on; SET transform_null_equals = off; \
         SET bytea_output = hex; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET enable_seqscan = off; SET jit = off; \
         SET enable_hashjoin = off; SET enable_mergejoin = off"
    );
    // A process that connects again stays with the schema in which it has opened its store, wherever a new search path leads.
    match schema {
        Some(schema) => format!("{pins}; SET search_path = {}", search_path(schema)),
        None => pins,
    }
}

/// The same of what PostgreSQL has since 14 and 17: that a connection is idle, or a migration takes its time, is no fault.
const PINS_OF_LATER_VERSIONS: &str = "SELECT set_config(name, '0', false) FROM pg_settings
    WHERE name IN ('idle_session_timeout', 'transaction_timeout') AND setting <> '0'";

/// What comes of this, with the runtime that it lives on. Where it fails, whatever it left waiting is left: a name server that does not
/// answer would otherwise keep this thread for as long as the system asks it.
fn on_own_runtime<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<(Runtime, T), StoreError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| unreachable(e.to_string()))?;
    match runtime.block_on(work) {
        Ok(made) => Ok((runtime, made)),
        Err(e) => {
            runtime.shutdown_background();
            Err(e)
        }
    }
}

impl Drop for PgConnection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_does_not_answer_keeps_nobody_longer_than_the_host_is_given() {
        // As tokio asks for the addresses of a name: a thread that no timeout ends.
        let (never, asked) = std::sync::mpsc::channel::<()>();
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let resolved = on_own_runtime(async {
                let resolving = tokio::task::spawn_blocking(move || asked.recv());
                tokio::time::timeout(Duration::from_millis(1), resolving).await.map_err(|_| unreachable("no answer"))
            });
            done.send(resolved.is_err())
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(true));
        drop(never);
    }
}
