//! The one writer: it takes whatever waits, commits it together, and answers all after the commit.
//!
//! There is no timer: a batch is what gathered while the last one was committed, so a lone change waits for nobody and a crowd
//! shares one fsync. One that fails or panics leaves its neighbours alone: mostly it has written nothing yet and is simply left
//! out; where it has, the transaction is taken back and the batch runs again with a savepoint around each change (always having
//! them costs a seventh of all throughput on SQLite). SQLite ends the *whole* transaction on a full disk and its kin, savepoints and all;
//! then nothing of the batch was committed and the changes run again one by one, each with a transaction of its own.
//!
//! After a crash at any point a change is either whole or absent, and nobody was told "done" of an absent one. After a failed
//! fsync nobody can tell: the writer refuses everything from then on, and the engine stops.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use super::commits::CommitCounts;
use super::error::StoreError;
use super::sql::Connection;
use crate::clock::Stopwatch;
use crate::domain::event::Load;
use crate::failpoint;

/// How many changes may wait; who comes then waits to hand its own over.
pub(super) const WAITING_MAX: usize = 1024;
/// How many changes share a commit at most: bounds what one lost transaction repeats.
const BATCH_MAX: usize = 512;

/// Set once, when the file is not to be trusted any more.
pub(super) type Broken = Arc<OnceLock<String>>;

