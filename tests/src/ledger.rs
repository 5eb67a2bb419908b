//! What a store has acknowledged, and so has to hold to whatever was killed since: a model of its
//! promises, compared with what is found. Knows no process; it is told what was tried and said.

mod edits;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use edits::Edits;

/// How an artifact is treated by those who write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Written with versioning on, and never deleted: every version stays.
    EveryVersion,
    /// Written with versioning off, and never deleted: the newest version stays.
    Newest,
    /// Written once, and perhaps deleted.
    Once,
}

/// Whether the index was rebuilt since the last comparison while the metadata beside the blobs
/// may have lacked what came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// It knows all that it ever knew.
    Kept,
    /// What killed processes had not written beside the blobs was recovered from the blobs.
    Rebuilt,
}

/// What whoever reads an address now must find there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This version, or a newer one.
    AtLeast(u64),
    /// Something or nothing.
    Anything,
    /// Nothing: its deletion was acknowledged.
    Nothing,
}

/// What is known of one try to upload.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    /// Its process was killed, or has not said anything yet.
    Open,
    /// It stands. What was said of it, and whether that was written beside the blobs too.
    Stands { said: Value, is_settled: bool },
    /// It must not be found any more: it failed, was superseded, deleted or cleared.
    Gone,
}

/// One try to upload. No two have the same bytes, so their digest tells whose a version is.
#[derive(Debug)]
struct Attempt {
    sha256: String,
    outcome: Outcome,
    edits: Edits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deletion {
    None,
    Tried,
    Acknowledged,
}

#[derive(Debug)]
struct Artifact {
    life: Life,
    attempts: Vec<Attempt>,
    /// How often an upload was made again that had been cut off.
    repetitions: usize,
    deletion: Deletion,
    /// A rebuild may have brought back what an upload that was cut off had superseded.
    may_be_doubled: bool,
}

/// What must be found, by address.
#[derive(Debug, Default)]
pub struct Ledger {
    artifacts: BTreeMap<String, Artifact>,
    /// Since the last comparison artifacts whose addresses begin so may have moved to other tiers.
    moving: BTreeSet<String>,
}

/// What a move to another tier changes.
const PLACE: [&str; 3] = ["state", "tier", "archived_at"];

/// What a rebuild gives back even of a version that no metadata names.
const CORE: [&str; 8] = [
    "id",
    "uri",
    "version",
    "state",
    "size_bytes",
    "stored_size_bytes",
    "sha256",
    "compressed",
];

impl Ledger {
    /// An upload is going to be tried.
    #[track_caller]
    pub fn try_upload(&mut self, uri: &str, life: Life, sha256: &str) {
        let artifact = self.artifacts.entry(uri.to_owned()).or_insert(Artifact {
            life,
            attempts: Vec::new(),
            repetitions: 0,
            deletion: Deletion::None,
            may_be_doubled: false,
        });
        assert_eq!(artifact.life, life, "{uri} is treated in two ways");
        assert!(artifact.of(sha256).is_none(), "{uri}: the same bytes twice");
        artifact.attempts.push(Attempt {
            sha256: sha256.to_owned(),
            outcome: Outcome::Open,
            edits: Edits::default(),
        });
    }

    /// An upload that was cut off is going to be made again, so that its bytes stand once.
    pub fn try_again(&mut self, uri: &str) {
        let artifact = self.artifacts.get_mut(uri).expect("it was tried");
        artifact.repetitions += 1;
    }

    /// A record was printed by an upload: it was acknowledged. Its process has ended by itself if
    /// `is_settled`.
    #[track_caller]
    pub fn acknowledge(&mut self, said: &Value, is_settled: bool) {
        let attempt = self.attempt(said);
        assert_eq!(attempt.outcome, Outcome::Open, "said twice: {said}");
        // A newer one had superseded it already.
        attempt.outcome = if said["state"] == "DELETED" {
            Outcome::Gone
        } else {
            let said = said.clone();
            Outcome::Stands { said, is_settled }
        };
    }

    /// An upload ended with an error.
    pub fn fail(&mut self, uri: &str, sha256: &str) {
        let artifact = self.artifacts.get_mut(uri).expect("it was tried");
        let attempt = artifact.of(sha256).expect("it was tried");
        // Of a batch some may have been acknowledged all the same.
        if attempt.outcome == Outcome::Open {
            attempt.outcome = Outcome::Gone;
        }
    }

