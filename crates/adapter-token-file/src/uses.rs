//! When each token was last used: noted in memory, written now and then into a file beside that of the
//! tokens. Who loses it loses no right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use artifact_domain::{Result, Timestamp};

use crate::file::Turn;
use crate::kept;

/// Ids of tokens, and when each was last used.
pub(crate) type LastUses = BTreeMap<String, Timestamp>;

/// What was used and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<LastUses>);

impl Uses {
    /// Notes that a token is used.
    pub(crate) fn note(&self, id: &str, now: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(id) {
            Some(last) => *last = now.max(*last),
            None => {
                uses.insert(id.to_owned(), now);
            }
        }
    }

    /// Takes what is not written yet.
    pub(crate) fn take(&self) -> LastUses {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is written; nothing where it cannot be read, since nothing hangs on it.
pub(crate) fn written(tokens: &Path) -> LastUses {
    let text = kept::text(&path(tokens)).ok().flatten();
    let uses = text.and_then(|text| serde_json::from_slice(&text).ok());
    uses.unwrap_or_default()
}

/// Adds to what is written, and forgets tokens that are not among `known`.
pub(crate) fn write(tokens: &Path, new: LastUses, known: impl Fn(&str) -> bool) -> Result<()> {
    let path = path(tokens);
    let turn = Turn::wait(&path)?;
    let mut uses = written(tokens);
    for (id, at) in new {
        let last = uses.entry(id).or_insert(at);
        *last = at.max(*last);
    }
    uses.retain(|id, _| known(id));
    let text = serde_json::to_vec(&uses).unwrap_or_default();
    turn.replace(&text)
}

fn path(tokens: &Path) -> PathBuf {
    tokens.with_extension("used.json")
}
