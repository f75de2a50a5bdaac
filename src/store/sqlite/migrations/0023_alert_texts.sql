-- Version 23: texts that tell owners of alerts. One message is one row an owner, so that nobody is texted twice for one; they belong to
-- no call, also where their alert is about one, and have the states of an attempt.
CREATE TABLE alert_texts (
    id             BLOB PRIMARY KEY NOT NULL,  -- rides in the callback URL
    message        TEXT NOT NULL,              -- one message of a sink, whoever hands it over and however often
    number         INTEGER NOT NULL,
    sink           TEXT NOT NULL,
    reference      TEXT NOT NULL,              -- of the message; with the number it stands in the text
    alerts         TEXT NOT NULL,              -- key, since when, version, name, whether it is left out: a JSON array of them
    is_over        INTEGER NOT NULL,
    call_id        TEXT,                       -- that it is about
    call_reference TEXT,
    words          TEXT NOT NULL,              -- what happened
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
    CONSTRAINT alert_text_number_is_unique UNIQUE (message, number),
    CONSTRAINT alert_text_sid_is_unique UNIQUE (sid),
    CONSTRAINT alert_text_state_is_known CHECK (state IN
        ('scheduled', 'sending', 'retrying', 'unknown', 'submitted', 'delivered', 'failed', 'skipped', 'cancelled')),
    CONSTRAINT alert_text_is_claimed_while_sending CHECK ((claimed_by IS NOT NULL) = (state = 'sending')),
    CONSTRAINT alert_text_has_its_intent CHECK (sent_at IS NOT NULL OR state IN ('scheduled', 'retrying', 'skipped', 'cancelled'))
) STRICT;
-- At most one text of a message to one owner may have reached the provider.
CREATE UNIQUE INDEX alert_text_is_one_an_owner ON alert_texts (message, contact) WHERE state NOT IN ('failed', 'skipped', 'cancelled');
CREATE INDEX alert_texts_by_sink ON alert_texts (sink, created_at);
CREATE INDEX alert_texts_by_phone ON alert_texts (phone, created_at);
CREATE INDEX alert_texts_by_call ON alert_texts (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX alert_texts_by_reference ON alert_texts (reference, created_at);
CREATE INDEX alert_texts_by_time ON alert_texts (created_at);
-- What is not pruned yet.
CREATE INDEX alert_texts_unpruned ON alert_texts (created_at) WHERE phone <> '+999';
CREATE INDEX alert_texts_open ON alert_texts (message)
    WHERE state IN ('scheduled', 'retrying', 'sending') OR poll_at IS NOT NULL;
