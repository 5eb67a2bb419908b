//! What every manifest has: the lints, licence and versions of the workspace, and a README.

use std::fs;

use toml::{Table, Value};

use crate::workspace::load;
use crate::{assert_none, assert_one, read, root};

/// The fields that a crate takes from the workspace.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

fn is_inherited(value: Option<&Value>) -> bool {
    value
        .and_then(|value| value.get("workspace"))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// What is wrong with the manifest of the crate `name`.
fn manifest_violations(name: &str, manifest: &Table) -> Vec<String> {
    let mut violations = Vec::new();
    let package = manifest.get("package");
    let field = |key: &str| package.and_then(|package| package.get(key));
    if !is_inherited(manifest.get("lints")) {
        violations.push(format!("{name} does not inherit the lints"));
    }
    for key in INHERITED {
        if !is_inherited(field(key)) {
            violations.push(format!("{name} does not inherit `{key}`"));
        }
    }
    if field("readme").and_then(Value::as_str) != Some("README.md") {
        violations.push(format!("{name} does not name its README.md"));
    }
    if field("description").is_none() {
        violations.push(format!("{name} has no description"));
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let dependencies = manifest.get(table).and_then(Value::as_table);
        for (dependency, value) in dependencies.into_iter().flatten() {
            if !is_inherited(Some(value)) {
                violations.push(format!("{name} gives {dependency} a version of its own"));
            }
        }
    }
    violations
}

fn parse(text: &str) -> Table {
    text.parse().expect("a manifest is TOML")
}

#[test]
fn every_crate_inherits_what_the_workspace_decides() {
    for (name, member) in load() {
        let manifest = parse(&read(&member.folder.join("Cargo.toml")));
        assert_none(&manifest_violations(&name, &manifest));
    }
}

#[test]
fn every_crate_says_what_it_is() {
    for (name, member) in load() {
        let readme = read(&member.folder.join("README.md"));
        assert!(
            readme.starts_with(&format!("# {name}\n")),
            "{name}: {readme}"
        );
        assert!(
            readme.lines().count() > 3,
            "{name}: its README says nothing"
        );
        let library = member.folder.join("src/lib.rs");
        if name != "e2e" && library.exists() {
            assert!(
                read(&library).contains("#![doc = include_str!(\"../README.md\")]"),
                "{name}: the examples of its README are not tested"
            );
        }
    }
}

#[test]
fn the_licences_are_in_the_root() {
    let manifest = parse(&read(&root().join("Cargo.toml")));
    let licence = manifest["workspace"]["package"]["license"].as_str();
    assert_eq!(licence, Some("MIT OR Apache-2.0"));
    assert!(read(&root().join("LICENSE-MIT")).contains("Permission is hereby granted"));
    assert!(read(&root().join("LICENSE-APACHE")).contains("Version 2.0, January 2004"));
}

#[test]
fn every_folder_of_crates_is_a_crate_of_its_name() {
    let workspace = load();
    for entry in fs::read_dir(root().join("crates")).expect("crates can be listed") {
        let entry = entry.expect("crates can be listed");
        let name = entry.file_name().into_string().expect("it is UTF-8");
        let member = workspace.get(&name);
        assert!(
            member.is_some_and(|member| member.folder == entry.path()),
            "crates/{name} does not hold the crate {name}"
        );
    }
}

const SOUND: &str = r#"
    lints.workspace = true
    package.name = "x"
    package.description = "x"
    package.version.workspace = true
    package.edition.workspace = true
    package.rust-version.workspace = true
    package.license.workspace = true
    package.readme = "README.md"
    dependencies.serde = { workspace = true, features = ["derive"] }
"#;

#[test]
fn each_fault_of_a_manifest_is_found() {
    assert_none(&manifest_violations("x", &parse(SOUND)));
    let faults = [
        ("lints.workspace = true", "", "lints"),
        ("lints.workspace = true", "lints.rust.a = 'allow'", "lints"),
        ("version.workspace = true", "version = '1.0.0'", "`version`"),
        (
            "package.license.workspace = true",
            "package.license = 'MIT'",
            "`license`",
        ),
        ("readme = \"README.md\"", "readme = false", "README.md"),
        ("package.description = \"x\"", "", "description"),
        ("{ workspace = true,", "{ version = '1',", "serde"),
    ];
    for (from, to, naming) in faults {
        let text = SOUND.replacen(from, to, 1);
        assert_ne!(text, SOUND);
        assert_one(&manifest_violations("x", &parse(&text)), &["x", naming]);
    }
}
