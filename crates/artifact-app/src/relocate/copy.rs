//! The copy of a move: the stored bytes under an attempt of their own, read back from beginning to
//! end. Must not know who names it.

use artifact_domain::port::PutOptions;
use artifact_domain::{
    ArtifactRecord, AttemptId, BlobKey, Content, Error, ErrorKind, Result, Tier, Timestamp,
};

use crate::Store;
use crate::soundness::{Soundness, exactly};

/// A copy that no record names yet.
pub(super) struct Copy {
    pub(super) attempt: AttemptId,
    pub(super) tier: Tier,
    pub(super) place: Tier,
    pub(super) made_from: ArtifactRecord,
}

impl Store {
    /// Copies the bytes as they are stored, and reads the copy from beginning to end. That decodes
    /// and digests it, so it shows damage of the source as well; which it was, is found out then.
    /// Gives the attempt, and when it began: a service may say of a copy that it is as old as that,
    /// however long it took.
    pub(super) async fn copy(
        &self,
        record: &ArtifactRecord,
        from: Tier,
        (to, tier): (Tier, Tier),
    ) -> Result<(AttemptId, Timestamp)> {
        let content = record.stored_content()?;
        let attempt = AttemptId::of_move(self.new_id()?);
        let begun = self.now();
        let key = BlobKey::content(
            &record.coordinate,
            record.version,
            attempt,
            content.encoding,
        );
        let copied = if from == to {
            self.copy_within(record, content, (to, tier), &key).await
        } else {
            self.copy_as(record, content, (from, to), &key).await
        };
        let error = match copied {
            Ok(()) => return Ok((attempt, begun)),
            Err(error) => error,
        };
        self.delete_quietly(to, &key).await;
        if error.kind() != ErrorKind::Integrity {
            return Err(error);
        }
        let source = record.blob_key()?;
        let checked = self
            .check_blob(&**self.blobs_of(from), &source, content)
            .await;
        Err(match checked {
            Err(damage) if damage.kind() == ErrorKind::Integrity => damage
                .context("it was not moved, its stored bytes are damaged")
                .with_hint("`artifact verify --repair` marks it as lost"),
            _ => error.context(format!(
                "the copy in the tier {tier} is not what was written"
            )),
        })
    }

    async fn copy_as(
        &self,
        record: &ArtifactRecord,
        content: &Content,
        (from, to): (Tier, Tier),
        key: &BlobKey,
    ) -> Result<()> {
        let source = self.blobs_of(from).get(record.blob_key()?, None).await?;
        let target = self.blobs_of(to);
        let options = PutOptions {
            size_hint_bytes: Some(content.stored_size_bytes),
            content_type: Some(record.mime_type.clone()),
            encoding: Some(content.encoding),
            ..PutOptions::default()
        };
        let body = exactly(source, content.stored_size_bytes);
        let put = target.put(key.clone(), body, options).await;
        put.map_err(|error| gone(to, error))?;
        self.read_back(content, to, (to, key)).await
    }

    /// Lets the store copy by itself. The warmer of the two is read from beginning to end: it can be,
    /// and at no price. Of what goes to a colder tier that is the source, beforehand.
    async fn copy_within(
        &self,
        record: &ArtifactRecord,
        content: &Content,
        (place, tier): (Tier, Tier),
        key: &BlobKey,
    ) -> Result<()> {
        let blobs = self.blobs_of(place);
        let source = record.blob_key()?;
        let gets_colder = tier > record.tier;
        if gets_colder {
            let seen = self.check_blob(&**blobs, &source, content).await?;
            if seen == Soundness::Unread {
                let message = "its bytes cannot be read where they are, so it is not moved";
                let uri = record.version_uri();
                return Err(Error::new(ErrorKind::Conflict, message)
                    .with_hint(format!("`artifact restore {uri}` asks for them")));
            }
        }
        let stat = blobs.copy_to_tier(source, key.clone(), tier).await?;
        if stat.size_bytes != content.stored_size_bytes {
            let (found, written) = (stat.size_bytes, content.stored_size_bytes);
            let message = format!("it has {found} stored bytes, {written} were written");
            return Err(Error::new(ErrorKind::Integrity, message));
        }
        if !gets_colder {
            self.read_back(content, tier, (place, key)).await?;
        }
        Ok(())
    }

    /// Reads a copy from beginning to end.
    async fn read_back(
        &self,
        content: &Content,
        tier: Tier,
        (place, key): (Tier, &BlobKey),
    ) -> Result<()> {
        let read = self.check_blob(&**self.blobs_of(place), key, content).await;
        match read.map_err(|error| gone(tier, error))? {
            Soundness::Sound => Ok(()),
            Soundness::Unread => {
                let message = format!("a copy in the tier {tier} cannot be read back");
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }

    /// Takes a copy away that is not to be named.
    pub(super) async fn discard(&self, copy: &Copy) {
        let Ok(content) = copy.made_from.stored_content() else {
            return;
        };
        let record = &copy.made_from;
        let key = BlobKey::content(
            &record.coordinate,
            record.version,
            copy.attempt,
            content.encoding,
        );
        self.delete_quietly(copy.place, &key).await;
    }
}

/// Only the source may be told to be missing.
fn gone(tier: Tier, error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let message = format!("the copy in the tier {tier} went before it was read back");
    Error::new(ErrorKind::Unavailable, message)
        .with_hint(
            "`artifact gc` takes what is not named within its --grace-hours: give it more than a \
             move takes",
        )
        .with_source(error)
}
