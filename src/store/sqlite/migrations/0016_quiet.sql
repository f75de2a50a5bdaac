-- Version 16: until when nobody is told of a call, because of quiet hours of its level.
ALTER TABLE calls ADD COLUMN held_until INTEGER;
