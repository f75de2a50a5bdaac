//! What goes to the server together: on its way a statement costs more than where it is run, so what does not wait for an answer
//! does not wait.
//!
//! Writes whose count nobody needs are deferred and go with whatever comes next; reads that are prefetched are asked at once and found when
//! they are asked for. Both are of one transaction: a write takes back all that was prefetched, and what is deferred goes before the
//! transaction, or a part of it that can be taken back, ends.
//!
//! In a batch the changes ask and write together, see [`super::many`]. What was prefetched for one of them is found by that one alone,
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
/// So many rows of a batch are deferred at most.
const DEFERRED_MAX: usize = 4096;

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
struct Deferred {
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

/// What was prefetched for the changes of a batch.
#[derive(Default)]
struct Ahead {
    /// For all of them, as often as they ask.
    for_all: Found,
    /// For one of them, by its place.
    by_change: HashMap<usize, Found>,
    /// By each value, for which of them something was prefetched that is named by it.
    named: HashMap<SentValue, Vec<usize>>,
    /// Those for which all was prefetched that they are known to read.
    complete: HashSet<usize>,
}

/// What a connection defers for the next statement, and what it has prefetched.
#[derive(Default)]
pub(super) struct Pipeline {
    later: RefCell<Vec<Deferred>>,
    prefetched: RefCell<Found>,
    ahead: RefCell<Ahead>,
    /// Which change of a batch runs.
    change: Cell<usize>,
    /// All that it was known to read was prefetched with that of its neighbours, and is so still.
    is_prefetched: Cell<bool>,
    /// Whether something that it wrote has gone.
    has_written: Cell<bool>,
    /// Whether what one change defers may wait for the end of all.
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

    /// The next change: what was prefetched for it is found from now on.
    pub(super) fn begin_change(&self, place: usize) {
        self.change.set(place);
        let mut ahead = self.ahead.borrow_mut();
        self.has_written.set(false);
        self.is_prefetched.set(ahead.complete.remove(&place));
        *self.prefetched.borrow_mut() = ahead.by_change.remove(&place).unwrap_or_default();
    }

    /// Whether it is not worth while to look what of it is prefetched.
    pub(super) fn is_prefetched(&self) -> bool {
        self.is_prefetched.get()
    }

    /// It has ended: what was prefetched for it is nobody's, and what a failed one deferred never goes.
    pub(super) fn end_change(&self, is_done: bool) {
        self.prefetched.borrow_mut().clear();
        self.is_prefetched.set(false);
        if !is_done {
            let failed = self.change.get();
            self.later.borrow_mut().retain(|deferred| deferred.change != failed);
        }
    }

    /// Goes with what comes next.
    pub(super) fn defer(&self, asked: Asked, touches: Touches) {
        self.prefetched.borrow_mut().clear();
        if touches == Touches::Anything {
            self.invalidate();
        }
        self.later.borrow_mut().push(Deferred { asked, touches, change: self.change.get() });
    }

    pub(super) fn is_full(&self) -> bool {
        self.later.borrow().len() >= if self.is_batch() { DEFERRED_MAX } else { TOGETHER_MAX }
    }

    /// All that is deferred: it goes now.
    pub(super) fn take(&self) -> Vec<Write> {
        let deferred = self.later.take();
        if deferred.iter().any(|deferred| deferred.change == self.change.get()) {
            self.has_written.set(true);
        }
        together_by_statement(deferred)
    }

    /// The change that runs writes by a statement of its own.
    pub(super) fn writes(&self) {
        self.has_written.set(true);
    }

    pub(super) fn has_written(&self) -> bool {
        self.has_written.get()
    }

    /// What was prefetched is so no more.
    pub(super) fn invalidate(&self) {
        self.is_prefetched.set(false);
        self.prefetched.borrow_mut().clear();
        *self.ahead.borrow_mut() = Ahead::default();
    }

    /// What is deferred never goes, and what was prefetched is not so any more: the transaction ends.
    pub(super) fn forget(&self) {
        self.later.borrow_mut().clear();
        self.invalidate();
        self.is_batch.set(false);
    }

    pub(super) fn prefetch(&self, whose: For, asked: Asked, rows: Vec<Row>) {
        match whose {
            For::This => self.prefetched.borrow_mut().push((asked, rows)),
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

    /// What was prefetched of whatever has this name is so no more.
    pub(super) fn touches(&self, named: &SentValue) {
        let mut ahead = self.ahead.borrow_mut();
        for place in ahead.named.remove(named).unwrap_or_default() {
            ahead.complete.remove(&place);
            if let Some(found) = ahead.by_change.get_mut(&place) {
                found.retain(|(asked, _)| !asked.with.contains(named));
            }
        }
    }

    /// All that the change at this place is known to read was prefetched.
    pub(super) fn is_complete(&self, place: usize) {
        self.ahead.borrow_mut().complete.insert(place);
    }

    /// What was prefetched for the change at this place, by its first row.
    pub(super) fn prefetched_for<T>(
        &self,
        place: usize,
        asked: &Asked,
        read: impl FnOnce(&Row) -> Option<T>,
    ) -> Option<T> {
        let ahead = self.ahead.borrow();
        let mut found = ahead.by_change.get(&place)?.iter();
        found.find(|(a, _)| a.is(&asked.statement, &asked.with)).and_then(|(_, rows)| rows.first()).and_then(read)
    }

    pub(super) fn has_prefetched(&self, whose: For, asked: &Asked) -> bool {
        let is = |(a, _): &(Asked, Vec<Row>)| a.is(&asked.statement, &asked.with);
        let ahead = self.ahead.borrow();
        ahead.for_all.iter().any(is) || (whose == For::This && self.prefetched.borrow().iter().any(is))
    }

    /// What this statement was prefetched to answer; once.
    pub(super) fn prefetched(&self, statement: &PgStatement, with: &[SentValue]) -> Option<Vec<Row>> {
        let mut prefetched = self.prefetched.borrow_mut();
        if let Some(at) = prefetched.iter().position(|(a, _)| a.is(statement, with)) {
            return Some(prefetched.swap_remove(at).1);
        }
        let ahead = self.ahead.borrow();
        ahead.for_all.iter().find(|(a, _)| a.is(statement, with)).map(|(_, rows)| rows.clone())
    }
}

/// Writes of the same statement go as one. Those of one change, and whatever may touch others', stay in their order.
fn together_by_statement(deferred: Vec<Deferred>) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    // From which one on a write of this change may stand.
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut after_all = 0;
    // A statement changes no row twice.
    let mut keys: HashSet<(usize, Vec<SentValue>)> = HashSet::new();
    for Deferred { asked: Asked { statement, with }, touches, change } in deferred {
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
