//! Private keys in PEM, armour and the like, as they stand in files, in strings and in logs, where each line
//! begins with a time or a name. Knows no rule.

use std::ops::{Range, RangeInclusive};

use memchr::{memchr, memmem, memrchr};

use crate::escape::unescaped;

/// The most bytes before a key that are looked at, for what each line begins with.
pub(crate) const BEFORE_BYTES: usize = 256;

/// The most bytes of a label, with the text around it.
const LABEL_BYTES: usize = 80;

/// The most bytes behind a label that are looked at.
const BODY_BYTES: usize = 2 << 10;

/// How many lines of a body are looked at, the empty ones left out.
const LINES: usize = 16;

/// The fewest bytes of a key in one line, and as many as are kept.
const KEY_BYTES: RangeInclusive<usize> = 32..=64;

/// What stands before and behind a label.
const FENCES: [(&[u8], &[u8]); 2] = [(b"-----BEGIN ", b"-----"), (b"---- BEGIN ", b" ----")];

/// The shorter of the two fences, of which the next one ends a body.
const FENCE: &[u8] = b"----";

/// A label, and where the body behind it begins.
fn label(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (before, behind) = FENCES
        .into_iter()
        .find(|(before, _)| bytes.starts_with(before))?;
    let bytes = &bytes[..bytes.len().min(LABEL_BYTES)];
    let label = &bytes[before.len()..];
    let label = &label[..memmem::find(label, behind)?];
    Some((label, before.len() + label.len() + behind.len()))
}

/// What of the bytes says whether a key begins at `at`: no more than up to the next one, so that each byte is
/// looked at for one key only, however many begin.
pub(crate) fn extent(bytes: &[u8], at: usize) -> Range<usize> {
    let Some((label, body)) = label(&bytes[at..]) else {
        return at..bytes.len().min(at + LABEL_BYTES);
    };
    let body = at + body;
    if !label.windows(7).any(|part| part == b"PRIVATE") {
        return at..body;
    }
    let most = bytes.len().min(body + BODY_BYTES);
    let end = memmem::find(&bytes[body..most], FENCE).map_or(most, |len| body + len);
    line_start(bytes, at)..end
}

/// Where the line begins that `at` is in; `at` itself, if that is too far before it.
fn line_start(bytes: &[u8], at: usize) -> usize {
    let least = at.saturating_sub(BEFORE_BYTES);
    match memrchr(b'\n', &bytes[least..at]) {
        Some(len) => least + len + 1,
        None if at < BEFORE_BYTES => 0,
        None => at,
    }
}

/// The beginning of the key behind a label at `at`, if the label is one that `is_label` takes.
pub(crate) fn key(bytes: &[u8], at: usize, is_label: fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let (label, body) = label(&bytes[at..])?;
    if !is_label(label) {
        return None;
    }
    let before = unescaped(&bytes[..at]);
    let prefix = before.rsplit(|byte| *byte == b'\n').next()?;
    key_in_body(&unescaped(&bytes[at + body..]), prefix)
}

/// The beginning of the key in a body, whose lines may begin with that prefix.
fn key_in_body(body: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    let is_blank = |line: &[u8]| trimmed(line).is_empty();
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    let mut is_quoted = false;
    for (number, line) in lines.filter(|(_, line)| !is_blank(line)).take(LINES) {
        if is_end_of_string(line) {
            is_quoted = true;
            continue;
        }
        let (line, has_prefix) = match number {
            0 => (line, true),
            _ => without_prefix(line, prefix),
        };
        // Each line has a string of its own, and so the key has, or this is something else.
        if is_quoted && !has_prefix {
            return None;
        }
        let line = trimmed(line);
        let word = line.split(|byte| !is_of_key(*byte)).next();
        if let Some(key) = word.and_then(beginning_of_key) {
            return Some(key);
        }
        if let Some(value) = value_of_header(line) {
            // All lines of a key may have become one.
            let mut words = value.split(|byte| !is_of_key(*byte));
            if let Some(key) = words.find_map(beginning_of_key) {
                return Some(key);
            }
        } else if !line.is_empty() {
            return None;
        }
    }
    None
}

/// As much of a word as is kept, if it may be of a key.
fn beginning_of_key(word: &[u8]) -> Option<Vec<u8>> {
    let kept = word.len().min(*KEY_BYTES.end());
    KEY_BYTES.contains(&kept).then(|| word[..kept].to_vec())
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// A line without what quotes it, in whatever language.
fn trimmed(line: &[u8]) -> &[u8] {
    let is_around = |byte: &u8| byte.is_ascii_whitespace() || br#"+-|"'`,>\"#.contains(byte);
    let start = line.iter().position(|byte| !is_around(byte));
    &line[start.unwrap_or(line.len())..]
}

/// Whether a string of JSON ends in this line, and another one follows.
fn is_end_of_string(line: &[u8]) -> bool {
    let Some(behind) = line.strip_prefix(b"\"") else {
        return false;
    };
    let behind = behind.strip_prefix(b",").map(<[u8]>::trim_ascii_start);
    behind.is_some_and(|behind| behind.starts_with(b"\"") && memmem::find(behind, b"\":").is_some())
}

/// What stands in a line like `Proc-Type: 4,ENCRYPTED`.
fn value_of_header(line: &[u8]) -> Option<&[u8]> {
    let name = memchr(b':', line)?;
    let (name, value) = (&line[..name], &line[name + 1..]);
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'-';
    let is_header = (1..=40).contains(&name.len())
        && name.iter().all(is_name)
        && value.first().is_none_or(u8::is_ascii_whitespace);
    is_header.then_some(value)
}

/// A line without what it begins with as that of the label does, and whether that is all of it. Numbers need
/// not be the same, since they tell the time or the line, and blanks need not be as many.
fn without_prefix<'a>(mut line: &'a [u8], mut prefix: &[u8]) -> (&'a [u8], bool) {
    while let ([first, ..], [expected, ..]) = (line, prefix) {
        let kinds = [u8::is_ascii_digit, u8::is_ascii_whitespace];
        let kind = kinds.into_iter().find(|kind| kind(first) && kind(expected));
        if let Some(kind) = kind {
            line = behind(line, kind);
            prefix = behind(prefix, kind);
        } else if first == expected {
            line = &line[1..];
            prefix = &prefix[1..];
        } else {
            return (line, false);
        }
    }
    (line, prefix.is_empty())
}

fn behind(bytes: &[u8], kind: fn(&u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !kind(byte));
    &bytes[end.unwrap_or(bytes.len())..]
}

/// Whether a label is that of a private key.
pub(crate) fn is_private_key(label: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    label.ends_with(b"PRIVATE KEY") && label.iter().all(is_plain)
}

/// Whether a label is that of a private key in PGP's armour.
pub(crate) fn is_pgp_private_key(label: &[u8]) -> bool {
    label == b"PGP PRIVATE KEY BLOCK"
}
