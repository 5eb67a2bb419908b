//! Prints the last lines of a `.gz` file that this crate wrote, or some of its bytes, decoding no
//! more blocks than needed, as a pattern to copy. It must not need to know how the codec works inside.
//!
//! ```sh
//! tail -n 20 FILE.gz         # the last 20 lines
//! tail -c 1000-1999 FILE.gz  # these bytes, counted from 0
//! ```
//! The seek table is kept in `FILE.gz.table`; where it is missing it is found again and written.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::process::ExitCode;

use artifact_codec::{BlockSizes, DecodeOptions, Encoding, SeekTable};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["-n", lines, path] => last_lines(path, lines),
        ["-c", range, path] => bytes(path, range),
        _ => Err("usage: tail -n LINES FILE.gz | tail -c FIRST-LAST FILE.gz".into()),
    };
    match result.and_then(|bytes| Ok(io::stdout().write_all(&bytes)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where stderr is closed too, the exit code still tells.
            drop(writeln!(io::stderr(), "tail: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Reads block by block from the end, until there are enough lines.
fn last_lines(path: &str, lines: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let wanted: usize = lines.parse()?;
    let table = table(path)?;
    let mut end = table.size_bytes();
    let mut tail = Vec::new();
    while wanted > 0 && end > 0 {
        let block = table.block_around(end - 1);
        end = block.start;
        let mut longer = read(path, &table, block)?;
        longer.extend_from_slice(&tail);
        tail = longer;
        // The newline at the very end does not begin another line.
        let body = tail.strip_suffix(b"\n").unwrap_or(&tail);
        let newlines = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        if let Some((at, _)) = newlines.rev().nth(wanted - 1) {
            return Ok(tail.split_off(at + 1));
        }
    }
    Ok(tail)
}

fn bytes(path: &str, range: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let (first, last) = range.split_once('-').ok_or("a range is FIRST-LAST")?;
    let end = last.parse::<u64>()?.saturating_add(1);
    read(path, &table(path)?, first.parse()?..end)
}

fn read(path: &str, table: &SeekTable, range: Range<u64>) -> Result<Vec<u8>, Box<dyn Error>> {
    let part = table.part(range)?;
    let stored = part.stored_range();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(stored.start))?;
    let mut plain = Vec::new();
    let stored = file.take(stored.end - stored.start);
    part.decode(stored, &mut plain, &DecodeOptions::new())?;
    Ok(plain)
}

fn table(path: &str) -> Result<SeekTable, Box<dyn Error>> {
    let kept = format!("{path}.table");
    if let Ok(bytes) = fs::read(&kept) {
        return Ok(SeekTable::from_bytes(&bytes)?);
    }
    let sizes = BlockSizes::default();
    let (table, _) = SeekTable::rebuild(File::open(path)?, Encoding::Gzip, sizes)?;
    fs::write(kept, table.to_bytes())?;
    Ok(table)
}
