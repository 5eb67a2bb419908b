//! The codec beside other programs and beside its own limits, in one run on one file of real text.
//!
//! `cargo bench -p artifact-codec [-- [--mib SIZE] [--rounds N] [--patience S] [FILE]]`. What other work
//! on the machine has disturbed is measured again, for S seconds in all. Without a FILE the text is
//! the HTML documentation of the Rust toolchain and the sources of the crates that cargo has
//! fetched. Everything takes its turn once in each round, since a shared machine is fast and slow
//! by turns; medians are printed. A program that is not installed is named and left out.

#![allow(missing_docs, reason = "a benchmark has no callers")]
#![allow(clippy::print_stdout, reason = "what it measures is what it prints")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that fails has nothing to say"
)]
#![allow(clippy::cast_precision_loss, reason = "rates are printed in whole MB")]

mod corpus;
mod memory;
mod peers;
mod quiet;
mod ranges;

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use crate::quiet::Ticks;
use artifact_codec::{
    BlockSizes, DecodeOptions, EncodeOptions, Encoded, Encoding, Hasher, Incompressible, Level,
    Workers, decode, encode,
};

/// Something that is measured once in each round.
struct Row<'a> {
    name: String,
    run: Box<dyn Fn() -> u64 + 'a>,
    /// MB/s of plain bytes.
    rates: Vec<f64>,
    /// Processor seconds for a gigabyte of plain bytes.
    costs: Vec<f64>,
    stored_bytes: u64,
}

impl<'a> Row<'a> {
    /// `run` gives the number of stored bytes, 0 where there are none.
    fn new(name: impl Into<String>, run: impl Fn() -> u64 + 'a) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
            rates: Vec::new(),
            costs: Vec::new(),
            stored_bytes: 0,
        }
    }

    fn median(&self) -> f64 {
        self.rates[self.rates.len() / 2]
    }

    fn fastest(&self) -> f64 {
        self.rates[self.rates.len() - 1]
    }
}

/// Measures again what was disturbed, until its time is up.
struct Patience {
    end: Instant,
    disturbed: usize,
}

impl Patience {
    fn new(patience: Duration) -> Self {
        Self {
            end: Instant::now() + patience,
            disturbed: 0,
        }
    }

