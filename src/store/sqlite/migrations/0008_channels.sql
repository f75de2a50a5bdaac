-- Version 8: an attempt may travel by mail or as a phone call, and may be of the kinds that those bring.

ALTER TABLE attempts DROP CONSTRAINT attempt_channel_is_known;
ALTER TABLE attempts ADD CONSTRAINT attempt_channel_is_known CHECK (channel IN ('sms', 'email', 'voice'));
ALTER TABLE attempts DROP CONSTRAINT attempt_kind_is_known;
ALTER TABLE attempts ADD CONSTRAINT attempt_kind_is_known
    CHECK (kind IN ('notice', 'stand-down', 'answer', 'update', 'question', 'roll-call', 'alert'));

-- Where a mail goes. A mail has no message of a provider that could be asked about: the relay's word is all there is.
ALTER TABLE attempts ADD COLUMN address TEXT;
ALTER TABLE attempts ADD CONSTRAINT attempt_mail_has_an_address CHECK ((channel = 'email') = (address IS NOT NULL));
ALTER TABLE attempts DROP CONSTRAINT attempt_accepted_has_a_message;
ALTER TABLE attempts ADD CONSTRAINT attempt_accepted_has_a_message
    CHECK (state NOT IN ('submitted', 'delivered') OR sid IS NOT NULL OR channel = 'email');

-- Whoever was told of a call that was then left for the morning is listened to as those whose call was taken.
DROP INDEX calls_left;
CREATE INDEX calls_left ON calls (closed_at) WHERE status IN ('ACKNOWLEDGED', 'EXHAUSTED', 'DEFERRED');
