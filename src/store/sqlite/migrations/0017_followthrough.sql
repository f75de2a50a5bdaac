-- Version 17: whoever took a call and says nothing more is asked whether it goes on.
ALTER TABLE calls ADD COLUMN ask_at INTEGER CONSTRAINT holder_is_asked_while_it_is_taken CHECK (ask_at IS NULL OR status = 'ACKNOWLEDGED');
ALTER TABLE calls ADD COLUMN asked_at INTEGER CONSTRAINT holder_answers_while_it_is_taken CHECK (asked_at IS NULL OR status = 'ACKNOWLEDGED');
CREATE INDEX calls_to_ask ON calls (ask_at) WHERE ask_at IS NOT NULL;
