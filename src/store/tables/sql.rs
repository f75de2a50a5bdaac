//! Every statement of the hot path and of the writers, named. Reads that only one method makes stand beside it in `reads.rs`.

/// Columns of a call, in the order that `load::call_from` reads.
macro_rules! call_columns {
    () => {
        "id, reference, status, round, level, policy, data, fingerprint, idempotency_key, overridden, created_by, \
         accepted_at, next_step, wake_at, attempts, holder, outs, told_at, closed_at, muted, deferred_from, \
         settings, held_until, ask_at, asked_at"
    };
}
pub(in crate::store) use call_columns;

/// Columns of an attempt, in the order that `load::attempt_from` reads.
macro_rules! attempt_columns {
    () => {
        "id, call_id, number, kind, channel, provider, round, step, contact, name, phone, sender, state, priority, body, \
         segments, created_at, not_before, expires_at, claimed_by, sent_at, tries, callback, sid, message_status, \
         error_code, result, repeats, finished_at, decided_at, poll_at, polls, conflict, class, provider_at, provider_after, \
         clock_steps_ms, due_at, replied, address, why, sip, rang, words_asked"
    };
}
pub(in crate::store) use attempt_columns;

/// Follow-ups that are still to come, one a call that is looked for somebody for: its next step, the last resort, or its end. What
/// lists them and what counts them have this one definition.
macro_rules! follow_ups {
    () => {
        "calls INDEXED BY calls_by_wake WHERE status = 'DISPATCHING'"
    };
}
pub(in crate::store) use follow_ups;
/// How many they are: what a statement selects behind them begins here.
pub(in crate::store) const ATTEMPT_COLUMNS: usize = 44;

pub(in crate::store) const CALL: &str = concat!("SELECT ", call_columns!(), " FROM calls WHERE id = ?1");
pub(in crate::store) const CALL_ID: &str = "SELECT id FROM calls WHERE id = ?1";
pub(in crate::store) const NOTICES: &str =
    "SELECT round, step, contact FROM notices WHERE call_id = ?1 ORDER BY ordinal";
pub(in crate::store) const ATTEMPTS: &str =
    concat!("SELECT ", attempt_columns!(), " FROM attempts WHERE call_id = ?1 ORDER BY number");

pub(in crate::store) const CALL_OF_ATTEMPT: &str = "SELECT call_id FROM attempts WHERE id = ?1";
pub(in crate::store) const CALL_OF_SID: &str = "SELECT call_id FROM attempts WHERE sid = ?1";
pub(in crate::store) const CALL_OF_KEY: &str = "SELECT id FROM calls WHERE idempotency_key = ?1";
pub(in crate::store) const CALL_OF_REFERENCE: &str =
    "SELECT id FROM calls WHERE reference = ?1 ORDER BY accepted_at DESC, id DESC LIMIT 1";
pub(in crate::store) const REFERENCE_TAKEN: &str = "SELECT 1 FROM calls WHERE reference = ?1 AND accepted_at >= ?2
    UNION ALL SELECT 1 FROM roll_calls WHERE reference = ?1 AND made_at >= ?2
    UNION ALL SELECT 1 FROM alert_texts WHERE reference = ?1 AND created_at >= ?2 LIMIT 1";
/// Walked newest first and left after enough different calls: an index of open calls' texts alone, so that neither many
/// closed calls nor many open ones make a reply slow. `?2`: those that somebody has taken, or those that still look for somebody.
pub(in crate::store) const OPEN_CALLS_OF_PHONE: &str = "SELECT a.call_id
    FROM attempts a INDEXED BY attempts_by_phone CROSS JOIN calls c ON c.id = a.call_id
    WHERE a.phone = ?1 AND a.call_open = 1 AND a.sent_at IS NOT NULL AND (c.status = 'ACKNOWLEDGED') = ?2 ORDER BY a.sent_at DESC";
/// The calls of the texts that left for a phone last and are closed by now.
pub(in crate::store) const CLOSED_CALLS_OF_PHONE: &str = "SELECT a.call_id, coalesce(c.closed_at, 0) >= ?2
    FROM attempts a INDEXED BY attempts_by_phone CROSS JOIN calls c ON c.id = a.call_id
    WHERE a.phone = ?1 AND a.call_open = 0 AND a.sent_at IS NOT NULL ORDER BY a.sent_at DESC LIMIT 200";
pub(in crate::store) const IS_HEARD: &str = "SELECT 1 FROM inbound WHERE sid = ?1";
pub(in crate::store) const INBOUND_ANSWER: &str = "SELECT answer, waits FROM inbound WHERE sid = ?1";
/// What this phone was answered last.
pub(in crate::store) const ANSWERS_TO_PHONE: &str = "SELECT at, recipient, call_id, prompt, answered_by
    FROM inbound INDEXED BY inbound_answers WHERE sender = ?1 AND answer <> '' ORDER BY at DESC LIMIT 12";
