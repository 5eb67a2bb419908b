#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    reason = "what this crate offers is called by tests alone, where a panic is the failure"
)]

pub mod contract;
mod fake;
mod fault;
pub mod issuer;
mod operation;
pub mod sample;
mod stream;
mod subject;
mod suite;

pub use fake::{
    ManualClock, MemoryAuditLog, MemoryAuthenticator, MemoryBlobStore, MemoryBucket,
    MemoryBucketRules, MemoryIndex, MemoryLocks,
};
pub use fault::{BlobFault, FaultyBlobStore, FaultyIndex, IndexFault, When};
pub use operation::{BlobOperation, IndexOperation};
pub use stream::{body, bytes_stream, collect};
pub use subject::Subject;
