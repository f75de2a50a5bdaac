-- Version 12: what is known of a phone call besides its status: its carrier's code, whether a phone rang, and whether the provider
-- asked us what to say. Until now these stood in the words for people alone.
ALTER TABLE attempts ADD COLUMN sip INTEGER;
ALTER TABLE attempts ADD COLUMN rang INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN words_asked INTEGER NOT NULL DEFAULT 0;
UPDATE attempts SET
    rang = state = 'delivered' OR result LIKE '%; it had rung'
        OR (coalesce(message_status, '') IN ('ringing', 'in-progress', 'completed', 'no-answer') AND result NOT LIKE 'unreachable%'),
    words_asked = result LIKE 'picked up%' OR result LIKE 'answered_no_key%' OR state = 'delivered',
    sip = CASE WHEN result LIKE '%(SIP ___)%' THEN CAST(substr(result, instr(result, '(SIP ') + 5, 3) AS INTEGER) END
WHERE channel = 'voice';

-- Those that were refused on their way: two numbers that refuse say something of ours, or of the account.
CREATE INDEX attempts_blocked ON attempts (finished_at)
WHERE channel = 'voice' AND state = 'failed' AND (sip IN (403, 603, 607, 608) OR error_code IN (13225, 21216, 32203));
