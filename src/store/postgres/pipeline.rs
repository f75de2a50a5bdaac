//! What goes to the server together: on its way a statement costs more than where it is run, so what does not wait for an answer
//! does not wait.
//!
//! Writes whose count nobody needs are kept and go with whatever comes next; reads that are foreseen are asked at once and found when
//! they are asked for. Both are of one transaction: a write takes back all that was foreseen, and what is kept goes before the
//! transaction, or a part of it that can be taken back, ends.

use std::cell::RefCell;

use futures_util::future::{join, join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::connection::PgStatement;
use super::values::SentValue;

/// So many statements go together: the answers of more than that might fill the way back while nobody reads them.
const TOGETHER_MAX: usize = 24;

/// A statement with its values.
pub(super) struct Asked {
    pub(super) statement: PgStatement,
    pub(super) with: Vec<SentValue>,
}

/// What came of statements that went together.
#[derive(Default)]
pub(super) struct Answers {
    /// How many rows each write changed.
    pub(super) changed: Vec<u64>,
    pub(super) rows: Vec<Vec<Row>>,
}

/// What a connection keeps for the next statement, and what it has foreseen.
#[derive(Default)]
pub(super) struct Pipeline {
    later: RefCell<Vec<Asked>>,
    foreseen: RefCell<Vec<(Asked, Vec<Row>)>>,
}

impl Pipeline {
    /// Goes with what comes next.
    pub(super) fn keep(&self, write: Asked) {
        self.foreseen.borrow_mut().clear();
        self.later.borrow_mut().push(write);
    }

    pub(super) fn is_full(&self) -> bool {
        self.later.borrow().len() >= TOGETHER_MAX
    }

    /// All that is kept: it goes now.
    pub(super) fn take(&self) -> Vec<Asked> {
        self.later.take()
    }

    /// What is kept never goes, and what was foreseen is not so any more.
    pub(super) fn forget(&self) {
        self.later.borrow_mut().clear();
        self.foreseen.borrow_mut().clear();
    }

    pub(super) fn foresee(&self, asked: Asked, rows: Vec<Row>) {
        self.foreseen.borrow_mut().push((asked, rows));
    }

    pub(super) fn foresees(&self, asked: &Asked) -> bool {
        self.foreseen.borrow().iter().any(|(a, _)| a.statement.is(&asked.statement) && a.with == asked.with)
    }

    /// What this statement was foreseen to answer; once.
    pub(super) fn foreseen(&self, statement: &PgStatement, with: &[SentValue]) -> Option<Vec<Row>> {
        let mut foreseen = self.foreseen.borrow_mut();
        let at = foreseen.iter().position(|(a, _)| a.statement.is(statement) && a.with == with)?;
        Some(foreseen.swap_remove(at).1)
    }
}

fn values(of: &Asked) -> Vec<&(dyn ToSql + Sync)> {
    of.with.iter().map(|v| v as _).collect()
}

/// Sends all of them in this order, before any answer is waited for.
///
/// # Errors
/// That of the first that failed: those after it are refused for its sake.
pub(super) async fn together(client: &Client, writes: &[Asked], reads: &[Asked]) -> Result<Answers, Error> {
    let mut answers = Answers::default();
    for some in writes.chunks(TOGETHER_MAX).filter(|some| some.len() == TOGETHER_MAX) {
        let done = join_all(some.iter().map(|w| written(client, w))).await;
        answers.changed.extend(done.into_iter().collect::<Result<Vec<_>, _>>()?);
    }
    let last = writes.chunks(TOGETHER_MAX).next_back().filter(|some| some.len() < TOGETHER_MAX).unwrap_or_default();
    let (done, read) =
        join(join_all(last.iter().map(|w| written(client, w))), join_all(reads.iter().map(|r| asked(client, r)))).await;
    answers.changed.extend(done.into_iter().collect::<Result<Vec<_>, _>>()?);
    answers.rows = read.into_iter().collect::<Result<_, _>>()?;
    Ok(answers)
}

async fn written(client: &Client, write: &Asked) -> Result<u64, Error> {
    client.execute(write.statement.parsed(), &values(write)).await
}

async fn asked(client: &Client, read: &Asked) -> Result<Vec<Row>, Error> {
    client.query(read.statement.parsed(), &values(read)).await
}
