//! A file that is written on a thread of its own, while the next bytes are on their way. Knows no store.

use artifact_domain::Result;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::part_file::PartFile;
use crate::exit;

/// How many chunks may wait to be written: the fewer, the likelier is one in the processor's cache still.
const WAITING: usize = 4;

/// A file that grows.
#[derive(Debug)]
pub(super) struct Writing {
    chunks: mpsc::Sender<Bytes>,
    part: JoinHandle<Result<PartFile>>,
}

impl Writing {
    pub(super) fn begin(mut part: PartFile) -> Self {
        let (chunks, mut waiting) = mpsc::channel::<Bytes>(WAITING);
        let part = tokio::task::spawn_blocking(move || {
            while let Some(chunk) = waiting.blocking_recv() {
                part.write(&chunk)?;
            }
            Ok(part)
        });
        Self { chunks, part }
    }

    /// Takes the next bytes; false once they can't be written, which [`publish`](Self::publish) explains.
    pub(super) async fn write(&self, chunk: Bytes) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }

    /// Lets the file appear once all is written.
    pub(super) async fn publish(self) -> Result<()> {
        let part = self.ended().await?;
        tokio::task::block_in_place(|| part.publish())
    }

    /// Leaves nothing of it.
    pub(super) async fn abandon(self) {
        drop(self.ended().await);
    }

    async fn ended(self) -> Result<PartFile> {
        drop(self.chunks);
        let part = self.part.await;
        part.map_err(|fault| exit::internal("the thread that writes stopped", fault))?
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::part_file::There;
    use super::*;

    fn begun(folder: &tempfile::TempDir) -> Writing {
        let path = folder.path().join("file");
        Writing::begin(PartFile::create(&path, There::Replaced).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_published_is_all_that_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let writing = begun(&folder);
        for number in 0..3 * WAITING {
            let chunk = u8::try_from(number).unwrap();
            assert!(writing.write(vec![chunk; 1000].into()).await);
        }
        assert!(!folder.path().join("file").exists());
        writing.publish().await.unwrap();
        let all = fs::read(folder.path().join("file")).unwrap();
        let expected: Vec<_> = (0..all.len())
            .map(|at| u8::try_from(at / 1000).unwrap())
            .collect();
        assert!(all == expected && all.len() == 3000 * WAITING);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_abandoned_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let writing = begun(&folder);
        assert!(writing.write(Bytes::from_static(b"x")).await);
        writing.abandon().await;
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
