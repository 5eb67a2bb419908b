//! The one error of the codec, and its way through `std::io`. It must not know which stream or
//! artifact it was met in: the caller adds that.

use std::io;

/// What can go wrong while encoding or decoding.
///
/// [`Read`](io::Read) and [`Write`](io::Write) can only give an [`io::Error`]; there this error is
/// the inner one, and [`CodecError::from_io`] takes it out again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The reader or the writer beneath failed. The data may be sound.
    #[error(transparent)]
    Io(io::Error),
    /// The gzip data ends too early; what was read up to here is not the whole.
    #[error("gzip data is truncated: it ends before its trailer")]
    Truncated,
    /// The data is not gzip, or is not what the encoder wrote.
    #[error("gzip data is corrupt: {0}")]
    Corrupt(&'static str),
    /// A compression level outside of 1 to 9.
    #[error("compression level {0} is out of range: take 1 (fastest) to 9 (smallest)")]
    InvalidLevel(u32),
    /// A decoder was finished while there were still bytes to read from it, so it knows neither
    /// their digest nor whether they are sound.
    #[error("decoder was finished before its output was read to the end")]
    Unread,
    /// An encoder or decoder was used again after it had given an error.
    #[error("codec stopped at an earlier error and cannot go on")]
    Stopped,
}

impl CodecError {
    /// Takes the codec's own error out of an [`io::Error`], however it came there; any other
    /// becomes [`CodecError::Io`].
    pub fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(foreign) => Self::Io(foreign),
        }
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::from_io(error)
    }
}

impl From<CodecError> for io::Error {
    fn from(error: CodecError) -> Self {
        let kind = match error {
            CodecError::Io(error) => return error,
            CodecError::Truncated => io::ErrorKind::UnexpectedEof,
            CodecError::Corrupt(_) => io::ErrorKind::InvalidData,
            CodecError::InvalidLevel(_) => io::ErrorKind::InvalidInput,
            CodecError::Unread | CodecError::Stopped => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_errors_survive_the_way_through_io() {
        let cases = [
            (CodecError::Truncated, io::ErrorKind::UnexpectedEof),
            (CodecError::Corrupt("why"), io::ErrorKind::InvalidData),
            (CodecError::InvalidLevel(10), io::ErrorKind::InvalidInput),
            (CodecError::Unread, io::ErrorKind::Other),
            (CodecError::Stopped, io::ErrorKind::Other),
        ];
        for (error, kind) in cases {
            let shown = format!("{error:?}");
            let wrapped = io::Error::from(error);
            assert_eq!(wrapped.kind(), kind, "{shown}");
            assert_eq!(format!("{:?}", CodecError::from_io(wrapped)), shown);
        }
    }

    #[test]
    fn foreign_errors_stay_what_they_are() {
        let there = CodecError::from_io(io::ErrorKind::StorageFull.into());
        assert!(matches!(&there, CodecError::Io(e) if e.kind() == io::ErrorKind::StorageFull));
        let back = io::Error::from(there);
        assert_eq!(back.kind(), io::ErrorKind::StorageFull);
    }
}
