//! How much memory streams take: each measurement is a process of its own, that says how much it
//! had at most. Only where the system tells (Linux).

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Command;
use std::thread;

use artifact_codec::{DecodeOptions, EncodeOptions, Encoding, decode, encode};

pub(crate) fn measure(corpus: &Path) {
    for streams in [1, 16] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--memory-of", &streams.to_string()])
            .arg(corpus)
            .output()
            .unwrap();
        print!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success());
    }
}

/// Encodes and decodes that many streams at once, and then 2,000 inputs of 1 to 64 KiB in as many
/// threads.
pub(crate) fn child(corpus: &Path, streams: usize) {
    at_once(streams, |_| {
        encode(
            File::open(corpus).unwrap(),
            io::sink(),
            &EncodeOptions::new(),
        )
        .unwrap();
    });
    println!("{streams} encoding at once: {} at most", peak());
    let stored = corpus.with_extension(format!("{streams}.gz"));
    let encoded = encode(
        File::open(corpus).unwrap(),
        File::create(&stored).unwrap(),
        &EncodeOptions::new(),
    )
    .unwrap();
    at_once(streams, |_| {
        let options = DecodeOptions::new().with_seek_table(encoded.seek_table.clone());
        let input = File::open(&stored).unwrap();
        decode(input, io::sink(), Encoding::Gzip, &options).unwrap();
    });
    println!("{streams} decoding at once: {} at most", peak());
    at_once(streams, |n| {
        let mut file = File::open(corpus).unwrap();
        for round in 0..2_000 / streams {
            let offset = (n * 31 + round * 17) as u64 * 4_096;
            file.seek(SeekFrom::Start(offset)).unwrap();
            let len = 1_024 << (round % 7);
            encode(file.by_ref().take(len), io::sink(), &EncodeOptions::new()).unwrap();
        }
    });
    println!(
        "{streams} encoding small inputs at once: {} at most",
        peak()
    );
}

fn at_once(streams: usize, work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for n in 0..streams {
            let work = &work;
            scope.spawn(move || work(n));
        }
    });
}

fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.map_or("not known here".to_owned(), |line| {
        line["VmHWM:".len()..].trim().to_owned()
    })
}
