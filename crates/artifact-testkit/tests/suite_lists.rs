//! A case that no suite lists runs nowhere: the lists are compared with the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names between `begin` and `end` on lines of their own.
fn names(text: &str, begin: &str, end: char) -> Vec<String> {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(begin));
    let names = lines.filter_map(|line| line.split_once(end));
    names
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .collect()
}

#[test]
fn every_case_is_listed_once() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let suite = fs::read_to_string(sources.join("suite.rs")).unwrap();
    let listed = names(&suite, "", ',');
    let distinct: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len(), "a name is listed twice");
    let mut written = BTreeSet::new();
    for port in [
        "audit",
        "authenticator",
        "blob_store",
        "bucket_rules",
        "index",
        "lock",
    ] {
        for entry in fs::read_dir(sources.join("contract").join(port)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = fs::read_to_string(path).unwrap();
                written.extend(names(&text, "pub async fn ", '('));
            }
        }
    }
    assert!(
        written.len() > 100,
        "only {} cases were found",
        written.len()
    );
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), written);
}
