-- Version 3: what decides lives in the store, every sink has rows of its own, and the engine shows that it lives.

-- == settings in force ==
-- The newest row decides for every process. `document`: every key that decides, no secret. `places`: the addresses and the
-- paths of secret files of whoever wrote it, used only where a later start finds its own file broken.
CREATE TABLE settings (
    number   INTEGER PRIMARY KEY NOT NULL,
    document TEXT NOT NULL,                    -- JSON
    places   TEXT NOT NULL,                    -- JSON
    actor    TEXT NOT NULL,
    role     TEXT NOT NULL,                    -- what wrote it: serve, config apply
    at       INTEGER NOT NULL
) STRICT;

-- Who is to be told of changes, by the settings in force: `mirror`, and the alert sinks by name.
CREATE TABLE targets (
    name TEXT PRIMARY KEY NOT NULL,
    min  TEXT NOT NULL,
    CONSTRAINT target_min_is_known CHECK (min IN ('notice', 'page'))
) STRICT, WITHOUT ROWID;

-- The settings that a call was accepted under; null: before there were any.
ALTER TABLE calls ADD COLUMN settings INTEGER;

-- == alerts and their sinks ==
-- The outbox has one row a sink and alert: its sink is `sink:` and the sink's name. Rows of the sink `alerts` are an older
-- version's, for all sinks together; an engine's start hands them over to the sinks that it has.

CREATE INDEX alerts_of_call ON alerts (call_id) WHERE resolved_at IS NULL;

