//! What the program does, on services that others wrote: by many clients, in large buckets, and in one
//! walk through everything. What holds of every store, wherever its blobs are, is in `cases`.

use std::process::Command;
use std::thread;
use std::time::Duration;

use e2e::servers::{Access, Garage, GcpEmulator, Moto, Rgw, S3s, Server, is_wanted, venv};
use e2e::tree::{noise, prose};
use e2e::{Outcome, Sandbox};
use serde_json::Value;

use crate::sandbox;

/// More than one part.
const LARGE: usize = 9 << 20;

/// A walk through the life of artifacts.
#[track_caller]
fn lives(access: &Access) {
    let store = sandbox(access);
    let left = |store: &Sandbox| objects(access, store);
    lives_in(store, LARGE, left);
}

/// The same in any store, with an artifact of so many bytes; `left` says what is in its bucket.
#[track_caller]
fn lives_in(store: Sandbox, large: usize, left: impl Fn(&Sandbox) -> Vec<String>) {
    let store = store.with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    store.write("tree/a.txt", "first\n");
    store.write("tree/b c/d.log", prose(1, 400_000));
    store.write("tree/large.bin", noise(1, large));
    store.write("tree/empty", "");
    let upload = ["upload", "tree", "--task", "1", "--tag", "k=v"];
    assert_eq!(store.ok(&upload).lines().count(), 4);
    store.ok(&["download", "--task", "1", "-D", "out"]);
    for name in ["a.txt", "b c/d.log", "large.bin", "empty"] {
        let (there, back) = (format!("tree/{name}"), format!("out/{name}"));
        assert!(store.read(there) == store.read(back), "{name}");
    }
    // Ranges, of what is compressed and what is not.
    for (name, length) in [("b%20c/d.log", 400_000), ("large.bin", large)] {
        let found = store.json(&["search", "--task", "1"]);
        let uri = found
            .iter()
            .filter_map(|artifact| artifact["uri"].as_str())
            .find(|uri| uri.ends_with(name))
            .expect("it is found");
        let range = format!("{}-{}", length / 2, length / 2 + 999);
        let part = store.bytes(&["download", uri, "-o", "-", "--range", &range]);
        let path = format!("tree/{}", name.replace("%20", " "));
        assert!(part == store.read(path)[length / 2..length / 2 + 1_000]);
    }
    // Versions and tags.
    store.write("tree/a.txt", "second\n");
    let again = ["upload", "tree/a.txt", "--task", "1", "--name", "a.txt"];
    let uri = store.ok(&again).trim().to_owned();
    assert_eq!(store.json(&["versions", "list", &uri]).len(), 2);
    let first = format!("{uri}?version=1");
    assert_eq!(store.ok(&["download", &first, "-o", "-"]), "first\n");
    store.ok(&["tag", "add", &uri, "new"]);
    assert_eq!(store.json(&["search", "--tag", "new"]).len(), 1);
    store.ok(&["verify"]);
    // There and back by an archive.
    store.ok(&["export", "--with-metadata", "-o", "all.zip"]);
    // The index comes back from what is in the bucket.
    store.ok(&["gc"]);
    let before = store.ok(&["search", "--all-versions", "--json"]);
    for path in store.index_files() {
        e2e::tree::remove(&path);
    }
    store.ok(&["reindex"]);
    assert_eq!(store.ok(&["search", "--all-versions", "--json"]), before);
    // And away.
    store.ok(&["delete", "--task", "1"]);
    store.ok(&["gc"]);
    assert_eq!(left(&store), Vec::<String>::new());
    store.ok(&["import", "all.zip"]);
    assert_eq!(store.json(&["search"]).len(), 4);
    store.ok(&["verify"]);
}

/// The keys of everything in the bucket of a store, and of the uploads to it.
fn objects(access: &Access, store: &Sandbox) -> Vec<String> {
    let bucket = store
        .env()
        .find(|(key, _)| *key == "ARTIFACT_S3__BUCKET")
        .and_then(|(_, value)| value.to_str())
        .expect("it has a bucket");
    let mut keys = Vec::new();
    for list in ["list-type=2", "uploads="] {
        let (status, answer) = access.curl(&[], &format!("/{bucket}?{list}"));
        assert_eq!(status, 200, "{answer}");
        let found = answer.split("<Key>").skip(1);
        keys.extend(found.filter_map(|rest| Some(rest.split_once('<')?.0.to_owned())));
    }
    keys
}

/// Many at once, up to a limit.
#[track_caller]
fn holds_many_at_once(access: &Access) {
    const FIT: usize = 8;
    let store = sandbox(access)
        .with_env("ARTIFACT_VERSIONING__ENABLED", "true")
        .with_env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "0.001");
    let codes: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..12_u64)
            .map(|number| {
                let path = format!("{number}.bin");
                store.write(&path, noise(number, 100_000));
                let store = &store;
                scope.spawn(move || {
                    let args = ["upload", &path, "--name", "one", "--no-compress"];
                    store.run(&args).code
                })
            })
            .collect();
        let ended = writers.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|code| code.expect("it ends")).collect()
    });
    let stored = codes.iter().filter(|code| **code == Some(0)).count();
    let full = codes.iter().filter(|code| **code == Some(8)).count();
    assert_eq!((stored + full, stored >= FIT), (12, true), "{codes:?}");
    let found = store.json(&["search", "--all-versions"]);
    let mut versions: Vec<_> = found
        .iter()
        .filter_map(|artifact| artifact["version"].as_u64())
        .collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), stored);
    store.ok(&["verify"]);
}

