//! Equal input and options give equal bytes, whoever does the work and whatever was done before; and
//! streams do not get into each other's way.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::mpsc::channel;
use std::thread;

use artifact_codec::{
    CodecError, DecodeOptions, EncodeOptions, Encoding, Workers, decode, encode, prepare,
};

use crate::streams::{gzip, identity, log, noise, plain_by_table, stored};

fn workers(threads: usize) -> Workers {
    Workers::new(NonZeroUsize::new(threads).unwrap())
}

fn inputs() -> Vec<Vec<u8>> {
    vec![
        log(3_000),
        log(700_000),
        [noise(50_000), log(90_000), vec![0; 200_000]].concat(),
        noise(40_000),
        vec![b'x'; 4_097],
    ]
}

#[test]
fn the_number_of_workers_does_not_show() {
    for level in 1..=9 {
        for input in inputs() {
            let one = stored(&input, &gzip(level).with_workers(workers(1)));
            let many = stored(&input, &gzip(level).with_workers(workers(7)));
            assert!(one == many, "level {level}, {} bytes", input.len());
        }
    }
}

#[test]
fn what_was_encoded_before_does_not_show() {
    let used = workers(2);
    let mut levels: Vec<u32> = (1..=9).collect();
    for _ in 0..2 {
        for level in levels.clone() {
            for input in inputs() {
                let fresh = stored(&input, &gzip(level).with_workers(workers(2)));
                let again = stored(&input, &gzip(level).with_workers(used.clone()));
                assert!(fresh == again, "level {level}, {} bytes", input.len());
            }
        }
        levels.reverse();
    }
}

#[test]
fn many_streams_at_once_give_what_they_give_alone() {
    let shared = workers(3);
    thread::scope(|scope| {
        for n in 0..16_usize {
            let shared = shared.clone();
            scope.spawn(move || {
                let input = &log(400_000 + n * 10_000)[n * 5_000..];
                let options = if n % 4 == 3 { identity() } else { gzip(6) };
                let alone = stored(input, &options.clone().with_workers(workers(1)));
                let (bytes, encoded) = stored(input, &options.with_workers(shared));
                assert!((&bytes, &encoded) == (&alone.0, &alone.1), "stream {n}");
                let table = encoded.seek_table.unwrap();
                assert!(plain_by_table(&bytes, &table).unwrap().0 == input);
            });
        }
    });
}

/// Gives some bytes, then waits until it is told to go on.
struct Stalling {
    bytes: io::Cursor<Vec<u8>>,
    stop_at: u64,
    go_on: std::sync::mpsc::Receiver<()>,
}

impl Read for Stalling {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.position() >= self.stop_at {
            self.go_on.recv().map_err(io::Error::other)?;
            self.stop_at = u64::MAX;
        }
        self.bytes.read(buffer)
    }
}

#[test]
fn streams_that_stall_hold_up_no_other() {
    let shared = workers(1);
    let input = log(500_000);
    let (expected, _) = stored(&input, &gzip(6));
    thread::scope(|scope| {
        let mut stalled = Vec::new();
        let mut readers = Vec::new();
        for _ in 0..20 {
            let (go, go_on) = channel();
            stalled.push(go);
            let stalling = Stalling {
                bytes: io::Cursor::new(input.clone()),
                stop_at: 300_000,
                go_on,
            };
            let options = gzip(6).with_workers(shared.clone());
            readers.push(scope.spawn(move || {
                let mut output = Vec::new();
                encode(stalling, &mut output, &options).map(|_| output)
            }));
        }
        // All of them wait inside; this one comes through nevertheless.
        let options = gzip(6).with_workers(shared.clone());
        assert!(stored(&input, &options).0 == expected);
        for go in stalled {
            go.send(()).unwrap();
        }
        for reader in readers {
            assert!(reader.join().unwrap().unwrap() == expected);
        }
    });
}

#[test]
fn a_stream_that_is_given_up_gives_back_what_it_held() {
    let shared = workers(1);
    let input = log(2_000_000);
    let options = gzip(6).with_workers(shared.clone());
    for _ in 0..20 {
        drop(prepare(&input[..], &options).unwrap());
        let failing = (&input[..500_000]).chain(Failing);
        assert!(encode(failing, io::sink(), &options).is_err());
    }
    let (bytes, encoded) = stored(&input, &options);
    for _ in 0..20 {
        let options = DecodeOptions::new()
            .with_seek_table(encoded.seek_table.clone())
            .with_workers(shared.clone());
        let failing = (&bytes[..bytes.len() / 2]).chain(Failing);
        let error = decode(failing, io::sink(), Encoding::Gzip, &options).unwrap_err();
        assert!(matches!(error, CodecError::Io(_)), "{error:?}");
    }
    assert!(stored(&input, &options).0 == bytes);
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn the_shared_workers_are_as_many_as_the_cores() {
    let cores = thread::available_parallelism().unwrap().get();
    assert_eq!(Workers::shared().threads(), cores.min(16));
}

/// The only part that counts bytes beyond 32 bits in one stream.
#[test]
#[ignore = "takes half a minute of all cores: cargo test -p artifact-codec --test codec -- --ignored"]
fn a_stream_of_more_than_4_gib_is_read_back() {
    let len = (4 << 30) + 12_345;
    let options =
        EncodeOptions::new().with_compression(Some(artifact_codec::Level::new(1).unwrap()));
    let mut bytes = Vec::new();
    let encoded = encode(io::repeat(7).take(len), &mut bytes, &options).unwrap();
    assert_eq!(encoded.size_bytes, len);
    assert_eq!(bytes[bytes.len() - 4..], 12_345_u32.to_le_bytes());
    let table = encoded.seek_table.unwrap();
    let serial = DecodeOptions::new().without_digest();
    let parallel = DecodeOptions::new().with_seek_table(Some(table.clone()));
    let found = decode(&bytes[..], io::sink(), Encoding::Gzip, &serial).unwrap();
    assert_eq!(found.size_bytes, len);
    let found = decode(&bytes[..], io::sink(), Encoding::Gzip, &parallel).unwrap();
    assert_eq!(found.digest, Some(encoded.digest));
    let part = table.part(len - 5..len).unwrap();
    let stored = part.stored_range();
    let stored = &bytes[usize::try_from(stored.start).unwrap()..];
    let mut last = Vec::new();
    part.decode(stored, &mut last, &DecodeOptions::new())
        .unwrap();
    assert_eq!(last, [7; 5]);
    let sizes = table.block_sizes();
    let (again, _) = artifact_codec::SeekTable::rebuild(&bytes[..], Encoding::Gzip, sizes).unwrap();
    assert_eq!(again, table);
}
