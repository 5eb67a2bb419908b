//! Where the folder of a store may be, and what becomes of it when it is moved.

use std::fs;

use super::sandbox;
use crate::cases::storage::upload;

#[test]
fn a_base_path_that_cannot_be() {
    let store = sandbox();
    store.write("file", "x");
    store.write("x.txt", "content");
    for (path, code) in [("file/store", 2), ("file", 2), ("/proc/nowhere/store", 3)] {
        for verb in [&["upload", "x.txt"][..], &["search"]] {
            let outcome = store
                .run(&[verb, &["--base-path", path]].concat())
                .expect_code(code);
            outcome.says(&[path]);
            assert_eq!(outcome.text(), "");
        }
    }
    store
        .run(&["search", "--base-path", ""])
        .expect_code(2)
        .says(&["base"]);
    store.assert_empty();
}

#[test]
fn the_store_may_be_named_by_a_flag_and_moved() {
    let store = sandbox();
    upload(&store, b"content", &["--name", "a", "--type", "data"]);
    fs::rename(store.store(""), store.root().join("moved")).expect("a store can be moved");
    let moved = store.root().join("moved");
    let moved = moved.to_str().expect("the path is UTF-8");
    let uri = "artifact://demo/1/data/a";
    assert_eq!(
        store.ok(&["download", uri, "-o", "-", "--base-path", moved]),
        "content"
    );
    store.fails(&["show", uri], 3);
}

#[test]
fn the_store_does_not_upload_itself() {
    let store = sandbox();
    store.write("a.txt", "x");
    store.write("z.txt", "x");
    let base = ["upload", ".", "--type", "data", "--base-path", "mine"];
    for round in 1..=2 {
        let outcome = store.run(&base).expect_code(0);
        assert_eq!(
            outcome.text().lines().count(),
            2,
            "round {round}: {outcome}"
        );
    }
    let outcome = store.run(&base).expect_code(0);
    outcome.says(&["not uploaded, the store itself: ./mine"]);
    let outcome = store.run(&["upload", "mine/artifacts", "--base-path", "mine"]);
    outcome
        .expect_code(0)
        .says(&["the store itself", "nothing to upload"]);
}
