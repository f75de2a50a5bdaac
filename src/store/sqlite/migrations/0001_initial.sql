-- The whole schema of version 1. Times are integers: milliseconds since 1970, UTC.
--
-- The constraints state what must hold whatever the code does: a call that is DISPATCHING has a time at which the engine
-- looks at it, an attempt that is final says since when, nobody has two open attempts for one notice, what is final stays
-- final, and the log only grows. Each is named, because its name is what a refused change is answered with.

-- What the file is: the mode it belongs to (written in this transaction), the last probe of health.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    id              TEXT PRIMARY KEY NOT NULL,
    reference       TEXT NOT NULL,
    status          TEXT NOT NULL,
    round           INTEGER NOT NULL,
    level           TEXT NOT NULL,
    policy          TEXT NOT NULL,             -- JSON, copied at acceptance
    steps_total     INTEGER NOT NULL,          -- of that policy, repeats included: "has it a step to come" without reading it
    data            TEXT NOT NULL,             -- JSON, what the caller said
    fingerprint     TEXT NOT NULL,
    idempotency_key TEXT,
    overridden      TEXT,                      -- JSON
    created_by      TEXT NOT NULL,
    accepted_at     INTEGER NOT NULL,
    next_step       INTEGER NOT NULL,
    wake_at         INTEGER,
    deferred_from   INTEGER,                   -- when the step that waits for a breaker came due
    attempts        INTEGER NOT NULL,
    holder          TEXT,
    outs            TEXT NOT NULL,             -- JSON
    told_at         INTEGER,
    closed_at       INTEGER,
    muted           INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    CONSTRAINT call_status_is_known
        CHECK (status IN ('DISPATCHING', 'ACKNOWLEDGED', 'RESOLVED', 'CANCELLED', 'EXHAUSTED')),
    CONSTRAINT call_has_a_wake_time_exactly_while_dispatching
        CHECK ((wake_at IS NOT NULL) = (status = 'DISPATCHING')),
    CONSTRAINT call_is_deferred_only_while_dispatching CHECK (deferred_from IS NULL OR status = 'DISPATCHING'),
    CONSTRAINT call_counts_are_not_negative CHECK (round >= 1 AND next_step >= 0 AND attempts >= 0 AND steps_total >= 0),
    CONSTRAINT call_muted_is_a_truth CHECK (muted IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX calls_by_key ON calls (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX calls_by_status ON calls (status, accepted_at);
CREATE INDEX calls_by_reference ON calls (reference, accepted_at);
CREATE INDEX calls_by_wake ON calls (wake_at, next_step, steps_total, muted) WHERE status = 'DISPATCHING';
CREATE INDEX calls_deferred ON calls (deferred_from) WHERE deferred_from IS NOT NULL;
CREATE INDEX calls_untold ON calls (accepted_at) WHERE status = 'DISPATCHING' AND told_at IS NULL;

CREATE TRIGGER call_final_is_final BEFORE UPDATE OF status ON calls
WHEN OLD.status IN ('RESOLVED', 'CANCELLED') AND NEW.status <> OLD.status
BEGIN SELECT RAISE(ABORT, 'call_final_is_final'); END;

CREATE TRIGGER call_numbers_only_grow BEFORE UPDATE OF attempts, round ON calls
WHEN NEW.attempts < OLD.attempts OR NEW.round < OLD.round
BEGIN SELECT RAISE(ABORT, 'call_numbers_only_grow'); END;

CREATE TRIGGER call_is_never_deleted BEFORE DELETE ON calls
BEGIN SELECT RAISE(ABORT, 'call_is_never_deleted'); END;

-- One contact to be told once. `ordinal`: its place among the notices of the call.
CREATE TABLE notices (
    call_id TEXT NOT NULL REFERENCES calls (id),
    round   INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    contact TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    CONSTRAINT notice_is_unique PRIMARY KEY (call_id, round, step, contact)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER notice_is_never_deleted BEFORE DELETE ON notices
BEGIN SELECT RAISE(ABORT, 'notice_is_never_deleted'); END;

CREATE TABLE attempts (
    id             BLOB PRIMARY KEY NOT NULL,
    call_id        TEXT NOT NULL REFERENCES calls (id),
    number         INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    channel        TEXT NOT NULL,
    provider       TEXT NOT NULL,
    round          INTEGER NOT NULL,
    step           INTEGER NOT NULL,
    contact        TEXT NOT NULL,
    name           TEXT NOT NULL,
    phone          TEXT NOT NULL,
    sender         TEXT,
    state          TEXT NOT NULL,
    priority       INTEGER NOT NULL,           -- rank: 0 goes first
    body           TEXT NOT NULL,
    segments       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    not_before     INTEGER NOT NULL,
    expires_at     INTEGER,
    claimed_by     TEXT,
    sent_at        INTEGER,
    tries          INTEGER NOT NULL,
    callback       INTEGER NOT NULL,
    sid            TEXT,
    message_status TEXT,
    error_code     INTEGER,
    class          TEXT,                       -- of its failure
    result         TEXT NOT NULL,
    repeats        BLOB,
    finished_at    INTEGER,
    decided_at     INTEGER,
    poll_at        INTEGER,
    polls          INTEGER NOT NULL,
    conflict       INTEGER NOT NULL,
    call_open      INTEGER NOT NULL,           -- of its call, kept by a trigger: a reply must not walk through closed calls
    notice_contact TEXT GENERATED ALWAYS AS (CASE kind WHEN 'notice' THEN contact END) VIRTUAL,
    CONSTRAINT attempt_number_is_unique UNIQUE (call_id, number),
    CONSTRAINT attempt_serves_a_notice FOREIGN KEY (call_id, round, step, notice_contact)
        REFERENCES notices (call_id, round, step, contact),
    CONSTRAINT attempt_id_is_a_uuid CHECK (length(id) = 16),
    CONSTRAINT attempt_kind_is_known CHECK (kind IN ('notice', 'stand-down', 'answer')),
    CONSTRAINT attempt_channel_is_known CHECK (channel IN ('sms')),
    CONSTRAINT attempt_state_is_known CHECK (state IN ('scheduled', 'sending', 'retrying', 'unknown', 'submitted',
        'delivered', 'failed', 'skipped', 'cancelled')),
    CONSTRAINT attempt_priority_is_known CHECK (priority IN (0, 1, 2)),
    CONSTRAINT attempt_is_finished_exactly_when_final
        CHECK ((finished_at IS NOT NULL) = (state IN ('delivered', 'failed', 'skipped', 'cancelled'))),
    CONSTRAINT attempt_is_claimed_exactly_while_sending CHECK ((claimed_by IS NOT NULL) = (state = 'sending')),
    CONSTRAINT attempt_sending_has_its_intent CHECK (state <> 'sending' OR (sent_at IS NOT NULL AND sender IS NOT NULL)),
    CONSTRAINT attempt_accepted_has_a_message CHECK (state NOT IN ('submitted', 'delivered') OR sid IS NOT NULL),
    CONSTRAINT attempt_numbers_are_not_negative
        CHECK (number >= 1 AND round >= 0 AND step >= 0 AND segments >= 0 AND tries >= 0 AND polls >= 0),
    CONSTRAINT attempt_truths_are_truths CHECK (callback IN (0, 1) AND conflict IN (0, 1) AND call_open IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX attempt_message_is_unique ON attempts (sid) WHERE sid IS NOT NULL;
CREATE UNIQUE INDEX one_open_attempt_per_notice ON attempts (call_id, round, step, contact)
    WHERE kind = 'notice'
      AND (state IN ('scheduled', 'sending', 'retrying') OR (state = 'unknown' AND decided_at IS NULL));
CREATE INDEX attempts_waiting ON attempts (priority, created_at, id, not_before) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX attempts_waiting_by_time ON attempts (not_before) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX attempts_claimed ON attempts (claimed_by) WHERE state = 'sending';
CREATE INDEX attempts_polled ON attempts (poll_at) WHERE poll_at IS NOT NULL AND sid IS NOT NULL;
CREATE INDEX attempts_searched ON attempts (poll_at) WHERE state = 'unknown' AND sid IS NULL AND poll_at IS NOT NULL;
CREATE INDEX attempts_undecided ON attempts (id) WHERE state = 'unknown' AND decided_at IS NULL;
CREATE INDEX attempts_accepted ON attempts (state, sent_at) WHERE state IN ('submitted', 'delivered');
CREATE INDEX attempts_failed ON attempts (finished_at) WHERE state = 'failed';
CREATE INDEX attempts_by_phone ON attempts (phone, sent_at) WHERE call_open = 1 AND sent_at IS NOT NULL;

CREATE TRIGGER attempt_final_is_final BEFORE UPDATE OF state ON attempts
WHEN OLD.state IN ('delivered', 'failed', 'skipped', 'cancelled') AND NEW.state <> OLD.state
 AND NOT (OLD.conflict = 1 AND OLD.state IN ('delivered', 'failed') AND NEW.state IN ('delivered', 'failed'))
BEGIN SELECT RAISE(ABORT, 'attempt_final_is_final'); END;

CREATE TRIGGER attempt_number_is_counted BEFORE INSERT ON attempts
WHEN NEW.number > (SELECT attempts FROM calls WHERE id = NEW.call_id)
BEGIN SELECT RAISE(ABORT, 'attempt_number_is_counted'); END;

CREATE TRIGGER attempt_is_never_deleted BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempt_is_never_deleted'); END;

CREATE TRIGGER attempts_know_that_their_call_closed AFTER UPDATE OF status ON calls
WHEN NEW.status IN ('RESOLVED', 'CANCELLED') AND OLD.status <> NEW.status
BEGIN UPDATE attempts SET call_open = 0 WHERE call_id = NEW.id; END;

-- What the provider reported, as it came. `joined`: the attempt it was applied to; without one it waits to be joined.
CREATE TABLE receipts (
    seq     INTEGER PRIMARY KEY,
    sid     TEXT NOT NULL,
    named   BLOB,                              -- the attempt in the callback's path
    status  TEXT NOT NULL,
    code    INTEGER,
    class   TEXT NOT NULL,
    source  TEXT NOT NULL,
    joined  BLOB REFERENCES attempts (id),
    effect  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    CONSTRAINT receipt_source_is_known CHECK (source IN ('receipt', 'fetch', 'list')),
    CONSTRAINT receipt_effect_is_known CHECK (effect IN ('moved', 'stale', 'conflict', 'orphan'))
) STRICT;

CREATE INDEX receipts_joined ON receipts (joined) WHERE joined IS NOT NULL;
CREATE INDEX receipts_waiting_by_sid ON receipts (sid) WHERE joined IS NULL;
CREATE INDEX receipts_waiting_by_name ON receipts (named) WHERE joined IS NULL AND named IS NOT NULL;

-- Texts from people, by their SID: a repeated one is answered as before.
CREATE TABLE inbound (
    sid              TEXT PRIMARY KEY NOT NULL,
    sender           TEXT NOT NULL,
    recipient        TEXT NOT NULL,
    body             TEXT NOT NULL,
    provider_replied INTEGER NOT NULL,
    provider_at      INTEGER,
    call_id          TEXT REFERENCES calls (id),
    understood       TEXT NOT NULL,
    answer           TEXT NOT NULL,
    at               INTEGER NOT NULL
) STRICT;

-- `sender` is empty for "from any".
CREATE TABLE opt_outs (
    phone  TEXT NOT NULL,
    sender TEXT NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (phone, sender)
) STRICT, WITHOUT ROWID;

-- The breaker of a sender; `*` is that of the whole account.
CREATE TABLE breakers (
    sender    TEXT PRIMARY KEY NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    evidence  TEXT NOT NULL,
    probe     TEXT NOT NULL,
    code      INTEGER,
    why       TEXT NOT NULL,
    probe_at  INTEGER NOT NULL,
    probes    INTEGER NOT NULL,
    CONSTRAINT breaker_evidence_is_known CHECK (evidence IN ('answer', 'receipt')),
    CONSTRAINT breaker_probe_is_known CHECK (probe IN ('notice', 'list'))
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    call_id    TEXT,
    attempt_id BLOB,
    actor      TEXT NOT NULL,
    message    TEXT NOT NULL,
    data       TEXT                            -- JSON
) STRICT;

CREATE INDEX log_by_call ON log (call_id, seq) WHERE call_id IS NOT NULL;

CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'log_is_never_changed'); END;

CREATE TRIGGER log_is_never_deleted BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'log_is_never_deleted'); END;

-- One row a key; raised while `resolved_at` is null.
CREATE TABLE alerts (
    key         TEXT PRIMARY KEY NOT NULL,
    call_id     TEXT,
    message     TEXT NOT NULL,
    raised_at   INTEGER NOT NULL,
    resolved_at INTEGER
) STRICT;

CREATE INDEX alerts_raised ON alerts (raised_at) WHERE resolved_at IS NULL;

-- What other systems must still be told: one row a thing, its newest state stands. Whoever tells removes the row only if
-- `version` is still the one that was told.
CREATE TABLE outbox (
    sink      TEXT NOT NULL,
    key       TEXT NOT NULL,
    version   INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    next_at   INTEGER NOT NULL,
    parked_at INTEGER,
    why       TEXT,                            -- of what is parked
    PRIMARY KEY (sink, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_by_time ON outbox (sink, next_at) WHERE parked_at IS NULL;
CREATE INDEX outbox_by_age ON outbox (since) WHERE parked_at IS NULL;
CREATE INDEX outbox_parked ON outbox (sink, parked_at) WHERE parked_at IS NOT NULL;
-- The mirror's keys are `attempt:…` and `call:…`: neither kind waits behind the other.
CREATE INDEX outbox_events ON outbox (next_at) WHERE sink = 'mirror' AND parked_at IS NULL AND key < 'b';
CREATE INDEX outbox_calls ON outbox (next_at) WHERE sink = 'mirror' AND parked_at IS NULL AND key >= 'b';

-- What the mirror was told, by the outbox's keys. `writes` numbers what was written, so that a read-back proves the write that
-- it is of; `verify_at` says when to read it back, until it is proven.
CREATE TABLE mirror (
    key         TEXT PRIMARY KEY NOT NULL,
    record      TEXT,                          -- the base's id
    writes      INTEGER NOT NULL,
    since       INTEGER NOT NULL,              -- of the oldest change that is not proven
    written_at  INTEGER NOT NULL,
    verify_at   INTEGER,
    misses      INTEGER NOT NULL,              -- looks in vain since the last write
    rewrites    INTEGER NOT NULL,              -- writes in a row that were not kept
    verified_at INTEGER,
    CONSTRAINT mirror_counts_are_not_negative CHECK (writes >= 1 AND misses >= 0 AND rewrites >= 0),
    CONSTRAINT mirror_is_proven_or_to_be CHECK (verify_at IS NULL OR verified_at IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX mirror_events_unproven ON mirror (verify_at) WHERE verify_at IS NOT NULL AND key < 'b';
CREATE INDEX mirror_calls_unproven ON mirror (verify_at) WHERE verify_at IS NOT NULL AND key >= 'b';

-- Contacts as another system had them when it could last be read whole: one row.
CREATE TABLE roster (
    slot     INTEGER PRIMARY KEY,
    source   TEXT NOT NULL,                    -- its table, for people
    read_at  INTEGER NOT NULL,
    contacts TEXT NOT NULL,                    -- JSON
    CONSTRAINT roster_is_one_copy CHECK (slot = 1)
) STRICT;

-- What commands ask of the engine that holds the lock.
CREATE TABLE requests (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    payload     TEXT NOT NULL,
    actor       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    result      TEXT,
    answered_at INTEGER,
    CONSTRAINT request_is_answered_with_a_time CHECK ((result IS NULL) = (answered_at IS NULL))
) STRICT;

CREATE INDEX requests_open ON requests (id) WHERE result IS NULL;

CREATE TABLE engines (
    ordinal    INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    stopped_at INTEGER,
    listen     TEXT
) STRICT;
