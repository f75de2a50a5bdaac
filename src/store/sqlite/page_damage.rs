//! Damages real pages of a real file, for tests.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

/// The pages of a table or index, `leaf` or `internal`, in their order. Blocks.
pub(crate) fn pages(path: &Path, of: &str, kind: &str) -> Vec<u64> {
    let conn = Connection::open(path).expect("opens");
    conn.busy_timeout(Duration::from_secs(10)).expect("timeout");
    // What the log still holds is read from there, whatever the file says.
    let whole: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0)).expect("checkpoint");
    assert_eq!(whole, 0, "nobody is in the way");
    let mut found =
        conn.prepare("SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = ?2 ORDER BY path").expect("dbstat");
    let found = found.query_map([of, kind], |r| r.get::<_, i64>(0)).expect("pages");
    found.map(|n| u64::try_from(n.expect("a page")).expect("a number")).collect()
}

/// Overwrites a whole page; what was there.
pub(crate) fn damage(path: &Path, page: u64, with: u8) -> Vec<u8> {
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).expect("opens");
    let mut head = [0_u8; 18];
    file.read_exact(&mut head).expect("a header");
    let size = u64::from(u16::from_be_bytes([head[16], head[17]]));
    let at = SeekFrom::Start((page - 1) * size);
    let mut was = vec![0; usize::try_from(size).expect("a size")];
    file.seek(at).and_then(|_| file.read_exact(&mut was)).expect("read");
    file.seek(at).and_then(|_| file.write_all(&vec![with; was.len()])).and_then(|()| file.sync_all()).expect("written");
    was
}
