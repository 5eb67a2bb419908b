//! What lies in the root, and that the map and the test command are what they are taken for.

use std::fs;

use crate::workspace::load;
use crate::{assert_none, assert_one, read, root};

/// What a newcomer sees in the root, and nothing else.
const TOP_LEVEL: [&str; 13] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "rustfmt.toml",
];
/// The package `e2e`, and what builds leave.
const BESIDE: [&str; 2] = ["tests", "target"];

/// Entries that do not belong into the root; hidden ones are the business of tools.
fn strangers(entries: &[String]) -> Vec<String> {
    let known = |entry: &str| TOP_LEVEL.contains(&entry) || BESIDE.contains(&entry);
    entries
        .iter()
        .filter(|entry| !entry.starts_with('.') && !known(entry))
        .map(|entry| format!("{entry} does not belong into the root"))
        .collect()
}

fn missing(entries: &[String]) -> Vec<String> {
    TOP_LEVEL
        .iter()
        .filter(|known| !entries.iter().any(|entry| entry == *known))
        .map(|known| format!("{known} is missing from the root"))
        .collect()
}

#[test]
fn the_root_holds_what_it_should_and_no_more() {
    let entries: Vec<String> = fs::read_dir(root())
        .expect("the root can be listed")
        .map(|entry| entry.expect("the root can be listed").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    assert_none(&strangers(&entries));
    assert_none(&missing(&entries));
}

#[test]
fn a_stranger_and_a_gap_in_the_root_are_found() {
    let mut entries: Vec<String> = TOP_LEVEL.map(str::to_owned).to_vec();
    entries.extend([".git".to_owned(), "tests".to_owned()]);
    assert_none(&strangers(&entries));
    assert_none(&missing(&entries));
    entries[0] = "notes.txt".to_owned();
    assert_one(&strangers(&entries), &["notes.txt"]);
    assert_one(&missing(&entries), &["CHANGELOG.md"]);
}

#[test]
fn the_map_names_every_crate() {
    let map = read(&root().join("docs/architecture.md"));
    for name in load().keys() {
        assert!(
            map.contains(&format!("`{name}`")),
            "docs/architecture.md does not name {name}"
        );
    }
}

#[test]
fn ci_runs_the_test_command_and_nothing_else() {
    let script = read(&root().join(".ci/run"));
    let lines: Vec<&str> = script
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(lines, ["cd \"$(dirname \"$0\")/..\"", "exec tests/run"]);
}

#[cfg(unix)]
#[test]
fn the_scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in [
        ".ci/run",
        "tests/run",
        "tests/peers/trees",
        "tests/peers/grep",
        "tests/servers/garage",
        "tests/servers/install",
        "tests/servers/rgw",
        "tests/servers/supervise",
    ] {
        let path = root().join(script);
        let mode = fs::metadata(&path).map(|meta| meta.permissions().mode());
        assert!(
            mode.as_ref().is_ok_and(|mode| mode & 0o111 == 0o111),
            "{script} is not executable: {mode:?}"
        );
    }
}
