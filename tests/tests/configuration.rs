//! Settings from outside: which layer wins, what is refused, and what is never printed.

use e2e::Sandbox;
use serde_json::Value;

fn setting(store: &Sandbox, key: &str, flags: &[&str]) -> (Value, String) {
    let shown = store.json(&[&["config", "show"], flags].concat());
    let found = shown.iter().find(|setting| setting["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no setting {key}"));
    (
        found["value"].clone(),
        found["origin"].as_str().unwrap_or_default().to_owned(),
    )
}

#[test]
fn defaults_lose_to_the_file_to_the_environment_to_flags() {
    let store = Sandbox::new();
    let engine = |store: &Sandbox, flags: &[&str]| setting(store, "index.engine", flags);
    assert_eq!(engine(&store, &[]), ("sqlite".into(), "default".into()));
    let path = store.write("artifact-store.yaml", "index: { engine: sled }\n");
    let from_file = ("sled".into(), format!("file {}", path.display()));
    assert_eq!(engine(&store, &[]), from_file);
    let store = store.with_env("ARTIFACT_INDEX__ENGINE", "postgres");
    let store = store.with_env("ARTIFACT_INDEX__URL", "postgres://localhost/a");
    let variable = "environment variable ARTIFACT_INDEX__ENGINE".to_owned();
    assert_eq!(engine(&store, &[]), ("postgres".into(), variable));
    assert_eq!(
        engine(&store, &["--index", "sled"]),
        ("sled".into(), "command line".into())
    );
}

#[test]
fn layers_are_merged_key_by_key() {
    let store = Sandbox::new().with_env("ARTIFACT_COMPRESSION__LEVEL", "9");
    store.write(
        "artifact-store.toml",
        "[compression]\nlevel = 3\nenabled = false\n",
    );
    assert_eq!(setting(&store, "compression.level", &[]).0, 9);
    assert_eq!(setting(&store, "compression.enabled", &[]).0, false);
    assert_eq!(setting(&store, "quota.warn_threshold", &[]).0, 0.8);
}

#[test]
fn the_file_is_found_where_it_is_documented() {
    let store = Sandbox::new();
    let level = |store: &Sandbox, flags: &[&str]| setting(store, "compression.level", flags).0;
    let user = store.home().join(".config/artifact-store");
    std::fs::create_dir_all(&user).expect("folders can be made");
    std::fs::write(user.join("config.yaml"), "compression: { level: 2 }")
        .expect("it can be written");
    assert_eq!(level(&store, &[]), 2);
    store.write("artifact-store.toml", "compression.level = 3");
    assert_eq!(level(&store, &[]), 3);
    let named = store.write("named.yml", "compression: { level: 4 }");
    let store = store.with_env("ARTIFACT_CONFIG", named);
    assert_eq!(level(&store, &[]), 4);
    store.write("flag.toml", "compression.level = 5");
    assert_eq!(level(&store, &["--config", "flag.toml"]), 5);
    assert_eq!(
        level(&store, &["--config=flag.toml", "--backend=memory"]),
        5
    );
}

#[test]
fn flags_take_effect() {
    let store = Sandbox::new().without_env("ARTIFACT_BASE_PATH");
    let default = store.home().join(".local/share/artifact-store");
    assert_eq!(
        setting(&store, "base_path", &[]).0,
        default.to_str().expect("it is UTF-8")
    );
    store.write("x.txt", "content");
    store.ok(&["upload", "x.txt", "--base-path", "here", "--index", "sled"]);
    assert!(store.work("here/index.sled").is_dir());
    assert!(!default.exists());
    store.ok(&["upload", "x.txt"]);
    assert!(default.join("index.sqlite").is_file());
}

#[test]
fn check_says_whether_settings_are_valid() {
    let store = Sandbox::new();
    let text = store.ok(&["config", "check"]);
    assert_eq!(text, "settings are valid (no file, defaults)\n");
    let path = store.write("artifact-store.yaml", "backend: fs\n");
    let text = store.ok(&["config", "check"]);
    assert!(text.contains(path.to_str().expect("it is UTF-8")), "{text}");
    let shown = store.json(&["config", "check"]);
    assert_eq!(shown[0]["ok"], true);
    store.write("artifact-store.yaml", "backend: tape\n");
    let outcome = store.run(&["config", "check"]).expect_code(2);
    outcome.says(&["backend", "tape", "artifact-store.yaml", "fs, s3"]);
    assert!(!store.store("").exists(), "checking makes nothing");
}