-- Which alerts a sink knows of as raised: only of those it is told the end. `certain` is 0 where nobody knows whether the
-- message arrived.
CREATE TABLE alert_receivers (
    sink    TEXT NOT NULL,
    key     TEXT NOT NULL,
    certain INTEGER NOT NULL,
    PRIMARY KEY (sink, key),
    CONSTRAINT receiver_is_certain_or_not CHECK (certain IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What an older version told all its sinks: what is raised and waits no more, and that of which the end waits.
INSERT INTO alert_receivers (sink, key, certain) SELECT 'alerts', key, 1 FROM alerts
    WHERE (resolved_at IS NULL) <> EXISTS (SELECT 1 FROM outbox WHERE sink = 'alerts' AND outbox.key = alerts.key);

-- The messages to each sink in the last minutes: bulk alerts are grouped by them.
CREATE TABLE alert_messages (
    sink   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    alerts INTEGER NOT NULL
) STRICT;

CREATE INDEX alert_messages_by_time ON alert_messages (sink, at);

-- Sinks to which the last message was not delivered; one that is well has no row.
CREATE TABLE alert_sinks (
    sink          TEXT PRIMARY KEY NOT NULL,
    failing_since INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    not_before    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- == the engine's beat ==
-- When the engine's essential duties had last passed, by the boot clock of the boot that this id names, and by the wall clock.
ALTER TABLE engines ADD COLUMN beat_boot_id TEXT;
ALTER TABLE engines ADD COLUMN beat_boot_ms INTEGER;
ALTER TABLE engines ADD COLUMN beat_at INTEGER;

-- == the provider's clock ==
-- Times by the provider's own clock, in whole seconds: when it made the message, and the newest moment of that clock that was
-- known before the POST. `clock_steps_ms`: how far our own clock was stepped since `sent_at` while the outcome was open.
ALTER TABLE attempts ADD COLUMN provider_at INTEGER;
ALTER TABLE attempts ADD COLUMN provider_after INTEGER;
ALTER TABLE attempts ADD COLUMN clock_steps_ms INTEGER NOT NULL DEFAULT 0;

-- How far our clock was ahead of the provider's when that was measured last: one row.
CREATE TABLE provider_clock (
    id             INTEGER PRIMARY KEY NOT NULL,
    least_ms       INTEGER NOT NULL,
    most_ms        INTEGER NOT NULL,
    measured_at    INTEGER NOT NULL,
    newest_message INTEGER,                    -- by the provider's clock
    CONSTRAINT there_is_one CHECK (id = 1)
) STRICT;

-- == replies that were read ==
-- Until when everything that was said was read from everybody whose replies counted: one row. Whose call left DISPATCHING a day
-- before that is read no more.
CREATE TABLE replies_read (
    slot  INTEGER PRIMARY KEY NOT NULL,
    until INTEGER NOT NULL,
    CONSTRAINT replies_read_is_one CHECK (slot = 1)
) STRICT;

CREATE INDEX calls_left ON calls (closed_at) WHERE status IN ('ACKNOWLEDGED', 'EXHAUSTED');

-- == lateness ==
-- When the step was due whose text it is; null for a first notice, for what no step fired and for a resend.
ALTER TABLE attempts ADD COLUMN due_at INTEGER;

-- The oldest follow-up that fired and has not left; read from the index alone, so that a damaged row hides no other.
CREATE INDEX attempts_unsent_by_due ON attempts (due_at) WHERE due_at IS NOT NULL AND state IN ('scheduled', 'retrying');

-- == replies ==
-- `prompt`: what the answer to a text asks of its writer; null: nothing. `answered_by`: the attempt that carries the answer; null:
-- the webhook's own TwiML. `waits`: nobody knows yet when it was written, and a younger text of ours or the end of a call lies
-- close: the engine asks the provider.
ALTER TABLE inbound ADD COLUMN prompt TEXT;
ALTER TABLE inbound ADD COLUMN answered_by BLOB;
ALTER TABLE inbound ADD COLUMN waits INTEGER NOT NULL DEFAULT 0 CONSTRAINT inbound_waits_is_a_truth CHECK (waits IN (0, 1));
CREATE INDEX inbound_answers ON inbound (sender, at) WHERE answer <> '';
-- What a phone said, in the order in which it came: an older word moves nothing that a newer one has decided.
CREATE INDEX inbound_by_sender ON inbound (sender, at);
CREATE INDEX inbound_waiting ON inbound (at) WHERE waits = 1;

-- What its reader wrote since a text was made, as the mirror shows it.
ALTER TABLE attempts ADD COLUMN replied TEXT NOT NULL DEFAULT '';

-- The texts to a phone, those of open calls and those of closed ones apart, newest last.
DROP INDEX attempts_by_phone;
CREATE INDEX attempts_by_phone ON attempts (phone, call_open, sent_at) WHERE sent_at IS NOT NULL;

-- == lean ==
-- Nobody read when a call was changed last, and every receipt wrote it.
ALTER TABLE calls DROP COLUMN updated_at;

-- The log is never deleted from: a number is not given again without AUTOINCREMENT, which wrote one more page at every entry.
CREATE TABLE lean_log (
    seq        INTEGER PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    call_id    TEXT,
    attempt_id BLOB,
    actor      TEXT NOT NULL,
    message    TEXT NOT NULL,
    data       TEXT                            -- JSON
) STRICT;
INSERT INTO lean_log SELECT seq, kind, at, call_id, attempt_id, actor, message, data FROM log ORDER BY seq;
DROP TABLE log;
ALTER TABLE lean_log RENAME TO log;
CREATE INDEX log_by_call ON log (call_id, seq) WHERE call_id IS NOT NULL;
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'log_is_never_changed'); END;
CREATE TRIGGER log_is_never_deleted BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'log_is_never_deleted'); END;

-- What the provider has and was not heard of for good, and what it is to be asked about: one index, left once.
DROP INDEX attempts_polled;
CREATE INDEX attempts_polled ON attempts (poll_at, state) WHERE sid IS NOT NULL AND (state = 'submitted' OR poll_at IS NOT NULL);
-- Without the state in its key: a delivery stays on its page.
DROP INDEX attempts_accepted;
CREATE INDEX attempts_accepted ON attempts (sent_at) WHERE state IN ('submitted', 'delivered');

-- A change to be mirrored writes its row and one index; the same of an alert. How many wait, and since when, is read from these.
DROP INDEX outbox_by_time;
DROP INDEX outbox_by_age;
DROP INDEX outbox_events;
DROP INDEX outbox_calls;
CREATE INDEX outbox_events ON outbox (next_at, since) WHERE sink = 'mirror' AND parked_at IS NULL AND key < 'b';
CREATE INDEX outbox_calls ON outbox (next_at, since) WHERE sink = 'mirror' AND parked_at IS NULL AND key >= 'b';
CREATE INDEX outbox_alerts ON outbox (sink, next_at, since) WHERE sink <> 'mirror' AND parked_at IS NULL;

-- == other ==
