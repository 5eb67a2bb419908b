//! Room for an upload: reserved before its bytes are stored, so that uploads on their way at the
//! same time cannot pass the storage limit together. Knows how many bytes there are, not what they
//! mean.

use artifact_domain::port::{ByteStream, NewUpload};
use artifact_domain::{ArtifactId, ArtifactRecord, ErrorKind, Result};
use futures::{TryStreamExt, stream};

use crate::Store;

/// The first step in which room is taken for more bytes than are there yet.
const FIRST_STEP_BYTES: u64 = 1 << 20;

/// The largest step; each is as large as all before it. It bounds by how much an upload can keep
/// others out without need.
const LARGEST_STEP_BYTES: u64 = 64 << 20;

/// The most that is reserved on the word of a caller alone.
const LARGEST_PROMISE_BYTES: u64 = 1 << 50;

/// How many bytes are to come, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// Nothing is known.
    Unknown,
    /// So many before compression, so hardly more after it.
    AtMost(u64),
    /// So many, as they are.
    AsTheyAre(u64),
}

impl Expected {
    /// What to reserve before the first byte.
    fn first(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::AtMost(bytes) => bytes.min(FIRST_STEP_BYTES),
            Self::AsTheyAre(bytes) => bytes.min(LARGEST_PROMISE_BYTES),
        }
    }

    /// What to reserve when `needed` bytes are more than the `reserved` ones.
    fn next(self, needed: u64, reserved: u64) -> u64 {
        // Many streams end with what is their first chunk.
        let ahead = match reserved {
            0 => 0,
            reserved => {
                reserved.saturating_add(reserved.clamp(FIRST_STEP_BYTES, LARGEST_STEP_BYTES))
            }
        };
        match self {
            Self::Unknown => ahead,
            Self::AtMost(bytes) | Self::AsTheyAre(bytes) => ahead.min(bytes),
        }
        .max(needed)
    }
}

impl Store {
    /// Begins an upload with room for what is expected, or with as little as can be where that
    /// does not fit: what is compressed may need less.
    pub(crate) async fn begin(
        &self,
        upload: NewUpload,
        expected: Expected,
    ) -> Result<ArtifactRecord> {
        let (index, quota) = (&self.ports.index, &self.options.quota);
        let reserving = |mut upload: NewUpload, bytes| {
            upload.reservation = quota.reserve(bytes);
            upload
        };
        let first = expected.first();
        // Not retried: a second begin would reserve a second version.
        if !matches!(expected, Expected::AtMost(1..)) {
            return index.begin(reserving(upload, first)).await;
        }
        match index.begin(reserving(upload.clone(), first)).await {
            // Nothing has begun.
            Err(error) if error.kind() == ErrorKind::QuotaExceeded => {
                index.begin(reserving(upload, 0)).await
            }
            outcome => outcome,
        }
    }

    /// Gives the chunks of `stored` on as far as there is room for them; ends with
    /// `QuotaExceeded` before the first that does not fit.
    pub(crate) fn with_room(
        &self,
        upload: &ArtifactRecord,
        expected: Expected,
        stored: ByteStream,
    ) -> ByteStream {
        let room = Room {
            store: self.clone(),
            id: upload.id,
            expected,
            reserved_bytes: upload.reserved_bytes,
            stored_bytes: 0,
        };
        Box::pin(stream::try_unfold(
            (room, stored),
            async |(mut room, mut stored)| {
                let Some(chunk) = stored.try_next().await? else {
                    return Ok(None);
                };
                room.take(chunk.len() as u64).await?;
                Ok(Some((chunk, (room, stored))))
            },
        ))
    }
}

/// What an upload has reserved, and what it has used of that.
struct Room {
    store: Store,
    id: ArtifactId,
    expected: Expected,
    reserved_bytes: u64,
    stored_bytes: u64,
}

impl Room {
    /// Takes room for more bytes, and reserves more first where that is needed.
    async fn take(&mut self, bytes: u64) -> Result<()> {
        let needed = self.stored_bytes.saturating_add(bytes);
        if needed > self.reserved_bytes {
            let wanted = self.expected.next(needed, self.reserved_bytes);
            match self.reserve(wanted).await {
                // The last bytes before a limit are taken one chunk at a time.
                Err(error) if error.kind() == ErrorKind::QuotaExceeded && wanted > needed => {
                    self.reserve(needed).await?;
                }
                outcome => outcome?,
            }
        }
        self.stored_bytes = needed;
        Ok(())
    }

    async fn reserve(&mut self, bytes: u64) -> Result<()> {
        let reservation = self.store.options.quota.reserve(bytes);
        let index = &self.store.ports.index;
        let reserving = self
            .store
            .retrying("reserve", || index.reserve(self.id, reservation));
        reserving.await.map_err(|error| match error.kind() {
            ErrorKind::Conflict | ErrorKind::NotFound => crate::upload::lost_lease(error),
            _ => error,
        })?;
        self.reserved_bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// What is reserved one after another as a stream of so many bytes goes by, in chunks.
    fn steps(expected: Expected, total: u64, chunk: u64) -> Vec<u64> {
        let mut reserved = vec![expected.first()];
        let mut stored = 0;
        while stored < total {
            stored = total.min(stored + chunk);
            let last = reserved[reserved.len() - 1];
            if stored > last {
                reserved.push(expected.next(stored, last));
            }
        }
        reserved
    }

    #[test]
    fn what_is_known_is_reserved_once_and_never_more() {
        let small = steps(Expected::AtMost(4_096), 900, 900);
        assert_eq!(small, [4_096]);
        let as_it_is = steps(Expected::AsTheyAre(500 * MIB), 500 * MIB, 65_536);
        assert_eq!(as_it_is, [500 * MIB]);
        let shrunk = steps(Expected::AtMost(100 * MIB), 5 * MIB, 65_536);
        assert_eq!(shrunk, [1, 2, 4, 8].map(|n| n * MIB));
        let whole = steps(Expected::AtMost(100 * MIB), 100 * MIB, 65_536);
        assert_eq!(whole.last(), Some(&(100 * MIB)));
    }

    #[test]
    fn what_is_not_known_is_reserved_in_steps_that_double_up_to_a_bound() {
        assert_eq!(steps(Expected::Unknown, 0, 1), [0]);
        assert_eq!(steps(Expected::Unknown, 700, 65_536), [0, 700]);
        let steps = steps(Expected::Unknown, 1_000 * MIB, 65_536);
        assert_eq!(steps[..3], [0, 65_536, 65_536 + MIB]);
        assert!(steps.len() < 30, "{steps:?}");
        let ahead = steps.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(ahead.max() <= Some(LARGEST_STEP_BYTES), "{steps:?}");
    }

    #[test]
    fn more_than_was_promised_is_reserved_as_it_comes() {
        assert_eq!(steps(Expected::AtMost(10), 30, 10), [10, 20, 30]);
        let absurd = Expected::AsTheyAre(u64::MAX).first();
        assert_eq!(absurd, LARGEST_PROMISE_BYTES);
    }
}
