//! How long calls of the ports take, and how they fail: decorators that count. Must not know who
//! reads the numbers, nor any format of them.
#![doc = include_str!("../README.md")]

mod blobs;
mod index;
mod locks;
mod meter;
mod operation;

pub use blobs::MeteredBlobs;
pub use index::MeteredIndex;
pub use locks::MeteredLocks;
pub use meter::{Meter, Reading, SPANS, UPPER_ENDS};
pub use operation::{Operation, Port};
