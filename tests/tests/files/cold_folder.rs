//! A cold folder that cannot be used, or should not be: said as it is, and nothing is lost by it.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::Sandbox;
use e2e::tree::prose;

use super::archive::{blobs_in, tiered};
use super::sandbox;

const COLD: &str = "ARTIFACT_TIERS__COLD__BASE_PATH";
const COLD_KEY: &str = "`tiers.cold.base_path`";
const WARM: &str = "ARTIFACT_TIERS__WARM__BASE_PATH";

#[test]
fn one_that_is_not_mounted_holds_up_nothing_else() {
    let store = tiered();
    for name in ["a.txt", "b.txt"] {
        store.write(name, prose(1, 3_000));
    }
    let a = store.ok(&["upload", "a.txt"]).trim().to_owned();
    let b = store.ok(&["upload", "b.txt"]).trim().to_owned();
    store.ok(&["archive", &a]);
    let (cold, away) = (store.root().join("cold"), store.root().join("away"));
    fs::rename(&cold, &away).expect("it can be renamed");
    for is_empty_folder in [false, true] {
        if is_empty_folder {
            // As that of a disk that is not mounted.
            fs::create_dir(&cold).expect("it can be made");
        }
        store
            .run(&["cat", &a])
            .expect_code(9)
            .says(&["tiers.cold.base_path", "mount"]);
        store.run(&["archive", &b]).expect_code(9).says(&["mount"]);
        store.fails(&["gc"], 9);
        assert_eq!(store.bytes(&["cat", &b]), store.read("b.txt"));
        store.ok(&["upload", "b.txt", "--task", "other"]);
        assert_eq!(store.ok(&["search"]).lines().count(), 3);
        assert_eq!(cold.exists(), is_empty_folder, "nobody has made it");
        assert_eq!(blobs_in(&store, "cold").len(), 0);
    }
    fs::remove_dir(&cold).expect("it is empty");
    fs::rename(&away, &cold).expect("it can be renamed");
    assert_eq!(store.bytes(&["cat", &a]), store.read("a.txt"));
    store.ok(&["verify"]);
}

/// Some versions in a cold folder that is away now, and some that are hot.
fn away(archived: &[&str], hot: &[&str]) -> Sandbox {
    let store = tiered();
    for name in archived.iter().chain(hot) {
        // Of two megabytes on, bytes are read by a table, and in several steps.
        let length = if name.starts_with("long") {
            2_000_000
        } else {
            3_000
        };
        store.write(name, prose(1, length));
        store.ok(&["upload", name]);
    }
    for name in archived {
        store.ok(&["archive", "--name", name, "--no-progress"]);
    }
    let root = store.root();
    fs::rename(root.join("cold"), root.join("away")).expect("it can be renamed");
    store
}

#[test]
fn what_it_keeps_from_being_read_is_named() {
    let store = away(&["a.txt", "long.txt"], &["hot.txt"]);
    let names = ["document/a.txt?version=1", "document/long.txt?version=1"];
    let uri = "artifact://default/local/document/a.txt";
    store.run(&["cat", uri]).expect_code(9).says(&names[..1]);
    let outcome = store.run(&["grep", "the"]).expect_code(9);
    outcome.says(&names);
    outcome.says(&["2 failed", "mount"]);
    for archive in ["a.zip", "a.tar.gz"] {
        let args = ["export", "-o", archive];
        store.run(&args).expect_code(9).says(&[names[0], "mount"]);
        assert!(!store.work(archive).exists(), "{archive} was left");
        let args = [&args[..], &["--keep-going"]].concat();
        let outcome = store.run(&args).expect_code(9);
        outcome.says(&names);
        outcome.says(&["mount"]);
        let exported = outcome.text();
        assert!(exported.starts_with("exported 1 artifact,"), "{exported}");
        assert!(exported.contains("2 left out"), "{exported}");
    }
}

#[test]
fn how_many_could_not_be_moved_is_said() {
    let store = away(&["a.txt", "b.txt"], &["c.txt"]);
    for verb in ["archive", "restore"] {
        let count = if verb == "archive" { 1 } else { 2 };
        let outcome = store.run(&[verb, "--task", "local"]).expect_code(9);
        outcome.says(&[&format!("0 versions, 0 B moved, {count} failed\n")]);
    }
}

#[test]
fn the_code_is_that_of_the_first_failure() {
    let store = away(&["b.txt"], &["a.txt", "c.txt"]);
    let damage = |name: &str| {
        let blobs = store.blobs().into_iter();
        let mut of_it = blobs.filter(|path| path.to_string_lossy().contains(name));
        fs::write(of_it.next().expect("it is stored"), "damaged").expect("it can be written");
    };
    damage("c.txt@");
    let export = ["export", "--keep-going", "-o", "all.zip"];
    let grep = ["grep", "--sort", "name", "the"];
    store.fails(&export, 9);
    store.fails(&grep, 9);
    damage("a.txt@");
    store.fails(&export, 5);
    store.fails(&grep, 5);
}

