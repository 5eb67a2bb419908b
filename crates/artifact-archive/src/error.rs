//! Why an archive is not read on. It must not know what it is read for.

use std::io;

/// Why an archive is not read, or not read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is damaged, cut off, or made so that readers disagree on it.
    #[error("{0}")]
    Malformed(String),
    /// It does not begin as an archive does.
    #[error("it is no archive")]
    NoArchive,
    /// It has more than the [`Limits`](crate::Limits) allow.
    #[error("{0}")]
    OverLimit(String),
    /// From what it is read from, or from the visitor.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ArchiveError {
    pub(crate) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }

    /// Finds the error of an archive again that travelled inside an [`io::Error`].
    pub fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::malformed("the archive ends too early")
            }
            Err(error) => Self::Io(error),
        }
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        Self::other(error)
    }
}
