-- Version 2: the receipts of messages that ring until somebody acknowledges them, one row a receipt and alert; what is attached to a
-- mailed report.
CREATE TABLE alert_receipts (
    sink text COLLATE "C" NOT NULL,
    receipt text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    raised_at bigint NOT NULL,
    at bigint NOT NULL,
    look_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (sink, receipt, key)
);

ALTER TABLE report_mails ADD COLUMN csv text;
