-- Version 4: calls that can wait are DEFERRED.

-- Constraints are changed in place, which SQLite can since 3.53.
ALTER TABLE calls DROP CONSTRAINT call_status_is_known;
ALTER TABLE calls ADD CONSTRAINT call_status_is_known
    CHECK (status IN ('DISPATCHING', 'ACKNOWLEDGED', 'RESOLVED', 'CANCELLED', 'EXHAUSTED', 'DEFERRED'));
-- A deferred call has a wake time until a person has seen it.
ALTER TABLE calls DROP CONSTRAINT call_has_a_wake_time_exactly_while_dispatching;
ALTER TABLE calls ADD CONSTRAINT call_has_a_wake_time_while_dispatching_or_not_seen
    CHECK (CASE status WHEN 'DISPATCHING' THEN wake_at IS NOT NULL WHEN 'DEFERRED' THEN 1 ELSE wake_at IS NULL END);
CREATE INDEX calls_not_seen ON calls (wake_at) WHERE status = 'DEFERRED' AND wake_at IS NOT NULL;