/// A writer that is killed in the middle of its parts leaves what `gc` takes away, to the last part.
#[track_caller]
fn clears_what_was_killed(access: &Access) {
    let store = sandbox(access).with_env("ARTIFACT_UPLOAD__LEASE_S", "2");
    let mut killed = store.start(&["upload", "-", "--name", "cut.bin", "--no-compress"]);
    assert!(killed.feed(&noise(1, 40 << 20)));
    e2e::eventually("a part to be sent", || {
        objects(access, &store)
            .iter()
            .any(|key| key.contains("cut.bin@"))
    });
    killed.kill();
    let _ = killed.wait();
    assert_eq!(store.ok(&["search"]), "");
    thread::sleep(Duration::from_secs(4));
    store.ok(&["gc"]);
    assert_eq!(objects(access, &store), Vec::<String>::new());
}

/// Clients of AWS read what was written, where the layout says it is.
#[track_caller]
fn others_read_it(access: &Access) {
    if !is_wanted("clients") {
        return;
    }
    let store = sandbox(access);
    let bytes = prose(1, 300_000);
    store.write("a b.txt", &bytes);
    let args = [
        "upload", "a b.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ];
    let shown: Value = store.json(&args).remove(0);
    let attempt = shown["id"].as_str().expect("it has one").replace('-', "");
    let key = format!("artifacts/demo/1/output/data/a%20b.txt@1.{attempt}.gz");
    assert!(objects(access, &store).contains(&key), "{key}");
    let bucket = store
        .env()
        .find(|(key, _)| *key == "ARTIFACT_S3__BUCKET")
        .and_then(|(_, value)| value.to_str())
        .expect("it has a bucket")
        .to_owned();
    let script = r#""$0" s3 cp --no-progress "s3://$1/$2" - | gunzip"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(venv("aws"))
        .args([&bucket, &key])
        .envs(access.environment())
        .output()
        .expect("`sh` can be run");
    let outcome = Outcome::from_output(&["aws s3 cp"], output).expect_code(0);
    assert!(outcome.stdout == bytes, "{outcome}");
}

mod s3s {
    #[test]
    fn artifacts_live_in_a_bucket() {
        super::lives(&super::S3s::start().owner);
    }

    #[test]
    fn clients_of_aws_read_what_lies_in_a_bucket() {
        super::others_read_it(&super::S3s::start().owner);
    }

    #[test]
    fn what_was_killed_is_cleared_to_the_last_part() {
        super::clears_what_was_killed(&super::S3s::start().owner);
    }
}

#[test]
fn artifacts_live_in_a_bucket_of_google() {
    let Some(emulator) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = emulator.make_bucket();
    let store = Sandbox::with_index("sqlite")
        .with_env("ARTIFACT_BACKEND", "gcs")
        .with_env("ARTIFACT_GCS__BUCKET", &bucket)
        .with_env("ARTIFACT_GCS__ENDPOINT_URL", &emulator.endpoint)
        .with_env("ARTIFACT_GCS__PREFIX", "some/where");
    let list = format!("/storage/v1/b/{bucket}/o");
    lives_in(store, LARGE, |_| {
        let (status, answer) = emulator.curl(&[], &list);
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("it is JSON");
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        let names = items.iter().map(|item| item["name"].to_string());
        names.collect()
    });
}

mod moto {
    use super::Server;

    #[test]
    fn artifacts_live_in_a_bucket() {
        if let Some(moto) = super::Moto::at_hand() {
            super::lives(&moto.owner);
        }
    }

    #[test]
    fn a_bucket_takes_many_writers_at_once() {
        if let Some(moto) = super::Moto::at_hand() {
            super::holds_many_at_once(&moto.owner);
        }
    }

    #[test]
    fn clients_of_aws_read_what_lies_in_a_bucket() {
        if let Some(moto) = super::Moto::at_hand() {
            super::others_read_it(&moto.owner);
        }
    }
}

mod rgw {
    use super::Server;

    #[test]
    fn artifacts_live_in_a_bucket() {
        if let Some(rgw) = super::Rgw::at_hand() {
            super::lives(&rgw.owner);
        }
    }

    #[test]
    fn a_bucket_takes_many_writers_at_once() {
        if let Some(rgw) = super::Rgw::at_hand() {
            super::holds_many_at_once(&rgw.owner);
        }
    }

    #[test]
    fn what_was_killed_is_cleared_to_the_last_part() {
        if let Some(rgw) = super::Rgw::at_hand() {
            super::clears_what_was_killed(&rgw.owner);
        }
    }

    #[test]
    fn clients_of_aws_read_what_lies_in_a_bucket() {
        if let Some(rgw) = super::Rgw::at_hand() {
            super::others_read_it(&rgw.owner);
        }
    }
}

mod garage {
    use super::Server;

    #[test]
    fn artifacts_live_in_a_bucket() {
        if let Some(garage) = super::Garage::at_hand() {
            super::lives(&garage.owner);
        }
    }

    #[test]
    fn a_bucket_takes_many_writers_at_once() {
        if let Some(garage) = super::Garage::at_hand() {
            super::holds_many_at_once(&garage.owner);
        }
    }

    #[test]
    fn what_was_killed_is_cleared_to_the_last_part() {
        if let Some(garage) = super::Garage::at_hand() {
            super::clears_what_was_killed(&garage.owner);
        }
    }

    #[test]
    fn clients_of_aws_read_what_lies_in_a_bucket() {
        if let Some(garage) = super::Garage::at_hand() {
            super::others_read_it(&garage.owner);
        }
    }
}
