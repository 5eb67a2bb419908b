//! What a file system knows of a file beside its bytes: kept by an upload, given back into a folder,
//! and never a way out of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use e2e::Sandbox;
use e2e::tree::{contents, set_modified};
use serde_json::{Value, json};

use super::{sandbox, texts};

/// With nanoseconds that no shorter form would keep.
const TIME: (u64, u32) = (1_234_567_890, 123_456_789);

fn link(store: &Sandbox, target: &str, at: &str) {
    symlink(target, store.work(at)).expect("links can be made");
}

fn stat(path: &Path) -> fs::Metadata {
    fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn target(path: &Path) -> String {
    let target = fs::read_link(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    target.to_str().expect("it is UTF-8").to_owned()
}

/// The metadata `file` of each artifact, by its name.
fn attributes(shown: &[Value]) -> Vec<(&str, &Value)> {
    let names = texts(shown, "name").into_iter();
    let files = shown.iter().map(|artifact| &artifact["metadata"]["file"]);
    names.zip(files).collect()
}

#[test]
fn attributes_are_kept_under_one_key() {
    let store = sandbox();
    for (name, mode) in [("tree/plain", 0o600), ("tree/run", 0o755)] {
        let path = store.write(name, "x");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("modes can be changed");
        set_modified(&path, TIME.0, TIME.1);
    }
    link(&store, "run", "tree/link");
    let shown = store.json(&["upload", "tree", "--meta", "n=1", "--type", "data"]);
    let time = "2009-02-13T23:31:30.123456789Z";
    let found = attributes(&shown);
    assert_eq!(found[0].0, "link");
    assert_eq!(found[0].1["symlink"], "run");
    assert!(found[0].1["mtime"].is_string());
    assert_eq!(found[1], ("plain", &json!({ "mtime": time })));
    assert_eq!(
        found[2],
        ("run", &json!({ "executable": true, "mtime": time }))
    );
    assert!(shown.iter().all(|artifact| artifact["metadata"]["n"] == 1));
    assert_eq!(texts(&shown, "mime_type")[0], "inode/symlink");
    assert_eq!(shown[0]["size_bytes"], 3);

    let stream = store.json(&["upload", "-", "--name", "stream"]);
    assert_eq!(stream[0]["metadata"], json!({}));
}

#[test]
fn a_folder_comes_back_with_modes_times_and_links() {
    let store = sandbox();
    for (name, mode) in [("plain", 0o644), ("run", 0o755), ("dir/deep/run.sh", 0o755)] {
        let path = store.write(format!("tree/{name}"), name);
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("modes can be changed");
        set_modified(&path, TIME.0, TIME.1);
    }
    let large = store.write("tree/large", e2e::tree::noise(1, 3_000_000));
    set_modified(&large, 1, 0);
    let links = [
        ("tree/to-file", "plain"),
        ("tree/to-folder", "dir/deep"),
        ("tree/broken", "nowhere"),
        ("tree/dir/up", "../run"),
        ("tree/dir/deep/through", "../../to-folder/run.sh"),
        ("tree/dir/deep/odd", "a b/\u{e9}#?%"),
    ];
    for (at, target) in links {
        link(&store, target, at);
    }
    let age = std::process::Command::new("touch")
        .args(["-h", "-d", "2001-02-03T04:05:06.789Z", "tree/to-file"])
        .current_dir(store.work(""))
        .status();
    assert!(age.expect("`touch` can be run").success());

    let uploaded = store.ok(&["upload", "tree", "--task", "1"]);
    assert_eq!(uploaded.lines().count(), 4 + links.len());
    for round in 1..=2 {
        let outcome = store.run(&["download", "--task", "1", "-D", "out"]);
        let outcome = outcome.expect_code(0);
        assert_eq!(outcome.stderr, "", "round {round}");
        assert_eq!(outcome.text().lines().count(), 4 + links.len());
        for name in [
            "plain",
            "run",
            "dir/deep/run.sh",
            "large",
            "to-file",
            "broken",
        ] {
            let (before, after) = (store.work("tree").join(name), store.work("out").join(name));
            let (before, after) = (stat(&before), stat(&after));
            let times = |found: &fs::Metadata| (found.mtime(), found.mtime_nsec());
            assert_eq!(times(&before), times(&after), "{name}");
            assert_eq!(before.mode(), after.mode(), "{name}");
        }
        for (at, expected) in links {
            let at = at.replacen("tree", "out", 1);
            assert_eq!(target(&store.work(at)), expected);
        }
        assert_eq!(store.read("out/large"), store.read("tree/large"));
        assert_eq!(store.read("out/dir/deep/through"), b"dir/deep/run.sh");
    }
}

#[test]
fn a_link_that_is_named_is_followed() {
    let store = sandbox();
    store.write("real/run", "content");
    link(&store, "real/run", "link");
    link(&store, "real", "folder");
    let shown = store.json(&["upload", "link", "folder", "--type", "data"]);
    assert_eq!(texts(&shown, "name"), ["link", "run"]);
    for artifact in &shown {
        assert_eq!(artifact["size_bytes"], 7);
        assert_eq!(artifact["metadata"]["file"]["symlink"], Value::Null);
    }
}

#[test]
fn a_link_whose_target_is_not_utf8_fails_alone() {
    use std::os::unix::ffi::OsStringExt;
    let store = sandbox();
    store.write("tree/fine.txt", "x");
    let bad = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
    symlink(bad, store.work("tree/bad")).expect("links can be made");
    let outcome = store.run(&["upload", "tree"]).expect_code(2);
    outcome.says(&["tree/bad", "is not UTF-8"]);
    assert_eq!(outcome.text().lines().count(), 1);
}

/// A task with these links, and a file `sub/file`.
fn with_links(links: &[(&str, &str)]) -> Sandbox {
    let store = sandbox();
    fs::create_dir(store.work("tree")).expect("folders can be made");
    for (at, target) in links {
        let path = store.work("tree").join(at);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
        symlink(target, path).expect("links can be made");
    }
    store.write("tree/sub/file", "x");
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    store
}

#[test]
fn a_link_that_would_lead_out_becomes_a_plain_file() {
    let links = [
        ("absolute", "/etc/passwd"),
        ("above", "../outside"),
        ("chain", "dot/../outside"),
        ("dot", "."),
        ("sub/above", "../../outside"),
        ("sub/fine", "../dot/sub/file"),
        ("circle", "circle"),
    ];
    let store = with_links(&links);
    let outcome = store.run(&["download", "--task", "1", "-D", "out"]);
    let outcome = outcome.expect_code(0);
    for (at, expected) in links {
        let path = store.work("out").join(at);
        if ["dot", "sub/fine"].contains(&at) {
            assert_eq!(target(&path), expected);
            continue;
        }
        assert!(stat(&path).is_file(), "{at} is a link");
        assert_eq!(store.read(format!("out/{at}")), expected.as_bytes());
        outcome.says(&[&format!(
            "plain file, since it would not stay in out: out/{at} -> "
        )]);
    }
    assert_eq!(outcome.text().lines().count(), 8);
}

#[test]
fn nothing_is_written_through_a_link_that_came_before() {
    let store = sandbox();
    fs::create_dir(store.work("outside")).expect("folders can be made");
    // first `dir` is a link, in a later upload a folder: both are in the task
    fs::create_dir(store.work("tree")).expect("folders can be made");
    link(&store, "elsewhere", "tree/dir");
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    fs::remove_file(store.work("tree/dir")).expect("links can be removed");
    store.write("tree/dir/file", "x");
    store.write("tree/elsewhere/other", "x");
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    let outcome = store.run(&["download", "--task", "1", "-D", "out"]);
    // the folder comes first, and no link takes its place
    outcome.expect_code(2).says(&["out/dir"]);
    assert_eq!(store.read("out/dir/file"), b"x");
    assert!(!store.work("out/elsewhere/file").exists());

    // a link that an earlier download has made, or anybody else
    link(&store, "../outside", "trap");
    fs::create_dir(store.work("other")).expect("folders can be made");
    link(&store, "../outside", "other/dir");
    let outcome = store.run(&["download", "--task", "1", "-D", "other"]);
    outcome.expect_code(6).says(&["other/dir"]);
    assert!(contents(&store.work("outside")).is_empty());
}

#[test]
fn links_whose_folder_holds_nothing_else_are_made() {
    let store = sandbox();
    store.write("tree/pkg/a.js", "a");
    fs::create_dir(store.work("tree/bin")).expect("folders can be made");
    for name in ["a", "b", "c"] {
        link(&store, "../pkg/a.js", &format!("tree/bin/{name}"));
    }
    link(&store, "bin/../pkg", "tree/all");
    store.ok(&["upload", "tree"]);
    let out = store.run(&["download", "--task", "local", "-D", "out"]);
    assert_eq!(out.stderr, "");
    e2e::tree::assert_same(&store.work("tree"), &store.work("out"));
}

#[test]
fn a_link_that_is_there_is_replaced_and_not_followed() {
    let store = sandbox();
    store.write("tree/a", "new");
    link(&store, "a", "tree/b");
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    store.write("mine", "mine");
    fs::create_dir(store.work("out")).expect("folders can be made");
    link(&store, "../mine", "out/a");
    link(&store, "../mine", "out/b");
    store.ok(&["download", "--task", "1", "-D", "out"]);
    assert_eq!(store.read("mine"), b"mine");
    assert_eq!(store.read("out/a"), b"new");
    assert_eq!(target(&store.work("out/b")), "a");
}

#[test]
fn a_single_link_gives_the_path_that_it_pointed_to() {
    let store = sandbox();
    store.write("tree/x", "x");
    link(&store, "x", "tree/l");
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    let uri = "artifact://default/1/data/l";
    assert_eq!(store.ok(&["download", uri, "-o", "-"]), "x");
}
