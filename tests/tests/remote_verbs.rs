//! What the program asks of a server beside the cases that run on every store: what is about the settings of
//! the server, what goes past it, and what is done on its machine alone.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Outcome, Running, Sandbox, Server};
use serde_json::Value;

/// A minute until the next time of a schedule comes, and as long again on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs the program, which knows this server and no store.
fn run(store: &Sandbox, server: &Server, args: &[&str]) -> Outcome {
    let mut command = store.command(args);
    for (key, _) in store.env() {
        if key.to_string_lossy().starts_with("ARTIFACT_") {
            command.env_remove(key);
        }
    }
    command.env("ARTIFACT_SERVER", &server.url);
    Outcome::from_output(args, command.output().unwrap())
}

#[test]
fn the_rules_of_retention_are_those_of_the_server() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_RETENTION__DEFAULT_DAYS", "11")
        .with_env("ARTIFACT_RETENTION__BY_TASK", "release-*=never, pr-*=3")
        .with_env("ARTIFACT_RETENTION__KEEP_LATEST", "2");
    let server = Server::start(&store);
    for args in [&["retention", "show"][..], &["retention", "show", "--json"]] {
        let here = store.run(args).expect_code(0);
        let there = run(&store, &server, args).expect_code(0);
        assert_eq!(there.text(), here.text(), "{args:?}");
        assert!(there.text().contains("11"), "{there}");
    }
}

#[test]
fn a_url_that_a_server_signs_leads_to_it() {
    let store = Sandbox::new();
    store.write("a.log", "one\ntwo\n");
    let uri = store.ok(&["upload", "a.log"]);
    let server = Server::start(&store);
    let signed = run(
        &store,
        &server,
        &["presign", uri.trim(), "--expires-in", "10m"],
    );
    let url = signed.expect_code(0).text().trim().to_owned();
    let target = url
        .strip_prefix(&server.url)
        .expect("it leads to the server");
    assert_eq!(server.get(target).expect(200).body, b"one\ntwo\n");
    // A store on disk takes no bytes past its server, wherever it is asked.
    for outcome in [
        store.run(&["presign", "--upload", "b.log"]),
        run(&store, &server, &["presign", "--upload", "b.log"]),
    ] {
        outcome
            .expect_code(10)
            .says(&["this store cannot sign URLs"]);
    }
}

#[test]
fn cleanup_runs_at_the_times_of_the_server() {
    let store = Sandbox::new().with_env("ARTIFACT_RETENTION__SCHEDULE", "* * * * *");
    let server = Server::start(&store);
    let printed = store.work("printed");
    let mut command = store.command(["cleanup", "--scheduled", "--json"]);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env_remove("ARTIFACT_RETENTION__SCHEDULE");
    command.env("ARTIFACT_SERVER", &server.url);
    let output = File::create(&printed).unwrap();
    let mut running = Running::start_between(&mut command, Stdio::null(), output);
    let ran = || fs::read_to_string(&printed).is_ok_and(|text| text.contains("\"expired\":0"));
    let begun = Instant::now();
    while !ran() {
        assert!(begun.elapsed() < PATIENCE, "it has not run");
        thread::sleep(Duration::from_millis(100));
    }
    running.signal("INT");
    let outcome = running.wait().expect_code(130);
    outcome.says(&["the next cleanup is at ", "interrupted"]);

    let store = Sandbox::new().with_env("ARTIFACT_RETENTION__ENABLED", "false");
    let server = Server::start(&store);
    run(&store, &server, &["cleanup", "--scheduled"])
        .expect_code(0)
        .says(&["retention.enabled is false"]);
}

#[test]
fn what_is_done_on_the_machine_of_the_server_alone_is_refused() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    for args in [
        &["token", "list"][..],
        &["token", "create", "x", "--allow", "admin"],
        &["token", "rotate-key"],
        &["audit"],
    ] {
        run(&store, &server, args)
            .expect_code(10)
            .says(&["on the machine of the store"]);
    }
    assert!(store.ok(&["token", "list"]).is_empty(), "none was made");
}

/// What is known of each artifact, but for what belongs to the store that it is in.
fn known(found: &Outcome) -> Vec<Value> {
    let mut all = found.objects();
    for object in &mut all {
        for key in ["id", "created_at", "expires_at"] {
            object[key] = Value::Null;
        }
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("imported");
    }
    all
}

#[test]
fn an_archive_goes_into_the_store_of_a_server() {
    let store = Sandbox::new();
    store.write("tree/run.sh", "#!/bin/sh\n");
    fs::set_permissions(store.work("tree/run.sh"), Permissions::from_mode(0o755)).unwrap();
    store.write("tree/dir/long.log", "a line of a log\n".repeat(100_000));
    store.write("tree/empty", "");
    store.ok(&[
        "upload", "tree", "--spec", "org/repo", "--task", "1", "--tag", "k=v",
    ]);
    let search = ["search", "--sort", "name", "--json"];
    let expected = known(&store.run(&search).expect_code(0));
    for archive in ["all.zip", "all.tar.gz"] {
        store.ok(&["export", "--with-metadata", "-o", archive]);
        let other = Sandbox::new();
        let server = Server::start(&other);
        let path = store.work(archive);
        let path = path.to_str().unwrap();
        let planned = run(&other, &server, &["import", path, "--dry-run"]).expect_code(0);
        assert_eq!(planned.text().lines().count(), 3, "{planned}");
        planned.says(&["would import 3"]);
        let none = run(&other, &server, &search).expect_code(0);
        assert_eq!(none.text(), "");
        run(&other, &server, &["import", path])
            .expect_code(0)
            .says(&["imported 3"]);
        let found = run(&other, &server, &search).expect_code(0);
        assert_eq!(known(&found), expected, "{archive}");
        run(&other, &server, &["import", path])
            .expect_code(0)
            .says(&["imported 0", "3 there already"]);
        run(&other, &server, &["verify"]).expect_code(0);
        // What it may hold is the server's to hold it to.
        run(&other, &server, &["import", path, "--max-entries", "2"])
            .expect_code(8)
            .says(&[archive]);
    }
}

#[test]
fn what_looks_like_a_secret_in_an_archive_is_told() {
    let store = Sandbox::new();
    store.write("tree/.env", "DB_PASSWORD=m4-Kq2.zT9w\n");
    let mut tar = store.other("tar");
    assert!(
        tar.args(["-cf", "a.tar", "-C", "tree", "."])
            .status()
            .unwrap()
            .success()
    );
    let server = Server::start(&store);
    run(&store, &server, &["import", "a.tar", "--task", "1"])
        .expect_code(0)
        .says(&[
            "artifact://default/1/document/.env looks like it holds secrets: env-secret in line 1",
        ]);
}
