//! What can be typed, frozen: the help of every verb, the exit codes, the completions.
//!
//! The texts are in `tests/snapshots`. After a change that was meant, write them anew with
//! `E2E_UPDATE_SNAPSHOTS=1 cargo nextest run -p e2e --test surface` and look at the difference.

use std::fs;
use std::path::Path;

use e2e::Sandbox;

/// Every verb and what stands below it, with whether its help shows how to use it.
const VERBS: [(&[&str], bool); 68] = [
    (&[], false),
    (&["upload"], true),
    (&["download"], true),
    (&["cat"], true),
    (&["tail"], true),
    (&["search"], true),
    (&["compare"], true),
    (&["grep"], true),
    (&["trend"], true),
    (&["presign"], true),
    (&["complete"], true),
    (&["show"], true),
    (&["delete"], true),
    (&["tag"], false),
    (&["tag", "add"], true),
    (&["tag", "set"], true),
    (&["tag", "remove"], true),
    (&["meta"], false),
    (&["meta", "set"], true),
    (&["meta", "remove"], true),
    (&["meta", "patch"], true),
    (&["hold"], false),
    (&["hold", "set"], true),
    (&["hold", "release"], true),
    (&["hold", "list"], true),
    (&["versions"], false),
    (&["versions", "list"], true),
    (&["versions", "prune"], true),
    (&["why"], true),
    (&["retention"], false),
    (&["retention", "show"], true),
    (&["retention", "set"], true),
    (&["cleanup"], true),
    (&["archive"], true),
    (&["restore"], true),
    (&["usage"], true),
    (&["export"], true),
    (&["import"], true),
    (&["verify"], true),
    (&["gc"], true),
    (&["reindex"], true),
    (&["audit"], true),
    (&["token"], false),
    (&["token", "create"], true),
    (&["token", "list"], true),
    (&["token", "revoke"], true),
    (&["token", "rotate-key"], true),
    (&["lock"], false),
    (&["lock", "status"], true),
    (&["lock", "unlock"], true),
    (&["lifecycle"], false),
    (&["lifecycle", "show"], true),
    (&["lifecycle", "apply"], true),
    (&["lifecycle", "check"], true),
    (&["cors"], false),
    (&["cors", "show"], true),
    (&["cors", "apply"], true),
    (&["cors", "check"], true),
    (&["policy"], false),
    (&["policy", "show"], true),
    (&["policy", "apply"], true),
    (&["policy", "check"], true),
    (&["doctor"], true),
    (&["config"], false),
    (&["config", "show"], true),
    (&["config", "check"], true),
    (&["config", "init"], true),
    (&["completions"], true),
];

const UPDATE: &str = "E2E_UPDATE_SNAPSHOTS";

#[track_caller]
fn assert_snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("snapshots")
        .join(name);
    if std::env::var_os(UPDATE).is_some() {
        let folder = path.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).expect("folders can be made");
        fs::write(&path, found).expect("snapshots can be written");
        return;
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; {UPDATE}=1 writes it", path.display()));
    let differing = expected
        .lines()
        .zip(found.lines())
        .find(|(expected, found)| expected != found);
    assert!(
        expected == found,
        "the help has changed; {UPDATE}=1 accepts it. First: {differing:?}\n{found}"
    );
}

#[test]
fn help_is_as_it_was() {
    let store = Sandbox::new();
    for (verb, _) in VERBS {
        let help = store.ok(&[verb, &["--help"]].concat());
        assert_snapshot(
            &format!(
                "help/{}.txt",
                ["artifact"]
                    .iter()
                    .chain(verb)
                    .copied()
                    .collect::<Vec<_>>()
                    .join("-")
            ),
            &help,
        );
        assert_eq!(
            store.ok(&[verb, &["-h"]].concat()).lines().next(),
            help.lines().next()
        );
    }
}

#[test]
fn every_verb_shows_how_to_use_it() {
    let store = Sandbox::new();
    for (verb, has_example) in VERBS {
        let help = store.ok(&[verb, &["--help"]].concat());
        let line = format!("artifact {}", verb.join(" "));
        let shown = help
            .split_once("Example")
            .map(|(_, examples)| examples.contains(&line));
        assert_eq!(shown == Some(true), has_example, "{verb:?}:\n{help}");
    }
}

