-- Version 11: exceptions to who is on call. A row each, that is never edited and never deleted: it is withdrawn.
CREATE TABLE overrides (
    id           TEXT PRIMARY KEY NOT NULL,
    rotation     TEXT,                         -- of this rotation; or
    line         TEXT,                         -- of this line ('': of numbers that are not listed)
    role         TEXT,                         -- and this role; or, with neither, whatever the contact holds
    kind         TEXT NOT NULL,
    contact      TEXT NOT NULL,
    from_at      INTEGER NOT NULL,
    until_at     INTEGER NOT NULL,
    note         TEXT NOT NULL,
    actor        TEXT NOT NULL,
    made_at      INTEGER NOT NULL,
    source       TEXT,                         -- what it came from, so that it is made once
    withdrawn_at INTEGER,
    withdrawn_by TEXT,
    changed      INTEGER NOT NULL,             -- grows with every change: what a process read is current while this is
    CONSTRAINT override_source_is_unique UNIQUE (source),
    CONSTRAINT override_change_is_unique UNIQUE (changed),
    CONSTRAINT override_kind_is_known CHECK (kind IN ('take', 'add', 'away')),
    CONSTRAINT override_ends_after_it_begins CHECK (from_at < until_at),
    CONSTRAINT override_is_of_a_rotation_or_a_role
        CHECK ((line IS NULL) = (role IS NULL) AND (rotation IS NULL OR role IS NULL)),
    CONSTRAINT override_of_everything_is_away CHECK (rotation IS NOT NULL OR role IS NOT NULL OR kind = 'away'),
    CONSTRAINT override_is_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
) STRICT;
CREATE INDEX overrides_by_end ON overrides (until_at);

CREATE TRIGGER override_is_never_deleted BEFORE DELETE ON overrides
BEGIN SELECT RAISE(ABORT, 'override_is_never_deleted'); END;
CREATE TRIGGER override_is_never_edited
BEFORE UPDATE OF id, rotation, line, role, kind, contact, from_at, until_at, note, actor, made_at, source ON overrides
BEGIN SELECT RAISE(ABORT, 'override_is_never_edited'); END;
CREATE TRIGGER override_is_withdrawn_once BEFORE UPDATE OF withdrawn_at, withdrawn_by ON overrides
WHEN OLD.withdrawn_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'override_is_withdrawn_once'); END;

-- Who held a role since when, as it was then: read for times that have passed.
CREATE TABLE duty_history (
    line    TEXT NOT NULL,                     -- '': of numbers that are not listed
    role    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    holders TEXT NOT NULL,                     -- JSON: contact and why, in order
    PRIMARY KEY (line, role, since)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER duty_history_is_never_edited BEFORE UPDATE ON duty_history
BEGIN SELECT RAISE(ABORT, 'duty_history_is_never_edited'); END;

-- Why its recipient was told: whose turn it was, or which exception named them.
ALTER TABLE attempts ADD COLUMN why TEXT;
