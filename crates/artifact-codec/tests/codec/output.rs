//! How the encoder treats its output: few writes, all failures reported, the form decided before
//! the first byte.

use std::io::{self, ErrorKind, Read};

use artifact_codec::{
    BlockSizes, CodecError, Decoder, EncodeOptions, Encoding, Incompressible, encode, prepare,
};

use crate::streams::{LARGE, Recorder, gzip, identity, log, noise, stored};

#[test]
fn writes_are_as_long_as_blocks_whatever_the_input() {
    for options in [gzip(1), gzip(6), gzip(9), identity()] {
        for input in [noise(300_001), log(3_000_000)] {
            let mut recorder = Recorder::new();
            let totals = encode(&input[..], &mut recorder, &options).unwrap();
            let blocks = totals.seek_table.unwrap().block_count();
            assert!(recorder.writes.len() <= blocks + 1, "{options:?}");
            let longest = recorder.writes.iter().max().unwrap();
            assert!(*longest <= LARGE + LARGE / 8 + 128);
            assert_eq!(
                recorder.writes.iter().sum::<usize>() as u64,
                totals.stored_size_bytes
            );
        }
    }
}

#[test]
fn a_short_input_comes_out_in_one_write() {
    for options in (1..=9).map(gzip).chain([identity()]) {
        for len in [1, 100, 4_096] {
            for input in [noise(len), log(len), vec![0xff; len]] {
                let mut recorder = Recorder::new();
                encode(&input[..], &mut recorder, &options).unwrap();
                assert_eq!(recorder.writes.len(), 1, "{len} bytes, {options:?}");
            }
        }
    }
}

#[test]
fn a_full_output_is_reported_wherever_it_happens() {
    let input = noise(200_000);
    for options in [gzip(6), identity()] {
        for room in [0, 1, LARGE, 2 * LARGE, 199_999] {
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

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn a_failing_input_is_reported_wherever_it_happens() {
    let input = log(300_000);
    for options in [gzip(6), identity()] {
        for len in [0, 1, 4_096, 4_097, 8_192, 60_000, 300_000] {
            let broken = (&input[..len]).chain(Broken);
            let error = encode(broken, io::sink(), &options).unwrap_err();
            assert!(
                matches!(&error, CodecError::Io(e) if e.kind() == ErrorKind::ConnectionReset),
                "{len}: {error:?}"
            );
        }
    }
}

#[test]
fn what_came_before_the_input_failed_is_written() {
    let input = log(1_300_000);
    // From where on more is read than what the form is decided by.
    for len in [1_100_000, 1_100_001, 1_299_999, 1_300_000] {
        let prepared = prepare((&input[..len]).chain(Broken), &as_it_pays()).unwrap();
        let mut written = Vec::new();
        prepared.write_to(&mut written).unwrap_err();
        let (mut plain, mut decoder) = (Vec::new(), Decoder::new(&written[..], Encoding::Gzip));
        let error = decoder.read_to_end(&mut plain).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(plain == input[..len], "{} of {len}", plain.len());
    }
}

/// Default policy, with the block sizes of the other tests.
fn as_it_pays() -> EncodeOptions {
    gzip(6).with_incompressible(Incompressible::AsItIs)
}

fn decided(input: &[u8], options: &EncodeOptions) -> Encoding {
    let prepared = prepare(input, options).unwrap();
    let encoding = prepared.encoding();
    let mut output = Vec::new();
    let encoded = prepared.write_to(&mut output).unwrap();
    assert_eq!(encoded.encoding, encoding);
    assert_eq!(encoded.stored_size_bytes, output.len() as u64);
    assert_eq!(encoded.size_bytes, input.len() as u64);
    match encoding {
        Encoding::Identity => assert!(output == input),
        Encoding::Gzip => assert!(output.starts_with(&[0x1f, 0x8b])),
    }
    encoding
}

#[test]
fn what_does_not_shrink_is_stored_as_it_is() {
    for len in [0, 1, 20, 4_096, 4_097, 100_000, 3_000_000] {
        assert_eq!(decided(&noise(len), &as_it_pays()), Encoding::Identity);
        assert_eq!(
            decided(&noise(len), &EncodeOptions::new()),
            Encoding::Identity
        );
        assert_eq!(decided(&noise(len), &gzip(6)), Encoding::Gzip);
    }
    for len in [200, 4_096, 4_097, 100_000, 3_000_000] {
        assert_eq!(decided(&log(len), &as_it_pays()), Encoding::Gzip);
        assert_eq!(decided(&log(len), &EncodeOptions::new()), Encoding::Gzip);
        assert_eq!(decided(&log(len), &identity()), Encoding::Identity);
    }
}

/// Noise in which this share of a hundred is text.
fn mixed(len: usize, text_percent: usize) -> Vec<u8> {
    let (noise, text) = (noise(len), vec![b' '; len]);
    let mut mixed = Vec::new();
    for at in (0..len).step_by(1_000) {
        let end = len.min(at + 1_000);
        let cut = at + (end - at) * text_percent / 100;
        mixed.extend_from_slice(&text[at..cut]);
        mixed.extend_from_slice(&noise[cut..end]);
    }
    mixed
}

#[test]
fn a_saving_below_three_percent_is_no_reason_to_compress() {
    for len in [100_000, 2_000_000] {
        assert_eq!(decided(&mixed(len, 1), &as_it_pays()), Encoding::Identity);
        assert_eq!(decided(&mixed(len, 8), &as_it_pays()), Encoding::Gzip);
    }
}

#[test]
fn the_first_mebibyte_decides_for_all() {
    let head = noise(1 << 20);
    let noise_first = [&head[..], &log(3 << 20)].concat();
    assert_eq!(decided(&noise_first, &as_it_pays()), Encoding::Identity);
    let text_first = [&log(1 << 20), &head[..], &head[..]].concat();
    assert_eq!(decided(&text_first, &as_it_pays()), Encoding::Gzip);
    // A header of noise does not decide for what follows.
    let picture_header = [&head[..200_000], &log(3 << 20)].concat();
    assert_eq!(decided(&picture_header, &as_it_pays()), Encoding::Gzip);
}

#[test]
fn nothing_is_written_before_the_form_is_known() {
    let input = log(3_000_000);
    let prepared = prepare(&input[..], &as_it_pays()).unwrap();
    assert_eq!(prepared.encoding(), Encoding::Gzip);
    let shown = format!("{prepared:?}");
    assert!(shown.contains("gzip"), "{shown}");
    let mut output = Vec::new();
    prepared.write_to(&mut output).unwrap();
    assert!(output == stored(&input, &gzip(6)).0);
}

#[test]
fn a_wrong_size_hint_changes_nothing() {
    for len in [0, 10, 300_000] {
        let input = log(len);
        let (plainly, _) = stored(&input, &gzip(6));
        for hint in [0, 1, len as u64, 1 << 40, u64::MAX] {
            let options = gzip(6).with_size_hint(Some(hint));
            assert!(stored(&input, &options).0 == plainly);
        }
    }
}

#[test]
fn sizes_that_are_not_block_sizes_are_refused() {
    assert!(BlockSizes::new(BlockSizes::MIN, BlockSizes::MAX).is_ok());
    assert!(matches!(
        BlockSizes::new(1_000, 4_096),
        Err(CodecError::InvalidBlockSize(1_000))
    ));
}
