//! Turns each layer (defaults, file, environment, flags) into entries that name a slot of the
//! schema. Unknown keys are refused here; values are checked by whoever merges the layers.

use std::path::Path;

use artifact_domain::{ArtifactType, Error, Result};

use super::keys::KEYS;
use super::node::{Node, excerpt};
use super::schema::{self, Default, ENV_PREFIX, Named, Slot};
use super::sources::{Origin, RESERVED, Sources};

/// A written value with its place and where it was written.
pub(super) struct Entry {
    pub(super) slot: Slot,
    pub(super) node: Node,
    pub(super) origin: Origin,
}

/// The defaults of every key; one that depends on the machine is left out where it has none.
pub(super) fn defaults(sources: &Sources) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for key in KEYS {
        let mut add = |item, node| {
            entries.push(Entry {
                slot: Slot { key, item },
                node,
                origin: Origin::Default,
            });
        };
        match key.default {
            Default::ByType(days) => {
                for &(name, days) in days {
                    let item: ArtifactType = name.parse()?;
                    add(Some(item), Node::Whole(days.into()));
                }
            }
            Default::DataFolder => {
                if let Some(folder) = sources.data_folder() {
                    add(None, Node::Text(folder));
                }
            }
            plain => {
                if let Some(node) = plain.node() {
                    add(None, node);
                }
            }
        }
    }
    Ok(entries)
}

/// The entries of a configuration file.
pub(super) fn file(path: &Path, tree: Node) -> Result<Vec<Entry>> {
    let origin = Origin::File(path.to_path_buf());
    let mut entries = Vec::new();
    flatten("", tree, &origin, &mut entries)?;
    if let Some(twice) = same_slot_twice(&entries) {
        return Err(
            Error::invalid_input(format!("`{twice}` is set twice in {origin}"))
                .with_hint("two names of one artifact type count as one key"),
        );
    }
    Ok(entries)
}

fn flatten(prefix: &str, node: Node, origin: &Origin, entries: &mut Vec<Entry>) -> Result<()> {
    let Node::Map(map) = node else {
        // a section whose keys are all commented out
        if node == Node::Null {
            return Ok(());
        }
        return Err(Error::invalid_input(format!(
            "`{prefix}` in {origin}: expected a mapping of keys, got {}",
            node.describe(false)
        )));
    };
    for (name, node) in map {
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match schema::find(&path) {
            Named::Slot(slot) => entries.push(Entry {
                slot,
                node,
                origin: origin.clone(),
            }),
            Named::Section => flatten(&path, node, origin, entries)?,
            Named::Nothing => {
                return Err(unknown(
                    &format!("key `{}` in {origin}", excerpt(&path, 100)),
                    &schema::nearest(&path),
                ));
            }
        }
    }
    Ok(())
}

/// `test` and `test-results` are one type, and neither may win by the alphabet.
fn same_slot_twice(entries: &[Entry]) -> Option<String> {
    let mut seen = std::collections::HashSet::new();
    entries
        .iter()
        .map(|entry| entry.slot.to_string())
        .find(|path| !seen.insert(path.clone()))
}

/// The entries of the environment.
pub(super) fn environment(sources: &Sources) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (name, value) in &sources.env {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else {
            continue;
        };
        if RESERVED.contains(&name.as_str()) {
            continue;
        }
        let path = rest.to_lowercase().replace("__", ".");
        match schema::find(&path) {
            // capitals alone, so that no two variables can set one key unseen
            Named::Slot(slot) if *rest == rest.to_uppercase() => entries.push(Entry {
                slot,
                node: Node::Raw(value.clone()),
                origin: Origin::Env(name.clone()),
            }),
            Named::Section => return Err(is_section(&Origin::Env(name.clone()), &path)),
            Named::Slot(_) | Named::Nothing => {
                return Err(unknown(
                    &format!("environment variable {}", excerpt(name, 100)),
                    &schema::env_name(&schema::nearest(&path)),
                ));
            }
        }
    }
    if let Some(twice) = same_slot_twice(&entries) {
        return Err(Error::invalid_input(format!(
            "`{twice}` is set by two environment variables"
        )));
    }
    Ok(entries)
}

/// The entries of the flags.
pub(super) fn flags(sources: &Sources) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (path, value) in &sources.flags {
        match schema::find(path) {
            Named::Slot(slot) => {
                let node = Node::Raw(value.clone());
                entries.push(Entry {
                    slot,
                    node,
                    origin: Origin::Flag,
                });
            }
            Named::Section => return Err(is_section(&Origin::Flag, path)),
            Named::Nothing => {
                let whose = format!("key `{}` on the {}", excerpt(path, 100), Origin::Flag);
                return Err(unknown(&whose, &schema::nearest(path)));
            }
        }
    }
    Ok(entries)
}

fn unknown(what: &str, nearest: &str) -> Error {
    Error::invalid_input(format!("unknown {what}, the nearest is `{nearest}`"))
        .with_hint("`artifact config init` writes a file with every key")
}

fn is_section(origin: &Origin, path: &str) -> Error {
    Error::invalid_input(format!("`{path}` from {origin} is a section, not a key"))
        .with_hint("set the keys in it one by one, `artifact config show` lists them")
}