#[test]
fn check_refuses_what_the_server_would_not_start_with() {
    for (file, lacking, by) in [
        ("http: { tls_cert: /c }\n", "http.tls_key", "http.tls_cert"),
        ("http: { tls_key: /k }\n", "http.tls_cert", "http.tls_key"),
        (
            "http: { rate_burst: 3 }\n",
            "http.rate_limit",
            "http.rate_burst",
        ),
    ] {
        let store = Sandbox::new();
        store.write("artifact-store.yaml", file);
        let said = format!("`{lacking}` is not set, and {by} needs it");
        let checked = store.run(&["config", "check"]).expect_code(2);
        checked.says(&[&said]);
        let mut server = store.other(e2e::artifact_http());
        let output = server.output().expect("the server can be run");
        let outcome = e2e::Outcome::from_output(&["artifact-http"], output);
        outcome.expect_code(2).says(&[&said]);
    }
}

#[test]
fn init_writes_the_defaults_and_overwrites_nothing() {
    let store = Sandbox::new();
    let values = |store: &Sandbox| -> Vec<(Value, Value)> {
        let shown = store.json(&["config", "show"]);
        shown
            .iter()
            .map(|setting| (setting["key"].clone(), setting["value"].clone()))
            .collect()
    };
    let defaults = values(&store);
    assert_eq!(store.ok(&["config", "init"]), "artifact-store.yaml\n");
    assert_eq!(values(&store), defaults);
    assert_ne!(setting(&store, "compression.level", &[]).1, "default");
    let written = store.read("artifact-store.yaml");
    let outcome = store.run(&["config", "init"]).expect_code(6);
    outcome.says(&["artifact-store.yaml"]);
    assert_eq!(store.read("artifact-store.yaml"), written);
    store.ok(&["config", "init", "other.yaml"]);
    assert_eq!(store.read("other.yaml"), written);
    store
        .run(&["config", "init", "missing/x.yaml"])
        .expect_code(3)
        .says(&["missing/x.yaml"]);
}

#[test]
fn secrets_are_never_printed() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_S3__ACCESS_KEY", "hunter2-access")
        .with_env("ARTIFACT_S3__SECRET_KEY", "hunter2-secret")
        .with_env(
            "ARTIFACT_INDEX__URL",
            "postgres://user:hunter2-password@localhost/a",
        );
    store.write(
        "artifact-store.yaml",
        "s3: { bucket: b, secret_key: hunter2-file }\n",
    );
    store.write("x.txt", "content");
    let commands: [&[&str]; 6] = [
        &["config", "show"],
        &["config", "show", "--json"],
        &["config", "check", "-vv"],
        &["upload", "x.txt", "-vv"],
        &["upload", "x.txt", "-vv", "--backend", "s3"],
        &["upload", "x.txt", "-vv", "--index", "postgres", "--json"],
    ];
    for args in commands {
        let outcome = store.run(args).to_string();
        assert!(!outcome.contains("hunter2"), "{outcome}");
    }
    assert_eq!(setting(&store, "s3.secret_key", &[]).0, "***");
    let store = store.with_env(
        "ARTIFACT_S3__ENDPOINT_URL",
        "http://user:hunter2-url@localhost",
    );
    let outcome = store
        .run(&["config", "check", "-vv"])
        .expect_code(2)
        .to_string();
    assert!(
        outcome.contains("s3.endpoint_url") && !outcome.contains("hunter2"),
        "{outcome}"
    );
}

#[test]
fn a_broken_file_is_named_with_the_place() {
    let cases: [(&str, &str, &[&str]); 14] = [
        ("x.yaml", "backend: [fs\n", &["not valid YAML", "line"]),
        ("x.toml", "backend = \n", &["not valid TOML", "line 1"]),
        ("x.yaml", "\u{0}\u{1}\u{2}", &["not valid YAML"]),
        ("x.yaml", "- a\n- b\n", &["expected a mapping"]),
        (
            "x.yaml",
            "compression: 6\n",
            &["`compression`", "expected a mapping"],
        ),
        (
            "x.yaml",
            "bakend: fs\n",
            &["bakend", "the nearest is `backend`"],
        ),
        (
            "x.toml",
            "[compression]\nlevl = 3\n",
            &["compression.levl", "`compression.level`"],
        ),
        (
            "x.yaml",
            "compression: { level: 10 }\n",
            &["compression.level", "from 1 to 9", "10"],
        ),
        (
            "x.yaml",
            "compression: { level: -1 }\n",
            &["compression.level", "-1"],
        ),
        (
            "x.yaml",
            "compression: { enabled: perhaps }\n",
            &["compression.enabled", "true or false"],
        ),
        (
            "x.yaml",
            "quota: { max_artifact_size: huge }\n",
            &["quota.max_artifact_size", "huge"],
        ),
        (
            "x.yaml",
            "retention: { schedule: sometimes }\n",
            &["retention.schedule", "sometimes"],
        ),
        (
            "x.yaml",
            "retention: { by_type: { lgo: 3 } }\n",
            &["retention.by_type.lgo", "by_type.log"],
        ),
        ("x.txt", "backend: fs\n", &["none of .toml, .yaml"]),
    ];
    for (name, content, says) in cases {
        let store = Sandbox::new();
        store.write(name, content);
        store.write("file.txt", "content");
        for args in [
            &["search"][..],
            &["upload", "file.txt"],
            &["config", "show"],
        ] {
            let outcome = store
                .run(&[args, &["--config", name]].concat())
                .expect_code(2);
            outcome.says(&[name]);
            outcome.says(says);
        }
        assert!(!store.store("").exists(), "nothing is made");
    }
}

