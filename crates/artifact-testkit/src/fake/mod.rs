//! Fakes of every port, in memory. They keep the whole contract, and say so where production
//! would let a mistake of its caller pass.

mod audit;
mod authenticator;
mod blob_store;
mod bucket_rules;
mod calls;
mod clock;
mod index;
mod index_state;
mod locks;
mod temporary;

pub use audit::MemoryAuditLog;
pub use authenticator::MemoryAuthenticator;
pub use blob_store::MemoryBlobStore;
pub use bucket_rules::{MemoryBucket, MemoryBucketRules};
pub use clock::ManualClock;
pub use index::MemoryIndex;
pub use locks::MemoryLocks;

use artifact_domain::{Error, ErrorKind};

/// The error of whoever uses a strict fake as no caller should.
fn misuse(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, format!("misuse of a port: {what}"))
        .with_hint("the caller is wrong; production would let it pass")
}
