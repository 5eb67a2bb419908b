//! What lies on disk: plain files at the documented paths, which other software reads.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::Sandbox;
use e2e::tree::{noise, prose};

use super::{sandbox, texts};

/// Uploads `bytes` and gives the path of its blob below the store, and its id.
pub(crate) fn upload(store: &Sandbox, bytes: &[u8], more: &[&str]) -> (PathBuf, String) {
    let before = store.blobs();
    let args = [
        &["upload", "-", "--spec", "demo", "--task", "1", "--json"],
        more,
    ]
    .concat();
    let outcome = store.run_with_input(&args, bytes).expect_code(0);
    let mut blobs = store.blobs();
    blobs.retain(|blob| !before.contains(blob));
    assert_eq!(blobs.len(), 1, "{outcome}");
    (
        blobs.remove(0),
        texts(&outcome.objects(), "id")[0].to_owned(),
    )
}

fn relative<'a>(store: &Sandbox, blob: &'a Path) -> &'a str {
    let relative = blob
        .strip_prefix(store.blobs_folder())
        .expect("it lies in the store");
    relative.to_str().expect("paths of the store are ASCII")
}

fn gunzipped(store: &Sandbox, blob: &Path) -> Vec<u8> {
    let output = store.other("gunzip").arg("--stdout").arg(blob).output();
    let output = output.expect("`gunzip` can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn a_blob_lies_where_the_layout_says_and_gunzip_reads_it() {
    let store = sandbox();
    let bytes = prose(1, 300_000);
    let (blob, id) = upload(&store, &bytes, &["--name", "dir/a b.txt", "--type", "data"]);
    let attempt = id.replace('-', "");
    let expected = format!("artifacts/demo/1/output/data/dir/a%20b.txt@1.{attempt}.gz");
    assert_eq!(relative(&store, &blob), expected);
    assert_eq!(gunzipped(&store, &blob), bytes);
    let stored = fs::metadata(&blob).expect("it is there").len();
    assert!(stored < 100_000, "{stored} bytes are not compressed");
    let shown = store.json(&["show", &id]);
    assert_eq!(shown[0]["stored_size_bytes"], stored);
    assert_eq!(shown[0]["size_bytes"], 300_000);
    assert_eq!(shown[0]["compressed"], true);
}

#[test]
fn logs_lie_in_a_folder_of_their_own() {
    let store = sandbox();
    let (log, _) = upload(&store, b"x", &["--name", "a", "--type", "log"]);
    let (build, _) = upload(&store, b"x", &["--name", "a", "--type", "build-log"]);
    let (other, _) = upload(&store, b"x", &["--name", "a", "--type", "custom:log"]);
    assert!(relative(&store, &log).starts_with("artifacts/demo/1/logs/log/a@1."));
    assert!(relative(&store, &build).starts_with("artifacts/demo/1/logs/build-log/a@1."));
    assert!(relative(&store, &other).starts_with("artifacts/demo/1/output/custom%3Alog/a@1."));
}

#[test]
fn without_compression_the_bytes_are_stored_as_they_are() {
    let bytes = prose(1, 300_000);
    let plain = |store: &Sandbox, more: &[&str]| {
        let (blob, id) = upload(store, &bytes, &[&["--name", "a.txt"], more].concat());
        assert_eq!(blob.extension(), Some(id.replace('-', "").as_ref()));
        assert!(
            fs::read(&blob).expect("it can be read") == bytes,
            "other bytes"
        );
        assert_eq!(store.json(&["show", &id])[0]["compressed"], false);
        assert!(
            store.bytes(&["download", &id, "-o", "-"]) == bytes,
            "other bytes"
        );
    };
    plain(&sandbox(), &["--no-compress"]);
    plain(
        &sandbox().with_env("ARTIFACT_COMPRESSION__ENABLED", "false"),
        &[],
    );
}

#[test]
fn what_does_not_compress_comes_back_too() {
    let store = sandbox();
    let bytes = noise(1, 3_000_000);
    let (_, id) = upload(&store, &bytes, &["--name", "a.bin"]);
    assert!(
        store.bytes(&["download", &id, "-o", "-"]) == bytes,
        "other bytes"
    );
    let shown = store.json(&["show", &id]);
    let stored = shown[0]["stored_size_bytes"]
        .as_u64()
        .expect("it is stored");
    assert!(stored < 3_010_000, "{stored} bytes for 3,000,000 of noise");
}

#[test]
fn a_higher_level_compresses_more() {
    let stored = |level: &str| {
        let store = sandbox().with_env("ARTIFACT_COMPRESSION__LEVEL", level);
        let (blob, _) = upload(&store, &prose(1, 1_000_000), &["--name", "a.txt"]);
        fs::metadata(blob).expect("it is there").len()
    };
    assert!(stored("9") < stored("1"));
}

#[test]
fn names_that_differ_in_case_or_form_are_different_artifacts() {
    let store = sandbox();
    let names = [
        "a.txt",
        "A.txt",
        "caf\u{e9}",
        "cafe\u{301}",
        "100%",
        "100%25",
        "x.",
        "x",
    ];
    for name in names {
        upload(&store, name.as_bytes(), &["--name", name, "--type", "data"]);
    }
    assert_eq!(store.json(&["search"]).len(), names.len());
    for artifact in store.json(&["search"]) {
        let uri = artifact["uri"].as_str().expect("it has an address");
        assert_eq!(
            store.ok(&["download", uri, "-o", "-"]),
            artifact["name"].as_str().expect("it has a name")
        );
    }
}

#[test]
fn the_longest_names_fit() {
    let store = sandbox();
    for name in [
        "n".repeat(255),
        "\u{e9}".repeat(120),
        vec!["ab"; 150].join("/"),
    ] {
        // Letters of other scripts and folders take more in a key.
        let is_plain = name.starts_with("nn");
        if !is_plain && !store.can_have_long_names() {
            let refused = ["upload", "-", "--name", &name, "--type", "data"];
            let refused = store.run_with_input(&refused, b"content").expect_code(2);
            refused.says(&["takes no name of that length", "hint: "]);
            continue;
        }
        let (_, id) = upload(&store, b"content", &["--name", &name, "--type", "data"]);
        assert_eq!(store.ok(&["download", &id, "-o", "-"]), "content");
        assert_eq!(store.json(&["show", &id])[0]["name"], name);
    }
}
