//! CRC-32 (RFC 1952 section 8), of bytes and of two stretches of bytes joined. The only file that
//! names the crate that computes it.

use crc32fast::Hasher;

/// The CRC-32 of all bytes.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The CRC-32 of a stream that arrives in pieces, as bytes or as the sums of pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crc(Hasher);

impl Crc {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Appends a piece of `len` bytes of which only the sum is known.
    pub(crate) fn append(&mut self, crc: u32, len: u64) {
        self.0.combine(&Hasher::new_with_initial_len(crc, len));
    }

    pub(crate) fn sum(&self) -> u32 {
        self.0.clone().finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn sums_of_pieces_join_to_the_sum_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u64).map(|n| (n * n).to_be_bytes()[6]).collect();
        for cut in [0, 1, 4_096, 99_999, 100_000] {
            let (head, tail) = bytes.split_at(cut);
            let mut joined = Crc::new();
            joined.append(crc32(head), head.len() as u64);
            joined.append(crc32(tail), tail.len() as u64);
            assert_eq!(joined.sum(), crc32(&bytes), "{cut}");
        }
    }

    /// The sum of 2^`power` zero bytes.
    fn zeros(power: u32) -> u32 {
        (0..power).fold(crc32(&[0]), |sum, power| {
            let mut twice = Crc::new();
            twice.append(sum, 1 << power);
            twice.append(sum, 1 << power);
            twice.sum()
        })
    }

    #[test]
    fn a_piece_may_be_longer_than_32_bits_can_count() {
        let mut at_once = Crc::new();
        at_once.update(b"x");
        at_once.append(zeros(33), 1 << 33);
        let mut in_parts = Crc::new();
        in_parts.update(b"x");
        for _ in 0..8 {
            in_parts.append(zeros(30), 1 << 30);
        }
        assert_eq!(at_once.sum(), in_parts.sum());
    }
}
