//! Folding: deltas are merged into larger ones, and those into the whole, so that reading a task
//! takes few documents and an upload pays for no more than a few copies of its own entry.

use artifact_domain::port::{LockGuard, LockKey, LockPatience, PutOptions};
use artifact_domain::{BlobKey, Error, ErrorKind, Result};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::reader::{Document, ManifestReader, deltas, whole};
use super::{Entry, TaskKey, document};
use crate::Store;

/// Documents up to this size are merged whenever somebody looks.
const SMALL_BYTES: u64 = 64 << 10;

/// How much is folded, and how long is waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// What pays by now if there are deltas enough, and only if nobody else is at it.
    Opportune {
        /// How many deltas are enough.
        deltas: usize,
    },
    /// Everything, whatever it costs.
    Thorough,
    /// Everything, and damaged lines are dropped.
    Repair,
}

/// For whoever looks by chance: a task that has few deltas yet is left as it is.
pub(crate) const BY_CHANCE: Urgency = Urgency::Opportune { deltas: 16 };

/// What is to be merged into what.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    /// These deltas into one.
    Merge(Vec<Document>),
    /// Every delta into the whole.
    Fold(Vec<Document>),
}

/// The largest document is taken along that what is smaller has half the size of, and all that is
/// smaller. So each copy of an entry stands in a document half as large again, and an entry is
/// copied a number of times that grows with the logarithm of the task.
fn plan(whole: Option<u64>, mut deltas: Vec<Document>, urgency: Urgency) -> Plan {
    let Urgency::Opportune { deltas: enough } = urgency else {
        return Plan::Fold(deltas);
    };
    if deltas.len() < enough.max(1) {
        return Plan::Nothing;
    }
    deltas.sort_by_key(|delta| delta.size_bytes);
    let worth = |size: u64, smaller: u64| size <= SMALL_BYTES.max(2 * smaller);
    let (mut count, mut taken_bytes, mut sum) = (0, 0, 0);
    for (number, delta) in (1..).zip(&deltas) {
        let is_worth = worth(delta.size_bytes, sum);
        sum += delta.size_bytes;
        if is_worth {
            (count, taken_bytes) = (number, sum);
        }
    }
    if count == deltas.len() && worth(whole.unwrap_or(0), taken_bytes) {
        return Plan::Fold(deltas);
    }
    deltas.truncate(count);
    if count < 2 {
        return Plan::Nothing;
    }
    Plan::Merge(deltas)
}

impl Store {
    /// Folds the metadata of a task. One that is being folded by somebody else is left alone if it
    /// is merely opportune.
    ///
    /// Errors: `Integrity` for damaged lines, which are kept unless they are to be dropped.
    pub(crate) async fn fold(&self, task: &TaskKey, urgency: Urgency) -> Result<()> {
        let blobs = &*self.ports.blobs;
        let _alone = match urgency {
            Urgency::Opportune { .. } => match self.journal.folding.try_lock() {
                Ok(alone) => alone,
                Err(_) => return Ok(()),
            },
            Urgency::Thorough | Urgency::Repair => self.journal.folding.lock().await,
        };
        let guard = match self.lock_metadata(task, urgency).await {
            Err(error)
                if error.kind() == ErrorKind::Locked
                    && matches!(urgency, Urgency::Opportune { .. }) =>
            {
                return Ok(());
            }
            guard => guard?,
        };
        let folded = async {
            let deltas = deltas(blobs, task).await?;
            let whole = whole(blobs, task).await?;
            let size = whole.as_ref().map(|whole| whole.size_bytes);
            match plan(size, deltas, urgency) {
                Plan::Nothing => Ok(()),
                Plan::Merge(deltas) => self.merge(task, deltas, urgency).await,
                Plan::Fold(deltas) => self.fold_whole(task, whole, deltas, urgency).await,
            }
        };
        let folded = folded.await;
        crate::upload::release(guard).await;
        folded
    }