#[test]
fn no_verb_is_left_out_here() {
    let store = Sandbox::new();
    for (verb, _) in VERBS {
        let help = store.ok(&[verb, &["--help"]].concat());
        let Some((_, commands)) = help.split_once("Commands:\n") else {
            continue;
        };
        for line in commands.lines().take_while(|line| !line.is_empty()) {
            let name = line
                .split_whitespace()
                .next()
                .expect("a command has a name");
            let known = VERBS
                .iter()
                .any(|(known, _)| **known == [verb, &[name]].concat());
            assert!(known || name == "help", "{verb:?} {name} is new");
        }
    }
}

#[test]
fn the_aliases_are_shown() {
    let store = Sandbox::new();
    let help = store.ok(&["--help"]);
    for alias in ["put", "get", "ls", "stat", "rm"] {
        assert!(
            help.contains(&format!("[alias: {alias}]")),
            "{alias}:\n{help}"
        );
    }
    for verb in ["upload", "download", "search", "delete"] {
        let help = store.ok(&[verb, "--help"]);
        assert!(
            help.contains("--job") && help.contains("--execution"),
            "{help}"
        );
    }
}

#[test]
fn the_exit_codes_are_the_frozen_ones() {
    const TABLE: &str = "\
Exit codes:
  0 ok                          6 conflict, exists or held
  1 internal                    7 locked (timeout)
  2 usage or invalid input      8 storage full, quota, too large
  3 not found or expired        9 unavailable
  4 permission, authentication  10 unsupported
  5 integrity                   130 interrupted
";
    let help = Sandbox::new().ok(&["--help"]);
    assert!(help.ends_with(TABLE), "{help}");
}

#[test]
fn the_version_is_the_packages() {
    let store = Sandbox::new();
    let version = store.ok(&["--version"]);
    assert_eq!(version, format!("artifact {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(store.ok(&["-V"]), version);
}

#[test]
fn an_unknown_verb_names_the_nearest() {
    let store = Sandbox::new();
    let outcome = store.run(&["uplaod", "x"]).expect_code(2);
    outcome.says(&["uplaod", "upload"]);
    assert_eq!(outcome.text(), "");
    let outcome = store.run(&["upload", "x", "--taks", "1"]).expect_code(2);
    outcome.says(&["--taks", "--task"]);
    let outcome = store.run(&[]).expect_code(2);
    outcome.says(&["Usage: artifact"]);
}

#[test]
fn help_makes_nothing() {
    let store = Sandbox::new();
    store.ok(&["--help"]);
    store.ok(&["help", "upload"]);
    store.ok(&["completions", "bash"]);
    assert!(!store.store("").exists());
    assert_eq!(e2e::tree::contents(store.root()).len(), 0);
}

/// Whether a program is there to be run.
fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let store = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = store.ok(&["completions", shell]);
        for verb in [
            "upload", "download", "cat", "tail", "search", "show", "delete", "lock", "config",
        ] {
            assert!(script.contains(verb), "{shell} knows no {verb}");
        }
        let path = store.write(format!("script.{shell}"), &script);
        // Of these only bash is on every machine.
        if shell == "bash" || is_installed(shell) {
            let output = store
                .other(shell)
                .arg("-n")
                .arg(path)
                .output()
                .expect("it can be run");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && stderr.is_empty(),
                "{shell}: {stderr}"
            );
        } else {
            println!("{shell} is not installed: its script was not parsed");
        }
    }
    for shell in ["", "tcsh"] {
        store
            .run(&["completions", shell])
            .expect_code(2)
            .says(&["bash", "zsh", "fish"]);
    }
}

#[test]
fn bash_completes_verbs_and_flags() {
    let store = Sandbox::new();
    let script = store.write("script.bash", store.ok(&["completions", "bash"]));
    let complete = |words: &str, count: usize| {
        let program = format!(
            "source \"$0\"; COMP_WORDS=({words}); COMP_CWORD={count}; \
             _artifact artifact \"${{COMP_WORDS[{count}]}}\" \"\"; echo \"${{COMPREPLY[@]}}\""
        );
        let output = store
            .other("bash")
            .args(["-c", &program])
            .arg(&script)
            .output();
        let output = output.expect("bash can be run");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(complete("artifact upl", 1), "upload");
    assert_eq!(complete("artifact upload --no-c", 2), "--no-compress");
    assert_eq!(complete("artifact completions z", 2), "zsh");
}
