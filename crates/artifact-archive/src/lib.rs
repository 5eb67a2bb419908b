//! The public face of the archive formats. It must not know artifacts, stores or async runtimes:
//! `std::io` in, `std::io` out.
#![doc = include_str!("../README.md")]

mod entry;
mod error;
mod found;
mod limits;
mod tar_reader;
mod tar_writer;
mod zip;

pub use entry::EntryInfo;
pub use error::ArchiveError;
pub use found::{FoundEntry, Visitor};
pub use limits::{Folded, Limits, Unfolded};
pub use tar_reader::read_tar;
pub use tar_writer::TarWriter;
pub use zip::{ZipData, ZipWriter, read_zip};
