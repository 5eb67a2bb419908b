//! The public face of the codec. It must not know artifacts, stores, async runtimes or threads of
//! its callers: `std::io` in, `std::io` out.
#![doc = include_str!("../README.md")]

mod copy;
mod decoder;
mod deflate;
mod digest;
mod encoder;
mod encoding;
mod error;
mod member_format;
mod member_reader;
mod member_writer;
mod options;
mod source;

pub use copy::{decode, encode};
pub use decoder::{Decoded, Decoder};
pub use digest::{Digest, Hasher};
pub use encoder::{Encoded, Encoder};
pub use encoding::Encoding;
pub use error::CodecError;
pub use options::{DecodeOptions, EncodeOptions, Level};
