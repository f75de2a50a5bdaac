-- Version 6: how far each receiver of event webhooks was told.
CREATE TABLE event_cursors (
    name TEXT NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL                         -- the last entry of the log that it needs no more
) STRICT, WITHOUT ROWID;
