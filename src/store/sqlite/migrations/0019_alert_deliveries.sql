-- Version 19: whether a person has seen an alert, when each sink is told of one again, and how each sink's deliveries went.
ALTER TABLE alerts ADD COLUMN acknowledged_at INTEGER;
ALTER TABLE alerts ADD COLUMN acknowledged_by TEXT;
ALTER TABLE alert_receivers ADD COLUMN again_at INTEGER;
-- What a receiver calls the message, where it says later whether somebody has seen it.
ALTER TABLE alert_receivers ADD COLUMN receipt TEXT;

CREATE INDEX alert_receivers_again ON alert_receivers (sink, again_at) WHERE again_at IS NOT NULL;

CREATE TABLE alert_deliveries (
    sink         TEXT PRIMARY KEY NOT NULL,
    delivered    INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    delivered_at INTEGER,
    failed_at    INTEGER,
    said         TEXT                         -- what its receiver answered the last time, or why it was not told
) STRICT, WITHOUT ROWID;
