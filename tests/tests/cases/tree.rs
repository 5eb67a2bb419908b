//! The main job: a folder full of files goes up, is found, and comes back identical.

use std::collections::BTreeSet;
use std::fs;

use e2e::tree::{assert_same, contents, grow};

use super::{sandbox, texts};

#[test]
fn a_tree_of_thousands_of_files_comes_back_identical() {
    let store = sandbox();
    let tree = store.work("tree");
    grow(&tree, 1_400);
    let expected: BTreeSet<String> = contents(&tree)
        .into_keys()
        .map(|path| path.to_str().expect("names are UTF-8").to_owned())
        .collect();
    assert!(expected.len() > 1_500, "the tree is too small");

    let uploaded = store.ok(&["upload", "tree", "--spec", "demo", "--task", "1"]);
    let uris: BTreeSet<&str> = uploaded.lines().collect();
    assert_eq!(uploaded.lines().count(), expected.len());
    assert_eq!(uris.len(), expected.len());
    assert_eq!(store.blobs().len(), expected.len());

    let found = store.json(&["search", "--spec", "demo", "--task", "1"]);
    let names: BTreeSet<String> = texts(&found, "name")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(names, expected);
    assert_eq!(
        texts(&found, "uri").into_iter().collect::<BTreeSet<_>>(),
        uris
    );

    let written = store.ok(&["download", "--spec", "demo", "--task", "1", "-D", "out"]);
    assert_eq!(written.lines().count(), expected.len());
    assert_same(&tree, &store.work("out"));
}

#[test]
fn every_address_that_an_upload_prints_gives_its_file_back() {
    let store = sandbox();
    let tree = store.work("tree");
    grow(&tree, 0);
    fs::remove_dir_all(tree.join("large")).expect("the large files can be left out");
    let uploaded = store.ok(&["upload", "tree"]);
    let shown = store.json(&[&["show"], &*uploaded.lines().collect::<Vec<_>>()].concat());
    assert_eq!(shown.len(), contents(&tree).len());
    for artifact in shown.iter().step_by(7) {
        let name = artifact["name"].as_str().expect("it has a name");
        let uri = artifact["uri"].as_str().expect("it has an address");
        let bytes = store.bytes(&["download", uri, "-o", "-"]);
        assert_eq!(bytes, store.read(format!("tree/{name}")), "{uri}");
    }
}

#[test]
fn a_second_upload_of_a_tree_replaces_the_first() {
    let store = sandbox();
    let tree = store.work("tree");
    grow(&tree, 60);
    store.ok(&["upload", "tree", "--task", "1"]);
    let blobs = store.blobs();
    fs::write(tree.join("0.txt"), "changed").expect("files can be written");
    store.ok(&["upload", "tree", "--task", "1"]);
    assert_eq!(store.blobs().len(), blobs.len());
    assert!(store.blobs().iter().all(|blob| !blobs.contains(blob)));
    store.ok(&["download", "--task", "1", "-D", "out"]);
    assert_same(&tree, &store.work("out"));
}

#[test]
fn what_is_not_a_file_is_left_out_and_named() {
    let store = sandbox();
    store.write("tree/real.txt", "x");
    store.write("elsewhere/secret.txt", "y");
    let link = |target: &str, at: &str| {
        std::os::unix::fs::symlink(target, store.work(at)).expect("links can be made");
    };
    link("real.txt", "tree/link.txt");
    link("nowhere", "tree/broken");
    link("../elsewhere", "tree/folder");
    link("..", "tree/loop");
    let outcome = store.run(&["upload", "tree"]).expect_code(0);
    let names: Vec<_> = outcome
        .text()
        .lines()
        .filter_map(|uri| uri.rsplit('/').next())
        .collect();
    assert_eq!(names, ["link.txt", "real.txt"], "{outcome}");
    outcome.says(&["tree/broken", "tree/folder", "tree/loop", "not uploaded"]);
}

#[test]
fn an_empty_folder_is_nothing_to_upload() {
    let store = sandbox();
    fs::create_dir_all(store.work("tree/empty")).expect("folders can be made");
    let outcome = store.run(&["upload", "tree"]).expect_code(0);
    outcome.says(&["nothing to upload"]);
    assert_eq!(outcome.text(), "");
    store.assert_empty();
}
