//! The fixed parts of a gzip member, RFC 1952 section 2.3. It must not know how the deflate stream
//! between them is made.

use crate::Level;
use crate::deflate::END_OF_STREAM;

pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The one compression method in use.
pub(crate) const DEFLATE: u8 = 8;

// Flags of the header, section 2.3.1. FTEXT, bit 0, is a remark without effect.
pub(crate) const FHCRC: u8 = 1 << 1;
pub(crate) const FEXTRA: u8 = 1 << 2;
pub(crate) const FNAME: u8 = 1 << 3;
pub(crate) const FCOMMENT: u8 = 1 << 4;
pub(crate) const RESERVED: u8 = 0b1110_0000;

/// Length of a header without optional fields.
pub(crate) const HEADER_LEN: usize = 10;
pub(crate) const TRAILER_LEN: usize = 8;
/// What follows the last block of a member of several blocks.
pub(crate) const LONG_TAIL_LEN: usize = END_OF_STREAM.len() + TRAILER_LEN;

/// The header: no name, no time and no operating system, so that equal input gives equal output
/// everywhere.
pub(crate) fn header(level: Level) -> [u8; HEADER_LEN] {
    let extra_flags = match level.get() {
        9 => 2, // slowest, smallest
        1 => 4, // fastest
        _ => 0,
    };
    let unknown_os = 255;
    [
        MAGIC[0],
        MAGIC[1],
        DEFLATE,
        0,
        0,
        0,
        0,
        0,
        extra_flags,
        unknown_os,
    ]
}

/// The trailer: CRC-32, then the length modulo 2³², both little-endian.
pub(crate) fn trailer(crc: u32, size_bytes: u64) -> [u8; TRAILER_LEN] {
    let mut trailer = [0; TRAILER_LEN];
    trailer[..4].copy_from_slice(&crc.to_le_bytes());
    trailer[4..].copy_from_slice(&size_bytes.to_le_bytes()[..4]);
    trailer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_stored_modulo_4_gib() {
        let trailer = trailer(0, (1 << 32) + 7);
        assert_eq!(trailer[4..], [7, 0, 0, 0]);
    }

    #[test]
    fn the_header_says_deflate_and_nothing_of_time_or_place() {
        for (level, extra_flags) in [(1, 4), (6, 0), (9, 2)] {
            let header = header(Level::new(level).unwrap());
            assert_eq!(header, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra_flags, 255]);
        }
    }
}
