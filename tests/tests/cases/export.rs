//! Archives, as other programs read them: Python's `zipfile` and `tarfile`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use e2e::Sandbox;
use e2e::tree::{ODD_NAMES, noise, prose};

use super::sandbox;

/// Prints name, mode, time and SHA-256 of every file, and fails on whatever the format finds wrong.
const READ: &str = r"
import datetime, hashlib, sys, tarfile, zipfile
utc = datetime.timezone.utc
def show(name, mode, size, stream):
    digest, length = hashlib.sha256(), 0
    for chunk in iter(lambda: stream.read(1 << 20), b''):
        digest.update(chunk)
        length += len(chunk)
    assert length == size, name
    print(name, oct(mode & 0o7777), digest.hexdigest(), sep='\t')
if zipfile.is_zipfile(sys.argv[1]):
    with zipfile.ZipFile(sys.argv[1]) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            with archive.open(info) as stream:
                show(info.filename, info.external_attr >> 16, info.file_size, stream)
else:
    with tarfile.open(sys.argv[1], 'r|gz') as archive:
        for info in archive:
            assert info.isreg(), info.name
            show(info.name, info.mode, info.size, archive.extractfile(info))
";

/// Name → mode and SHA-256 of every file of an archive, in whatever order, and the names in theirs.
fn read(store: &Sandbox, archive: &str) -> (BTreeMap<String, (String, String)>, Vec<String>) {
    let output = store
        .other("python3")
        .env("PYTHONUTF8", "1")
        .args(["-c", READ, archive])
        .output()
        .expect("python3 can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{archive}: {stderr}");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let (mut files, mut names) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let [name, mode, digest] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line} is not what the script prints");
        };
        names.push(name.to_owned());
        files.insert(name.to_owned(), (mode.to_owned(), digest.to_owned()));
    }
    (files, names)
}

fn upload(store: &Sandbox, path: &str, more: &[&str]) {
    let args = ["upload", path, "--spec", "org/repo", "--task", "1"];
    store.ok(&[&args[..], more].concat());
}

/// What compresses to about half.
fn digits(seed: u64, length: usize) -> Vec<u8> {
    let bytes = noise(seed, length).into_iter();
    bytes
        .map(|byte| b"0123456789abcdef"[usize::from(byte & 15)])
        .collect()
}

/// Files of every size and form that makes a difference: nothing, one block, several, compressed or
/// not, larger than what is read at once.
fn filled() -> Sandbox {
    let store = sandbox();
    for (name, bytes) in [
        ("tree/empty", Vec::new()),
        ("tree/small.txt", b"small\n".to_vec()),
        ("tree/dir/block.txt", prose(1, 262_144)),
        ("tree/dir/blocks.log", prose(2, 1_000_000)),
        ("tree/dir/long.log", digits(3, 2_600_000)),
        ("tree/noise", noise(4, 5_000)),
        ("tree/dir/noise", noise(5, 700_000)),
        ("tree/dir/more noise", noise(6, 1_300_000)),
    ] {
        store.write(name, bytes);
    }
    upload(&store, "tree", &["--tag", "a=1"]);
    store
}

#[test]
fn other_programs_read_what_is_exported() {
    let store = filled();
    let stored: BTreeMap<_, _> = store
        .json(&["search"])
        .iter()
        .map(|object| {
            let text = |key: &str| object[key].as_str().expect("it is text").to_owned();
            let path = format!("org%2Frepo/1/{}/{}", text("type"), text("name"));
            (path, ("0o644".to_owned(), text("sha256")))
        })
        .collect();
    for archive in ["all.zip", "all.tar.gz"] {
        let said = store.ok(&["export", "-o", archive]);
        assert!(said.starts_with("exported 8 artifacts"), "{said}");
        let (files, names) = read(&store, archive);
        assert_eq!(files, stored, "{archive}");
        assert!(names.is_sorted(), "{names:?}");
        store.ok(&["export", "-o", archive, "--with-metadata"]);
        let (files, names) = read(&store, archive);
        assert_eq!(files.len(), stored.len() + 1);
        assert_eq!(names[0], "artifacts.jsonl");
    }
    let pipe = store.bytes(&["export", "-o", "-", "--format", "zip", "--with-metadata"]);
    assert!(pipe == store.read("all.zip"), "a pipe gets other bytes");
}

#[test]
fn the_same_artifacts_give_the_same_bytes() {
    let store = filled();
    let export = |archive: &str| {
        let _ = fs::remove_file(store.work(archive));
        store.ok(&[
            "export",
            "-o",
            archive,
            "--with-metadata",
            "--spec",
            "org/repo",
        ]);
        store.read(archive)
    };
    for archive in ["a.zip", "a.tar.gz"] {
        let first = export(archive);
        assert!(export(archive) == first, "{archive} differs");
        for path in store.index_files() {
            if path.is_dir() {
                fs::remove_dir_all(path).expect("it can be removed");
            } else {
                fs::remove_file(path).expect("it can be removed");
            }
        }
        store.ok(&["reindex", "--quiet"]);
        assert!(
            export(archive) == first,
            "{archive} differs after a rebuild"
        );
    }
}

