//! Free metadata of an artifact: a JSON object, bounded in size and depth.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result, require_exact_numbers};

/// Free metadata: a JSON object.
///
/// Kept as its compact JSON: taken apart, each value of it would need 32 bytes and more, and a page of
/// records a gigabyte.
///
/// Invariants: at most 64 KiB when written as compact JSON; objects and lists at most 100 deep.
/// Readers of JSON give up at some depth, and what stores it writes it inside of other objects: what
/// is deeper could be stored and not read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Metadata(Option<Arc<str>>);

impl Metadata {
    /// The largest metadata of one artifact, in bytes of compact JSON.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// How deep objects and lists may stand in each other, the metadata itself counted.
    pub const MAX_DEPTH: usize = 100;

    /// Checks depth and size.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever has it needs it no longer"
    )]
    pub fn new(map: Map<String, Value>) -> Result<Self> {
        if map.is_empty() {
            return Ok(Self::default());
        }
        if map
            .values()
            .any(|value| is_deeper(value, Self::MAX_DEPTH - 1))
        {
            return Err(Error::invalid_input(format!(
                "metadata has objects or lists over {} deep in each other",
                Self::MAX_DEPTH
            ))
            .with_hint("store deep metadata as a text, or as an artifact of its own"));
        }
        let json = serde_json::to_string(&map).map_err(|cause| {
            Error::invalid_input("metadata cannot be written as JSON").with_source(cause)
        })?;
        let size_bytes = json.len();
        if size_bytes > Self::MAX_BYTES {
            return Err(Error::invalid_input(format!(
                "metadata is {size_bytes} bytes of JSON, the limit is {}",
                Self::MAX_BYTES
            ))
            .with_hint("store large metadata as an artifact of its own"));
        }
        Ok(Self(Some(json.into())))
    }

    /// The object as compact JSON, its keys in order.
    pub fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or("{}")
    }

    /// The object, taken apart.
    pub fn to_map(&self) -> Map<String, Value> {
        let map = self.0.as_deref().map(serde_json::from_str);
        // It was written from one.
        map.and_then(Result::ok).unwrap_or_default()
    }

    /// What stands under a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.to_map().remove(key)
    }

    /// The metadata with these keys, each replacing what stood under it.
    pub fn with(&self, entries: &Map<String, Value>) -> Result<Self> {
        let mut map = self.to_map();
        map.extend(entries.clone());
        Self::new(map)
    }

    /// The metadata without these keys.
    pub fn without(&self, keys: &[String]) -> Result<Self> {
        let mut map = self.to_map();
        map.retain(|key, _| !keys.contains(key));
        Self::new(map)
    }

    /// The metadata after a JSON merge patch, RFC 7396: null takes a key away, an object is merged
    /// into what stands there, anything else takes its place.
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self> {
        let mut map = self.to_map();
        merge(&mut map, patch);
        Self::new(map)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => return false,
    };
    levels == 0 || inner.any(|value| is_deeper(value, levels - 1))
}

/// As deep as the patch, which JSON's readers bound.
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, change) in patch {
        match change {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(change) => {
                let inner = target.entry(key).or_insert(Value::Null);
                if !inner.is_object() {
                    *inner = Value::Object(Map::new());
                }
                if let Value::Object(inner) = inner {
                    merge(inner, change);
                }
            }
            other => {
                target.insert(key.clone(), other.clone());
            }
        }
    }
}

/// One key of free metadata and its value, as a person writes it: `KEY=JSON`.
///
/// # Errors
/// `InvalidInput` for anything else, and for a number that would not come back as it is.
pub fn parse_metadata_entry(text: &str) -> Result<(String, Value)> {
    let entry = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, json) = entry.ok_or_else(|| {
        Error::invalid_input("write metadata as key=JSON, for instance passed=true")
    })?;
    let value = serde_json::from_str(json).map_err(|cause| {
        Error::invalid_input(format!(
            "the value of `{key}` is not JSON ({cause}); a text needs quotes: {key}='\"text\"'"
        ))
    })?;
    require_exact_numbers(json).map_err(|error| error.context(format_args!("`{key}`")))?;
    Ok((key.to_owned(), value))
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = Error;

    fn try_from(map: Map<String, Value>) -> Result<Self> {
        Self::new(map)
    }
}

impl From<Metadata> for Map<String, Value> {
    fn from(metadata: Metadata) -> Self {
        metadata.to_map()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(value: &Value) -> Metadata {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// The examples of RFC 7396, appendix A, that have objects for document and patch.
    #[test]
    fn a_merge_patch_does_what_its_standard_says() {
        for (document, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
            (
                json!({"a": 1}),
                json!({"a": {"b": 2}}),
                json!({"a": {"b": 2}}),
            ),
        ] {
            let patched = metadata(&document).patched(patch.as_object().unwrap());
            assert_eq!(patched.unwrap(), metadata(&result), "{document} {patch}");
        }
    }

    #[test]
    fn keys_are_set_and_taken_away_one_by_one() {
        let before = metadata(&json!({"a": {"deep": 1}, "b": 2}));
        let entries = json!({"a": {"other": null}, "c": 3});
        let after = before.with(entries.as_object().unwrap()).unwrap();
        assert_eq!(
            after,
            metadata(&json!({"a": {"other": null}, "b": 2, "c": 3}))
        );
        let keys = ["a", "none"].map(str::to_owned);
        let without = after.without(&keys).unwrap();
        assert_eq!(without, metadata(&json!({"b": 2, "c": 3})));
        assert!(
            without
                .without(&["b", "c"].map(str::to_owned))
                .unwrap()
                .is_empty()
        );
        let large = json!({"d": "x".repeat(Metadata::MAX_BYTES)});
        assert!(before.with(large.as_object().unwrap()).is_err());
        assert!(before.patched(large.as_object().unwrap()).is_err());
    }

    #[test]
    fn what_is_deeper_than_readers_go_is_refused() {
        let of = |depth: usize| {
            let value = (1..depth).fold(json!(1), |inner, level| {
                if level % 2 == 0 {
                    json!([inner])
                } else {
                    json!({ "k": inner })
                }
            });
            Metadata::new(Map::from_iter([("k".to_owned(), value)]))
        };
        assert!(of(Metadata::MAX_DEPTH).is_ok());
        let error = of(Metadata::MAX_DEPTH + 1).unwrap_err();
        assert!(error.message().contains("over 100 deep"), "{error}");
    }

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
