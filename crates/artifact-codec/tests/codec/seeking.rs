//! Seek tables: any range of any stream, damage found block by block, tables kept and found again.

use std::ops::Range;

use artifact_codec::{BlockSizes, CodecError, Encoding, SeekTable};
use proptest::prelude::*;

use crate::streams::{
    LARGE, SMALL, gzip, identity, log, noise, part_by_table, plain_by_table, stored,
};

/// Where the sixteen small blocks end.
const SMALL_END: usize = 16 * SMALL;

fn mixed(len: usize) -> Vec<u8> {
    let mut bytes = [log(len / 2), noise(len / 4)].concat();
    bytes.resize(len, 7);
    bytes
}

fn with_table(plain: &[u8], is_gzip: bool) -> (Vec<u8>, SeekTable) {
    let options = if is_gzip { gzip(6) } else { identity() };
    let (stored, encoded) = stored(plain, &options);
    (stored, encoded.seek_table.unwrap())
}

fn slice(bytes: &[u8], range: &Range<u64>) -> Vec<u8> {
    let index = |offset: u64| usize::try_from(offset).unwrap();
    bytes[index(range.start)..index(range.end)].to_vec()
}

#[test]
fn a_table_comes_with_every_stream_of_several_blocks() {
    for options in [gzip(6), identity()] {
        for len in [0, 1, SMALL - 1, SMALL] {
            assert_eq!(stored(&log(len), &options).1.seek_table, None, "{len}");
        }
        for (len, blocks) in [
            (SMALL + 1, 2),
            (2 * SMALL, 2),
            (SMALL_END, 16),
            (SMALL_END + 1, 17),
            (SMALL_END + LARGE, 17),
            (SMALL_END + LARGE + 1, 18),
        ] {
            let (stored, encoded) = stored(&log(len), &options);
            let table = encoded.seek_table.unwrap();
            assert_eq!(table.block_count(), blocks, "{len}");
            assert_eq!(table.size_bytes(), len as u64);
            assert_eq!(table.stored_size_bytes(), stored.len() as u64);
            assert_eq!(table.encoding(), encoded.encoding);
        }
    }
}

#[test]
fn the_whole_is_decoded_by_its_table() {
    for len in [SMALL + 1, SMALL_END, SMALL_END + LARGE, 500_000] {
        for is_gzip in [true, false] {
            let input = mixed(len);
            let (bytes, table) = with_table(&input, is_gzip);
            let (plain, decoded) = plain_by_table(&bytes, &table).unwrap();
            assert!(plain == input);
            assert_eq!(decoded.size_bytes, len as u64);
            assert_eq!(decoded.stored_size_bytes, bytes.len() as u64);
            let again = stored(&input, &gzip(6)).1.digest;
            assert_eq!(decoded.digest, Some(again));
        }
    }
}

/// How many of the bytes, given in pieces of this length, are known to be sound when the check ends.
fn sound(bytes: &[u8], table: &SeekTable, piece: usize) -> (usize, Result<(), CodecError>) {
    let mut check = table.clone().check();
    let (mut taken, mut sound) = (0, 0);
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            let (count, is_sound) = match check.take(piece) {
                Ok(found) => found,
                Err(error) => return (sound, Err(error)),
            };
            taken += count;
            piece = &piece[count..];
            if is_sound {
                sound = taken;
            }
        }
    }
    (sound, check.take(&[]).map(drop))
}

#[test]
fn what_passes_is_sound_block_by_block() {
    let input = noise(SMALL_END + LARGE + 5);
    let (stored, table) = with_table(&input, false);
    for piece in [1, 1_000, SMALL, SMALL + 1, LARGE, 2 * input.len()] {
        let (count, end) = sound(&stored, &table, piece);
        assert!(count == input.len() && end.is_ok(), "{piece}");
        let (count, end) = sound(&stored[..stored.len() - 1], &table, piece);
        assert!(count == SMALL_END + LARGE && end.is_ok(), "{piece}");
        let longer = [&stored[..], b"x"].concat();
        let (count, end) = sound(&longer, &table, piece);
        assert!(count == input.len() && end.is_err(), "{piece}");
        for (at, before) in [(0, 0), (SMALL, SMALL), (SMALL_END - 1, SMALL_END - SMALL)] {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            let (count, end) = sound(&damaged, &table, piece);
            assert!(matches!(end, Err(CodecError::Corrupt(_))));
            assert_eq!(count, before, "byte {at} in pieces of {piece}");
        }
    }
}

