//! A map from patterns to whole numbers, as one value: a mapping in a file, or `GLOB=N, GLOB=never`
//! as in a variable or flag. Must not know what the patterns are held against.

use artifact_domain::query::Glob;
use serde_json::{Map, Value};

use super::node::{Node, excerpt};

/// What each entry may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) min: u64,
    pub(super) max: u64,
    /// Whether null, or `never`, is a value too.
    pub(super) or_never: bool,
}

impl Entries {
    /// Checks a whole map. `None` for what is none, a reason for an entry that is wrong.
    pub(super) fn check(self, node: &Node) -> Option<Result<Value, String>> {
        match node {
            Node::Map(map) => {
                let mut entries = map.iter();
                Some(
                    self.all(
                        entries
                            .by_ref()
                            .map(|(glob, node)| (glob.as_str(), node.clone())),
                    ),
                )
            }
            Node::Raw(text) | Node::Text(text) => {
                let parts = text.split(',').map(|part| {
                    let (glob, number) = part.rsplit_once('=').unwrap_or((part, ""));
                    (glob.trim(), Node::Raw(number.trim().to_owned()))
                });
                Some(self.all(parts))
            }
            _ => None,
        }
    }

    fn all<'a>(self, entries: impl Iterator<Item = (&'a str, Node)>) -> Result<Value, String> {
        let mut all = Map::new();
        for (glob, node) in entries {
            let value = self.one(glob, &node)?;
            if all.insert(glob.to_owned(), value).is_some() {
                return Err(format!("`{}` is in it twice", excerpt(glob, 60)));
            }
        }
        Ok(Value::Object(all))
    }

    fn one(self, glob: &str, node: &Node) -> Result<Value, String> {
        glob.parse::<Glob>().map_err(|error| error.to_string())?;
        let number = match node {
            Node::Whole(number) => u64::try_from(*number).ok(),
            Node::Raw(text) => text.parse().ok(),
            _ => None,
        };
        let is_never = match node {
            Node::Null => true,
            Node::Raw(text) | Node::Text(text) => text == "never",
            _ => false,
        };
        if self.or_never && is_never {
            return Ok(Value::Null);
        }
        let number = number.filter(|number| (self.min..=self.max).contains(number));
        number.map(Value::from).ok_or_else(|| {
            let or_never = if self.or_never { ", or never" } else { "" };
            format!(
                "`{}` is to have a whole number from {} to {}{or_never}",
                excerpt(glob, 60),
                self.min,
                self.max
            )
        })
    }
}
