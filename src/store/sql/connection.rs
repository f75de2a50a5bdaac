//! A connection of whichever database, its statements and its rows.

use super::value::{Field, OwnedValue, Param, Params, Value};
use crate::store::StoreError;
use crate::store::postgres::{PgConnection, PgStatement, Touches, value_of};

/// Who asks for what is prefetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum For {
    /// The change that runs, once.
    This,
    /// The change at this place of its batch, once.
    Change(usize),
    /// Whoever asks, as often as they like.
    All,
}

/// A statement that comes soon, with its values.
pub(in crate::store) type PrefetchRead = (&'static str, Vec<OwnedValue>);

/// An open connection, lent.
#[derive(Clone, Copy)]
pub(in crate::store) enum Connection<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c PgConnection),
}

impl<'c> Connection<'c> {
    /// Whether each question has its price, so that one more that many can share is worth it.
    pub(in crate::store) fn is_remote(self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Of a store in a file, what only SQLite can do.
    ///
    /// # Errors
    /// [`StoreError::Refused`]: it is another database.
    pub(in crate::store) fn sqlite(self) -> Result<&'c rusqlite::Connection, StoreError> {
        match self {
            Self::Sqlite(conn) => Ok(conn),
            Self::Postgres(_) => Err(StoreError::Refused { what: "this is done by SQLite alone".into() }),
        }
    }

    /// These reads come soon, in this transaction, as they are here: on a server they are asked together, at the price of one way there
    /// and back. Each of them, asked with these values before what it reads is written, finds its answer here. A hint: SQLite, whose way
    /// is short, is asked when it is asked.
    ///
    /// Changes may come one after the other, each with reads of its own. One that writes more than rows of its own calls takes back what
    /// was prefetched for those behind it; what these rows are named by it says by [`Connection::touches`].
    pub(in crate::store) fn prefetch(self, reads: impl FnOnce() -> Vec<(For, PrefetchRead)>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(conn) => conn.prefetch(reads),
        }
    }

    /// The first value that this read was prefetched to find for the change at that place; it stays prefetched.
    pub(in crate::store) fn prefetched_text(
        self,
        place: usize,
        read: &PrefetchRead,
    ) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(conn) => conn.prefetched_text(place, read),
        }
    }

    /// All that the change at this place is known to read was prefetched: it need not look.
    pub(in crate::store) fn is_complete(self, place: usize) {
        if let Self::Postgres(conn) = self {
            conn.is_complete(place);
        }
    }

    /// A row that cannot be read has ended the transaction of a read on a server: it goes on in another, at another moment.
    pub(in crate::store) fn read_on(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(conn) => conn.read_on(),
        }
    }

    /// What is named by this value changes: no other change of the batch was prefetched anything of it.
    pub(in crate::store) fn touches(self, named: &dyn Param) {
        if let Self::Postgres(conn) = self {
            conn.touches(named.value());
        }
    }

    /// A statement that is parsed once a connection.
    pub(in crate::store) fn prepare_cached(self, sql: &str) -> Result<Statement<'c>, StoreError> {
        match self {
            Self::Sqlite(conn) => Ok(Statement::Sqlite(conn.prepare_cached(sql)?)),
            Self::Postgres(conn) => Ok(Statement::Postgres(conn, conn.prepare(sql)?)),
        }
    }
}

/// A statement, ready to be run as often as one likes.
pub(in crate::store) enum Statement<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
    Postgres(&'c PgConnection, PgStatement),
}

