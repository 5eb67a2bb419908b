//! The bytes of an upload, from wherever they come. Turns every source into a blocking reader,
//! since that is what the codec wants.

use std::fmt;
use std::io::{self, Read};

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind};
use bytes::{Buf, Bytes};

use crate::pipe::PipeWriter;

/// The bytes of an upload.
pub enum Body {
    /// All of them, in memory.
    Bytes(Bytes),
    /// A blocking reader: a file, standard input. It is read on the blocking pool. An error that
    /// it gives ends the upload; a domain [`Error`] inside an [`io::Error`] comes out as it is.
    Reader(Box<dyn Read + Send>),
    /// A stream.
    Stream(ByteStream),
}

impl Body {
    /// The bytes of a reader.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self::Reader(Box::new(reader))
    }

    /// How many bytes there are, where that is known without reading them.
    pub fn size_bytes(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Reader(_) | Self::Stream(_) => None,
        }
    }

    /// A reader for a thread of the blocking pool, whose output goes to `output`.
    pub(crate) fn into_reader(self, output: &PipeWriter) -> Box<dyn Read + Send> {
        match self {
            Self::Bytes(bytes) => Box::new(bytes.reader()),
            Self::Reader(reader) => reader,
            Self::Stream(stream) => Box::new(output.reader(stream)),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Body::Bytes",
            Self::Reader(_) => "Body::Reader",
            Self::Stream(_) => "Body::Stream",
        })
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<ByteStream> for Body {
    fn from(stream: ByteStream) -> Self {
        Self::Stream(stream)
    }
}

/// What a reader's error means to the store: a domain error that travelled in it, or by its kind.
pub(crate) fn domain_error(error: io::Error, what: &str) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        io::ErrorKind::TimedOut
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_error_survives_its_way_through_a_reader() {
        let inner = Error::new(ErrorKind::TooLarge, "too much").with_hint("split it");
        let error = domain_error(io::Error::other(inner), "reading");
        assert_eq!(
            (error.kind(), error.hint()),
            (ErrorKind::TooLarge, Some("split it"))
        );
    }

    #[test]
    fn other_errors_are_told_apart() {
        let kind = |kind: io::ErrorKind| domain_error(kind.into(), "reading a.txt").kind();
        assert_eq!(
            kind(io::ErrorKind::PermissionDenied),
            ErrorKind::PermissionDenied
        );
        assert_eq!(kind(io::ErrorKind::IsADirectory), ErrorKind::InvalidInput);
        assert_eq!(kind(io::ErrorKind::Other), ErrorKind::Internal);
    }
}
