//! The higher layer wins, key by key, and every value remembers its layer.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::settings::keys::KEYS;
use crate::settings::kind::Kind;
use crate::settings::schema::{Key, env_name};
use crate::settings::{ByteSize, Loaded, Origin, Settings};

use super::{Machine, toml, yaml};

fn origin(loaded: &Loaded, key: &str) -> Origin {
    let effective = loaded.effective().unwrap();
    effective
        .into_iter()
        .find(|one| one.key == key)
        .map(|one| one.origin)
        .unwrap()
}

#[test]
fn each_layer_hides_the_one_below() {
    let mut machine = Machine::new();
    let read = |machine: &Machine| {
        let loaded = machine.load().unwrap();
        (
            loaded.settings.compression.level,
            origin(&loaded, "compression.level"),
        )
    };
    assert_eq!(read(&machine), (6, Origin::Default));
    let file = machine.write("work/artifact-store.yaml", "compression: { level: 1 }");
    assert_eq!(read(&machine), (1, Origin::File(file)));
    let name = "ARTIFACT_COMPRESSION__LEVEL";
    machine = machine.env(name, "2");
    assert_eq!(read(&machine), (2, Origin::Env(name.into())));
    machine = machine.flag("compression.level", "3");
    assert_eq!(read(&machine), (3, Origin::Flag));
    machine = machine.flag("compression.level", "4");
    assert_eq!(read(&machine), (4, Origin::Flag), "the last flag wins");
}

#[test]
fn a_section_in_a_file_leaves_its_other_keys_alone() {
    let settings = yaml("quota: { warn_threshold: 0.5 }").settings();
    assert!((settings.quota.warn_threshold - 0.5).abs() < f64::EPSILON);
    assert_eq!(settings.quota.max_storage_bytes(), Some(100_000_000_000));
    assert_eq!(settings.quota.warn_storage_bytes(), Some(50_000_000_000));
    assert_eq!(
        settings.quota.max_artifact_size,
        ByteSize::new(5_000_000_000)
    );
}

#[test]
fn days_by_type_are_merged_entry_by_entry_under_canonical_names() {
    let text = "retention: { by_type: { test: 3, Video: 5, custom:Trace: 9, diff: null } }";
    let machine = yaml(text).env("ARTIFACT_RETENTION__BY_TYPE__COVERAGE_REPORT", "4");
    let loaded = machine.load().unwrap();
    let days: Vec<_> = loaded
        .settings
        .retention
        .by_type
        .iter()
        .map(|(kind, days)| (kind.to_string(), *days))
        .collect();
    let expected = [
        ("diff", None),
        ("log", Some(7)),
        ("test-results", Some(3)),
        ("coverage-report", Some(4)),
        ("video", Some(5)),
        ("custom:trace", Some(9)),
    ];
    assert_eq!(days, expected.map(|(kind, days)| (kind.to_owned(), days)));
    assert_eq!(origin(&loaded, "retention.by_type.log"), Origin::Default);
    assert!(matches!(
        origin(&loaded, "retention.by_type.custom:trace"),
        Origin::File(_)
    ));
    assert!(matches!(
        origin(&loaded, "retention.by_type.coverage-report"),
        Origin::Env(_)
    ));
}

#[test]
fn yaml_and_toml_say_the_same() {
    let yaml = yaml(
        "backend: s3\nbase_path: /b\ns3: { bucket: b, path_style: true }\n\
         quota: { max_storage_gb: 0.5, max_artifact_size: 1.5 GiB }\n\
         retention: { by_type: { custom:x: 2 } }\n",
    );
    let toml = toml(
        "backend = \"s3\"\nbase_path = \"/b\"\n[s3]\nbucket = \"b\"\npath_style = true\n\
         [quota]\nmax_storage_gb = 0.5\nmax_artifact_size = \"1.5 GiB\"\n\
         [retention.by_type]\n\"custom:x\" = 2\n",
    );
    assert_eq!(yaml.settings(), toml.settings());
}

#[test]
fn settings_made_in_code_are_the_defaults() {
    let machine = Machine::new().flag("base_path", "/b");
    assert_eq!(
        Settings::with_base_path("/b".as_ref()).unwrap(),
        machine.settings()
    );
    for bad in ["", "relative"] {
        assert!(Settings::with_base_path(bad.as_ref()).is_err());
    }
}

#[test]
fn derived_values_follow_their_keys() {
    let settings = Settings::with_base_path("/b".as_ref()).unwrap();
    assert_eq!(settings.locking.timeout().as_secs(), 30);
    assert_eq!(settings.locking.retry_interval().as_millis(), 100);
    assert_eq!(settings.upload.lease().as_secs(), 900);
}

