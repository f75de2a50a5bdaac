-- Version 5: the businesses of another system beside its contacts.
ALTER TABLE roster ADD COLUMN businesses TEXT NOT NULL DEFAULT '[]';   -- JSON
