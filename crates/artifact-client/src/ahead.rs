//! An answer that is read before somebody wants more of it: a server gives up a client that takes nothing for
//! half a minute, and whoever pages through lines may look at one for longer. Knows not what is read.

use std::sync::Arc;

use artifact_domain::port::ByteStream;
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::{Semaphore, mpsc};

/// How many bytes may wait.
const MOST_BYTES: u32 = 32 << 20;

/// The same bytes, taken as soon as they come while there is room for them.
pub(crate) fn read_ahead(mut body: ByteStream) -> ByteStream {
    let (taken, waiting) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(MOST_BYTES as usize));
    tokio::spawn(async move {
        let take = async {
            while let Some(next) = body.next().await {
                let length = next.as_ref().map_or(0, Bytes::len);
                let length = u32::try_from(length).unwrap_or(MOST_BYTES).min(MOST_BYTES);
                let Ok(place) = Arc::clone(&room).acquire_many_owned(length).await else {
                    return;
                };
                if taken.send((next, place)).is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = take => {}
            () = taken.closed() => {}
        }
    });
    Box::pin(stream::unfold(waiting, |mut waiting| async move {
        let (next, _place) = waiting.recv().await?;
        Some((next, waiting))
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use artifact_domain::{Error, ErrorKind};
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn it_is_taken_before_anybody_asks_as_far_as_there_is_room() {
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let chunk = Bytes::from(vec![7; 1 << 20]);
        let endless = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(chunk.clone())
        });
        let mut ahead = read_ahead(Box::pin(endless));
        let is_settled = async |expected| {
            while count.load(Ordering::Relaxed) < expected {
                tokio::task::yield_now().await;
            }
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            count.load(Ordering::Relaxed) == expected
        };
        assert!(is_settled(33).await, "one has no room");
        assert!(ahead.try_next().await.unwrap().is_some());
        assert!(is_settled(34).await);
        drop(ahead);
        tokio::task::yield_now().await;
        assert!(is_settled(34).await);
    }

    #[tokio::test]
    async fn what_comes_and_how_it_ends_stays_the_same() {
        let chunks = |end: Option<Error>| -> ByteStream {
            let chunks = [&b"a"[..], b"", b"bc"].map(|chunk| Ok(Bytes::from_static(chunk)));
            Box::pin(stream::iter(chunks.into_iter().chain(end.map(Err))))
        };
        let whole: Vec<_> = read_ahead(chunks(None)).try_collect().await.unwrap();
        assert_eq!(whole.concat(), b"abc");
        let cut = Error::new(ErrorKind::Unavailable, "cut");
        let error = read_ahead(chunks(Some(cut)));
        let error = error.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
