//! The bytes of one request on their way into the spool, a few at a time. Knows no headers.

use std::time::Duration;
use std::{future, mem};

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::Fuse;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::checksum::{Checksum, Comparison};
use super::spool::Held;
use super::through::Through;
use super::{blocking, stopped};

/// How many bytes are taken at once if so many come in a moment: to wake those who take them costs more than to
/// pass on what is a chunk of a fast connection.
const MANY_BYTES: usize = 512 << 10;

/// How many chunks are taken at once: bounds what is held of tiny ones.
const MOST_CHUNKS: usize = 64;

/// How long a moment is.
const MOMENT: Duration = Duration::from_millis(5);

/// What is expected of the bytes of a request.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// How many there may be.
    pub(super) most_bytes: u64,
    pub(super) checksum: Option<Checksum>,
}

/// Why the bytes of a request were not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// They are others than the checksum says; none is kept.
    Mismatch,
    /// The store takes none of them, and says why.
    Unwanted,
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Adds the bytes of a request to an upload, and passes them on where there is a way. Whatever happens,
/// what was added survives the loss of power then: bytes that were cut off are kept, unless they had to come
/// to a checksum or are too many. What has all gone on is left to the store alone, and what is [passed by](Held::pass_by)
/// to whoever [settles](Held::settle) it.
pub(super) async fn receive(
    mut held: Held,
    body: ByteStream,
    expected: Expected,
    asked_for: &CancellationToken,
    through: Option<Through>,
) -> Result<(Held, Result<(), Refused>)> {
    let start = held.offset();
    let mut comparison = expected.checksum.map(Comparison::with);
    if comparison.is_some() {
        held.info.unverified_from = Some(start);
        held = saved(held).await?;
    }
    let (mut held, received) = {
        let outcome = append_all(
            held,
            body,
            expected.most_bytes,
            comparison.as_mut(),
            asked_for,
            through.as_ref(),
        );
        outcome.await?
    };
    let is_right = comparison.is_none_or(|comparison| received.is_ok() && comparison.holds());
    let outcome = match received {
        Ok(()) if !is_right => Err(Refused::Mismatch),
        received => received,
    };
    let is_too_much =
        matches!(&outcome, Err(Refused::Error(error)) if error.kind() == ErrorKind::TooLarge);
    let is_gone_on = outcome.is_ok() && through.is_some() && held.is_whole();
    // A store that is at work yet may keep some of them: they are taken back once it is done.
    let may_come_again = through.is_some() && !is_gone_on;
    let held = blocking(move || {
        if is_too_much || !is_right {
            held.cut(start)?;
        } else if !is_gone_on {
            held.sync()?;
        }
        if !may_come_again && held.info.unverified_from.take().is_some() {
            held.save()?;
        }
        Ok(held)
    });
    let held = held.await?;
    // Not before they are known to be the right ones, and nothing else can fail.
    if let Some(through) = through.filter(|_| is_gone_on) {
        through.end().await;
    }
    Ok((held, outcome))
}

/// Adds bytes until they end, are too many, or somebody else asks for the upload. While some are written down
/// the next ones come.
async fn append_all(
    held: Held,
    body: ByteStream,
    most_bytes: u64,
    comparison: Option<&mut Comparison>,
    asked_for: &CancellationToken,
    through: Option<&Through>,
) -> Result<(Held, Result<(), Refused>)> {
    let mut appending = Appending::Idle(held);
    let mut passed_bytes = 0;
    let taking = take_all(
        &mut appending,
        &mut passed_bytes,
        body,
        most_bytes,
        comparison,
        asked_for,
        through,
    );
    let taken = taking.await;
    let (mut held, written) = appending.end().await?;
    held.pass_by(passed_bytes);
    // What could not be written down is what matters.
    Ok((held, written.map_err(Refused::from).and(taken)))
}

/// Counts what is not added, because it is written down where it goes on, in `passed_bytes`.
async fn take_all(
    appending: &mut Appending,
    passed_bytes: &mut u64,
    body: ByteStream,
    most_bytes: u64,
    mut comparison: Option<&mut Comparison>,
    asked_for: &CancellationToken,
    through: Option<&Through>,
) -> Result<(), Refused> {
    let unwanted = async {
        match through {
            Some(through) => through.refused.cancelled().await,
            None => future::pending().await,
        }
    };
    tokio::pin!(unwanted);
    let mut body = body.fuse();
    let mut left_bytes = most_bytes;
    loop {
        let next = tokio::select! {
            biased;
            () = asked_for.cancelled() => return Err(taken_over().into()),
            () = &mut unwanted => return Err(Refused::Unwanted),
            next = gather(&mut body) => next,
        };
        let Some(next) = next else {
            return Ok(());
        };
        let mut good: Vec<Bytes> = Vec::with_capacity(next.len());
        let mut fault = None;
        for chunk in next {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            };
            let Some(left) = left_bytes.checked_sub(chunk.len() as u64) else {
                return Err(too_many(most_bytes).into());
            };
            left_bytes = left;
            if let Some(comparison) = comparison.as_deref_mut() {
                comparison.update(&chunk);
            }
            good.push(chunk);
        }
        if through.is_some_and(Through::is_written_down) {
            let size_bytes: usize = good.iter().map(Bytes::len).sum();
            *passed_bytes += size_bytes as u64;
        } else {
            appending.append(good.clone()).await?;
        }
        if let Some(through) = through {
            through.pass(good).await;
        }
        if let Some(error) = fault {
            return Err(error.into());
        }
    }
}