    /// A deletion is going to be tried.
    pub fn try_delete(&mut self, uri: &str) {
        let artifact = self.artifacts.get_mut(uri).expect("it was uploaded");
        assert_eq!(artifact.life, Life::Once, "{uri} is not to be deleted");
        if artifact.deletion == Deletion::None {
            artifact.deletion = Deletion::Tried;
        }
    }

    /// Artifacts whose addresses begin so are going to be moved, perhaps by several at once.
    pub fn try_move(&mut self, prefix: &str) {
        self.moving.insert(prefix.to_owned());
    }

    /// A deletion was acknowledged.
    pub fn delete(&mut self, uri: &str) {
        self.artifacts
            .get_mut(uri)
            .expect("it was uploaded")
            .deletion = Deletion::Acknowledged;
    }

    /// The tag `key` of a version is going to be set, and the same of its metadata.
    pub fn try_edit(&mut self, uri: &str, sha256: &str, key: &str, value: &str) {
        self.edits(uri, sha256).begin(key, value);
    }

    /// That was acknowledged.
    pub fn edit(&mut self, uri: &str, sha256: &str, key: &str, value: &str) {
        self.edits(uri, sha256).acknowledge(key, value);
    }

    /// That was refused.
    pub fn refuse_edit(&mut self, uri: &str, sha256: &str, key: &str, value: &str) {
        self.edits(uri, sha256).refuse(key, value);
    }

    fn edits(&mut self, uri: &str, sha256: &str) -> &mut Edits {
        let artifact = self.artifacts.get_mut(uri).expect("it was tried");
        &mut artifact.of(sha256).expect("it was tried").edits
    }

    /// What must be found at an address.
    pub fn expected(&self, uri: &str) -> Expected {
        let Some(artifact) = self.artifacts.get(uri) else {
            return Expected::Anything;
        };
        match artifact.deletion {
            Deletion::Acknowledged => Expected::Nothing,
            Deletion::Tried => Expected::Anything,
            Deletion::None => {
                let newest = artifact.standing().map(version).max();
                newest.map_or(Expected::Anything, Expected::AtLeast)
            }
        }
    }

    /// Every address that is written once and may be there.
    pub fn deletable(&self) -> Vec<String> {
        let may_be_there = |artifact: &Artifact| {
            artifact.life == Life::Once
                && artifact.deletion != Deletion::Acknowledged
                && artifact.standing().next().is_some()
        };
        self.artifacts
            .iter()
            .filter(|(_, artifact)| may_be_there(artifact))
            .map(|(uri, _)| uri.clone())
            .collect()
    }

    /// Whether these bytes were ever to be uploaded to that address.
    pub fn was_tried(&self, uri: &str, sha256: &str) -> bool {
        let artifact = self.artifacts.get(uri);
        artifact.is_some_and(|artifact| {
            let mut attempts = artifact.attempts.iter();
            attempts.any(|attempt| attempt.sha256 == sha256)
        })
    }

    /// Compares everything that is found, all versions of it, with what was acknowledged. What
    /// was left open is decided by it, and has to stay so. Gives what is wrong.
    pub fn compare(&mut self, found: &[Value], index: Index) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut by_uri: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for record in found {
            let uri = record["uri"].as_str().unwrap_or_default();
            by_uri.entry(uri).or_default().push(record);
        }
        for (uri, artifact) in &mut self.artifacts {
            let records = by_uri.remove(uri.as_str()).unwrap_or_default();
            let mut say = |what: String| wrong.push(format!("{uri}: {what}"));
            if self.moving.iter().any(|prefix| uri.starts_with(prefix)) {
                artifact.follow(&records);
            }
            artifact.compare(&records, index, &mut say);
        }
        self.moving.clear();
        wrong.extend(by_uri.keys().map(|uri| format!("{uri} was never uploaded")));
        wrong
    }

    /// Everything that stands is written beside the blobs by now.
    pub fn settle(&mut self) {
        for artifact in self.artifacts.values_mut() {
            for attempt in &mut artifact.attempts {
                if let Outcome::Stands { is_settled, .. } = &mut attempt.outcome {
                    *is_settled = true;
                }
            }
        }
    }

    /// How many uploads stand.
    pub fn standing(&self) -> usize {
        let artifacts = self.artifacts.values();
        artifacts.map(|artifact| artifact.standing().count()).sum()
    }

    #[track_caller]
    fn attempt(&mut self, said: &Value) -> &mut Attempt {
        let (uri, sha256) = (text(said, "uri"), text(said, "sha256"));
        let artifact = self.artifacts.get_mut(uri);
        let attempt = artifact.and_then(|artifact| artifact.of(sha256));
        attempt.unwrap_or_else(|| panic!("these bytes were never uploaded there: {said}"))
    }
}

