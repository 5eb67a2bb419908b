//! Sixteen streams at once stay below 64 MiB, whatever they hold. A program of its own, since what is
//! measured is the peak of the process. Only where the system tells it (Linux).
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failure here is the finding")]

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::thread;

use artifact_codec::{
    BlockSizes, DecodeOptions, EncodeOptions, Encoded, Encoding, Level, Workers, decode, encode,
};

const STREAMS: u64 = 16;
const LENGTH: u64 = 6 << 20;
const LIMIT_KIB: u64 = 64 * 1024;

/// Noise (xorshift64, Marsaglia 2003).
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for bytes in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.copy_from_slice(&self.0.to_le_bytes()[..bytes.len()]);
        }
        Ok(buffer.len())
    }
}

/// Something that is worth compressing, and then noise, which makes the largest output.
fn input(seed: u64) -> impl Read {
    let head = io::repeat(b'x').take(1 << 20);
    head.chain(Noise(seed + 1)).take(LENGTH)
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

fn at_once(work: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for stream in 0..STREAMS {
            let work = &work;
            scope.spawn(move || work(stream));
        }
    });
}

#[test]
fn sixteen_streams_stay_below_64_mib() {
    let workers = Workers::new(NonZeroUsize::new(4).unwrap());
    let options = EncodeOptions::new()
        .with_compression(Some(Level::new(1).unwrap()))
        // Large from the first block on, where a longer stream gets to.
        .with_block_sizes(BlockSizes::new(BlockSizes::MAX, BlockSizes::MAX).unwrap())
        .with_workers(workers.clone());
    at_once(|stream| {
        let encoded = encode(input(stream), io::sink(), &options).unwrap();
        assert_eq!(encoded.encoding, Encoding::Gzip);
        assert!(encoded.stored_size_bytes > LENGTH * 3 / 4);
    });
    assert!(peak_kib() < LIMIT_KIB, "encoding: {} KiB", peak_kib());

    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("memory.gz");
    let output = fs::File::create(&path).unwrap();
    let Encoded {
        seek_table, digest, ..
    } = encode(input(0), output, &options).unwrap();
    let options = DecodeOptions::new()
        .with_seek_table(seek_table)
        .with_workers(workers);
    at_once(|_| {
        let stored = fs::File::open(&path).unwrap();
        let found = decode(stored, io::sink(), Encoding::Gzip, &options).unwrap();
        assert_eq!(found.digest, Some(digest));
    });
    assert!(peak_kib() < LIMIT_KIB, "decoding: {} KiB", peak_kib());
}
