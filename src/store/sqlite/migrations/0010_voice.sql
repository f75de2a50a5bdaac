-- Version 10: phone calls that may be under way, by the number that rings: one number rings another once at a time, and those that
-- are to end are found without a walk.
CREATE INDEX attempts_ringing ON attempts (phone) WHERE channel = 'voice' AND state IN ('sending', 'submitted', 'unknown');

-- A key is the proof that a phone call reached somebody, also where its request was overtaken by the end of the phone call.
DROP TRIGGER attempt_final_is_final;
CREATE TRIGGER attempt_final_is_final BEFORE UPDATE OF state ON attempts
WHEN OLD.state IN ('delivered', 'failed', 'skipped', 'cancelled') AND NEW.state <> OLD.state
 AND NOT (OLD.conflict = 1 AND OLD.state IN ('delivered', 'failed') AND NEW.state IN ('delivered', 'failed'))
 AND NOT (OLD.channel = 'voice' AND OLD.state = 'failed' AND NEW.state = 'delivered')
BEGIN SELECT RAISE(ABORT, 'attempt_final_is_final'); END;

-- Texts that failed in a row are counted by their index alone; a phone call that nobody answered, and a mail, are none.
DROP INDEX attempts_accepted;
CREATE INDEX attempts_accepted ON attempts (sent_at, channel) WHERE state IN ('submitted', 'delivered');
DROP INDEX attempts_failed;
CREATE INDEX attempts_failed ON attempts (finished_at, channel) WHERE state = 'failed';
