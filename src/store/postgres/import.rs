//! An empty database is filled from somewhere else, in one transaction.

use std::collections::BTreeSet;

use super::connection::PgConnection;
use super::open::{HAS_META, LOCKS, MIGRATION, make_schema};
use super::pooler::refuse_shared_sessions;
use super::transaction::BEGIN;
use super::versions::{META, PUT_META};
use crate::store::migrate::{Chunk, Sum};
use crate::store::sql::{Connection, params};
use crate::store::{PostgresUrl, StoreError, StoreSettings};

const TABLES: &str = "SELECT CAST(c.relname AS text), CAST(a.attname AS text), CAST(a.attidentity AS text)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND c.relname NOT IN ('meta', 'commits')
    ORDER BY c.oid, a.attnum";
const HAS_TABLES: &str = "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'S'))";
const IN_FILE: &str =
    "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'";
/// What a file says of itself alone.
const META_KEPT: &str =
    "SELECT key, value FROM meta WHERE key NOT IN ('mode', 'path', 'moving', 'probe', 'schema') ORDER BY key";
const COMMITS: &str = "SELECT n FROM commits";
/// Rows that are read back at once.
const FETCHED: usize = 500;

/// A table, and what of it is copied.
pub(in crate::store) struct Table {
    name: String,
    columns: Vec<String>,
    /// The column that numbers its rows.
    numbered: Option<String>,
    is_ordered: bool,
}

impl Table {
    pub(in crate::store) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::store) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The statement that reads all of it, and how many values a row has.
    pub(in crate::store) fn read(&self) -> (String, usize) {
        let order = if self.is_ordered { " ORDER BY rowid" } else { "" };
        (format!("SELECT {} FROM {}{order}", self.columns.join(", "), self.name), self.columns.len())
    }
}

/// A transaction that fills a database; dropped before its commit, it was never there.
pub(in crate::store) struct ServerImport {
    conn: PgConnection,
    is_filled: bool,
}

impl ServerImport {
    /// Makes the schema in an empty database, or finds the one that was filled from the file of this id and nobody has changed since.
    ///
    /// # Errors
    /// [`StoreError::Open`]: there is something else in it.
    pub(in crate::store) fn begin(to: &StoreSettings, url: &PostgresUrl, id: &str) -> Result<Self, StoreError> {
        let (conn, other) = (PgConnection::open(url, to.busy_timeout)?, PgConnection::open(url, to.busy_timeout)?);
        refuse_shared_sessions(&conn, &other, url)?;
        // Whole tables of the file are read between two statements, and nobody waits for what this transaction holds.
        conn.batch("SET idle_in_transaction_session_timeout = 0")?;
        conn.batch(&format!("{BEGIN}; SELECT pg_advisory_xact_lock({LOCKS}, {MIGRATION})"))?;
        let not_empty = |why: &str| StoreError::Open { path: url.to_string().into(), source: why.into() };
        let sql = Connection::Postgres(&conn);
        if sql.prepare_cached(HAS_META)?.query_row([], |r| r.get(0))? {
            let from: Option<String> = sql.prepare_cached(META)?.query_maybe(["moved_from"], |r| r.get(0))?;
            if from.as_deref() != Some(id) {
                return Err(not_empty("there is a store in this database already: name an empty one"));
            }
            let changed: i64 = sql.prepare_cached(COMMITS)?.query_row([], |r| r.get(0))?;
            if changed != 0 {
                return Err(not_empty(
                    "this store was copied there, and the copy was changed since: set store.url to it",
                ));
            }
            return Ok(Self { conn, is_filled: true });
        }
        if sql.prepare_cached(HAS_TABLES)?.query_row([], |r| r.get(0))? {
            return Err(not_empty("there is something in this database already: name an empty one"));
        }
        make_schema(&conn, to.mode)?;
        sql.prepare_cached(PUT_META)?.execute(params!["moved_from", id])?;
        Ok(Self { conn, is_filled: false })
    }