/// The chunks of the next moment. None at the end.
async fn gather(body: &mut Fuse<ByteStream>) -> Option<Vec<Result<Bytes>>> {
    let mut chunks = vec![body.next().await?];
    let mut size_bytes = chunks[0].as_ref().map_or(MANY_BYTES, Bytes::len);
    let moment = tokio::time::sleep(MOMENT);
    tokio::pin!(moment);
    while size_bytes < MANY_BYTES && chunks.len() < MOST_CHUNKS {
        let next = tokio::select! {
            biased;
            next = body.next() => next,
            () = &mut moment => None,
        };
        let Some(chunk) = next else {
            break;
        };
        size_bytes += chunk.as_ref().map_or(MANY_BYTES, Bytes::len);
        chunks.push(chunk);
    }
    Some(chunks)
}

/// An upload that grows on a thread beside.
enum Appending {
    Idle(Held),
    Busy(JoinHandle<(Held, Result<()>)>),
    /// The thread has panicked, or nothing more is to come.
    Gone,
}

impl Appending {
    /// Adds chunks once those before them are there.
    async fn append(&mut self, chunks: Vec<Bytes>) -> Result<()> {
        let (mut held, written) = self.take().await?;
        if let Err(error) = written {
            *self = Self::Idle(held);
            return Err(error);
        }
        *self = Self::Busy(tokio::task::spawn_blocking(move || {
            let written = held.append(&chunks);
            (held, written)
        }));
        Ok(())
    }

    /// Gives the upload back, and whether all is there.
    async fn end(mut self) -> Result<(Held, Result<()>)> {
        self.take().await
    }

    async fn take(&mut self) -> Result<(Held, Result<()>)> {
        match mem::replace(self, Self::Gone) {
            Self::Idle(held) => Ok((held, Ok(()))),
            Self::Busy(job) => job.await.map_err(stopped),
            Self::Gone => Err(Error::new(ErrorKind::Internal, "the upload is gone")),
        }
    }
}

/// Writes down what is known of an upload.
pub(super) async fn saved(held: Held) -> Result<Held> {
    blocking(move || held.save().map(|()| held)).await
}

fn too_many(most_bytes: u64) -> Error {
    let message = format!("more bytes come than the {most_bytes} that are missing or may come");
    Error::new(ErrorKind::TooLarge, message)
}

fn taken_over() -> Error {
    let message = "another request has taken the upload over";
    Error::new(ErrorKind::Locked, message).with_hint("ask for its offset and go on from there")
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn chunk(size_bytes: usize) -> Bytes {
        vec![0; size_bytes].into()
    }

    #[tokio::test]
    async fn what_is_there_is_taken_at_once_up_to_many_bytes_or_chunks() {
        for (size_bytes, most) in [(MANY_BYTES / 8, 8), (1, MOST_CHUNKS), (0, MOST_CHUNKS)] {
            let chunks = (0..=2 * most).map(move |_| Ok(chunk(size_bytes)));
            let body: ByteStream = Box::pin(stream::iter(chunks));
            let mut body = body.fuse();
            for count in [most, most, 1] {
                assert_eq!(gather(&mut body).await.unwrap().len(), count);
            }
            assert!(gather(&mut body).await.is_none());
        }
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_a_moment_for_more() {
        let (sender, receiver) = futures::channel::mpsc::unbounded();
        let body: ByteStream = Box::pin(receiver);
        let mut body = body.fuse();
        for _ in 0..3 {
            sender.unbounded_send(Ok(chunk(1))).unwrap();
            assert_eq!(gather(&mut body).await.unwrap().len(), 1);
        }
        drop(sender);
        assert!(gather(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn what_came_before_a_fault_comes_with_it() {
        let fault = Error::new(ErrorKind::Unavailable, "cut off");
        let body: ByteStream = Box::pin(stream::iter([Ok(chunk(1)), Err(fault), Ok(chunk(1))]));
        let gathered = gather(&mut body.fuse()).await.unwrap();
        assert!(gathered.len() == 2 && gathered[1].is_err());
    }
}
