//! Folders and files of the store that the system does not let be read or written.

use std::fs;

use super::sandbox;
use crate::cases::errors::with_a_file;
use crate::cases::gc::{plant_orphan, short_lease};
use crate::cases::reindex::{answers, filled, lose_index};
use crate::cases::verify::{LOG, filled as filled_with_a_log};

#[test]
fn a_store_that_may_not_be_written() {
    let store = sandbox();
    store.write("x.txt", "content");
    fs::create_dir(store.store("")).expect("folders can be made");
    let outcome = store.run_unprivileged(&store.store(""), 0o500, &["upload", "x.txt"]);
    outcome.expect_code(4).says(&["/store", "hint: "]);
    store.assert_empty();
}

#[test]
fn no_permission_is_4() {
    let store = with_a_file();
    let locked = store.root().join("locked");
    std::fs::create_dir(&locked).expect("folders can be made");
    let store = store.with_env("ARTIFACT_BASE_PATH", locked.join("store"));
    let outcome = store.run_unprivileged(&locked, 0o500, &["upload", "x.txt"]);
    outcome.expect_code(4).says(&["locked/store", "permission"]);
}

#[test]
fn what_cannot_be_cleared_is_said_and_keeps_nothing_else() {
    let store = short_lease();
    let orphan = plant_orphan(&store, 30);
    let folder = orphan.parent().expect("it has one").to_owned();
    let outcome = store.run_unprivileged(&folder, 0o500, &["gc"]);
    let outcome = outcome.expect_code(4);
    outcome.says(&["the orphan at artifacts/", "could not be removed"]);
    assert_eq!(outcome.text(), "cleared 0 items, 0 B\n");
    assert!(orphan.exists());
    let printed = store.ok(&["gc"]);
    assert!(
        printed.ends_with("cleared 1 items, 1.21 KiB\n"),
        "{printed}"
    );
}

#[test]
fn bytes_that_may_not_be_read_are_not_called_lost() {
    let (store, blob) = filled_with_a_log();
    let outcome = store.run_unprivileged(&blob, 0o000, &["verify", "--repair"]);
    let outcome = outcome.expect_code(5);
    assert!(
        outcome.text().contains(&format!("unreadable  {LOG}")),
        "{outcome}"
    );
    assert_eq!(store.ok(&["search", "--tag", "lost"]), "");
}

#[test]
fn a_store_that_may_not_be_read_is_not_taken_for_empty() {
    let store = filled();
    lose_index(&store);
    let folder = store.store("artifacts/web");
    let outcome = store.run_unprivileged(&folder, 0o000, &["reindex"]);
    outcome.expect_code(4).says(&["artifacts/web"]);
    store
        .run(&["search"])
        .expect_code(5)
        .says(&["artifact reindex"]);
    store.ok(&["reindex"]);
    assert_eq!(answers(&store).lines().count(), 6);
}
