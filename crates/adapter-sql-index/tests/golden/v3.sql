-- application_id 0x41727449, user_version 3
CREATE TABLE artifact (
    rid               INTEGER PRIMARY KEY,
    id                BLOB    NOT NULL CHECK (length(id) = 16),
    attempt           BLOB    NOT NULL CHECK (length(attempt) = 16),
    spec              TEXT    NOT NULL,
    task              TEXT    NOT NULL,
    type              TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    version           INTEGER NOT NULL CHECK (version > 0),
    state             TEXT    NOT NULL
                      CHECK (state IN ('UPLOADING', 'ACTIVE', 'ARCHIVED', 'DELETED')),
    revision          INTEGER NOT NULL,
    tier              TEXT    NOT NULL CHECK (tier IN ('HOT', 'WARM', 'COLD')),
    created_at        INTEGER NOT NULL,
    lease_until       INTEGER CHECK ((lease_until IS NOT NULL) = (state = 'UPLOADING')),
    expires_at        INTEGER,
    archived_at       INTEGER,
    retention_days    INTEGER,
    hold_since        INTEGER,
    hold_by           TEXT,
    hold_reason       TEXT,
    digest            BLOB    CHECK (digest IS NOT NULL OR state IN ('UPLOADING', 'DELETED')),
    size_bytes        INTEGER CHECK ((size_bytes IS NULL) = (digest IS NULL)),
    stored_size_bytes INTEGER CHECK ((stored_size_bytes IS NULL) = (digest IS NULL)),
    encoding          TEXT    CHECK ((encoding IS NULL) = (digest IS NULL)),
    mime_type         TEXT    NOT NULL,
    tags              TEXT    NOT NULL,
    metadata          TEXT    NOT NULL
, reserved_bytes INTEGER) STRICT;
CREATE UNIQUE INDEX artifact_coordinate ON artifact (task, spec, type, name, version);
CREATE INDEX artifact_created ON artifact (created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE INDEX artifact_deleted ON artifact (created_at, id) WHERE state = 'DELETED';
CREATE INDEX artifact_expiry ON artifact (expires_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED') AND expires_at IS NOT NULL AND hold_since IS NULL;
CREATE INDEX artifact_group ON artifact (spec, type, created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE UNIQUE INDEX artifact_id ON artifact (id);
CREATE INDEX artifact_name ON artifact (name, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE INDEX artifact_size ON artifact (size_bytes, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE INDEX artifact_spec ON artifact (spec, created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE INDEX artifact_type ON artifact (type, created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED');
CREATE INDEX artifact_unending ON artifact (spec, type, created_at, id)
    WHERE state IN ('ACTIVE', 'ARCHIVED') AND expires_at IS NULL;
CREATE INDEX artifact_uploading ON artifact (lease_until) WHERE state = 'UPLOADING';
CREATE TABLE mark (
    name TEXT PRIMARY KEY CHECK (name IN ('complete'))
) STRICT, WITHOUT ROWID;
CREATE TABLE remark (
    name  TEXT PRIMARY KEY CHECK (name IN ('retention')),
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE seek_table (
    rid     INTEGER PRIMARY KEY,
    content BLOB    NOT NULL
) STRICT;
CREATE TABLE tag (
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    rid        INTEGER NOT NULL,
    PRIMARY KEY (key, value, created_at, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage (
    spec              TEXT    NOT NULL,
    type              TEXT    NOT NULL,
    state             TEXT    NOT NULL,
    tier              TEXT    NOT NULL,
    count             INTEGER NOT NULL,
    size_bytes        INTEGER NOT NULL,
    stored_size_bytes INTEGER NOT NULL,
    PRIMARY KEY (spec, type, state, tier)
) STRICT, WITHOUT ROWID;
