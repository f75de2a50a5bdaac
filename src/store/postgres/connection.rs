//! One connection to the server, used by one thread at a time.
//!
//! It has a runtime of its own, so that a statement is sent and its answer read on the thread that waits for it: nothing hands
//! over between threads. Whoever uses it may block. Every answer is waited for a bounded time; a connection that did not answer in it,
//! or that ended, is used no more.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row};
use tracing::warn;

use super::dialect::{is_read, translated};
use super::errors::{is_surely_not_committed, meaning, unreachable, with_cause};
use super::values::sent;
use crate::domain::mail::is_this_machine;
use crate::store::sql::Params;
use crate::store::{Password, PostgresUrl, StoreError};

/// How long an answer is waited for beyond what the server itself may wait for a lock.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// How long sent bytes may stay without an acknowledgement.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(3);
const KEEPALIVE: Duration = Duration::from_secs(1);
const KEEPALIVES: u32 = 3;
/// More than any password has.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// A statement that the server has parsed.
#[derive(Clone)]
pub(in crate::store) struct PgStatement {
    statement: tokio_postgres::Statement,
    is_read: bool,
}

/// An open connection.
pub(in crate::store) struct PgConnection {
    client: Client,
    /// Taken when it is dropped, which may be on a thread that must not block.
    runtime: Option<Runtime>,
    statements: RefCell<HashMap<String, PgStatement>>,
    changes: Cell<u64>,
    /// An answer did not come: what comes next would be that of another question.
    is_lost: Cell<bool>,
    /// A statement failed, and the server takes no other in this transaction.
    is_failed: Cell<bool>,
    /// The server warned of something.
    warned: Arc<AtomicBool>,
    answer_within: Duration,
}

impl PgConnection {
    /// Connects. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Open`]: the URL cannot be used, or the server refuses this user. [`StoreError::Unreachable`].
    pub(super) fn open(url: &PostgresUrl, lock_within: Duration) -> Result<Self, StoreError> {
        let config = config(url)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| unreachable(e.to_string()))?;
        let connecting = async { tokio::time::timeout(ANSWER_WITHIN, config.connect(NoTls)).await };
        let connected = runtime.block_on(connecting).map_err(|_| unreachable("no answer to a connection"))?;
        let (client, mut connection) = connected.map_err(|e| not_connected(url, &e))?;
        let warned = Arc::new(AtomicBool::new(false));
        let hears = Arc::clone(&warned);
        runtime.spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notice(said)) => {
                        warn!("the store's server says: {}", said.message());
                        hears.store(true, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    // Whoever waits for an answer hears it.
                    Err(_) => return,
                }
            }
        });
        let conn = Self {
            client,
            runtime: Some(runtime),
            statements: RefCell::default(),
            changes: Cell::new(0),
            is_lost: Cell::new(false),
            is_failed: Cell::new(false),
            warned,
            answer_within: ANSWER_WITHIN + lock_within,
        };
        // An answer is given after the commit is on the server's disk, whatever the server's usual is. A process that was stopped
        // inside a transaction keeps the others waiting for so long at most.
        conn.batch(&format!(
            "SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '2s'; SET lock_timeout = {}; \
             SET client_min_messages = warning; SET standard_conforming_strings = on; SET bytea_output = hex",
            lock_within.as_millis()
        ))?;
        Ok(conn)
    }

    /// Waits for an answer; one that does not come in time is never waited for again.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        self.answer(answer)?.map_err(|e| {
            self.changes.set(self.changes.get() + 1);
            self.is_failed.set(true);
            let meant = meaning(&e);
            if matches!(meant, StoreError::Unreachable { .. }) {
                // The server ends the connection, or is none that can be written to: the next one is made anew.
                self.is_lost.set(true);
            }
            meant
        })
    }

    /// The answer, be it an error of the server's.
    fn answer<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<Result<T, tokio_postgres::Error>, StoreError> {
        let runtime = self.runtime.as_ref().filter(|_| !self.is_over());
        let runtime = runtime.ok_or_else(|| unreachable("the connection is closed"))?;
        let within = self.answer_within;
        runtime.block_on(async { tokio::time::timeout(within, answer).await }).map_err(|_| {
            self.is_lost.set(true);
            unreachable(format!("no answer in {} s", within.as_secs()))
        })
    }

    /// Whether it is closed, or not to be used any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_lost.get() || self.client.is_closed()
    }

    /// Grows with each change and with each statement that failed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Statements that take no values and stand for themselves.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.wait(self.client.batch_execute(sql))?;
        // What ends a transaction, or goes back in one, ends its failure too.
        self.is_failed.set(false);
        Ok(())
    }

    /// Runs statements that end with the commit.
    ///
    /// # Errors
    /// [`StoreError::Unsure`]: no answer came, or one by which nobody can tell; others: nothing was committed.
    pub(super) fn commit(&self, sql: &str) -> Result<(), StoreError> {
        if self.is_failed.get() {
            // The server would take it back and call that no error.
            return Err(StoreError::Refused { what: "a statement of the transaction failed".into() });
        }
        self.warned.store(false, Ordering::Relaxed);
        let unsure = |what: String| {
            self.is_lost.set(true);
            StoreError::Unsure { what }
        };
        match self.answer(self.client.batch_execute(sql)) {
            // "canceling wait for synchronous replication" is a success to the protocol.
            Ok(Ok(())) if self.warned.load(Ordering::Relaxed) => Err(unsure("the server warned at the commit".into())),
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) if is_surely_not_committed(&e) => Err(meaning(&e)),
            Ok(Err(e)) => Err(unsure(with_cause(&e))),
            Err(e) => Err(unsure(e.to_string())),
        }
    }

    /// Parsed once a connection.
    pub(in crate::store) fn prepare(&self, sql: &str) -> Result<PgStatement, StoreError> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.wait(self.client.prepare(&translated(sql)))?;
        let prepared = PgStatement { statement, is_read: is_read(sql) };
        self.statements.borrow_mut().insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    pub(in crate::store) fn query(&self, of: &PgStatement, with: &impl Params) -> Result<Vec<Row>, StoreError> {
        let values = sent(with)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        checked(of, values.len())?;
        let rows = self.wait(self.client.query(&of.statement, &values))?;
        if !of.is_read {
            self.changes.set(self.changes.get() + 1);
        }
        Ok(rows)
    }

    pub(in crate::store) fn execute(&self, of: &PgStatement, with: &impl Params) -> Result<usize, StoreError> {
        let values = sent(with)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        checked(of, values.len())?;
        let changed = self.wait(self.client.execute(&of.statement, &values))?;
        self.changes.set(self.changes.get() + changed);
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }
}

