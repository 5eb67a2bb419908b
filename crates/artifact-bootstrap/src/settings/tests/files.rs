//! Which configuration file is read, and every way in which one can be unfit.

use std::fmt::Write as _;
use std::path::PathBuf;

use artifact_domain::ErrorKind;

use super::{Machine, toml, yaml};

fn level(n: u32) -> String {
    format!("compression: {{ level: {n} }}")
}

#[test]
fn the_first_place_with_a_file_wins() {
    let mut machine = Machine::new();
    let read = |machine: &Machine| {
        let loaded = machine.load().unwrap();
        (loaded.settings.compression.level, loaded.file)
    };
    assert_eq!(read(&machine), (6, None));

    let user = machine.write("home/.config/artifact-store/config.yaml", level(1));
    assert_eq!(read(&machine), (1, Some(user)));

    machine.sources.xdg_config_home = Some(machine.path("xdg"));
    assert_eq!(
        read(&machine),
        (6, None),
        "XDG_CONFIG_HOME stands in the place of ~/.config"
    );
    let xdg = machine.write("xdg/artifact-store/config.toml", "compression.level = 2");
    assert_eq!(read(&machine), (2, Some(xdg)));

    let here = machine.write("work/artifact-store.yml", level(3));
    assert_eq!(read(&machine), (3, Some(here)));

    let by_variable = machine.write("work/sub/a.yaml", level(4));
    machine
        .sources
        .env
        .insert("ARTIFACT_CONFIG".into(), "sub/a.yaml".into());
    assert_eq!(read(&machine), (4, Some(by_variable)));

    let by_flag = machine.write("b.toml", "compression.level = 5");
    machine.sources.config = Some(by_flag.clone());
    assert_eq!(read(&machine), (5, Some(by_flag)));
}

