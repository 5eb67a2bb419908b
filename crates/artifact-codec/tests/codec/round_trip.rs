//! What goes in comes out, whatever it is and however it is cut.

use std::io::Read;

use artifact_codec::{
    BlockSizes, DecodeOptions, Decoder, EncodeOptions, Encoding, Hasher, decode, encode, prepare,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::streams::{
    Pieces, gunzipped, gzip, identity, log, noise, plain, stored, stored_in_pieces,
};

const BLOCK: usize = 64 * 1024;

/// Input made of runs, noise and text in any order, up to about 200 KiB.
fn any_input() -> impl Strategy<Value = Vec<u8>> {
    let part = (0..3_u8, any::<u8>(), 0..40_000_usize).prop_map(|(kind, byte, len)| match kind {
        0 => vec![byte; len],
        1 => noise(len),
        _ => log(len),
    });
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn any_options() -> impl Strategy<Value = EncodeOptions> {
    (0..=9_u32, 10..=18_u32, 0..=2_u32).prop_map(|(level, small, more)| {
        let sizes = BlockSizes::new(1 << small, 1 << (small + more)).unwrap();
        let options = if level == 0 { identity() } else { gzip(level) };
        options.with_block_sizes(sizes)
    })
}

/// Sizes of reads or writes, from single bytes to more than one block.
fn any_sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![1..20_usize, 1_000..5_000_usize, BLOCK - 1..3 * BLOCK],
        1..5,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_survive(
        input in any_input(),
        options in any_options(),
        writes in any_sizes(),
        reads in any_sizes(),
        wanted in any_sizes(),
    ) {
        let (stored, encoded) = stored_in_pieces(&input, &options, &writes);
        let is_gzip = options.compression().is_some();
        prop_assert_eq!(encoded.encoding == Encoding::Gzip, is_gzip);
        prop_assert_eq!(encoded.size_bytes, input.len() as u64);
        prop_assert_eq!(encoded.stored_size_bytes, stored.len() as u64);

        let mut decoder = Decoder::new(Pieces::new(&stored, &reads), encoded.encoding);
        let mut output = Vec::new();
        for size in wanted.iter().cycle() {
            let mut buffer = vec![0; *size];
            let len = decoder.read(&mut buffer).unwrap();
            output.extend_from_slice(&buffer[..len]);
            if len == 0 {
                break;
            }
        }
        prop_assert!(output == input, "other bytes came out");
        let decoded = decoder.finish().unwrap();
        prop_assert_eq!(decoded.digest, Some(encoded.digest));
        prop_assert_eq!(decoded.size_bytes, encoded.size_bytes);
        prop_assert_eq!(decoded.stored_size_bytes, encoded.stored_size_bytes);
    }

    #[test]
    fn the_output_does_not_depend_on_the_writes(
        input in any_input(),
        options in any_options(),
        writes in any_sizes(),
    ) {
        let (whole, _) = stored(&input, &options);
        let (pieces, _) = stored_in_pieces(&input, &options, &writes);
        prop_assert!(whole == pieces, "lengths {} and {}", whole.len(), pieces.len());
    }
}

#[test]
fn sizes_around_the_block_survive_at_every_level() {
    for len in [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK] {
        for input in [log(len), noise(len)] {
            let mut hasher = Hasher::new();
            hasher.update(&input);
            let digest = hasher.finish();
            for level in 1..=9 {
                let (stored, encoded) = stored(&input, &gzip(level));
                assert_eq!(encoded.digest, digest);
                assert!(
                    gunzipped(&stored).unwrap() == input,
                    "{len} bytes, level {level}"
                );
            }
            let (stored, encoded) = stored(&input, &identity());
            assert_eq!(encoded.digest, digest);
            assert!(stored == input);
        }
    }
}

#[test]
fn whole_streams_are_copied_by_encode_and_decode() {
    let input = log(300_000);
    for options in [gzip(6), identity()] {
        let mut stored = Vec::new();
        let encoded = encode(Pieces::new(&input, &[777]), &mut stored, &options).unwrap();
        let mut output = Vec::new();
        let reader = Pieces::new(&stored, &[333]);
        let decoded = decode(
            reader,
            &mut output,
            encoded.encoding,
            &DecodeOptions::default(),
        );
        assert!(output == input);
        assert_eq!(decoded.unwrap().digest, Some(encoded.digest));
    }
}

#[test]
fn the_digest_can_be_left_out() {
    let input = log(10_000);
    let (stored, _) = stored(&input, &gzip(6));
    let mut output = Vec::new();
    let options = DecodeOptions::default().without_digest();
    let decoded = decode(&stored[..], &mut output, Encoding::Gzip, &options).unwrap();
    assert_eq!(decoded.digest, None);
    assert_eq!(decoded.size_bytes, 10_000);
    assert!(output == input);
}

#[test]
fn more_compression_makes_a_log_smaller() {
    let input = log(500_000);
    let size = |level| stored(&input, &gzip(level)).1.stored_size_bytes;
    assert!(size(9) <= size(6) && size(6) < size(1) && size(1) < 250_000);
}

#[test]
fn a_stream_far_larger_than_all_buffers_survives() {
    let size = 32 << 20;
    let mut stored = Vec::new();
    let zeros = std::io::repeat(0).take(size);
    let encoded = encode(zeros, &mut stored, &gzip(1)).unwrap();
    assert_eq!(encoded.size_bytes, size);
    let decoded = decode(
        &stored[..],
        std::io::sink(),
        Encoding::Gzip,
        &DecodeOptions::default(),
    )
    .unwrap();
    assert_eq!(decoded.size_bytes, size);
    assert_eq!(decoded.digest, Some(encoded.digest));
}

#[test]
fn both_sides_move_between_threads() {
    fn must_be_send<T: Send>(_: &T) {}
    must_be_send(&prepare(&b""[..], &gzip(6)).unwrap());
    must_be_send(&Decoder::new(&b""[..], Encoding::Gzip));
}

#[test]
fn identity_gives_the_bytes_as_they_are() {
    let (output, decoded) = plain(b"as it is", Encoding::Identity).unwrap();
    assert_eq!(output, b"as it is");
    assert_eq!((decoded.size_bytes, decoded.stored_size_bytes), (8, 8));
}
