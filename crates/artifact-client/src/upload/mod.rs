//! Content on its way to the server: what is small in one request, the rest in parts that can be sent
//! once more. Knows not where it comes from.

mod piece;
mod tus;

use std::fmt;
use std::io::{self, Read};

use artifact_api::{ARTIFACT_WARNING, Artifact, SecretWarning};
use artifact_domain::{Coordinate, Digest, Error, ErrorKind, Metadata, MimeType, Result, Tags};
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use sha2::Digest as _;

use crate::address;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::faults::{Fault, Reached};
pub use piece::Rewind;

/// What is sent in one request, and the length of the parts of what is more and can be read once only.
/// Two of them are in memory for each upload.
const PART_BYTES: usize = 8 << 20;

/// What is hashed on the spot.
const AT_ONCE_BYTES: usize = 256 << 10;

/// How long the target of a request may be. Proxies take less than servers.
const MOST_TARGET_BYTES: usize = 6 << 10;

/// What is to be stored, beside its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Where it will stand.
    pub coordinate: Coordinate,
    /// The media type; guessed from its name where it is not said.
    pub mime_type: Option<MimeType>,
    /// Its tags.
    pub tags: Tags,
    /// Its free metadata.
    pub metadata: Metadata,
    /// For how many days to keep it; by the rules of the store where that is not said.
    pub retention_days: Option<u32>,
    /// Whether the store may compress it.
    pub compress: bool,
    /// How many bytes will come, if known.
    pub size_bytes: Option<u64>,
}

impl Upload {
    /// An upload of which nothing else is said.
    pub fn new(coordinate: Coordinate) -> Self {
        Self {
            coordinate,
            mime_type: None,
            tags: Tags::default(),
            metadata: Metadata::default(),
            retention_days: None,
            compress: true,
            size_bytes: None,
        }
    }

    /// All that is said of it but where it stands.
    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
        for (key, value) in self.tags.iter() {
            add("tag", format!("{key}={value}"));
        }
        for (key, value) in self.metadata.to_map() {
            add("meta", format!("{key}={value}"));
        }
        if let Some(days) = self.retention_days {
            add("retention_days", days.to_string());
        }
        if !self.compress {
            add("compress", "false".to_owned());
        }
        if let Some(mime_type) = &self.mime_type {
            add("mime_type", mime_type.to_string());
        }
        pairs
    }
}

/// What an upload has become.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The version.
    pub artifact: Artifact,
    /// What in it looks like secrets, where the server looks for them.
    pub warnings: Vec<SecretWarning>,
}

impl From<Artifact> for Stored {
    /// One of which nothing is said.
    fn from(artifact: Artifact) -> Self {
        Self {
            artifact,
            warnings: Vec::new(),
        }
    }
}

/// What an answer warns of.
fn warnings(headers: &HeaderMap) -> Vec<SecretWarning> {
    let said = headers.get(ARTIFACT_WARNING);
    let said = said.and_then(|said| said.to_str().ok());
    said.map(SecretWarning::read).unwrap_or_default()
}

/// The bytes of an upload.
pub enum Source {
    /// All of them, in memory.
    Bytes(Bytes),
    /// A file of so many bytes. It is read on the blocking pool, and again from where the server has come
    /// if the connection breaks.
    File(Box<dyn Rewind>, u64),
    /// A blocking reader. It is read on the blocking pool, once.
    Reader(Box<dyn Read + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Source::Bytes",
            Self::File(..) => "Source::File",
            Self::Reader(_) => "Source::Reader",
        })
    }
}

impl Client {
    /// Stores an artifact.
    ///
    /// # Errors
    /// Those of the server and of the reader: a domain error in an [`io::Error`] comes out as it is.
    /// `Conflict` for a file that has become shorter than was said; `Integrity` where other bytes arrived than
    /// were sent.
    pub async fn upload(&self, upload: &Upload, source: Source) -> Result<Stored> {
        let what = upload.coordinate.name().to_string();
        let reader: Reading = match source {
            Source::Bytes(bytes) => Box::new(io::Cursor::new(bytes)),
            Source::Reader(reader) => reader,
            Source::File(file, size_bytes) if size_bytes > PART_BYTES as u64 => {
                let file = piece::File::new(file, size_bytes, &what);
                return tus::upload_file(self, upload, file).await;
            }
            Source::File(file, _) => Box::new(file),
        };
        let mut parts = Parts::new(reader, what);
        let first = parts.next().await?;
        if parts.is_over {
            return self.put(upload, first).await;
        }
        tus::upload_parts(self, upload, first, parts).await
    }

