//! Other programs that do the same work. It must not know what they are compared with.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Row;

pub(crate) fn compressors(corpus: &Path, cores: NonZeroUsize) -> Vec<Row<'_>> {
    let cores = format!("-p{cores}");
    [
        vec!["gzip".to_owned(), "-6".to_owned()],
        vec!["pigz".to_owned(), "-6".to_owned(), cores],
    ]
    .into_iter()
    .filter(|command| is_installed(&command[0]))
    .map(|command| Row::new(command.join(" "), move || run(&command, corpus)))
    .collect()
}

pub(crate) fn decompressors(stored: &Path) -> Vec<Row<'_>> {
    ["gunzip", "unpigz", "igzip"]
        .into_iter()
        .filter(|program| is_installed(program))
        .map(|program| {
            let command = [program.to_owned(), "-d".to_owned()];
            Row::new(command.join(" "), move || {
                run(&command, stored);
                0
            })
        })
        .collect()
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        println!("NOT MEASURED: {program} is not installed");
    }
    found
}

/// Runs a program from a file into nothing and gives the length of what it wrote.
fn run(command: &[String], input: &Path) -> u64 {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .arg("-c")
        .arg(input)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let written = std::io::copy(child.stdout.as_mut().unwrap(), &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    written
}
