//! Which versions of this program may work on one store at a time: replicas are upgraded one after the other.
//!
//! A migration that only adds leaves the programs before it working: `meta.oldest_schema` says which schema a program must know at
//! least. Whoever knows less ends its term, and its process, as soon as it sees that; a migration that would end others is not made while
//! one of them is the engine. A new word (a state, a kind of entry) is read one release before any writes it, so that going back is
//! possible too. Source: `facts/postgres.md` §10.

use super::connection::PgConnection;
use crate::store::sql::{Connection, params};
use crate::store::{PostgresUrl, StoreError};

/// One step of the schema.
pub(super) struct Migration {
    pub(super) sql: &'static str,
    /// A program that knows this schema, and none before it, works on with what the step makes.
    pub(super) works_from: i64,
}

/// Numbered, forward only, never edited after a release.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("migrations/0001_initial.sql"), works_from: 1 },
    Migration { sql: include_str!("migrations/0002_alert_receipts.sql"), works_from: 2 },
    Migration { sql: include_str!("migrations/0003_board.sql"), works_from: 3 },
    Migration { sql: include_str!("migrations/0004_prune.sql"), works_from: 4 },
    Migration { sql: include_str!("migrations/0005_alert_texts.sql"), works_from: 5 },
];

/// What is known of the store as a whole.
pub(super) const META: &str = "SELECT value FROM meta WHERE key = ?1";
pub(super) const PUT_META: &str =
    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const OLDEST: &str = "oldest_schema";
/// The engine, as long as it gave a sign of life a moment ago by the server's own clock.
const LIVES: &str =
    "SELECT host || ', process ' || pid || ', version ' || version FROM engine WHERE slot = 1 AND holder IS NOT NULL
    AND renewed_at > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) - 5000";

pub(super) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The schema of a store of ours, and the one that whoever works on it must know at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SchemaVersion {
    pub(super) found: i64,
    pub(super) oldest: i64,
}

impl SchemaVersion {
    /// # Errors
    /// [`StoreError::Newer`]: this program knows too little of it.
    pub(super) fn is_known_to(self, known: i64, url: &PostgresUrl) -> Result<(), StoreError> {
        if self.oldest <= known {
            return Ok(());
        }
        Err(StoreError::Newer { path: url.to_string().into(), found: self.found, known })
    }
}

fn number(conn: &PgConnection, key: &str) -> Result<Option<i64>, StoreError> {
    let word: Option<String> =
        Connection::Postgres(conn).prepare_cached(META)?.query_maybe([key], |r| r.get::<String>(0))?;
    Ok(word.and_then(|word| word.parse().ok()))
}

/// Reads both; `None`: what stands there is no schema of ours.
pub(super) fn of(conn: &PgConnection) -> Result<Option<SchemaVersion>, StoreError> {
    let Some(found) = number(conn, "schema")? else { return Ok(None) };
    // A store from before it was noted is known to none but those who know all of it.
    let oldest = number(conn, OLDEST)?.unwrap_or(found);
    Ok(Some(SchemaVersion { found, oldest }))
}

/// Notes that the schema is of this version now.
pub(super) fn note(conn: &PgConnection, found: i64) -> Result<(), StoreError> {
    let step = usize::try_from(found - 1).ok().and_then(|at| MIGRATIONS.get(at));
    let works_from = step.map_or(found, |step| step.works_from);
    // What an earlier step demanded, a later one that only adds demands too.
    let oldest = of(conn)?.map_or(works_from, |before| before.oldest.max(works_from));
    let mut put = Connection::Postgres(conn).prepare_cached(PUT_META)?;
    put.execute(params!["schema", found.to_string()])?;
    put.execute(params![OLDEST, oldest.to_string()])?;
    Ok(())
}

/// Whether a step may be made now: one that ends the programs before it is not made under an engine that lives.
///
/// # Errors
/// [`StoreError::Open`], with what to do.
pub(super) fn may_make(conn: &PgConnection, step: &Migration, found: i64, url: &PostgresUrl) -> Result<(), StoreError> {
    if found == 0 {
        return Ok(());
    }
    // An engine that lives may know no more than the store demanded of it so far.
    let demanded = of(conn)?.map_or(0, |version| version.oldest);
    if step.works_from <= demanded {
        return Ok(());
    }
    let Some(engine) = conn.word(LIVES)? else { return Ok(()) };
    let why = format!(
        "its schema is {found} and this program's is {}, under which the engine ({engine}) could not work on: stop every `serve` of the \
         older version first, then start this one; what is in the store is as it was",
        found + 1
    );
    Err(StoreError::Open { path: url.to_string().into(), source: why.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_works_on_with_what_was_only_added() {
        let url = PostgresUrl::new("postgres://u@h/d");
        let newer = SchemaVersion { found: 9, oldest: 7 };
        for (known, works) in [(6, false), (7, true), (8, true), (9, true), (10, true)] {
            assert_eq!(newer.is_known_to(known, &url).is_ok(), works, "{known}");
        }
        for (n, step) in MIGRATIONS.iter().enumerate() {
            let own = i64::try_from(n).expect("few") + 1;
            assert!((1..=own).contains(&step.works_from), "{own}");
        }
    }
}