    /// Stores what is small.
    async fn put(&self, upload: &Upload, bytes: Bytes) -> Result<Stored> {
        let target = address::coordinate(&upload.coordinate)
            .map(|path| format!("{path}{}", address::query(&upload.pairs())))
            .filter(|target| target.len() <= MOST_TARGET_BYTES);
        let Some(target) = target else {
            return tus::upload_parts(self, upload, bytes, Parts::over()).await;
        };
        let (bytes, digest) = digested(bytes).await?;
        let mut backoff = Backoff::default();
        let mut may_be_stored = false;
        // Chosen here, so that a request that broke can be made once more: the server knows it by its id
        // and its digest, stores nothing twice and answers as it would have.
        let mut id = self.new_id()?;
        loop {
            let request = self
                .connection
                .request(Method::PUT, &target)
                .header("x-artifact-id", id.to_string())
                .header("x-checksum-sha256", digest.to_string())
                .body(bytes.clone());
            let fault = match self.connection.send_once(request).await {
                Ok(response) => {
                    let warnings = warnings(response.headers());
                    match self.connection.read(response).await {
                        Err(error) if error.is_transient() => Fault {
                            error,
                            reached: Reached::Maybe,
                            passes: true,
                            wait: None,
                        },
                        read => {
                            let artifact = read?;
                            return Ok(Stored { artifact, warnings });
                        }
                    }
                }
                Err(fault) => fault,
            };
            if may_be_stored && fault.error.kind() == ErrorKind::AlreadyExists {
                // It is the id of a try that has ended in the middle.
                id = self.new_id()?;
                may_be_stored = false;
                continue;
            }
            if !(fault.passes && backoff.pause(fault.wait).await) {
                return Err(fault.error);
            }
            may_be_stored |= fault.reached == Reached::Maybe;
        }
    }
}

/// The digest of bytes, which is no work for a thread that others wait for.
async fn digested(bytes: Bytes) -> Result<(Bytes, Digest)> {
    let digest = |bytes: Bytes| {
        let digest = Digest::new(sha2::Sha256::digest(&bytes).into());
        (bytes, digest)
    };
    if bytes.len() <= AT_ONCE_BYTES {
        return Ok(digest(bytes));
    }
    let done = tokio::task::spawn_blocking(move || digest(bytes)).await;
    done.map_err(|fault| {
        Error::new(ErrorKind::Internal, "the thread that hashes stopped").with_source(fault)
    })
}

/// The bytes of a source, part by part; the next one is read while one is sent.
struct Parts {
    /// Their name in errors.
    what: String,
    reader: Option<Reading>,
    is_over: bool,
    next: Option<tokio::task::JoinHandle<(Result<Bytes>, Reading)>>,
}

type Reading = Box<dyn Read + Send>;

impl Parts {
    fn new(reader: Reading, what: String) -> Self {
        Self {
            what,
            reader: Some(reader),
            is_over: false,
            next: None,
        }
    }

    fn over() -> Self {
        Self {
            what: String::new(),
            reader: None,
            is_over: true,
            next: None,
        }
    }

    /// The next part, which is empty only where there is none.
    async fn next(&mut self) -> Result<Bytes> {
        self.ahead();
        let Some(next) = self.next.take() else {
            return Ok(Bytes::new());
        };
        let (bytes, reader) = next.await.map_err(|fault| {
            Error::new(ErrorKind::Internal, "the thread that reads stopped").with_source(fault)
        })?;
        let bytes = bytes?;
        if bytes.len() < PART_BYTES {
            self.is_over = true;
        } else {
            self.reader = Some(reader);
        }
        Ok(bytes)
    }

    /// Begins to read.
    fn ahead(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            let what = self.what.clone();
            let read = move || (read_part(&mut reader, &what), reader);
            self.next = Some(tokio::task::spawn_blocking(read));
        }
    }
}

fn read_part(reader: &mut Reading, what: &str) -> Result<Bytes> {
    let mut part = Vec::new();
    let mut limited = reader.take(PART_BYTES as u64);
    match limited.read_to_end(&mut part) {
        Ok(_) => Ok(part.into()),
        Err(error) => Err(unreadable(what, error)),
    }
}

/// Why something can't be read, as the domain's error.
fn unreadable(what: &str, error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::IsADirectory => ErrorKind::InvalidInput,
        io::ErrorKind::TimedOut
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    let message = format!("{what} can't be read to its end: {error}");
    Error::new(kind, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_come_to_what_was_read() {
        for length in [0, 1, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 5] {
            let all: Vec<_> = (0..length)
                .map(|at| u8::try_from(at % 251).unwrap())
                .collect();
            let mut parts = Parts::new(Box::new(io::Cursor::new(all.clone())), "x".to_owned());
            let mut read = parts.next().await.unwrap().to_vec();
            assert_eq!(parts.is_over, length < PART_BYTES, "{length}");
            while !parts.is_over {
                read.extend_from_slice(&parts.next().await.unwrap());
            }
            assert!(read == all, "{length}");
        }
    }

    #[tokio::test]
    async fn an_error_of_ours_comes_out_as_it_is() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other(Error::new(ErrorKind::Conflict, "stopped")))
            }
        }
        let error = Parts::new(Box::new(Failing), "x".to_owned()).next().await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
    }
}
