//! Every kind of bad value in every layer, and the error it gives.

use super::{Machine, toml, yaml};

/// A refused value of a YAML file.
fn refused(text: &str) -> String {
    let error = yaml(text).error();
    let from = " from file /root/work/artifact-store.yaml: expected ";
    assert!(error.contains(from), "{error}");
    error.replace(from, " | ")
}

#[test]
fn a_list_is_written_as_one_or_with_commas() {
    let allow = |machine: Machine| machine.settings().guard.allow;
    let both = ["a/*".to_owned(), "b c".to_owned()];
    assert_eq!(allow(yaml("guard: { allow: ['a/*', b c] }")), both);
    assert_eq!(allow(yaml("guard: { allow: 'a/*, b c' }")), both);
    assert_eq!(allow(toml("guard.allow = ['a/*', 'b c']")), both);
    assert_eq!(
        allow(Machine::new().env("ARTIFACT_GUARD__ALLOW", " a/* ,b c")),
        both
    );
    assert!(allow(yaml("guard: { allow: [] }")).is_empty());
    for bad in ["[1]", "[[a]]", "{ a: b }", "[a, '']", "'a,,b'", "3", "''"] {
        let error = yaml(&format!("guard: {{ allow: {bad} }}")).error();
        assert!(
            error.contains("`guard.allow`") && error.contains("list of texts"),
            "{error}"
        );
    }
}

#[test]
fn a_value_of_the_wrong_type_tells_what_was_expected_and_given() {
    for (text, error) in [
        (
            "backend: ftp",
            "`backend` | one of fs, s3, gcs, memory, github-actions, gitlab-ci, got the text \
             \"ftp\"",
        ),
        (
            "backend: 3",
            "`backend` | one of fs, s3, gcs, memory, github-actions, gitlab-ci, got `3` (put it \
             in quotes)",
        ),
        (
            "backend:",
            "`backend` | one of fs, s3, gcs, memory, github-actions, gitlab-ci, got nothing (null)",
        ),
        (
            "verify_checksum: yes",
            "`verify_checksum` | true or false, got the text \"yes\"",
        ),
        (
            "verify_checksum: 1",
            "`verify_checksum` | true or false, got `1`",
        ),
        (
            "compression: { level: 10 }",
            "`compression.level` | a whole number from 1 to 9, got `10`",
        ),
        (
            "compression: { level: -1 }",
            "`compression.level` | a whole number from 1 to 9, got `-1`",
        ),
        (
            "compression: { level: 6.5 }",
            "`compression.level` | a whole number from 1 to 9, got `6.5`",
        ),
        (
            "compression: { level: \"6\" }",
            "`compression.level` | a whole number from 1 to 9, got the text \"6\"",
        ),
        (
            "compression: { level: 36893488147419103232 }",
            "`compression.level` | a whole number from 1 to 9, got `36893488147419103000`",
        ),
        (
            "compression: { level: [6] }",
            "`compression.level` | a whole number from 1 to 9, got a list",
        ),
        (
            "compression: { level: { a: 1 } }",
            "`compression.level` | a whole number from 1 to 9, got a mapping",
        ),
    ] {
        assert_eq!(refused(text), error);
    }
}