#[test]
fn files_that_are_missing_or_two_are_named() {
    let store = Sandbox::new();
    let outcome = store
        .run(&["search", "--config", "nowhere.yaml"])
        .expect_code(2);
    outcome.says(&["nowhere.yaml", "--config", "does not exist"]);
    store.write("artifact-store.yaml", "");
    store.ok(&["search"]);
    store.write("artifact-store.toml", "");
    let outcome = store.run(&["search"]).expect_code(2);
    outcome.says(&["artifact-store.yaml", "artifact-store.toml"]);
    let store = Sandbox::new();
    std::fs::create_dir(store.work("folder.yaml")).expect("folders can be made");
    store
        .run(&["search", "--config", "folder.yaml"])
        .expect_code(2)
        .says(&["is a directory"]);
}

#[test]
fn a_wrong_variable_is_named() {
    let cases: [(&str, &str, &[&str]); 13] = [
        (
            "ARTIFACT_BAKEND",
            "fs",
            &["ARTIFACT_BAKEND", "ARTIFACT_BACKEND"],
        ),
        (
            "ARTIFACT_S3__BUKET",
            "b",
            &["ARTIFACT_S3__BUKET", "ARTIFACT_S3__BUCKET"],
        ),
        ("ARTIFACT_S3", "b", &["ARTIFACT_S3", "section"]),
        ("ARTIFACT_BACKEND", "", &["backend", "ARTIFACT_BACKEND"]),
        ("ARTIFACT_BACKEND", "tape", &["backend", "tape"]),
        ("ARTIFACT_BASE_PATH", "", &["base_path"]),
        (
            "ARTIFACT_COMPRESSION__LEVEL",
            "0",
            &["compression.level", "from 1 to 9"],
        ),
        (
            "ARTIFACT_COMPRESSION__LEVEL",
            "99999999999999999999",
            &["compression.level"],
        ),
        (
            "ARTIFACT_LOCKING__TIMEOUT_S",
            "-1",
            &["locking.timeout_s", "-1"],
        ),
        (
            "ARTIFACT_LOCKING__TIMEOUT_S",
            "inf",
            &["locking.timeout_s", "inf"],
        ),
        (
            "ARTIFACT_UPLOAD__LEASE_S",
            "0",
            &["upload.lease_s", "from 1"],
        ),
        (
            "ARTIFACT_UPLOAD__RESUMABLE_EXPIRY_H",
            "0",
            &["upload.resumable_expiry_h", "from 1"],
        ),
        (
            "ARTIFACT_QUOTA__MAX_STORAGE_GB",
            "nan",
            &["quota.max_storage_gb", "nan"],
        ),
    ];
    for (name, value, says) in cases {
        let store = Sandbox::new().with_env(name, value);
        store.run(&["search"]).expect_code(2).says(says);
        assert!(!store.store("").exists(), "nothing is made");
    }
}

#[test]
fn flags_with_wrong_values_are_named() {
    let store = Sandbox::new();
    for (flag, value) in [
        ("--backend", "tape"),
        ("--index", "paper"),
        ("--backend", ""),
        ("--index", ""),
    ] {
        let outcome = store.run(&["search", flag, value]).expect_code(2);
        outcome.says(&[value, flag.trim_start_matches('-')]);
    }
    store
        .run(&["search", "--color", "pink"])
        .expect_code(2)
        .says(&["pink", "--color"]);
    assert!(!store.store("").exists(), "nothing is made");
}