/// A valid value of a key as text, as it is shown when it is in effect, and as JSON.
fn value_of(key: &Key) -> BoxedStrategy<(String, serde_json::Value)> {
    let text = "[a-z][a-z0-9-]{0,12}";
    match key.kind {
        Kind::Bool => any::<bool>()
            .prop_map(|value| (value.to_string(), value.into()))
            .boxed(),
        Kind::Choice(names) => proptest::sample::select(names)
            // what these need is not set in every draw
            .prop_filter("needs another key", |name| {
                !["s3", "gcs", "postgres"].contains(name)
            })
            .prop_map(|name| (name.to_owned(), name.into()))
            .boxed(),
        Kind::Text => text.prop_map(|value| (value.clone(), value.into())).boxed(),
        Kind::Secret => text.prop_map(|value| (value, "***".into())).boxed(),
        Kind::Path => text
            .prop_map(|value| (format!("/p/{value}"), format!("/p/{value}").into()))
            .boxed(),
        Kind::HttpUrl | Kind::SecretUrl => text
            .prop_map(|value| (format!("http://{value}"), format!("http://{value}").into()))
            .boxed(),
        Kind::Whole { min, max } => (min..=max)
            .prop_map(|value| (value.to_string(), value.into()))
            .boxed(),
        Kind::Number { max, .. } => (1_u32..=8)
            .prop_map(move |eighths| {
                let value = if max > 1.0 {
                    f64::from(eighths) + 0.5
                } else {
                    f64::from(eighths) / 16.0
                };
                (value.to_string(), value.into())
            })
            .boxed(),
        Kind::Size => (1..u64::MAX)
            .prop_map(|bytes| (bytes.to_string(), ByteSize::new(bytes).to_string().into()))
            .boxed(),
        Kind::ByGlob(entries) => (entries.min..=entries.max)
            .prop_map(|value| (format!("a*={value}"), serde_json::json!({ "a*": value })))
            .boxed(),
        Kind::List => text
            .prop_map(|value| (format!("{value}, b*"), serde_json::json!([value, "b*"])))
            .boxed(),
        Kind::Cron => (0..60_u8)
            .prop_map(|minute| format!("{minute} 2 * * *"))
            .prop_map(|value| (value.clone(), value.into()))
            .boxed(),
    }
}

/// Keys that can't be set without another.
const NEEDS: [(&str, &str); 3] = [
    ("http.tls_cert", "http.tls_key"),
    ("http.tls_key", "http.tls_cert"),
    ("http.rate_burst", "http.rate_limit"),
];

/// For each key of the schema, what the file, the environment and the flags say of it.
fn draws() -> impl Strategy<Value = Vec<[Option<(String, serde_json::Value)>; 3]>> {
    let of_key = |key: &Key| {
        let layer = || proptest::option::of(value_of(key));
        (layer(), layer(), layer()).prop_map(|(file, env, flag)| [file, env, flag])
    };
    let draws = KEYS.iter().map(of_key).collect::<Vec<_>>();
    draws.prop_map(|mut draws| {
        let at = |path| KEYS.iter().position(|key| key.path == path).unwrap();
        let needy =
            NEEDS.map(|(key, needs)| (at(key), draws[at(needs)].iter().all(Option::is_none)));
        for (key, _) in needy.into_iter().filter(|(_, is_lacking)| *is_lacking) {
            draws[key] = [const { None }; 3];
        }
        draws
    })
}

/// A TOML file of dotted keys; text is quoted, the rest as it is.
fn as_toml(lines: &[(String, Kind, String)]) -> String {
    let quoted =
        |kind: &Kind| !matches!(kind, Kind::Bool | Kind::Whole { .. } | Kind::Number { .. });
    let line = |(path, kind, value): &(String, Kind, String)| {
        if quoted(kind) {
            format!("{path} = '{value}'\n")
        } else {
            format!("{path} = {value}\n")
        }
    };
    lines.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_highest_layer_wins_whatever_is_set(draws in draws()) {
        let mut machine = Machine::new();
        let mut lines = Vec::new();
        let mut expected = BTreeMap::new();
        let file = machine.path("work/artifact-store.toml");
        for (key, [in_file, in_env, in_flag]) in KEYS.iter().zip(draws) {
            let path =
                if key.is_by_type() { format!("{}.log", key.path) } else { key.path.to_owned() };
            if let Some((text, shown)) = in_file {
                lines.push((path.clone(), key.kind, text));
                expected.insert(path.clone(), (shown, Origin::File(file.clone())));
            }
            if let Some((text, shown)) = in_env {
                let name = env_name(&path);
                machine = machine.env(&name, &text);
                expected.insert(path.clone(), (shown, Origin::Env(name)));
            }
            if let Some((text, shown)) = in_flag {
                machine = machine.flag(&path, &text);
                expected.insert(path.clone(), (shown, Origin::Flag));
            }
        }
        machine.write("work/artifact-store.toml", as_toml(&lines));

        let defaults = Machine { sources: super::Sources {
            home: machine.sources.home.clone(), ..super::Sources::default()
        }, ..Machine::new() }.load().unwrap().effective().unwrap();
        let loaded = machine.load().unwrap();
        let effective = loaded.effective().unwrap();
        prop_assert_eq!(effective.len(), defaults.len());
        for (one, default) in effective.into_iter().zip(defaults) {
            let (value, origin) = expected.remove(&one.key)
                .unwrap_or((default.value, Origin::Default));
            prop_assert_eq!(&one.key, &default.key);
            prop_assert_eq!(one.value, value, "{}", one.key);
            prop_assert_eq!(one.origin, origin, "{}", one.key);
        }
        prop_assert!(expected.is_empty(), "{:?} had no effect", expected);
    }

    #[test]
    fn no_file_panics(text in "(?s)([a-z0-9_.:{}\\[\\]\"'#=,*&!|>% -]|\n|\\PC){0,200}") {
        let _ = yaml(&text).load();
        let _ = toml(&text).load();
    }
}
