//! The copy of a move: the stored bytes under an attempt of their own, read back from beginning to
//! end. Must not know who names it.

use artifact_domain::port::{ByteStream, PutOptions};
use artifact_domain::{
    ArtifactRecord, AttemptId, BlobKey, Content, Error, ErrorKind, Result, Tier, Timestamp,
};
use futures::{StreamExt, stream};

use crate::Store;
use crate::soundness::Soundness;

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
    /// Gives the attempt, and when the copy was there.
    pub(super) async fn copy(
        &self,
        record: &ArtifactRecord,
        from: Tier,
        to: Tier,
    ) -> Result<(AttemptId, Timestamp)> {
        let content = record.stored_content()?;
        let attempt = AttemptId::of_move(self.new_id()?);
        let key = BlobKey::content(
            &record.coordinate,
            record.version,
            attempt,
            content.encoding,
        );
        let copied = self.copy_as(record, content, (from, to), &key).await;
        let error = match copied {
            Ok(published) => return Ok((attempt, published)),
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
            _ => error.context(format!("the copy in the tier {to} is not what was written")),
        })
    }

    async fn copy_as(
        &self,
        record: &ArtifactRecord,
        content: &Content,
        (from, to): (Tier, Tier),
        key: &BlobKey,
    ) -> Result<Timestamp> {
        let source = self.blobs_of(from).get(record.blob_key()?, None).await?;
        let target = self.blobs_of(to);
        let options = PutOptions {
            size_hint_bytes: Some(content.stored_size_bytes),
            content_type: Some(record.mime_type.clone()),
            encoding: Some(content.encoding),
            derived: false,
        };
        let body = exactly(source, content.stored_size_bytes);
        let gone = |error: Error| {
            match error.kind() {
            // Only the source may be told to be missing.
            ErrorKind::NotFound => Error::new(
                ErrorKind::Unavailable,
                format!("the copy in the tier {to} went before it was read back"),
            )
            .with_hint("`artifact gc` takes what is not named within its --grace-hours: give it more than a move takes")
            .with_source(error),
            _ => error,
        }
        };
        target.put(key.clone(), body, options).await.map_err(gone)?;
        let published = self.now();
        match self
            .check_blob(&**target, key, content)
            .await
            .map_err(gone)?
        {
            Soundness::Sound => Ok(published),
            Soundness::Unread => {
                let message = format!("a copy in the tier {to} cannot be read back");
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

/// The stream, with an error at its end unless it had just so many bytes: what is short must not be
/// published.
fn exactly(body: ByteStream, size_bytes: u64) -> ByteStream {
    let damaged = move || {
        let message = format!("it does not have the {size_bytes} stored bytes that were written");
        Error::new(ErrorKind::Integrity, message)
    };
    let state = Some((body, size_bytes));
    stream::unfold(state, move |state| async move {
        let (mut body, left) = state?;
        match body.next().await {
            None if left == 0 => None,
            None => Some((Err(damaged()), None)),
            Some(Err(error)) => Some((Err(error), None)),
            Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                None => Some((Err(damaged()), None)),
                Some(left) => Some((Ok(chunk), Some((body, left)))),
            },
        }
    })
    .boxed()
}