#[test]
fn a_value_out_of_range_or_form_tells_what_was_expected_and_given() {
    for (text, error) in [
        (
            "quota: { max_storage_gb: 0 }",
            "`quota.max_storage_gb` | a number from 0.001 to 1000000000, or null, got `0`",
        ),
        (
            "quota: { max_storage_gb: .nan }",
            "`quota.max_storage_gb` | a number from 0.001 to 1000000000, or null, got `NaN`",
        ),
        (
            "quota: { max_storage_gb: .inf }",
            "`quota.max_storage_gb` | a number from 0.001 to 1000000000, or null, got `inf`",
        ),
        (
            "quota: { max_storage_gb: -1e999 }",
            "`quota.max_storage_gb` | a number from 0.001 to 1000000000, or null, got `-inf`",
        ),
        (
            "quota: { warn_threshold: 1.01 }",
            "`quota.warn_threshold` | a number from 0 to 1, got `1.01`",
        ),
        (
            "quota: { max_artifact_size: -5GB }",
            "`quota.max_artifact_size` | a size from 1B, such as 500, 5GB or 1.5GiB, got the \
             text \"-5GB\" (a size cannot be negative)",
        ),
        (
            "quota: { max_artifact_size: 0 }",
            "`quota.max_artifact_size` | a size from 1B, such as 500, 5GB or 1.5GiB, got `0`",
        ),
        (
            "quota: { max_artifact_size: 5.5 }",
            "`quota.max_artifact_size` | a size from 1B, such as 500, 5GB or 1.5GiB, got `5.5`",
        ),
        (
            "retention: { schedule: \"0 25 * * *\" }",
            "`retention.schedule` | five fields as in crontab(5), such as \"0 2 * * *\", or \
             null, got the text \"0 25 * * *\" (the hour is wrong)",
        ),
        (
            "retention: { by_type: { log: 0 } }",
            "`retention.by_type.log` | a whole number from 1 to 36500, or null, got `0`",
        ),
        (
            "retention: { by_task: { nightly: 0 } }",
            "`retention.by_task` | numbers by pattern, got a mapping (`nightly` is to have a whole \
             number from 1 to 36500, or never)",
        ),
        (
            "retention: { by_task: { \"[a\": 1 } }",
            "`retention.by_task` | numbers by pattern, got a mapping (pattern `[a` is malformed: \
             invalid range pattern)",
        ),
        (
            "retention: { keep_latest_by_task: { a: never } }",
            "`retention.keep_latest_by_task` | numbers by pattern, got a mapping (`a` is to have a \
             whole number from 0 to 1000000)",
        ),
        (
            "retention: { by_task: 3 }",
            "`retention.by_task` | numbers by pattern, got `3`",
        ),
        ("base_path: \"\"", "`base_path` | a path, got the text \"\""),
        (
            "base_path: ~bob/x",
            "`base_path` | a path, got the text \"~bob/x\" (only `~` and `~/…` are expanded, not \
             another user's home)",
        ),
        (
            "s3: { bucket: \"\" }",
            "`s3.bucket` | a text, or null, got the text \"\"",
        ),
        (
            "s3: { bucket: \"a\\nb\" }",
            "`s3.bucket` | a text, or null, got the text \"a\\nb\" (it holds a control character, \
             perhaps a line end)",
        ),
        (
            "s3: { region: 7 }",
            "`s3.region` | a text, or null, got `7` (put it in quotes)",
        ),
    ] {
        assert_eq!(refused(text), error);
    }
}

