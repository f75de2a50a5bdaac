//! What a pruning asks and changes.

macro_rules! over_before {
    () => {
        " FROM calls c INDEXED BY calls_to_prune
          WHERE c.pruned_at IS NULL AND c.status IN ('RESOLVED', 'CANCELLED') AND c.closed_at < ?1"
    };
}
/// Nobody is told anything of it any more, and every other system has what it is to have; or has waited for it for too long.
macro_rules! rests {
    ($late:literal, $told:literal) => {
        concat!(
        " AND (c.closed_at < ", $late, " OR NOT EXISTS (SELECT 1 FROM log l WHERE l.call_id = c.id AND l.seq > ", $told, "))
          AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.call_id = c.id
              AND (a.state IN ('scheduled', 'sending', 'retrying') OR (a.state = 'unknown' AND a.decided_at IS NULL)))
          AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.sink = 'mirror' AND o.parked_at IS NULL AND o.key = 'call:' || c.id)
          AND NOT EXISTS (SELECT 1 FROM mirror m WHERE m.verify_at IS NOT NULL AND m.key = 'call:' || c.id)
          AND NOT EXISTS (SELECT 1 FROM attempts a CROSS JOIN outbox o ON o.key = 'attempt:att_' || lower(hex(a.id))
              WHERE a.call_id = c.id AND o.sink = 'mirror' AND o.parked_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM attempts a CROSS JOIN mirror m ON m.key = 'attempt:att_' || lower(hex(a.id))
              WHERE a.call_id = c.id AND m.verify_at IS NOT NULL)"
        )
    };
}
pub(super) const FIND: &str =
    concat!("SELECT c.id", over_before!(), rests!("?3", "?4"), " ORDER BY c.closed_at LIMIT ?2");
/// One that was found, if it is so still.
pub(super) const DUE: &str = concat!(
    "SELECT c.id, c.data, c.outs, c.holder FROM calls c
     WHERE c.id = ?2 AND c.pruned_at IS NULL AND c.status IN ('RESOLVED', 'CANCELLED') AND c.closed_at < ?1",
    rests!("?3", "?4")
);
pub(super) const COUNT_OVER: &str = concat!("SELECT count(*)", over_before!());
pub(super) const COUNT_DUE: &str = concat!("SELECT count(*)", over_before!(), rests!("?2", "?3"));
/// Whether the log says more of a call than every receiver was told.
pub(super) const IS_UNTOLD: &str = "SELECT 1 FROM log WHERE call_id = ?1 AND seq > ?2 LIMIT 1";
pub(super) const COUNT_OPEN: &str =
    "SELECT count(*) FROM calls WHERE status NOT IN ('RESOLVED', 'CANCELLED') AND accepted_at < ?1";

pub(super) const NOTE_BEFORE: &str = "INSERT INTO meta (key, value) VALUES ('pruned_before', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
    WHERE CAST(meta.value AS bigint) < CAST(excluded.value AS bigint)";
pub(super) const LOG_PLACE: &str = "SELECT value FROM meta WHERE key = 'pruned_log'";
pub(super) const KEEP_LOG_PLACE: &str = "INSERT INTO meta (key, value) VALUES ('pruned_log', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

pub(super) const CALL: &str =
    "UPDATE calls SET data = ?2, outs = ?3, holder = ?4, overridden = NULL, pruned_at = ?5 WHERE id = ?1";
pub(super) const ATTEMPTS: &str =
    "UPDATE attempts SET name = contact, phone = '+999', body = '', result = '', replied = '', why = NULL,
    address = CASE WHEN channel = 'email' THEN ?2 END WHERE call_id = ?1";
pub(super) const NUMBERS: &str =
    "SELECT DISTINCT contact FROM notices WHERE call_id = ?1 AND substr(contact, 1, 1) = '+' ORDER BY contact";
pub(super) const OTHER_NUMBERS: &str =
    "SELECT DISTINCT contact FROM attempts WHERE call_id = ?1 AND substr(contact, 1, 1) = '+' ORDER BY contact";
/// Such numbers that have another name already.
pub(super) const NAMED_BEFORE: &str =
    "SELECT count(*) FROM (SELECT contact FROM notices WHERE call_id = ?1 AND contact LIKE 'pruned-%'
    UNION SELECT contact FROM attempts WHERE call_id = ?1 AND contact LIKE 'pruned-%') named";
pub(super) const RENAMED_NOTICES: &str = "INSERT INTO notices (call_id, round, step, contact, ordinal)
    SELECT call_id, round, step, ?3, ordinal FROM notices WHERE call_id = ?1 AND contact = ?2";
pub(super) const RENAMED_ATTEMPTS: &str = "UPDATE attempts SET contact = ?3 WHERE call_id = ?1 AND contact = ?2";
pub(super) const OLD_NOTICES: &str = "DELETE FROM notices WHERE call_id = ?1 AND contact = ?2";
pub(super) const REPLIES: &str =
    "UPDATE inbound SET sender = '+999', body = '', answer = '', prompt = NULL WHERE call_id = ?1";
pub(super) const PHONE_CALLS: &str = "UPDATE phone_calls SET caller = NULL, words = NULL WHERE call_id = ?1";
pub(super) const PARKED_CALL: &str =
    "DELETE FROM outbox WHERE sink = 'mirror' AND parked_at IS NOT NULL AND key = 'call:' || ?1";
pub(super) const PARKED_EVENTS: &str = "DELETE FROM outbox WHERE sink = 'mirror' AND parked_at IS NOT NULL
    AND key IN (SELECT 'attempt:att_' || lower(hex(id)) FROM attempts WHERE call_id = ?1)";
pub(super) const ENTRIES: &str = "SELECT seq, data FROM log WHERE call_id = ?1 ORDER BY seq LIMIT ?2";
pub(super) const ENTRY: &str = "UPDATE log SET message = '', data = ?2 WHERE seq = ?1";

pub(super) const OTHER_ENTRIES: &str = "SELECT l.seq, l.at, l.kind, l.message, l.data, l.call_id,
        (SELECT CASE WHEN c.pruned_at IS NULL THEN 1 ELSE 2 END FROM calls c WHERE c.id = l.call_id)
    FROM log l WHERE l.seq > ?1 ORDER BY l.seq LIMIT ?2";
/// Of a call that is pruned already.
pub(super) const AGAIN: &str =
    "SELECT c.id, c.data, c.outs, c.holder FROM calls c WHERE c.id = ?1 AND c.pruned_at IS NOT NULL";
/// Somebody is told something of it still.
pub(super) const IS_TOLD: &str = "SELECT 1 FROM attempts WHERE call_id = ?1
    AND (state IN ('scheduled', 'sending', 'retrying') OR (state = 'unknown' AND decided_at IS NULL))";
/// A phone call of which nobody knows when it was is as old as what the log says of it.
pub(super) const UNTIMED_PHONE_CALL: &str =
    "UPDATE phone_calls SET caller = NULL, words = NULL WHERE id = ?1 AND call_id IS NULL
    AND due_at IS NULL AND ended_at IS NULL AND started_at IS NULL AND (caller IS NOT NULL OR words IS NOT NULL)";
