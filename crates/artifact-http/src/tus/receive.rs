//! The bytes of one request on their way into the spool, a few at a time. Knows no headers.

use std::{future, mem};

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::StreamExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::checksum::{Checksum, Comparison};
use super::spool::Held;
use super::through::Through;
use super::{blocking, stopped};

/// How many chunks are taken at once, if so many are there.
const MOST_CHUNKS: usize = 16;

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
    /// They are others than the checksum says; none was kept.
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
/// what is there then survives the loss of power: bytes that were cut off are kept, unless they had to come
/// to a checksum or are too many. Only what has all gone on is left to the store alone.
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
    let is_gone_on = outcome.is_ok() && through.is_some();
    let held = blocking(move || {
        if is_too_much || !is_right {
            held.cut(start)?;
        } else if !is_gone_on {
            held.sync()?;
        }
        if held.info.unverified_from.take().is_some() {
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
    let taking = take_all(
        &mut appending,
        body,
        most_bytes,
        comparison,
        asked_for,
        through,
    );
    let taken = taking.await;
    let (held, written) = appending.end().await?;
    // What could not be written down is what matters.
    Ok((held, written.map_err(Refused::from).and(taken)))
}

async fn take_all(
    appending: &mut Appending,
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
    let mut chunks = body.ready_chunks(MOST_CHUNKS);
    let mut left_bytes = most_bytes;
    loop {
        let next = tokio::select! {
            biased;
            () = asked_for.cancelled() => return Err(taken_over().into()),
            () = &mut unwanted => return Err(Refused::Unwanted),
            next = chunks.next() => next,
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
        appending.append(good.clone()).await?;
        if let Some(error) = fault {
            return Err(error.into());
        }
        if let Some(through) = through {
            for chunk in good {
                through.pass(chunk).await;
            }
        }
    }
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
            let written = chunks.iter().try_for_each(|chunk| held.append(chunk));
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
