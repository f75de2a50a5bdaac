-- Version 14: what an exception was asked with, as a hash, so that the same again is known from other data under the same key, and
-- from a command that was typed twice. Rows of before have none.
ALTER TABLE overrides ADD COLUMN asked TEXT;
DROP TRIGGER override_is_never_edited;
CREATE TRIGGER override_is_never_edited
BEFORE UPDATE OF id, rotation, line, role, kind, contact, from_at, until_at, note, actor, made_at, source, asked ON overrides
BEGIN SELECT RAISE(ABORT, 'override_is_never_edited'); END;
