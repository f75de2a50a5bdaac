//! What is asked of the server on a connection: statements with their values, as [`super::pipeline`] and [`super::many`] send them.

use std::time::Duration;

use tokio_postgres::Row;

use super::connection::PgConnection;
use super::dialect::{is_read, translated};
use super::many::{read_of_many, write_of_many};
use super::pipeline::{Answers, Asked, Outgoing, Touches, Write, together};
use super::statement::PgStatement;
use super::values::sent;
use crate::store::StoreError;
use crate::store::sql::{For, Params, PrefetchRead, Value};

/// How long a batch asks nothing: a quarter of what the server lets a session be idle inside a transaction.
const SILENT_AT_MOST: Duration = Duration::from_millis(500);

/// A read with who asks it.
type Placed = (For, Asked);

impl PgConnection {
    /// Parsed once a connection.
    pub(in crate::store) fn prepare(&self, sql: &str) -> Result<PgStatement, StoreError> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let translated = translated(sql);
        let statement = self.wait(self.client.prepare(&translated))?;
        let number = self.statements.borrow().len();
        let prepared = PgStatement { statement, sql: translated.into(), number, is_read: is_read(sql) };
        self.statements.borrow_mut().insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// The same for many sets of values; parsed once a connection too.
    pub(super) fn prepare_of_many(&self, of: &PgStatement) -> Result<Option<tokio_postgres::Statement>, StoreError> {
        if let Some(known) = self.of_many.borrow().get(&of.number) {
            return Ok(known.clone());
        }
        let types = of.statement.params();
        let sql = if of.is_read { read_of_many(&of.sql, types) } else { write_of_many(&of.sql, types) };
        let prepared = sql.map(|sql| self.wait(self.client.prepare(&sql))).transpose()?;
        self.of_many.borrow_mut().insert(of.number, prepared.clone());
        Ok(prepared)
    }

    pub(in crate::store) fn query(&self, of: &PgStatement, with: &impl Params) -> Result<Vec<Row>, StoreError> {
        let asked = asked(of, with)?;
        if let Some(rows) = self.pipeline.prefetched(of, &asked.with) {
            return Ok(rows);
        }
        let rows = self.send(self.pipeline.take(), vec![asked.outgoing()])?.rows.pop().unwrap_or_default();
        if !of.is_read {
            self.pipeline.writes();
            self.pipeline.invalidate();
            self.changes.set(self.changes.get() + 1);
        }
        Ok(rows)
    }

