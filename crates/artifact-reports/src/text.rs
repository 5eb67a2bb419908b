//! Texts of bounded length: lines of a stream, and names and messages that somebody made up. Knows
//! no format.

use std::io::{self, BufRead, Read};

use sha2::{Digest, Sha256};

/// How much of a line is kept, in bytes.
pub(crate) const LINE_BYTES: usize = 64 * 1024;

/// The longest name that is kept as it is, in bytes.
const NAME_BYTES: usize = 1_024;

/// How much of a message is kept, in characters.
const MESSAGE_CHARS: usize = 300;

/// The input without the byte order mark that some systems begin a text with.
pub(crate) fn without_mark(mut input: impl Read) -> io::Result<impl Read> {
    let mut head = Vec::new();
    input.by_ref().take(3).read_to_end(&mut head)?;
    if head == b"\xef\xbb\xbf" {
        head.clear();
    }
    Ok(io::Cursor::new(head).chain(input))
}

/// Reads the next line into `line`, without its end; of a longer one only the first part. Says
/// whether there was one.
pub(crate) fn read_line(input: &mut impl BufRead, line: &mut String) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let mut found = false;
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            break;
        }
        found = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        let room = LINE_BYTES - bytes.len();
        bytes.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    *line = String::from_utf8_lossy(&bytes).into_owned();
    if line.ends_with('\r') {
        line.pop();
    }
    Ok(found)
}

/// A name as it is kept: of a very long one the beginning and its digest.
pub(crate) fn name(text: &str) -> String {
    if text.len() <= NAME_BYTES {
        return text.to_owned();
    }
    let mut end = NAME_BYTES - 64;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let digest = Sha256::digest(text.as_bytes());
    let mut hash = [0; 8];
    hash.copy_from_slice(&digest[..8]);
    let hash = u64::from_be_bytes(hash);
    format!("{}…{hash:016x}", &text[..end])
}

/// A message as it is kept: white space made one space, and only its beginning.
pub(crate) fn message(text: &str) -> String {
    let mut kept = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        if count > 0 {
            kept.push(' ');
        }
        for letter in word.chars() {
            if count >= MESSAGE_CHARS {
                kept.push('…');
                return kept;
            }
            kept.push(letter);
            count += 1;
        }
        count += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_their_ends_and_at_the_limit() {
        let long = "x".repeat(LINE_BYTES + 10);
        let text = format!("a\r\n\n{long}\nlast");
        let mut input = io::BufReader::with_capacity(7, text.as_bytes());
        let mut line = String::new();
        let mut lines = Vec::new();
        while read_line(&mut input, &mut line).unwrap() {
            lines.push(line.clone());
        }
        assert_eq!(lines, ["a", "", &long[..LINE_BYTES], "last"]);
    }

    #[test]
    fn long_names_stay_different() {
        let (one, other) = ("é".repeat(2_000) + "1", "é".repeat(2_000) + "2");
        assert_eq!(name("short"), "short");
        assert_ne!(name(&one), name(&other));
        assert!(name(&one).len() <= NAME_BYTES);
    }

    #[test]
    fn messages_are_one_short_line() {
        assert_eq!(message("  a\n\tb  c "), "a b c");
        assert_eq!(
            message(&"word ".repeat(500)).chars().count(),
            MESSAGE_CHARS + 1
        );
    }
}