    async fn lock_metadata(
        &self,
        task: &TaskKey,
        urgency: Urgency,
    ) -> Result<Option<Box<dyn LockGuard>>> {
        let Some(locks) = &self.ports.locks else {
            return Ok(None);
        };
        let patience = match urgency {
            Urgency::Opportune { .. } => LockPatience {
                timeout: std::time::Duration::ZERO,
                ..self.options.lock_patience
            },
            Urgency::Thorough | Urgency::Repair => self.options.lock_patience,
        };
        let key = LockKey::task_metadata(&task.spec, &task.task);
        locks.acquire(key, patience).await.map(Some)
    }

    async fn merge(&self, task: &TaskKey, deltas: Vec<Document>, urgency: Urgency) -> Result<()> {
        let sources = keys_of(&deltas);
        let reader = self.open_documents(task, deltas).await?;
        let merged = BlobKey::task_metadata_delta(&task.spec, &task.task, self.new_id()?.into());
        self.put_document(task, merged, entries(reader, urgency))
            .await?;
        self.delete_documents(sources).await
    }

    /// What is left when nothing is left is no document at all.
    async fn fold_whole(
        &self,
        task: &TaskKey,
        whole: Option<Document>,
        deltas: Vec<Document>,
        urgency: Urgency,
    ) -> Result<()> {
        let sources = keys_of(&deltas);
        let all = deltas.into_iter().chain(whole.clone()).collect();
        let reader = self.open_documents(task, all).await?;
        // In the whole, what was purged is left out for good.
        let live = entries(reader, urgency).try_filter(|entry| {
            let is_live = !matches!(entry, Entry::Purged(_));
            std::future::ready(is_live)
        });
        let mut live = Box::pin(live.peekable());
        if live.as_mut().peek().await.is_none() {
            // The whole goes first: what says that its versions were purged must not go before it.
            self.delete_documents(whole.map(|whole| whole.key).into_iter().collect())
                .await?;
        } else {
            self.put_document(task, task.whole(), live).await?;
        }
        self.delete_documents(sources).await
    }

    async fn open_documents(
        &self,
        task: &TaskKey,
        documents: Vec<Document>,
    ) -> Result<ManifestReader> {
        let reader = ManifestReader::open_documents(&*self.ports.blobs, task, documents).await?;
        reader.ok_or_else(|| {
            let message = format!("the metadata of {task} was folded by somebody without its lock");
            Error::new(ErrorKind::Conflict, message)
        })
    }

    /// Puts a document, durably: what it replaces, or what is to be counted on, goes after it.
    pub(super) async fn put_document(
        &self,
        task: &TaskKey,
        key: BlobKey,
        entries: impl Stream<Item = Result<Entry>> + Send + 'static,
    ) -> Result<()> {
        let options = PutOptions {
            content_type: "application/json".parse().ok(),
            ..PutOptions::default()
        };
        let body = document::body(task, entries)?;
        self.ports.blobs.put(key, body, options).await?;
        Ok(())
    }

    /// Deletes what was folded into another document, the oldest first.
    async fn delete_documents(&self, mut keys: Vec<BlobKey>) -> Result<()> {
        keys.sort();
        let failures = self.ports.blobs.delete(keys).await?;
        let first = failures.into_iter().next();
        first.map_or(Ok(()), |failure| Err(failure.error))
    }

    /// Puts a batch of entries as a delta: at once readable, durable only where that is asked for.
    pub(crate) async fn put_delta(
        &self,
        task: &TaskKey,
        entries: impl Iterator<Item = &Entry>,
        options: PutOptions,
    ) -> Result<()> {
        let chunks = document::chunks(task, entries)?;
        let key = BlobKey::task_metadata_delta(&task.spec, &task.task, self.new_id()?.into());
        self.retrying("put", || {
            let body = stream::iter(chunks.clone()).map(Ok).boxed();
            self.ports.blobs.put(key.clone(), body, options.clone())
        })
        .await?;
        Ok(())
    }
}

fn keys_of(documents: &[Document]) -> Vec<BlobKey> {
    documents
        .iter()
        .map(|document| document.key.clone())
        .collect()
}