#[test]
fn a_range_reads_no_more_blocks_than_it_touches() {
    let input = log(300_000);
    let (stored, table) = with_table(&input, true);
    let part = table.part(10..20).unwrap();
    assert!(part.stored_range().end < SMALL as u64);
    let last = table.last(1);
    assert!(last.stored_range().end <= stored.len() as u64);
    assert!(last.stored_range().start > (stored.len() - LARGE) as u64);
    assert_eq!(table.last(1 << 40).size_bytes(), 300_000);
    assert_eq!(table.last(0).stored_range().count(), 0);
    assert_eq!(table.block_around(5_000), 4_096..8_192);
    let end = table.block_around(u64::MAX);
    assert_eq!(end.end, 300_000);
    for range in [
        0..300_001,
        300_001..300_001,
        Range { start: 5, end: 4 },
        5..u64::MAX,
    ] {
        assert!(matches!(
            table.part(range),
            Err(CodecError::InvalidRange { .. })
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_is_the_slice(len in SMALL + 1..400_000, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), is_gzip: bool) {
        let input = mixed(len);
        let (stored, table) = with_table(&input, is_gzip);
        let (a, b) = (a.index(len + 1) as u64, b.index(len + 1) as u64);
        let range = a.min(b)..a.max(b);
        prop_assert!(part_by_table(&stored, &table, range.clone()).unwrap() == slice(&input, &range));
        let last = (b - a.min(b)).min(5_000);
        let end = len as u64 - last..len as u64;
        prop_assert_eq!(table.last(last), table.part(end).unwrap());
    }

    #[test]
    fn any_changed_or_missing_byte_is_found(at in any::<prop::sample::Index>(), change in 1..=255_u8, cut: bool, is_gzip: bool) {
        let input = mixed(150_000);
        let (mut bytes, table) = with_table(&input, is_gzip);
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= change;
        }
        match plain_by_table(&bytes, &table) {
            Err(CodecError::Truncated) => prop_assert!(cut),
            Err(CodecError::Corrupt(_)) => prop_assert!(!cut),
            Err(other) => prop_assert!(false, "{other:?}"),
            // The header's time, extra flags and system; a reference to another copy of the same.
            Ok((plain, _)) => prop_assert!(!cut && is_gzip && plain == input),
        }
        let whole = 0..input.len() as u64;
        match part_by_table(&bytes, &table, whole) {
            Err(CodecError::Truncated) => prop_assert!(cut),
            Err(CodecError::Corrupt(_)) => prop_assert!(!cut),
            Err(other) => prop_assert!(false, "{other:?}"),
            Ok(plain) => prop_assert!(is_gzip && plain == input),
        }
    }

    #[test]
    fn tables_survive_their_bytes(len in SMALL + 1..400_000, is_gzip: bool) {
        let (_, table) = with_table(&mixed(len), is_gzip);
        prop_assert_eq!(&SeekTable::from_bytes(&table.to_bytes()).unwrap(), &table);
    }

    #[test]
    fn damaged_tables_are_refused(at in any::<prop::sample::Index>(), change in 1..=255_u8, kind in 0..3_u8) {
        let (_, table) = with_table(&mixed(200_000), true);
        let mut bytes = table.to_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] ^= change,
            1 => bytes.truncate(at),
            _ => bytes.insert(at, change),
        }
        prop_assert!(matches!(SeekTable::from_bytes(&bytes), Err(CodecError::SeekTable(_))));
    }

    /// With a sum that fits, so that what lies behind it is reached.
    #[test]
    fn any_bytes_are_read_as_a_table_without_harm(content in prop::collection::vec(any::<u8>(), 0..300), is_gzip: bool) {
        let mut bytes = b"AST\x01".to_vec();
        bytes.push(u8::from(is_gzip));
        bytes.extend_from_slice(&[10, 12]);
        bytes.extend_from_slice(&content);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        if let Ok(table) = SeekTable::from_bytes(&bytes) {
            prop_assert_eq!(table.to_bytes(), bytes);
            prop_assert!(plain_by_table(&content, &table).is_err() || table.size_bytes() == 0);
            drop(part_by_table(&content, &table, 0..table.size_bytes()));
        }
    }

    #[test]
    fn a_lost_table_is_found_again(len in SMALL + 1..400_000, level in 1..=9_u32) {
        let input = mixed(len);
        let (bytes, encoded) = stored(&input, &gzip(level));
        let sizes = BlockSizes::new(SMALL, LARGE).unwrap();
        let (table, decoded) = SeekTable::rebuild(&bytes[..], Encoding::Gzip, sizes).unwrap();
        prop_assert_eq!(Some(table), encoded.seek_table);
        prop_assert_eq!(decoded.digest, Some(encoded.digest));
        prop_assert_eq!(decoded.size_bytes, len as u64);
        prop_assert_eq!(decoded.stored_size_bytes, bytes.len() as u64);
    }

    #[test]
    fn no_table_is_found_in_damaged_bytes(at in any::<prop::sample::Index>(), change in 1..=255_u8, cut: bool) {
        let input = mixed(150_000);
        let (mut bytes, encoded) = stored(&input, &gzip(6));
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= change;
        }
        let sizes = BlockSizes::new(SMALL, LARGE).unwrap();
        match SeekTable::rebuild(&bytes[..], Encoding::Gzip, sizes) {
            Err(CodecError::NotSeekable) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
            Ok((table, decoded)) => {
                prop_assert!(!cut);
                prop_assert_eq!(decoded.digest, Some(encoded.digest));
                prop_assert_eq!(Some(table), encoded.seek_table);
            }
        }
    }
}

