//! The text that is measured on, and what the caller asks for. It must not know what is measured.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) struct Arguments {
    pub(crate) file: Option<PathBuf>,
    pub(crate) mib: u64,
    pub(crate) rounds: usize,
    pub(crate) patience: Duration,
    /// Set for a process that this benchmark starts itself.
    pub(crate) memory_of: Option<usize>,
}

impl Arguments {
    pub(crate) fn from_env() -> Self {
        let mut found = Self {
            file: None,
            mib: 256,
            rounds: 5,
            patience: Duration::ZERO,
            memory_of: None,
        };
        let mut arguments = std::env::args_os().skip(1);
        let number =
            |text: Option<OsString>| -> usize { text.unwrap().to_str().unwrap().parse().unwrap() };
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--mib") => found.mib = number(arguments.next()) as u64,
                Some("--rounds") => found.rounds = number(arguments.next()),
                Some("--patience") => {
                    found.patience = Duration::from_secs(number(arguments.next()) as u64);
                }
                Some("--memory-of") => found.memory_of = Some(number(arguments.next())),
                // cargo adds flags of its own.
                Some(flag) if flag.starts_with("--") => {}
                _ => found.file = Some(argument.into()),
            }
        }
        found
    }
}

/// The file that was named, or one of collected text, cut to the size asked for.
pub(crate) fn prepare(arguments: &Arguments, directory: &Path) -> PathBuf {
    let path = directory.join("corpus");
    let mut output = File::create(&path).unwrap();
    let limit = arguments.mib << 20;
    if let Some(file) = &arguments.file {
        io::copy(&mut File::open(file).unwrap().take(limit), &mut output).unwrap();
        return path;
    }
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).unwrap().trim());
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let mut left = limit;
    for folder in [
        sysroot.join("share/doc"),
        cargo.unwrap().join("registry/src"),
    ] {
        collect(&folder, &mut output, &mut left);
    }
    assert!(left < limit, "there is no text to measure on: name a FILE");
    path
}

/// Appends all text files below a folder, in the order of their names.
fn collect(folder: &Path, output: &mut File, left: &mut u64) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let kind = path.symlink_metadata().unwrap();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if kind.is_dir() {
            collect(&path, output, left);
        } else if kind.is_file() && matches!(extension, Some("html" | "rs" | "md" | "js" | "css")) {
            let file = File::open(&path).unwrap();
            *left -= io::copy(&mut file.take(*left), output).unwrap();
        }
        if *left == 0 {
            return;
        }
    }
}
