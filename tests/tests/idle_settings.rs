//! A setting that nothing acts on says so, rather than promise what does not happen.

use e2e::Sandbox;

#[test]
fn a_key_without_effect_is_named() {
    let (variable, key) = ("ARTIFACT_RETENTION__KEEP_LATEST", "retention.keep_latest");
    let outcome = Sandbox::new()
        .with_env(variable, "3")
        .run(&["search"])
        .expect_code(0);
    outcome.says(&[key, "has no effect"]);
    assert_eq!(outcome.text(), "");
    assert_eq!(Sandbox::new().run(&["search"]).expect_code(0).stderr, "");
}
