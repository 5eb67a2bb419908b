//! How long a part of a large stored file takes. It must not know how the file was made.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use artifact_codec::{DecodeOptions, SeekTable};

const READS: usize = 1_000;
const MIB: u64 = 1 << 20;

pub(crate) fn measure(stored: &Path, table: &SeekTable) {
    let bytes = table.to_bytes();
    println!("the seek table has {} bytes", bytes.len());
    let start = Instant::now();
    for _ in 0..READS {
        std::hint::black_box(SeekTable::from_bytes(&bytes).unwrap());
    }
    println!("reading it takes {:?}", start.elapsed() / 1_000);
    // Numbers from xorshift64 (Marsaglia 2003), the same on every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    report("1 MiB at a random place", || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let start = state % (table.size_bytes() - MIB);
        assert_eq!(part(stored, table, start, start + MIB).len() as u64, MIB);
    });
    report("the last 100 lines", || {
        let mut end = table.size_bytes();
        let mut lines = 0;
        while end > 0 && lines <= 100 {
            let block = table.block_around(end - 1);
            let plain = part(stored, table, block.start, block.end);
            lines += plain.split(|byte| *byte == b'\n').count() - 1;
            end = block.start;
        }
    });
}

fn part(stored: &Path, table: &SeekTable, start: u64, end: u64) -> Vec<u8> {
    let part = table.part(start..end).unwrap();
    let range = part.stored_range();
    let mut file = File::open(stored).unwrap();
    file.seek(SeekFrom::Start(range.start)).unwrap();
    let mut plain = Vec::new();
    let stored = file.take(range.end - range.start);
    part.decode(stored, &mut plain, &DecodeOptions::new())
        .unwrap();
    plain
}

fn report(what: &str, mut read: impl FnMut()) {
    let mut times: Vec<Duration> = (0..READS)
        .map(|_| {
            let start = Instant::now();
            read();
            start.elapsed()
        })
        .collect();
    times.sort();
    let (p50, p99) = (times[READS / 2], times[READS * 99 / 100]);
    println!("{what}: p50 {p50:.2?}, p99 {p99:.2?}");
}
