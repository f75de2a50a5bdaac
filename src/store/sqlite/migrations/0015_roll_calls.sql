-- Version 15: roll calls. Whoever begins a shift is asked by text whether they hold the duty: one row a holder and shift, so that
-- nobody is asked twice for one. Their texts belong to no call and are rows of their own, with the states of an attempt.
CREATE TABLE roll_calls (
    id         TEXT PRIMARY KEY NOT NULL,
    rotation   TEXT NOT NULL,
    line       TEXT NOT NULL,                  -- '': of numbers that are not listed
    role       TEXT NOT NULL,
    contact    TEXT NOT NULL,
    name       TEXT NOT NULL,
    phone      TEXT NOT NULL,
    from_at    INTEGER NOT NULL,
    until_at   INTEGER NOT NULL,
    reference  TEXT NOT NULL,
    state      TEXT NOT NULL,
    made_at    INTEGER NOT NULL,
    wake_at    INTEGER,
    decided_at INTEGER,
    why        TEXT NOT NULL,
    CONSTRAINT roll_call_is_one_a_shift UNIQUE (rotation, contact, from_at),
    CONSTRAINT roll_call_state_is_known CHECK (state IN ('asked', 'confirmed', 'refused', 'silent', 'failed', 'over')),
    CONSTRAINT roll_call_wakes_while_asked CHECK ((wake_at IS NOT NULL) = (state = 'asked')),
    CONSTRAINT roll_call_ends_after_it_begins CHECK (from_at < until_at)
) STRICT;
CREATE INDEX roll_calls_by_end ON roll_calls (until_at);
CREATE INDEX roll_calls_unanswered ON roll_calls (decided_at) WHERE state IN ('asked', 'silent', 'failed');
CREATE INDEX roll_calls_by_reference ON roll_calls (reference);

CREATE TABLE roll_call_texts (
    id             BLOB PRIMARY KEY NOT NULL,  -- rides in the callback URL
    roll_call      TEXT NOT NULL REFERENCES roll_calls (id),
    number         INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    contact        TEXT NOT NULL,
    name           TEXT NOT NULL,
    phone          TEXT NOT NULL,
    sender         TEXT,
    state          TEXT NOT NULL,
    body           TEXT NOT NULL,
    segments       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    not_before     INTEGER NOT NULL,
    tries          INTEGER NOT NULL,
    claimed_by     TEXT,
    sent_at        INTEGER,
    provider_after INTEGER,
    provider_at    INTEGER,
    callback       INTEGER NOT NULL,
    sid            TEXT,
    message_status TEXT,
    error_code     INTEGER,
    result         TEXT NOT NULL,
    poll_at        INTEGER,
    polls          INTEGER NOT NULL,
    CONSTRAINT roll_call_text_number_is_unique UNIQUE (roll_call, number),
    CONSTRAINT roll_call_text_sid_is_unique UNIQUE (sid),
    CONSTRAINT roll_call_text_kind_is_known CHECK (kind IN ('roll-call', 'alert')),
    CONSTRAINT roll_call_text_state_is_known CHECK (state IN
        ('scheduled', 'sending', 'retrying', 'unknown', 'submitted', 'delivered', 'failed', 'skipped', 'cancelled')),
    CONSTRAINT roll_call_text_is_claimed_while_sending CHECK ((claimed_by IS NOT NULL) = (state = 'sending')),
    CONSTRAINT roll_call_text_has_its_intent CHECK (sent_at IS NOT NULL OR state IN ('scheduled', 'retrying', 'skipped', 'cancelled'))
) STRICT;
CREATE INDEX roll_call_texts_by_phone ON roll_call_texts (phone, created_at);
CREATE INDEX roll_call_texts_open ON roll_call_texts (roll_call)
    WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL;