#[test]
fn odd_names_become_paths_that_are_safe_everywhere() {
    let store = sandbox();
    for name in ODD_NAMES {
        store.write(Path::new("tree").join(name), name);
    }
    upload(&store, "tree", &["--type", "data"]);
    for archive in ["odd.zip", "odd.tar.gz"] {
        store.ok(&["export", "-o", archive]);
        let (_, names) = read(&store, archive);
        assert_eq!(names.len(), ODD_NAMES.len());
        for name in names {
            let file = name.rsplit('/').next().expect("a path has segments");
            assert!(
                !file.contains(['\\', ':', '*', '?', '"', '<', '>', '|']),
                "{file}"
            );
            assert!(
                !file.ends_with(['.', ' ']) && file != "CON" && file != "nul.txt",
                "{file}"
            );
        }
    }
}

#[test]
fn what_a_file_system_knew_is_in_the_archive() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let store = sandbox();
    let script = store.write("tree/run.sh", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    symlink("../../etc/passwd", store.work("tree/link")).expect("a link can be made");
    upload(&store, "tree", &["--type", "data"]);
    for archive in ["a.zip", "a.tar.gz"] {
        store.ok(&["export", "-o", archive]);
        let (files, _) = read(&store, archive);
        assert_eq!(files["org%2Frepo/1/data/run.sh"].0, "0o755");
        // A link that leads out is never made by unpacking.
        assert_eq!(files["org%2Frepo/1/data/link"].0, "0o644");
    }
}

#[test]
fn filters_and_versions_select_what_is_exported() {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    for text in ["one", "two"] {
        store.write("a.txt", text);
        upload(&store, "a.txt", &["--type", "data"]);
    }
    store.write("b.log", "b");
    upload(&store, "b.log", &["--type", "log", "--tag", "x"]);
    let names = |args: &[&str]| {
        let args = [&["export", "-o", "a.zip"], args].concat();
        store.ok(&args);
        read(&store, "a.zip").1
    };
    let (newest, log) = ("org%2Frepo/1/data/a.txt", "org%2Frepo/1/log/b.log");
    assert_eq!(names(&[]), [newest, log]);
    assert_eq!(names(&["--tag", "x"]), [log]);
    assert_eq!(names(&["--type", "data"]), [newest]);
    let all = ["data/a.txt@1", "data/a.txt@2", "log/b.log@1"];
    assert_eq!(
        names(&["--all-versions"]),
        all.map(|name| format!("org%2Frepo/1/{name}"))
    );
    let said = store.json(&["export", "-o", "a.zip", "--spec", "org*"]);
    assert_eq!(said[0]["artifacts"], 2);
    assert_eq!(said[0]["size_bytes"], 4);
    assert_eq!(
        said[0]["archive_bytes"],
        fs::metadata(store.work("a.zip"))
            .expect("it is there")
            .len()
    );

    let none = store.fails(&["export", "-o", "none.zip", "--spec", "other"], 3);
    assert!(none.contains("nothing to export"), "{none}");
    store.fails(&["export", "-o", "a.rar"], 2);
    store.fails(&["export", "-o", "-"], 2);
    store.fails(&["export", "-o", "x.zip", "--state", "deleted"], 2);
    store.fails(&["export", "-o", "missing/x.zip"], 3);
    assert!(!store.work("none.zip").exists() && !store.work("x.zip").exists());
}

#[test]
fn a_damaged_artifact_is_named_and_no_archive_is_left() {
    for damaged in ["small.txt", "long.log", "more noise"] {
        for archive in ["a.zip", "a.tar.gz"] {
            let store = filled();
            let encoded = damaged.replace(' ', "%20");
            let blob = store
                .blobs()
                .into_iter()
                .find(|path| path.to_string_lossy().contains(&format!("{encoded}@")))
                .expect("it is stored");
            let mut bytes = fs::read(&blob).expect("it can be read");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&blob, bytes).expect("it can be written");
            let before = e2e::tree::contents(&store.work(""));
            store
                .run(&["export", "-o", archive])
                .expect_code(5)
                .says(&[&encoded]);
            assert_eq!(
                e2e::tree::contents(&store.work("")),
                before,
                "a file was left"
            );
            store
                .run(&["export", "-o", archive, "--keep-going", "--with-metadata"])
                .expect_code(5)
                .says(&[&encoded]);
            let (files, _) = read(&store, archive);
            assert_eq!(files.len(), 8, "the rest and the metadata");
            assert!(!files.keys().any(|path| path.ends_with(damaged)));
        }
    }
}
