-- Schema 2 of the SQLite index: it knows whether it holds every version of its store.

-- What is true of the index as a whole: a mark that has a row is set.
CREATE TABLE mark (
    name TEXT PRIMARY KEY CHECK (name IN ('complete'))
) STRICT, WITHOUT ROWID;

-- An index of schema 1 was there from the first version on. A new database, whose number is still
-- 0 while it is made, holds nothing yet and so cannot know.
INSERT INTO mark (name) SELECT 'complete' FROM pragma_user_version WHERE user_version > 0;
