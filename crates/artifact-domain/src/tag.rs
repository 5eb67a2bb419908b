//! Tags: `key=value` or a bare `key`, so that a list of labels and a map are one thing.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::query::TagFilter;
use crate::segment::excerpt;
use crate::{Error, Result};

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 128;
/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 256;
/// The most tags that one artifact carries.
const MAX_TAGS: usize = 64;

/// One tag. Written `key=value`, or `key` where the value is empty.
///
/// Invariants: the key has 1 to 128 bytes, no `=`, no control character and no white space at
/// either end; the value at most 256 bytes and no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    key: String,
    value: String,
}

impl Tag {
    /// Checks the invariants.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let (key, value) = (key.into(), value.into());
        let refuse = |why: &str| {
            Err(Error::invalid_input(format!(
                "tag `{}` {why}",
                excerpt(&format!("{key}={value}"))
            ))
            .with_hint("write a tag as key=value, or as key alone"))
        };
        if key.is_empty() {
            return refuse("has no key");
        }
        if key.contains('=') {
            return refuse("has `=` in its key");
        }
        if key.trim() != key {
            return refuse("has a key that begins or ends with white space");
        }
        if key.len() > MAX_KEY_BYTES {
            return refuse(&format!("has a key over {MAX_KEY_BYTES} bytes"));
        }
        if value.len() > MAX_VALUE_BYTES {
            return refuse(&format!("has a value over {MAX_VALUE_BYTES} bytes"));
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return refuse("has a control character");
        }
        Ok(Self { key, value })
    }

    /// What stands before the `=`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What stands after the `=`, empty for a bare key.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            f.write_str(&self.key)
        } else {
            write!(f, "{}={}", self.key, self.value)
        }
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        Self::new(key, value)
    }
}

/// The tags of one artifact, one value per key, ordered by key.
///
/// Invariant: at most 64. In JSON a map from key to value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, String>",
    into = "BTreeMap<String, String>"
)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Adds a tag; a tag of the same key is replaced.
    pub fn set(&mut self, tag: Tag) -> Result<()> {
        if self.0.len() >= MAX_TAGS && !self.0.contains_key(&tag.key) {
            return Err(Error::invalid_input(format!(
                "an artifact has at most {MAX_TAGS} tags"
            )));
        }
        self.0.insert(tag.key, tag.value);
        Ok(())
    }

    /// Takes a tag away, if it is there.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Adds tags; each replaces the tag of its key. After an error nothing has changed.
    pub fn add(&mut self, tags: &Self) -> Result<()> {
        let mut sum = self.clone();
        for (key, value) in &tags.0 {
            sum.set(Tag {
                key: key.clone(),
                value: value.clone(),
            })?;
        }
        *self = sum;
        Ok(())
    }

    /// Takes every tag away that is asked for: by its key, or only if it has that value.
    pub fn remove_matching(&mut self, asked: &[TagFilter]) {
        for filter in asked {
            if filter.matches(self) {
                self.remove(&filter.key);
            }
        }
    }

    /// The value of `key`, if the tag is there.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Key and value of each, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Collects tags; the last of a key wins.
    pub fn from_tags(tags: impl IntoIterator<Item = Tag>) -> Result<Self> {
        let mut collected = Self::default();
        tags.into_iter().try_for_each(|tag| collected.set(tag))?;
        Ok(collected)
    }
}

impl TryFrom<BTreeMap<String, String>> for Tags {
    type Error = Error;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self> {
        let tags: Result<Vec<_>> = map.into_iter().map(|(k, v)| Tag::new(k, v)).collect();
        Self::from_tags(tags?)
    }
}

impl From<Tags> for BTreeMap<String, String> {
    fn from(tags: Tags) -> Self {
        tags.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_key_with_or_without_a_value() {
        let tag: Tag = "branch=feature=x".parse().unwrap();
        assert_eq!((tag.key(), tag.value()), ("branch", "feature=x"));
        let bare: Tag = "nightly".parse().unwrap();
        assert_eq!(
            (bare.key(), bare.value(), bare.to_string()),
            ("nightly", "", "nightly".into())
        );
    }

    #[test]
    fn a_tag_without_a_key_or_with_odd_characters_is_refused() {
        let long_key = "k".repeat(129);
        let long_value = format!("k={}", "v".repeat(257));
        for bad in [
            "",
            "=v",
            " k=v",
            "k =v",
            "k=a\nb",
            "k\0=v",
            &long_key,
            &long_value,
        ] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_number_of_tags_is_bounded_and_a_key_stands_once() {
        let tag = |n: usize| Tag::new(format!("k{n}"), "v").unwrap();
        let mut tags = Tags::from_tags((0..MAX_TAGS).map(tag)).unwrap();
        assert!(tags.set(tag(MAX_TAGS)).is_err());
        tags.set(Tag::new("k0", "new").unwrap()).unwrap();
        assert_eq!(tags.get("k0"), Some("new"));
        tags.remove("k0");
        assert_eq!(tags.iter().count(), MAX_TAGS - 1);
    }
}
