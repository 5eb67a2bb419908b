//! Brings an index of an earlier format to this one as it is opened. Knows what earlier formats
//! lacked, not what is in an index.

use std::path::Path;

use artifact_domain::Result;

use crate::durable::DataFiles;
use crate::engine::Engine;
use crate::generation::Generation;
use crate::import::complete_key;
use crate::store::generation_key;

/// Writes into the database that it has the newest format now, with what that adds, then says so
/// beside it. A crash in between leaves the database newer than what is said: opening ends it.
///
/// Format 2 has a mark for an index that misses nothing. One of format 1 was there from the first
/// version on, so it gets the mark. Format 3 has what uploads reserve; in the others they reserve
/// nothing, which is what a record without it says.
pub(crate) fn to_newest(
    engine: &Engine,
    files: &DataFiles,
    found: &Generation,
    newest: &Generation,
    dir: &Path,
) -> Result<()> {
    let mut batch = sled::Batch::default();
    if found.is_unmarked() {
        batch.insert(complete_key().into_bytes(), Vec::new());
    }
    batch.insert(generation_key().into_bytes(), newest.to_bytes());
    engine.apply(batch)?;
    engine.flush()?;
    files.sync()?;
    newest.store(dir)
}
