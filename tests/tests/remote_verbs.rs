//! What the program asks of a server beside the cases that run on every store: what is about the settings of
//! the server, what goes past it, and what is done on its machine alone.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Outcome, Running, Sandbox, Server, eventually};
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
fn the_usage_of_a_spec_is_told_to_whoever_may_read_that_alone() {
    let store = Sandbox::new();
    for spec in ["team", "others"] {
        store.write("a.log", "four");
        store.ok(&[
            "upload", "a.log", "--spec", spec, "--task", "1", "--type", "log",
        ]);
    }
    let narrow = [
        "token", "create", "narrow", "--allow", "read", "--spec", "team",
    ];
    let token = store.ok(&narrow);
    let admin = store.ok(&["token", "create", "admin", "--allow", "admin"]);
    let server = Server::start(&store);
    let usage = |token: &str, rest: &[&str]| {
        let args = [
            &["usage", "--spec", "team", "--server", &server.url][..],
            rest,
        ]
        .concat();
        let mut command = store.command(&args);
        command.env_remove("ARTIFACT_BASE_PATH");
        command.env("ARTIFACT_TOKEN", token.trim());
        Outcome::from_output(&args, command.output().unwrap()).expect_code(0)
    };
    let told = usage(&token, &[]);
    assert!(told.text().contains("total"), "{told}");
    assert!(!told.text().contains("limit"), "{told}");
    let told: Value = serde_json::from_str(usage(&token, &["--json"]).text()).unwrap();
    assert_eq!(told["count"], 1);
    let told = usage(&admin, &[]);
    assert!(told.text().contains("limit"), "{told}");
}

#[test]
fn who_did_what_on_a_server_is_told_to_its_admins() {
    let store = Sandbox::new();
    let made = |name: &str, action: &str| {
        let token = store.ok(&["token", "create", name, "--allow", action]);
        token.trim().to_owned()
    };
    let (admin, reader) = (made("admin", "admin"), made("reader", "read"));
    let server = Server::start(&store);
    let as_whom = |token: &str, args: &[&str]| {
        let mut command = store.command(args);
        command.env_remove("ARTIFACT_BASE_PATH");
        command.env("ARTIFACT_SERVER", &server.url);
        command.env("ARTIFACT_TOKEN", token);
        Outcome::from_output(args, command.output().unwrap())
    };
    store.write("a.log", "four");
    let upload = ["upload", "a.log", "--task", "1", "--type", "log"];
    let _ = as_whom(&admin, &upload).expect_code(0);
    let _ = as_whom(&reader, &upload).expect_code(4);
    let _ = as_whom(&reader, &["cat", "artifact://default/1/log/a.log"]).expect_code(0);
    for filter in [
        &["--who", "token reader*"][..],
        &["--target", "artifact://default/1/*", "--outcome", "done"],
        &[
            "--action",
            "write",
            "--outcome",
            "refused",
            "--outcome",
            "failed",
        ],
        &[
            "--after",
            "2026-01-01",
            "--before",
            "2100-01-01T00:00:00Z",
            "--who",
            "token r*",
        ],
        &["--after", "2100-01-01"],
        &["--limit", "1", "--action", "write"],
    ] {
        for form in [&[][..], &["--json"]] {
            let args = [&["audit"], filter, form].concat();
            let there = as_whom(&admin, &args).expect_code(0);
            assert_eq!(there.text(), store.ok(&args), "{args:?}");
            assert_eq!(there.text().is_empty(), filter == ["--after", "2100-01-01"]);
        }
    }
    let _ = as_whom(&reader, &["audit"]).expect_code(4);
    let asked = store.ok(&["audit", "--action", "admin"]);
    assert!(asked.contains("403  refused  token reader"), "{asked}");
    let too_many = as_whom(&admin, &["audit", "--limit", "10001"]);
    too_many.expect_code(2).says(&["limit is 1 to 10000"]);
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
fn an_index_that_is_open_is_not_set_aside() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    run(&store, &server, &["reindex", "--rebuild"])
        .expect_code(10)
        .says(&["on the machine of the store"]);
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
        let _ = run(&other, &server, &["verify"]).expect_code(0);
        // What it may hold is the server's to hold it to.
        run(&other, &server, &["import", path, "--max-entries", "2"])
            .expect_code(8)
            .says(&[archive]);
        run(&other, &server, &["import", path, "--max-ratio", "251"])
            .expect_code(2)
            .says(&["max_ratio is 250 at most", "on the machine of the store"]);
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

#[test]
fn a_server_takes_into_its_index_what_it_does_not_know() {
    for index in ["sqlite", "sled"] {
        let store = Sandbox::with_index(index);
        store.write("a.log", "text");
        let uri = store.ok(&["upload", "a.log", "--tag", "k=v"]);
        // A blob that neither the index nor metadata names.
        let blob = store.blobs().remove(0);
        let name = blob.file_name().unwrap().to_str().unwrap();
        let (_, attempt) = name.split_once('@').unwrap();
        let attempt = attempt.split_once('.').unwrap().1;
        let other = blob.with_file_name(format!("b.log@1.{}", next(attempt)));
        fs::write(&other, "other\n").unwrap();
        let server = Server::start(&store);
        let told = run(&store, &server, &["reindex", "--json"]).expect_code(0);
        let sums = told.objects().pop().unwrap();
        assert_eq!(
            (&sums["known"], &sums["unnamed"], &sums["recovered"]),
            (&1.into(), &1.into(), &0.into()),
            "{told}"
        );
        run(&store, &server, &["reindex", "--recover"])
            .expect_code(0)
            .says(&["b.log?version=1 was recovered from its bytes"]);
        let found = run(&store, &server, &["search", "--json"]).expect_code(0);
        assert_eq!(found.objects().len(), 2, "{found}");
        let shown = run(&store, &server, &["show", uri.trim(), "--json"]).expect_code(0);
        assert_eq!(shown.objects()[0]["tags"]["k"], "v");
    }
}

/// Another attempt than that of this part of a name, which is made of hexadecimal digits.
fn next(attempt: &str) -> String {
    let (first, rest) = attempt.split_at(1);
    let other = if first == "0" { "1" } else { "0" };
    format!("{other}{rest}")
}

#[test]
fn a_server_is_examined_with_its_index_open() {
    for index in ["sqlite", "sled"] {
        let store = Sandbox::with_index(index);
        let server = Server::start(&store);
        let told = run(&store, &server, &["doctor", "--json"]).expect_code(0);
        let checks = told.objects();
        let names: Vec<_> = checks
            .iter()
            .map(|one| one["check"].as_str().unwrap())
            .collect();
        assert!(
            names.contains(&"index") && names.contains(&"locks"),
            "{told}"
        );
        assert!(checks.iter().all(|one| one["outcome"] != "fail"), "{told}");
        let _ = run(&store, &server, &["doctor"]).expect_code(0);
    }
}

#[test]
fn the_lock_of_a_writer_is_seen_and_broken() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    let mut command = store.command([
        "upload", "-", "--task", "1", "--type", "data", "--name", "a",
    ]);
    let mut upload = Running::start(&mut command);
    assert!(upload.feed(&vec![7; 4_000_000]));
    let uri = "artifact://default/1/data/a";
    let status = || run(&store, &server, &["lock", "status", uri, "--json"]).expect_code(0);
    eventually("it is locked", || status().objects()[0]["locked"] == true);
    let holder = status().objects()[0]["holder"].clone();
    assert!(
        holder["pid"].is_u64() && holder["host"].is_string(),
        "{holder}"
    );
    for (args, expected) in [
        (&["lock", "status", uri][..], "locked by process"),
        (&["lock", "unlock", uri, "--dry-run"], "would be unlocked"),
        (&["lock", "unlock", uri], "unlocked"),
        (&["lock", "unlock", uri], "was not locked"),
        (&["lock", "status", uri], "free"),
    ] {
        let told = run(&store, &server, args).expect_code(0);
        assert!(told.text().starts_with(expected), "{told}");
    }
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
}

