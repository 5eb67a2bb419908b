//! Gathers the adapter: one public type, `FileLocks`. Names no other adapter and no use case.
//!
#![doc = include_str!("../README.md")]

#[cfg(not(unix))]
compile_error!("file locks tell lock files apart by their inode, so they need a Unix system");

mod backoff;
mod error;
mod file_name;
mod holder_note;
mod line;
mod lock_dir;
mod locks;
mod spare;

pub use locks::FileLocks;
