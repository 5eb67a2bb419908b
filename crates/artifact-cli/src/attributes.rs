//! What a file system knows of a file beside its bytes, and its form in an artifact's metadata.
//! Opens and changes no file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use artifact_domain::{Error, Metadata, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The key of the metadata that is kept for these attributes.
pub(crate) const KEY: &str = "file";

/// What a file system knows of a file beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Whether anybody may execute it.
    pub(crate) executable: bool,
    /// When it was last written, as finely as the file system knows.
    pub(crate) modified: Option<Timestamp>,
    /// Where it points, if it is a symbolic link.
    pub(crate) symlink: Option<String>,
}

/// The stored form: what does not apply is left out.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "is_false")]
    executable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    symlink: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Attributes {
    /// Those of a file.
    pub(crate) fn of_file(metadata: &fs::Metadata) -> Self {
        Self {
            executable: is_executable(metadata),
            modified: modified(metadata),
            symlink: None,
        }
    }

    /// Those of a link to `target`. The modes of links mean nothing.
    pub(crate) fn of_link(metadata: &fs::Metadata, target: String) -> Self {
        Self {
            executable: false,
            modified: modified(metadata),
            symlink: Some(target),
        }
    }

    /// What `metadata` says; nothing where it has no such key.
    ///
    /// # Errors
    /// `InvalidInput` if something else stands under the key.
    pub(crate) fn read(metadata: &Metadata) -> Result<Self> {
        let Some(value) = metadata.get(KEY) else {
            return Ok(Self::default());
        };
        let wrong = |why: String| {
            Error::invalid_input(format!("the metadata `{KEY}` is not that of a file: {why}"))
        };
        let stored = Stored::deserialize(value).map_err(|cause| wrong(cause.to_string()))?;
        let modified = match stored.mtime {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| wrong(format!("mtime {text}")))?),
        };
        Ok(Self {
            executable: stored.executable,
            modified,
            symlink: stored.symlink,
        })
    }

    /// `metadata` with these attributes.
    ///
    /// # Errors
    /// `InvalidInput` if it becomes too large.
    pub(crate) fn add_to(&self, metadata: &Metadata) -> Result<Metadata> {
        if *self == Self::default() {
            return Ok(metadata.clone());
        }
        let stored = Stored {
            executable: self.executable,
            mtime: self.modified.map(|time| time.to_string()),
            symlink: self.symlink.clone(),
        };
        let mut map: Map<String, Value> = metadata.to_map();
        // Texts and a boolean always have a JSON form.
        map.insert(
            KEY.to_owned(),
            serde_json::to_value(stored).unwrap_or_default(),
        );
        Metadata::new(map).map_err(|error| error.context("with the attributes of the file"))
    }
}

/// None where the time is so far away that it cannot be written.
fn modified(metadata: &fs::Metadata) -> Option<Timestamp> {
    let time: SystemTime = metadata.modified().ok()?;
    Timestamp::try_from(time).ok()
}

fn is_executable(metadata: &fs::Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(value: Value) -> Metadata {
        Metadata::new(Map::from_iter([(KEY.to_owned(), value)])).unwrap()
    }

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let all = Attributes {
            executable: true,
            modified: Some("2026-03-01T12:00:00.123456789Z".parse().unwrap()),
            symlink: Some("../x".to_owned()),
        };
        let stored = all.add_to(&Metadata::default()).unwrap();
        let expected = json!({
            "executable": true,
            "mtime": "2026-03-01T12:00:00.123456789Z",
            "symlink": "../x",
        });
        assert_eq!(stored, metadata(expected));
        assert_eq!(Attributes::read(&stored).unwrap(), all);
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let none = Attributes::default();
        assert!(none.add_to(&Metadata::default()).unwrap().is_empty());
        let dated = Attributes {
            modified: Some(Timestamp::UNIX_EPOCH),
            ..none
        };
        let stored = dated.add_to(&Metadata::default()).unwrap();
        assert_eq!(stored, metadata(json!({"mtime": "1970-01-01T00:00:00Z"})));
    }

    #[test]
    fn the_rest_of_the_metadata_stays() {
        let mine = Metadata::new(Map::from_iter([("mine".to_owned(), json!(1))])).unwrap();
        let linked = Attributes {
            symlink: Some("x".to_owned()),
            ..Attributes::default()
        };
        let both = linked.add_to(&mine).unwrap();
        assert_eq!(both.get("mine"), Some(json!(1)));
        assert_eq!(both.to_map().len(), 2);
        assert_eq!(Attributes::read(&mine).unwrap(), Attributes::default());
    }

    #[test]
    fn what_is_no_file_is_said() {
        for wrong in [
            json!("report.txt"),
            json!({"mtime": "yesterday"}),
            json!({"executable": "yes"}),
            json!({"symlink": 1}),
        ] {
            assert!(
                Attributes::read(&metadata(wrong.clone())).is_err(),
                "{wrong}"
            );
        }
        let newer = metadata(json!({"executable": true, "colour": "red"}));
        assert!(Attributes::read(&newer).unwrap().executable);
    }
}
