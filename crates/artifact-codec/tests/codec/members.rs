//! Gzip as others may write it: optional header fields, several members, what follows them.

use artifact_codec::CodecError;

use crate::streams::{gunzipped, gzip, log, stored};

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;

/// A member of `plain` with these header flags and the fields that belong to them.
fn member(plain: &[u8], flags: u8) -> Vec<u8> {
    let (ours, _) = stored(plain, &gzip(6));
    let mut member = vec![0x1f, 0x8b, 8, flags, 0x78, 0x56, 0x34, 0x12, 0, 3];
    if flags & FEXTRA != 0 {
        // A length above 255, so that both of its bytes count; zeros inside end nothing.
        member.extend_from_slice(&300_u16.to_le_bytes());
        member.extend_from_slice(&[0; 300]);
    }
    if flags & FNAME != 0 {
        member.extend_from_slice(b"build.log\0");
    }
    if flags & FCOMMENT != 0 {
        member.extend_from_slice("größe in latin-1\0".as_bytes());
    }
    if flags & FHCRC != 0 {
        member.extend_from_slice(&crc32(&member).to_le_bytes()[..2]);
    }
    member.extend_from_slice(&ours[10..]);
    member
}

/// CRC-32 bit by bit, RFC 1952 section 8.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

fn corruption(stored: &[u8]) -> &'static str {
    match CodecError::from_io(gunzipped(stored).unwrap_err()) {
        CodecError::Corrupt(what) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_mix_of_header_fields_is_read() {
    let input = log(5_000);
    for flags in 0..32 {
        let member = member(&input, flags);
        assert!(gunzipped(&member).unwrap() == input, "flags {flags:#07b}");
        let header_len = member.len() - stored(&input, &gzip(6)).0.len() + 10;
        for len in 0..header_len {
            let error = CodecError::from_io(gunzipped(&member[..len]).unwrap_err());
            assert!(
                matches!(error, CodecError::Truncated),
                "flags {flags:#07b}, {len} bytes"
            );
        }
    }
}

#[test]
fn a_header_that_fails_its_own_check_is_corrupt() {
    let mut member = member(b"x", FHCRC | FNAME);
    member[10] ^= 1; // in the name
    assert_eq!(corruption(&member), "the header's CRC-16 does not match");
}

#[test]
fn a_name_longer_than_any_buffer_is_read_over() {
    let mut long = member(b"content", FNAME);
    let name = vec![b'n'; 100_000];
    long.splice(10..10, name);
    assert_eq!(gunzipped(&long).unwrap(), b"content");
}

#[test]
fn headers_that_are_not_gzip_are_named() {
    let sound = member(b"x", 0);
    for (at, value, what) in [
        (0, 0x50, "a member does not begin with gzip's magic number"),
        (1, 0x4b, "a member does not begin with gzip's magic number"),
        (2, 7, "the compression method is not deflate"),
        (3, 0x20, "the header has reserved flags set"),
    ] {
        let mut bad = sound.clone();
        bad[at] = value;
        assert_eq!(corruption(&bad), what);
    }
}

#[test]
fn the_trailer_says_which_check_failed() {
    let sound = member(b"x", 0);
    let mut bad = sound.clone();
    bad[sound.len() - 8] ^= 1;
    assert_eq!(corruption(&bad), "the CRC-32 does not match");
    let mut bad = sound.clone();
    bad[sound.len() - 1] ^= 1;
    assert_eq!(corruption(&bad), "the length does not match");
}

#[test]
fn members_in_a_row_give_the_concatenation() {
    let parts = [log(70_000), Vec::new(), b"b".to_vec(), log(10)];
    let stored: Vec<u8> = parts.iter().flat_map(|part| member(part, FNAME)).collect();
    assert!(gunzipped(&stored).unwrap() == parts.concat());

    let cut = CodecError::from_io(gunzipped(&stored[..stored.len() - 1]).unwrap_err());
    assert!(matches!(cut, CodecError::Truncated));
}

#[test]
fn zero_padding_ends_the_input_and_anything_else_is_corrupt() {
    let sound = member(b"content", 0);
    for padding in [1, 511, 100_000] {
        let mut padded = sound.clone();
        padded.resize(sound.len() + padding, 0);
        assert_eq!(gunzipped(&padded).unwrap(), b"content");
    }
    for tail in [&b"\n"[..], b"garbage", b"\0\0x", b"\0\x1f\x8b", b"\x8b"] {
        let followed = [&sound, tail].concat();
        assert_eq!(
            corruption(&followed),
            "other data follows the last member",
            "{tail:?}"
        );
    }
}