impl Artifact {
    fn of(&mut self, sha256: &str) -> Option<&mut Attempt> {
        let mut attempts = self.attempts.iter_mut();
        attempts.find(|attempt| attempt.sha256 == sha256)
    }

    fn standing(&self) -> impl Iterator<Item = &Value> {
        self.attempts.iter().filter_map(Attempt::said)
    }

    /// Takes what is found of the place of what stands, which somebody may have changed.
    fn follow(&mut self, found: &[&Value]) {
        for attempt in &mut self.attempts {
            let mut own = found.iter().filter(|one| one["sha256"] == *attempt.sha256);
            let (Some(found), Outcome::Stands { said, .. }) = (own.next(), &mut attempt.outcome)
            else {
                continue;
            };
            let state = found["state"].as_str();
            if matches!(state, Some("ACTIVE" | "ARCHIVED")) {
                for key in PLACE {
                    said[key] = found[key].clone();
                }
            }
        }
    }

    fn compare(&mut self, found: &[&Value], index: Index, wrong: &mut impl FnMut(String)) {
        let versions: BTreeSet<u64> = found.iter().map(|record| version(record)).collect();
        if versions.len() < found.len() {
            wrong(format!("a version was given twice: {found:?}"));
        }
        let newest_found = versions.last().copied().unwrap_or(0);
        let newest_said = self.standing().map(version).max().unwrap_or(0);
        let is_open = |one: &Attempt| one.outcome == Outcome::Open;
        let has_open = self.attempts.iter().any(is_open);
        if self.deletion == Deletion::None && newest_found < newest_said {
            wrong(format!("version {newest_said} is lost"));
        }
        match self.life {
            Life::EveryVersion => {
                let tries = self.attempts.len() + self.repetitions;
                let others = tries - self.standing().count();
                let gaps = newest_found - versions.len() as u64;
                if gaps > others as u64 {
                    wrong(format!("{gaps} versions are missing: {versions:?}"));
                }
            }
            Life::Newest => {
                self.may_be_doubled |= has_open && index == Index::Rebuilt;
                self.may_be_doubled &= found.len() > 1;
                if found.len() > 1 && !self.may_be_doubled {
                    wrong(format!("superseded versions are there: {versions:?}"));
                }
            }
            Life::Once => {
                if self.deletion == Deletion::Acknowledged && !found.is_empty() {
                    wrong("it was deleted and is there".to_owned());
                }
            }
        }
        let may_go = self.deletion != Deletion::None;
        for attempt in &mut self.attempts {
            let mut own = found.iter().filter(|one| one["sha256"] == *attempt.sha256);
            let record = own.next().copied();
            if own.next().is_some() {
                wrong(format!("the same bytes stand twice: {}", attempt.sha256));
            }
            if let Some(record) = record {
                attempt.follow_edits(record, wrong);
            }
            let is_superseded = self.life == Life::Newest
                && attempt
                    .said()
                    .is_some_and(|said| version(said) < newest_found);
            attempt.compare(record, index, may_go || is_superseded, wrong);
        }
        for record in found {
            if self.of(text(record, "sha256")).is_none() {
                wrong(format!("nobody uploaded what is there: {record}"));
            }
        }
        // What was cut off has happened or it has not, for good.
        if self.deletion == Deletion::Tried {
            self.deletion = if found.is_empty() {
                Deletion::Acknowledged
            } else {
                Deletion::None
            };
        }
    }
}

impl Attempt {
    fn said(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Stands { said, .. } => Some(said),
            _ => None,
        }
    }

    /// Compares what was changed of it, and takes that over.
    fn follow_edits(&mut self, found: &Value, wrong: &mut impl FnMut(String)) {
        if self.edits.is_empty() {
            return;
        }
        self.edits.compare(found).into_iter().for_each(wrong);
        if let Outcome::Stands { said, .. } = &mut self.outcome {
            self.edits.follow(said, found);
        }
    }

    fn compare(
        &mut self,
        found: Option<&Value>,
        index: Index,
        may_go: bool,
        wrong: &mut impl FnMut(String),
    ) {
        match (&self.outcome, found) {
            (Outcome::Gone, Some(found)) => wrong(format!("it is gone and is there: {found}")),
            (Outcome::Stands { said, .. }, None) if !may_go => wrong(format!("lost: {said}")),
            (Outcome::Stands { said, is_settled }, Some(found)) => {
                let is_whole = *is_settled || index == Index::Kept;
                let same = if is_whole {
                    said == found
                } else {
                    CORE.iter().all(|key| said[key] == found[key])
                };
                if !same {
                    wrong(format!("it was\n  {said}\nand is\n  {found}"));
                }
            }
            _ => {}
        }
        let was_settled = matches!(
            self.outcome,
            Outcome::Stands {
                is_settled: true,
                ..
            }
        );
        self.outcome = found.map_or(Outcome::Gone, |found| Outcome::Stands {
            said: found.clone(),
            is_settled: was_settled,
        });
    }
}

