//! The rules of the architecture, one test each. `docs/architecture.md` says what they are for.
//!
//! Every rule is a pure function from what it reads to a list of violations, and has a second test
//! in which it finds one, so that no rule can fall asleep.

mod arrows;
mod layout;
mod manifests;
mod requirements;
mod sources;
mod workspace;

use std::path::{Path, PathBuf};

/// The folder of the workspace. Asked for when the tests run, since a checkout may have been copied,
/// with what was built in it.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for every test");
    let tests = Path::new(&package);
    tests
        .parent()
        .expect("the package lies in the workspace")
        .to_path_buf()
}

/// What the file holds; a file that cannot be read fails the test with its path.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// Fails with every violation on a line of its own.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "the rule is broken:\n  {}",
        violations.join("\n  ")
    );
}

/// Fails unless exactly one violation was found, and it names what is wrong.
#[track_caller]
fn assert_one(violations: &[String], naming: &[&str]) {
    assert_eq!(violations.len(), 1, "{violations:?}");
    for part in naming {
        assert!(
            violations[0].contains(part),
            "{part}: not in {violations:?}"
        );
    }
}
