//! Names that are refused, wherever they come from: exit code 2, the culprit is named, and nothing
//! is stored.

use e2e::Sandbox;

use super::sandbox;

/// A name, and what must be said of it.
fn bad_names() -> Vec<(String, &'static str)> {
    [
        ("", "is empty"),
        ("..", "`..` segment"),
        ("../x", "`..` segment"),
        ("a/../b", "`..` segment"),
        ("a/..", "`..` segment"),
        ("..\\x", "`..` segment"),
        ("a\\..\\b", "`..` segment"),
        (".", "`.` segment"),
        ("./x", "`.` segment"),
        ("a/./b", "`.` segment"),
        ("/", "is absolute"),
        ("/etc/passwd", "is absolute"),
        ("//x", "is absolute"),
        ("a/", "ends in a slash"),
        ("a//b", "empty segment"),
        ("a\nb", "control character"),
        ("a\tb", "control character"),
        ("\x1b[31mred", "control character"),
        ("\u{7f}", "control character"),
        ("\u{85}", "control character"),
    ]
    .into_iter()
    .map(|(name, why)| (name.to_owned(), why))
    .chain([
        ("n".repeat(1_025), "1025 bytes long, the limit is 1024"),
        ("n".repeat(10_000), "10000 bytes long, the limit is 1024"),
        ("\u{e9}".repeat(500), "is too long"),
    ])
    .collect()
}

fn with_a_file() -> Sandbox {
    let store = sandbox();
    store.write("x.txt", "content");
    store
}

#[test]
fn bad_names_are_refused() {
    let store = with_a_file();
    for (name, why) in bad_names() {
        let outcome = store.run(&["upload", "x.txt", "--type", "data", "--name", &name]);
        let outcome = outcome.expect_code(2);
        outcome.says(&["name ", why]);
        assert!(
            outcome.stderr.len() < 3_000 + name.len(),
            "too much is said:\n{outcome}"
        );
    }
    store.assert_empty();
}

#[test]
fn bad_specs_and_tasks_are_refused() {
    let store = with_a_file();
    let long = "s".repeat(129);
    let wide = "\u{e9}".repeat(64);
    let cases = [
        ("", "is empty"),
        (".", "directory reference"),
        ("..", "directory reference"),
        (" a", "white space"),
        ("a ", "white space"),
        ("a\nb", "control character"),
        (&*long, "129 bytes long"),
        (&*wide, "200 bytes long when percent-encoded"),
    ];
    for (scope, why) in cases {
        for flag in ["--spec", "--task"] {
            store
                .run(&["upload", "x.txt", flag, scope])
                .expect_code(2)
                .says(&[&flag[2..], why]);
        }
    }
    for (scope, why) in &cases[1..] {
        for variable in ["ARTIFACT_SPEC", "ARTIFACT_TASK"] {
            let store = with_a_file().with_env(variable, *scope);
            store.run(&["upload", "x.txt"]).expect_code(2).says(&[why]);
            store.assert_empty();
        }
    }
    store.assert_empty();
}

#[test]
fn a_scope_cannot_climb_out() {
    let store = with_a_file();
    for scope in [
        "../../etc",
        "/etc",
        "a/../..",
        "~",
        "%2e%2e",
        "...",
        "a\\..\\..",
    ] {
        store.ok(&[
            "upload", "x.txt", "--spec", scope, "--task", scope, "--type", "data",
        ]);
    }
    assert_eq!(store.blobs().len(), 7);
    assert!(
        store
            .blobs()
            .iter()
            .all(|blob| blob.starts_with(store.store("artifacts")))
    );
    let outside: Vec<_> = std::fs::read_dir(store.root())
        .expect("the sandbox can be listed")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    let ours = ["home", "mirror", "s3", "store", "tmp", "work"];
    assert!(
        outside
            .iter()
            .all(|name| ours.iter().any(|own| name == own)),
        "{outside:?}"
    );
}

#[test]
fn bad_addresses_are_refused() {
    let store = sandbox();
    let cases = [
        ("", "does not begin with artifact://"),
        ("demo/1/data/x", "does not begin with artifact://"),
        ("http://demo/1/data/x", "does not begin with artifact://"),
        (
            "ARTIFACT://demo/1/data/x",
            "does not begin with artifact://",
        ),
        ("artifact://", "fewer than four segments"),
        ("artifact://demo/1/data", "fewer than four segments"),
        ("artifact:///1/data/x", "spec is empty"),
        ("artifact://demo//data/x", "task is empty"),
        ("artifact://demo/1//x", "type"),
        ("artifact://demo/1/data/", "name is empty"),
        ("artifact://demo/1/data/x/", "ends in a slash"),
        (
            "artifact://demo/1/nonsense/x",
            "unknown artifact type `nonsense`",
        ),
        ("artifact://demo/1/custom:/x", "custom type"),
        ("artifact://demo/1/data/../x", "`..` segment"),
        ("artifact://demo/1/data/%2e%2e/x", "`..` segment"),
        ("artifact://demo/1/data/a%2Fb", "encoded slash"),
        ("artifact://demo/1/data/%2Fetc", "encoded slash"),
        ("artifact://demo/1/data/a%00b", "control character"),
        ("artifact://demo/1/data/a%0Ab", "control character"),
        ("artifact://demo/1/data/%", "percent-encoding"),
        ("artifact://demo/1/data/%G0", "percent-encoding"),
        ("artifact://demo/1/data/100%", "percent-encoding"),
        ("artifact://demo/1/data/%ff", "does not decode to UTF-8"),
        ("artifact://../1/data/x", "directory reference"),
        ("artifact://demo/%2e%2e/data/x", "directory reference"),
        ("artifact://demo/1/data/x#top", "`#`"),
        ("artifact://demo/1/data/x?version=0", "version"),
        ("artifact://demo/1/data/x?version=-1", "version"),
        ("artifact://demo/1/data/x?version=", "version"),
        ("artifact://demo/1/data/x?version=4294967296", "version"),
        ("artifact://demo/1/data/x?version=1&x=2", "version"),
        ("artifact://demo/1/data/x?v=1", "only `?version=N`"),
        (
            "01234567-89ab-7def-8123-456789abcde",
            "is not an artifact URI",
        ),
        ("0123456789ab7def8123456789abcdef", "is not an artifact URI"),
    ];
    for (address, why) in cases {
        for verb in ["show", "download", "delete"] {
            let outcome = store.run(&[verb, address]).expect_code(2);
            outcome.says(&[address, why]);
        }
    }
    let long = format!("artifact://demo/1/data/{}", "n".repeat(10_000));
    store
        .run(&["show", &long])
        .expect_code(2)
        .says(&["10000 bytes long"]);
}

#[test]
fn a_file_whose_name_is_not_utf8_needs_another() {
    use std::os::unix::ffi::OsStringExt;
    let store = sandbox();
    let name = std::ffi::OsString::from_vec(b"caf\xe9.txt".to_vec());
    store.write(std::path::Path::new("tree").join(&name), "content");
    store.write("tree/fine.txt", "content");
    let outcome = store.run(&["upload", "tree"]).expect_code(2);
    outcome.says(&["tree/caf", "is not UTF-8", "--name"]);
    assert_eq!(
        outcome.text(),
        "artifact://default/local/document/fine.txt\n"
    );
    let path = store.work("tree").join(name);
    let named = store
        .command([
            "upload".as_ref(),
            path.as_os_str(),
            "--name".as_ref(),
            "cafe.txt".as_ref(),
        ])
        .output()
        .expect("the program can be started");
    assert!(
        named.status.success(),
        "{}",
        String::from_utf8_lossy(&named.stderr)
    );
}
