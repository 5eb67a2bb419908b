//! Where the program under test is. Builds it where nobody says, once per run of the tests.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names the program to test, so that nothing is built.
const VARIABLE: &str = "E2E_ARTIFACT_BINARY";

/// What nextest sets, the same for every test of a run, each of which is a process of its own.
const RUN_ID: &str = "NEXTEST_RUN_ID";

/// The program `artifact`: the one that `E2E_ARTIFACT_BINARY` names, or else one that is built by
/// cargo into the target folder and with the profile that the test itself was built with.
pub fn artifact() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match env::var_os(VARIABLE) {
        Some(named) => {
            let path = PathBuf::from(named);
            let path = path
                .canonicalize()
                .unwrap_or_else(|error| panic!("{VARIABLE} names {}: {error}", path.display()));
            assert!(path.is_file(), "{VARIABLE} names no file");
            path
        }
        None => built(),
    })
}

/// The server `artifact-http`, which lies beside the other program.
pub fn artifact_http() -> PathBuf {
    let path = artifact().with_file_name("artifact-http");
    assert!(path.is_file(), "there is no {}", path.display());
    path
}

fn built() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    // TARGET/PROFILE/deps/TEST
    let folder = test
        .ancestors()
        .nth(2)
        .expect("a test lies in a target folder");
    let mut stamp = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(".e2e-built"))
        .expect("the target folder can be written");
    stamp
        .lock()
        .expect("files of the target folder can be locked");
    let run = env::var(RUN_ID).ok();
    let mut last = String::new();
    stamp
        .read_to_string(&mut last)
        .expect("the stamp can be read");
    if run.is_none() || run.as_ref() != Some(&last) {
        build(folder);
        stamp
            .set_len(0)
            .and_then(|()| stamp.rewind())
            .and_then(|()| stamp.write_all(run.unwrap_or_default().as_bytes()))
            .expect("the stamp can be written");
    }
    fs::canonicalize(folder.join("artifact")).expect("cargo has built `artifact`")
}

fn build(folder: &Path) {
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a profile has a name");
    let profile = if name == "debug" { "dev" } else { name };
    let target = folder.parent().expect("a profile lies in a target folder");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "artifact-cli", "--package"])
        .args([
            "artifact-http",
            "--bins",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "the programs could not be built");
}
