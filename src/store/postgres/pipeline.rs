//! What goes to the server together: on its way a statement costs more than where it is run, so what does not wait for an answer
//! does not wait.
//!
//! Writes whose count nobody needs are kept and go with whatever comes next; reads that are foreseen are asked at once and found when
//! they are asked for. Both are of one transaction: a write takes back all that was foreseen, and what is kept goes before the
//! transaction, or a part of it that can be taken back, ends.
//!
//! In a batch the changes ask and write together, see [`super::many`]. What was foreseen for one of them is found by that one alone,
//! and only while those before it have written nothing but rows of other calls; what they wrote goes in their order, or, where two rows
//! are of different calls, in any.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use futures_util::future::{join, join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::statement::PgStatement;
use super::values::SentValue;
use crate::store::sql::For;

/// So many statements go together: the answers of more than that might fill the way back while nobody reads them.
const TOGETHER_MAX: usize = 24;
/// So many rows of a batch are kept at most.
const KEPT_MAX: usize = 4096;

/// A statement with its values.
pub(super) struct Asked {
    pub(super) statement: PgStatement,
    pub(super) with: Vec<SentValue>,
}

impl Asked {
    fn is(&self, statement: &PgStatement, with: &[SentValue]) -> bool {
        self.statement.is(statement) && self.with == with
    }

    pub(super) fn outgoing(&self) -> Outgoing {
        Outgoing::one(&self.statement, self.with.clone())
    }
}

/// What a write touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Touches {
    /// Rows of the calls that its change has loaded, or of what it makes new.
    OwnCalls,
    /// What others may have read.
    Anything,
}

/// A write that waits.
struct Kept {
    asked: Asked,
    touches: Touches,
    /// Which change of the batch it is of.
    change: usize,
}

/// The same write, with one set of values or more.
pub(super) struct Write {
    pub(super) statement: PgStatement,
    pub(super) sets: Vec<Vec<SentValue>>,
    touches: Touches,
}

/// What came of statements that went together.
#[derive(Default)]
pub(super) struct Answers {
    /// How many rows each write changed.
    pub(super) changed: Vec<u64>,
    pub(super) rows: Vec<Vec<Row>>,
}

type Found = Vec<(Asked, Vec<Row>)>;

/// What was foreseen for the changes of a batch.
#[derive(Default)]
struct Ahead {
    /// For all of them, as often as they ask.
    for_all: Found,
    /// For one of them, by its place.
    by_change: HashMap<usize, Found>,
    /// Of which of them a value is a name of something that was foreseen.
    named: HashMap<SentValue, Vec<usize>>,
}

/// What a connection keeps for the next statement, and what it has foreseen.
#[derive(Default)]
pub(super) struct Pipeline {
    later: RefCell<Vec<Kept>>,
    foreseen: RefCell<Found>,
    ahead: RefCell<Ahead>,
    /// Which change of a batch runs.
    change: Cell<usize>,
    /// All that it was known to read was foreseen with that of its neighbours, and is so still.
    is_foreseen: Cell<bool>,
    /// Whether what one change keeps may wait for the end of all.
    is_batch: Cell<bool>,
}

impl Pipeline {
    /// Changes that run one after the other, and end together, come next.
    pub(super) fn begin_batch(&self) {
        self.is_batch.set(true);
    }

    pub(super) fn is_batch(&self) -> bool {
        self.is_batch.get()
    }

    /// The next change: what was foreseen for it is found from now on.
    pub(super) fn begin_change(&self, place: usize) {
        self.change.set(place);
        let found = self.ahead.borrow_mut().by_change.remove(&place);
        self.is_foreseen.set(found.is_some());
        *self.foreseen.borrow_mut() = found.unwrap_or_default();
    }

    /// Whether it is not worth while to look what of it is foreseen.
    pub(super) fn is_foreseen(&self) -> bool {
        self.is_foreseen.get()
    }

    /// It has ended: what was foreseen for it is nobody's, and what a failed one kept never goes.
    pub(super) fn end_change(&self, is_done: bool) {
        self.foreseen.borrow_mut().clear();
        self.is_foreseen.set(false);
        if !is_done {
            let failed = self.change.get();
            self.later.borrow_mut().retain(|kept| kept.change != failed);
        }
    }

    /// Goes with what comes next.
    pub(super) fn keep(&self, asked: Asked, touches: Touches) {
        self.foreseen.borrow_mut().clear();
        if touches == Touches::Anything {
            self.take_back();
        }
        self.later.borrow_mut().push(Kept { asked, touches, change: self.change.get() });
    }

    pub(super) fn is_full(&self) -> bool {
        self.later.borrow().len() >= if self.is_batch() { KEPT_MAX } else { TOGETHER_MAX }
    }

    /// All that is kept: it goes now.
    pub(super) fn take(&self) -> Vec<Write> {
        together_by_statement(self.later.take())
    }

    /// What was foreseen is so no more.
    pub(super) fn take_back(&self) {
        self.is_foreseen.set(false);
        self.foreseen.borrow_mut().clear();
        *self.ahead.borrow_mut() = Ahead::default();
    }

    /// What is kept never goes, and what was foreseen is not so any more: the transaction ends.
    pub(super) fn forget(&self) {
        self.later.borrow_mut().clear();
        self.take_back();
        self.is_batch.set(false);
    }

