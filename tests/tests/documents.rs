//! Every `console` example of the documents is run, and prints what the page says. In an example a
//! line that begins with `$ ` is typed, the lines after it are printed; `…` stands for anything.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Outcome, Sandbox, Server, artifact};

/// A typed line and what is to be printed for it.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    typed: String,
    printed: Vec<String>,
}

/// The examples of a page, each a list of steps.
fn examples(page: &str) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    let mut open: Option<Vec<Step>> = None;
    for line in page.lines() {
        match (&mut open, line) {
            (None, "```console") => open = Some(Vec::new()),
            (Some(_), "```") => found.extend(open.take()),
            (Some(steps), line) => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(typed), _) => {
                    steps.push(Step {
                        typed: typed.to_owned(),
                        printed: Vec::new(),
                    });
                }
                (None, Some(step)) => step.printed.push(line.to_owned()),
                (None, None) => panic!("an example begins with output: {line}"),
            },
            (None, _) => {}
        }
    }
    found
}

/// Whether a printed line is the expected one, where `…` stands for anything.
fn matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn root() -> PathBuf {
    let tests = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder");
    Path::new(&tests)
        .parent()
        .expect("it lies in the project")
        .to_owned()
}

/// Runs the examples of a page one after another in one sandbox that has the project's own files.
fn run(page: &str) {
    run_in(Sandbox::new(), page);
}

fn run_in(store: Sandbox, page: &str) {
    let folder = artifact().parent().expect("a program lies in a folder");
    let path = std::env::var("PATH").expect("there is a search path");
    let store = store.with_env("PATH", format!("{}:{path}", folder.display()));
    fs::copy(root().join("README.md"), store.work("README.md")).expect("it can be copied");
    fs::create_dir_all(store.work("docs/adr")).expect("it can be made");
    for file in ["docs/configuration.md", "docs/adr/0001-index-engines.md"] {
        fs::copy(root().join(file), store.work(file)).expect("it can be copied");
    }
    let text = fs::read_to_string(root().join(page)).expect("the page can be read");
    let examples = examples(&text);
    assert!(!examples.is_empty(), "{page} has no examples");
    for step in examples.iter().flatten() {
        let mut shell = store.other("sh");
        let output = shell
            .args(["-euc", &step.typed])
            .output()
            .expect("a shell can be started");
        let outcome = Outcome::from_output(&[&step.typed], output).expect_code(0);
        let printed: Vec<_> = outcome.text().lines().collect();
        let same = printed.len() == step.printed.len()
            && printed
                .iter()
                .zip(&step.printed)
                .all(|(line, wanted)| matches(wanted, line));
        assert!(same, "{page} says {:#?}\nfor\n{outcome}", step.printed);
    }
}

#[test]
fn the_examples_of_the_readme_are_true() {
    run("README.md");
}

#[test]
fn the_examples_of_the_guide_are_true() {
    run("docs/guide.md");
}

#[test]
fn the_examples_of_the_guard_are_true() {
    run("docs/ingest-guard.md");
}

#[test]
fn every_rule_of_the_guard_is_documented() {
    let text = fs::read_to_string(root().join("docs/ingest-guard.md")).expect("it can be read");
    let (_, table) = text.split_once("| rule |").expect("there is a table");
    let documented: Vec<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .collect();
    let rules: Vec<_> = artifact_guard::rules()
        .map(|rule| format!("{}` | {} |", rule.name(), rule.about()))
        .collect();
    assert_eq!(documented, rules);
}

#[test]
fn the_examples_of_editing_are_true() {
    run("docs/editing.md");
}

#[test]
fn the_examples_of_retention_are_true() {
    run("docs/retention.md");
}

#[test]
fn the_examples_of_the_page_on_tiers_are_true() {
    run("docs/tiers.md");
}

#[test]
fn the_examples_of_usage_and_quota_are_true() {
    run("docs/quota.md");
}

#[test]
fn the_examples_of_the_chapter_on_comparing_are_true() {
    run("docs/compare.md");
}

#[test]
fn the_examples_of_the_queries_are_true() {
    run("docs/queries.md");
}

#[test]
fn the_examples_of_the_page_on_buckets_are_true() {
    run_in(Sandbox::with_bucket("sqlite"), "docs/backends.md");
}

#[test]
fn the_examples_of_the_export_page_are_true() {
    run("docs/export.md");
}

#[test]
fn the_examples_of_the_rules_of_a_bucket_are_true() {
    run("docs/bucket-rules.md");
}

#[test]
fn the_examples_of_the_doctor_are_true() {
    run("docs/doctor.md");
}

#[test]
fn the_examples_of_the_page_on_the_server_are_true() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    let url = server.url.clone();
    run_in(store.with_env("STORE", url), "docs/http.md");
}

#[test]
fn the_examples_of_the_page_on_access_are_true() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    let url = server.url.clone();
    run_in(store.with_env("STORE", url), "docs/access.md");
}

#[test]
fn an_example_that_is_not_true_is_found() {
    let page = "```console\n$ a\nb … c\n$ d\n```\ntext\n";
    let step = |typed: &str, printed: &[&str]| Step {
        typed: typed.to_owned(),
        printed: printed.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(
        examples(page),
        [vec![step("a", &["b … c"]), step("d", &[])]]
    );
    assert!(matches("b … c", "b anything c") && matches("…", "") && matches("x", "x"));
    assert!(!matches("b … c", "b anything d") && !matches("x", "xy") && !matches("x…", "y"));
}
