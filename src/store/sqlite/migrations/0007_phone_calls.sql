-- Version 7: phone calls that were told of, so that what tells of one by another way joins its call; and texts that tell a contact
-- what has changed.

-- `id`: the source and the platform's own id. Without `call_id` and `due_at` no call was made of it: nobody was heard.
CREATE TABLE phone_calls (
    id         TEXT PRIMARY KEY NOT NULL,
    call_id    TEXT REFERENCES calls (id),
    sid        TEXT,                           -- Twilio's SID of it
    line       TEXT,                           -- the dialled number, in one spelling for all
    caller     TEXT,                           -- the number that the phone showed; null where it is withheld
    started_at INTEGER,
    ended_at   INTEGER,
    due_at     INTEGER,                        -- a report of it is waited for until then
    words      TEXT,                           -- what was heard in one that waits
    CONSTRAINT phone_call_waits_only_without_a_call CHECK (due_at IS NULL OR call_id IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX phone_calls_by_sid ON phone_calls (sid) WHERE sid IS NOT NULL;
-- Numbers are written with and without their country: the end is the same.
CREATE INDEX phone_calls_by_caller ON phone_calls (substr(caller, -7), started_at) WHERE caller IS NOT NULL;
CREATE INDEX phone_calls_waiting ON phone_calls (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE attempts DROP CONSTRAINT attempt_kind_is_known;
ALTER TABLE attempts ADD CONSTRAINT attempt_kind_is_known CHECK (kind IN ('notice', 'stand-down', 'answer', 'update'));
