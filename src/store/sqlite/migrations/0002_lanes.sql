-- The send list is read by lanes, so that what waits for one sender never hides what waits for another. A lane is what picks
-- the sender and never changes: the number that was written to (of an answer), and the dialled number.
ALTER TABLE attempts ADD COLUMN lane TEXT NOT NULL DEFAULT '|';

-- Whatever may wait again. OR IGNORE: a row that breaks a constraint was damaged before, and must not keep the rest from being
-- migrated; without a lane it is in the default one, which is read like any other.
UPDATE OR IGNORE attempts SET lane = CASE kind WHEN 'answer' THEN coalesce(sender, '') ELSE '' END || '|' || coalesce((
        SELECT substr(CASE WHEN json_valid(c.data) THEN c.data ->> '$.twilioToNumber' END, 1, 64)
        FROM calls c WHERE c.id = attempts.call_id), '')
    WHERE state NOT IN ('submitted', 'delivered', 'failed', 'skipped', 'cancelled');

DROP INDEX attempts_waiting;
CREATE INDEX attempts_waiting ON attempts (priority, lane, created_at, id, not_before)
    WHERE state IN ('scheduled', 'retrying');
