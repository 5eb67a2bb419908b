//! Compresses or decompresses one stream with nothing but this crate, as a pattern to copy. It
//! must not need to know how the codec works inside.
//!
//! ```sh
//! gzip FILE          # writes FILE.gz
//! gzip -d FILE.gz    # writes FILE
//! gzip < IN > OUT    # and gzip -d < IN > OUT
//! ```
//! It overwrites nothing. The SHA-256 of the plain bytes and both sizes go to stderr.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use artifact_codec::{DecodeOptions, EncodeOptions, Encoding, Incompressible, decode, encode};

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let decompress = arguments.first().is_some_and(|first| first == "-d");
    if decompress {
        arguments.remove(0);
    }
    let result = match arguments.as_slice() {
        [] => run(decompress, io::stdin().lock(), io::stdout().lock()),
        [input] => run_on_file(decompress, Path::new(input)),
        _ => Err("usage: gzip [-d] [FILE]".into()),
    };
    match result.and_then(|summary| Ok(writeln!(io::stderr(), "{summary}")?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where stderr is closed too, the exit code still tells.
            drop(writeln!(io::stderr(), "gzip: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a file beside the input, and leaves none if that fails.
fn run_on_file(decompress: bool, input: &Path) -> Result<String, Box<dyn Error>> {
    let target = target(input, decompress)?;
    let input = File::open(input)?;
    let output = File::create_new(&target)?;
    let result = run(decompress, input, output);
    if result.is_err() {
        fs::remove_file(&target)?;
    }
    result
}

fn run(decompress: bool, input: impl Read, output: impl Write) -> Result<String, Box<dyn Error>> {
    let (digest, plain, stored) = if decompress {
        let decoded = decode(input, output, Encoding::Gzip, &DecodeOptions::default())?;
        (
            decoded.digest,
            decoded.size_bytes,
            decoded.stored_size_bytes,
        )
    } else {
        // Its output must be gzip, whether that pays or not.
        let options = EncodeOptions::default().with_incompressible(Incompressible::Gzip);
        let encoded = encode(input, output, &options)?;
        (
            Some(encoded.digest),
            encoded.size_bytes,
            encoded.stored_size_bytes,
        )
    };
    let digest = digest.ok_or("no digest was computed")?;
    Ok(format!(
        "sha256 {digest}  plain {plain} B  stored {stored} B"
    ))
}

fn target(input: &Path, decompress: bool) -> Result<PathBuf, Box<dyn Error>> {
    if !decompress {
        let mut name = input.as_os_str().to_owned();
        name.push(".gz");
        return Ok(name.into());
    }
    match input.extension() {
        Some(extension) if extension == OsStr::new("gz") => Ok(input.with_extension("")),
        _ => Err(format!("{} does not end in .gz", input.display()).into()),
    }
}