impl Statement<'_> {
    /// Runs it for its rows.
    pub(in crate::store) fn query(&mut self, with: impl Params) -> Result<Rows<'_>, StoreError> {
        match self {
            Self::Sqlite(statement) => {
                bind(statement, &with)?;
                Ok(Rows::Sqlite(statement.raw_query()))
            }
            Self::Postgres(conn, statement) => Ok(Rows::Postgres(conn.query(statement, &with)?.into_iter(), None)),
        }
    }

    /// Runs it for its effect; how many rows it changed.
    pub(in crate::store) fn execute(&mut self, with: impl Params) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(statement) => {
                bind(statement, &with)?;
                Ok(statement.raw_execute()?)
            }
            Self::Postgres(conn, statement) => conn.execute(statement, &with),
        }
    }

    /// Runs it for its effect, of which nobody needs the count: on a server it goes with the statement that comes next, or with the end
    /// of the change or of its batch, and where it fails these say so.
    pub(in crate::store) fn execute_later(&mut self, with: impl Params) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute(with).map(drop),
            Self::Postgres(conn, statement) => conn.execute_later(statement, &with, Touches::Anything),
        }
    }

    /// As [`Statement::execute_later`], of rows of the calls that the change has loaded or makes, see [`Connection::touches`]: on a server
    /// the same statement of many changes runs once. An UPDATE names its row by its first value, an INSERT that may find its row there by
    /// its first two.
    pub(in crate::store) fn execute_of_own_calls(&mut self, with: impl Params) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute(with).map(drop),
            Self::Postgres(conn, statement) => conn.execute_later(statement, &with, Touches::OwnCalls),
        }
    }

    /// Its first row, where there is one.
    pub(in crate::store) fn query_maybe<T>(
        &mut self,
        with: impl Params,
        read: impl FnOnce(Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.query(with)?.next()?.map(read).transpose()
    }

    /// Its first row; one that always gives a row.
    ///
    /// # Errors
    /// [`StoreError::Refused`]: there is none.
    pub(in crate::store) fn query_row<T>(
        &mut self,
        with: impl Params,
        read: impl FnOnce(Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.query_maybe(with, read)?.ok_or_else(|| StoreError::Refused { what: "a statement gave no row".into() })
    }

    /// Whether it gives a row.
    pub(in crate::store) fn exists(&mut self, with: impl Params) -> Result<bool, StoreError> {
        Ok(self.query(with)?.next()?.is_some())
    }
}

/// Values are lent for the time of the call: SQLite copies texts and bytes.
fn bind(statement: &mut rusqlite::Statement<'_>, with: &impl Params) -> Result<(), StoreError> {
    use rusqlite::types::{ToSqlOutput, ValueRef};
    let mut place = 0;
    with.each(&mut |value| {
        place += 1;
        let value = match value {
            Value::Null => ValueRef::Null,
            Value::Int(n) => ValueRef::Integer(n),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        };
        Ok(statement.raw_bind_parameter(place, ToSqlOutput::Borrowed(value))?)
    })?;
    if place == statement.parameter_count() {
        return Ok(());
    }
    Err(StoreError::Refused { what: format!("a statement takes {} values, not {place}", statement.parameter_count()) })
}

/// Rows of a statement, one at a time.
pub(in crate::store) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    /// Those that come, and the one that is lent.
    Postgres(std::vec::IntoIter<tokio_postgres::Row>, Option<tokio_postgres::Row>),
}

impl Rows<'_> {
    pub(in crate::store) fn next(&mut self) -> Result<Option<Row<'_>>, StoreError> {
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Self::Postgres(rows, lent) => {
                *lent = rows.next();
                Ok(lent.as_ref().map(Row::Postgres))
            }
        }
    }
}

/// A row, lent until the next one is asked for.
#[derive(Clone, Copy)]
pub(in crate::store) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// The value of a column, from 0.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: it is nothing that we write.
    pub(in crate::store) fn value(self, column: usize) -> Result<Value<'r>, StoreError> {
        use rusqlite::types::ValueRef;
        match self {
            Self::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => Value::Int(n),
                ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|_| odd(column))?),
                ValueRef::Blob(bytes) => Value::Bytes(bytes),
                ValueRef::Real(_) => return Err(odd(column)),
            }),
            Self::Postgres(row) => value_of(row, column).ok_or_else(|| odd(column)),
        }
    }

    /// A column as what it is meant to be.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: it holds something else.
    pub(in crate::store) fn get<T: Field>(self, column: usize) -> Result<T, StoreError> {
        T::read(self.value(column)?).ok_or_else(|| odd(column))
    }
}

fn odd(column: usize) -> StoreError {
    StoreError::Corrupt { what: format!("column {column} holds something that this version never writes"), call: None }
}
