//! The default file and `docs/configuration.md` say what the schema says.

use std::fs;

use crate::settings::template::table_rows;
use crate::settings::{Origin, default_file};

use super::{toml, yaml};

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_default_file_sets_every_key_to_its_default() {
    let machine = yaml(&default_file());
    let loaded = machine.load().unwrap();
    fs::remove_file(loaded.file.as_ref().unwrap()).unwrap();
    assert_eq!(loaded.settings, machine.settings());
    for effective in loaded.effective().unwrap() {
        let from_file = matches!(effective.origin, Origin::File(_));
        assert_eq!(from_file, effective.key != "base_path", "{effective}");
    }
}

#[test]
fn the_default_file_shows_the_base_path_to_uncomment() {
    let text = default_file().replace("# base_path: ~", "base_path: ~");
    let machine = yaml(&text);
    let loaded = machine.load().unwrap();
    assert_eq!(
        loaded.settings.base_path,
        super::home(&machine, ".local/share/artifact-store")
    );
    assert!(
        loaded
            .effective()
            .unwrap()
            .iter()
            .all(|one| one.origin != Origin::Default)
    );
}

#[test]
fn the_document_has_a_row_for_every_key() {
    let document = document();
    let rows = table_rows();
    for row in &rows {
        assert!(
            document.contains(row),
            "docs/configuration.md lacks the row\n{row}"
        );
    }
    let documented = document
        .lines()
        .filter(|line| line.contains("| `ARTIFACT_"))
        .count();
    assert_eq!(
        documented,
        rows.len(),
        "docs/configuration.md has rows of unknown keys"
    );
}

/// The fenced blocks of one language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    document
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_examples_of_the_document_load() {
    let document = document();
    let (yamls, tomls) = (blocks(&document, "yaml"), blocks(&document, "toml"));
    assert!(
        yamls.len() >= 2 && !tomls.is_empty(),
        "the examples are gone"
    );
    for block in yamls {
        yaml(&block)
            .load()
            .unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    for block in tomls {
        toml(&block)
            .load()
            .unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}
