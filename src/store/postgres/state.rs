//! What the server says of itself.

use crate::domain::Timestamp;
use crate::store::sql::Connection;
use crate::store::{ServerState, StoreError, rows};

/// None of it needs a right of its own (measured on PostgreSQL 15).
const STATE: &str = "SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS bigint),
    COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), current_setting('synchronous_commit'),
    current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication),
    CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)";

pub(super) fn of(conn: Connection<'_>) -> Result<ServerState, StoreError> {
    conn.prepare_cached(STATE)?.query_row([], |r| {
        let (number, standbys): (i64, i64) = (r.get(1)?, r.get(5)?);
        Ok(ServerState {
            version: r.get(0)?,
            major: u32::try_from(number / 10_000).map_err(|_| rows::corrupt("server_version_num"))?,
            is_encrypted: r.get(2)?,
            synchronous_commit: r.get(3)?,
            synchronous_standbys: r.get(4)?,
            standbys: u32::try_from(standbys).map_err(|_| rows::corrupt("pg_stat_replication"))?,
            now: Timestamp::from_millis(r.get(6)?),
        })
    })
}
