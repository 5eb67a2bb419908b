//! What is yet to be written of the metadata: gathered from the use cases, grouped by task, and
//! written behind them by one task of the runtime.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use artifact_domain::port::PutOptions;
use artifact_domain::{ArtifactId, ArtifactRecord, Result};
use futures::{StreamExt, stream};
use tokio::sync::Notify;

use super::{BY_CHANCE, Entry, TaskKey, Urgency};
use crate::Store;

/// How long entries are gathered before they are written, unless somebody waits for that.
const LINGER: Duration = Duration::from_millis(250);

/// With so many entries nothing lingers, and with twice as many who brings more has to wait.
const FULL: usize = 1_024;

/// The same by what they take of memory: an entry has up to 64 KiB of free metadata, which takes many times that
/// where it is many small values.
const FULL_BYTES: usize = 2 << 20;

/// How many tasks are written to at once.
const CONCURRENCY: usize = 8;

/// One delta in so many makes its writer look whether folding pays, and so does one of so many
/// entries.
const LOOK_EVERY: usize = 32;

/// The entries that wait. The index has them already: what a crash takes away here is written
/// again by `gc`.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    state: Mutex<State>,
    /// Told when a round was written, and when the writer stops.
    written: Notify,
    /// Told when nothing more is to be waited for.
    hurry: Notify,
    /// Held by whoever folds in this process.
    pub(super) folding: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<TaskKey, Batch>,
    count: usize,
    held_bytes: usize,
    /// Whether a writer will take what waits.
    is_running: bool,
    /// How many writers there are: one that has nothing left to take may still be ending while
    /// the next one begins.
    writers: usize,
}

type Batch = BTreeMap<ArtifactId, Entry>;

impl State {
    fn insert(&mut self, task: TaskKey, entry: Entry) {
        let batch = self.waiting.entry(task).or_default();
        let id = entry.id();
        let merged = if let Some(earlier) = batch.remove(&id) {
            self.held_bytes -= earlier.held_bytes();
            earlier.merged(entry)
        } else {
            self.count += 1;
            entry
        };
        self.held_bytes += merged.held_bytes();
        batch.insert(id, merged);
    }

    /// Whether there is `times` as much as does not linger.
    fn is_full(&self, times: usize) -> bool {
        self.count >= times * FULL || self.held_bytes >= times * FULL_BYTES
    }

    fn take(&mut self) -> HashMap<TaskKey, Batch> {
        (self.count, self.held_bytes) = (0, 0);
        std::mem::take(&mut self.waiting)
    }
}

impl Journal {
    /// Waits until everything that was noted is written.
    pub(crate) async fn settle(&self) {
        loop {
            let written = self.written.notified();
            if self.state().writers == 0 {
                return;
            }
            self.hurry.notify_one();
            written.await;
        }
    }

    /// Takes an entry in; gives the right to write if a writer is to be started.
    fn add(self: &Arc<Self>, task: TaskKey, entry: Entry) -> Option<Writer> {
        let mut state = self.state();
        state.insert(task, entry);
        if state.is_full(1) {
            self.hurry.notify_one();
        }
        if std::mem::replace(&mut state.is_running, true) {
            return None;
        }
        state.writers += 1;
        Some(Writer {
            journal: Arc::clone(self),
            is_done: false,
        })
    }

    async fn wait_for_room(&self) {
        loop {
            let written = self.written.notified();
            if !self.is_overfull() {
                return;
            }
            written.await;
        }
    }

    fn is_overfull(&self) -> bool {
        let state = self.state();
        state.is_running && state.is_full(2)
    }

    /// A panic elsewhere leaves the entries whole: each change of them is one insert.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one that writes. Lets others know when it has stopped, however it did.
struct Writer {
    journal: Arc<Journal>,
    is_done: bool,
}

impl Writer {
    /// Everything that waits. If nothing does, the writer is done, and whoever brings more starts
    /// another one.
    fn take(&mut self) -> Option<HashMap<TaskKey, Batch>> {
        let mut state = self.journal.state();
        if state.waiting.is_empty() {
            state.is_running = false;
            self.is_done = true;
            return None;
        }
        Some(state.take())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.journal.state();
        state.writers -= 1;
        if !self.is_done {
            // It was cut off: the next one takes what waits.
            state.is_running = false;
        }
        drop(state);
        self.journal.written.notify_waiters();
    }
}

impl Store {
    /// Waits until what the store writes behind its answers is written: the metadata beside the
    /// blobs, which only a rebuild of the index needs. To be called before a process ends; what
    /// is not written then, `gc` writes.
    pub async fn settle(&self) {
        self.journal.settle().await;
    }

    /// Remembers that a version has become what `record` says.
    pub(crate) async fn note(&self, record: &ArtifactRecord, seek_table: Option<bytes::Bytes>) {
        // What was never committed never stood there.
        if record.content.is_some() {
            let entry = Entry::version(record.clone(), seek_table);
            self.note_entry(TaskKey::of(record), entry).await;
        }
    }

