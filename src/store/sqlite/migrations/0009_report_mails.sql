-- Version 9: the morning's list by mail, one row a list and reader: sent once, and not forgotten over a restart.
CREATE TABLE report_mails (
    key     TEXT PRIMARY KEY NOT NULL,         -- `night:2026-11-28 office@example.com`
    address TEXT NOT NULL,
    subject TEXT NOT NULL,
    body    TEXT NOT NULL,
    html    TEXT NOT NULL,
    state   TEXT NOT NULL,
    tries   INTEGER NOT NULL,
    next_at INTEGER NOT NULL,                  -- when it may be sent; when it left, once it has
    said    TEXT NOT NULL,                     -- the relay's words, or why not
    CONSTRAINT report_mail_state_is_known CHECK (state IN ('waiting', 'sending', 'sent', 'unknown', 'failed', 'empty')),
    CONSTRAINT report_mail_tries_are_not_negative CHECK (tries >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_mails_open ON report_mails (next_at) WHERE state IN ('waiting', 'sending');