#[test]
fn the_rules_of_a_bucket_are_those_of_the_server() {
    let store = Sandbox::on_moto("sqlite");
    if !store.has_bucket() {
        return;
    }
    let server = Server::start(&store);
    let origin = ["--origin", "https://ci.example.com"];
    let principal = ["--principal", "arn:aws:iam::123456789012:role/ci"];
    let same = |args: &[&str]| {
        let (here, there) = (store.run(args), run(&store, &server, args));
        assert_eq!(
            (here.code, here.text()),
            (there.code, there.text()),
            "{here} {there}"
        );
        assert_eq!(here.stderr, there.stderr, "{args:?}");
        there
    };
    for (verb, more) in [("lifecycle", &["--no-expire"][..]), ("cors", &origin)] {
        let args = |args: &[&'static str]| [&[verb], args, more].concat();
        let _ = same(&args(&["show"])).expect_code(0);
        let _ = same(&args(&["check", "--json"])).expect_code(6);
        let _ = same(&args(&["apply", "--dry-run"])).expect_code(0);
        let _ = same(&args(&["check"])).expect_code(6);
        let applied = run(&store, &server, &args(&["apply"])).expect_code(0);
        assert!(applied.text().starts_with("added"), "{applied}");
        let _ = same(&args(&["check"])).expect_code(0);
    }
    let _ = same(&["policy", "show", "--with-rules"]).expect_code(0);
    let policy = |args: &[&'static str]| [&["policy"], args, &principal[..]].concat();
    let _ = same(&policy(&["check"])).expect_code(6);
    let _ = same(&policy(&["apply", "--with-rules", "--dry-run"])).expect_code(0);
    let _ = same(&policy(&["check", "--json"])).expect_code(6);
    let applied = run(&store, &server, &policy(&["apply"])).expect_code(0);
    assert!(applied.text().starts_with("added"), "{applied}");
    let _ = same(&policy(&["check"])).expect_code(0);
    // What the store keeps no rule of the bucket may delete.
    store.write("a.log", "text");
    let _ = store
        .run(&["upload", "a.log", "--type", "log"])
        .expect_code(0);
    let uri = "artifact://default/local/log/a.log";
    let held = ["hold", "set", uri, "--reason", "audit"];
    let _ = run(&store, &server, &held).expect_code(0);
    let _ = same(&["lifecycle", "apply"]).expect_code(6);
    let _ = same(&["lifecycle", "check"]).expect_code(6);
}

#[test]
fn what_looks_like_a_secret_is_told_as_beside_the_store() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    store.write("tree/.env", "DB_HOST=db\nDB_PASSWORD=m4-Kq2.zT9w\n");
    let mut long = "a line of a log\n".repeat(700_000).into_bytes();
    let token = "\nkey: ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX\n";
    long.splice(0..0, token.bytes());
    store.write("tree/long.log", &long);
    let upload = ["upload", "tree", "--spec", "demo", "--task", "1"];
    let here = store.run(&upload).expect_code(0);
    let there = run(&store, &server, &upload).expect_code(0);
    let warnings = |outcome: &Outcome| {
        let lines = outcome.stderr.lines().map(str::to_owned);
        let mut warnings: Vec<_> = lines.filter(|line| line.contains("secrets")).collect();
        warnings.sort();
        warnings
    };
    assert_eq!(warnings(&there), warnings(&here));
    assert_eq!(warnings(&here).len(), 2, "{here}");
}
