//! The way back of bytes that are stored as they are: each goes on once its block is known to be sound, and is
//! hashed beside. Knows nothing of artifacts.

use std::collections::VecDeque;

use artifact_codec::{BlockCheck, Hasher, SeekTable};
use artifact_domain::port::ByteStream;
use artifact_domain::{Digest, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use tokio::task::JoinHandle;

use crate::Verification;
use crate::decode::{check_digest, damaged, decode_error};

/// What is hashed on the spot: it takes less time than to wake a thread.
const AT_ONCE_BYTES: usize = 32 * 1024;

/// The bytes of a whole blob, which must be so many and, where that is asked for, have this digest. With a seek
/// table no byte of a damaged block is given.
pub(crate) fn as_it_is(
    blob: ByteStream,
    size_bytes: u64,
    digest: Digest,
    table: Option<SeekTable>,
    verification: Verification,
) -> ByteStream {
    let passing = Passing {
        blob,
        missing_bytes: size_bytes,
        blocks: table.map(SeekTable::check),
        held: Vec::new(),
        sound: VecDeque::new(),
        fault: None,
        check: match verification {
            Verification::Digest => Some((digest, Hashing::Idle(Hasher::new()))),
            Verification::Skip => None,
        },
    };
    Box::pin(stream::try_unfold(passing, |mut passing| async move {
        Ok(passing.next().await?.map(|chunk| (chunk, passing)))
    }))
}

/// A blob on its way, and what it must still come to.
struct Passing {
    blob: ByteStream,
    missing_bytes: u64,
    blocks: Option<BlockCheck>,
    /// What has come of a block that has not ended.
    held: Vec<Bytes>,
    sound: VecDeque<Bytes>,
    /// What is wrong behind that.
    fault: Option<Error>,
    check: Option<(Digest, Hashing)>,
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(chunk) = self.sound.pop_front() {
                return Ok(Some(chunk));
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            let Some(chunk) = self.blob.try_next().await? else {
                self.end().await?;
                return Ok(None);
            };
            let Some(missing_bytes) = self.missing_bytes.checked_sub(chunk.len() as u64) else {
                return Err(damaged("it has more bytes than were uploaded"));
            };
            self.missing_bytes = missing_bytes;
            if let Some((digest, hashing)) = self.check.take() {
                self.check = Some((digest, hashing.add(chunk.clone()).await?));
            }
            self.pass(chunk);
        }
    }

    /// Sorts what has come into what is sound and what may yet turn out not to be.
    fn pass(&mut self, mut chunk: Bytes) {
        let Some(blocks) = &mut self.blocks else {
            self.sound.push_back(chunk);
            return;
        };
        while !chunk.is_empty() {
            match blocks.take(&chunk) {
                Ok((count, is_sound)) => {
                    self.held.push(chunk.split_to(count));
                    if is_sound {
                        self.sound.extend(self.held.drain(..));
                    }
                }
                Err(error) => {
                    self.fault = Some(decode_error(error.into()));
                    return;
                }
            }
        }
    }

    async fn end(&mut self) -> Result<()> {
        if self.missing_bytes > 0 {
            return Err(damaged("it has fewer bytes than were uploaded"));
        }
        if !self.held.is_empty() {
            return Err(damaged("its seek table is of more bytes"));
        }
        match self.check.take() {
            Some((digest, hashing)) => check_digest(Some(hashing.ended().await?.finish()), digest),
            None => Ok(()),
        }
    }
}

/// A digest that grows while its bytes are on their way elsewhere. Whoever takes them slowly keeps no thread.
enum Hashing {
    Idle(Hasher),
    Busy(JoinHandle<Hasher>),
}

impl Hashing {
    async fn add(self, chunk: Bytes) -> Result<Self> {
        let mut hasher = self.ended().await?;
        if chunk.len() <= AT_ONCE_BYTES {
            // Who reads one after the other from memory would else keep the thread from all others.
            tokio::task::consume_budget().await;
            hasher.update(&chunk);
            return Ok(Self::Idle(hasher));
        }
        Ok(Self::Busy(tokio::task::spawn_blocking(move || {
            hasher.update(&chunk);
            hasher
        })))
    }

