-- The schema of a store in PostgreSQL: the tables and columns of SQLite's, which a test compares. Times are milliseconds since 1970,
-- UTC; a truth is 0 or 1; JSON is text, for its order and its doubles are kept; texts are compared byte by byte. `rowid` numbers the
-- rows of a table as they were made, which SQLite does by itself.

CREATE TABLE meta (
    key text COLLATE "C" PRIMARY KEY NOT NULL,
    value text COLLATE "C" NOT NULL
);

CREATE TABLE calls (
    id text COLLATE "C" PRIMARY KEY NOT NULL,
    reference text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    round bigint NOT NULL,
    level text COLLATE "C" NOT NULL,
    policy text COLLATE "C" NOT NULL,
    steps_total bigint NOT NULL,
    data text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C",
    overridden text COLLATE "C",
    created_by text COLLATE "C" NOT NULL,
    accepted_at bigint NOT NULL,
    next_step bigint NOT NULL,
    wake_at bigint,
    deferred_from bigint,
    attempts bigint NOT NULL,
    holder text COLLATE "C",
    outs text COLLATE "C" NOT NULL,
    told_at bigint,
    closed_at bigint,
    muted bigint NOT NULL,
    settings bigint,
    held_until bigint,
    ask_at bigint,
    asked_at bigint,
    rowid bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    CONSTRAINT call_is_deferred_only_while_dispatching CHECK (deferred_from IS NULL OR status = 'DISPATCHING'),
    CONSTRAINT call_counts_are_not_negative
        CHECK (round >= 1 AND next_step >= 0 AND attempts >= 0 AND steps_total >= 0),
    CONSTRAINT call_muted_is_a_truth CHECK (muted IN (0, 1)),
    CONSTRAINT holder_is_asked_while_it_is_taken CHECK (ask_at IS NULL OR status = 'ACKNOWLEDGED'),
    CONSTRAINT holder_answers_while_it_is_taken CHECK (asked_at IS NULL OR status = 'ACKNOWLEDGED'),
    CONSTRAINT call_status_is_known
        CHECK (status IN ('DISPATCHING', 'ACKNOWLEDGED', 'RESOLVED', 'CANCELLED', 'EXHAUSTED', 'DEFERRED')),
    CONSTRAINT call_has_a_wake_time_while_dispatching_or_not_seen
        CHECK (CASE status WHEN 'DISPATCHING' THEN wake_at IS NOT NULL WHEN 'DEFERRED' THEN true ELSE wake_at IS NULL END)
);
CREATE UNIQUE INDEX calls_by_key ON calls (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX calls_by_status ON calls (status, accepted_at);
CREATE INDEX calls_by_reference ON calls (reference, accepted_at);
CREATE INDEX calls_by_wake ON calls (wake_at, next_step, steps_total, muted) WHERE status = 'DISPATCHING';
CREATE INDEX calls_deferred ON calls (deferred_from) WHERE deferred_from IS NOT NULL;
CREATE INDEX calls_untold ON calls (accepted_at) WHERE status = 'DISPATCHING' AND told_at IS NULL;

CREATE TABLE notices (
    call_id text COLLATE "C" NOT NULL REFERENCES calls (id),
    round bigint NOT NULL,
    step bigint NOT NULL,
    contact text COLLATE "C" NOT NULL,
    ordinal bigint NOT NULL,
    CONSTRAINT notice_is_unique PRIMARY KEY (call_id, round, step, contact)
);

CREATE TABLE attempts (
    id bytea PRIMARY KEY NOT NULL,
    call_id text COLLATE "C" NOT NULL REFERENCES calls (id),
    number bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    round bigint NOT NULL,
    step bigint NOT NULL,
    contact text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    phone text COLLATE "C" NOT NULL,
    sender text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    priority bigint NOT NULL,
    body text COLLATE "C" NOT NULL,
    segments bigint NOT NULL,
    created_at bigint NOT NULL,
    not_before bigint NOT NULL,
    expires_at bigint,
    claimed_by text COLLATE "C",
    sent_at bigint,
    tries bigint NOT NULL,
    callback bigint NOT NULL,
    sid text COLLATE "C",
    message_status text COLLATE "C",
    error_code bigint,
    class text COLLATE "C",
    result text COLLATE "C" NOT NULL,
    repeats bytea,
    finished_at bigint,
    decided_at bigint,
    poll_at bigint,
    polls bigint NOT NULL,
    conflict bigint NOT NULL,
    call_open bigint NOT NULL,
    notice_contact text COLLATE "C" GENERATED ALWAYS AS (CASE kind WHEN 'notice' THEN contact END) STORED,
    lane text COLLATE "C" NOT NULL DEFAULT '|',
    provider_at bigint,
    provider_after bigint,
    clock_steps_ms bigint NOT NULL DEFAULT 0,
    due_at bigint,
    replied text COLLATE "C" NOT NULL DEFAULT '',
    address text COLLATE "C",
    why text COLLATE "C",
    sip bigint,
    rang bigint NOT NULL DEFAULT 0,
    words_asked bigint NOT NULL DEFAULT 0,
    rowid bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    CONSTRAINT attempt_number_is_unique UNIQUE (call_id, number),
    CONSTRAINT attempt_serves_a_notice FOREIGN KEY (call_id, round, step, notice_contact)
        REFERENCES notices (call_id, round, step, contact),
    CONSTRAINT attempt_id_is_a_uuid CHECK (length(id) = 16),
    CONSTRAINT attempt_state_is_known
        CHECK (state IN ('scheduled', 'sending', 'retrying', 'unknown', 'submitted', 'delivered', 'failed', 'skipped',
            'cancelled')),
    CONSTRAINT attempt_priority_is_known CHECK (priority IN (0, 1, 2)),
    CONSTRAINT attempt_is_finished_exactly_when_final
        CHECK ((finished_at IS NOT NULL) = (state IN ('delivered', 'failed', 'skipped', 'cancelled'))),
    CONSTRAINT attempt_is_claimed_exactly_while_sending CHECK ((claimed_by IS NOT NULL) = (state = 'sending')),
    CONSTRAINT attempt_sending_has_its_intent
        CHECK (state <> 'sending' OR (sent_at IS NOT NULL AND sender IS NOT NULL)),
    CONSTRAINT attempt_numbers_are_not_negative
        CHECK (number >= 1 AND round >= 0 AND step >= 0 AND segments >= 0 AND tries >= 0 AND polls >= 0),
    CONSTRAINT attempt_truths_are_truths
        CHECK (callback IN (0, 1) AND conflict IN (0, 1) AND call_open IN (0, 1)),
    CONSTRAINT attempt_channel_is_known CHECK (channel IN ('sms', 'email', 'voice')),
    CONSTRAINT attempt_kind_is_known
        CHECK (kind IN ('notice', 'stand-down', 'answer', 'update', 'question', 'roll-call', 'alert')),
    CONSTRAINT attempt_mail_has_an_address CHECK ((channel = 'email') = (address IS NOT NULL)),
    CONSTRAINT attempt_accepted_has_a_message
        CHECK (state NOT IN ('submitted', 'delivered') OR sid IS NOT NULL OR channel = 'email')
);
CREATE UNIQUE INDEX attempt_message_is_unique ON attempts (sid) WHERE sid IS NOT NULL;
CREATE UNIQUE INDEX one_open_attempt_per_notice ON attempts (call_id, round, step, contact)
    WHERE kind = 'notice'
      AND (state IN ('scheduled', 'sending', 'retrying') OR (state = 'unknown' AND decided_at IS NULL));
CREATE INDEX attempts_waiting_by_time ON attempts (not_before) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX attempts_claimed ON attempts (claimed_by) WHERE state = 'sending';
CREATE INDEX attempts_searched ON attempts (poll_at) WHERE state = 'unknown' AND sid IS NULL AND poll_at IS NOT NULL;
CREATE INDEX attempts_undecided ON attempts (id) WHERE state = 'unknown' AND decided_at IS NULL;

CREATE TABLE receipts (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    sid text COLLATE "C" NOT NULL,
    named bytea,
    status text COLLATE "C" NOT NULL,
    code bigint,
    class text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    joined bytea REFERENCES attempts (id),
    effect text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    CONSTRAINT receipt_source_is_known CHECK (source IN ('receipt', 'fetch', 'list')),
    CONSTRAINT receipt_effect_is_known CHECK (effect IN ('moved', 'stale', 'conflict', 'orphan'))
);
CREATE INDEX receipts_joined ON receipts (joined) WHERE joined IS NOT NULL;
CREATE INDEX receipts_waiting_by_sid ON receipts (sid) WHERE joined IS NULL;
CREATE INDEX receipts_waiting_by_name ON receipts (named) WHERE joined IS NULL AND named IS NOT NULL;

CREATE TABLE inbound (
    sid text COLLATE "C" PRIMARY KEY NOT NULL,
    sender text COLLATE "C" NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    provider_replied bigint NOT NULL,
    provider_at bigint,
    call_id text COLLATE "C" REFERENCES calls (id),
    understood text COLLATE "C" NOT NULL,
    answer text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    prompt text COLLATE "C",
    answered_by bytea,
    waits bigint NOT NULL DEFAULT 0 CONSTRAINT inbound_waits_is_a_truth CHECK (waits IN (0, 1))
);

CREATE TABLE opt_outs (
    phone text COLLATE "C" NOT NULL,
    sender text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (phone, sender)
);

CREATE TABLE breakers (
    sender text COLLATE "C" PRIMARY KEY NOT NULL,
    opened_at bigint NOT NULL,
    closed_at bigint,
    evidence text COLLATE "C" NOT NULL,
    probe text COLLATE "C" NOT NULL,
    code bigint,
    why text COLLATE "C" NOT NULL,
    probe_at bigint NOT NULL,
    probes bigint NOT NULL,
    CONSTRAINT breaker_evidence_is_known CHECK (evidence IN ('answer', 'receipt')),
    CONSTRAINT breaker_probe_is_known CHECK (probe IN ('notice', 'list'))
);

CREATE TABLE alerts (
    key text COLLATE "C" PRIMARY KEY NOT NULL,
    call_id text COLLATE "C",
    message text COLLATE "C" NOT NULL,
    raised_at bigint NOT NULL,
    resolved_at bigint,
    acknowledged_at bigint,
    acknowledged_by text COLLATE "C"
);
CREATE INDEX alerts_raised ON alerts (raised_at) WHERE resolved_at IS NULL;

CREATE TABLE outbox (
    sink text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    since bigint NOT NULL,
    attempts bigint NOT NULL,
    next_at bigint NOT NULL,
    parked_at bigint,
    why text COLLATE "C",
    PRIMARY KEY (sink, key)
);
CREATE INDEX outbox_parked ON outbox (sink, parked_at) WHERE parked_at IS NOT NULL;

CREATE TABLE mirror (
    key text COLLATE "C" PRIMARY KEY NOT NULL,
    record text COLLATE "C",
    writes bigint NOT NULL,
    since bigint NOT NULL,
    written_at bigint NOT NULL,
    verify_at bigint,
    misses bigint NOT NULL,
    rewrites bigint NOT NULL,
    verified_at bigint,
    CONSTRAINT mirror_counts_are_not_negative CHECK (writes >= 1 AND misses >= 0 AND rewrites >= 0),
    CONSTRAINT mirror_is_proven_or_to_be CHECK (verify_at IS NULL OR verified_at IS NULL)
);
CREATE INDEX mirror_events_unproven ON mirror (verify_at) WHERE verify_at IS NOT NULL AND key < 'b';
CREATE INDEX mirror_calls_unproven ON mirror (verify_at) WHERE verify_at IS NOT NULL AND key >= 'b';

CREATE TABLE roster (
    slot bigint PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    read_at bigint NOT NULL,
    contacts text COLLATE "C" NOT NULL,
    businesses text COLLATE "C" NOT NULL DEFAULT '[]',
    CONSTRAINT roster_is_one_copy CHECK (slot = 1)
);

CREATE TABLE requests (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    payload text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    result text COLLATE "C",
    answered_at bigint,
    CONSTRAINT request_is_answered_with_a_time CHECK ((result IS NULL) = (answered_at IS NULL))
);
CREATE INDEX requests_open ON requests (id) WHERE result IS NULL;

CREATE TABLE engines (
    ordinal bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    role text COLLATE "C" NOT NULL,
    pid bigint NOT NULL,
    started_at bigint NOT NULL,
    stopped_at bigint,
    listen text COLLATE "C",
    beat_boot_id text COLLATE "C",
    beat_boot_ms bigint,
    beat_at bigint
);
CREATE INDEX attempts_waiting ON attempts (priority, lane, created_at, id, not_before)
    WHERE state IN ('scheduled', 'retrying');

CREATE TABLE settings (
    number bigint PRIMARY KEY NOT NULL,
    document text COLLATE "C" NOT NULL,
    places text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    at bigint NOT NULL
);

CREATE TABLE targets (
    name text COLLATE "C" PRIMARY KEY NOT NULL,
    min text COLLATE "C" NOT NULL,
    CONSTRAINT target_min_is_known CHECK (min IN ('notice', 'page'))
);
CREATE INDEX alerts_of_call ON alerts (call_id) WHERE resolved_at IS NULL;

CREATE TABLE alert_receivers (
    sink text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    certain bigint NOT NULL,
    again_at bigint,
    receipt text COLLATE "C",
    PRIMARY KEY (sink, key),
    CONSTRAINT receiver_is_certain_or_not CHECK (certain IN (0, 1))
);
CREATE INDEX alert_receivers_again ON alert_receivers (sink, again_at) WHERE again_at IS NOT NULL;

CREATE TABLE alert_deliveries (
    sink text COLLATE "C" PRIMARY KEY NOT NULL,
    delivered bigint NOT NULL,
    failed bigint NOT NULL,
    delivered_at bigint,
    failed_at bigint,
    said text COLLATE "C"
);

CREATE TABLE alert_messages (
    sink text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    alerts bigint NOT NULL
);
CREATE INDEX alert_messages_by_time ON alert_messages (sink, at);

CREATE TABLE alert_sinks (
    sink text COLLATE "C" PRIMARY KEY NOT NULL,
    failing_since bigint NOT NULL,
    failures bigint NOT NULL,
    not_before bigint NOT NULL
);

CREATE TABLE provider_clock (
    id bigint PRIMARY KEY NOT NULL,
    least_ms bigint NOT NULL,
    most_ms bigint NOT NULL,
    measured_at bigint NOT NULL,
    newest_message bigint,
    CONSTRAINT there_is_one CHECK (id = 1)
);

CREATE TABLE replies_read (
    slot bigint PRIMARY KEY NOT NULL,
    until bigint NOT NULL,
    CONSTRAINT replies_read_is_one CHECK (slot = 1)
);
CREATE INDEX attempts_unsent_by_due ON attempts (due_at) WHERE due_at IS NOT NULL AND state IN ('scheduled', 'retrying');
CREATE INDEX inbound_answers ON inbound (sender, at) WHERE answer <> '';
CREATE INDEX inbound_by_sender ON inbound (sender, at);
CREATE INDEX inbound_waiting ON inbound (at) WHERE waits = 1;
CREATE INDEX attempts_by_phone ON attempts (phone, call_open, sent_at) WHERE sent_at IS NOT NULL;

CREATE TABLE log (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    call_id text COLLATE "C",
    attempt_id bytea,
    actor text COLLATE "C" NOT NULL,
    message text COLLATE "C" NOT NULL,
    data text COLLATE "C"
);
CREATE INDEX log_by_call ON log (call_id, seq) WHERE call_id IS NOT NULL;
CREATE INDEX attempts_polled ON attempts (poll_at, state) WHERE sid IS NOT NULL AND (state = 'submitted' OR poll_at IS NOT NULL);
CREATE INDEX outbox_events ON outbox (next_at, since) WHERE sink = 'mirror' AND parked_at IS NULL AND key < 'b';
CREATE INDEX outbox_calls ON outbox (next_at, since) WHERE sink = 'mirror' AND parked_at IS NULL AND key >= 'b';
CREATE INDEX outbox_alerts ON outbox (sink, next_at, since) WHERE sink <> 'mirror' AND parked_at IS NULL;
CREATE INDEX calls_to_ask ON calls (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX calls_not_seen ON calls (wake_at) WHERE status = 'DEFERRED' AND wake_at IS NOT NULL;

CREATE TABLE event_cursors (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    seq bigint NOT NULL
);

CREATE TABLE phone_calls (
    id text COLLATE "C" PRIMARY KEY NOT NULL,
    call_id text COLLATE "C" REFERENCES calls (id),
    sid text COLLATE "C",
    line text COLLATE "C",
    caller text COLLATE "C",
    started_at bigint,
    ended_at bigint,
    due_at bigint,
    words text COLLATE "C",
    CONSTRAINT phone_call_waits_only_without_a_call CHECK (due_at IS NULL OR call_id IS NULL)
);
CREATE INDEX phone_calls_by_sid ON phone_calls (sid) WHERE sid IS NOT NULL;
CREATE INDEX phone_calls_by_caller ON phone_calls (right(caller, 7), started_at) WHERE caller IS NOT NULL;
CREATE INDEX phone_calls_waiting ON phone_calls (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX calls_left ON calls (closed_at) WHERE status IN ('ACKNOWLEDGED', 'EXHAUSTED', 'DEFERRED');

CREATE TABLE report_mails (
    key text COLLATE "C" PRIMARY KEY NOT NULL,
    address text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    html text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    tries bigint NOT NULL,
    next_at bigint NOT NULL,
    said text COLLATE "C" NOT NULL,
    CONSTRAINT report_mail_state_is_known
        CHECK (state IN ('waiting', 'sending', 'sent', 'unknown', 'failed', 'empty')),
    CONSTRAINT report_mail_tries_are_not_negative CHECK (tries >= 0)
);
CREATE INDEX report_mails_open ON report_mails (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX attempts_ringing ON attempts (phone) WHERE channel = 'voice' AND state IN ('sending', 'submitted', 'unknown');
CREATE INDEX attempts_accepted ON attempts (sent_at, channel) WHERE state IN ('submitted', 'delivered');
CREATE INDEX attempts_failed ON attempts (finished_at, channel) WHERE state = 'failed';

CREATE TABLE overrides (
    id text COLLATE "C" PRIMARY KEY NOT NULL,
    rotation text COLLATE "C",
    line text COLLATE "C",
    role text COLLATE "C",
    kind text COLLATE "C" NOT NULL,
    contact text COLLATE "C" NOT NULL,
    from_at bigint NOT NULL,
    until_at bigint NOT NULL,
    note text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    source text COLLATE "C",
    withdrawn_at bigint,
    withdrawn_by text COLLATE "C",
    changed bigint NOT NULL,
    asked text COLLATE "C",
    CONSTRAINT override_source_is_unique UNIQUE (source),
    CONSTRAINT override_change_is_unique UNIQUE (changed),
    CONSTRAINT override_kind_is_known CHECK (kind IN ('take', 'add', 'away')),
    CONSTRAINT override_ends_after_it_begins CHECK (from_at < until_at),
    CONSTRAINT override_is_of_a_rotation_or_a_role
        CHECK ((line IS NULL) = (role IS NULL) AND (rotation IS NULL OR role IS NULL)),
    CONSTRAINT override_of_everything_is_away CHECK (rotation IS NOT NULL OR role IS NOT NULL OR kind = 'away'),
    CONSTRAINT override_is_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX overrides_by_end ON overrides (until_at);

CREATE TABLE duty_history (
    line text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    holders text COLLATE "C" NOT NULL,
    PRIMARY KEY (line, role, since)
);
CREATE INDEX attempts_blocked ON attempts (finished_at)
WHERE channel = 'voice' AND state = 'failed' AND (sip IN (403, 603, 607, 608) OR error_code IN (13225, 21216, 32203));

CREATE TABLE roll_calls (
    id text COLLATE "C" PRIMARY KEY NOT NULL,
    rotation text COLLATE "C" NOT NULL,
    line text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    contact text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    phone text COLLATE "C" NOT NULL,
    from_at bigint NOT NULL,
    until_at bigint NOT NULL,
    reference text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    wake_at bigint,
    decided_at bigint,
    why text COLLATE "C" NOT NULL,
    CONSTRAINT roll_call_is_one_a_shift UNIQUE (rotation, contact, from_at),
    CONSTRAINT roll_call_state_is_known
        CHECK (state IN ('asked', 'confirmed', 'refused', 'silent', 'failed', 'over')),
    CONSTRAINT roll_call_wakes_while_asked CHECK ((wake_at IS NOT NULL) = (state = 'asked')),
    CONSTRAINT roll_call_ends_after_it_begins CHECK (from_at < until_at)
);
CREATE INDEX roll_calls_by_end ON roll_calls (until_at);
CREATE INDEX roll_calls_unanswered ON roll_calls (decided_at) WHERE state IN ('asked', 'silent', 'failed');
CREATE INDEX roll_calls_by_reference ON roll_calls (reference);

CREATE TABLE roll_call_texts (
    id bytea PRIMARY KEY NOT NULL,
    roll_call text COLLATE "C" NOT NULL REFERENCES roll_calls (id),
    number bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    contact text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    phone text COLLATE "C" NOT NULL,
    sender text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    segments bigint NOT NULL,
    created_at bigint NOT NULL,
    not_before bigint NOT NULL,
    tries bigint NOT NULL,
    claimed_by text COLLATE "C",
    sent_at bigint,
    provider_after bigint,
    provider_at bigint,
    callback bigint NOT NULL,
    sid text COLLATE "C",
    message_status text COLLATE "C",
    error_code bigint,
    result text COLLATE "C" NOT NULL,
    poll_at bigint,
    polls bigint NOT NULL,
    CONSTRAINT roll_call_text_number_is_unique UNIQUE (roll_call, number),
    CONSTRAINT roll_call_text_sid_is_unique UNIQUE (sid),
    CONSTRAINT roll_call_text_kind_is_known CHECK (kind IN ('roll-call', 'alert')),
    CONSTRAINT roll_call_text_state_is_known
        CHECK (state IN ('scheduled', 'sending', 'retrying', 'unknown', 'submitted', 'delivered', 'failed', 'skipped',
            'cancelled')),
    CONSTRAINT roll_call_text_is_claimed_while_sending CHECK ((claimed_by IS NOT NULL) = (state = 'sending')),
    CONSTRAINT roll_call_text_has_its_intent
        CHECK (sent_at IS NOT NULL OR state IN ('scheduled', 'retrying', 'skipped', 'cancelled'))
);
CREATE INDEX roll_call_texts_by_phone ON roll_call_texts (phone, created_at);
CREATE INDEX roll_call_texts_open ON roll_call_texts (roll_call)
    WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL;

CREATE TABLE calendars (
    rotation text COLLATE "C" NOT NULL,
    part text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    etag text COLLATE "C",
    read_at bigint,
    failing_since bigint,
    error text COLLATE "C",
    changed bigint NOT NULL,
    kept_source text COLLATE "C",
    offered_why text COLLATE "C",
    answered_at bigint,
    PRIMARY KEY (rotation, part),
    CONSTRAINT calendar_part_is_known CHECK (part IN ('events', 'overrides')),
    CONSTRAINT calendar_fails_since_and_why CHECK ((failing_since IS NULL) = (error IS NULL))
);

CREATE TABLE calendar_texts (
    rotation text COLLATE "C" NOT NULL,
    part text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    text bytea NOT NULL,
    PRIMARY KEY (rotation, part, state),
    FOREIGN KEY (rotation, part) REFERENCES calendars (rotation, part),
    CONSTRAINT calendar_text_state_is_known CHECK (state IN ('kept', 'offered'))
);

CREATE TABLE feeds (
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    secret text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    PRIMARY KEY (kind, name),
    CONSTRAINT feed_secret_is_unique UNIQUE (secret),
    CONSTRAINT feed_kind_is_known CHECK (kind IN ('rotation', 'contact'))
);

-- How many transactions changed something: by what it was, a process sees that another committed. One row.
CREATE TABLE commits (
    slot bigint PRIMARY KEY,
    n bigint NOT NULL,
    CONSTRAINT commits_are_one_row CHECK (slot = 1)
);
INSERT INTO commits (slot, n) VALUES (1, 0);

-- Who is the engine: one row. `holder` is a term, new each time; `beat` is counted up by it, and moves nothing else. Nothing is
-- decided by the rest, which is for people: times are the server's.
CREATE TABLE engine (
    slot bigint PRIMARY KEY,
    holder text COLLATE "C",
    epoch bigint NOT NULL,
    beat bigint NOT NULL,
    role text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    pid bigint NOT NULL,
    version text COLLATE "C" NOT NULL,
    taken_at bigint NOT NULL,
    renewed_at bigint NOT NULL,
    CONSTRAINT engine_is_one_row CHECK (slot = 1)
);
INSERT INTO engine (slot, epoch, beat, role, host, pid, version, taken_at, renewed_at) VALUES (1, 0, 0, '', '', 0, '', 0, 0);

-- Ends a transaction whose decisions are of a term that is over. It writes the row: behind a takeover it waits and then fails, and a
-- takeover waits for its commit. A read would do neither.
CREATE FUNCTION fence(term text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE engine SET holder = holder WHERE slot = 1 AND holder = term;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'DC001', MESSAGE = 'another engine holds the lease';
    END IF;
END $$;

-- Functions that SQLite has, of a text that may be no JSON. PostgreSQL refuses a whole document for one character U+0000
-- in it, wherever that is: it is read as any other character that cannot be kept.
CREATE FUNCTION json_valid(document text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN document::json IS NOT NULL;
EXCEPTION WHEN data_exception THEN
    RETURN false;
END $$;

-- `$.key` of an object, as text.
CREATE FUNCTION json_extract(document text, path text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN replace(document, '\u0000', '\ufffd')::json ->> substr(path, 3);
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- The elements of the list at `$.key`.
CREATE FUNCTION json_each(document text, path text) RETURNS TABLE (value text) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN QUERY SELECT element::text
        FROM json_array_elements(replace(document, '\u0000', '\ufffd')::json -> substr(path, 3)) AS all_elements (element);
EXCEPTION WHEN data_exception THEN
    RETURN;
END $$;

CREATE FUNCTION hex(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT encode(bytes, 'hex') $$;

-- Refuses a change by the name of what it breaks.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = '23514', CONSTRAINT = TG_ARGV[0];
END $$;

CREATE TRIGGER call_final_is_final BEFORE UPDATE OF status ON calls FOR EACH ROW
WHEN (OLD.status IN ('RESOLVED', 'CANCELLED') AND NEW.status <> OLD.status)
EXECUTE FUNCTION refuse('call_final_is_final');

CREATE TRIGGER call_numbers_only_grow BEFORE UPDATE OF attempts, round ON calls FOR EACH ROW
WHEN (NEW.attempts < OLD.attempts OR NEW.round < OLD.round)
EXECUTE FUNCTION refuse('call_numbers_only_grow');

-- A key is the proof that a phone call reached somebody, also where its request was overtaken by the end of the phone call.
CREATE TRIGGER attempt_final_is_final BEFORE UPDATE OF state ON attempts FOR EACH ROW
WHEN (OLD.state IN ('delivered', 'failed', 'skipped', 'cancelled') AND NEW.state <> OLD.state
  AND NOT (OLD.conflict = 1 AND OLD.state IN ('delivered', 'failed') AND NEW.state IN ('delivered', 'failed'))
  AND NOT (OLD.channel = 'voice' AND OLD.state = 'failed' AND NEW.state = 'delivered'))
EXECUTE FUNCTION refuse('attempt_final_is_final');

CREATE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number > (SELECT attempts FROM calls WHERE id = NEW.call_id) THEN
        RAISE EXCEPTION 'attempt_number_is_counted' USING ERRCODE = '23514', CONSTRAINT = 'attempt_number_is_counted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempt_number_is_counted BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION count_attempt();

CREATE FUNCTION close_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE attempts SET call_open = 0 WHERE call_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER attempts_know_that_their_call_closed AFTER UPDATE OF status ON calls FOR EACH ROW
WHEN (NEW.status IN ('RESOLVED', 'CANCELLED') AND OLD.status <> NEW.status)
EXECUTE FUNCTION close_attempts();

CREATE TRIGGER override_is_never_edited
BEFORE UPDATE OF id, rotation, line, role, kind, contact, from_at, until_at, note, actor, made_at, source, asked ON overrides
FOR EACH ROW EXECUTE FUNCTION refuse('override_is_never_edited');
CREATE TRIGGER override_is_withdrawn_once BEFORE UPDATE OF withdrawn_at, withdrawn_by ON overrides FOR EACH ROW
WHEN (OLD.withdrawn_at IS NOT NULL)
EXECUTE FUNCTION refuse('override_is_withdrawn_once');
CREATE TRIGGER duty_history_is_never_edited BEFORE UPDATE ON duty_history FOR EACH ROW
EXECUTE FUNCTION refuse('duty_history_is_never_edited');
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION refuse('log_is_never_changed');
CREATE TRIGGER log_is_never_deleted BEFORE DELETE OR TRUNCATE ON log EXECUTE FUNCTION refuse('log_is_never_deleted');
CREATE TRIGGER call_is_never_deleted BEFORE DELETE OR TRUNCATE ON calls EXECUTE FUNCTION refuse('call_is_never_deleted');
CREATE TRIGGER notice_is_never_deleted BEFORE DELETE OR TRUNCATE ON notices EXECUTE FUNCTION refuse('notice_is_never_deleted');
CREATE TRIGGER attempt_is_never_deleted BEFORE DELETE OR TRUNCATE ON attempts EXECUTE FUNCTION refuse('attempt_is_never_deleted');
CREATE TRIGGER override_is_never_deleted BEFORE DELETE OR TRUNCATE ON overrides EXECUTE FUNCTION refuse('override_is_never_deleted');
