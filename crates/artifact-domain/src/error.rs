//! The one error of the store: a kind for machines, a message and a hint for people, a source for
//! debugging. No driver's error type appears here; adapters map theirs onto a kind.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything the store does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a machine sees it.
///
/// The set is frozen: exit codes of the command line and HTTP statuses are mapped from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No artifact, version or blob goes by that name.
    NotFound,
    /// It was there and its retention has ended.
    Expired,
    /// Something goes by that name already.
    AlreadyExists,
    /// Another writer changed it first, or its state forbids the change.
    Conflict,
    /// The caller's input breaks a rule; the same call will fail again.
    InvalidInput,
    /// The artifact exceeds the configured maximum size.
    TooLarge,
    /// The device or bucket has no room left.
    StorageFull,
    /// The store's own quota has no room left.
    QuotaExceeded,
    /// Stored bytes or records are not what was written.
    Integrity,
    /// The credentials are known and do not allow this.
    PermissionDenied,
    /// No credentials, or none that are accepted.
    Unauthenticated,
    /// A lock was not free within the timeout.
    Locked,
    /// A hold forbids the change until it is released.
    Held,
    /// This backend cannot do that at all.
    Unsupported,
    /// A passing fault: the same call may succeed later.
    Unavailable,
    /// A fault of the store itself.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 16] = [
        Self::NotFound,
        Self::Expired,
        Self::AlreadyExists,
        Self::Conflict,
        Self::InvalidInput,
        Self::TooLarge,
        Self::StorageFull,
        Self::QuotaExceeded,
        Self::Integrity,
        Self::PermissionDenied,
        Self::Unauthenticated,
        Self::Locked,
        Self::Held,
        Self::Unsupported,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The stable name of the kind, in kebab case, for JSON and for URLs of problem types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Expired => "expired",
            Self::AlreadyExists => "already-exists",
            Self::Conflict => "conflict",
            Self::InvalidInput => "invalid-input",
            Self::TooLarge => "too-large",
            Self::StorageFull => "storage-full",
            Self::QuotaExceeded => "quota-exceeded",
            Self::Integrity => "integrity",
            Self::PermissionDenied => "permission-denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Locked => "locked",
            Self::Held => "held",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What failed, on which thing, and what to do about it.
///
/// The message is lowercase, without a final period, and names the thing that failed. The hint,
/// where there is one, is a sentence that tells a person what to do. Neither carries a secret.
///
/// ```
/// use artifact_domain::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::NotFound, "no artifact at artifact://demo/1/log/build.log")
///     .with_hint("`artifact search --spec demo` lists what is there");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.to_string(), "no artifact at artifact://demo/1/log/build.log");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    is_lasting: bool,
    source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            is_lasting: false,
            source: None,
        }))
    }

    /// Shorthand for the kind that parsers give.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says that nobody above is to make the call again, whatever the kind: it fails until a person
    /// has done something, or was made again already as often as it should be.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.0.is_lasting = true;
        self
    }

    /// Adds the cause, for whoever debugs.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync + 'static>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts what was being done before the message: `"{context}: {message}"`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// What went wrong, as a machine sees it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed, without the cause.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What a person can do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same call may succeed when it is made again at once. Not so one that is
    /// [lasting](Self::lasting), though the kind is the same.
    pub fn is_transient(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable && !self.0.is_lasting
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("hint", &self.0.hint)
            .field("is_lasting", &self.0.is_lasting)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_its_own_name() {
        let names: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn context_comes_before_the_message_and_keeps_the_rest() {
        let error = Error::new(ErrorKind::StorageFull, "no space left")
            .with_hint("free some")
            .context("upload a.txt");
        assert_eq!(error.to_string(), "upload a.txt: no space left");
        assert_eq!(
            (error.kind(), error.hint()),
            (ErrorKind::StorageFull, Some("free some"))
        );
    }

    #[test]
    fn what_waits_for_a_person_is_not_worth_another_try() {
        let error = Error::new(ErrorKind::Unavailable, "the disk is away");
        assert!(error.is_transient());
        let error = error.lasting().with_hint("mount it").context("get");
        assert!(!error.is_transient());
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn the_source_is_kept_for_debugging() {
        let error = Error::new(ErrorKind::Internal, "index").with_source("disk I/O error");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("disk I/O error")
        );
        assert!(!error.is_transient());
    }
}
