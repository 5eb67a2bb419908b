#![doc = include_str!("../README.md")]
// Without a backend there is no store.
#![cfg(any(feature = "fs", feature = "memory", feature = "remote"))]

mod error;
#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "memory")]
mod memory;
#[cfg(any(feature = "memory", feature = "remote"))]
mod operator;
#[cfg(feature = "remote")]
mod remote;
mod store;

#[cfg(feature = "fs")]
pub use fs::{Durability, FsOptions, examine_folder};
#[cfg(feature = "remote")]
pub use remote::StorageClasses;
#[cfg(feature = "s3")]
pub use remote::{AccessKeys, S3BucketRules, S3Doctor, S3Options};
#[cfg(feature = "gcs")]
pub use remote::{GcsBucketRules, GcsDoctor, GcsOptions};
pub use store::OpendalStore;
