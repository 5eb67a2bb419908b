//! The public face of the codec. It must not know artifacts, stores or async runtimes: `std::io` in,
//! `std::io` out.
#![doc = include_str!("../README.md")]

mod block_check;
mod block_sizes;
mod budget;
mod buffers;
mod copy;
mod crc;
mod decoder;
mod deflate;
mod digest;
mod digest_thread;
mod encoded;
mod encoding;
mod engines;
mod error;
mod member;
mod member_format;
mod member_reader;
mod options;
mod part;
mod prepared;
mod rebuild;
mod seek_table;
mod source;
mod whole;
mod window;
mod workers;

pub use block_check::BlockCheck;
pub use block_sizes::BlockSizes;
pub use copy::{decode, encode};
pub use decoder::{Decoded, Decoder};
pub use digest::{Digest, Hasher};
pub use encoded::Encoded;
pub use encoding::Encoding;
pub use error::CodecError;
pub use member::Member;
pub use options::{DecodeOptions, EncodeOptions, Incompressible, Level};
pub use part::Part;
pub use prepared::{Prepared, prepare};
pub use seek_table::SeekTable;
pub use workers::Workers;