/// What this phone said last, as far as it was understood, asked about, or waits.
pub(in crate::store) const REPLIES_OF_PHONE: &str = "SELECT sid, at, provider_at, call_id, understood, prompt, waits
    FROM inbound INDEXED BY inbound_by_sender WHERE sender = ?1 AND (waits = 1 OR prompt IS NOT NULL
        OR understood NOT IN ('not understood', 'a copy of our text', 'unknown number', 'answered by the provider'))
    ORDER BY at DESC LIMIT 50";
/// A reply that was heard by webhook, and that the list shows with its time.
pub(in crate::store) const DATE_REPLY: &str =
    "UPDATE inbound SET provider_at = ?2 WHERE sid = ?1 AND provider_at IS NULL";
pub(in crate::store) const BUSY: &str = "SELECT holder FROM calls INDEXED BY calls_left
    WHERE status IN ('ACKNOWLEDGED', 'EXHAUSTED', 'DEFERRED') AND closed_at >= ?1 AND status = 'ACKNOWLEDGED'
    AND holder IS NOT NULL";
pub(in crate::store) const OPT_OUTS_OF_PHONE: &str = "SELECT sender FROM opt_outs WHERE phone = ?1";
/// Receipts that wait, by their message and by the attempt that their callback named. Two statements: one with OR or UNION
/// builds a temporary table at every receipt.
pub(in crate::store) const ORPHANS_OF_SID: &str = "SELECT sid, named, status, code, class, source, seq
    FROM receipts INDEXED BY receipts_waiting_by_sid WHERE joined IS NULL AND sid = ?1 ORDER BY seq";
pub(in crate::store) const ORPHANS_OF_NAMED: &str = "SELECT sid, named, status, code, class, source, seq
    FROM receipts INDEXED BY receipts_waiting_by_name WHERE joined IS NULL AND named IS NOT NULL AND named = ?1 ORDER BY seq";

/// The few receipts of one attempt are walked.
pub(in crate::store) const RECEIPT_IS_KEPT: &str = "SELECT 1 FROM receipts INDEXED BY receipts_joined
    WHERE joined = ?1 AND sid = ?2 AND status = ?3 AND code IS NOT DISTINCT FROM ?4 AND source = 'receipt'";

pub(in crate::store) const REPORT_IS_KEPT: &str = "SELECT 1 FROM log INDEXED BY log_by_call
    WHERE call_id = ?1 AND kind = 'call.reported' AND json_valid(data) AND json_extract(data, '$.report') = ?2";

pub(in crate::store) const INSERT_CALL: &str = "INSERT INTO calls (id, reference, status, round, level, policy, data, fingerprint,
    idempotency_key, overridden, created_by, accepted_at, next_step, wake_at, attempts, holder, outs, told_at, closed_at,
    muted, steps_total, deferred_from, settings, held_until, ask_at, asked_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
    ?26)";
pub(in crate::store) const INSERT_NOTICE: &str =
    "INSERT INTO notices (call_id, round, step, contact, ordinal) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(in crate::store) const INSERT_ATTEMPT: &str = concat!(
    "INSERT INTO attempts (",
    attempt_columns!(),
    ", call_open, lane) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
     ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46)"
);
/// The line of a call was put right, or an answer went by another sender than the number that was written to.
pub(in crate::store) const MOVE_QUEUE: &str = "UPDATE attempts SET lane = ?2 WHERE id = ?1 AND lane <> ?2";
pub(in crate::store) const INSERT_LOG: &str =
    "INSERT INTO log (kind, at, call_id, attempt_id, actor, message, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(in crate::store) const INSERT_RECEIPT: &str =
    "INSERT INTO receipts (sid, named, status, code, class, source, joined, effect, at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
pub(in crate::store) const JOIN_BY_SID: &str = "UPDATE receipts SET joined = ?2 WHERE joined IS NULL AND sid = ?1";
pub(in crate::store) const JOIN_BY_NAME: &str =
    "UPDATE receipts SET joined = ?1 WHERE joined IS NULL AND named IS NOT NULL AND named = ?1";
pub(in crate::store) const INSERT_INBOUND: &str =
    "INSERT INTO inbound (sid, sender, recipient, body, provider_replied, provider_at,
    call_id, understood, answer, at, prompt, answered_by, waits)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
/// What has waited is answered; what was answered meanwhile stays.
pub(in crate::store) const ANSWER_WAITING: &str =
    "UPDATE inbound SET provider_at = ?2, call_id = ?3, understood = ?4, answer = ?5, prompt = ?6, answered_by = ?7, waits = 0
    WHERE sid = ?1 AND waits = 1";
