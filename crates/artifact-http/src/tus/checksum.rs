//! Checksums of the bytes of one request. Knows nothing of headers.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// SHA-1, the one that every server of this protocol knows.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them, as a server declares them.
    pub(super) const NAMES: &str = "sha1,sha256";

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            _ => None,
        }
    }

    const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What the bytes of a request must come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksum {
    algorithm: Algorithm,
    value: Vec<u8>,
}

impl Checksum {
    /// A checksum of the length that its algorithm gives.
    pub(super) fn new(algorithm: Algorithm, value: Vec<u8>) -> Option<Self> {
        (value.len() == algorithm.length()).then_some(Self { algorithm, value })
    }
}

/// Bytes that are compared with a checksum as they come.
#[derive(Debug)]
pub(super) struct Comparison {
    expected: Vec<u8>,
    sum: Sum,
}

#[derive(Debug)]
enum Sum {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Comparison {
    /// Begins with no bytes.
    pub(super) fn with(checksum: Checksum) -> Self {
        let sum = match checksum.algorithm {
            Algorithm::Sha1 => Sum::Sha1(Sha1::new()),
            Algorithm::Sha256 => Sum::Sha256(Sha256::new()),
        };
        Self {
            expected: checksum.value,
            sum,
        }
    }

    /// Adds bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.sum {
            Sum::Sha1(sum) => sum.update(bytes),
            Sum::Sha256(sum) => sum.update(bytes),
        }
    }

    /// Whether they are those of the checksum.
    pub(super) fn holds(self) -> bool {
        match self.sum {
            Sum::Sha1(sum) => sum.finalize()[..] == self.expected[..],
            Sum::Sha256(sum) => sum.finalize()[..] == self.expected[..],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(algorithm: Algorithm, hex: &str, chunks: &[&str]) -> bool {
        let value = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let mut comparison = Comparison::with(Checksum::new(algorithm, value).unwrap());
        for chunk in chunks {
            comparison.update(chunk.as_bytes());
        }
        comparison.holds()
    }

    #[test]
    fn bytes_are_told_from_others() {
        let sha1 = "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed";
        let sha256 = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        for (algorithm, hex) in [(Algorithm::Sha1, sha1), (Algorithm::Sha256, sha256)] {
            assert!(holds(algorithm, hex, &["hello world"]));
            assert!(holds(algorithm, hex, &["hello", "", " world"]));
            assert!(!holds(algorithm, hex, &["hello worlD"]));
            assert!(!holds(algorithm, hex, &[]));
        }
    }

    #[test]
    fn a_checksum_has_the_length_of_its_algorithm() {
        assert!(Checksum::new(Algorithm::Sha1, vec![0; 32]).is_none());
        assert!(Checksum::new(Algorithm::Sha256, vec![0; 20]).is_none());
        for name in Algorithm::NAMES.split(',') {
            assert!(Algorithm::named(name).is_some());
        }
        assert!(Algorithm::named("md5").is_none());
    }
}
