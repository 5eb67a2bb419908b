//! What source code may not say, and where it may all the same. A plain scan of the text: comments
//! and unit tests are left out, strings are not.

use std::fs;
use std::path::Path;

use crate::{assert_none, assert_one, read, root};

/// Words that may stand only in some files.
struct Rule {
    why: &'static str,
    /// Each is found where no letter, digit or `_` stands before it.
    words: &'static [&'static str],
    /// Files, or folders ending in `/`, in which they may stand. Each must need it.
    except: &'static [&'static str],
}

const UNSAFE: Rule = Rule {
    why: "there is no unsafe code",
    words: &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"],
    except: &[],
};

const PRINT: Rule = Rule {
    why: "only the surfaces print",
    words: &[
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "dbg!",
        "stdout()",
        "stderr()",
    ],
    except: &[
        "crates/artifact-cli/src/",
        "crates/artifact-http/src/main.rs",
    ],
};

const ENVIRONMENT: Rule = Rule {
    why: "the environment is read in one place and handed on",
    words: &[
        "std::env",
        "env::args",
        "env::current_dir",
        "env::current_exe",
        "env::home_dir",
        "env::set_",
        "env::temp_dir",
        "env::var",
    ],
    except: &[
        "crates/artifact-bootstrap/src/settings/sources.rs",
        "crates/artifact-cli/src/",
        // How long a property test runs, in the variable that its library reads.
        "crates/artifact-testkit/src/contract/index/stateful/mod.rs",
    ],
};

const TIME: Rule = Rule {
    why: "the time is told by the port Clock",
    words: &[
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "Utc::now",
        "Local::now",
        "now_v7",
        "now_v1",
    ],
    except: &[
        "crates/artifact-bootstrap/src/clock.rs",
        // the suites compare times with those that a file system and other processes give
        "crates/artifact-testkit/src/",
    ],
};

const RULES: [&Rule; 4] = [&UNSAFE, &PRINT, &ENVIRONMENT, &TIME];

/// Where a file is split by responsibility, in lines before its tests.
const MAX_LINES: usize = 500;

/// One source file of a crate.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The lines that are built into the crate, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{')
        });
        let length = tests.unwrap_or(lines.len());
        (1..).zip(lines).take(length)
    }
}

fn is_in(path: &str, place: &str) -> bool {
    path == place || (place.ends_with('/') && path.starts_with(place))
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

/// The lines of `source` that say what the rule forbids, whether or not it may.
fn sayings(rule: &Rule, source: &Source) -> Vec<String> {
    source
        .code()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| rule.words.iter().any(|word| has_word(line, word)))
        .map(|(number, line)| format!("{}:{number}: {}: {}", source.path, rule.why, line.trim()))
        .collect()
}

fn offences(rule: &Rule, sources: &[Source]) -> Vec<String> {
    let excepted = |path: &str| rule.except.iter().any(|place| is_in(path, place));
    sources
        .iter()
        .filter(|source| !excepted(&source.path))
        .flat_map(|source| sayings(rule, source))
        .collect()
}

/// Exceptions that nothing needs any more.
fn idle_exceptions(rule: &Rule, sources: &[Source]) -> Vec<String> {
    let needed = |place: &str| {
        let mut there = sources.iter().filter(|source| is_in(&source.path, place));
        there.any(|source| !sayings(rule, source).is_empty())
    };
    rule.except
        .iter()
        .filter(|place| !needed(place))
        .map(|place| format!("{place} needs no exception from: {}", rule.why))
        .collect()
}

fn without_a_reason(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| {
            !["//! ", "#![doc = include_str!"]
                .iter()
                .any(|start| source.text.starts_with(start))
        })
        .map(|source| format!("{} does not begin with why it exists", source.path))
        .collect()
}

fn too_long(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .map(|source| (source, source.code().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(source, lines)| format!("{} has {lines} lines", source.path))
        .collect()
}

/// What lies below `src/` of every crate, but for folders of unit tests.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("crates")).expect("crates can be listed") {
        let entry = entry.expect("crates can be listed");
        collect(&entry.path().join("src"), &mut found);
    }
    assert!(found.len() > 50, "only {} sources were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} cannot be listed: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder of sources can be listed").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root()).expect("it lies in the workspace");
            let relative = relative.to_string_lossy().replace('\\', "/");
            found.push(Source::new(relative, read(&path)));
        }
    }
}

#[test]
fn there_is_no_unsafe_code() {
    assert_none(&offences(&UNSAFE, &sources()));
}

#[test]
fn only_the_surfaces_print() {
    assert_none(&offences(&PRINT, &sources()));
}

#[test]
fn the_environment_is_read_in_one_place() {
    assert_none(&offences(&ENVIRONMENT, &sources()));
}

#[test]
fn the_clock_is_read_in_one_place() {
    assert_none(&offences(&TIME, &sources()));
}

#[test]
fn every_exception_is_needed() {
    let sources = sources();
    for rule in RULES {
        assert_none(&idle_exceptions(rule, &sources));
    }
}

#[test]
fn every_file_says_why_it_exists() {
    assert_none(&without_a_reason(&sources()));
}

#[test]
fn no_file_is_too_long() {
    assert_none(&too_long(&sources()));
}

#[test]
fn every_word_of_every_rule_is_found() {
    for rule in RULES {
        for word in rule.words {
            let source = Source::new("crates/x/src/lib.rs", format!("\n    let x = {word}(1);"));
            assert_one(
                &offences(rule, &[source]),
                &["src/lib.rs:2", rule.why, word],
            );
        }
    }
}

#[test]
fn comments_tests_and_parts_of_words_are_no_offence() {
    let text = "//! Never `println!`.\n\
                my_println!(\"x\");\n\
                /// println!(\"x\");\n\
                #[cfg(test)]\n\
                mod tests {\n    println!(\"x\");\n}\n";
    assert_none(&offences(
        &PRINT,
        &[Source::new("crates/x/src/lib.rs", text)],
    ));
    // a test module in a file of its own does not end the code
    let text = "#[cfg(test)]\nmod tests;\nprintln!(\"x\");\n";
    assert_one(
        &offences(&PRINT, &[Source::new("crates/x/src/lib.rs", text)]),
        &["lib.rs:3"],
    );
}

#[test]
fn an_exception_holds_for_its_place_alone_and_must_be_needed() {
    let at = |path: &str| Source::new(path, "println!(\"x\");");
    assert_none(&offences(&PRINT, &[at("crates/artifact-cli/src/main.rs")]));
    assert_one(
        &offences(&PRINT, &[at("crates/artifact-cli2/src/x.rs")]),
        &["cli2"],
    );
    let silent = Source::new("crates/artifact-cli/src/main.rs", "fn main() {}");
    let server = at("crates/artifact-http/src/main.rs");
    assert_one(
        &idle_exceptions(&PRINT, &[silent, server]),
        &["artifact-cli/src/"],
    );
}

#[test]
fn a_file_without_a_reason_or_an_end_is_found() {
    let sources = [Source::new(
        "crates/x/src/a.rs",
        "use std::fs;\n".repeat(501),
    )];
    assert_one(&without_a_reason(&sources), &["a.rs"]);
    assert_one(&too_long(&sources), &["a.rs", "501"]);
}
