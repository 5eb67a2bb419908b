//! The main job: a folder full of files goes up, is found, and comes back identical.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use e2e::Sandbox;
use e2e::tree::{assert_same, contents, grow, wide_name};

use super::{sandbox, texts};

/// Makes the folder `tree`, without the name that the service has no room for.
pub(super) fn grown(store: &Sandbox, count: u64) -> PathBuf {
    let tree = store.work("tree");
    grow(&tree, count);
    if !store.can_have_long_names() {
        fs::remove_file(tree.join(wide_name())).expect("it is there");
    }
    tree
}

#[test]
fn a_tree_of_thousands_of_files_comes_back_identical() {
    let store = sandbox();
    let tree = grown(&store, 1_400);
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
    let tree = grown(&store, 0);
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
    let tree = grown(&store, 60);
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
fn what_is_not_a_file_is_left_out_named_and_counted() {
    let store = sandbox();
    store.write("tree/real.txt", "x");
    for folder in ["tree/empty", "tree/sub/empty"] {
        fs::create_dir_all(store.work(folder)).expect("folders can be made");
    }
    let _listening = UnixListener::bind(store.work("tree/socket")).expect("a socket can be made");
    let mut mkfifo = store.other("mkfifo");
    let made = mkfifo.arg("tree/pipe").status();
    assert!(made.expect("`mkfifo` can be run").success());
    let outcome = store.run(&["upload", "tree"]).expect_code(0);
    assert_eq!(
        outcome.text(),
        "artifact://default/local/document/real.txt\n"
    );
    outcome.says(&[
        "not uploaded, an empty folder: tree/empty\n",
        "not uploaded, an empty folder: tree/sub/empty\n",
        "not uploaded, a socket: tree/socket\n",
        "not uploaded, a named pipe: tree/pipe\n",
        "4 not uploaded: 2 × an empty folder, 1 × a named pipe, 1 × a socket\n",
    ]);
}

#[test]
fn a_device_is_left_out_and_named() {
    let outcome = sandbox().run(&["upload", "/dev/pts"]).expect_code(0);
    outcome.says(&["not uploaded, a device: /dev/pts/ptmx"]);
    assert_eq!(outcome.text(), "");
}

#[test]
fn what_is_deeper_than_any_name_fails_alone() {
    let store = sandbox();
    if !store.can_have_long_names() {
        return;
    }
    store.write("tree/fine.txt", "x");
    // 48 folders of 210 letters make a path of more than 10,000, longer than a system takes at once
    let dig = "n=$(printf '%0210d' 7); cd tree; \
               for i in $(seq 48); do mkdir $n; cd -P $n 2>/dev/null || exit 9; \
               [ $i = 4 ] && echo x > near.txt; [ $i = 6 ] && echo x > far.txt; done; echo x > end";
    let dug = store.other("bash").args(["-c", dig]).status();
    assert!(dug.expect("a shell can be run").success());
    let outcome = store.run(&["upload", "tree"]).expect_code(2);
    let names: Vec<_> = outcome
        .text()
        .lines()
        .filter_map(|uri| uri.rsplit('/').next())
        .collect();
    assert_eq!(names, ["near.txt", "fine.txt"]);
    // one that is too long for a name, and folders that are too deep to be looked into
    outcome.says(&[
        "far.txt",
        "the limit is 1024",
        "cannot be read: File name too long",
    ]);
    let dug = store.other("rm").args(["-rf", "tree"]).status();
    assert!(dug.expect("`rm` can be run").success());
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
