//! How much may be stored.

use crate::{Error, ErrorKind, Result};

/// How much may be stored; no limit where none is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaPolicy {
    /// The most bytes that all blobs together may have.
    pub max_storage_bytes: Option<u64>,
    /// The most original bytes that one artifact may have.
    pub max_artifact_bytes: Option<u64>,
}

impl QuotaPolicy {
    /// Refuses an artifact of `size_bytes` original bytes that is larger than one may be.
    pub fn admit_artifact(&self, size_bytes: u64) -> Result<()> {
        match self.max_artifact_bytes {
            Some(limit) if size_bytes > limit => Err(Error::new(
                ErrorKind::TooLarge,
                format!("{size_bytes} bytes or more, an artifact may have {limit}"),
            )
            .with_hint("split it, or raise quota.max_artifact_size")),
            _ => Ok(()),
        }
    }

    /// Refuses any upload once `stored_bytes` has reached the limit.
    pub fn admit_upload(&self, stored_bytes: u64) -> Result<()> {
        match self.max_storage_bytes {
            Some(limit) if stored_bytes >= limit => Err(Error::new(
                ErrorKind::QuotaExceeded,
                format!("the store holds {stored_bytes} bytes, its quota is {limit}"),
            )
            .with_hint("delete what is no longer needed, or raise quota.max_storage_gb")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive_for_artifacts_and_full_is_full() {
        let policy = QuotaPolicy {
            max_storage_bytes: Some(100),
            max_artifact_bytes: Some(10),
        };
        assert!(policy.admit_artifact(10).is_ok());
        assert_eq!(
            policy.admit_artifact(11).unwrap_err().kind(),
            ErrorKind::TooLarge
        );
        assert!(policy.admit_upload(99).is_ok());
        assert_eq!(
            policy.admit_upload(100).unwrap_err().kind(),
            ErrorKind::QuotaExceeded
        );
        assert!(QuotaPolicy::default().admit_upload(u64::MAX).is_ok());
    }
}
