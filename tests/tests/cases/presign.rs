//! What can be asked of signed URLs.

use super::sandbox;

#[test]
fn what_cannot_be_meant_is_refused() {
    let store = sandbox();
    store.write("a.log", "text");
    let uri = store.ok(&["upload", "a.log"]);
    let uri = uri.trim();
    for wrong in [
        &["presign"][..],
        &["presign", uri, "--spec", "x"],
        &["presign", uri, "--upload", "b.log"],
        &["presign", uri, "--size", "1MB"],
        &["presign", uri, "--expires-in", "8d"],
        &["presign", uri, "--expires-in", "0s"],
        &["presign", uri, "--expires-in", "-1h"],
        &["presign", "--upload", "../b.log"],
        &["complete", "no-id"],
        &["complete", uri],
    ] {
        let says = store.fails(wrong, 2);
        assert!(says.contains("error: "), "{wrong:?}: {says}");
    }
    store.fails(&["presign", "artifact://default/local/log/none"], 3);
    let unknown = "0195c0de-1d2f-7c3a-9a41-5f0c2e7b8d10";
    store.fails(&["complete", unknown], 3);
    store.fails(&["complete", unknown, "--abort"], 3);
}

#[test]
fn what_is_uploaded_is_complete() {
    let store = sandbox();
    store.write("a.log", "text");
    let shown = &store.json(&["upload", "a.log"])[0];
    let id = shown["id"].as_str().expect("an id");
    let again = &store.json(&["complete", id, "--size", "4"])[0];
    assert_eq!(again["sha256"], shown["sha256"]);
    store.fails(&["complete", id, "--size", "5"], 5);
    store.fails(&["complete", id, "--abort"], 6);
}