/// A change that waits: run maybe more than once, answered once.
pub(super) trait Job: Send {
    /// Runs it inside the transaction.
    fn run(&mut self, conn: Connection<'_>) -> Result<(), StoreError>;
    /// What it loads, where that is known before it runs.
    fn load(&self) -> Option<&Load>;
    /// Answers whoever asked; after COMMIT, or with the error.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Typed<T, F> {
    load: Option<Arc<Load>>,
    change: F,
    made: Option<T>,
    asked_by: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send,
    F: Fn(Connection<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, conn: Connection<'_>) -> Result<(), StoreError> {
        self.made = None;
        self.made = Some((self.change)(conn)?);
        Ok(())
    }

    fn load(&self) -> Option<&Load> {
        self.load.as_deref()
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { made, asked_by, .. } = *self;
        // Whoever asked may have gone; the change stands all the same.
        drop(asked_by.send(outcome.and_then(|()| made.ok_or(StoreError::Closed))));
    }
}

/// Hands a change over and waits until it is committed or refused; `load`: what it loads, where that is known. Cancel-safe: once
/// handed over it is done whole or not at all.
pub(super) async fn submit<T, F>(
    jobs: &mpsc::Sender<Box<dyn Job>>,
    load: Option<Arc<Load>>,
    change: F,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Fn(Connection<'_>) -> Result<T, StoreError> + Send + 'static,
{
    let (asked_by, answer) = oneshot::channel();
    let job = Box::new(Typed { load, change, made: None, asked_by });
    jobs.send(job).await.map_err(|_| StoreError::Closed)?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

/// The connection of a writer, and its transactions.
pub(super) trait WriteConnection: Send + 'static {
    fn lend(&self) -> Connection<'_>;
    /// Begins a transaction that no other writer of this store is in, in whichever process.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Unreachable`]: there is none then.
    fn begin(&mut self) -> Result<(), StoreError>;
    /// # Errors
    /// Nothing was committed; [`StoreError::Unsure`], [`StoreError::Broken`]: nobody can tell.
    fn commit(&self) -> Result<(), StoreError>;
    /// Takes the open transaction back.
    ///
    /// # Errors
    /// It may still be open, and nothing tells what of it stays: the writer gives up for good.
    fn roll_back(&self) -> Result<(), StoreError>;
    /// Runs a statement that stands for itself: a savepoint, its end.
    ///
    /// # Errors
    /// What the database says.
    fn execute(&self, sql: &str) -> Result<(), StoreError>;
    /// Changes with these loads come next, one after the other, and end together: what they read may be asked for all at once, and what
    /// they write may be kept until the commit, which says then what became of it.
    ///
    /// # Errors
    /// What the database says; nothing was written.
    fn prefetch(&self, loads: &[Option<&Load>]) -> Result<(), StoreError> {
        let _ = loads;
        Ok(())
    }
    /// The next change, by its place in the batch.
    fn begin_change(&self, place: usize);
    /// What the change has kept back is written, by itself or with that of its batch, or forgotten where it failed; what became of it.
    ///
    /// # Errors
    /// That of the change, or that of what it kept back.
    fn end_of_change(&self, outcome: Result<(), StoreError>) -> Result<(), StoreError>;
    /// What the changes of a batch have kept back is written now, so that the commit alone is left.
    ///
    /// # Errors
    /// That of one of them; which one, nobody can tell.
    fn end_of_batch(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Whether the change that runs has written what only the end of its transaction, or of its savepoint, takes back.
    fn has_written(&self) -> bool;
    /// Whether the transaction is gone, whoever ended it.
    fn is_over(&self) -> bool;
}

/// Runs until every sender is gone and what they sent is answered.
pub(super) async fn run<C: WriteConnection>(mut writer: Writer<C>, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let done = tokio::task::spawn_blocking(move || {
            writer.commit_all(batch);
            writer
        });
        match done.await {
            Ok(back) => writer = back,
            // The runtime goes down; those who wait see that the store is closed.
            Err(_) => return,
        }
    }
}

/// Owns the only connection that changes the store.
pub(super) struct Writer<C> {
    conn: C,
    broken: Broken,
    commits: Arc<CommitCounts>,
}

/// What became of a transaction.
enum Batch {
    /// Committed, but for the changes with an error, which left nothing.
    Committed(Vec<Result<(), StoreError>>),
    /// Nothing was committed, and trying again at once would not help.
    Refused(StoreError),
    /// Nothing was committed because of one change, or of the size of all: they may do better alone.
    RolledBack(StoreError),
    /// A change failed after it had written: taken back, to be run with savepoints.
    NeedsSavepoints,
}

/// How the changes of a batch are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// By hoping that one that fails has written nothing.
    Hopefully,
    /// By a savepoint around each.
    Surely,
}

impl<C: WriteConnection> Writer<C> {
    pub(super) fn new(conn: C, broken: Broken, commits: Arc<CommitCounts>) -> Self {
        Self { conn, broken, commits }
    }

    fn commit_all(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let mut outcome = self.together(&mut batch, Isolation::Hopefully);
        if matches!(outcome, Batch::NeedsSavepoints) {
            outcome = self.together(&mut batch, Isolation::Surely);
        }
        match outcome {
            Batch::Committed(outcomes) => {
                if outcomes.len() > 1 {
                    failpoint::hit("batch.committed");
                }
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    job.answer(outcome);
                }
            }
            Batch::RolledBack(_) if batch.len() > 1 => {
                for job in batch {
                    self.commit_all(vec![job]);
                }
            }
            Batch::Refused(e) | Batch::RolledBack(e) => {
                for job in batch {
                    job.answer(Err(again(&e)));
                }
            }
            // Not after savepoints; if it were, nothing was committed.
            Batch::NeedsSavepoints => batch.into_iter().for_each(|job| job.answer(Err(StoreError::Busy))),
        }
    }

    fn together(&mut self, batch: &mut [Box<dyn Job>], isolation: Isolation) -> Batch {
        if let Some(what) = self.broken.get() {
            return Batch::Refused(StoreError::Broken { what: what.clone() });
        }
        if let Err(e) = self.conn.begin() {
            self.commits.failed();
            return Batch::Refused(e);
        }
        let several = batch.len() > 1;
        let mut outcomes = Vec::with_capacity(batch.len());
        if several && isolation == Isolation::Hopefully {
            let loads: Vec<Option<&Load>> = batch.iter().map(|job| job.load()).collect();
            if let Err(e) = self.conn.prefetch(&loads) {
                return self.apart(e);
            }
        }
        for (place, job) in batch.iter_mut().enumerate() {
            self.conn.begin_change(place);
            let outcome = match isolation {
                Isolation::Hopefully => self.try_one(job.as_mut()),
                Isolation::Surely => self.in_savepoint(job.as_mut()),
            };
            match outcome {
                Ok(Err(_)) if isolation == Isolation::Hopefully && self.conn.has_written() => {
                    self.roll_back();
                    return Batch::NeedsSavepoints;
                }
                Ok(outcome) => outcomes.push(outcome),
                Err(e) => return self.lose(e),
            }
        }
        if several && let Err(e) = self.conn.end_of_batch() {
            return self.apart(e);
        }
        if several {
            failpoint::hit("batch.before-commit");
        }
        let watch = Stopwatch::start();
        match self.conn.commit() {
            Ok(()) => {
                self.commits.committed(outcomes.len(), watch.passed());
                Batch::Committed(outcomes)
            }
            Err(e) => self.lose(e),
        }
    }

    /// `Err`: the transaction is gone, or must go.
    fn try_one(&self, job: &mut dyn Job) -> Result<Result<(), StoreError>, StoreError> {
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(self.conn.lend())))
            .unwrap_or_else(|_| Err(StoreError::Refused { what: "its decision panicked".into() }));
        let outcome = self.conn.end_of_change(outcome);
        match outcome {
            Err(e) if self.conn.is_over() || matches!(e, StoreError::Broken { .. }) => Err(e),
            other => Ok(other),
        }
    }

    /// As [`Writer::try_one`], and what a failed change wrote is taken back.
    fn in_savepoint(&self, job: &mut dyn Job) -> Result<Result<(), StoreError>, StoreError> {
        self.conn.execute("SAVEPOINT change")?;
        let outcome = self.try_one(job)?;
        if outcome.is_err() {
            self.conn.execute("ROLLBACK TO change")?;
        }
        self.conn.execute("RELEASE change")?;
        Ok(outcome)
    }

    /// Ends the transaction if the database has not. What cannot even be taken back is not to be trusted.
    fn roll_back(&self) {
        if !self.conn.is_over()
            && let Err(stuck) = self.conn.roll_back()
        {
            drop(self.broken.set(format!("a transaction could not be rolled back: {stuck}")));
        }
    }

    /// What several wrote or asked together failed: the one whose fault it is shows when each has a savepoint.
    fn apart(&self, e: StoreError) -> Batch {
        let is_of_one = matches!(e, StoreError::Refused { .. } | StoreError::Corrupt { .. });
        if !is_of_one || self.conn.is_over() {
            return self.lose(e);
        }
        self.roll_back();
        Batch::NeedsSavepoints
    }

    fn lose(&self, e: StoreError) -> Batch {
        self.commits.failed();
        self.roll_back();
        match e {
            StoreError::Broken { what } => {
                drop(self.broken.set(what.clone()));
                Batch::Refused(StoreError::Broken { what })
            }
            e @ (StoreError::Busy
            | StoreError::Unreachable { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::Unsure { .. }) => Batch::Refused(e),
            e => Batch::RolledBack(e),
        }
    }
}

/// The same error for another of the batch: those that a transaction can end in hold nothing but text.
fn again(e: &StoreError) -> StoreError {
    match e {
        StoreError::Full { what } => StoreError::Full { what: what.clone() },
        StoreError::Denied { what } => StoreError::Denied { what: what.clone() },
        StoreError::Broken { what } => StoreError::Broken { what: what.clone() },
        StoreError::Corrupt { what, call } => StoreError::Corrupt { what: what.clone(), call: call.clone() },
        StoreError::Refused { what } => StoreError::Refused { what: what.clone() },
        StoreError::Busy => StoreError::Busy,
        StoreError::Unreachable { what } => StoreError::Unreachable { what: what.clone() },
        StoreError::ReadOnly { what } => StoreError::ReadOnly { what: what.clone() },
        StoreError::Unsure { what } => StoreError::Unsure { what: what.clone() },
        StoreError::Fenced => StoreError::Fenced,
        StoreError::Closed => StoreError::Closed,
        other => StoreError::Refused { what: other.to_string() },
    }
}
