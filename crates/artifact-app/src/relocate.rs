//! Moving the bytes of one version to another tier: copied, read back, then named by the record,
//! and only then taken away where they were. Must not know which versions move, nor why.
//!
//! Every copy is an attempt of its own, so no two writers, and no writer and deleter, ever mean the
//! same blob: who wakes up late can neither overwrite nor take away what somebody else has put
//! there. Cut off anywhere, a move leaves one copy too many, never one too few; `gc` clears it.

use std::collections::BTreeMap;
use std::time::Duration;

use artifact_domain::port::{ByteStream, PutOptions};
use artifact_domain::{
    ArtifactId, ArtifactRecord, AttemptId, BlobKey, Content, Error, ErrorKind, Result, Tier,
    Timestamp,
};
use futures::{StreamExt, stream};

use crate::Store;
use crate::edit::Edited;
use crate::manifest::{Entry, TaskKey};
use crate::soundness::Soundness;
use crate::verify::is_marked;

/// How often a move begins anew because somebody else changed the version meanwhile.
const ROUNDS: usize = 8;

/// A copy that is older than this before a record names it may be garbage to a collector, whose
/// grace is at least an hour: its source is not taken away at once.
const STALE: Duration = Duration::from_mins(45);

/// What became of a version that was to move.
#[derive(Debug)]
pub(crate) enum Relocated {
    /// It is in its new tier now.
    Moved(Moved),
    /// It was there.
    Unchanged(ArtifactRecord),
    /// Its bytes are known to be lost.
    Lost(ArtifactRecord),
    /// It was deleted meanwhile, or has expired.
    Gone,
}

/// A version that is in its new tier.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) record: ArtifactRecord,
    /// The copy that its record named before.
    pub(crate) former: Option<(Tier, BlobKey)>,
}

impl Store {
    /// Moves a version to a tier, up to the point where its record says so. What it leaves is for
    /// [`finish`](Self::finish).
    ///
    /// Errors: `Integrity` where its bytes, or the copy's, are not what was uploaded; those of the
    /// ports, `StorageFull` of the new place among them. After an error the version is where it
    /// was.
    pub(crate) async fn relocate(
        &self,
        mut record: ArtifactRecord,
        tier: Tier,
    ) -> Result<Relocated> {
        let uri = record.version_uri();
        for _ in 0..ROUNDS {
            if !record.is_visible(self.now()) {
                return Ok(Relocated::Gone);
            }
            if is_marked(&record) {
                return Ok(Relocated::Lost(record));
            }
            let id = record.id;
            let moved = self.move_once(record, tier).await;
            if let Some(relocated) = moved.map_err(|error| error.context(&uri))? {
                return Ok(relocated);
            }
            match self.find(id).await? {
                Some(current) => record = current,
                None => return Ok(Relocated::Gone),
            }
        }
        let message = format!(
            "each time before {uri} had moved, others changed it or took its copy for garbage"
        );
        Err(Error::new(ErrorKind::Conflict, message).with_hint("try it again in a while"))
    }

