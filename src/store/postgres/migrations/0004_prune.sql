-- Version 4: what a call that is over says of people goes after a time; how many there were, when, and what keeps a call from being
-- taken twice stay.
ALTER TABLE calls ADD COLUMN pruned_at bigint
    CONSTRAINT call_is_pruned_only_once_it_is_over CHECK (pruned_at IS NULL OR status IN ('RESOLVED', 'CANCELLED'));
CREATE INDEX calls_to_prune ON calls (closed_at) WHERE pruned_at IS NULL AND status IN ('RESOLVED', 'CANCELLED');
-- What belongs to a call is found without a walk.
CREATE INDEX inbound_of_call ON inbound (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX phone_calls_of_call ON phone_calls (call_id) WHERE call_id IS NOT NULL;

-- The one exception: an entry may lose its words, of a call that is pruned; or of no call, where it is older than what is kept
-- (`pruned_before` in meta). Its place, kind, time and whom it belongs to stay for ever.
CREATE FUNCTION keep_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.message <> '' OR NEW.seq <> OLD.seq OR NEW.kind <> OLD.kind OR NEW.at <> OLD.at
      OR NEW.call_id IS DISTINCT FROM OLD.call_id OR NEW.attempt_id IS DISTINCT FROM OLD.attempt_id OR NEW.actor <> OLD.actor
      OR EXISTS (SELECT 1 FROM calls c WHERE c.id = OLD.call_id AND c.pruned_at IS NULL)
      OR (NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = OLD.call_id)
          AND OLD.at >= COALESCE((SELECT CAST(value AS bigint) FROM meta WHERE key = 'pruned_before'), 0)) THEN
        RAISE EXCEPTION 'log_is_never_changed' USING ERRCODE = '23514', CONSTRAINT = 'log_is_never_changed';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER log_is_never_changed ON log;
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION keep_entry();

-- A notice to a number that is nobody's of the shop names that number: one with another name takes its place.
CREATE FUNCTION keep_notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF substr(OLD.contact, 1, 1) <> '+'
      OR EXISTS (SELECT 1 FROM calls c WHERE c.id = OLD.call_id AND c.pruned_at IS NULL) THEN
        RAISE EXCEPTION 'notice_is_never_deleted' USING ERRCODE = '23514', CONSTRAINT = 'notice_is_never_deleted';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER notice_is_never_deleted ON notices;
CREATE TRIGGER notice_is_never_deleted BEFORE DELETE ON notices FOR EACH ROW EXECUTE FUNCTION keep_notice();
CREATE TRIGGER notices_are_never_emptied BEFORE TRUNCATE ON notices EXECUTE FUNCTION refuse('notice_is_never_deleted');