    pub(super) fn foresee(&self, whose: For, asked: Asked, rows: Vec<Row>) {
        match whose {
            For::This => self.foreseen.borrow_mut().push((asked, rows)),
            For::Change(place) => {
                let mut ahead = self.ahead.borrow_mut();
                for value in &asked.with {
                    ahead.named.entry(value.clone()).or_default().push(place);
                }
                ahead.by_change.entry(place).or_default().push((asked, rows));
            }
            For::All => self.ahead.borrow_mut().for_all.push((asked, rows)),
        }
    }

    /// What was foreseen of whatever has this name is so no more.
    pub(super) fn touches(&self, named: &SentValue) {
        let mut ahead = self.ahead.borrow_mut();
        for place in ahead.named.remove(named).unwrap_or_default() {
            if let Some(found) = ahead.by_change.get_mut(&place) {
                found.retain(|(asked, _)| !asked.with.contains(named));
            }
        }
    }

    /// What was foreseen for the change at this place, by its first row.
    pub(super) fn foreseen_for<T>(
        &self,
        place: usize,
        asked: &Asked,
        read: impl FnOnce(&Row) -> Option<T>,
    ) -> Option<T> {
        let ahead = self.ahead.borrow();
        let mut found = ahead.by_change.get(&place)?.iter();
        found.find(|(a, _)| a.is(&asked.statement, &asked.with)).and_then(|(_, rows)| rows.first()).and_then(read)
    }

    pub(super) fn foresees(&self, whose: For, asked: &Asked) -> bool {
        let is = |(a, _): &(Asked, Vec<Row>)| a.is(&asked.statement, &asked.with);
        let ahead = self.ahead.borrow();
        ahead.for_all.iter().any(is) || (whose == For::This && self.foreseen.borrow().iter().any(is))
    }

    /// What this statement was foreseen to answer; once.
    pub(super) fn foreseen(&self, statement: &PgStatement, with: &[SentValue]) -> Option<Vec<Row>> {
        let mut foreseen = self.foreseen.borrow_mut();
        if let Some(at) = foreseen.iter().position(|(a, _)| a.is(statement, with)) {
            return Some(foreseen.swap_remove(at).1);
        }
        let ahead = self.ahead.borrow();
        ahead.for_all.iter().find(|(a, _)| a.is(statement, with)).map(|(_, rows)| rows.clone())
    }
}

/// Writes of the same statement go as one. Those of one change, and whatever may touch others', stay in their order.
fn together_by_statement(kept: Vec<Kept>) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    // From which one on a write of this change may stand.
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut after_all = 0;
    // A statement changes no row twice.
    let mut keys: HashSet<(usize, Vec<SentValue>)> = HashSet::new();
    for Kept { asked: Asked { statement, with }, touches, change } in kept {
        let key: Vec<SentValue> = with.iter().take(statement.key_values()).cloned().collect();
        let first = from.get(&change).copied().unwrap_or(0).max(after_all);
        let fits = |(at, write): &(usize, &Write)| {
            touches == Touches::OwnCalls
                && write.touches == Touches::OwnCalls
                && write.statement.is(&statement)
                && (key.is_empty() || !keys.contains(&(*at, key.clone())))
        };
        let found = writes.iter().enumerate().skip(first).find(fits).map(|(at, _)| at);
        let at = match found.and_then(|at| Some((at, writes.get_mut(at)?))) {
            Some((at, write)) => {
                write.sets.push(with);
                at
            }
            None => {
                writes.push(Write { statement, sets: vec![with], touches });
                writes.len() - 1
            }
        };
        keys.insert((at, key));
        from.insert(change, at);
        if touches == Touches::Anything {
            after_all = writes.len();
        }
    }
    writes
}

/// A statement on its way.
pub(super) struct Outgoing {
    statement: Statement,
    with: OutgoingValues,
}

impl Outgoing {
    pub(super) fn one(of: &PgStatement, with: Vec<SentValue>) -> Self {
        Self { statement: of.statement.clone(), with: OutgoingValues::One(with) }
    }

    /// `statement`: its form for many.
    pub(super) fn many(statement: Statement, sets: Vec<Vec<SentValue>>) -> Self {
        Self { statement, with: OutgoingValues::Many(as_arrays(sets)) }
    }
}

/// One set of values, or an array for each.
enum OutgoingValues {
    One(Vec<SentValue>),
    Many(Vec<Vec<SentValue>>),
}

/// The sets as an array for each value.
fn as_arrays(sets: Vec<Vec<SentValue>>) -> Vec<Vec<SentValue>> {
    let mut arrays: Vec<Vec<SentValue>> = Vec::new();
    for set in sets {
        arrays.resize_with(set.len().max(arrays.len()), Vec::new);
        for (array, value) in arrays.iter_mut().zip(set) {
            array.push(value);
        }
    }
    arrays
}

fn values(of: &Outgoing) -> Vec<&(dyn ToSql + Sync)> {
    match &of.with {
        OutgoingValues::One(with) => with.iter().map(|v| v as _).collect(),
        OutgoingValues::Many(with) => with.iter().map(|v| v as _).collect(),
    }
}

/// Sends all of them in this order, before any answer is waited for.
///
/// # Errors
/// That of the first that failed: those after it are refused for its sake.
pub(super) async fn together(client: &Client, writes: &[Outgoing], reads: &[Outgoing]) -> Result<Answers, Error> {
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

async fn written(client: &Client, write: &Outgoing) -> Result<u64, Error> {
    client.execute(&write.statement, &values(write)).await
}

async fn asked(client: &Client, read: &Outgoing) -> Result<Vec<Row>, Error> {
    client.query(&read.statement, &values(read)).await
}
