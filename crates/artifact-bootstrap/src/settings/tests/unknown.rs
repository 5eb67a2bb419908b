//! Unknown keys in every layer, the nearest that the error names, and what is left alone.

use super::{Machine, toml, yaml};

#[test]
fn an_unknown_key_of_a_file_names_the_nearest() {
    for (text, unknown, nearest) in [
        ("bakend: s3", "bakend", "backend"),
        ("base-path: /x", "base-path", "base_path"),
        ("basePath: /x", "basePath", "base_path"),
        ("s3: { buket: b }", "s3.buket", "s3.bucket"),
        ("s4: { bucket: b }", "s4", "s3"),
        ("compresion: { level: 1 }", "compresion", "compression"),
        ("region: eu", "region", "s3.region"),
        ("gcs: { region: eu }", "gcs.region", "s3.region"),
        (
            "retention: { keep_lates: 1 }",
            "retention.keep_lates",
            "retention.keep_latest",
        ),
        (
            "retention: { by_type: { lgo: 1 } }",
            "retention.by_type.lgo",
            "retention.by_type.log",
        ),
        (
            "quota: { max_storage: 1 }",
            "quota.max_storage",
            "quota.max_storage_gb",
        ),
    ] {
        let error = yaml(text).load().unwrap_err();
        let file = "artifact-store.yaml";
        assert!(
            error
                .message()
                .starts_with(&format!("unknown key `{unknown}` in file /"))
        );
        assert!(
            error
                .message()
                .ends_with(&format!("{file}, the nearest is `{nearest}`")),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
    assert!(
        toml("[s3]\nbuket = 1")
            .error()
            .ends_with("the nearest is `s3.bucket`")
    );
}

#[test]
fn an_unknown_variable_names_the_nearest() {
    for (name, nearest) in [
        ("ARTIFACT_BAKEND", "ARTIFACT_BACKEND"),
        ("ARTIFACT_S3_BUCKET", "ARTIFACT_S3__BUCKET"),
        ("ARTIFACT_s3__bucket", "ARTIFACT_S3__BUCKET"),
        ("ARTIFACT_S3__BUKET", "ARTIFACT_S3__BUCKET"),
        ("ARTIFACT_BASEPATH", "ARTIFACT_BASE_PATH"),
        (
            "ARTIFACT_RETENTION__BY_TYPE__TEST_RESULT5",
            "ARTIFACT_RETENTION__BY_TYPE__TEST_RESULTS",
        ),
    ] {
        assert_eq!(
            Machine::new().env(name, "hunter2").error(),
            format!("unknown environment variable {name}, the nearest is `{nearest}`")
        );
    }
    let section = Machine::new().env("ARTIFACT_S3", "x").error();
    assert_eq!(
        section,
        "`s3` from environment variable ARTIFACT_S3 is a section, not a key"
    );
}

#[test]
fn reserved_variables_and_those_of_others_are_left_alone() {
    let mut machine = Machine::new();
    for name in [
        "ARTIFACT_SERVER",
        "ARTIFACT_TOKEN",
        "ARTIFACT_SPEC",
        "ARTIFACT_TASK",
        "ARTIFACT_LOG",
    ] {
        machine = machine.env(name, "anything");
    }
    machine = machine
        .env("ARTIFACTS", "x")
        .env("artifact_backend", "s3")
        .env("PATH", "/bin");
    assert_eq!(
        machine.settings(),
        Machine::settings(&Machine { ..machine })
    );
}

#[test]
fn an_unknown_flag_names_the_nearest() {
    assert_eq!(
        Machine::new().flag("index.engin", "sled").error(),
        "unknown key `index.engin` on the command line, the nearest is `index.engine`"
    );
    let section = Machine::new().flag("retention.by_type", "3").error();
    assert_eq!(
        section,
        "`retention.by_type` from command line is a section, not a key"
    );
}

#[test]
fn one_type_under_two_names_is_refused() {
    let text = "retention: { by_type: { test: 1, test-results: 2 } }";
    assert!(
        yaml(text)
            .error()
            .starts_with("`retention.by_type.test-results` is set twice in file")
    );
    let machine = Machine::new()
        .env("ARTIFACT_RETENTION__BY_TYPE__TEST", "1")
        .env("ARTIFACT_RETENTION__BY_TYPE__TEST_RESULTS", "2");
    assert!(
        machine
            .error()
            .ends_with("is set by two environment variables")
    );
}

#[test]
fn an_endless_or_unprintable_name_is_cut_and_escaped() {
    let long = "x".repeat(500_000);
    for machine in [
        // YAML itself takes no longer name
        yaml(&format!("{}: 1", &long[..1_000])),
        toml(&format!("{long} = 1")),
        Machine::new().env(&format!("ARTIFACT_{long}"), "1"),
        Machine::new().flag(&long, "1"),
    ] {
        let error = machine.error();
        assert!(error.starts_with("unknown "), "{error}");
        assert!(error.contains("xxx…") && error.len() < 400, "{error}");
    }
    let error = yaml("\"\\e[2J\": 1").error();
    assert!(
        error.starts_with("unknown key `\\u{1b}[2J` in file"),
        "{error}"
    );
}
