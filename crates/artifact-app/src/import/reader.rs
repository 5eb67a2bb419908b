//! From an archive to artifacts on their way: a thread reads one file after another and hands them on,
//! the small ones whole. Knows no store.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use artifact_archive::{
    ArchiveError, Folded, FoundEntry, Limits, Unfolded, Visitor, read_tar, read_zip,
};
use artifact_codec::{CodecError, DecodeOptions, Decoder, Encoding};
use artifact_domain::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream;
use tokio::sync::mpsc;

use super::ArchiveSource;
use super::recorded::{Entry, Recognised, Recorded};
use crate::Body;
use crate::body::domain_error;
use crate::export::line::{Line, METADATA_PATH};

/// A file up to this size is read at once; of a larger one, this much before the rest is streamed.
pub(super) const AT_ONCE_BYTES: usize = 256 * 1024;

/// How many bytes are handed on at a time, and how many times before the thread waits.
const CHUNK_BYTES: usize = 128 * 1024;
const CHUNKS_IN_FLIGHT: usize = 4;

/// How many files may wait to be taken.
const FILES_IN_FLIGHT: usize = 4;

/// What the thread tells.
pub(super) enum Message {
    /// A file.
    File(Box<Incoming>),
    /// A file whose bytes are not given.
    Refused(String, Error),
    /// A record whose file is not there.
    Missing(Box<Line>),
    /// The archive can't be read on.
    Failed(Error),
    /// That was all. Without it the thread has died.
    End,
}

/// A file on its way.
pub(super) struct Incoming {
    pub(super) found: FoundEntry,
    /// What the archive's own metadata says of it.
    pub(super) recorded: Option<Entry>,
    /// The first bytes, all of them where there is no rest.
    pub(super) head: Bytes,
    /// What comes after them.
    pub(super) rest: Option<mpsc::Receiver<Result<Bytes>>>,
}

impl Incoming {
    /// All its bytes.
    pub(super) fn into_body(self) -> Body {
        match self.rest {
            None => Body::Bytes(self.head),
            Some(rest) => {
                let head = stream::iter([Ok(self.head)]);
                let rest = stream::unfold(Some(rest), |rest| async {
                    let mut rest = rest?;
                    match rest.recv().await {
                        Some(Ok(chunk)) if chunk.is_empty() => None,
                        Some(Ok(chunk)) => Some((Ok(chunk), Some(rest))),
                        Some(Err(error)) => Some((Err(error), None)),
                        None => {
                            let message = "the reader of the archive stopped in mid-file";
                            Some((Err(Error::new(ErrorKind::Internal, message)), None))
                        }
                    }
                });
                Body::Stream(Box::pin(futures::StreamExt::chain(head, rest)))
            }
        }
    }
}

/// Begins to read.
pub(super) fn read(
    source: ArchiveSource,
    limits: Limits,
    folder: PathBuf,
) -> mpsc::Receiver<Message> {
    let (sender, receiver) = mpsc::channel(FILES_IN_FLIGHT);
    tokio::task::spawn_blocking(move || {
        let mut feeder = Feeder {
            sender: sender.clone(),
            recorded: None,
            is_first: true,
            limits,
            folder,
        };
        let last = match feeder.feed(source) {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(error),
        };
        // Whoever reads may have gone; then nobody is left to tell.
        let _ = sender.blocking_send(last);
    });
    receiver
}

struct Feeder {
    sender: mpsc::Sender<Message>,
    recorded: Option<Recorded>,
    is_first: bool,
    limits: Limits,
    folder: PathBuf,
}

impl Feeder {
    fn feed(&mut self, source: ArchiveSource) -> Result<()> {
        let read = match source {
            ArchiveSource::File(file) => {
                let mut begin = [0; 4];
                let count = file.read_at(&mut begin, 0).map_err(archive_failed)?;
                if begin[..count].starts_with(b"PK") {
                    self.zip(file)
                } else {
                    self.tar(&begin[..count], file)
                }
            }
            ArchiveSource::Stream(mut stream) => {
                let mut begin = Vec::new();
                (&mut stream)
                    .take(4)
                    .read_to_end(&mut begin)
                    .map_err(archive_failed)?;
                if begin.starts_with(b"PK") {
                    return Err(
                        Error::invalid_input("a ZIP archive can't be read from a pipe")
                            .with_hint("its directory is at its end: name the file"),
                    );
                }
                let whole = io::Cursor::new(begin.clone()).chain(stream);
                self.tar(&begin, whole)
            }
        };
        read.map_err(failure)?;
        match self.recorded.take() {
            None => Ok(()),
            Some(recorded) => recorded.missing(|line| self.send(Message::Missing(Box::new(line)))),
        }
    }

    fn zip(&mut self, file: File) -> Result<(), ArchiveError> {
        let limits = self.limits;
        read_zip(file, limits, self)
    }

    fn tar(&mut self, begin: &[u8], input: impl Read) -> Result<(), ArchiveError> {
        let limits = self.limits;
        let folded = Folded::new(input);
        let count = folded.count();
        let encoding = if begin.starts_with(&[0x1f, 0x8b]) {
            Encoding::Gzip
        } else {
            Encoding::Identity
        };
        let options = DecodeOptions::new().without_digest();
        let plain = Decoder::with_options(folded, encoding, &options);
        read_tar(Unfolded::new(plain, count, limits), limits, self)
    }

