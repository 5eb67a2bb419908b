//! What is shown of the settings in effect, and that no secret is in it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::settings::keys::{KEYS, SECTIONS};
use crate::settings::{SecretUrl, Settings};

use super::{Machine, yaml};

const SECRETS: &str = "\
backend: s3
base_path: /b
s3: { bucket: b, access_key: hunter2, secret_key: hunter2 }
index: { engine: postgres, url: \"postgres://u:hunter2@h/d?sslpassword=hunter2\" }
";

#[test]
fn no_secret_is_shown_anywhere() {
    let loaded = yaml(SECRETS).load().unwrap();
    let lines: Vec<_> = loaded
        .effective()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let everything = [
        format!("{loaded:?}"),
        format!("{:#?}", loaded.settings),
        loaded.to_yaml().unwrap(),
        loaded.to_json().unwrap().to_string(),
        lines.join("\n"),
    ];
    for shown in everything {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("***"), "{shown}");
    }
    // and yet they are there
    let s3 = &loaded.settings.s3;
    assert_eq!(s3.secret_key.as_ref().unwrap().expose(), "hunter2");
    let url = loaded
        .settings
        .index
        .url
        .as_ref()
        .map(SecretUrl::expose)
        .unwrap();
    assert_eq!(url, "postgres://u:hunter2@h/d?sslpassword=hunter2");
}

#[test]
fn every_value_is_shown_with_its_origin() {
    let machine = yaml("base_path: /b\nquota: { max_storage_gb: 2.5 }")
        .env("ARTIFACT_INDEX__ENGINE", "sled")
        .flag("backend", "memory");
    let lines: Vec<_> = machine
        .load()
        .unwrap()
        .effective()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let file = machine.path("work/artifact-store.yaml");
    for line in [
        "backend: \"memory\"  # command line".to_owned(),
        format!("base_path: \"/b\"  # file {}", file.display()),
        "index.engine: \"sled\"  # environment variable ARTIFACT_INDEX__ENGINE".to_owned(),
        format!("quota.max_storage_gb: 2.5  # file {}", file.display()),
        "quota.max_artifact_size: \"5GB\"  # default".to_owned(),
        "locking.timeout_s: 30  # default".to_owned(),
        "s3.bucket: null  # default".to_owned(),
        "retention.by_type.log: 7  # default".to_owned(),
    ] {
        assert!(lines.contains(&line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn what_is_shown_as_yaml_loads_again() {
    let first = yaml(
        "base_path: /b\nquota: { max_storage_gb: 2.5 }\nretention: { by_type: { custom:x: 1 } }",
    );
    let shown = first.load().unwrap().to_yaml().unwrap();
    assert_eq!(yaml(&shown).settings(), first.settings(), "{shown}");
}

const HAVE_ENTRIES: [&str; 3] = [
    "retention.by_type",
    "retention.by_task",
    "retention.keep_latest_by_task",
];

/// The dotted paths of all leaves; what has entries counts as one.
fn leaves(prefix: &str, value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !HAVE_ENTRIES.contains(&prefix) => {
            for (name, value) in map {
                let path = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                leaves(&path, value, paths);
            }
        }
        _ => {
            paths.insert(prefix.to_owned());
        }
    }
}

#[test]
fn the_schema_and_the_types_hold_the_same_keys() {
    let settings = Settings::with_base_path("/b".as_ref()).unwrap();
    let mut typed = BTreeSet::new();
    leaves("", &serde_json::to_value(settings).unwrap(), &mut typed);
    let schema: BTreeSet<_> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(schema.len(), KEYS.len(), "a key stands in the schema twice");
    assert_eq!(typed, schema);

    let sections: BTreeSet<_> = KEYS
        .iter()
        .flat_map(|key| {
            let dots = key.path.match_indices('.');
            dots.map(|(dot, _)| &key.path[..dot])
        })
        .collect();
    assert_eq!(
        sections,
        SECTIONS.iter().map(|(section, _)| *section).collect()
    );
}

#[test]
fn every_choice_of_the_schema_has_its_type() {
    for key in KEYS {
        let crate::settings::kind::Kind::Choice(names) = key.kind else {
            continue;
        };
        for name in names {
            let machine = yaml(SECRETS)
                .env("ARTIFACT_GCS__BUCKET", "b")
                .flag(key.path, &name.to_uppercase());
            let loaded = machine.load().unwrap();
            let effective = loaded.effective().unwrap();
            let shown = effective.iter().find(|one| one.key == key.path).unwrap();
            assert_eq!(shown.value, *name);
        }
    }
}

#[test]
fn defaults_are_those_of_the_design() {
    let machine = Machine::new().flag("base_path", "/b");
    let json = machine.load().unwrap().to_json().unwrap();
    let expected = serde_json::json!({
        "backend": "fs",
        "base_path": "/b",
        "s3": {
            "bucket": null, "region": null, "endpoint_url": null, "access_key": null,
            "secret_key": null, "path_style": null, "prefix": null, "storage_classes": { "hot": null, "warm": null, "cold": null }
        },
        "gcs": {
            "bucket": null, "project": null, "credentials_path": null, "endpoint_url": null,
            "prefix": null, "storage_classes": { "hot": null, "warm": null, "cold": null }
        },
        "index": { "engine": "sqlite", "url": null },
        "durability": "full",
        "compression": { "enabled": true, "level": 6 },
        "verify_checksum": true,
        "versioning": { "enabled": false, "keep": null },
        "retention": {
            "enabled": true, "default_days": 30,
            "by_type": { "diff": 30, "log": 7, "test-results": 14 },
            "by_task": {}, "keep_latest": 0, "keep_latest_by_task": {},
            "schedule": "0 2 * * *"
        },
        "tiers": {
            "warm_after_days": null, "cold_after_days": null,
            "warm": { "base_path": null },
            "cold": { "base_path": null, "read_through": true }
        },
        "quota": { "max_storage_gb": 100, "warn_threshold": 0.8, "max_artifact_size": "5GB" },
        "locking": { "enabled": true, "timeout_s": 30, "retry_interval_s": 0.1 },
        "retry": { "attempts": 3 },
        "upload": { "lease_s": 900, "resumable_expiry_h": 24 },
        "guard": { "secrets": "warn", "allow": [] },
        "http": {
            "listen": "127.0.0.1:8080",
            "tls_cert": null,
            "tls_key": null,
            "trusted_proxies": null,
            "proxy_header": "x-forwarded-for",
            "rate_limit": null,
            "rate_burst": null,
            "max_connections": 4096,
            "max_requests": 256,
            "idle_timeout_s": 30,
            "public_url": null,
            "cors_origins": null,
            "otlp_endpoint": null,
            "log": "info",
            "log_format": "text"
        },
        "access": {
            "token_file": null,
            "issuers_file": null,
            "signing_keys_file": null,
            "audit": "all",
            "audit_file": null,
            "audit_max_size": "64MB",
            "audit_keep": 10
        }
    });
    assert_eq!(json, expected);
}