#[test]
fn what_waits_for_it_is_said_in_one_line() {
    let store = away(&["a.txt", "b.txt"], &[]);
    for uploaded in ["a.txt", "new.txt"] {
        store.write(uploaded, "other");
        let outcome = store.run(&["upload", uploaded]).expect_code(0);
        let said = outcome.stderr.lines().collect::<Vec<_>>();
        assert!(said.len() == 1, "{said:#?}");
        assert!(said[0].contains("tiers.cold.base_path"), "{said:#?}");
    }
}

#[test]
fn one_that_is_new_is_made() {
    let store = tiered().with_env(COLD, "far/away/cold");
    store.write("a.txt", "text");
    let uri = store.ok(&["upload", "a.txt"]).trim().to_owned();
    store.ok(&["archive", &uri]);
    let made = store.work("far/away/cold/artifacts");
    assert!(made.is_dir(), "{} is not there", made.display());
}

#[test]
fn one_that_may_not_be_written_leaves_everything_where_it_was() {
    let store = tiered();
    store.write("a.txt", prose(1, 3_000));
    let uri = store.ok(&["upload", "a.txt"]).trim().to_owned();
    let cold = store.root().join("cold");
    fs::create_dir_all(&cold).expect("it can be made");
    let outcome = store.run_unprivileged(&cold, 0o500, &["archive", &uri]);
    outcome.expect_code(4).says(&[&uri, "ermission"]);
    assert_eq!(store.json(&["show", &uri])[0]["state"], "ACTIVE");
    assert_eq!(store.bytes(&["cat", &uri]), store.read("a.txt"));
    assert_eq!(blobs_in(&store, "cold").len(), 0);
    store.ok(&["archive", &uri]);
    assert_eq!(blobs_in(&store, "cold").len(), 1);
}

#[test]
fn one_that_is_a_file_is_refused() {
    let store = tiered();
    fs::write(store.root().join("cold"), "a file").expect("it can be written");
    let error = store.fails(&["search"], 2);
    assert!(error.contains("tiers.cold.base_path"), "{error}");
}

#[test]
fn one_that_has_become_a_file_is_called_so() {
    let mut store = away(&["a.txt"], &["hot.txt"]);
    let file = store.root().join("cold");
    fs::write(&file, "a file").expect("it can be written");
    for place in [file.clone(), file.join("below")] {
        store = store.with_env(COLD, place);
        let outcome = store.run(&["cat", "artifact://default/local/document/a.txt"]);
        let outcome = outcome.expect_code(9);
        outcome.says(&[&format!("{} is no folder", file.display()), COLD_KEY]);
        assert!(!outcome.stderr.contains("mount"), "{outcome}");
        store.ok(&["cat", "artifact://default/local/document/hot.txt"]);
    }
}

#[test]
fn the_folder_of_the_store_itself_is_shared() {
    for through_a_link in [false, true] {
        let store = sandbox();
        let (base, link) = (store.store(""), store.root().join("link"));
        fs::create_dir_all(&base).expect("it can be made");
        symlink(&base, &link).expect("links can be made");
        let store = store.with_env(COLD, if through_a_link { link } else { base });
        store.write("a.txt", prose(1, 3_000));
        let uri = store.ok(&["upload", "a.txt"]).trim().to_owned();
        let before = store.blobs();
        store.ok(&["archive", &uri]);
        assert_eq!(store.blobs(), before, "only the record has changed");
        assert_eq!(store.json(&["show", &uri])[0]["tier"], "COLD");
        store.ok(&["verify"]);
        assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
        store.ok(&["delete", &uri]);
        store.assert_empty();
    }
}

#[test]
fn warm_and_cold_may_share_a_folder() {
    let store = tiered();
    let cold = store.root().join("cold");
    let store = store.with_env(WARM, cold);
    store.write("a.txt", prose(1, 3_000));
    let uri = store.ok(&["upload", "a.txt"]).trim().to_owned();
    store.ok(&["archive", &uri]);
    assert_eq!(blobs_in(&store, "cold").len(), 1);
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    store.ok(&["restore", &uri]);
    assert_eq!(blobs_in(&store, "cold").len(), 0);
}

#[test]
fn one_in_another_is_refused() {
    let store = sandbox();
    let root = store.root().to_owned();
    let base = store.store("");
    fs::create_dir_all(&base).expect("it can be made");
    symlink(&base, root.join("link")).expect("links can be made");
    let inside = [
        base.join("cold"),
        base.join("artifacts"),
        root.clone(),
        root.join("link/cold"),
    ];
    let mut store = store;
    for nested in inside {
        store = store.with_env(COLD, &nested);
        let outcome = store.run(&["search"]).expect_code(2);
        outcome.says(&["tiers.cold.base_path", "base_path", "lie in one another"]);
    }
    store = store
        .with_env(COLD, root.join("tiers/cold"))
        .with_env(WARM, root.join("tiers"));
    let outcome = store.run(&["config", "check"]).expect_code(2);
    outcome.says(&["tiers.warm.base_path", "tiers.cold.base_path"]);
}
