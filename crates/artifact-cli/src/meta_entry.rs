//! One key of free metadata as a person types it: `KEY=JSON`.

use std::str::FromStr;

use artifact_domain::{Error, Result, parse_metadata_entry};
use serde_json::Value;

use crate::attributes;

/// A key of free metadata and its value, written `KEY=JSON`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetaEntry(pub(crate) String, pub(crate) Value);

impl FromStr for MetaEntry {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, value) = parse_metadata_entry(text)?;
        refuse_kept(&key)?;
        Ok(Self(key, value))
    }
}

/// Refuses the key that is kept for what a file system knows of a file.
pub(crate) fn refuse_kept(key: &str) -> Result<()> {
    if key == attributes::KEY {
        return Err(Error::invalid_input(format!(
            "the key `{key}` is kept for the attributes of an uploaded file"
        )));
    }
    Ok(())
}
