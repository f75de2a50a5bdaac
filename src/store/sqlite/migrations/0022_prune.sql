-- Version 22: what a call that is over says of people goes after a time; how many there were, when, and what keeps a call from being
-- taken twice stay.
ALTER TABLE calls ADD COLUMN pruned_at INTEGER
    CONSTRAINT call_is_pruned_only_once_it_is_over CHECK (pruned_at IS NULL OR status IN ('RESOLVED', 'CANCELLED'));
CREATE INDEX calls_to_prune ON calls (closed_at) WHERE pruned_at IS NULL AND status IN ('RESOLVED', 'CANCELLED');
-- What belongs to a call is found without a walk.
CREATE INDEX inbound_of_call ON inbound (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX phone_calls_of_call ON phone_calls (call_id) WHERE call_id IS NOT NULL;

-- The one exception: an entry may lose its words, of a call that is pruned; or of no call, where it is older than what is kept
-- (`pruned_before` in meta). Its place, kind, time and whom it belongs to stay for ever.
DROP TRIGGER log_is_never_changed;
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
WHEN NEW.message <> '' OR NEW.seq <> OLD.seq OR NEW.kind <> OLD.kind OR NEW.at <> OLD.at
  OR NEW.call_id IS NOT OLD.call_id OR NEW.attempt_id IS NOT OLD.attempt_id OR NEW.actor <> OLD.actor
  OR EXISTS (SELECT 1 FROM calls c WHERE c.id = OLD.call_id AND c.pruned_at IS NULL)
  OR (NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = OLD.call_id)
      AND OLD.at >= COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'pruned_before'), 0))
BEGIN SELECT RAISE(ABORT, 'log_is_never_changed'); END;

-- A notice to a number that is nobody's of the shop names that number: one with another name takes its place.
DROP TRIGGER notice_is_never_deleted;
CREATE TRIGGER notice_is_never_deleted BEFORE DELETE ON notices
WHEN substr(OLD.contact, 1, 1) <> '+' OR EXISTS (SELECT 1 FROM calls c WHERE c.id = OLD.call_id AND c.pruned_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'notice_is_never_deleted'); END;
