//! How far an upload is, and what brings it on: finding it, taking bytes, finishing it. Knows problems,
//! but no header.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{Body, Finding};
use artifact_domain::port::ByteStream;
use artifact_domain::{ArtifactId, Error, ErrorKind, Result, Timestamp};
use http::StatusCode;

use super::blocking;
use super::checksum::Checksum;
use super::complete::{Attempt, Completed, complete, is_lasting, remember, stored_before};
use super::headers::OFFSET;
use super::id::UploadId;
use super::keeper::Keeper;
use super::receive::{Expected, Refused, receive};
use super::spool::{Done, Found, Held};
use super::through::Through;
use crate::problem::Problem;
use crate::state::App;

/// For how long an upload is waited for that somebody works on, and how often it is tried.
const PATIENCE: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(20);

/// An upload that was found.
#[derive(Debug)]
pub(super) enum Current {
    /// On its way, and nobody else's.
    Held(Held),
    /// An artifact.
    Done(Done),
}

impl Current {
    /// `Upload-Metadata` as it was sent.
    pub(super) fn metadata(&self) -> &str {
        match self {
            Self::Held(held) => &held.info.metadata,
            Self::Done(done) => &done.info.metadata,
        }
    }
}

/// What can be said of an upload.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
    pub(super) metadata: String,
    pub(super) expires_at: Timestamp,
    pub(super) artifact: Option<ArtifactId>,
    /// What in it looks like secrets, where this request has made an artifact of it.
    pub(super) findings: Vec<Finding>,
}

/// The bytes of a request.
pub(super) struct Sent {
    pub(super) bytes: ByteStream,
    /// How many there will be, if that is said.
    pub(super) announced_bytes: Option<u64>,
    pub(super) checksum: Option<Checksum>,
}

impl Progress {
    pub(super) fn of(held: &Held) -> Result<Self> {
        Ok(Self {
            offset: held.offset(),
            length: held.info.length,
            metadata: held.info.metadata.clone(),
            expires_at: held.expires_at()?,
            artifact: None,
            findings: Vec::new(),
        })
    }

    fn become_one(&mut self, completed: Completed) {
        self.artifact = Some(completed.artifact);
        self.findings = completed.findings;
    }

    /// Refuses bytes that belong elsewhere.
    pub(super) fn require_offset(&self, offset: u64) -> Result<(), Problem> {
        if self.offset == offset {
            return Ok(());
        }
        let message = format!("the upload has {} bytes, not {offset}", self.offset);
        let error = Error::new(ErrorKind::Conflict, message).with_hint("go on from there");
        Err(Problem::from(error).with_header(OFFSET, self.offset.into()))
    }
}

impl From<Done> for Progress {
    fn from(done: Done) -> Self {
        Self {
            offset: done.info.length.unwrap_or_default(),
            length: done.info.length,
            metadata: done.info.metadata,
            expires_at: done.expires_at,
            artifact: Some(done.artifact),
            findings: Vec::new(),
        }
    }
}

impl Sent {
    fn expecting(self, most_bytes: u64) -> (ByteStream, Expected) {
        let expected = Expected {
            most_bytes,
            checksum: self.checksum,
        };
        (self.bytes, expected)
    }

    /// Refuses more bytes than there may come, before any is read.
    pub(super) fn require_at_most(&self, most_bytes: u64) -> Result<()> {
        match self.announced_bytes {
            Some(bytes) if bytes > most_bytes => {
                let message = format!("{bytes} bytes come, {most_bytes} more may come");
                Err(Error::new(ErrorKind::TooLarge, message))
            }
            _ => Ok(()),
        }
    }
}

impl Current {
    /// The same with all that a break has left of it. Takes its time: what went on into the store compressed is
    /// decoded. Nobody may add bytes or say how many there are before.
    pub(super) async fn settled(self) -> Result<Self> {
        match self {
            Self::Done(done) => Ok(Self::Done(done)),
            Self::Held(mut held) => {
                let settled = blocking(move || held.settle().map(|()| held));
                Ok(Self::Held(settled.await?))
            }
        }
    }
}

/// Looks for an upload, which may have to be [settled](Current::settled); one that somebody works on is `Locked`.
pub(super) async fn find(app: &App, id: UploadId) -> Result<Current> {
    let (spool, now) = (app.uploads.spool.clone(), app.own_store().now());
    match blocking(move || spool.open(id, now)).await? {
        Found::Held(held) => match stored_before(app, &held).await? {
            None => Ok(Current::Held(held)),
            // The server has ended before it was written down. Of bytes that went on into the store some may
            // be missing here by then.
            Some(artifact) => {
                let done = Done {
                    info: held.info.clone(),
                    artifact,
                    expires_at: held.expires_at()?,
                };
                remember(held, artifact).await;
                Ok(Current::Done(done))
            }
        },
        Found::Done(done) => Ok(Current::Done(done)),
        Found::Busy => Err(busy()),
        Found::Nothing => Err(unknown()),
        Found::Expired(_) => {
            let message = "the upload stood still for too long and has expired";
            Err(Error::new(ErrorKind::Expired, message).with_hint("begin it again"))
        }
    }
}

/// The same; whoever receives bytes of it is asked to leave it, and waited for: a client that comes back
/// after its connection broke is there before the broken one is given up.
pub(super) async fn wait_for(app: &App, id: UploadId) -> Result<Current> {
    let mut waited = Duration::ZERO;
    loop {
        match find(app, id).await {
            Err(error) if error.kind() == ErrorKind::Locked && waited < PATIENCE => {
                app.uploads.working.ask_for(id);
                tokio::time::sleep(RETRY).await;
                waited += RETRY;
            }
            found => return found,
        }
    }
}