    async fn ended(self) -> Result<Hasher> {
        match self {
            Self::Idle(hasher) => Ok(hasher),
            Self::Busy(job) => job.await.map_err(|cause| {
                Error::new(ErrorKind::Internal, "the thread that hashes stopped").with_source(cause)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of chunks of these lengths where so many bytes were uploaded.
    async fn passed(sizes: &[usize], size_bytes: u64, is_flipped: bool) -> Result<()> {
        let pattern = |count: u64| (0..count).map(|at| u8::try_from(at % 251).unwrap());
        let mut hasher = Hasher::new();
        hasher.update(&pattern(size_bytes).collect::<Vec<_>>());
        let digest = Digest::new(*hasher.finish().as_bytes());

        let mut stored: Vec<_> = pattern(sizes.iter().sum::<usize>() as u64).collect();
        if is_flipped {
            stored[0] ^= 1;
        }
        let mut rest = Bytes::from(stored.clone());
        let chunks: Vec<_> = sizes.iter().map(|size| Ok(rest.split_to(*size))).collect();
        let blob = Box::pin(stream::iter(chunks));
        let passed = as_it_is(blob, size_bytes, digest, None, Verification::Digest);
        let passed: Vec<Bytes> = passed.try_collect().await?;
        assert!(passed.concat() == stored);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_sound_comes_through() {
        for sizes in [
            &[][..],
            &[1],
            &[5, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, 3 * AT_ONCE_BYTES, 7],
        ] {
            let size = sizes.iter().sum::<usize>() as u64;
            passed(sizes, size, false).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_damaged_does_not_end_well() {
        let long = 2 * AT_ONCE_BYTES;
        for (sizes, size, flip, what) in [
            (&[long, 5][..], long + 4, false, "more bytes"),
            (&[long, 5], long + 6, false, "fewer bytes"),
            (&[], 1, false, "fewer bytes"),
            (&[long, 5], long + 5, true, "SHA-256"),
            (&[5], 5, true, "SHA-256"),
        ] {
            let error = passed(sizes, size as u64, flip).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity);
            assert!(error.message().contains(what), "{error}");
        }
    }

    #[tokio::test]
    async fn unverified_its_length_is_still_asked_for() {
        let blob = |bytes: &'static [u8]| -> ByteStream {
            Box::pin(stream::iter([Ok(Bytes::from_static(bytes))]))
        };
        let other = Digest::new([7; 32]);
        let skipped = as_it_is(blob(b"abc"), 3, other, None, Verification::Skip);
        assert_eq!(
            skipped.try_collect::<Vec<_>>().await.unwrap().concat(),
            b"abc"
        );
        let short = as_it_is(blob(b"ab"), 3, other, None, Verification::Skip);
        assert!(short.try_collect::<Vec<_>>().await.is_err());
    }

    /// Bytes of several blocks, as they are stored, with their digest and table.
    fn with_table() -> (Vec<u8>, Digest, SeekTable) {
        let plain: Vec<u8> = (0..900_000_u32).flat_map(u32::to_le_bytes).collect();
        let options = artifact_codec::EncodeOptions::new().with_compression(None);
        let prepared = artifact_codec::prepare(&plain[..], &options).unwrap();
        let mut stored = Vec::new();
        let encoded = prepared.write_to(&mut stored).unwrap();
        let digest = Digest::new(*encoded.digest.as_bytes());
        (stored, digest, encoded.seek_table.unwrap())
    }

    #[tokio::test]
    async fn a_table_of_more_bytes_cuts_nothing_off() {
        let (mut stored, digest, table) = with_table();
        stored.pop();
        let size_bytes = stored.len() as u64;
        let blob = Box::pin(stream::iter([Ok(stored.into())]));
        let passed = as_it_is(blob, size_bytes, digest, Some(table), Verification::Skip);
        let error = passed.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }

    #[tokio::test]
    async fn of_a_damaged_block_nothing_is_given() {
        let (stored, digest, table) = with_table();
        for verification in [Verification::Digest, Verification::Skip] {
            for at in [0, stored.len() / 2, stored.len() - 1] {
                let mut damaged = stored.clone();
                damaged[at] ^= 1;
                let chunks: Vec<_> = damaged
                    .chunks(100_000)
                    .map(Bytes::copy_from_slice)
                    .collect();
                let blob = Box::pin(stream::iter(chunks.into_iter().map(Ok)));
                let size = stored.len() as u64;
                let mut passed = as_it_is(blob, size, digest, Some(table.clone()), verification);
                let mut given = 0;
                let error = loop {
                    match passed.try_next().await {
                        Ok(chunk) => given += chunk.unwrap().len(),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), ErrorKind::Integrity);
                let block = table.block_around(at as u64);
                assert_eq!(given as u64, block.start, "all before the damage");
            }
        }
    }
}