    fn send(&self, message: Message) -> io::Result<()> {
        self.sender
            .blocking_send(message)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn file(&mut self, found: &FoundEntry, bytes: &mut dyn Read) -> io::Result<()> {
        let mut recorded = None;
        if let Some(known) = &mut self.recorded {
            recorded = known.take(&found.path).map_err(io::Error::other)?;
            if recorded.is_none() {
                let why = "the metadata of the archive does not name it";
                return self.send(refused(&found.path, why));
            }
        }
        let mut head = Vec::new();
        let read = (&mut *bytes)
            .take(AT_ONCE_BYTES as u64)
            .read_to_end(&mut head);
        if let Err(error) = read {
            return self.failed(found, error);
        }
        let is_whole = head.len() < AT_ONCE_BYTES;
        let (chunks, rest) = mpsc::channel(CHUNKS_IN_FLIGHT);
        self.send(Message::File(Box::new(Incoming {
            found: found.clone(),
            recorded,
            head: head.into(),
            rest: (!is_whole).then_some(rest),
        })))?;
        if !is_whole {
            stream_rest(bytes, &chunks)?;
        }
        Ok(())
    }

    /// Tells of a file whose bytes can't be read, and goes on if the others may.
    fn failed(&self, found: &FoundEntry, error: io::Error) -> io::Result<()> {
        if ends_all(&error) {
            return Err(error);
        }
        let error = archive_failed(error).context(&found.path);
        self.send(Message::Refused(found.path.clone(), error))
    }
}

impl Visitor for Feeder {
    fn visit(&mut self, entry: &FoundEntry, bytes: &mut dyn Read) -> io::Result<()> {
        let is_first = std::mem::take(&mut self.is_first);
        if let Some(why) = entry.refused {
            return self.send(refused(&entry.path, why));
        }
        if !is_first || entry.path != METADATA_PATH {
            return self.file(entry, bytes);
        }
        let max_lines = self.limits.max_entries;
        match Recorded::read(bytes, &self.folder, max_lines).map_err(io::Error::other)? {
            Recognised::Metadata(recorded) => {
                self.recorded = Some(recorded);
                Ok(())
            }
            Recognised::Other(mut bytes) => self.file(entry, &mut bytes),
        }
    }
}

fn refused(path: &str, why: &str) -> Message {
    let error = Error::invalid_input(format!("{path} is refused: {why}"));
    Message::Refused(path.to_owned(), error)
}

/// Hands on what follows the first bytes. An empty chunk is the end; without one, it was cut off.
fn stream_rest(bytes: &mut dyn Read, chunks: &mpsc::Sender<Result<Bytes>>) -> io::Result<()> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut *bytes)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk);
        let is_end = chunk.is_empty();
        match read {
            Ok(_) => {
                // Whoever does not want them any more has said why.
                if chunks.blocking_send(Ok(chunk.into())).is_err() || is_end {
                    return Ok(());
                }
            }
            Err(error) if ends_all(&error) => {
                let why = format!("nothing more is read: {error}");
                let _ = chunks.blocking_send(Err(Error::new(kind_of(&error), why)));
                return Err(error);
            }
            Err(error) => {
                let _ = chunks.blocking_send(Err(archive_failed(error)));
                return Ok(());
            }
        }
    }
}

/// Whether nothing more can be read of the archive.
fn ends_all(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<ArchiveError>)
}

/// Of an error that ends all.
fn kind_of(error: &io::Error) -> ErrorKind {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(ArchiveError::OverLimit(_)) => ErrorKind::TooLarge,
        _ => ErrorKind::Integrity,
    }
}

fn failure(error: ArchiveError) -> Error {
    match error {
        ArchiveError::OverLimit(why) => Error::new(ErrorKind::TooLarge, why).with_hint(
            "raise --max-bytes, --max-entries or --max-ratio if it comes from somebody you trust",
        ),
        ArchiveError::NoArchive => Error::new(
            ErrorKind::Integrity,
            "it is no archive that can be read here",
        )
        .with_hint("ZIP, tar and tar.gz can, as long as they begin undamaged"),
        ArchiveError::Malformed(why) => Error::new(ErrorKind::Integrity, why),
        ArchiveError::Io(error) => archive_failed(error),
        _ => Error::new(ErrorKind::Internal, "the archive can't be read"),
    }
}

/// What an error of reading an archive means.
pub(super) fn archive_failed(error: io::Error) -> Error {
    let damaged = |why: String| {
        Error::new(
            ErrorKind::Integrity,
            format!("the archive is damaged: {why}"),
        )
    };
    match CodecError::from_io(error) {
        CodecError::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            damaged(error.to_string())
        }
        CodecError::Io(error) if ends_all(&error) => failure(ArchiveError::from_io(error)),
        CodecError::Io(error) => domain_error(error, "reading the archive"),
        CodecError::Stopped => damaged("nothing of it can be read any more".to_owned()),
        codec => damaged(codec.to_string()),
    }
}