    /// None if somebody else changed the version.
    async fn move_once(&self, record: ArtifactRecord, tier: Tier) -> Result<Option<Relocated>> {
        let is_one_store = self.places().len() == 1;
        let from = match self.whereabouts_in(&record, is_one_store).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.missing(&record, error).await;
            }
            from => from?,
        };
        let to = self.place_of(tier);
        let is_there = record.tier == tier && record.state == tier.state();
        if from == to {
            if is_there {
                return Ok(Some(Relocated::Unchanged(record)));
            }
            return self.rename(record, tier).await;
        }
        let copied = self.retrying("move", || self.copy(&record, from, to)).await;
        let (attempt, published) = match copied {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.missing(&record, error).await;
            }
            copied => copied?,
        };
        let copy = Copy {
            attempt,
            tier,
            place: to,
            made_from: record.clone(),
        };
        let Some(named) = self.name(&copy, record).await? else {
            return Ok(None);
        };
        // However long it took to read the copy back, it is sound. But a collector may have looked
        // at it before the record named it.
        if self.now().saturating_sub(STALE) >= published {
            return self.keep_both(&copy, named).await;
        }
        Ok(Some(Relocated::Moved(Moved {
            former: Some((from, copy.made_from.blob_key()?)),
            record: named,
        })))
    }

    async fn whereabouts_in(&self, record: &ArtifactRecord, is_one_store: bool) -> Result<Tier> {
        if is_one_store {
            return Ok(Tier::Hot);
        }
        self.whereabouts(record).await
    }

    /// Bytes that are not there are lost, unless the version has gone or moved meanwhile.
    async fn missing(&self, record: &ArtifactRecord, missing: Error) -> Result<Option<Relocated>> {
        match self.find(record.id).await? {
            Some(now) if now.state.is_live() && !now.has_moved(record) => {
                let message = "its bytes are missing from the store";
                Err(Error::new(ErrorKind::Integrity, message).with_source(missing))
            }
            _ => Ok(None),
        }
    }

    /// Both tiers are kept in one store: only the record changes.
    async fn rename(&self, record: ArtifactRecord, tier: Tier) -> Result<Option<Relocated>> {
        let before = record.clone();
        let edited = self.edit(record, |record| {
            let is_there = record.tier == tier && record.state == tier.state();
            if is_there || !record.state.is_live() || record.has_moved(&before) {
                return Ok(false);
            }
            *record = record.clone().moved(tier, record.attempt, self.now());
            Ok(true)
        });
        Ok(match edited.await? {
            Edited::Changed(record) => Some(Relocated::Moved(Moved {
                record,
                former: None,
            })),
            Edited::Unchanged(_) => None,
            Edited::Gone => Some(Relocated::Gone),
        })
    }

    /// Copies the bytes as they are stored, and reads the copy from beginning to end. That decodes
    /// and digests it, so it shows damage of the source as well; which it was, is found out then.
    /// Gives the attempt, and when the copy was there.
    async fn copy(
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

    /// Lets the record name the copy. None if somebody else moved or deleted the version; then the
    /// copy is gone.
    async fn name(
        &self,
        copy: &Copy,
        mut record: ArtifactRecord,
    ) -> Result<Option<ArtifactRecord>> {
        for _ in 0..ROUNDS {
            let changed = record.clone().moved(copy.tier, copy.attempt, self.now());
            let updated = self
                .retrying("update", || self.ports.index.update(changed.clone()))
                .await;
            let error = match updated {
                Ok(named) => return Ok(Some(named)),
                Err(error) => error,
            };
            let is_certain = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound);
            if !is_certain && !self.undo(&record).await {
                // Nobody knows which copy is named. What the other one is, `gc` will see.
                return Err(error);
            }
            match self.find(copy.made_from.id).await? {
                // Its answer was lost.
                Some(now) if now.attempt == copy.attempt => {
                    self.let_marks_last().await?;
                    return Ok(Some(now));
                }
                // Somebody has changed something else of it.
                Some(now) if is_certain && now.state.is_live() && !now.has_moved(&record) => {
                    record = now;
                }
                _ => {
                    self.discard(copy).await;
                    return if is_certain { Ok(None) } else { Err(error) };
                }
            }
        }
        self.discard(copy).await;
        Ok(None)
    }

    /// Makes sure that a change which failed for an unknown reason has happened, or never will: one
    /// of two changes of the same revision is refused. False if that failed too.
    async fn undo(&self, record: &ArtifactRecord) -> bool {
        match self.ports.index.update(record.clone()).await {
            Ok(unchanged) => {
                self.note(&unchanged, None).await;
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound),
        }
    }

    /// The copy is named, but so late that a collector may have taken it for garbage. The former
    /// one stays, for `gc`, which takes none that is the only one; and if the new one has gone, the
    /// record names the former one again.
    async fn keep_both(&self, copy: &Copy, named: ArtifactRecord) -> Result<Option<Relocated>> {
        let key = named.blob_key()?;
        match self.blobs_of(copy.place).stat(key).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.name_again(named, &copy.made_from).await?;
                Ok(None)
            }
            _ => {
                self.note(&named, None).await;
                Ok(Some(Relocated::Moved(Moved {
                    record: named,
                    former: None,
                })))
            }
        }
    }

    /// Lets a record whose copy has gone name the `former` one again, unless it has moved on.
    pub(crate) async fn name_again(
        &self,
        named: ArtifactRecord,
        former: &ArtifactRecord,
    ) -> Result<()> {
        let lost = named.attempt;
        self.edit(named, |record| {
            if record.attempt != lost || !record.state.is_live() {
                return Ok(false);
            }
            (record.attempt, record.tier, record.state) =
                (former.attempt, former.tier, former.state);
            record.archived_at = former.archived_at;
            Ok(true)
        })
        .await
        .map(drop)
    }

    /// Takes the former copies of moved versions away, once the metadata beside the blobs names the
    /// new ones for good: a rebuilt index must not miss them. What fails here is left for `gc`.
    pub(crate) async fn finish(&self, moved: &[Moved]) {
        let mut tasks: BTreeMap<TaskKey, Vec<&Moved>> = BTreeMap::new();
        for one in moved.iter().filter(|one| one.former.is_some()) {
            tasks.entry(TaskKey::of(&one.record)).or_default().push(one);
        }
        for (task, moved) in tasks {
            let records = moved.iter().map(|one| one.record.clone());
            if let Err(error) = self.write_down_all(&task, records.collect()).await {
                tracing::warn!(%task, error = %error, "what moves have left waits for gc");
                continue;
            }
            for place in self.places() {
                let former = moved.iter().filter_map(|one| one.former.as_ref());
                let keys = former.filter(|(at, _)| *at == place);
                let keys: Vec<_> = keys.map(|(_, key)| key.clone()).collect();
                if !keys.is_empty() {
                    self.delete_all_quietly(place, keys).await;
                }
            }
        }
    }

    /// Writes records of one task beside the blobs, as they are by now, at once and durably. Of one
    /// that was purged nothing is left standing there.
    pub(crate) async fn write_down_all(
        &self,
        task: &TaskKey,
        records: Vec<ArtifactRecord>,
    ) -> Result<()> {
        let mut entries = Vec::with_capacity(records.len());
        let mut written = Vec::with_capacity(records.len());
        for record in records {
            let seek_table = self.ports.index.seek_table(record.id).await?;
            if let Some(current) = self.find(record.id).await? {
                entries.push(Entry::version(current, seek_table));
                written.push(record);
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.write_down(task, entries).await?;
        // Whoever purged one meanwhile may have said so before this was written.
        for record in written {
            if self.find(record.id).await?.is_none() {
                self.note_purged(&record).await;
            }
        }
        Ok(())
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        self.retrying("find", || self.ports.index.find(id)).await
    }

    async fn discard(&self, copy: &Copy) {
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

    async fn delete_quietly(&self, place: Tier, key: &BlobKey) {
        self.delete_all_quietly(place, vec![key.clone()]).await;
    }

    pub(crate) async fn delete_all_quietly(&self, place: Tier, keys: Vec<BlobKey>) {
        let count = keys.len();
        let failed = match self.blobs_of(place).delete(keys).await {
            Ok(failures) => failures.into_iter().next().map(|failure| failure.error),
            Err(error) => Some(error),
        };
        if let Some(error) = failed {
            tracing::warn!(count, error = %error, "spare copies wait for gc");
        }
    }
}

/// A copy that no record names yet.
struct Copy {
    attempt: AttemptId,
    tier: Tier,
    place: Tier,
    made_from: ArtifactRecord,
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
