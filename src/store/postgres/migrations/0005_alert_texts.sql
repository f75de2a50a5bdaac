-- Version 5: texts that tell owners of alerts. One message is one row an owner, so that nobody is texted twice for one; they belong to
-- no call, also where their alert is about one, and have the states of an attempt.
CREATE TABLE alert_texts (
    id bytea PRIMARY KEY NOT NULL,
    message text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    sink text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    alerts text COLLATE "C" NOT NULL,
    is_over bigint NOT NULL,
    call_id text COLLATE "C",
    call_reference text COLLATE "C",
    words text COLLATE "C" NOT NULL,
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
    CONSTRAINT alert_text_number_is_unique UNIQUE (message, number),
    CONSTRAINT alert_text_sid_is_unique UNIQUE (sid),
    CONSTRAINT alert_text_state_is_known CHECK (state IN
        ('scheduled', 'sending', 'retrying', 'unknown', 'submitted', 'delivered', 'failed', 'skipped', 'cancelled')),
    CONSTRAINT alert_text_is_claimed_while_sending CHECK ((claimed_by IS NOT NULL) = (state = 'sending')),
    CONSTRAINT alert_text_has_its_intent CHECK (sent_at IS NOT NULL OR state IN ('scheduled', 'retrying', 'skipped', 'cancelled'))
);
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