#[test]
fn a_length_that_lies_makes_no_allocation() {
    for size_bytes in [u64::MAX, 1 << 60, 1 << 40] {
        let mut bytes = b"AST\x01\x01\x0a\x0a".to_vec();
        let mut rest: u64 = size_bytes;
        while rest >= 0x80 {
            bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        bytes.push(rest.to_le_bytes()[0]);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        assert!(SeekTable::from_bytes(&bytes).is_err());
    }
}

#[test]
fn the_format_of_tables_stays() {
    for (is_gzip, golden) in [
        (true, &include_bytes!("golden/gzip.seek-table-1")[..]),
        (false, &include_bytes!("golden/identity.seek-table-1")[..]),
    ] {
        let (_, now) = with_table(&vec![7; 100_000], is_gzip);
        let kept = SeekTable::from_bytes(golden).unwrap();
        assert_eq!(kept.to_bytes(), golden);
        assert_eq!(kept.size_bytes(), 100_000);
        assert_eq!(kept.block_count(), 19);
        assert_eq!(kept.encoding() == Encoding::Gzip, is_gzip);
        assert_eq!(kept.block_sizes(), now.block_sizes());
        if !is_gzip {
            // Nothing of it depends on the compressor.
            assert_eq!(now.to_bytes(), golden);
        }
    }
}

#[test]
fn tables_of_later_versions_are_named_as_such() {
    let mut bytes = include_bytes!("golden/gzip.seek-table-1").to_vec();
    bytes[3] = 2;
    let error = SeekTable::from_bytes(&bytes).unwrap_err();
    assert!(error.to_string().contains("version"), "{error}");
    let error = SeekTable::from_bytes(b"anything else").unwrap_err();
    assert!(!error.to_string().contains("version"), "{error}");
}

#[test]
fn a_table_of_another_stream_gives_an_error() {
    let (one, one_table) = with_table(&log(100_000), true);
    let (_, other_table) = with_table(&mixed(100_000), true);
    assert!(plain_by_table(&one, &other_table).is_err());
    let followed = [&one[..], b"more"].concat();
    assert!(matches!(
        plain_by_table(&followed, &one_table),
        Err(CodecError::Corrupt("other data follows the last block"))
    ));
}

#[test]
fn foreign_and_short_streams_have_no_table_to_find() {
    let sizes = BlockSizes::new(SMALL, LARGE).unwrap();
    let smaller = BlockSizes::new(2_048, 4_096).unwrap();
    let find = |bytes: &[u8], sizes| SeekTable::rebuild(bytes, Encoding::Gzip, sizes);
    let (short, _) = stored(&log(1_000), &gzip(6));
    let (long, _) = stored(&log(500_000), &gzip(6));
    for bytes in [&b""[..], b"not gzip at all", &short] {
        assert!(matches!(find(bytes, sizes), Err(CodecError::NotSeekable)));
    }
    assert!(matches!(find(&long, smaller), Err(CodecError::NotSeekable)));
    let two = [&long[..], &long[..]].concat();
    assert!(matches!(find(&two, sizes), Err(CodecError::NotSeekable)));
    assert!(find(&long, sizes).is_ok());
}

#[test]
fn blocks_without_content_are_not_read_for_ever() {
    const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let sizes = BlockSizes::new(SMALL, LARGE).unwrap();
    let empty_blocks = [0, 0, 0, 0xff, 0xff].repeat(1 << 20);
    let bytes = [HEADER, &empty_blocks].concat();
    let mut rest = &bytes[..];
    let found = SeekTable::rebuild(&mut rest, Encoding::Gzip, sizes);
    assert!(matches!(found, Err(CodecError::NotSeekable)));
    assert!(
        rest.len() > bytes.len() / 2,
        "{} bytes were not read",
        rest.len()
    );
}

#[test]
fn a_table_of_bytes_as_they_are_is_made_from_them() {
    let input = mixed(300_000);
    let (_, table) = with_table(&input, false);
    let sizes = BlockSizes::new(SMALL, LARGE).unwrap();
    let (found, decoded) = SeekTable::rebuild(&input[..], Encoding::Identity, sizes).unwrap();
    assert_eq!(found, table);
    assert_eq!(decoded.size_bytes, 300_000);
}