/// Adds the bytes of a request to an upload, and finishes it if they were the last.
pub(super) async fn take(app: &App, held: Held, sent: Sent) -> Result<Progress, Problem> {
    let length = held.info.length.unwrap_or(app.uploads.most_bytes);
    let most_bytes = length.saturating_sub(held.offset());
    sent.require_at_most(most_bytes)?;
    if held.info.length.is_some() && sent.announced_bytes == Some(most_bytes) && most_bytes > 0 {
        return take_last(app, held, sent).await;
    }
    let turn = app.uploads.working.begin(held.id);
    let (bytes, expected) = sent.expecting(most_bytes);
    let (held, outcome) = receive(held, bytes, expected, &turn.asked_for, None).await?;
    drop(turn);
    match outcome {
        Ok(()) => finished(app, held).await,
        Err(refused) => Err(problem(refused)),
    }
}

/// Adds the bytes of a request that says that they are the last: the store takes them as they come.
async fn take_last(app: &App, held: Held, sent: Sent) -> Result<Progress, Problem> {
    let most_bytes = sent.announced_bytes.unwrap_or_default();
    let start = held.offset();
    let turn = app.uploads.working.begin(held.id);
    let keeper = Arc::new(Keeper::new(&held, most_bytes));
    let compresses = keeper.compresses.clone();
    let (held, attempt) = Attempt::begin(app, held, keeper).await?;
    let (through, body) = Through::new(held.reader()?, held.offset(), compresses.clone());
    let refused = through.refused.clone();
    let store = async {
        let stored = attempt.store(app, Body::Stream(body)).await;
        // What comes after the last compressed byte would be kept nowhere.
        let is_over = |error| is_lasting(error) || compresses.is_cancelled();
        if stored.as_ref().is_err_and(is_over) {
            refused.cancel();
        }
        stored
    };
    let (bytes, expected) = sent.expecting(most_bytes);
    let receive = receive(held, bytes, expected, &turn.asked_for, Some(through));
    let (received, stored) = tokio::join!(receive, store);
    drop(turn);
    let (held, outcome) = received?;
    let stored = match stored {
        Ok(findings) => {
            let mut progress = Progress::of(&held)?;
            progress.become_one(attempt.succeed(held, findings).await);
            return Ok(progress);
        }
        Err(error) => error,
    };
    let is_refused = matches!(outcome, Ok(()) | Err(Refused::Unwanted));
    if is_refused && is_lasting(&stored) {
        return Err(attempt.fail(held, stored).await?.into());
    }
    let held = settled_after(held, start, &outcome).await?;
    match outcome {
        Ok(()) if held.is_whole() => finished(app, held).await,
        Ok(()) | Err(Refused::Unwanted) => {
            let offset = held.offset();
            Err(Problem::from(passing(stored)).with_header(OFFSET, offset.into()))
        }
        Err(refused) => Err(problem(refused)),
    }
}

/// An upload whose last bytes, those from `start` on, were left to a store that has not stored them.
async fn settled_after(mut held: Held, start: u64, outcome: &Result<(), Refused>) -> Result<Held> {
    let is_too_much =
        matches!(outcome, Err(Refused::Error(error)) if error.kind() == ErrorKind::TooLarge);
    blocking(move || {
        if held.info.unverified_from.is_some() || is_too_much {
            held.cut(start)?;
            held.info.unverified_from = None;
            held.save()?;
        } else {
            held.settle()?;
            // Where all have gone on, nobody has yet.
            held.sync()?;
        }
        Ok(held)
    })
    .await
}

/// An error of the store that is none of the bytes. What is told of the version that it was trying to store says
/// nothing of the upload, which goes on.
fn passing(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict | ErrorKind::Internal | ErrorKind::NotFound => {
            let message = format!("the store has not taken the upload: {error}");
            Error::new(ErrorKind::Unavailable, message)
                .with_hint("ask for its offset and go on from there")
                .with_source(error)
        }
        _ => error,
    }
}

fn problem(refused: Refused) -> Problem {
    match refused {
        Refused::Error(error) => error.into(),
        Refused::Mismatch => mismatch(),
        Refused::Unwanted => Error::new(ErrorKind::Internal, "the store wants none of it").into(),
    }
}

/// Finishes an upload if all its bytes are there, and says how far it is.
pub(super) async fn finished(app: &App, held: Held) -> Result<Progress, Problem> {
    let mut progress = Progress::of(&held)?;
    if held.is_whole() {
        progress.become_one(complete(app, held).await?);
    }
    Ok(progress)
}

pub(super) fn unknown() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such upload").with_hint("begin it again")
}

fn busy() -> Error {
    let message = "another request works on this upload";
    Error::new(ErrorKind::Locked, message).with_hint("try it again in a moment")
}

/// The bytes are others than their checksum says.
fn mismatch() -> Problem {
    let message = "the bytes do not have the checksum that was sent with them; none was kept";
    let error = Error::new(ErrorKind::Integrity, message).with_hint("send them again");
    // A status of tus alone; the number is in range.
    let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_version_is_not_told_of_the_upload() {
        use ErrorKind::{Conflict, Internal, NotFound, QuotaExceeded, StorageFull, Unavailable};
        for kind in [Conflict, Internal, NotFound] {
            let told = passing(Error::new(kind, "the lease has ended"));
            assert_eq!(told.kind(), Unavailable, "{kind:?}");
            assert!(told.to_string().contains("the lease has ended"), "{told}");
        }
        for kind in [QuotaExceeded, StorageFull, Unavailable] {
            assert_eq!(passing(Error::new(kind, "no")).kind(), kind);
        }
    }
}
