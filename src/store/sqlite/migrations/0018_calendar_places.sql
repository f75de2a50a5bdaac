-- Version 18: of which place the calendar is that counts, why a newer one waits, and when its place last gave one at all.
ALTER TABLE calendars ADD COLUMN kept_source TEXT;
ALTER TABLE calendars ADD COLUMN offered_why TEXT;
ALTER TABLE calendars ADD COLUMN answered_at INTEGER;
UPDATE calendars SET answered_at = read_at, kept_source = CASE WHEN read_at IS NOT NULL THEN source END,
    offered_why = (SELECT error FROM calendar_texts t
        WHERE t.rotation = calendars.rotation AND t.part = calendars.part AND t.state = 'offered');
