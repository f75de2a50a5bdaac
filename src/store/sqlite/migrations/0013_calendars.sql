-- Version 13: calendars that say who is on call, and feeds of who is.
CREATE TABLE calendars (
    rotation      TEXT NOT NULL,
    part          TEXT NOT NULL,
    source        TEXT NOT NULL,               -- a hash of the place where it was read last
    etag          TEXT,
    read_at       INTEGER,                     -- when its place last gave one that was taken, or said that it is what it was
    failing_since INTEGER,
    error         TEXT,
    changed       INTEGER NOT NULL,            -- grows with every text that says something else: what a process read is current while this is
    PRIMARY KEY (rotation, part),
    CONSTRAINT calendar_part_is_known CHECK (part IN ('events', 'overrides')),
    CONSTRAINT calendar_fails_since_and_why CHECK ((failing_since IS NULL) = (error IS NULL))
) STRICT, WITHOUT ROWID;

-- The texts apart, so that a reading that changes nothing writes no text.
CREATE TABLE calendar_texts (
    rotation TEXT NOT NULL,
    part     TEXT NOT NULL,
    state    TEXT NOT NULL,                    -- it counts, or waits until somebody accepts it
    text     BLOB NOT NULL,
    PRIMARY KEY (rotation, part, state),
    FOREIGN KEY (rotation, part) REFERENCES calendars (rotation, part),
    CONSTRAINT calendar_text_state_is_known CHECK (state IN ('kept', 'offered'))
) STRICT;

CREATE TABLE feeds (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    secret  TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name),
    CONSTRAINT feed_secret_is_unique UNIQUE (secret),
    CONSTRAINT feed_kind_is_known CHECK (kind IN ('rotation', 'contact'))
) STRICT;