    pub(in crate::store) fn is_filled(&self) -> bool {
        self.is_filled
    }

    /// The tables that the file has too, each after those that it refers to; what is kept of the file's own words is copied.
    pub(in crate::store) fn tables(&self, file: Connection<'_>) -> Result<Vec<Table>, StoreError> {
        let sql = Connection::Postgres(&self.conn);
        if !self.is_filled {
            let mut put = sql.prepare_cached(PUT_META)?;
            let mut kept = file.prepare_cached(META_KEPT)?;
            let mut rows = kept.query([])?;
            while let Some(row) = rows.next()? {
                let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
                put.execute(params![key, value])?;
            }
        }
        let mut in_file = BTreeSet::new();
        let mut named = file.prepare_cached(IN_FILE)?;
        let mut rows = named.query([])?;
        while let Some(row) = rows.next()? {
            let column: (String, String) = (row.get(0)?, row.get(1)?);
            in_file.insert(column);
        }
        let mut all: Vec<Table> = Vec::new();
        let mut named = sql.prepare_cached(TABLES)?;
        let mut rows = named.query([])?;
        while let Some(row) = rows.next()? {
            let (name, column, identity): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let is_there = in_file.contains(&(name.clone(), column.clone()));
            // SQLite numbers the rows of these tables without saying so.
            let is_rowid = column == "rowid" && in_file.iter().any(|(table, _)| *table == name);
            if !is_there && !is_rowid {
                continue;
            }
            if all.last().is_none_or(|table| table.name != name) {
                all.push(Table { name, columns: Vec::new(), numbered: None, is_ordered: false });
            }
            if let Some(table) = all.last_mut() {
                table.is_ordered |= is_rowid;
                if !identity.is_empty() {
                    table.numbered = Some(column.clone());
                }
                table.columns.push(column);
            }
        }
        Ok(all)
    }

    /// Inserts these rows, and empties the chunk.
    pub(in crate::store) fn put(&self, table: &Table, chunk: &mut Chunk) -> Result<(), StoreError> {
        let columns = table.columns.len();
        let rows = chunk.values() / columns.max(1);
        if rows == 0 {
            return Ok(());
        }
        let one = |row: usize| {
            let places: Vec<String> = (1..=columns).map(|at| format!("?{}", row * columns + at)).collect();
            format!("({})", places.join(", "))
        };
        let all: Vec<String> = (0..rows).map(one).collect();
        let sql = format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES {}",
            table.name,
            table.columns.join(", "),
            all.join(", ")
        );
        self.conn.execute(&self.conn.prepare(&sql)?, chunk)?;
        chunk.clear();
        Ok(())
    }

    /// Reads the whole table back.
    pub(in crate::store) fn each(&self, table: &Table) -> Result<Sum, StoreError> {
        let sql = Connection::Postgres(&self.conn);
        let (read, columns) = table.read();
        // A statement is parsed once, with the columns that it has then.
        let cursor = format!("rows_of_{}", table.name);
        self.conn.batch(&format!("DECLARE {cursor} CURSOR FOR {read}"))?;
        let mut fetch = sql.prepare_cached(&format!("FETCH {FETCHED} FROM {cursor}"))?;
        let mut sum = Sum::default();
        loop {
            let before = sum.rows;
            let mut rows = fetch.query([])?;
            while let Some(row) = rows.next()? {
                sum.add(row, columns)?;
            }
            if sum.rows == before {
                break;
            }
        }
        self.conn.batch(&format!("CLOSE {cursor}"))?;
        if let Some(column) = table.numbered.as_ref().filter(|_| !self.is_filled) {
            let name = &table.name;
            self.conn.batch(&format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), (SELECT max({column}) FROM {name}))"
            ))?;
        }
        Ok(sum)
    }

    /// # Errors
    /// [`StoreError::Unsure`]: no answer came; others: the database is as it was.
    pub(in crate::store) fn commit(self) -> Result<(), StoreError> {
        self.conn.commit("COMMIT").map(drop)
    }
}
