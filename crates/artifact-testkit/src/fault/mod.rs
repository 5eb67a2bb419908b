//! Decorators that make a port fail where a test wants it to. Without faults they change nothing.

mod blob_store;
mod cut;
mod index;
mod plan;

pub use blob_store::{BlobFault, FaultyBlobStore};
pub use index::{FaultyIndex, IndexFault};
pub use plan::When;
