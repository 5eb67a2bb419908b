//! What a key is, and how one is found by its name. Knows nothing of files and variables but how a
//! key is named in them, and of no key in particular.

use std::fmt;

use artifact_domain::ArtifactType;
use serde_json::Value;

use super::keys::{KEYS, SECTIONS};
use super::kind::{Base, Kind, Refusal};
use super::node::Node;

/// What stands before every environment variable that sets a key.
pub(super) const ENV_PREFIX: &str = "ARTIFACT_";

/// One key of the settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Dotted path, as in `s3.bucket`.
    pub(super) path: &'static str,
    /// What its value may be; for a key by type, what each entry may be.
    pub(super) kind: Kind,
    /// Whether null is a value too.
    pub(super) nullable: bool,
    pub(super) default: Default,
    /// One sentence without its final period.
    pub(super) doc: &'static str,
}

/// The value of a key that no layer sets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Default {
    Null,
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(&'static str),
    /// `artifact-store` in the XDG data folder.
    DataFolder,
    /// The key holds entries of which none is set.
    NoEntries,
    /// The key holds a list in which nothing is.
    NoItems,
    /// The key holds an entry for each artifact type; these are set from the start.
    ByType(&'static [(&'static str, u64)]),
}

impl Default {
    /// The default as it would be written in a file; `None` where it depends on the machine or
    /// where each entry has its own.
    pub(super) fn node(self) -> Option<Node> {
        match self {
            Self::Null => Some(Node::Null),
            Self::Bool(value) => Some(Node::Bool(value)),
            Self::Whole(value) => Some(Node::Whole(value.into())),
            Self::Number(value) => Some(Node::Number(value)),
            Self::Text(text) => Some(Node::Text(text.into())),
            Self::NoEntries => Some(Node::Map(std::collections::BTreeMap::new())),
            Self::NoItems => Some(Node::List(Vec::new())),
            Self::DataFolder | Self::ByType(_) => None,
        }
    }
}

impl Key {
    /// Whether the key holds one entry for each artifact type.
    pub(super) fn is_by_type(&self) -> bool {
        matches!(self.default, Default::ByType(_))
    }

    /// What it takes, to follow the word "expected".
    pub(super) fn expected(&self) -> String {
        let or_null = if self.nullable { ", or null" } else { "" };
        format!("{}{or_null}", self.kind.expected())
    }

    /// Checks one value. Null and the empty variable are a value where the key is nullable.
    pub(super) fn check(&self, node: &Node, base: Base<'_>) -> Result<Value, Refusal> {
        let empty = match node {
            Node::Null => true,
            Node::Raw(text) => text.is_empty(),
            _ => false,
        };
        if empty && self.nullable {
            return Ok(Value::Null);
        }
        if empty || matches!(node, Node::Text(text) if text.is_empty()) {
            return Err(Refusal {
                given: self.kind.describe(node),
                reason: None,
            });
        }
        self.kind.check(node, base)
    }
}

/// One value's place: a key, and for a key by type the type.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) key: &'static Key,
    pub(super) item: Option<ArtifactType>,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}.{item}", self.key.path),
            None => f.write_str(self.key.path),
        }
    }
}

/// What a dotted path names.
pub(super) enum Named {
    Slot(Slot),
    Section,
    Nothing,
}

/// Finds what a dotted path names.
pub(super) fn find(path: &str) -> Named {
    for key in KEYS {
        if key.is_by_type() {
            if path == key.path {
                return Named::Section;
            }
            let item = path
                .strip_prefix(key.path)
                .and_then(|rest| rest.strip_prefix('.'));
            if let Some(item) = item {
                return item.parse().map_or(Named::Nothing, |item| {
                    Named::Slot(Slot {
                        key,
                        item: Some(item),
                    })
                });
            }
        } else if path == key.path {
            return Named::Slot(Slot { key, item: None });
        }
    }
    if SECTIONS.iter().any(|(section, _)| *section == path) {
        return Named::Section;
    }
    Named::Nothing
}

/// The key, section or entry by type whose name is most like an unknown one.
pub(super) fn nearest(unknown: &str) -> String {
    let entries = KEYS.iter().filter(|key| key.is_by_type()).flat_map(|key| {
        ArtifactType::BUILT_IN
            .into_iter()
            .map(move |item| format!("{}.{item}", key.path))
    });
    let sections = SECTIONS.iter().map(|(section, _)| (*section).to_owned());
    let keys = KEYS.iter().map(|key| key.path.to_owned());
    // no key is longer, and the search is quadratic
    let lower: String = unknown.to_lowercase().chars().take(100).collect();
    keys.chain(sections)
        .chain(entries)
        .min_by_key(|candidate| distance(&lower, candidate))
        .unwrap_or_default()
}

/// The edits between two paths, or between their last names: a key in the wrong section is near.
fn distance(unknown: &str, candidate: &str) -> usize {
    let edits = |a: &str, b: &str| {
        let dress = |text: &str| text.replace('-', "_");
        strsim::damerau_levenshtein(&dress(a), &dress(b))
    };
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let misplaced = edits(&last(unknown), &last(candidate)) + 2;
    edits(unknown, candidate).min(misplaced)
}

/// The environment variable that sets a dotted path.
pub(super) fn env_name(path: &str) -> String {
    format!(
        "{ENV_PREFIX}{}",
        path.replace('.', "__").replace('-', "_").to_uppercase()
    )
}
