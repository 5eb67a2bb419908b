//! Bodies: lines of a log that nobody has written, the same in every run.

use std::fmt::Write as _;

/// How many bytes of lines there are, repeated where more are wanted.
const LENGTH: usize = 16 << 20;

/// Lines in which times, levels and words change, and little else.
pub(crate) fn lines() -> Vec<u8> {
    let words = [
        "compiled", "linked", "tested", "skipped", "fetched", "cached", "failed", "retried",
    ];
    let mut text = String::with_capacity(LENGTH + 200);
    let mut state = 0x9e37_79b9_u64;
    while text.len() < LENGTH {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = words[usize::try_from(state % 8).unwrap_or(0)];
        let _ = writeln!(
            text,
            "2026-11-21T12:{:02}:{:02}.{:06}Z INFO worker-{} {word} target/debug/deps/lib{:x}.rlib in {} ms",
            state % 60,
            (state >> 8) % 60,
            (state >> 16) % 1_000_000,
            (state >> 4) % 32,
            state >> 24,
            (state >> 12) % 9_000,
        );
    }
    text.into_bytes()
}

/// The body of one name: pieces of the lines, another beginning for every number.
pub(crate) fn of(text: &[u8], number: usize, size: usize) -> impl Iterator<Item = &[u8]> + Clone {
    let mut at = number.wrapping_mul(7_919) % text.len();
    let mut left = size;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let piece = &text[at..text.len().min(at + left)];
        left -= piece.len();
        at = 0;
        Some(piece)
    })
}
