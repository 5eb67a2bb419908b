//! How much may be stored.

use crate::{Error, ErrorKind, Result};

/// How much may be stored; no limit where none is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaPolicy {
    /// The most bytes that all blobs together may have.
    pub max_storage_bytes: Option<u64>,
    /// From how many bytes of all blobs on it is said that little room is left.
    pub warn_storage_bytes: Option<u64>,
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

    /// The reservation of `bytes` under the limit of this policy.
    pub fn reserve(&self, bytes: u64) -> Reservation {
        Reservation {
            bytes,
            limit_bytes: self.max_storage_bytes,
        }
    }
}

/// Room that an upload takes before its bytes are stored, so that uploads on their way at the same
/// time cannot pass the limit together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reservation {
    /// How many bytes.
    pub bytes: u64,
    /// What all that is stored or reserved, this included, may come to; no limit where none is
    /// given. It is asked now and not remembered.
    pub limit_bytes: Option<u64>,
}

impl Reservation {
    /// Refuses what does not fit beside the `others_bytes` that are stored or reserved already.
    /// Where there is no room at all, to reserve nothing is refused too.
    pub fn admit(&self, others_bytes: u64) -> Result<()> {
        let (bytes, Some(limit)) = (self.bytes, self.limit_bytes) else {
            return Ok(());
        };
        if others_bytes < limit && others_bytes.saturating_add(bytes) <= limit {
            return Ok(());
        }
        let more = match bytes {
            0 => String::new(),
            bytes => format!("{bytes} bytes more do not fit: "),
        };
        Err(Error::new(
            ErrorKind::QuotaExceeded,
            format!(
                "{more}the store holds {others_bytes} bytes with what is on its way, its quota is \
                 {limit}"
            ),
        )
        .with_hint("delete what is no longer needed, or raise quota.max_storage_gb"))
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
            ..QuotaPolicy::default()
        };
        assert!(policy.admit_artifact(10).is_ok());
        assert_eq!(
            policy.admit_artifact(11).unwrap_err().kind(),
            ErrorKind::TooLarge
        );
        let kind = |bytes, others| policy.reserve(bytes).admit(others).map_err(|e| e.kind());
        let full = Err(ErrorKind::QuotaExceeded);
        assert_eq!((kind(40, 60), kind(41, 60)), (Ok(()), full));
        assert_eq!((kind(0, 99), kind(0, 100)), (Ok(()), full));
        assert_eq!((kind(100, 0), kind(101, 0)), (Ok(()), full));
        assert_eq!(kind(u64::MAX, u64::MAX - 1), full);
        let unlimited = QuotaPolicy::default();
        assert!(unlimited.reserve(u64::MAX).admit(u64::MAX).is_ok());
    }
}
