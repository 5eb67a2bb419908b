//! Takes versions in as another index knew them, and keeps the mark that none is missing. Must not
//! know where versions come from.

use std::collections::HashSet;

use artifact_domain::Result;
use artifact_domain::port::{ImportVersion, Imported};

use crate::change::Change;
use crate::engine::Engine;
use crate::key::{Key, table};
use crate::read;

/// Takes versions in, all of them or, after an error, none.
pub(crate) fn import(change: &mut Change<'_>, versions: &[ImportVersion]) -> Result<Vec<Imported>> {
    for version in versions {
        version.record.check_importable()?;
    }
    // What the change adds can't be read before it is made.
    let (mut ids, mut taken) = (HashSet::new(), HashSet::new());
    let mut outcomes = Vec::with_capacity(versions.len());
    for ImportVersion { record, seek_table } in versions {
        let place = Key::versions(&record.coordinate).version(record.version);
        let engine = change.engine();
        let outcome = if ids.contains(&record.id) || read::find(engine, record.id)?.is_some() {
            Imported::Known
        } else if taken.contains(&place) || engine.contains(place.as_bytes())? {
            Imported::VersionTaken
        } else {
            change.insert(record)?;
            if let Some(seek_table) = seek_table {
                change.insert_seek_table(record.id, seek_table)?;
            }
            ids.insert(record.id);
            taken.insert(place);
            Imported::Added
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Whether the index is marked as complete.
pub(crate) fn is_complete(engine: &Engine) -> Result<bool> {
    engine.contains(complete_key().as_bytes())
}

/// Marks the index as complete.
pub(crate) fn mark_complete(change: &mut Change<'_>) -> Result<()> {
    if !is_complete(change.engine())? {
        change.put(complete_key(), Vec::new());
    }
    Ok(())
}

/// There, with nothing in it, once the index is marked.
pub(crate) fn complete_key() -> Key {
    Key::new(table::META).text("complete")
}
