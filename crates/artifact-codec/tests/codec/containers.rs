//! The deflate stream inside a stored stream, taken out for another container.

use std::io::Read;

use artifact_codec::{
    CodecError, DecodeOptions, Decoder, EncodeOptions, Encoding, Incompressible, Member, SeekTable,
    encode,
};

use crate::streams::noise;

fn text(len: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|n| format!("line {n} of many\n").into_bytes());
    lines.take(len).collect()
}

fn stored(plain: &[u8], options: &EncodeOptions) -> (Vec<u8>, Option<SeekTable>) {
    let mut stored = Vec::new();
    let encoded = encode(plain, &mut stored, options).unwrap();
    (stored, encoded.seek_table)
}

fn inflate(deflate: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(deflate);
    reader.read_to_end(&mut plain).unwrap();
    assert_eq!(reader.total_in(), deflate.len() as u64, "something follows");
    plain
}

fn slice(bytes: &[u8], range: std::ops::Range<u64>) -> &[u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

#[test]
fn the_deflate_stream_of_a_member_is_found_and_checked() {
    let gzip = EncodeOptions::new().with_incompressible(Incompressible::Gzip);
    for plain in [
        vec![],
        text(1),
        text(262_144),
        text(3_000_000),
        noise(70_000),
    ] {
        let (bytes, table) = stored(&plain, &gzip);
        let member = Member::check(&bytes, &DecodeOptions::new())
            .unwrap()
            .unwrap();
        assert_eq!(inflate(slice(&bytes, member.deflate.clone())), plain);
        assert_eq!(member.size_bytes, plain.len() as u64);
        assert_eq!(member.crc32, crc32fast::hash(&plain));
        let mut decoder = Decoder::new(&bytes[..], Encoding::Gzip);
        std::io::copy(&mut decoder, &mut std::io::sink()).unwrap();
        assert_eq!(member.digest, decoder.finish().unwrap().digest);
        if let Some(table) = table {
            assert_eq!(
                (table.content_range(), table.crc32()),
                (member.deflate, member.crc32)
            );
        }
        let without = DecodeOptions::new().without_digest();
        assert_eq!(
            Member::check(&bytes, &without).unwrap().unwrap().digest,
            None
        );
    }
}

#[test]
fn what_is_stored_as_it_is_is_all_content() {
    let plain = noise(3_000_000);
    let (bytes, table) = stored(&plain, &EncodeOptions::new());
    let table = table.unwrap();
    assert_eq!(table.encoding(), Encoding::Identity);
    assert_eq!(slice(&bytes, table.content_range()), plain);
    assert_eq!(table.crc32(), crc32fast::hash(&plain));
}

#[test]
fn other_forms_of_gzip_are_told_apart() {
    let check = |bytes: &[u8]| Member::check(bytes, &DecodeOptions::new());
    let (one, _) = stored(
        b"one",
        &EncodeOptions::new().with_incompressible(Incompressible::Gzip),
    );
    let (none, _) = stored(
        b"",
        &EncodeOptions::new().with_incompressible(Incompressible::Gzip),
    );
    for other in [
        [&one[..], &one].concat(),
        [&none[..], &one].concat(),
        [&one[..], &[0]].concat(),
        one[..one.len() - 1].to_vec(),
        vec![],
        vec![0; 100],
    ] {
        assert!(!matches!(check(&other), Ok(Some(_))), "{other:?}");
    }
    let mut named = one.clone();
    named[3] = 8;
    named.splice(10..10, *b"name\0");
    assert_eq!(check(&named).unwrap(), None);
    let mut damaged = one;
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    assert!(matches!(check(&damaged), Err(CodecError::Corrupt(_))));
}
