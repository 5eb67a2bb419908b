//! Damage never goes unnoticed: no wrong byte and no early end without an error.

use std::io::{self, ErrorKind, Read};

use artifact_codec::{CodecError, DecodeOptions, Decoder, Encoding, decode};
use proptest::prelude::*;

use crate::streams::{Pieces, gunzipped, gzip, identity, log, noise, plain, stored};

fn codec_error(result: io::Result<Vec<u8>>) -> CodecError {
    CodecError::from_io(result.expect_err("the damage went unnoticed"))
}

/// Changes one byte at a time in every place, in several ways.
#[test]
fn a_changed_byte_is_found_or_means_nothing() {
    for (input, level) in [
        (log(2_000), 6),
        (noise(500), 6),
        (log(2_000), 1),
        (Vec::new(), 6),
    ] {
        let (sound, _) = stored(&input, &gzip(level));
        for at in 0..sound.len() {
            for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                let mut bad = sound.clone();
                bad[at] ^= change;
                match gunzipped(&bad) {
                    Err(error) => assert!(
                        matches!(
                            CodecError::from_io(error),
                            CodecError::Corrupt(_) | CodecError::Truncated
                        ),
                        "byte {at} ^ {change:#04x}"
                    ),
                    Ok(output) => {
                        assert!(
                            may_mean_nothing(&sound, at, change),
                            "byte {at} ^ {change:#04x}"
                        );
                        assert!(
                            output == input,
                            "byte {at} ^ {change:#04x} changed the content"
                        );
                    }
                }
            }
        }
    }
}

/// Whether a change there can leave the content as it is: in the header FTEXT, time, extra flags
/// and operating system (RFC 1952); in deflate padding bits, or a reference that now points to
/// another copy of the same text (RFC 1951). Never in the rest of the header nor in the trailer.
fn may_mean_nothing(sound: &[u8], at: usize, change: u8) -> bool {
    (at == 3 && change == 1) || (4..sound.len() - 8).contains(&at)
}

#[test]
fn every_truncation_is_called_truncated() {
    for input in [log(2_000), noise(500), Vec::new()] {
        let (sound, _) = stored(&input, &gzip(6));
        for len in 0..sound.len() {
            let error = codec_error(gunzipped(&sound[..len]));
            assert!(matches!(error, CodecError::Truncated), "{len}: {error:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damage_in_a_longer_stream_is_found(
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
        cut in any::<bool>(),
        sizes in prop::collection::vec(1..50_000_usize, 1..4),
    ) {
        let input = log(400_000);
        let (mut bytes, _) = stored(&input, &gzip(6));
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= change;
        }
        let mut output = Vec::new();
        let reader = Pieces::new(&bytes, &sizes);
        match decode(reader, &mut output, Encoding::Gzip, &DecodeOptions::default()) {
            Ok(_) => prop_assert!(!cut && output == input),
            Err(CodecError::Truncated) => {}
            Err(CodecError::Corrupt(_)) => prop_assert!(!cut),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(gunzipped(&bytes).is_err());
        let behind_a_header = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &bytes[..]].concat();
        // No assertion on the result: a few such inputs are valid gzip.
        drop(gunzipped(&behind_a_header));
    }
}

#[test]
fn identity_is_judged_by_digest_and_length() {
    let input = noise(1_000);
    let (sound, encoded) = stored(&input, &identity());
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        let (_, decoded) = plain(&changed, Encoding::Identity).unwrap();
        assert_ne!(decoded.digest, Some(encoded.digest));
        let (_, decoded) = plain(&sound[..at], Encoding::Identity).unwrap();
        assert_ne!(decoded.digest, Some(encoded.digest));
        assert_ne!(decoded.size_bytes, encoded.size_bytes);
    }
}

#[test]
fn an_error_never_turns_into_an_end_of_file() {
    let (sound, _) = stored(&log(2_000), &gzip(6));
    let mut decoder = Decoder::new(&sound[..sound.len() - 1], Encoding::Gzip);
    assert_eq!(
        decoder.read_to_end(&mut Vec::new()).unwrap_err().kind(),
        ErrorKind::UnexpectedEof
    );
    for _ in 0..3 {
        let again = CodecError::from_io(decoder.read(&mut [0; 10]).unwrap_err());
        assert!(matches!(again, CodecError::Stopped), "{again:?}");
    }
    assert!(matches!(decoder.finish(), Err(CodecError::Stopped)));
}

#[test]
fn finish_checks_the_trailer_for_who_reads_by_length() {
    let input = log(2_000);
    let (mut bytes, encoded) = stored(&input, &gzip(6));
    let mut output = vec![0; input.len()];

    let mut decoder = Decoder::new(&bytes[..], Encoding::Gzip);
    decoder.read_exact(&mut output).unwrap();
    assert_eq!(decoder.finish().unwrap().digest, Some(encoded.digest));

    *bytes.last_mut().unwrap() ^= 1;
    let mut decoder = Decoder::new(&bytes[..], Encoding::Gzip);
    decoder.read_exact(&mut output).unwrap();
    assert!(matches!(decoder.finish(), Err(CodecError::Corrupt(_))));
}

#[test]
fn finish_refuses_when_bytes_are_left() {
    let (bytes, _) = stored(&log(2_000), &gzip(6));
    for (bytes, encoding) in [(&bytes[..], Encoding::Gzip), (b"plain", Encoding::Identity)] {
        let mut decoder = Decoder::new(bytes, encoding);
        decoder.read_exact(&mut [0; 4]).unwrap();
        assert!(matches!(decoder.finish(), Err(CodecError::Unread)));
    }
}

#[test]
fn a_failing_reader_is_not_called_corruption() {
    let (bytes, _) = stored(&log(2_000), &gzip(6));
    for (stored, encoding) in [
        (&bytes[..100], Encoding::Gzip),
        (b"plain", Encoding::Identity),
    ] {
        let error = decode(
            stored.chain(Broken),
            io::sink(),
            encoding,
            &DecodeOptions::default(),
        )
        .unwrap_err();
        assert!(
            matches!(&error, CodecError::Io(e) if e.kind() == ErrorKind::ConnectionReset),
            "{error:?}"
        );
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::ConnectionReset.into())
    }
}
