//! Free metadata of an artifact: a JSON object, bounded in size.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Free metadata: a JSON object.
///
/// Invariant: at most 64 KiB when written as compact JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// The largest metadata of one artifact, in bytes of compact JSON.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Checks the size.
    pub fn new(map: Map<String, Value>) -> Result<Self> {
        // A map of JSON values always serialises; its keys are strings.
        let size_bytes = serde_json::to_vec(&map).map_or(usize::MAX, |json| json.len());
        if size_bytes > Self::MAX_BYTES {
            return Err(Error::invalid_input(format!(
                "metadata is {size_bytes} bytes of JSON, the limit is {}",
                Self::MAX_BYTES
            ))
            .with_hint("store large metadata as an artifact of its own"));
        }
        Ok(Self(map))
    }

    /// The object.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = Error;

    fn try_from(map: Map<String, Value>) -> Result<Self> {
        Self::new(map)
    }
}

impl From<Metadata> for Map<String, Value> {
    fn from(metadata: Metadata) -> Self {
        metadata.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_the_whole_object() {
        let of = |length: usize| {
            Metadata::new(Map::from_iter([(
                "k".to_owned(),
                Value::from("x".repeat(length)),
            )]))
        };
        let overhead = r#"{"k":""}"#.len();
        assert!(of(Metadata::MAX_BYTES - overhead).is_ok());
        let error = of(Metadata::MAX_BYTES - overhead + 1).unwrap_err();
        assert!(error.message().contains("65537 bytes"), "{error}");
    }
}
