//! The layout of keys: how meaning becomes bytes that sort as it does. Knows no engine.
//!
//! Every key begins with the byte of its table. A text is closed by a zero byte, and the bytes 0
//! and 1 inside it are escaped, so that no text is a prefix of another and their order is that of
//! their UTF-8. Numbers are big-endian; a time is its microseconds with the sign bit flipped, so
//! that times before 1970 sort first. This layout is stored: a change needs a new store format.

use std::ops::Bound;

use artifact_domain::{ArtifactId, Coordinate, Timestamp, Version};
use uuid::Uuid;

/// The tables, each named by the first byte of its keys.
pub(crate) mod table {
    /// What the store says of itself.
    pub(crate) const META: u8 = b'm';
    /// id, chunk → record.
    pub(crate) const RECORD: u8 = b'r';
    /// id, chunk → seek table.
    pub(crate) const SEEK_TABLE: u8 = b'b';
    /// spec, task, type, name, version → [`VersionEntry`](crate::entry::VersionEntry).
    pub(crate) const VERSION: u8 = b'c';
    /// spec, type, state, tier → counters.
    pub(crate) const USAGE: u8 = b'u';
    /// lease, id → created; uploads only.
    pub(crate) const LEASE: u8 = b'l';
    /// created, id; deleted versions only.
    pub(crate) const DELETED: u8 = b'd';
    /// expiry, id; live versions that are not held only. Those below: live versions only.
    pub(crate) const EXPIRY: u8 = b'e';
    /// created, id.
    pub(crate) const CREATED: u8 = b't';
    /// size, id → created.
    pub(crate) const SIZE: u8 = b'z';
    /// name, id → created.
    pub(crate) const NAME: u8 = b'n';
    /// spec, created, id.
    pub(crate) const SPEC: u8 = b'p';
    /// task, created, id.
    pub(crate) const TASK: u8 = b'k';
    /// type, created, id.
    pub(crate) const TYPE: u8 = b'y';
    /// tag key, tag value, created, id.
    pub(crate) const TAG: u8 = b'g';
}

const TIME_BYTES: usize = 8;
const ID_BYTES: usize = 16;
const TEXT_END: u8 = 0;
const ESCAPE: u8 = 1;

/// A key, or the beginning of one, in the making.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new(table: u8) -> Self {
        Self(vec![table])
    }

    /// A key as it is stored.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Adds a whole text.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self = self.text_prefix(text);
        self.0.push(TEXT_END);
        self
    }

    /// Adds the beginning of a text, whatever follows.
    pub(crate) fn text_prefix(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            match byte {
                TEXT_END | ESCAPE => self.0.extend([ESCAPE, byte + 1]),
                other => self.0.push(other),
            }
        }
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn version(mut self, version: Version) -> Self {
        self.0.extend(version.get().to_be_bytes());
        self
    }

    pub(crate) fn chunk(mut self, chunk: u32) -> Self {
        self.0.extend(chunk.to_be_bytes());
        self
    }

    pub(crate) fn time(mut self, time: Timestamp) -> Self {
        self.0.extend(time_bytes(time));
        self
    }

    pub(crate) fn id(mut self, id: ArtifactId) -> Self {
        self.0.extend(id.as_uuid().as_bytes());
        self
    }

    /// The versions of a coordinate, without the version.
    pub(crate) fn versions(coordinate: &Coordinate) -> Self {
        Self::new(table::VERSION)
            .text(coordinate.spec().as_str())
            .text(coordinate.task().as_str())
            .text(coordinate.artifact_type().as_str())
            .text(coordinate.name().as_str())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Every key that begins like this one.
    pub(crate) fn span(self) -> Span {
        let end = self.successor();
        Span {
            from: Bound::Included(self.0),
            to: end.map_or(Bound::Unbounded, Bound::Excluded),
        }
    }

    /// The first key after all that begin like this one, if there can be one.
    pub(crate) fn successor(&self) -> Option<Vec<u8>> {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return Some(end);
            }
        }
        None
    }
}

/// A range of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) to: Bound<Vec<u8>>,
}

impl Span {
    /// Leaves out what comes before `key`.
    pub(crate) fn starting_at(mut self, key: Key) -> Self {
        if lower(&self.from) < key.as_bytes() {
            self.from = Bound::Included(key.into_bytes());
        }
        self
    }

    /// Leaves out `key` and what comes before it.
    pub(crate) fn starting_after(mut self, key: Key) -> Self {
        if lower(&self.from) <= key.as_bytes() {
            self.from = Bound::Excluded(key.into_bytes());
        }
        self
    }

    /// Leaves out `key` and what comes after it.
    pub(crate) fn ending_before(mut self, key: Key) -> Self {
        let later = match &self.to {
            Bound::Included(end) | Bound::Excluded(end) => end.as_slice() > key.as_bytes(),
            Bound::Unbounded => true,
        };
        if later {
            self.to = Bound::Excluded(key.into_bytes());
        }
        self
    }

    /// Whether no key can be in it. Engines may refuse ranges that end before they begin.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.to {
            Bound::Included(end) => lower(&self.from) > end.as_slice(),
            Bound::Excluded(end) => lower(&self.from) >= end.as_slice(),
            Bound::Unbounded => false,
        }
    }
}