/// A text that is known already stays as it was heard.
pub(in crate::store) const INSERT_INGESTED: &str =
    "INSERT INTO inbound (sid, sender, recipient, body, provider_replied, provider_at,
    call_id, understood, answer, at, prompt, answered_by, waits)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING";
pub(in crate::store) const OPT_OUT: &str =
    "INSERT INTO opt_outs (phone, sender, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
pub(in crate::store) const OPT_IN: &str = "DELETE FROM opt_outs WHERE phone = ?1 AND sender = ?2";
pub(in crate::store) const OPT_IN_EVERY: &str = "DELETE FROM opt_outs WHERE phone = ?1";

/// Changes a row only where the alert is not raised: the count of changed rows says whether it was news.
pub(in crate::store) const RAISE_ALERT: &str = "INSERT INTO alerts (key, call_id, message, raised_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (key) DO UPDATE SET call_id = excluded.call_id, message = excluded.message, raised_at = excluded.raised_at,
    resolved_at = NULL, acknowledged_at = NULL, acknowledged_by = NULL WHERE alerts.resolved_at IS NOT NULL";
pub(in crate::store) const ACKNOWLEDGE_ALERT: &str = "UPDATE alerts SET acknowledged_at = ?2, acknowledged_by = ?3
    WHERE key = ?1 AND resolved_at IS NULL AND acknowledged_at IS NULL AND raised_at <= ?4 RETURNING call_id";
pub(in crate::store) const ALERT_AGAIN: &str =
    "UPDATE alerts SET message = ?2 WHERE key = ?1 AND resolved_at IS NULL AND message <> ?2
    RETURNING call_id, acknowledged_at IS NOT NULL";
pub(in crate::store) const ALERTS_OF_CALL: &str =
    "SELECT key FROM alerts INDEXED BY alerts_of_call WHERE resolved_at IS NULL AND call_id = ?1";
/// The first of them: mostly there are few or none.
pub(in crate::store) const RAISED: &str =
    "SELECT key, call_id FROM alerts WHERE resolved_at IS NULL ORDER BY raised_at LIMIT 65";
pub(in crate::store) const RAISED_FEW: usize = 64;
pub(in crate::store) const RESOLVE_ALERT: &str =
    "UPDATE alerts SET resolved_at = ?2 WHERE key = ?1 AND resolved_at IS NULL RETURNING call_id, message";

/// A newer state stands for the ones before it: it keeps the age of the row, and un-parks what was refused for its content.
pub(in crate::store) const OUTBOX: &str = "INSERT INTO outbox (sink, key, version, since, attempts, next_at)
    VALUES (?1, ?2, 1, ?3, 0, ?3)
    ON CONFLICT (sink, key) DO UPDATE SET version = outbox.version + 1,
    attempts = CASE WHEN outbox.parked_at IS NULL THEN outbox.attempts ELSE 0 END,
    next_at = CASE WHEN outbox.parked_at IS NULL THEN outbox.next_at ELSE excluded.next_at END, parked_at = NULL";

pub(in crate::store) const POST_REQUEST: &str =
    "INSERT INTO requests (kind, payload, actor, at) VALUES (?1, ?2, ?3, ?4) RETURNING id";
/// Answers are read at once or never.
pub(in crate::store) const FORGET_REQUESTS: &str = "DELETE FROM requests WHERE at < ?1";
pub(in crate::store) const ANSWER_REQUEST: &str =
    "UPDATE requests SET result = ?2, answered_at = ?3 WHERE id = ?1 AND result IS NULL";
/// The first key stays.
pub(in crate::store) const KEEP_LINK_KEY: &str =
    "INSERT INTO meta (key, value) VALUES ('link_key', ?1) ON CONFLICT (key) DO NOTHING";