#[test]
fn endpoints_must_be_http_urls_without_credentials() {
    for (url, reason) in [
        ("minio:9000", "it has no scheme"),
        ("ftp://minio", "its scheme is neither http nor https"),
        ("http://", "it names no host"),
        ("http:///bucket", "it names no host"),
        ("http://a b", "it holds a space"),
        (
            "http://key:hunter2@minio",
            "credentials belong in keys of their own",
        ),
    ] {
        for section in ["s3", "gcs"] {
            let error = refused(&format!("{section}: {{ endpoint_url: \"{url}\" }}"));
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
    let good = yaml("s3: { endpoint_url: \"HTTPS://minio:9000/x\" }").settings();
    assert_eq!(
        good.s3.endpoint_url.as_deref(),
        Some("HTTPS://minio:9000/x")
    );
}

#[test]
fn a_secret_is_never_quoted() {
    for key in ["access_key", "secret_key"] {
        for (value, got) in [
            (
                "hunter2\\n",
                "a text that is not shown (it holds a control character",
            ),
            ("", "a text that is not shown"),
        ] {
            let error = refused(&format!("s3: {{ {key}: \"{value}\" }}"));
            assert!(error.contains(got) && !error.contains("hunter2"), "{error}");
        }
        let error = refused(&format!("s3: {{ {key}: 271828 }}"));
        assert!(
            error.ends_with("got a number (put it in quotes)"),
            "{error}"
        );
    }
    let url = "index: { url: \"postgres://u:hunter2@h/d\\n\" }";
    let error = refused(url);
    assert!(
        error.contains("postgres://u:***@h/d") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn toml_values_are_checked_alike() {
    for (text, got) in [
        ("compression.level = 10", "`10`"),
        ("compression.level = \"6\"", "the text \"6\""),
        ("quota.max_storage_gb = nan", "`NaN`"),
        ("quota.max_storage_gb = -inf", "`-inf`"),
        ("base_path = 1979-05-27", "a date (put it in quotes)"),
        ("base_path = []", "a list"),
        ("[base_path]", "a mapping"),
    ] {
        let error = toml(text).error();
        assert!(
            error.contains("from file /root/work/artifact-store.toml: expected"),
            "{error}"
        );
        assert!(error.ends_with(&format!("got {got}")), "{error}");
    }
}

#[test]
fn a_value_where_a_section_belongs_is_refused() {
    for (text, got) in [
        ("s3: yes", "a text that is not shown"),
        ("s3: [a]", "a list"),
    ] {
        assert_eq!(
            yaml(text).error(),
            format!(
                "`s3` in file /root/work/artifact-store.yaml: expected a mapping of keys, got {got}"
            )
        );
    }
}

#[test]
fn a_variable_or_flag_with_a_bad_value_is_named() {
    let level = "`compression.level` from ";
    let expected = ": expected a whole number from 1 to 9, got ";
    for (value, got) in [
        ("0", "`0`"),
        ("-6", "`-6`"),
        ("6.0", "`6.0`"),
        ("six", "`six`"),
        ("NaN", "`NaN`"),
        ("99999999999999999999999999", "`99999999999999999999999999`"),
        ("", "an empty value"),
    ] {
        let name = "ARTIFACT_COMPRESSION__LEVEL";
        assert_eq!(
            Machine::new().env(name, value).error(),
            format!("{level}environment variable {name}{expected}{got}")
        );
        assert_eq!(
            Machine::new().flag("compression.level", value).error(),
            format!("{level}command line{expected}{got}")
        );
    }
    for value in ["nan", "inf", "-1", "1e400", "much"] {
        let error = Machine::new()
            .env("ARTIFACT_QUOTA__MAX_STORAGE_GB", value)
            .error();
        assert!(
            error.contains("ARTIFACT_QUOTA__MAX_STORAGE_GB: expected a number"),
            "{error}"
        );
    }
    let error = Machine::new()
        .env("ARTIFACT_VERIFY_CHECKSUM", "maybe")
        .error();
    assert!(
        error.ends_with("expected true or false, got `maybe`"),
        "{error}"
    );
    let error = Machine::new()
        .env("ARTIFACT_S3__SECRET_KEY", "hunter2\n")
        .error();
    assert!(
        error.contains("ARTIFACT_S3__SECRET_KEY") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn a_long_value_is_cut_in_the_error() {
    let error = Machine::new()
        .env("ARTIFACT_BACKEND", &"x".repeat(10_000))
        .error();
    assert!(error.contains("xxx…") && error.len() < 300, "{error}");
}

#[test]
fn an_empty_variable_is_null_where_null_is_a_value() {
    let machine = yaml("s3: { bucket: b }\nquota: { max_storage_gb: 5 }")
        .env("ARTIFACT_S3__BUCKET", "")
        .env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "")
        .env("ARTIFACT_RETENTION__BY_TYPE__LOG", "");
    let settings = machine.settings();
    assert_eq!(
        (settings.s3.bucket, settings.quota.max_storage_gb),
        (None, None)
    );
    assert_eq!(settings.retention.by_type[&"log".parse().unwrap()], None);
    let error = Machine::new().env("ARTIFACT_BASE_PATH", "").error();
    assert!(
        error.ends_with("ARTIFACT_BASE_PATH: expected a path, got an empty value"),
        "{error}"
    );
}

#[test]
fn truth_has_many_spellings_in_variables_and_flags() {
    for (value, truth) in [
        ("true", true),
        ("1", true),
        ("YES", true),
        (" on ", true),
        ("False", false),
        ("0", false),
    ] {
        let machine = Machine::new().env("ARTIFACT_VERIFY_CHECKSUM", value);
        assert_eq!(machine.settings().verify_checksum, truth, "{value}");
    }
}

#[test]
fn a_bad_value_is_refused_also_where_a_higher_layer_hides_it() {
    let machine = yaml("compression: { level: 99 }").flag("compression.level", "1");
    assert!(
        machine.error().contains("artifact-store.yaml"),
        "{}",
        machine.error()
    );
}

#[test]
fn a_backend_or_engine_without_what_it_needs_is_refused() {
    for (text, error) in [
        (
            "backend: s3",
            "`s3.bucket` is not set, and backend s3 needs it",
        ),
        (
            "backend: gcs",
            "`gcs.bucket` is not set, and backend gcs needs it",
        ),
        (
            "backend: s3\ns3: { bucket: b, access_key: hunter2 }",
            "`s3.secret_key` is not set, and s3.access_key needs it",
        ),
        (
            "backend: s3\ns3: { bucket: b, secret_key: hunter2 }",
            "`s3.access_key` is not set, and s3.secret_key needs it",
        ),
        (
            "index: { engine: postgres }",
            "`index.url` is not set, and index.engine postgres needs it",
        ),
        (
            "index: { engine: postgres, url: \"mysql://u:hunter2@h\" }",
            "`index.url` does not begin with postgres:// or postgresql://",
        ),
        (
            "http: { tls_cert: /cert.pem }",
            "`http.tls_key` is not set, and http.tls_cert needs it",
        ),
        (
            "http: { tls_key: /key.pem }",
            "`http.tls_cert` is not set, and http.tls_key needs it",
        ),
        (
            "http: { rate_burst: 3 }",
            "`http.rate_limit` is not set, and http.rate_burst needs it",
        ),
    ] {
        assert_eq!(yaml(text).error(), error);
    }
    let whole = "http: { tls_cert: /c, tls_key: /k, rate_limit: 1, rate_burst: 3 }";
    assert!(yaml(whole).load().is_ok());
    assert!(yaml("http: { rate_limit: 1 }").load().is_ok());
    // what one layer lacks another may have
    let variable = yaml("http: { tls_cert: /c }").env("ARTIFACT_HTTP__TLS_KEY", "/k");
    assert!(variable.load().is_ok());
    // what is not in use may be half set
    assert!(
        yaml("s3: { access_key: a }\nindex: { url: x }")
            .load()
            .is_ok()
    );
}

#[test]
fn entries_by_pattern_come_from_a_mapping_or_one_text() {
    let by_task = |machine: Machine| machine.settings().retention.by_task;
    let expected = [("nightly-*", Some(3)), ("release/*", None)]
        .map(|(pattern, days)| (pattern.to_owned(), days))
        .into();
    let file = "retention: { by_task: { nightly-*: 3, release/*: null } }";
    assert_eq!(by_task(yaml(file)), expected);
    let table = "[retention.by_task]\n\"nightly-*\" = 3\n\"release/*\" = \"never\"\n";
    assert_eq!(by_task(super::toml(table)), expected);
    let variable =
        |value| yaml("retention: { by_task: { x: 1 } }").env("ARTIFACT_RETENTION__BY_TASK", value);
    let text = "nightly-*=3 , release/*=never";
    assert_eq!(by_task(variable(text)), expected);
    for (value, reason) in [
        ("nightly", "`nightly` is to have a whole number"),
        ("=3", "pattern `` is empty"),
        ("a=1,a=2", "`a` is in it twice"),
        ("a=-1", "`a` is to have a whole number"),
    ] {
        let error = variable(value).error();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_schedule_can_be_off() {
    let file = yaml("retention: { schedule: null }").settings();
    assert_eq!(file.retention.schedule, None);
    let variable = Machine::new().env("ARTIFACT_RETENTION__SCHEDULE", "");
    assert_eq!(variable.settings().retention.schedule, None);
    let default = Machine::new().settings().retention.schedule;
    assert_eq!(default.as_deref(), Some("0 2 * * *"));
}