    pub(in crate::store) fn execute(&self, of: &PgStatement, with: &impl Params) -> Result<usize, StoreError> {
        self.pipeline.defer(asked(of, with)?, Touches::Anything);
        let changed = self.send(self.pipeline.take(), Vec::new())?.changed.pop().unwrap_or_default();
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Runs it with the next statement, or before the transaction ends.
    ///
    /// # Errors
    /// That it cannot be run says whatever comes next.
    pub(in crate::store) fn execute_later(
        &self,
        of: &PgStatement,
        with: &impl Params,
        touches: Touches,
    ) -> Result<(), StoreError> {
        self.pipeline.defer(asked(of, with)?, touches);
        if self.pipeline.is_full() { self.flush() } else { Ok(()) }
    }

    /// Asks all of it at once, but for what is prefetched already: see [`Connection::prefetch`].
    ///
    /// [`Connection::prefetch`]: crate::store::sql::Connection::prefetch
    pub(in crate::store) fn prefetch(
        &self,
        reads: impl FnOnce() -> Vec<(For, PrefetchRead)>,
    ) -> Result<(), StoreError> {
        if self.pipeline.is_prefetched() {
            return Ok(());
        }
        let reads = reads();
        let asked = reads.iter().map(|(whose, read)| Ok((*whose, self.asked(read)?)));
        let mut asked = asked.collect::<Result<Vec<_>, StoreError>>()?;
        asked.retain(|(whose, asked)| asked.statement.is_read && !self.pipeline.has_prefetched(*whose, asked));
        for (whose, asked, rows) in self.ask_together(asked)? {
            self.pipeline.prefetch(whose, asked, rows);
        }
        Ok(())
    }

    /// Each read with its rows. The same read of several goes as one.
    fn ask_together(&self, asked: Vec<Placed>) -> Result<Vec<(For, Asked, Vec<Row>)>, StoreError> {
        let mut by_statement: Vec<(PgStatement, Vec<Placed>)> = Vec::new();
        for (whose, asked) in asked {
            match by_statement.iter_mut().find(|(of, _)| of.is(&asked.statement)) {
                Some((_, all)) => all.push((whose, asked)),
                None => by_statement.push((asked.statement.clone(), vec![(whose, asked)])),
            }
        }
        let mut outgoing = Vec::new();
        for (of, all) in &by_statement {
            let of_many = if all.len() > 1 { self.prepare_of_many(of)? } else { None };
            match of_many {
                Some(statement) => {
                    let sets = all.iter().map(|(_, asked)| asked.with.clone()).collect();
                    outgoing.push(Outgoing::many(statement, sets));
                }
                // One, or several of the same without a value.
                None => outgoing.extend(all.first().map(|(_, asked)| asked.outgoing())),
            }
        }
        if outgoing.is_empty() {
            return Ok(Vec::new());
        }
        let mut answers = self.send(self.pipeline.take(), outgoing)?.rows.into_iter();
        let mut found = Vec::new();
        for (of, all) in by_statement {
            let rows = answers.next().unwrap_or_default();
            let is_one = all.len() == 1 || of.statement.params().is_empty();
            let mut by_set: Vec<Vec<Row>> = Vec::new();
            by_set.resize_with(all.len(), Vec::new);
            for row in rows {
                let place = if is_one { Some(0) } else { place_of(&row) };
                let set = place.and_then(|place| by_set.get_mut(place));
                set.ok_or_else(|| StoreError::Refused { what: "a row of many answers nobody".into() })?.push(row);
            }
            found.extend(all.into_iter().zip(by_set).map(|((whose, asked), rows)| (whose, asked, rows)));
        }
        Ok(found)
    }

    /// See [`Connection::is_complete`].
    pub(in crate::store) fn is_complete(&self, place: usize) {
        self.pipeline.is_complete(place);
    }

    /// See [`Connection::touches`].
    pub(in crate::store) fn touches(&self, named: Value<'_>) {
        self.pipeline.touches(&named.into());
    }

    /// See [`Connection::prefetched_text`].
    pub(in crate::store) fn prefetched_text(
        &self,
        place: usize,
        read: &PrefetchRead,
    ) -> Result<Option<String>, StoreError> {
        let asked = self.asked(read)?;
        Ok(self.pipeline.prefetched_for(place, &asked, |row| row.try_get(0).ok()))
    }

    fn asked(&self, (sql, with): &PrefetchRead) -> Result<Asked, StoreError> {
        asked(&self.prepare(sql)?, with.as_slice())
    }

    /// The changes of a batch come next, and what they defer goes together, at the latest with the commit.
    pub(super) fn begin_batch(&self) {
        self.pipeline.begin_batch();
    }

    /// The next change of those that the transaction holds. Changes whose reads are all prefetched ask nothing, and a session that is
    /// silent for too long inside a transaction the server ends: it is kept by a word.
    pub(super) fn begin_change(&self, place: usize) {
        if self.pipeline.is_batch() && self.silence.borrow().passed() >= SILENT_AT_MOST {
            // What fails fails the transaction, which its end says.
            drop(self.word("SELECT 1"));
        }
        self.pipeline.begin_change(place);
    }

    /// What was to run later runs now; where others of its batch come, with theirs.
    pub(super) fn end_change(&self, is_done: bool) -> Result<(), StoreError> {
        self.pipeline.end_change(is_done);
        if is_done && !self.pipeline.is_batch() { self.flush() } else { Ok(()) }
    }

    /// What was to run later runs now.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let deferred = self.pipeline.take();
        if deferred.is_empty() { Ok(()) } else { self.send(deferred, Vec::new()).map(drop) }
    }

    fn send(&self, writes: Vec<Write>, reads: Vec<Outgoing>) -> Result<Answers, StoreError> {
        let mut outgoing = Vec::with_capacity(writes.len());
        for write in writes {
            let of_many = if write.sets.len() > 1 { self.prepare_of_many(&write.statement)? } else { None };
            match of_many {
                Some(statement) => outgoing.push(Outgoing::many(statement, write.sets)),
                None => outgoing.extend(write.sets.into_iter().map(|with| Outgoing::one(&write.statement, with))),
            }
        }
        let answers = self.wait(together(&self.client, &outgoing, &reads))?;
        let changed = answers.changed.iter().fold(0, |all: u64, n| all.saturating_add(*n));
        self.changes.set(self.changes.get() + changed);
        Ok(answers)
    }
}

/// Which set of values a row answers, from 0: see [`read_of_many`].
fn place_of(row: &Row) -> Option<usize> {
    let place: i64 = row.try_get(row.len().checked_sub(1)?).ok()?;
    usize::try_from(place).ok()?.checked_sub(1)
}

/// The client's own check of how many values there are is a panic.
fn asked(of: &PgStatement, with: &(impl Params + ?Sized)) -> Result<Asked, StoreError> {
    let (takes, with) = (of.statement.params().len(), sent(with)?);
    if takes == with.len() {
        return Ok(Asked { statement: of.clone(), with });
    }
    Err(StoreError::Refused { what: format!("a statement takes {takes} values, not {}", with.len()) })
}
