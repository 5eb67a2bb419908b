//! Damage that no process did: flipped bytes, files cut short or taken away, in the blobs, the
//! metadata beside them and the index. `verify` finds it, and what can be healed is healed. On
//! every engine.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Outcome, Sandbox, tree};
use serde_json::Value;

const ENGINES: [&str; 2] = ["sqlite", "sled"];

/// A store with some artifacts, and everything that a search finds in it.
struct Filled {
    store: Sandbox,
    before: Vec<Value>,
}

impl Filled {
    fn each() -> impl Iterator<Item = Self> {
        ENGINES.into_iter().map(Self::on)
    }

    fn on(index: &str) -> Self {
        let store = Sandbox::with_index(index).with_env("ARTIFACT_VERSIONING__ENABLED", "true");
        for version in 1..=3 {
            store.write("versioned", tree::prose(version, 3_000));
            store.ok(&["upload", "versioned", "--task", "a", "--tag", "kind=text"]);
        }
        store.write("folder/noise", tree::noise(1, 50_000));
        store.write("folder/prose", tree::prose(9, 50_000));
        store.write("folder/empty", "");
        let folder = ["upload", "folder", "--task", "b", "--tag", "kind=tree"];
        store.ok(&[&folder[..], &["--meta", r#"n={"a":[1]}"#, "--no-progress"]].concat());
        let mut filled = Self {
            store,
            before: Vec::new(),
        };
        filled.before = filled.found();
        assert_eq!(filled.before.len(), 6);
        assert_eq!(filled.verify(&[], 0).len(), 1, "a sound store has findings");
        filled
    }

    fn found(&self) -> Vec<Value> {
        let mut found = self.store.json(&["search", "--all-versions"]);
        found.sort_by_key(|record| record["id"].to_string());
        found
    }

    /// What `verify` says, and a last line that sums up.
    #[track_caller]
    fn verify(&self, args: &[&str], code: i32) -> Vec<Value> {
        let args = [&["verify", "--json"], args].concat();
        self.store.run(&args).expect_code(code).objects()
    }

    /// The blob of an artifact, by what is in its path.
    #[track_caller]
    fn blob(&self, part: &str) -> PathBuf {
        let mut blobs = self.store.blobs();
        blobs.retain(|path| path.to_string_lossy().contains(part));
        assert_eq!(blobs.len(), 1, "{part} is not one of {blobs:?}");
        blobs.remove(0)
    }

    fn lose_index(&self) {
        for path in self.store.index_files() {
            tree::remove(&path);
        }
    }

    fn lose_metadata(&self) {
        for path in self.store.metadata() {
            tree::remove(&path);
        }
    }

    /// Without the index nothing is found, and its loss is said; with it everything is again.
    #[track_caller]
    fn assert_rebuilt(&self) -> Outcome {
        for verb in ["search", "verify", "gc"] {
            let refused = self.store.run(&[verb]).expect_code(5);
            refused.says(&["index", "artifact reindex"]);
        }
        let outcome = self.store.run(&["reindex", "--json"]).expect_code(0);
        assert_eq!(self.found(), self.before, "{outcome}");
        self.verify(&[], 0);
        outcome
    }

    /// A blob that is not what it was is found, marked, and nothing else is touched; once it is
    /// what it was, the mark goes.
    #[track_caller]
    fn assert_found_and_marked(&self, blob: &Path, word: &str, damage: impl Fn(&Path)) {
        let (bytes, others) = (fs::read(blob).expect("it can be read"), self.store.blobs());
        damage(blob);
        let damaged = fs::read(blob).ok();
        let finding = &self.verify(&[], 5)[0];
        assert_eq!(finding["finding"], word, "{finding}");
        let id = finding["id"].as_str().expect("an id is text");
        let record = self.before.iter().find(|record| record["id"] == id);
        let name = record.expect("it is one of them")["name"].as_str();
        assert!(blob.to_string_lossy().contains(name.unwrap_or("?")));
        assert!(matches!(
            self.store.run(&["download", id, "-o", "-"]).code,
            Some(3 | 5)
        ));

        let repaired = self.verify(&["--repair"], 5);
        assert_eq!(repaired.len(), 2, "{repaired:?}");
        let tag = format!("lost={word}");
        let marked = ["search", "--all-versions", "--tag", &tag];
        let marked = self.store.json(&marked);
        assert_eq!(marked.len(), 1);
        assert_eq!(marked[0]["id"], id);
        assert_eq!(fs::read(blob).ok(), damaged, "a repair has changed bytes");

        fs::write(blob, &bytes).expect("it can be written");
        assert_eq!(self.verify(&["--repair"], 0)[0]["finding"], "found");
        assert_eq!(self.found(), self.before);
        assert_eq!(self.store.blobs(), others);
        assert_eq!(self.verify(&[], 0).len(), 1);
    }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("it can be written");
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).expect("it can be read");
    fs::write(path, &bytes[..bytes.len() - 3]).expect("it can be written");
}

#[test]
fn a_flipped_byte_of_a_blob_is_found_and_marked() {
    for filled in Filled::each() {
        for part in ["/noise@", "/prose@", "/versioned@2"] {
            filled.assert_found_and_marked(&filled.blob(part), "damaged", flip);
        }
    }
}

#[test]
fn a_blob_that_is_cut_short_is_found_and_marked() {
    for filled in Filled::each() {
        filled.assert_found_and_marked(&filled.blob("/prose@"), "damaged", truncate);
        let empty = |path: &Path| fs::write(path, "").expect("it can be written");
        filled.assert_found_and_marked(&filled.blob("/versioned@3"), "damaged", empty);
    }
}

#[test]
fn a_blob_that_is_gone_is_found_and_marked() {
    for filled in Filled::each() {
        filled.assert_found_and_marked(&filled.blob("/empty@"), "missing", tree::remove);
    }
}

#[test]
fn metadata_that_is_gone_is_written_again() {
    for filled in Filled::each() {
        filled.lose_metadata();
        let findings = filled.verify(&[], 5);
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert_eq!([&findings[0]["behind"], &findings[1]["behind"]], [3, 3]);
        filled.verify(&["--repair"], 0);
        assert_eq!(filled.verify(&[], 0).len(), 1);
        // It is as good as it was: the index can be had from it alone.
        filled.lose_index();
        filled.assert_rebuilt();
    }
}

#[test]
fn metadata_with_a_flipped_byte_or_cut_short_is_written_again() {
    for filled in Filled::each() {
        for damage in [flip, truncate] {
            for path in filled.store.metadata() {
                damage(&path);
            }
            let findings = filled.verify(&[], 5);
            assert_eq!(findings[0]["finding"], "metadata", "{findings:?}");
            filled.verify(&["--repair"], 0);
            assert_eq!(filled.verify(&[], 0).len(), 1);
            filled.lose_index();
            filled.assert_rebuilt();
        }
    }
}

#[test]
fn gc_writes_lost_metadata_again_too() {
    for filled in Filled::each() {
        filled.lose_metadata();
        filled.store.ok(&["gc"]);
        filled.verify(&[], 0);
        filled.lose_index();
        filled.assert_rebuilt();
    }
}

#[test]
fn an_index_that_is_gone_is_rebuilt() {
    for filled in Filled::each() {
        filled.lose_index();
        filled.assert_rebuilt();
    }
}

#[test]
fn an_index_that_is_damaged_is_set_aside_and_rebuilt() {
    for (index, file) in [("sqlite", "index.sqlite"), ("sled", "index.sled/db/db")] {
        for damage in [
            // Much of a file of sled is room for more, which nobody would miss.
            |bytes: &[u8]| bytes[..bytes.len() / 100].to_vec(),
            |bytes: &[u8]| tree::noise(1, bytes.len()),
        ] {
            let filled = Filled::on(index);
            let path = filled.store.store(file);
            let bytes = fs::read(&path).expect("it can be read");
            fs::write(&path, damage(&bytes)).expect("it can be written");
            filled.assert_rebuilt().says(&["set aside", ".damaged-1"]);
        }
    }
}

#[test]
fn without_index_and_metadata_the_bytes_and_names_come_back() {
    for filled in Filled::each() {
        filled.lose_index();
        filled.lose_metadata();
        let outcome = filled.store.run(&["reindex", "--json"]).expect_code(0);
        let report = outcome.objects();
        assert_eq!(report[6]["recovered"], 6, "{outcome}");
        for finding in &report[..6] {
            assert_eq!(finding["finding"], "recovered");
        }
        let found = filled.found();
        assert_eq!(found.len(), 6);
        for (found, before) in found.iter().zip(&filled.before) {
            for key in ["id", "uri", "version", "state", "sha256", "size_bytes"] {
                assert_eq!(found[key], before[key]);
            }
            assert_eq!(found["tags"], serde_json::json!({}));
        }
        filled.verify(&[], 0);
        // What was recovered is written beside the blobs again.
        filled.lose_index();
        filled.store.ok(&["reindex"]);
        assert_eq!(filled.found(), found);
    }
}

#[test]
fn damage_of_everything_at_once_costs_what_was_damaged_alone() {
    for filled in Filled::each() {
        let blob = filled.blob("/prose@");
        flip(&blob);
        let damaged = fs::read(&blob).expect("it can be read");
        filled.lose_index();
        filled.lose_metadata();
        let outcome = filled.store.run(&["reindex", "--json"]).expect_code(5);
        let findings = outcome.objects();
        let unreadable = findings.iter().find(|one| one["finding"] == "unreadable");
        let path = unreadable.expect("it cannot be read")["path"].as_str();
        assert!(blob.ends_with(path.expect("a path is text")), "{outcome}");
        assert_eq!(findings.last().expect("it sums up")["recovered"], 5);
        assert_eq!(filled.found().len(), 5);
        assert_eq!(fs::read(&blob).expect("it is there"), damaged);
    }
}