/// What documents give when they are merged. Ends in an error rather than in the loss of lines
/// that are damaged and that a repair can make good from the index.
fn entries(
    reader: ManifestReader,
    urgency: Urgency,
) -> impl Stream<Item = Result<Entry>> + Send + 'static {
    stream::try_unfold(reader, move |mut reader| async move {
        if let Some(entry) = reader.next().await? {
            return Ok(Some((entry, reader)));
        }
        let damage = reader.damage();
        if damage == 0 || urgency == Urgency::Repair {
            return Ok(None);
        }
        let message = format!("{damage} lines of metadata are damaged");
        Err(Error::new(ErrorKind::Integrity, message)
            .with_hint("`artifact verify --repair` writes them again from the index"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(sizes: &[u64]) -> Vec<Document> {
        let task = TaskKey::of(&super::super::entry::tests::record("x"));
        let key = |n: usize| {
            let id = artifact_testkit::sample::id(u32::try_from(n).unwrap());
            BlobKey::task_metadata_delta(&task.spec, &task.task, id.into())
        };
        let sizes = sizes.iter().enumerate();
        sizes
            .map(|(n, size_bytes)| Document {
                key: key(n),
                size_bytes: *size_bytes,
            })
            .collect()
    }

    fn planned(whole: Option<u64>, sizes: &[u64]) -> Plan {
        plan(whole, documents(sizes), Urgency::Opportune { deltas: 1 })
    }

    #[test]
    fn who_looks_by_chance_leaves_a_few_deltas_alone() {
        let by_chance = |count| plan(None, documents(&vec![900; count]), BY_CHANCE);
        assert_eq!(by_chance(0), Plan::Nothing);
        assert_eq!(by_chance(15), Plan::Nothing);
        assert_eq!(by_chance(16), Plan::Fold(documents(&[900; 16])));
    }

    #[test]
    fn small_tasks_are_folded_whenever_somebody_looks() {
        assert_eq!(planned(None, &[]), Plan::Nothing);
        assert_eq!(planned(None, &[900]), Plan::Fold(documents(&[900])));
        let sizes = [900, 1_000];
        assert_eq!(planned(Some(60_000), &sizes), Plan::Fold(documents(&sizes)));
    }

    #[test]
    fn a_large_whole_waits_until_the_deltas_are_worth_it() {
        let sizes = [900, 1_000];
        let whole = Some(8_000_000);
        assert_eq!(planned(whole, &sizes), Plan::Merge(documents(&sizes)));
        assert_eq!(planned(whole, &[900]), Plan::Nothing);
        assert_eq!(
            planned(whole, &[1 << 20]),
            Plan::Nothing,
            "a mebibyte alone"
        );
        let sizes = [1 << 20, 1 << 20, 1 << 23];
        assert_eq!(planned(whole, &sizes), Plan::Merge(documents(&sizes[..2])));
        let sizes = [1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21];
        assert_eq!(planned(whole, &sizes), Plan::Fold(documents(&sizes)));
    }

    /// Puts so many deltas of one size, looking after every so many; gives how often an entry was
    /// copied, and how many documents there were at most.
    fn copies_and_most(size: u64, count: u64, look_every: u64, how: Urgency) -> (u64, usize) {
        let (mut whole, mut deltas, mut written) = (0, Vec::new(), 0);
        let mut most = 0;
        for n in 1..=count {
            deltas.push(size);
            most = most.max(deltas.len());
            if n % look_every > 0 {
                continue;
            }
            match plan(Some(whole), documents(&deltas), how) {
                Plan::Nothing => {}
                Plan::Merge(merged) => {
                    let sum = merged.iter().map(|delta| delta.size_bytes).sum();
                    deltas.sort_unstable();
                    deltas.drain(..merged.len());
                    deltas.push(sum);
                    written += sum;
                }
                Plan::Fold(_) => {
                    whole += deltas.drain(..).sum::<u64>();
                    written += whole;
                }
            }
        }
        (written / (count * size), most)
    }

    #[test]
    fn an_upload_pays_for_a_few_copies_of_its_entry() {
        let (copies, most) = copies_and_most(1_000, 10_000, 32, BY_CHANCE);
        assert!(copies < 16, "{copies} copies of each entry");
        assert!(most < 64, "{most} documents at once");
    }

    #[test]
    fn large_batches_are_merged_too() {
        let (copies, most) = copies_and_most(300_000, 1_000, 1, Urgency::Opportune { deltas: 1 });
        assert!(copies < 16, "{copies} copies of each entry");
        assert!(most < 16, "{most} documents at once");
    }
}
