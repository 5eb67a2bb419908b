//! How the encoder treats its output: large writes, all failures reported, nothing after one.

use std::io::{self, ErrorKind, Write};

use artifact_codec::{CodecError, EncodeOptions, Encoder, Encoding, encode};

use crate::streams::{Recorder, gzip, identity, log, noise};

const BLOCK: usize = 64 * 1024;

#[test]
fn writes_are_large_whatever_the_input_is_cut_into() {
    for options in [gzip(1), gzip(6), gzip(9), identity()] {
        for input in [noise(300_001), log(3_000_000)] {
            let mut encoder = Encoder::new(Recorder::new(), &options);
            for piece in input.chunks(1_234) {
                encoder.write_all(piece).unwrap();
            }
            let (recorder, totals) = encoder.finish().unwrap();
            let (last, full) = recorder.writes.split_last().unwrap();
            assert!(full.len() >= 3, "{options:?}: too little output to tell");
            assert!(
                full.iter().all(|len| *len == BLOCK),
                "{options:?}: {full:?}"
            );
            assert!((1..=BLOCK).contains(last));
            assert_eq!(
                recorder.writes.iter().sum::<usize>() as u64,
                totals.stored_size_bytes
            );
        }
    }
}

#[test]
fn a_small_input_comes_out_in_one_write() {
    for options in (1..=9).map(gzip).chain([identity()]) {
        for len in [1, 100, 4_096, 50_000] {
            for input in [noise(len), log(len), vec![0xff; len]] {
                let mut recorder = Recorder::new();
                encode(&input[..], &mut recorder, &options).unwrap();
                assert_eq!(recorder.writes.len(), 1, "{len} bytes, {options:?}");
            }
        }
    }
}

#[test]
fn the_encoding_is_known_before_the_first_byte() {
    let encoder = Encoder::new(io::sink(), &EncodeOptions::default());
    assert_eq!(encoder.encoding(), Encoding::Gzip);
    assert_eq!(
        Encoder::new(io::sink(), &identity()).encoding(),
        Encoding::Identity
    );
}

#[test]
fn a_full_output_is_reported_wherever_it_happens() {
    let input = noise(200_000);
    for options in [gzip(6), identity()] {
        for room in [0, 1, BLOCK, 2 * BLOCK, 199_999] {
            let recorder = Recorder {
                room,
                ..Recorder::new()
            };
            let error = encode(&input[..], recorder, &options).unwrap_err();
            assert!(
                matches!(&error, CodecError::Io(e) if e.kind() == ErrorKind::StorageFull),
                "{room}: {error:?}"
            );
        }
    }
}

#[test]
fn nothing_follows_a_failed_write() {
    for options in [gzip(6), identity()] {
        let recorder = Recorder {
            room: 0,
            ..Recorder::new()
        };
        let mut encoder = Encoder::new(recorder, &options);
        assert!(encoder.write_all(&noise(3 * BLOCK)).is_err());
        let again = CodecError::from_io(encoder.write(b"more").unwrap_err());
        assert!(matches!(again, CodecError::Stopped));
        assert!(matches!(encoder.finish(), Err(CodecError::Stopped)));
    }
}

#[test]
fn a_flush_changes_no_byte() {
    let input = log(200_000);
    let mut encoder = Encoder::new(Vec::new(), &gzip(6));
    for piece in input.chunks(10_000) {
        encoder.write_all(piece).unwrap();
        encoder.flush().unwrap();
    }
    let (flushed, _) = encoder.finish().unwrap();
    let mut plainly = Vec::new();
    encode(&input[..], &mut plainly, &gzip(6)).unwrap();
    assert!(flushed == plainly);
}
