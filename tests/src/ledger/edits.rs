//! What several have changed of the tags of one version, each under a key of its own: what was
//! acknowledged of each key, and what may have happened or not. Knows no artifact.

use std::collections::BTreeMap;

use serde_json::Value;

/// The keys that were changed.
#[derive(Debug, Default)]
pub(super) struct Edits(BTreeMap<String, Edit>);

#[derive(Debug, Default)]
struct Edit {
    /// What was acknowledged last.
    said: Option<String>,
    /// What was tried since, and has not been answered.
    open: Vec<String>,
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A change is going to be tried.
    pub(super) fn begin(&mut self, key: &str, value: &str) {
        let edit = self.0.entry(key.to_owned()).or_default();
        edit.open.push(value.to_owned());
    }

    /// A change was acknowledged. Who makes the changes of a key makes one after another, so what had
    /// been tried before it is past.
    pub(super) fn acknowledge(&mut self, key: &str, value: &str) {
        let edit = self.0.entry(key.to_owned()).or_default();
        edit.said = Some(value.to_owned());
        edit.open.clear();
    }

    /// A change was refused.
    pub(super) fn refuse(&mut self, key: &str, value: &str) {
        if let Some(edit) = self.0.get_mut(key) {
            edit.open.retain(|open| open != value);
        }
    }

    /// Compares what was changed of the tags that are found, and of the metadata, which is changed with
    /// them in one step. What was left open is decided by it. Gives what is wrong.
    pub(super) fn compare(&mut self, found: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, edit) in &mut self.0 {
            let tag = found["tags"][key].as_str().map(str::to_owned);
            let is_open = |tag: &String| edit.open.contains(tag);
            if tag != edit.said && !tag.as_ref().is_some_and(is_open) {
                wrong.push(format!("the tag {key} was {edit:?} and is {tag:?}"));
            }
            if found["metadata"][key].as_str() != tag.as_deref() {
                wrong.push(format!("{key} was changed by half: {found}"));
            }
            *edit = Edit {
                said: tag,
                open: Vec::new(),
            };
        }
        wrong
    }

    /// Takes over into `said` what is found under the keys that were changed.
    pub(super) fn follow(&self, said: &mut Value, found: &Value) {
        for part in ["tags", "metadata"] {
            for key in self.0.keys() {
                match (said[part].as_object_mut(), found[part].get(key)) {
                    (Some(said), Some(value)) => {
                        said.insert(key.clone(), value.clone());
                    }
                    (Some(said), None) => {
                        said.remove(key);
                    }
                    (None, _) => {}
                }
            }
        }
    }
}
