//! The bytes of one version against its record, and the mark of what is lost. Must not know which
//! versions are verified.

use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result, Tag};

use super::Damage;
use crate::Store;
use crate::edit::Edited;
use crate::soundness::Soundness;

/// The tag that a repair gives to versions whose bytes are lost; its value says how.
pub const LOST_TAG: &str = "lost";

/// What reading the bytes of a version has shown.
pub(super) enum Bytes {
    Sound,
    Unread,
    Wrong(Damage, Error),
    /// It was deleted meanwhile.
    Gone,
}

pub(crate) fn is_marked(record: &ArtifactRecord) -> bool {
    let marks = [Damage::Missing, Damage::Damaged].map(Damage::as_str);
    let value = record.tags.get(LOST_TAG);
    value.is_some_and(|value| marks.contains(&value))
}

impl Store {
    /// Marks a version as what reading it has shown; false if there was nothing to be done, or it
    /// could not be.
    pub(super) async fn remember(&self, record: &ArtifactRecord, bytes: &Bytes) -> Result<bool> {
        match bytes {
            // What merely could not be read may be sound.
            Bytes::Wrong(Damage::Unreadable, _) => Ok(false),
            Bytes::Wrong(damage, _) => self.mark(record, Some(*damage)).await,
            Bytes::Sound if is_marked(record) => self.mark(record, None).await,
            _ => Ok(false),
        }
    }

    /// Tags a version as lost, or takes the tag away; false if it went meanwhile, or has no room
    /// for another tag.
    async fn mark(&self, record: &ArtifactRecord, damage: Option<Damage>) -> Result<bool> {
        let edited = self
            .edit(record.clone(), |current| {
                let before = current.tags.clone();
                match damage {
                    None => current.tags.remove(LOST_TAG),
                    Some(damage) => {
                        let mark = Tag::new(LOST_TAG, damage.as_str())?;
                        // Without room for it nothing is marked.
                        let _ = current.tags.set(mark);
                    }
                }
                Ok(current.tags != before)
            })
            .await;
        let wanted = damage.map(Damage::as_str);
        match edited {
            Ok(Edited::Changed(_)) => Ok(true),
            Ok(Edited::Unchanged(current)) => Ok(current.tags.get(LOST_TAG) == wanted),
            Ok(Edited::Gone) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn read_bytes(&self, record: &ArtifactRecord) -> Result<Bytes> {
        const ROUNDS: usize = 8;
        let mut record = record.clone();
        let mut round = 0;
        loop {
            let error = match self.compare_bytes(&record).await {
                Ok(Soundness::Sound) => return Ok(Bytes::Sound),
                Ok(Soundness::Unread) => return Ok(Bytes::Unread),
                Err(error) => error,
            };
            round += 1;
            match self.ports.index.find(record.id).await? {
                Some(current) if !current.state.is_live() => return Ok(Bytes::Gone),
                None => return Ok(Bytes::Gone),
                // What was read lay where it lies no more.
                Some(current) if current.has_moved(&record) && round < ROUNDS => record = current,
                Some(_) => {
                    let damage = match error.kind() {
                        ErrorKind::NotFound => Damage::Missing,
                        ErrorKind::Integrity => Damage::Damaged,
                        _ => Damage::Unreadable,
                    };
                    return Ok(Bytes::Wrong(damage, error));
                }
            }
        }
    }

    async fn compare_bytes(&self, record: &ArtifactRecord) -> Result<Soundness> {
        // Of one store nobody has to be asked.
        let place = match self.places().as_slice() {
            [only] => *only,
            _ => self.whereabouts(record).await?,
        };
        let (key, content) = (record.blob_key()?, record.stored_content()?);
        self.check_blob(&**self.blobs_of(place), &key, content)
            .await
    }
}
