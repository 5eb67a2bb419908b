//! Files that look like secrets: told of, refused or let pass, by whatever way they come.

use e2e::Sandbox;

/// A token that no service has given, as nothing that looks for tokens finds it here.
fn token() -> String {
    ["ghp", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8"].join("_")
}

fn refusing() -> Sandbox {
    Sandbox::new().with_env("ARTIFACT_GUARD__SECRETS", "refuse")
}

/// Nothing that was printed says the secret.
fn says_no_secret(texts: &[&str]) {
    for text in texts {
        assert!(!text.contains(&token()[..12]), "{text}");
    }
}

#[test]
fn by_default_a_line_tells_and_it_is_stored() {
    let store = Sandbox::new();
    store.write("tree/a.log", format!("one\ntwo {}\n{}\n", token(), token()));
    store.write("tree/b.log", "nothing\n");
    let outcome = store.run(&["upload", "tree", "--spec", "s", "--task", "1"]);
    let outcome = outcome.expect_code(0);
    assert_eq!(outcome.text().lines().count(), 2);
    let told: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(told.len(), 1, "{outcome}");
    outcome.says(&[
        "warning: artifact://s/1/log/a.log",
        "github-token in line 2",
    ]);
    says_no_secret(&[outcome.text(), &outcome.stderr]);
    let quiet = store.run(&["upload", "tree", "--quiet", "--task", "2"]);
    assert_eq!(quiet.expect_code(0).stderr, "");
}

#[test]
fn what_is_refused_leaves_nothing_and_does_not_keep_the_others() {
    let store = refusing();
    // Whole in memory, by the way of large files, and far into one.
    let far = b"a line\n".repeat(300_000);
    let far = [far, token().into_bytes(), b"\n".repeat(9_000_000)].concat();
    for (name, content) in [
        ("small.log", token().into_bytes()),
        (
            "large.log",
            [token().into_bytes(), vec![b'\n'; 100_000]].concat(),
        ),
        ("far.log", far),
    ] {
        store.write(name, content);
        let outcome = store.run(&["upload", name]).expect_code(2);
        outcome.says(&[name, "github-token", "guard.allow", "line"]);
        says_no_secret(&[outcome.text(), &outcome.stderr]);
        store.assert_empty();
    }
    store.write("good.log", "nothing\n");
    let outcome = store
        .run(&["upload", "small.log", "good.log"])
        .expect_code(2);
    assert_eq!(outcome.text().lines().count(), 1, "{outcome}");
    let piped = store.run_with_input(&["upload", "-", "--name", "x.log"], token().as_bytes());
    piped
        .expect_code(2)
        .says(&["x.log", "line 1", "github-token"]);
}

#[test]
fn what_is_allowed_passes() {
    let allowing = |allow: &str| {
        let store = refusing().with_env("ARTIFACT_GUARD__ALLOW", allow);
        store.write("tests/a.log", token());
        store.run(&["upload", "tests"])
    };
    let _ = allowing("tests/*, *.snap").expect_code(2);
    let _ = allowing("*.snap, a.log").expect_code(0);
    let _ = allowing("github-token").expect_code(0);
    let _ = allowing("gitlab-token").expect_code(2);
    allowing("[").expect_code(2).says(&["guard.allow"]);
}

#[test]
fn it_can_be_set_in_a_file_and_switched_off() {
    let store = Sandbox::new();
    store.write("a.log", token());
    store.write(
        "artifact-store.yaml",
        "guard: { secrets: refuse, allow: [x.log, '*.snap'] }\n",
    );
    let _ = store.run(&["upload", "a.log"]).expect_code(2);
    store.write(
        "artifact-store.yaml",
        "guard: { secrets: refuse, allow: [a.log] }\n",
    );
    let _ = store.run(&["upload", "a.log"]).expect_code(0);
    store.write("artifact-store.yaml", "guard: { secrets: off }\n");
    let outcome = store.run(&["upload", "a.log"]).expect_code(0);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn what_an_archive_holds_is_looked_at_on_its_way_in() {
    let from = Sandbox::new().with_env("ARTIFACT_GUARD__SECRETS", "off");
    from.write("tree/a.log", token());
    from.write("tree/b.log", "nothing");
    from.ok(&["upload", "tree", "--spec", "s", "--task", "1"]);
    for (archive, with) in [("a.zip", None), ("b.tar.gz", Some("--with-metadata"))] {
        let mut args = vec!["export", "--spec", "s", "-o", archive];
        args.extend(with);
        from.ok(&args);
        let bytes = std::fs::read(from.work(archive)).expect("it is there");
        for (mode, code) in [("warn", 0), ("refuse", 2)] {
            let store = Sandbox::new().with_env("ARTIFACT_GUARD__SECRETS", mode);
            store.write(archive, &bytes);
            let outcome = store.run(&["import", archive]).expect_code(code);
            outcome.says(&["a.log", "github-token"]);
            says_no_secret(&[outcome.text(), &outcome.stderr]);
            assert_eq!(
                store.blobs().len(),
                if code == 0 { 2 } else { 1 },
                "{outcome}"
            );
        }
    }
}
