//! A store in a file becomes one in a database of a server: all of it, or nothing.
//!
//! While it is copied nobody else changes the file. The database is filled in one transaction, read back and compared before its
//! commit; then the file is marked, and from then on it opens no more and takes no change, not even of a process that has it open. A
//! crash before the commit leaves the file as it was and the database empty; one after it leaves both, and the next run compares them
//! and sets the mark.

use sha2::{Digest as _, Sha256};

use super::error::StoreError;
use super::place::{Location, StoreSettings};
use super::postgres::ServerImport;
use super::sql::{Connection, Params, Row, Value};
use super::sqlite::FrozenFile;

/// Values in one statement, at most; PostgreSQL takes 65,535.
const VALUES_MAX: usize = 4_000;

/// What was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    pub tables: u64,
    pub rows: u64,
    /// It had been copied before, and the file lacked its mark alone.
    pub was_copied: bool,
}

/// Moves the store of `from`, a file, into the empty database of `to`. The caller holds the lease of the file. Blocks.
///
/// # Errors
/// [`StoreError::Open`]: the database is not empty; [`StoreError::Refused`]: one of the two is of another kind;
/// [`StoreError::Corrupt`]: a row cannot be read, or differs where it was read back. After each the file is as it was. After
/// [`StoreError::Unsure`] too: run again, it finds out.
pub fn migrate(from: &StoreSettings, to: &StoreSettings) -> Result<Moved, StoreError> {
    let Location::Postgres(url) = &to.location else {
        return Err(StoreError::Refused { what: "a store is moved to a server alone".into() });
    };
    let file = FrozenFile::open(from)?;
    let import = ServerImport::begin(to, url, file.id())?;
    let was_copied = import.is_filled();
    let mut moved = Moved { was_copied, ..Moved::default() };
    for table in import.tables(file.conn())? {
        let mut chunk = Chunk::default();
        let in_file = each(file.conn(), &table.read(), |row| {
            if was_copied {
                return Ok(());
            }
            chunk.push(row, table.columns())?;
            if chunk.0.len() + table.columns() > VALUES_MAX { import.put(&table, &mut chunk) } else { Ok(()) }
        })?;
        import.put(&table, &mut chunk)?;
        let on_server = import.each(&table)?;
        if in_file != on_server {
            let what = format!(
                "table {} has {} rows in the file and {} in the database, or one of them differs",
                table.name(),
                in_file.rows,
                on_server.rows
            );
            return Err(StoreError::Corrupt { what, call: None });
        }
        moved.tables += 1;
        moved.rows += in_file.rows;
    }
    import.commit()?;
    file.mark(&url.to_string())?;
    Ok(moved)
}

/// Rows that are read one after the other: how many, and what they are in whatever order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    content: u128,
}

impl Sum {
    /// # Errors
    /// [`StoreError::Corrupt`]: a value is nothing that we write.
    pub(super) fn add(&mut self, row: Row<'_>, columns: usize) -> Result<(), StoreError> {
        let mut hash = Sha256::new();
        for column in 0..columns {
            let (kind, content) = match row.value(column)? {
                Value::Null => (0_u8, Vec::new()),
                Value::Int(n) => (1, n.to_be_bytes().to_vec()),
                Value::Text(text) => (2, kept(text).into_bytes()),
                Value::Bytes(bytes) => (3, bytes.to_vec()),
            };
            hash.update([kind]);
            hash.update(content.len().to_be_bytes());
            hash.update(content);
        }
        let mut first = [0; 16];
        for (to, from) in first.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        self.rows += 1;
        self.content = self.content.wrapping_add(u128::from_be_bytes(first));
        Ok(())
    }
}

/// A text as PostgreSQL keeps it.
fn kept(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn each(
    conn: Connection<'_>,
    (sql, columns): &(String, usize),
    mut take: impl FnMut(Row<'_>) -> Result<(), StoreError>,
) -> Result<Sum, StoreError> {
    let mut sum = Sum::default();
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sum.add(row, *columns)?;
        take(row)?;
    }
    Ok(sum)
}

/// Values of whole rows, on their way.
#[derive(Default)]
pub(super) struct Chunk(Vec<Cell>);

enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Chunk {
    fn push(&mut self, row: Row<'_>, columns: usize) -> Result<(), StoreError> {
        for column in 0..columns {
            self.0.push(match row.value(column)? {
                Value::Null => Cell::Null,
                Value::Int(n) => Cell::Int(n),
                Value::Text(text) => Cell::Text(text.to_owned()),
                Value::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
            });
        }
        Ok(())
    }

    pub(super) fn values(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Params for Chunk {
    fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|cell| {
            take(match cell {
                Cell::Null => Value::Null,
                Cell::Int(n) => Value::Int(*n),
                Cell::Text(text) => Value::Text(text),
                Cell::Bytes(bytes) => Value::Bytes(bytes),
            })
        })
    }
}
