//! What tests do to a store by hand, past every part of ours.

use std::path::Path;

use rusqlite::{Connection, Params};

fn edit(file: &Path, sql: &str, params: impl Params) -> usize {
    let conn = Connection::open(file).expect("opens");
    conn.execute(sql, params).expect("edited")
}

/// The history is in doubt since that moment, in milliseconds: as if the store was put in another's place.
pub(crate) fn doubt_history(file: &Path, since_ms: i64) {
    let doubt = format!("{since_ms} its server was replaced");
    assert_eq!(edit(file, "UPDATE meta SET value = ?1 WHERE key = 'history_doubt'", [doubt]), 1);
}

/// Each text waits in a queue of its own: as if a number of its own had been dialled for each.
pub(crate) fn spread_send_queues(file: &Path) {
    edit(file, "UPDATE attempts SET lane = lane || '!' || rowid", []);
}

/// The shop's base has heard of everything.
pub(crate) fn deliver_to_the_base(file: &Path) {
    edit(file, "DELETE FROM outbox WHERE sink = 'mirror'", []);
}
