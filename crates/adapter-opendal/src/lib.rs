#![doc = include_str!("../README.md")]
// Without a backend there is no store.
#![cfg(any(feature = "fs", feature = "memory"))]

mod error;
#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "memory")]
mod operator;
mod store;

#[cfg(feature = "fs")]
pub use fs::{Durability, FsOptions};
pub use store::OpendalStore;