    /// How many seconds it takes, how many of processor time, and what it gives.
    fn measure<T>(&mut self, run: impl Fn() -> T) -> (f64, f64, T) {
        loop {
            let (ticks, start) = (Ticks::now(), Instant::now());
            let result = run();
            let seconds = start.elapsed().as_secs_f64();
            let cpu_seconds = ticks.own_seconds();
            let was_disturbed = ticks.were_disturbed();
            if !was_disturbed || Instant::now() > self.end {
                self.disturbed += usize::from(was_disturbed);
                return (seconds, cpu_seconds, result);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn main() {
    let arguments = corpus::Arguments::from_env();
    if let Some(streams) = arguments.memory_of {
        return memory::child(&arguments.file.unwrap(), streams);
    }
    let directory = tempfile::tempdir().unwrap();
    let corpus = corpus::prepare(&arguments, directory.path());
    let size = corpus.metadata().unwrap().len();
    let cores = available_parallelism().unwrap();
    println!(
        "{size} bytes of text, {cores} cores, medians of {} rounds (slowest to fastest)",
        arguments.rounds
    );

    let stored = directory.path().join("corpus.gz");
    let encoded = encode(
        File::open(&corpus).unwrap(),
        File::create(&stored).unwrap(),
        &gzip(6),
    )
    .unwrap();
    if arguments.rounds > 0 {
        rates(&arguments, &corpus, &stored, &encoded);
    }
    ranges::measure(&stored, encoded.seek_table.as_ref().unwrap());
    memory::measure(&corpus);
}

/// All that is measured in rounds; none of it with `--rounds 0`.
fn rates(arguments: &corpus::Arguments, corpus: &Path, stored: &Path, encoded: &Encoded) {
    let size = encoded.size_bytes;
    let cores = available_parallelism().unwrap();
    let mut rows = encoding_rows(corpus, cores);
    rows.extend(decoding_rows(stored, encoded));
    let mut patience = Patience::new(arguments.patience);
    for _ in 0..arguments.rounds {
        for row in &mut rows {
            let (seconds, cpu_seconds, stored_bytes) = patience.measure(&row.run);
            row.stored_bytes = stored_bytes;
            row.rates.push(size as f64 / 1e6 / seconds);
            row.costs.push(cpu_seconds * 1e9 / size as f64);
        }
    }
    println!("{} of the measurements were disturbed", patience.disturbed);
    for row in &mut rows {
        row.rates.sort_by(f64::total_cmp);
        row.costs.sort_by(f64::total_cmp);
        let (low, high) = (row.rates[0], row.rates[row.rates.len() - 1]);
        let ratio = match row.stored_bytes {
            0 => String::new(),
            stored => format!(", ratio {:.3}", size as f64 / stored as f64),
        };
        println!(
            "{:38} {:6.0} MB/s ({low:.0} to {high:.0}), {:.2} s/GB of processor{ratio}",
            row.name,
            row.median(),
            row.costs[row.costs.len() / 2],
        );
    }
    goals(&rows, cores);
    lengths(corpus, size, arguments.rounds, &mut patience);
}

fn gzip(level: u32) -> EncodeOptions {
    EncodeOptions::new()
        .with_compression(Some(Level::new(level).unwrap()))
        .with_incompressible(Incompressible::Gzip)
}

fn encode_file(file: &Path, options: &EncodeOptions) -> u64 {
    let input = File::open(file).unwrap();
    encode(input, io::sink(), options)
        .unwrap()
        .stored_size_bytes
}

fn encoding_rows(corpus: &Path, cores: NonZeroUsize) -> Vec<Row<'_>> {
    let one_worker = Workers::new(NonZeroUsize::MIN);
    let mut rows = vec![
        Row::new("digest alone", move || {
            let mut file = File::open(corpus).unwrap();
            let mut hasher = Hasher::new();
            let mut buffer = vec![0; 1 << 20];
            loop {
                match file.read(&mut buffer).unwrap() {
                    0 => break,
                    len => hasher.update(&buffer[..len]),
                }
            }
            std::hint::black_box(hasher.finish());
            0
        }),
        Row::new("encode, level 6, one worker", move || {
            encode_file(corpus, &gzip(6).with_workers(one_worker.clone()))
        }),
    ];
    for level in [1, 6, 9] {
        rows.push(Row::new(format!("encode, level {level}"), move || {
            encode_file(corpus, &gzip(level))
        }));
    }
    for kib in [64, 256, 1024] {
        let sizes = BlockSizes::new(kib << 10, kib << 10).unwrap();
        rows.push(Row::new(
            format!("encode, level 6, all blocks {kib} KiB"),
            move || encode_file(corpus, &gzip(6).with_block_sizes(sizes)),
        ));
    }
    rows.push(Row::new(
        "encode, as it is (digest and CRC-32)",
        move || encode_file(corpus, &EncodeOptions::new().with_compression(None)),
    ));
    rows.extend(peers::compressors(corpus, cores));
    rows
}

fn decoding_rows<'a>(stored: &'a Path, encoded: &'a Encoded) -> Vec<Row<'a>> {
    let by_table = || DecodeOptions::new().with_seek_table(encoded.seek_table.clone());
    let run = move |options: DecodeOptions| {
        let input = File::open(stored).unwrap();
        let found = decode(input, io::sink(), Encoding::Gzip, &options).unwrap();
        assert_eq!(found.size_bytes, encoded.size_bytes);
        assert!(found.digest.is_none_or(|digest| digest == encoded.digest));
        0
    };
    let mut rows = vec![
        Row::new("decode + digest", move || run(by_table())),
        Row::new("decode, CRC only", move || run(by_table().without_digest())),
        Row::new("decode + digest, without table", move || {
            run(DecodeOptions::new())
        }),
    ];
    rows.extend(peers::decompressors(stored));
    rows
}

/// What is asked of the codec, beside what was measured: by the medians, and by the fastest rounds,
/// which other work on the machine has disturbed least.
fn goals(rows: &[Row<'_>], cores: NonZeroUsize) {
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let stored = |name: &str| find(name).map_or(f64::NAN, |row| row.stored_bytes as f64);
    let pigz = format!("pigz -6 -p{cores}");
    for by in ["medians", "fastest"] {
        let rate = |name: &str| match find(name) {
            Some(row) if by == "fastest" => row.fastest(),
            Some(row) => row.median(),
            None => f64::NAN,
        };
        let ours = rate("encode, level 6");
        let one_worker = rate("encode, level 6, one worker");
        let limit = rate("digest alone").min(cores.get() as f64 * one_worker);
        for (what, value, goal) in [
            ("encode / pigz -6", ours / rate(&pigz), 1.3),
            (
                "encode / min(digest, cores x one worker)",
                ours / limit,
                0.7,
            ),
            (
                "decode + digest / digest alone",
                rate("decode + digest") / rate("digest alone"),
                0.9,
            ),
            (
                "decode, CRC only / gunzip",
                rate("decode, CRC only") / rate("gunzip -d"),
                5.0,
            ),
        ] {
            println!("{what:44} {value:6.2} by {by}, asked {goal}");
        }
    }
    let ratio = stored("gzip -6") / stored("encode, level 6");
    println!("{:44} {ratio:6.2}, asked 0.95", "ratio / ratio of gzip -6");
}

/// How fast inputs of other lengths are, one after another.
fn lengths(corpus: &Path, size: u64, rounds: usize, patience: &mut Patience) {
    for len in (12..=30).step_by(2).map(|log2| 1_u64 << log2) {
        if len > size {
            break;
        }
        let count = ((32 << 20) / len).max(1);
        let mut rates: Vec<f64> = (0..rounds)
            .map(|_| {
                let (seconds, _, ()) = patience.measure(|| {
                    let mut file = File::open(corpus).unwrap();
                    for _ in 0..count {
                        encode(file.by_ref().take(len), io::sink(), &EncodeOptions::new()).unwrap();
                    }
                });
                (count * len) as f64 / 1e6 / seconds
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        println!(
            "encode, level 6, {:>8} KiB one after another {:6.0} MB/s",
            len >> 10,
            rates[rounds / 2]
        );
    }
}
