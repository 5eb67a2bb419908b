//! Archives that mean harm, given to `artifact import`, and links that lead out of a folder.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::archives::{BOMBS, OVERLAP, python};
use e2e::{Outcome, Sandbox};

/// A sandbox with a file beside its working folder that nothing may change.
fn sandbox() -> Sandbox {
    let store = Sandbox::new();
    fs::write(store.root().join("canary"), "as it was").unwrap();
    store
}

/// Asserts that nothing came of an archive but what is in `taken`, in the store and beside it.
fn assert_harmless(store: &Sandbox, taken: &[&str]) {
    let found = store.json(&["search", "--spec", "*", "--limit", "1000"]);
    let names: Vec<_> = found
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(names.iter().all(|name| taken.contains(name)), "{names:?}");
    assert_eq!(fs::read(store.root().join("canary")).unwrap(), b"as it was");
    let artifacts = store.store("artifacts");
    assert!(
        store
            .blobs()
            .iter()
            .all(|path| path.starts_with(&artifacts))
    );
    assert!(!store.root().join("evil").exists() && !store.work("evil").exists());
}

fn refused(store: &Sandbox, archive: &str, more: &[&str], code: i32) -> Outcome {
    let outcome = store.run(&[&["import", archive], more].concat());
    let outcome = outcome.expect_code(code);
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    outcome
}

#[test]
fn names_that_slip_out_of_a_zip_file_are_refused() {
    let store = sandbox();
    python(
        &store,
        r"
with zipfile.ZipFile('a.zip', 'w') as z:
    for n in ['../evil', '../../evil', '/evil', 'a/../../evil', '..\\evil', 'C:\\evil', 'C:/evil',
              './../evil', 'a/./../../evil', '..', '.', 'a\x00/../evil', '//evil', 'a//../../evil']:
        i = zipfile.ZipInfo('x'); i.filename = n; z.writestr(i, 'evil')
    z.writestr('good', 'good')
",
    );
    refused(&store, "a.zip", &[], 2);
    assert_harmless(&store, &["good"]);
}

#[test]
fn names_that_slip_out_of_a_tar_file_are_refused() {
    let store = sandbox();
    python(
        &store,
        r"
for mode in ['w', 'w:gz']:
    with tarfile.open('a.tar' + ('.gz' if ':' in mode else ''), mode) as t:
        for n in ['../evil', '/evil', 'a/../../evil', '..\\evil', 'x/' * 40 + '../' * 41 + 'evil']:
            add(t, n, b'evil')
        add(t, 'good', b'good')
",
    );
    for archive in ["a.tar", "a.tar.gz"] {
        refused(&store, archive, &["--task", archive], 2);
    }
    assert_harmless(&store, &["good"]);
}

#[test]
fn links_in_an_archive_lead_nowhere() {
    let store = sandbox();
    python(
        &store,
        r"
with tarfile.open('a.tar', 'w') as t:
    add(t, 'out', b'', type=tarfile.SYMTYPE, linkname='..')
    add(t, 'out/canary', b'evil')
    add(t, 'abs', b'', type=tarfile.SYMTYPE, linkname='/')
    add(t, 'hard', b'', type=tarfile.LNKTYPE, linkname='../canary')
    add(t, 'passwd', b'', type=tarfile.LNKTYPE, linkname='/etc/passwd')
    for k in [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]:
        add(t, 'kind' + k.decode(), b'', type=k)
with zipfile.ZipFile('a.zip', 'w') as z:
    for n, to in [('out', '..'), ('abs', '/etc/passwd')]:
        i = zipfile.ZipInfo(n); i.external_attr = 0o120777 << 16; i.create_system = 3
        z.writestr(i, to)
    z.writestr('out/canary', 'evil')
",
    );
    for archive in ["a.tar", "a.zip"] {
        refused(&store, archive, &["--task", archive], 2);
        assert_harmless(&store, &["out/canary"]);
        fs::create_dir(store.work("into")).unwrap();
        store.ok(&["download", "--task", archive, "-D", "into"]);
        assert!(!store.work("into/out").is_symlink());
        assert!(!store.work("into/abs").exists() && !store.work("into/passwd").exists());
        fs::remove_dir_all(store.work("into")).unwrap();
    }
    assert_harmless(&store, &["out/canary"]);
}

#[test]
fn links_of_a_folder_lead_out_of_none() {
    let store = sandbox();
    let canary = store.root().join("canary");
    fs::create_dir(store.work("tree")).unwrap();
    symlink(&canary, store.work("tree/absolute")).unwrap();
    symlink("../../canary", store.work("tree/out")).unwrap();
    symlink("..", store.work("tree/folder")).unwrap();
    store.run(&["upload", "tree", "--task", "1", "--type", "data"]);
    let found = store.json(&["search", "--task", "1", "--spec", "*"]);
    for artifact in found {
        let uri = artifact["uri"].as_str().unwrap();
        let text = store.bytes(&["download", uri, "-o", "-"]);
        assert!(text != b"as it was", "{uri} is the file beside");
    }
    // Where a link stands that leads out, nothing is written through it.
    store.write("a/b", "new");
    store.ok(&["upload", "a", "--task", "2", "--type", "data"]);
    fs::create_dir(store.work("into")).unwrap();
    symlink(store.root(), store.work("into/x")).unwrap();
    symlink(&canary, store.work("into/b")).unwrap();
    store.run(&["download", "--task", "2", "-D", "into"]);
    assert_eq!(fs::read(&canary).unwrap(), b"as it was");
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let store = sandbox();
    let more = r"
with zipfile.ZipFile('many.zip', 'w') as z:
    for n in range(101): z.writestr(str(n), '')
with tarfile.open('many.tar', 'w') as t:
    for n in range(101): add(t, str(n), b'')
# One that says it is a byte long, and is not.
with zipfile.ZipFile('liar.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('a', zeros[:1_000_000])
data = bytearray(open('liar.zip', 'rb').read())
at = data.index(b'PK\x01\x02'); struct.pack_into('<L', data, at + 24, 1)
struct.pack_into('<L', data, 22, 1)
open('liar.zip', 'wb').write(data)
";
    python(&store, &[BOMBS, OVERLAP, more].concat());
    for (archive, more, code) in [
        ("bomb.zip", &[][..], 8),
        ("bomb.tar.gz", &[], 8),
        (
            "bomb.zip",
            &["--max-ratio", "9000", "--max-bytes", "1MB"],
            8,
        ),
        (
            "bomb.tar.gz",
            &["--max-ratio", "9000", "--max-bytes", "1MB"],
            8,
        ),
        ("many.zip", &["--max-entries", "100"], 8),
        ("overlap.zip", &[], 5),
        ("liar.zip", &[], 5),
    ] {
        refused(&store, archive, more, code);
        assert_harmless(&store, &[]);
        assert!(store.stored_bytes() < 1_000_000, "{archive}");
    }
    refused(&store, "many.tar", &["--max-entries", "100"], 8);
    assert_eq!(fs::read(store.root().join("canary")).unwrap(), b"as it was");
}
