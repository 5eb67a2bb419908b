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
    /// The stored data ends too early; what was read up to here is not the whole.
    #[error("the stored data is truncated: it ends too early")]
    Truncated,
    /// The stored data is not gzip, or is not what the encoder wrote.
    #[error("the stored data is corrupt: {0}")]
    Corrupt(&'static str),
    /// A compression level outside of 1 to 9.
    #[error("compression level {0} is out of range: take 1 (fastest) to 9 (smallest)")]
    InvalidLevel(u32),
    /// A block size that is not one.
    #[error(
        "block size {0} is not possible: take powers of two from 1 KiB to 1 MiB, the small one first"
    )]
    InvalidBlockSize(usize),
    /// A range that does not lie in the stream.
    #[error("range {start}-{end} does not lie in the {size_bytes} bytes of the stream")]
    InvalidRange {
        /// Its first byte.
        start: u64,
        /// The byte after its last one.
        end: u64,
        /// The length of the stream.
        size_bytes: u64,
    },
    /// The bytes are no seek table that can be read here. The stream itself may be sound.
    #[error("the seek table cannot be used: {0}")]
    SeekTable(&'static str),
    /// No seek table can be made for this stream: it was not written with one, or is damaged.
    #[error("the stored data has no blocks that can be told apart")]
    NotSeekable,
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
            CodecError::Corrupt(_) | CodecError::SeekTable(_) | CodecError::NotSeekable => {
                io::ErrorKind::InvalidData
            }
            CodecError::InvalidLevel(_)
            | CodecError::InvalidBlockSize(_)
            | CodecError::InvalidRange { .. } => io::ErrorKind::InvalidInput,
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
            (CodecError::InvalidBlockSize(3), io::ErrorKind::InvalidInput),
            (
                CodecError::InvalidRange {
                    start: 1,
                    end: 3,
                    size_bytes: 2,
                },
                io::ErrorKind::InvalidInput,
            ),
            (CodecError::SeekTable("why"), io::ErrorKind::InvalidData),
            (CodecError::NotSeekable, io::ErrorKind::InvalidData),
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
