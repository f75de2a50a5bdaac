-- Version 20: the receipts of messages that ring until somebody acknowledges them, one row a receipt and alert; what is attached to a
-- mailed report.
CREATE TABLE alert_receipts (
    sink       TEXT NOT NULL,                  -- as the outbox names it
    receipt    TEXT NOT NULL,                  -- the receiver's own word for the message
    key        TEXT NOT NULL,
    raised_at  INTEGER NOT NULL,               -- of the alert as it was told: raised anew, it is another
    at         INTEGER NOT NULL,               -- when it was delivered
    look_at    INTEGER NOT NULL,               -- when it is read next
    expires_at INTEGER NOT NULL,               -- it says nothing new after this
    PRIMARY KEY (sink, receipt, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE report_mails ADD COLUMN csv TEXT;
