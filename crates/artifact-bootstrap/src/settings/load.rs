//! Merges the layers, checks every value and gives typed settings with the origin of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::keys::KEYS;
use super::kind::Base;
use super::layers::{self, Entry};
use super::model::Settings;
use super::schema::Slot;
use super::sources::{Origin, Sources};
use super::{file, rules, schema};

/// Settings that were loaded, with where each value comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings in effect.
    pub settings: Settings,
    /// The configuration file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// In the order of the schema.
    origins: Vec<(Slot, Origin)>,
}

/// One value in effect, fit to be shown: a secret is `***`.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Dotted path, such as `s3.bucket` or `retention.by_type.log`.
    pub key: String,
    /// The value as JSON.
    pub value: Value,
    /// The layer it comes from.
    pub origin: Origin,
}

impl Settings {
    /// Loads the settings: defaults < file < environment < flags. A higher layer wins key by key.
    /// Every layer is checked, also where a higher one hides it.
    ///
    /// # Errors
    /// `InvalidInput` names the key or file, where it was written, what was expected and, unless
    /// it is a secret, what was given. `PermissionDenied` when the configuration file may not be
    /// read.
    pub fn load(sources: &Sources) -> Result<Loaded> {
        let mut merged = Merged::default();
        merged.add(layers::defaults(sources)?, sources, &sources.cwd)?;
        let file = file::find(sources)?;
        if let Some(path) = &file {
            let folder = path.parent().unwrap_or(&sources.cwd);
            merged.add(layers::file(path, file::read(path)?)?, sources, folder)?;
        }
        merged.add(layers::environment(sources)?, sources, &sources.cwd)?;
        merged.add(layers::flags(sources)?, sources, &sources.cwd)?;

        let settings = merged.settings()?;
        rules::check(&settings)?;
        Ok(Loaded {
            settings,
            file,
            origins: merged.origins(),
        })
    }

    /// The defaults, with everything embedded below `base_path`, to be changed in code.
    ///
    /// # Errors
    /// `InvalidInput` when the path is not UTF-8, empty or relative.
    pub fn with_base_path(base_path: &Path) -> Result<Self> {
        let Some(path) = base_path.to_str().filter(|_| base_path.is_absolute()) else {
            return Err(Error::invalid_input(format!(
                "base path {} is not an absolute UTF-8 path",
                base_path.display()
            )));
        };
        let flags = vec![("base_path".to_owned(), path.to_owned())];
        let mut merged = Merged::default();
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        merged.add(layers::defaults(&sources)?, &sources, &sources.cwd)?;
        merged.add(layers::flags(&sources)?, &sources, &sources.cwd)?;
        merged.settings()
    }
}

/// Checked values by dotted path; a later layer replaces.
#[derive(Default)]
struct Merged(BTreeMap<String, (Slot, Value, Origin)>);

impl Merged {
    fn add(&mut self, entries: Vec<Entry>, sources: &Sources, dir: &Path) -> Result<()> {
        let base = Base {
            dir,
            home: sources.home.as_deref(),
        };
        for Entry { slot, node, origin } in entries {
            let value = slot.key.check(&node, base).map_err(|refusal| {
                let reason = refusal
                    .reason
                    .map(|text| format!(" ({text})"))
                    .unwrap_or_default();
                Error::invalid_input(format!(
                    "`{slot}` from {origin}: expected {}, got {}{reason}",
                    slot.key.expected(),
                    refusal.given
                ))
            })?;
            self.0.insert(slot.to_string(), (slot, value, origin));
        }
        Ok(())
    }

    fn settings(&self) -> Result<Settings> {
        if !self.0.contains_key("base_path") {
            return Err(Error::invalid_input(
                "`base_path` is not set and has no default: there is no home folder with a UTF-8 \
                 name",
            )
            .with_hint(format!(
                "set it, for example by {}",
                schema::env_name("base_path")
            )));
        }
        let mut tree = Map::new();
        for (slot, value, _) in self.0.values() {
            let mut names: Vec<String> = slot.key.path.split('.').map(str::to_owned).collect();
            names.extend(slot.item.as_ref().map(ToString::to_string));
            insert(&mut tree, &names, value.clone());
        }
        serde_json::from_value(Value::Object(tree)).map_err(|error| {
            // the error's text may quote a value, so only its place is told
            Error::new(
                ErrorKind::Internal,
                format!(
                    "the checked settings do not fit their types ({:?})",
                    error.classify()
                ),
            )
        })
    }

    fn origins(self) -> Vec<(Slot, Origin)> {
        let mut origins: Vec<_> = self
            .0
            .into_values()
            .map(|(slot, _, origin)| (slot, origin))
            .collect();
        origins.sort_by_key(|(slot, _)| KEYS.iter().position(|key| key.path == slot.key.path));
        origins
    }
}

fn insert(tree: &mut Map<String, Value>, names: &[String], value: Value) {
    match names {
        [] => {}
        [name] => {
            tree.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = tree
                .entry(name.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

impl Loaded {
    /// Every value in effect with its origin, in the order of the documentation.
    ///
    /// # Errors
    /// `Internal` when a value cannot be written as JSON.
    pub fn effective(&self) -> Result<Vec<Effective>> {
        let tree = self.to_json()?;
        let entries = self.origins.iter().map(|(slot, origin)| {
            let section = slot
                .key
                .path
                .split('.')
                .try_fold(&tree, |node, name| node.get(name));
            let value = match &slot.item {
                Some(item) => section.and_then(|section| section.get(item.to_string())),
                None => section,
            };
            Effective {
                key: slot.to_string(),
                value: value.cloned().unwrap_or_default(),
                origin: origin.clone(),
            }
        });
        Ok(entries.collect())
    }

    /// The settings in effect as YAML, secrets as `***`.
    ///
    /// # Errors
    /// `Internal` when a value cannot be written as YAML.
    pub fn to_yaml(&self) -> Result<String> {
        serde_saphyr::to_string(&self.settings).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "the settings cannot be written as YAML",
            )
            .with_source(error)
        })
    }

    /// The settings in effect as JSON, secrets as `***`.
    ///
    /// # Errors
    /// `Internal` when a value cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value> {
        serde_json::to_value(&self.settings).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "the settings cannot be written as JSON",
            )
            .with_source(error)
        })
    }
}

impl std::fmt::Display for Effective {
    /// `key: value  # origin`, the value as JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}  # {}", self.key, self.value, self.origin)
    }
}
