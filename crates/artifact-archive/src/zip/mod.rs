//! The ZIP format, as PKWARE's APPNOTE.TXT 6.3.10 describes it; the sections named here are its. It
//! must not know how bytes are compressed.

mod headers;
mod reader;
mod time;
mod writer;

pub use reader::read_zip;
pub use writer::{ZipData, ZipWriter};