fn lower(bound: &Bound<Vec<u8>>) -> &[u8] {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => key,
        Bound::Unbounded => &[],
    }
}

/// The id that a key ends with.
pub(crate) fn trailing_id(key: &[u8]) -> Option<ArtifactId> {
    let (_, id) = key.split_last_chunk::<ID_BYTES>()?;
    Some(ArtifactId::from_uuid(Uuid::from_bytes(*id)))
}

/// A time of creation and an id, as bytes that sort as they do.
pub(crate) type CreatedAndId = [u8; TIME_BYTES + ID_BYTES];

/// The time of creation and the id that an entry stands for: what is not the value is at the end
/// of the key.
pub(crate) fn created_and_id(key: &[u8], value: &[u8]) -> Option<CreatedAndId> {
    if value.is_empty() {
        return key.last_chunk().copied();
    }
    let id = key.last_chunk::<ID_BYTES>()?;
    let mut joined = [0; TIME_BYTES + ID_BYTES];
    joined
        .get_mut(..TIME_BYTES)?
        .copy_from_slice(value.get(..TIME_BYTES)?);
    joined.get_mut(TIME_BYTES..)?.copy_from_slice(id);
    Some(joined)
}

/// A time as bytes that sort as it does.
pub(crate) fn time_bytes(time: Timestamp) -> [u8; TIME_BYTES] {
    (time.as_micros().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Takes a text off the front of a key; none if there is no whole text.
pub(crate) fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let end = bytes.iter().position(|&byte| byte == TEXT_END)?;
    let (text, rest) = bytes.split_at_checked(end)?;
    let mut decoded = Vec::with_capacity(text.len());
    let mut escaped = false;
    for &byte in text {
        if escaped {
            decoded.push(byte.checked_sub(1)?);
            escaped = false;
        } else if byte == ESCAPE {
            escaped = true;
        } else {
            decoded.push(byte);
        }
    }
    *bytes = rest.get(1..)?;
    String::from_utf8(decoded).ok().filter(|_| !escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_sort_as_they_are_and_none_is_a_prefix_of_another() {
        let sorted = [
            "", "\0", "\0a", "\u{1}", "a", "a\0", "a\u{1}b", "a\u{2}", "ab", "é",
        ];
        let keys: Vec<_> = sorted.map(|text| Key::new(b'x').text(text)).to_vec();
        for pair in keys.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
            assert!(!pair[1].as_bytes().starts_with(pair[0].as_bytes()));
        }
        for (text, key) in sorted.iter().zip(keys) {
            let mut rest = &key.as_bytes()[1..];
            assert_eq!(take_text(&mut rest).as_deref(), Some(*text));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn times_before_1970_sort_first() {
        let times = [-1_000_000, -1, 0, 1, 1_700_000_000_000_000];
        let bytes = times.map(|micros| time_bytes(Timestamp::from_micros(micros).unwrap()));
        assert!(bytes.is_sorted());
    }

    #[test]
    fn a_span_holds_what_begins_alike_and_nothing_else() {
        let span = Key::new(b'x').text_prefix("ab").span();
        let holds = |key: &Key| {
            use std::ops::RangeBounds;
            (span.from.clone(), span.to.clone()).contains(&key.as_bytes().to_vec())
        };
        assert!(holds(&Key::new(b'x').text("ab")));
        assert!(holds(&Key::new(b'x').text("abc")));
        assert!(!holds(&Key::new(b'x').text("aa")));
        assert!(!holds(&Key::new(b'x').text("ac")));
        assert_eq!(Key(vec![7, 255, 255]).successor(), Some(vec![8]));
        assert_eq!(Key(vec![255]).successor(), None);
    }

    #[test]
    fn a_span_narrows_and_knows_when_nothing_is_left() {
        let key = |number| Key::new(b'x').number(number);
        let span = Key::new(b'x').span();
        let narrowed = span.clone().starting_at(key(3)).ending_before(key(5));
        assert!(!narrowed.is_empty());
        assert_eq!(narrowed.clone().starting_at(key(2)), narrowed);
        assert_eq!(narrowed.clone().ending_before(key(6)), narrowed);
        assert!(narrowed.clone().starting_at(key(5)).is_empty());
        assert!(narrowed.starting_after(key(7)).is_empty());
        assert!(span.starting_after(key(5)).ending_before(key(5)).is_empty());
    }

    #[test]
    fn an_entry_gives_back_when_and_who() {
        let time = Timestamp::from_micros(77).unwrap();
        let id = ArtifactId::new(time, [9; 10]);
        let whole = Key::new(table::CREATED).time(time).id(id);
        let split = Key::new(table::SIZE).number(3).id(id);
        let expected = created_and_id(whole.as_bytes(), &[]).unwrap();
        assert_eq!(
            created_and_id(split.as_bytes(), &time_bytes(time)),
            Some(expected)
        );
        assert_eq!(trailing_id(whole.as_bytes()), Some(id));
        assert_eq!(created_and_id(b"short", &[]), None);
        assert_eq!(created_and_id(split.as_bytes(), b"short"), None);
    }
}
