//! Signed URLs where the store has none: on folders.

use super::sandbox;

#[test]
fn a_folder_has_no_urls_and_reserves_nothing_for_them() {
    let store = sandbox();
    store.write("a.log", "text");
    let uri = store.ok(&["upload", "a.log"]);
    let says = store.fails(&["presign", uri.trim()], 10);
    assert!(
        says.contains("a.log") && says.contains("object store"),
        "{says}"
    );
    let says = store.fails(&["presign", "--upload", "b.log"], 10);
    assert!(says.contains("artifact upload"), "{says}");
    let left = store.json(&["search", "--state", "UPLOADING"]);
    assert!(left.is_empty(), "{left:?}");
}
