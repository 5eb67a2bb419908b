//! One key of free metadata as a person types it: `KEY=JSON`.

use std::str::FromStr;

use artifact_domain::{Error, Result, require_exact_numbers};
use serde_json::Value;

use crate::attributes;

/// A key of free metadata and its value, written `KEY=JSON`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetaEntry(pub(crate) String, pub(crate) Value);

impl FromStr for MetaEntry {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, json) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| {
                Error::invalid_input("write metadata as key=JSON, for instance passed=true")
            })?;
        refuse_kept(key)?;
        let value = serde_json::from_str(json).map_err(|cause| {
            Error::invalid_input(format!(
                "the value of `{key}` is not JSON ({cause}); a text needs quotes: {key}='\"text\"'"
            ))
        })?;
        require_exact_numbers(json).map_err(|error| error.context(format_args!("`{key}`")))?;
        Ok(Self(key.to_owned(), value))
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