    /// Remembers that a version was purged. A task that has lost its last one keeps no metadata.
    pub(crate) async fn note_purged(&self, record: &ArtifactRecord) {
        if record.content.is_some() {
            let entry = Entry::Purged(record.id);
            self.note_entry(TaskKey::of(record), entry).await;
        }
    }

    async fn note_entry(&self, task: TaskKey, entry: Entry) {
        self.journal.wait_for_room().await;
        if let Some(mut writer) = self.journal.add(task, entry) {
            let store = self.clone();
            tokio::spawn(async move {
                store.write_journal(&mut writer).await;
                // Whoever waits for the end must be able to count on it that nothing is held.
                drop(store);
                drop(writer);
            });
        }
    }

    async fn write_journal(&self, writer: &mut Writer) {
        let journal = Arc::clone(&writer.journal);
        loop {
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                () = journal.hurry.notified() => {}
            }
            let Some(batches) = writer.take() else {
                return;
            };
            stream::iter(batches)
                .for_each_concurrent(CONCURRENCY, |(task, batch)| async move {
                    let derived = true;
                    if let Err(error) = self.write_batch(&task, &batch, derived).await {
                        tracing::warn!(
                            %task, count = batch.len(), error = %error,
                            "metadata beside the blobs waits for gc"
                        );
                    }
                })
                .await;
            journal.written.notify_waiters();
        }
    }

    /// Writes what versions of one task have become at once, durably: what they were may go then.
    pub(crate) async fn write_down(&self, task: &TaskKey, entries: Vec<Entry>) -> Result<()> {
        let entries = entries.into_iter().map(|entry| (entry.id(), entry));
        self.write_batch(task, &entries.collect(), false).await
    }

    async fn write_batch(&self, task: &TaskKey, batch: &Batch, derived: bool) -> Result<()> {
        let options = PutOptions {
            derived,
            content_type: "application/json".parse().ok(),
            ..PutOptions::default()
        };
        self.put_delta(task, batch.values(), options).await?;
        let chance = self.new_id()?.as_uuid().as_u128() % LOOK_EVERY as u128 == 0;
        // Where versions only went, the task may be empty now, and is not to leave a folder.
        let only_purged = batch
            .values()
            .all(|entry| matches!(entry, Entry::Purged(_)));
        if only_purged || batch.len() >= LOOK_EVERY {
            self.fold(task, Urgency::Opportune { deltas: 1 }).await?;
        } else if chance {
            self.fold(task, BY_CHANCE).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::record;
    use super::*;

    fn entry() -> (TaskKey, Entry) {
        let record = record("x");
        (TaskKey::of(&record), Entry::version(record, None))
    }

    #[tokio::test]
    async fn a_writer_that_ends_while_the_next_begins_hides_it_from_nobody() {
        let journal = Arc::new(Journal::default());
        let (task, entry) = entry();
        let mut first = journal.add(task.clone(), entry.clone()).unwrap();
        assert!(first.take().is_some());
        assert!(first.take().is_none());
        let mut second = journal.add(task.clone(), entry.clone()).unwrap();
        drop(first);
        assert!(journal.add(task, entry).is_none(), "one is there");
        let mut settled = Box::pin(journal.settle());
        assert!(futures::poll!(&mut settled).is_pending());
        assert!(second.take().is_some());
        assert!(second.take().is_none());
        drop(second);
        settled.await;
    }

    #[tokio::test]
    async fn what_a_writer_that_was_cut_off_left_is_taken_by_the_next() {
        let journal = Arc::new(Journal::default());
        let (task, entry) = entry();
        drop(journal.add(task.clone(), entry.clone()).unwrap());
        let mut next = journal.add(task, entry).unwrap();
        assert_eq!(next.take().map(|batches| batches.len()), Some(1));
    }

    #[test]
    fn what_waits_is_counted_and_weighed() {
        let of = |id: usize, long: usize, revision: u64| {
            let mut record = record("x");
            record.id = artifact_testkit::sample::id(u32::try_from(id).unwrap());
            record.revision = artifact_domain::Revision::new(revision);
            let text = serde_json::json!({ "n": "m".repeat(long) }).to_string();
            record.metadata = artifact_testkit::sample::metadata(&text);
            Entry::version(record, None)
        };
        let task = entry().0;
        let mut state = State::default();
        (0..FULL - 1).for_each(|id| state.insert(task.clone(), of(id, 10, 1)));
        assert!(!state.is_full(1), "few and small");
        state.insert(task.clone(), of(FULL, 10, 1));
        assert!(state.is_full(1) && !state.is_full(2), "many");
        assert!(!state.take().is_empty() && !state.is_full(1));
        let large = FULL_BYTES.div_ceil(60_000);
        (0..large).for_each(|id| state.insert(task.clone(), of(id, 60_000, 1)));
        assert!(state.is_full(1) && !state.is_full(2), "few and large");
        // What comes instead of another weighs for itself.
        (0..large).for_each(|id| state.insert(task.clone(), of(id, 10, 2)));
        assert!(!state.is_full(1));
        state.take();
        assert_eq!((state.count, state.held_bytes), (0, 0));
    }
}
