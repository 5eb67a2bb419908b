//! Keeps texts that use cases leave with the index. Must not know what they mean.

use artifact_domain::Result;

use crate::change::Change;
use crate::engine::Engine;
use crate::error::damaged;
use crate::key::{Key, table};

/// The mark of retention, if there is one.
pub(crate) fn retention(engine: &Engine) -> Result<Option<String>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
    let found = engine.get(retention_key().as_bytes())?;
    let mark = found.map(|bytes| text(&bytes)).transpose();
    mark.map_err(|cause| damaged("the mark of retention is no text").with_source(cause))
}

/// Puts another mark in the place of the expected one; false if it is not that.
pub(crate) fn set_retention(
    change: &mut Change<'_>,
    expected: Option<&str>,
    mark: Option<&str>,
) -> Result<bool> {
    if retention(change.engine())?.as_deref() != expected {
        return Ok(false);
    }
    if mark != expected {
        change.set(retention_key(), mark.map(|mark| mark.as_bytes().to_vec()));
    }
    Ok(true)
}

fn retention_key() -> Key {
    Key::new(table::META).text("retention")
}
