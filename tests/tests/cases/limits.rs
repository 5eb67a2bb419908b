//! How large an artifact may be: exit code 8, and nothing is kept.

use e2e::tree::noise;

use super::sandbox;

#[test]
fn a_file_over_the_limit_is_refused() {
    let store = sandbox().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "100kB");
    store.write("exact.bin", noise(1, 100_000));
    store.write("large.bin", noise(1, 100_001));
    let outcome = store.run(&["upload", "large.bin"]).expect_code(8);
    outcome.says(&[
        "large.bin",
        "100001 bytes",
        "100000",
        "quota.max_artifact_size",
    ]);
    store.assert_empty();
    store.ok(&["upload", "exact.bin"]);
}

#[test]
fn a_stream_over_the_limit_is_refused_on_its_way() {
    let store = sandbox().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "1MB");
    let args = ["upload", "-", "--name", "stream.bin"];
    let outcome = store
        .run_with_input(&args, &noise(1, 3_000_000))
        .expect_code(8);
    outcome.says(&["stream.bin", "1000000"]);
    store.assert_empty();
    let _ = store
        .run_with_input(&args, &noise(1, 1_000_000))
        .expect_code(0);
}

#[test]
fn one_that_is_too_large_does_not_keep_the_others() {
    let store = sandbox().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "1kB");
    for (name, size) in [("a", 10), ("b", 5_000), ("c", 10)] {
        store.write(format!("tree/{name}"), noise(1, size));
    }
    let outcome = store.run(&["upload", "tree"]).expect_code(8);
    assert_eq!(outcome.text().lines().count(), 2, "{outcome}");
    assert_eq!(store.blobs().len(), 2);
}
