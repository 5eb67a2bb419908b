-- Schema 3 of the SQLite index: what retention asks for, and room that uploads on their way hold.

-- The versions of a spec and type, newest first, and those of them that never expire.
CREATE INDEX artifact_group ON artifact (spec, type, created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE INDEX artifact_unending ON artifact (spec, type, created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED') AND expires_at IS NULL;

-- What is due is gone through page by page: of one instant in the order of ids.
DROP INDEX artifact_expiry;
CREATE INDEX artifact_expiry ON artifact (expires_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED') AND expires_at IS NOT NULL AND hold_since IS NULL;

-- Texts that use cases keep with the index.
CREATE TABLE remark (
    name  TEXT PRIMARY KEY CHECK (name IN ('retention')),
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What an upload on its way holds of a storage limit.
-- There is no check of it: every record that is stored already would be held against it.
ALTER TABLE artifact ADD COLUMN reserved_bytes INTEGER;
