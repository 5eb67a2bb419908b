//! How failures look: exit codes, words, JSON, colour. The codes that need a special world (5, 7,
//! 8, 130) are asserted where that world is made.

use e2e::Sandbox;
use serde_json::Value;

use super::sandbox;

const MISSING: &str = "artifact://demo/1/data/nothing";

pub(crate) fn with_a_file() -> Sandbox {
    let store = sandbox();
    store.write("x.txt", "content");
    store
}

#[test]
fn success_is_0() {
    with_a_file().ok(&["upload", "x.txt"]);
}

#[test]
fn wrong_usage_and_wrong_input_are_2() {
    let store = with_a_file();
    for args in [
        &["nonsense"][..],
        &[],
        &["show"],
        &["show", "nonsense"],
        &["upload", "--nonsense"],
    ] {
        store.fails(args, 2);
    }
}

#[test]
fn not_found_is_3() {
    let store = sandbox();
    for verb in ["show", "download", "delete"] {
        let outcome = store.run(&[verb, MISSING]).expect_code(3);
        outcome.says(&["error: ", MISSING, "hint: "]);
        assert_eq!(outcome.text(), "");
    }
    store.fails(&["show", "01234567-89ab-7def-8123-456789abcdef"], 3);
}

#[test]
fn exists_already_is_6() {
    let store = with_a_file();
    let uri = store.ok(&["upload", "x.txt"]);
    store.fails(&["download", uri.trim()], 6);
}

#[test]
fn unavailable_is_9() {
    // in `bad_places`: a source that is cut off in the middle
    let store = sandbox();
    assert_eq!(
        super::bad_places::upload_that_is_cut_off(&store).code,
        Some(9)
    );
}

#[test]
fn unsupported_is_10() {
    let outcome = with_a_file()
        .run(&["upload", "x.txt", "--backend", "gitlab-ci"])
        .expect_code(10);
    outcome.says(&["backend", "gitlab-ci"]);
}

#[test]
fn the_first_failure_gives_the_code() {
    let store = with_a_file();
    store.fails(&["upload", "nowhere", "x.txt/below"], 3);
    store.fails(&["upload", "x.txt/below", "nowhere"], 2);
    store.assert_empty();
}

#[test]
fn errors_are_json_where_data_is() {
    let store = sandbox();
    let outcome = store.run(&["show", MISSING, "--json"]).expect_code(3);
    assert_eq!(outcome.text(), "");
    let error: Value = serde_json::from_str(outcome.stderr.trim()).expect("it is one JSON object");
    assert_eq!(error["error"]["kind"], "not-found");
    let message = error["error"]["message"]
        .as_str()
        .expect("it has a message");
    assert!(message.contains(MISSING), "{message}");
    assert!(error["error"]["hint"].is_string(), "{outcome}");
}

#[test]
fn causes_are_told_to_who_asks() {
    let store = sandbox();
    let quiet = store.fails(&["upload", "nowhere"], 3);
    assert!(!quiet.contains("caused by"), "{quiet}");
    let verbose = store.fails(&["upload", "nowhere", "-v"], 3);
    assert!(verbose.contains("caused by: "), "{verbose}");
}

#[test]
fn colour_is_for_terminals() {
    let store = sandbox();
    let plain = store.fails(&["show", MISSING], 3);
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let coloured = store.fails(&["show", MISSING, "--color", "always"], 3);
    assert!(coloured.contains("\x1b["), "{coloured:?}");
}

#[test]
fn quiet_leaves_only_errors() {
    let store = sandbox();
    std::fs::create_dir(store.work("empty")).expect("folders can be made");
    assert_eq!(
        store.run(&["upload", "empty", "-q"]).expect_code(0).stderr,
        ""
    );
    store
        .run(&["show", MISSING, "-q"])
        .expect_code(3)
        .says(&[MISSING]);
}

#[test]
fn a_store_in_memory_leaves_nothing() {
    let store = with_a_file();
    store.ok(&["upload", "x.txt", "--backend", "memory"]);
    store.assert_empty();
}