fn version(record: &Value) -> u64 {
    record["version"].as_u64().expect("a version is a number")
}

#[track_caller]
fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key]
        .as_str()
        .unwrap_or_else(|| panic!("{record} has no {key}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URI: &str = "artifact://default/1/data/a";

    fn record(version: u64, sha256: &str) -> Value {
        json!({
            "uri": URI, "version": version, "sha256": sha256, "id": sha256, "state": "ACTIVE",
            "tags": { "a": "b" },
        })
    }

    /// Uploads of "1", "2", … that gave the versions 1, 2, …
    fn ledger(life: Life, acknowledged: u64) -> Ledger {
        let mut ledger = Ledger::default();
        for version in 1..=acknowledged {
            ledger.try_upload(URI, life, &version.to_string());
            ledger.acknowledge(&record(version, &version.to_string()), true);
        }
        ledger
    }

    #[track_caller]
    fn assert_wrong(ledger: &mut Ledger, found: &[Value], what: &str) {
        let wrong = ledger.compare(found, Index::Kept).join("; ");
        assert!(wrong.contains(what), "`{wrong}` lacks `{what}`");
    }

    #[test]
    fn what_was_acknowledged_must_be_there_as_it_was() {
        let one = record(1, "1");
        let kept = ledger(Life::Once, 1).compare(std::slice::from_ref(&one), Index::Kept);
        assert_eq!(kept, Vec::<String>::new());
        assert_wrong(&mut ledger(Life::Once, 1), &[], "lost");
        assert_wrong(&mut ledger(Life::Once, 1), &[record(1, "x")], "nobody");
        let mut changed = one.clone();
        changed["tags"] = json!({});
        assert_wrong(&mut ledger(Life::Once, 1), &[changed.clone()], "it was");
        assert_wrong(&mut Ledger::default(), &[one], "never uploaded");
        // Settled once, its tags survive a rebuild too.
        let wrong = ledger(Life::Once, 1).compare(&[changed], Index::Rebuilt);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }

    #[test]
    fn only_what_was_cut_off_may_lose_its_tags_in_a_rebuild() {
        let mut ledger = Ledger::default();
        ledger.try_upload(URI, Life::Once, "1");
        ledger.acknowledge(&record(1, "1"), false);
        let mut bare = record(1, "1");
        bare["tags"] = json!({});
        let wrong = ledger.compare(&[bare.clone()], Index::Rebuilt);
        assert_eq!(wrong, Vec::<String>::new());
        // From then on it is so.
        assert_wrong(&mut ledger, &[record(1, "1")], "it was");
    }

    #[test]
    fn only_what_is_being_moved_may_change_its_place() {
        let mut archived = record(1, "1");
        archived["state"] = json!("ARCHIVED");
        archived["tier"] = json!("COLD");
        archived["archived_at"] = json!("2026-03-01T12:00:00Z");
        let found = [archived];
        assert_wrong(&mut ledger(Life::Once, 1), &found, "it was");
        let mut moving = ledger(Life::Once, 1);
        moving.try_move("artifact://default/1/");
        assert_eq!(moving.compare(&found, Index::Kept), Vec::<String>::new());
        // From then on it is there, unless it is moved again.
        assert_wrong(&mut moving, &[record(1, "1")], "it was");
        let mut elsewhere = ledger(Life::Once, 1);
        elsewhere.try_move("artifact://default/2/");
        assert_wrong(&mut elsewhere, &found, "it was");
        let mut lost = ledger(Life::Once, 1);
        lost.try_move("artifact://default/1/");
        assert_wrong(&mut lost, &[], "lost");
    }

    #[test]
    fn every_version_is_there_and_none_twice() {
        let life = Life::EveryVersion;
        assert_wrong(&mut ledger(life, 2), &[record(2, "2")], "lost");
        let twice = [record(1, "1"), record(1, "2")];
        assert_wrong(&mut ledger(life, 2), &twice, "twice");
        let mut gap = ledger(life, 1);
        gap.try_upload(URI, life, "3");
        gap.acknowledge(&record(3, "3"), true);
        assert_wrong(&mut gap, &[record(1, "1"), record(3, "3")], "missing");
        // Unless somebody was killed who had the number.
        let mut killed = ledger(life, 1);
        killed.try_upload(URI, life, "2");
        killed.try_upload(URI, life, "3");
        killed.acknowledge(&record(3, "3"), true);
        let found = [record(1, "1"), record(3, "3")];
        assert_eq!(killed.compare(&found, Index::Kept), [""; 0]);
        // Who makes an upload again has had another number before.
        let mut again = ledger(life, 1);
        again.try_upload(URI, life, "3");
        again.try_again(URI);
        again.acknowledge(&record(3, "3"), true);
        assert_eq!(again.compare(&found, Index::Kept), [""; 0]);
    }

    #[test]
    fn without_versions_the_newest_stands_alone() {
        let both = [record(1, "1"), record(2, "2")];
        assert_wrong(&mut ledger(Life::Newest, 2), &both, "superseded");
        assert_wrong(
            &mut ledger(Life::Newest, 2),
            &both[..1],
            "version 2 is lost",
        );
        let mut ledger = ledger(Life::Newest, 2);
        let wrong = ledger.compare(&both[1..], Index::Kept);
        assert_eq!(wrong, Vec::<String>::new());
        assert_wrong(&mut ledger, &both, "gone");
    }

    #[test]
    fn what_was_changed_stays_so_and_what_was_cut_off_is_decided_once() {
        let tagged = |value: &str| {
            let mut record = record(1, "1");
            record["tags"]["k"] = json!(value);
            record["metadata"] = json!({ "k": value });
            [record]
        };
        let mut first = record(1, "1");
        first["metadata"] = json!({});
        let mut ledger = Ledger::default();
        ledger.try_upload(URI, Life::Once, "1");
        ledger.acknowledge(&first, true);
        ledger.try_edit(URI, "1", "k", "x");
        ledger.edit(URI, "1", "k", "x");
        assert_eq!(ledger.compare(&tagged("x"), Index::Kept), [""; 0]);
        assert_wrong(&mut ledger, &tagged("y"), "the tag k");
        // An upload's own tags are no change.
        let mut bare = tagged("y");
        bare[0]["tags"] = json!({ "k": "y" });
        assert_wrong(&mut ledger, &bare, "it was");
        ledger.try_edit(URI, "1", "k", "z");
        ledger.refuse_edit(URI, "1", "k", "z");
        assert_wrong(&mut ledger, &tagged("z"), "the tag k");
        ledger.try_edit(URI, "1", "k", "u");
        let mut half = tagged("u");
        half[0]["metadata"] = json!({ "k": "z" });
        assert_wrong(&mut ledger, &half, "by half");
        ledger.try_edit(URI, "1", "k", "v");
        assert_eq!(ledger.compare(&tagged("v"), Index::Kept), [""; 0]);
        assert_wrong(&mut ledger, &tagged("u"), "the tag k");
    }

    #[test]
    fn what_must_be_found_follows_from_what_was_acknowledged() {
        let mut ledger = ledger(Life::Once, 1);
        assert_eq!(ledger.expected("artifact://other"), Expected::Anything);
        assert_eq!(ledger.expected(URI), Expected::AtLeast(1));
        ledger.try_delete(URI);
        assert_eq!(ledger.expected(URI), Expected::Anything);
        ledger.delete(URI);
        assert_eq!(ledger.expected(URI), Expected::Nothing);
    }

    #[test]
    fn what_is_gone_stays_gone() {
        let one = [record(1, "1")];
        let mut failed = Ledger::default();
        failed.try_upload(URI, Life::Once, "1");
        failed.fail(URI, "1");
        assert_wrong(&mut failed, &one, "gone");
        let mut deleted = ledger(Life::Once, 1);
        deleted.try_delete(URI);
        deleted.delete(URI);
        assert_wrong(&mut deleted, &one, "deleted");
        // A deletion that was cut off has happened or has not, for good.
        let mut gone = ledger(Life::Once, 1);
        gone.try_delete(URI);
        assert_eq!(gone.compare(&[], Index::Kept), Vec::<String>::new());
        assert_wrong(&mut gone, &one, "gone");
        let mut there = ledger(Life::Once, 1);
        there.try_delete(URI);
        assert_eq!(there.compare(&one, Index::Kept), Vec::<String>::new());
        assert_wrong(&mut there, &[], "lost");
    }
}
