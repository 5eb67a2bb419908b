//! What is uploaded in a storm: bytes that no other upload has, made again from a few numbers when they
//! are to be compared. Knows no server.

use sha2::{Digest, Sha256};

use crate::{Random, tree};

/// The lengths of contents, of which each is as frequent.
const LENGTHS: [u64; 8] = [0, 10, 3_000, 3_000, 20_000, 20_000, 200_000, 1_500_000];

/// One content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    number: u64,
    length: usize,
    is_text: bool,
}

impl Content {
    /// The one of that number, of a length that chance chooses.
    pub(super) fn new(number: u64, random: &mut Random) -> Self {
        let limit = *random.pick(&LENGTHS) + 1;
        let length = usize::try_from(random.below(limit)).expect("it is small");
        Self {
            number,
            length,
            is_text: random.percent(50),
        }
    }

    /// A place in its bytes that is before their end.
    pub(super) fn place(self, random: &mut Random) -> usize {
        let limit = u64::try_from(self.length).expect("it is small") + 1;
        usize::try_from(random.below(limit)).expect("it is small")
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = format!("{} of a storm\n", self.number).into_bytes();
        bytes.extend(if self.is_text {
            tree::prose(self.number, self.length)
        } else {
            tree::noise(self.number, self.length)
        });
        bytes
    }
}

/// Their SHA-256, as records say it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    text
}
