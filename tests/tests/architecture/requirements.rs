//! That `docs/requirements.md` has a row for every requirement, and that what it calls done has
//! tests and a document that exist.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use crate::{assert_none, assert_one, read, root};

/// The numbers that were given.
const NUMBERS: [RangeInclusive<u32>; 9] = [
    1..=9,
    10..=16,
    20..=23,
    30..=39,
    40..=50,
    60..=61,
    70..=74,
    80..=85,
    90..=90,
];

/// One line of the table.
struct Row {
    number: u32,
    done: bool,
    tests: Vec<String>,
    document: String,
}

/// Parses a line of the table, of which the feature is for people alone:
///
/// ```text
/// | R1 | feature | done | `a_test`, `another` | [title](document.md) |
/// | R2 | feature | not yet | | |
/// ```
fn parse(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').collect();
    let [number, _, status, tests, document] = cells.as_slice() else {
        return None;
    };
    let done = match status.trim() {
        "done" => true,
        "not yet" => false,
        _ => return None,
    };
    let target = document.split_once("](").and_then(|(_, rest)| {
        let (target, _) = rest.split_once(')')?;
        target.split('#').next()
    });
    Some(Row {
        number: number.trim().strip_prefix('R')?.parse().ok()?,
        done,
        tests: tests
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect(),
        document: target.unwrap_or_default().to_owned(),
    })
}

/// What is wrong with the table, given the names of all tests and of all documents.
fn table_violations(
    text: &str,
    tests: &BTreeSet<String>,
    documents: &BTreeSet<String>,
) -> Vec<String> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| R")) {
        let Some(row) = parse(line) else {
            violations.push(format!("the row cannot be understood: {line}"));
            continue;
        };
        let number = row.number;
        if !seen.insert(number) {
            violations.push(format!("R{number} has two rows"));
        }
        if row.done && row.tests.is_empty() {
            violations.push(format!("R{number} is done but names no test"));
        }
        if row.done && row.document.is_empty() {
            violations.push(format!("R{number} is done but names no document"));
        }
        for test in row.tests.iter().filter(|test| !tests.contains(*test)) {
            violations.push(format!(
                "R{number} names the test {test}, which does not exist"
            ));
        }
        if !row.document.is_empty() && !documents.contains(&row.document) {
            violations.push(format!(
                "R{number} names the document {}, which does not exist",
                row.document
            ));
        }
    }
    let given: BTreeSet<u32> = NUMBERS.into_iter().flatten().collect();
    violations.extend(
        given
            .difference(&seen)
            .map(|gone| format!("R{gone} has no row")),
    );
    violations.extend(
        seen.difference(&given)
            .map(|new| format!("R{new} is no requirement")),
    );
    violations
}

/// The names of all tests below a folder; a case of a contract is a test wherever its suite runs.
fn test_names(folder: &Path, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} cannot be listed: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder of sources can be listed").path();
        if path.is_dir() {
            test_names(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_contract = path.components().any(|part| part.as_os_str() == "contract");
            found.extend(tests_in(&read(&path), is_contract));
        }
    }
}

/// The functions with an attribute that makes them tests; of a contract all functions.
fn tests_in(text: &str, is_contract: bool) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = is_contract;
    for line in text.lines().map(str::trim_start) {
        if let Some(name) = function_name(line) {
            if is_test {
                names.push(name);
            }
            is_test = is_contract;
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
    }
    names
}

fn function_name(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("fn ")?;
    let declares = before
        .split_whitespace()
        .all(|word| word == "async" || word.starts_with("pub"));
    let end = rest.find(['(', '<'])?;
    declares.then(|| rest[..end].to_owned())
}

#[test]
fn every_requirement_is_accounted_for() {
    let mut tests = BTreeSet::new();
    test_names(&root().join("crates"), &mut tests);
    test_names(&root().join("tests"), &mut tests);
    let docs = root().join("docs");
    let text = read(&docs.join("requirements.md"));
    let documents = text
        .lines()
        .filter_map(parse)
        .map(|row| row.document)
        .filter(|document| docs.join(document).is_file())
        .collect();
    assert_none(&table_violations(&text, &tests, &documents));
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "#[tokio::test(flavor = \"x\")]\n#[cfg(unix)]\nasync fn a_test() {\n}\n\
                pub async fn other<T>() {}\n// fn gone() {}\n    #[test]\n    fn inner(x in 1..2) {}";
    assert_eq!(tests_in(text, false), ["a_test", "inner"]);
    assert_eq!(tests_in(text, true), ["a_test", "other", "inner"]);
}

#[test]
fn each_fault_of_the_table_is_found() {
    let given = NUMBERS.into_iter().flatten();
    let rows = given.map(|number| format!("| R{number} | a feature | not yet | | |\n"));
    let sound = rows.collect::<Vec<_>>().concat();
    let tests = BTreeSet::from(["a_test".to_owned()]);
    let documents = BTreeSet::from(["a.md".to_owned()]);
    let faults = [
        ("", ""),
        ("| done | `a_test` | [a](a.md#here) |", ""),
        ("| done | | [a](a.md) |", "R3 is done but names no test"),
        ("| done | `a_test` | |", "R3 is done but names no document"),
        (
            "| done | `b_test` | [a](a.md) |",
            "b_test, which does not exist",
        ),
        (
            "| done | `a_test` | [b](b.md) |",
            "b.md, which does not exist",
        ),
        ("| nearly | | |", "cannot be understood"),
    ];
    for (cells, naming) in faults {
        let row = "| R3 | a feature | not yet | | |\n";
        let text = match cells {
            "" => sound.clone(),
            cells => sound.replace(row, &format!("| R3 | a feature {cells}\n")),
        };
        let mut violations = table_violations(&text, &tests, &documents);
        violations.retain(|violation| violation != "R3 has no row");
        if naming.is_empty() {
            assert_none(&violations);
        } else {
            assert_one(&violations, &[naming]);
        }
    }
    let twice = format!("{sound}| R90 | a feature | not yet | | |\n");
    assert_one(
        &table_violations(&twice, &tests, &documents),
        &["R90 has two rows"],
    );
    let new = format!("{sound}| R91 | a feature | not yet | | |\n");
    assert_one(
        &table_violations(&new, &tests, &documents),
        &["R91 is no requirement"],
    );
    let gone = sound.replace("| R50 | a feature | not yet | | |\n", "");
    assert_one(
        &table_violations(&gone, &tests, &documents),
        &["R50 has no row"],
    );
}
