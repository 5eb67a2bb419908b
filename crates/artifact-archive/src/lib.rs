//! The public face of the archive formats. It must not know artifacts, stores or async runtimes:
//! `std::io` in, `std::io` out.
#![doc = include_str!("../README.md")]

mod entry;
mod tar_writer;
mod zip;

pub use entry::EntryInfo;
pub use tar_writer::TarWriter;
pub use zip::{ZipData, ZipWriter};