pub(in crate::store) const LINK_KEY: &str = "SELECT value FROM meta WHERE key = 'link_key'";
pub(in crate::store) const PROBE: &str = "INSERT INTO meta (key, value) VALUES ('probe', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
/// Of a server: a table of the store that this user may not write to.
pub(in crate::store) const BARRED: &str = "SELECT min(CAST(relname AS text)) FROM pg_class
    WHERE relkind = 'r' AND relname IN ('calls', 'notices', 'attempts', 'receipts', 'inbound', 'log', 'alerts')
    AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('meta'))
    AND NOT (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE'))";
pub(in crate::store) const HISTORY_DOUBT: &str = "SELECT value FROM meta WHERE key = 'history_doubt'";
pub(in crate::store) const NO_HISTORY_DOUBT: &str =
    "UPDATE meta SET value = '' WHERE key = 'history_doubt' AND value <> ''";
pub(in crate::store) const KEEP_SERVER: &str = "INSERT INTO meta (key, value) VALUES ('server', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value";
pub(in crate::store) const KEEP_PATH: &str = "INSERT INTO meta (key, value) VALUES ('path', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value";
/// The wall clock was set back: what is armed goes back with it.
pub(in crate::store) const SHIFT_WAKES: &str =
    "UPDATE calls SET wake_at = wake_at - ?1, deferred_from = deferred_from - ?1, held_until = held_until - ?1
    WHERE status = 'DISPATCHING'";
pub(in crate::store) const SHIFT_ASKS: &str =
    "UPDATE calls SET ask_at = ask_at - ?1, asked_at = asked_at - ?1 WHERE ask_at IS NOT NULL";
pub(in crate::store) const SHIFT_PROBES: &str =
    "UPDATE breakers SET probe_at = probe_at - ?1, opened_at = opened_at - ?1,
    closed_at = closed_at - ?1";
pub(in crate::store) const BREAKERS: &str =
    "SELECT sender, opened_at, closed_at, evidence, probe, code, why, probe_at, probes FROM breakers ORDER BY sender";
pub(in crate::store) const OPEN_BREAKER: &str = "INSERT INTO breakers
    (sender, opened_at, closed_at, evidence, probe, code, why, probe_at, probes)
    VALUES (?1, ?2, NULL, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (sender) DO UPDATE SET opened_at = excluded.opened_at, closed_at = NULL, evidence = excluded.evidence,
    probe = excluded.probe, code = excluded.code, why = excluded.why, probe_at = excluded.probe_at, probes = excluded.probes";
pub(in crate::store) const PROBED: &str = "UPDATE breakers SET probe_at = ?2, probes = probes + 1 WHERE sender = ?1";
pub(in crate::store) const CLOSE_BREAKER: &str =
    "UPDATE breakers SET closed_at = ?2 WHERE sender = ?1 AND closed_at IS NULL";
/// What waited for a breaker is looked at again at once.
pub(in crate::store) const WAKE_DEFERRED: &str =
    "UPDATE calls SET wake_at = ?1 WHERE deferred_from IS NOT NULL AND wake_at > ?1";
pub(in crate::store) const SHIFT_PAUSES: &str =
    "UPDATE attempts SET not_before = not_before - ?1, due_at = due_at - ?1 WHERE state IN ('scheduled', 'retrying')";
pub(in crate::store) const SHIFT_POLLS: &str = "UPDATE attempts SET poll_at = poll_at - ?1 WHERE poll_at IS NOT NULL";
/// The wall clock was stepped either way: how long ago the open sends left is told right all the same.
pub(in crate::store) const STEP_CLAIMED: &str = "UPDATE attempts INDEXED BY attempts_claimed
    SET clock_steps_ms = clock_steps_ms + ?1
    WHERE state = 'sending' AND sent_at + clock_steps_ms NOT BETWEEN ?2 AND ?3";
pub(in crate::store) const STEP_UNDECIDED: &str = "UPDATE attempts INDEXED BY attempts_undecided
    SET clock_steps_ms = clock_steps_ms + ?1
    WHERE state = 'unknown' AND decided_at IS NULL AND sent_at + clock_steps_ms NOT BETWEEN ?2 AND ?3";
pub(in crate::store) const KEEP_PROVIDER_CLOCK: &str = "INSERT INTO provider_clock
    (id, least_ms, most_ms, measured_at, newest_message) VALUES (1, ?1, ?2, ?3, ?4)
    ON CONFLICT (id) DO UPDATE SET least_ms = excluded.least_ms, most_ms = excluded.most_ms,
    measured_at = excluded.measured_at, newest_message = excluded.newest_message";
pub(in crate::store) const PROVIDER_CLOCK: &str =
    "SELECT least_ms, most_ms, measured_at, newest_message FROM provider_clock";
pub(in crate::store) const SHIFT_OUTBOX: &str = "UPDATE outbox SET next_at = next_at - ?1 WHERE parked_at IS NULL";
pub(in crate::store) const SHIFT_READ_BACKS: &str =
    "UPDATE mirror SET verify_at = verify_at - ?1 WHERE verify_at IS NOT NULL";
pub(in crate::store) const SHIFT_ALERT_MESSAGES: &str = "UPDATE alert_messages SET at = at - ?1";
pub(in crate::store) const SHIFT_ALERT_REPEATS: &str =
    "UPDATE alert_receivers SET again_at = again_at - ?1 WHERE again_at IS NOT NULL";
pub(in crate::store) const SHIFT_ALERT_SINKS: &str =
    "UPDATE alert_sinks SET failing_since = failing_since - ?1, not_before = not_before - ?1";