#[test]
fn the_variable_may_begin_with_a_tilde_and_counts_as_unset_when_empty() {
    let machine = Machine::new().env("ARTIFACT_CONFIG", "~/c.yaml");
    machine.write("home/c.yaml", level(2));
    assert_eq!(machine.settings().compression.level, 2);
    assert_eq!(
        Machine::new()
            .env("ARTIFACT_CONFIG", "")
            .settings()
            .compression
            .level,
        6
    );
    let other = Machine::new().env("ARTIFACT_CONFIG", "~bob/c.yaml").error();
    assert!(
        other.contains("ARTIFACT_CONFIG is `~bob/c.yaml`: only `~`"),
        "{other}"
    );
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let mut machine = Machine::new();
    machine.write("work/artifact-store.yaml", level(1));
    machine.sources.config = Some("gone.yaml".into());
    assert_eq!(
        machine.error(),
        "config file /root/work/gone.yaml, named by --config, does not exist"
    );
    machine.sources.config = None;
    machine
        .sources
        .env
        .insert("ARTIFACT_CONFIG".into(), "gone.toml".into());
    assert_eq!(
        machine.error(),
        "config file /root/work/gone.toml, named by ARTIFACT_CONFIG, does not exist"
    );
    assert_eq!(machine.load().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn two_files_in_one_place_are_an_error_that_names_both() {
    for (folder, one, two) in [
        ("work", "artifact-store.toml", "artifact-store.yaml"),
        ("work", "artifact-store.yaml", "artifact-store.yml"),
        ("home/.config/artifact-store", "config.toml", "config.yml"),
    ] {
        let machine = Machine::new();
        machine.write(&format!("{folder}/{one}"), "");
        machine.write(&format!("{folder}/{two}"), "");
        assert_eq!(
            machine.error(),
            format!("there are two config files, /root/{folder}/{one} and /root/{folder}/{two}")
        );
    }
}

#[test]
fn a_file_named_explicitly_settles_which_of_two_is_meant() {
    let mut machine = Machine::new();
    machine.write("work/artifact-store.toml", "compression.level = 1");
    machine.write("work/artifact-store.yaml", level(2));
    machine.sources.config = Some("artifact-store.yaml".into());
    assert_eq!(machine.settings().compression.level, 2);
}

#[test]
fn an_empty_file_sets_nothing() {
    for text in [
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "{}",
        "s3:\nindex:\nretention: { by_type: }",
    ] {
        assert_eq!(yaml(text).settings().compression.level, 6, "{text:?}");
    }
    assert_eq!(toml("").settings().compression.level, 6);
    assert_eq!(
        yaml("\u{feff}compression: {level: 2}")
            .settings()
            .compression
            .level,
        2
    );
    assert_eq!(
        toml("\u{feff}compression.level = 2")
            .settings()
            .compression
            .level,
        2
    );
}

#[test]
fn a_file_that_is_no_mapping_is_refused() {
    for (text, got) in [
        ("- a\n- b", "a list"),
        ("just words", "a text that is not shown"),
        ("42", "a number"),
        ("true", "a truth value"),
    ] {
        assert_eq!(
            yaml(text).error(),
            format!(
                "config file /root/work/artifact-store.yaml: expected a mapping of keys at the \
                 top, got {got}"
            )
        );
    }
}

#[test]
fn a_syntax_error_tells_the_line() {
    for (machine, start) in [
        (
            yaml("backend: fs\nindex: [a\n"),
            "artifact-store.yaml is not valid YAML at line ",
        ),
        (
            yaml("index:\n  url: a\n bad: b\n"),
            "artifact-store.yaml is not valid YAML at line 3",
        ),
        (
            yaml("backend: fs\nbackend: s3\n"),
            "artifact-store.yaml is not valid YAML at line 2",
        ),
        (
            yaml("backend: fs\n---\nbackend: s3\n"),
            "artifact-store.yaml is not valid YAML at line",
        ),
        (
            yaml("backend: *gone"),
            "artifact-store.yaml is not valid YAML at line 1",
        ),
        (
            toml("backend = \"fs\"\nbase_path = é\n"),
            "artifact-store.toml is not valid TOML at line 2, column 13",
        ),
        (
            toml("a = 1\n\na = 2"),
            "artifact-store.toml is not valid TOML at line 3, column 1",
        ),
        (
            toml("compression.level = 99999999999999999999"),
            "not valid TOML at line 1",
        ),
    ] {
        let error = machine.error();
        assert!(
            error.starts_with("config file /root/work/artifact-store"),
            "{error}"
        );
        assert!(error.contains(start), "{error}");
        assert_eq!(error.matches("line ").count(), 1, "{error}");
        assert!(!error.contains('\\'), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_syntax_error_shows_no_secret() {
    for machine in [
        yaml("s3:\n  secret_key: \"hunter2\n"),
        yaml("s3:\n  secret_key: *hunter2\n"),
        yaml("s3:\n  secret_key: &hunter2 !hunter2 @hunter2\n"),
        yaml("s3:\n  secret_key: hunter2: hunter2\n"),
        yaml("s3:\n  secret_key: !!int hunter2\n"),
        yaml("s3:\n  secret_key: !!binary hunter2==\n"),
        yaml("s3: { secret_key: %hunter2 }\n"),
        toml("[s3]\nsecret_key = \"hunter2\n"),
        toml("[s3]\nsecret_key = hunter2\n"),
        toml("[s3]\nsecret_key = \"a\\hunter2\"\n"),
        toml("[s3]\nsecret_key = 'a'hunter2\n"),
    ] {
        let error = machine.load().unwrap_err();
        assert!(error.message().contains("not valid"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_directory_is_no_file() {
    let machine = Machine::new();
    std::fs::create_dir(machine.path("work/artifact-store.yaml")).unwrap();
    assert_eq!(
        machine.error(),
        "config file /root/work/artifact-store.yaml is a directory"
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_and_a_link_to_itself_cannot_be_read() {
    use std::os::unix::fs::symlink;
    let machine = Machine::new();
    let path = machine.path("work/artifact-store.yaml");
    symlink("nowhere.yaml", &path).unwrap();
    assert_eq!(
        machine.error(),
        "config file /root/work/artifact-store.yaml is a link to nothing"
    );
    std::fs::remove_file(&path).unwrap();
    symlink("artifact-store.yaml", &path).unwrap();
    let error = machine.error();
    assert!(
        error.contains("artifact-store.yaml cannot be read: "),
        "{error}"
    );
}

#[test]
fn a_file_below_a_file_does_not_exist() {
    let mut machine = Machine::new();
    machine.write("work/plain", "");
    machine.sources.config = Some("plain/c.yaml".into());
    assert!(machine.error().ends_with("does not exist"));
}

#[test]
fn another_ending_is_refused() {
    for name in ["c.json", "c", "yaml"] {
        let mut machine = Machine::new();
        machine.write(&format!("work/{name}"), "");
        machine.sources.config = Some(PathBuf::from(name));
        assert_eq!(
            machine.error(),
            format!("config file /root/work/{name} ends in none of .toml, .yaml and .yml")
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_line() {
    let machine = Machine::new();
    machine.write(
        "work/artifact-store.yaml",
        b"backend: fs\nbase_path: \xff\n",
    );
    assert_eq!(
        machine.error(),
        "config file /root/work/artifact-store.yaml is not valid UTF-8 at line 2"
    );
}

#[test]
fn a_huge_file_is_refused_and_the_largest_allowed_is_read() {
    const MAX: usize = 1024 * 1024;
    let padded = |size: usize| {
        let head = "compression.level = 2\n#";
        format!("{head}{}", "x".repeat(size - head.len()))
    };
    assert_eq!(toml(&padded(MAX)).settings().compression.level, 2);
    for size in [MAX + 1, 10 * MAX] {
        assert_eq!(
            toml(&padded(size)).error(),
            "config file /root/work/artifact-store.toml is larger than 1048576 bytes"
        );
    }
}

#[test]
fn nesting_without_end_is_an_error_and_no_crash() {
    for machine in [
        yaml(&format!("backend: {}", "[".repeat(100_000))),
        yaml(&format!(
            "backend: {}1{}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        )),
        yaml(&"{a: ".repeat(100_000)),
        toml(&format!("backend = {}", "[".repeat(100_000))),
        toml(&format!("{}b = 1", "a.".repeat(100_000))),
    ] {
        let error = machine.load().unwrap_err();
        assert!(
            error.message().len() < 1_000,
            "{} characters",
            error.message().len()
        );
    }
}

#[test]
fn aliases_that_explode_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let one = format!("*a{}, ", n - 1);
        writeln!(text, "a{n}: &a{n} [{}]", one.repeat(10)).unwrap();
    }
    assert!(yaml(&text).error().contains("is not valid YAML"));
}