/// The client's own check is a panic.
fn checked(of: &PgStatement, values: usize) -> Result<(), StoreError> {
    let takes = of.statement.params().len();
    if takes == values {
        return Ok(());
    }
    Err(StoreError::Refused { what: format!("a statement takes {takes} values, not {values}") })
}

impl Drop for PgConnection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn config(url: &PostgresUrl) -> Result<Config, StoreError> {
    let mut config: Config = url.whole().parse().map_err(|e: tokio_postgres::Error| StoreError::Open {
        path: url.to_string().into(),
        source: with_cause(&e).into(),
    })?;
    let is_local =
        config.get_hosts().iter().all(is_of_this_machine) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    if !is_local {
        let source = "only a server of this machine can be used: what goes to another one must be encrypted".into();
        return Err(StoreError::Open { path: url.to_string().into(), source });
    }
    match url.password() {
        Password::None => {}
        Password::Text(text) => drop(config.password(text)),
        Password::File(path) => drop(config.password(password_in(path, url)?)),
    }
    config
        .application_name("dispatchctl")
        .connect_timeout(CONNECT_WITHIN)
        .tcp_user_timeout(UNACKNOWLEDGED_MAX)
        .keepalives(true)
        .keepalives_idle(KEEPALIVE)
        .keepalives_interval(KEEPALIVE)
        .keepalives_retries(KEEPALIVES)
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .ssl_mode(SslMode::Disable);
    Ok(config)
}

fn is_of_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => is_this_machine(name),
    }
}

/// As it is at this moment: whoever changes a password changes the file, and no process needs a new start.
fn password_in(path: &Path, url: &PostgresUrl) -> Result<String, StoreError> {
    let wrong = |what: String| StoreError::Open { path: url.to_string().into(), source: what.into() };
    let text = File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map(|_| text)
    });
    let text = text.map_err(|e| wrong(format!("the password's file {} cannot be read: {e}", path.display())))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(wrong(format!("the password's file {} is empty", path.display()))),
        password => Ok(password.to_owned()),
    }
}

/// A password that is wrong and a database that is not there are not waited for.
fn not_connected(url: &PostgresUrl, e: &tokio_postgres::Error) -> StoreError {
    let lasting = e.code().is_some_and(|code| code.code().starts_with("28") || code.code() == "3D000");
    if lasting || e.as_db_error().is_none() && !is_io(e) {
        return StoreError::Open { path: url.to_string().into(), source: with_cause(e).into() };
    }
    unreachable(with_cause(e))
}

fn is_io(e: &tokio_postgres::Error) -> bool {
    std::error::Error::source(e).is_none_or(|cause| cause.is::<std::io::Error>())
}
