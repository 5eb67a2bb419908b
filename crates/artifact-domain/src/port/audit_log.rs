//! The port to what is written down of who did what.

use std::fmt;

use async_trait::async_trait;

use crate::Result;
use crate::access::{AuditEntry, AuditFilter};

/// Keeps entries in the order in which they came, and lets none be changed.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync + fmt::Debug + 'static {
    /// Adds an entry.
    ///
    /// Effect: once it returns, the entry survives the death of this process. Entries of several
    /// processes stand whole beside each other.
    ///
    /// # Errors
    /// `StorageFull`, `PermissionDenied`, `Internal`: it is not kept.
    async fn append(&self, entry: AuditEntry) -> Result<()>;

    /// The last entries that a filter selects, the oldest of them first. Memory: those alone.
    ///
    /// What a crash has left half written is passed over, and so is what has been rotated away.
    ///
    /// # Errors
    /// `PermissionDenied`, `Internal`.
    async fn query(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>>;
}
