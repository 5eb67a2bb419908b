//! Archives come back: those of an export with all that was known, those of others by their paths, and
//! those that mean harm not at all.

use std::collections::BTreeMap;
use std::fs;

use e2e::Sandbox;
use e2e::archives::{BOMBS, OVERLAP, python};
use e2e::tree::{noise, prose};
use serde_json::Value;

use super::{sandbox, texts};

/// What is known of each artifact, but for what belongs to the store that it is in.
fn known(store: &Sandbox) -> BTreeMap<String, Value> {
    let found = store.json(&["search", "--all-versions"]);
    found
        .into_iter()
        .map(|mut object| {
            let uri = format!("{}?version={}", object["uri"], object["version"]);
            for key in ["id", "created_at", "expires_at"] {
                object[key] = Value::Null;
            }
            let metadata = object["metadata"].as_object_mut().expect("it is an object");
            metadata.remove("imported");
            (uri, object)
        })
        .collect()
}

fn filled() -> Sandbox {
    let store = sandbox();
    store.write("tree/a.txt", "small\n");
    store.write("tree/dir/b c.log", prose(1, 600_000));
    store.write("tree/dir/noise", noise(2, 400_000));
    store.write("tree/empty", "");
    let args = ["upload", "tree", "--spec", "org/repo", "--task", "1"];
    let more = ["--tag", "k=v", "--meta", "n=[1,2]", "--retention-days", "9"];
    store.ok(&[&args[..], &more].concat());
    store.write("other.json", "{}");
    store.ok(&[
        "upload",
        "other.json",
        "--task",
        "2",
        "--mime",
        "text/x-own",
    ]);
    store
}

/// Another store beside it that sees the same files.
fn import_elsewhere(store: &Sandbox, args: &[&str]) -> e2e::Outcome {
    import_to(store, "elsewhere", args)
}

fn import_to(store: &Sandbox, folder: &str, args: &[&str]) -> e2e::Outcome {
    let mut command = store.command([&["import", "--base-path", folder], args].concat());
    // Where the blobs lie in a bucket.
    for key in ["ARTIFACT_S3__PREFIX", "ARTIFACT_GCS__PREFIX"] {
        command.env(key, folder);
    }
    let output = command.output().expect("the program can be started");
    e2e::Outcome::from_output(args, output)
}

#[test]
fn an_export_comes_back_with_everything_that_was_known() {
    for archive in ["all.zip", "all.tar.gz"] {
        let store = filled();
        store.ok(&["export", "--with-metadata", "-o", archive]);
        let expected = known(&store);
        let outcome = import_elsewhere(&store, &[archive]).expect_code(0);
        assert_eq!(outcome.text().lines().count(), 5);
        outcome.says(&["imported 5"]);
        // Again: nothing is stored twice.
        let outcome = import_elsewhere(&store, &[archive]).expect_code(0);
        assert_eq!(outcome.text(), "");
        outcome.says(&["imported 0", "5 there already"]);
        let created =
            texts(&store.json(&["search", "--name", "a.txt"]), "created_at")[0].to_owned();
        let other = store.elsewhere("elsewhere");
        assert_eq!(known(&other), expected, "{archive}");
        let copy = &other.json(&["search", "--name", "a.txt"])[0];
        assert_eq!(copy["metadata"]["imported"]["created_at"], created);
        assert_ne!(copy["created_at"], created);
        other.ok(&["verify"]);
    }
}

#[test]
fn a_pipe_gives_tar_and_not_zip() {
    let store = filled();
    let archive = store.bytes(&["export", "--with-metadata", "-o", "-", "--format", "tar.gz"]);
    store.ok(&["delete", "--spec", "org/repo"]);
    store
        .run_with_input(&["import", "-"], &archive)
        .expect_code(0)
        .says(&["imported 4", "1 there already"]);
    let archive = store.bytes(&["export", "-o", "-", "--format", "zip"]);
    let outcome = store.run_with_input(&["import", "-"], &archive);
    outcome.expect_code(2).says(&["pipe"]);
}

#[test]
fn another_place_can_be_chosen_and_a_dry_run_stores_nothing() {
    let store = filled();
    store.ok(&[
        "export",
        "--with-metadata",
        "-o",
        "all.zip",
        "--spec",
        "org/repo",
    ]);
    let before = store.blobs();
    let args = ["import", "all.zip", "--spec", "copy", "--task", "9"];
    let planned = store.ok(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(store.blobs(), before);
    let done = store.ok(&args);
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&planned), sorted(&done));
    assert!(
        done.lines()
            .all(|uri| uri.starts_with("artifact://copy/9/"))
    );
}

#[test]
fn versions_come_back_in_their_order_or_the_newest_alone() {
    let versioned = |store: Sandbox| store.with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let store = versioned(sandbox());
    for text in ["one", "two", "one"] {
        store.write("a.txt", text);
        store.ok(&["upload", "a.txt", "--type", "data"]);
    }
    store.ok(&["export", "--all-versions", "--with-metadata", "-o", "a.zip"]);
    for again in ["imported 3", "imported 0, 0 B; 3 there already"] {
        import_elsewhere(&store, &["a.zip"])
            .expect_code(0)
            .says(&[again]);
    }
    let other = store.elsewhere("elsewhere");
    let found = |number: u32| {
        let uri = format!("artifact://default/local/data/a.txt?version={number}");
        other.ok(&["download", &uri, "-o", "-"])
    };
    assert_eq!([1, 2, 3].map(found), ["one", "two", "one"]);

    let plain = other.with_env("ARTIFACT_VERSIONING__ENABLED", "false");
    let third = plain.elsewhere("third");
    let outcome = third.run(&["import", "a.zip"]).expect_code(0);
    outcome.says(&["imported 1", "2 older versions"]);
    assert_eq!(third.json(&["search", "--all-versions"]).len(), 1);
}

#[test]
fn what_is_stored_with_other_content_stays_unless_it_is_to_be_replaced() {
    let store = filled();
    store.ok(&["export", "--with-metadata", "-o", "all.zip"]);
    store.write("a.txt", "mine");
    store.ok(&["upload", "a.txt", "--spec", "org/repo", "--task", "1"]);
    let uri = "artifact://org%2Frepo/1/document/a.txt";
    let outcome = store.run(&["import", "all.zip"]).expect_code(6);
    outcome.says(&[uri, "--replace", "4 there already; 1 failed"]);
    assert_eq!(store.ok(&["download", uri, "-o", "-"]), "mine");
    store.ok(&["import", "all.zip", "--replace"]);
    assert_eq!(store.ok(&["download", uri, "-o", "-"]), "small\n");
}

#[test]
fn archives_of_others_are_taken_by_their_paths() {
    let store = sandbox();
    store.write("big.bin", noise(3, 700_000));
    python(
        &store,
        "with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n \
         z.mkdir('dir'); z.writestr('dir/run.log', 'line\\n'); z.writestr('é.json', '{}'); z.write('big.bin')\n\
         with tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT) as t:\n \
         add(t, './dir/run.log', b'line\\n', mode=0o755, mtime=1772366400)\n \
         add(t, 'é.json', b'{}'); t.add('big.bin'); add(t, 'd' * 200 + '/x')\n",
    );
    for (archive, count) in [("a.zip", 3), ("a.tar", 4)] {
        let args = [archive, "--spec", "s", "--task", archive, "--tag", "t"];
        for (imported, present) in [(count, 0), (0, count)] {
            let outcome = store.run(&[&["import"], &args[..]].concat()).expect_code(0);
            outcome.says(&[&format!("imported {imported},")]);
            if present > 0 {
                outcome.says(&[&format!("{present} there already")]);
            }
        }
        let found = store.json(&["search", "--task", archive, "--tag", "t", "--sort", "name"]);
        let names = texts(&found, "name");
        assert!(
            names.contains(&"dir/run.log") && names.contains(&"é.json"),
            "{names:?}"
        );
        assert_eq!(found.len(), count);
        let log = found
            .iter()
            .find(|object| object["name"] == "dir/run.log")
            .expect("it is there");
        assert_eq!(log["type"], "log");
        if archive == "a.tar" {
            assert_eq!(log["metadata"]["file"]["executable"], true);
            assert_eq!(log["metadata"]["file"]["mtime"], "2026-03-01T12:00:00Z");
        }
    }
}

#[test]
fn what_leads_out_or_is_no_file_is_refused_by_itself() {
    let store = sandbox();
    python(
        &store,
        r"
bad = ['../up', '/abs', 'C:\\drive', 'a/../../b', '..\\win', 'a\nb']
with zipfile.ZipFile('a.zip', 'w') as z:
    for name in bad:
        i = zipfile.ZipInfo('x'); i.filename = name; z.writestr(i, 'x')
    link = zipfile.ZipInfo('link'); link.external_attr = 0o120777 << 16; link.create_system = 3
    z.writestr(link, '/etc/passwd')
    z.writestr('good', 'good')
with tarfile.open('a.tar', 'w') as t:
    for name in bad: add(t, name)
    for kind in [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]:
        add(t, 'kind' + kind.decode(), b'', type=kind, linkname='/etc/passwd')
    add(t, 'twice', b'1'); add(t, 'twice', b'2')
    add(t, 'good', b'good')
",
    );
    for (archive, refused, said) in [("a.zip", 7, "it is a link"), ("a.tar", 11, "comes twice")] {
        let outcome = store
            .run(&["import", archive, "--task", archive])
            .expect_code(2);
        outcome.says(&["leads out", "absolute", "drive", "it is a link", said]);
        outcome.says(&[&format!("{refused} failed")]);
        let found = store.json(&["search", "--task", archive]);
        let names = texts(&found, "name");
        assert!(
            names.iter().all(|name| ["good", "twice"].contains(name)),
            "{names:?}"
        );
        assert!(names.contains(&"good"));
    }
}

#[test]
fn an_archive_that_means_harm_is_refused_whole() {
    let store = sandbox();
    let more = r"
with zipfile.ZipFile('twice.zip', 'w') as z: z.writestr('a', '1'); z.writestr('a', '2')
with zipfile.ZipFile('many.zip', 'w') as z:
    for n in range(11): z.writestr(str(n), '')
with tarfile.open('many.tar', 'w') as t:
    for n in range(11): add(t, str(n), b'')
# A directory that says less than it has.
open('fewer.zip', 'wb').write(data[:at] + entry + other + struct.pack('<4s4H2LH', b'PK\x05\x06', 0, 0, 1, 1, len(entry) * 2, at, 0))
open('empty', 'wb').close()
open('text.zip', 'w').write('this is no archive')
";
    python(&store, &[BOMBS, OVERLAP, more].concat());
    for (archive, more, code, said) in [
        ("bomb.zip", &[][..], 8, "--max-ratio"),
        ("bomb.tar.gz", &[], 8, "--max-ratio"),
        ("bomb.zip", &["--max-bytes", "1MB"], 8, "--max-bytes"),
        ("bomb.tar.gz", &["--max-bytes", "1MB"], 8, "--max-bytes"),
        ("twice.zip", &[], 5, "twice"),
        ("many.zip", &["--max-entries", "10"], 8, "--max-entries"),
        ("overlap.zip", &[], 5, "overlap"),
        ("fewer.zip", &[], 5, ""),
        ("empty", &[], 5, "ends too early"),
        ("text.zip", &[], 5, "text.zip"),
        ("missing.zip", &[], 3, "missing.zip"),
    ] {
        let outcome = store
            .run(&[&["import", archive], more].concat())
            .expect_code(code);
        outcome.says(&[said]);
        assert!(outcome.stderr.len() < 1_000, "{outcome}");
        store.assert_empty();
    }
    store
        .run(&["import", "many.tar", "--max-entries", "10"])
        .expect_code(8)
        .says(&["--max-entries"]);
}

/// A server is not told by whoever sends an archive how much it may take.
#[test]
fn an_archive_may_be_as_much_as_is_said() {
    let store = sandbox();
    python(&store, BOMBS);
    for archive in ["bomb.zip", "bomb.tar.gz"] {
        let raised = ["import", archive, "--max-ratio", "2000", "--max-bytes"];
        let outcome = store.run(&[&raised[..], &["1MB"]].concat());
        outcome.expect_code(8).says(&["--max-bytes"]);
        store.assert_empty();
    }
    store.ok(&["import", "bomb.zip", "--max-ratio", "2000"]);
}

#[test]
fn a_damaged_archive_gives_what_is_sound_and_says_the_rest() {
    let store = filled();
    for archive in ["all.zip", "all.tar.gz"] {
        store.ok(&["export", "--with-metadata", "-o", archive]);
        let sound = store.read(archive);
        for cut in [sound.len() - 1, sound.len() / 2, 40] {
            store.write("cut", &sound[..cut]);
            let outcome = import_elsewhere(&store, &["cut"]).expect_code(5);
            outcome.says(&["cut"]);
        }
    }
    // Noise is stored as it is, so that its bytes can be found.
    let mut changed = store.read("all.zip");
    let needle = &noise(2, 400_000)[1_000..1_032];
    let at = changed
        .windows(32)
        .position(|bytes| bytes == needle)
        .expect("it is there");
    changed[at] ^= 1;
    store.write("changed.zip", &changed);
    let outcome = import_to(&store, "third", &["changed.zip"]).expect_code(5);
    outcome.says(&["dir/noise", "imported 4", "1 failed"]);
    let third = store.elsewhere("third");
    assert_eq!(third.json(&["search"]).len(), 4);
    third.ok(&["verify"]);
}

#[test]
fn what_is_no_archive_is_called_so() {
    let store = sandbox();
    store.write("short.txt", "some words\n");
    store.write("long.zip", prose(1, 5_000));
    store.write("noise.tar", noise(1, 5_000));
    python(
        &store,
        r"
import gzip
open('words.tar.gz', 'wb').write(gzip.compress(b'some words'))
with tarfile.open('later.tar', 'w') as t: add(t, 'a'); add(t, 'b')
bytes = bytearray(open('later.tar', 'rb').read())
bytes[1027] ^= 1
open('later.tar', 'wb').write(bytes)
",
    );
    for name in ["short.txt", "long.zip", "noise.tar", "words.tar.gz"] {
        let outcome = store.run(&["import", name]).expect_code(5);
        outcome.says(&[
            &format!("error: {name}: it is no archive that can be read here\n"),
            "hint: ZIP, tar and tar.gz can, ",
        ]);
    }
    let outcome = store.run_with_input(&["import", "-"], &noise(1, 5_000));
    let outcome = outcome.expect_code(5);
    outcome.says(&["error: standard input: it is no"]);
    assert!(store.json(&["search"]).is_empty());
    let outcome = store.run(&["import", "later.tar"]).expect_code(5);
    let why = "later.tar: the archive is damaged or cut off: a header makes no sense\n";
    outcome.says(&[why]);
    assert_eq!(outcome.text(), "artifact://default/local/document/a\n");
}

#[test]
fn bytes_that_are_not_the_recorded_ones_are_not_stored() {
    let store = filled();
    store.ok(&["export", "--with-metadata", "-o", "all.zip"]);
    python(
        &store,
        r"
with zipfile.ZipFile('all.zip') as z, zipfile.ZipFile('forged.zip', 'w') as f:
    for i in z.infolist():
        if i.filename.endswith('empty'): continue
        data = z.read(i)
        f.writestr(i.filename, b'other!' if i.filename.endswith('a.txt') else data)
    f.writestr('extra', 'x')
",
    );
    let outcome = import_elsewhere(&store, &["forged.zip", "--json"]).expect_code(5);
    outcome.says(&["SHA-256", "not in the archive", "does not name it"]);
    let objects = outcome.objects();
    let of = |outcome: &str| {
        let mut paths: Vec<_> = objects
            .iter()
            .filter(|object| object["outcome"] == outcome)
            .map(|object| object["path"].as_str().expect("it has a path").to_owned())
            .collect();
        paths.sort_unstable();
        paths
    };
    assert_eq!(
        of("failed"),
        [
            "extra",
            "org%2Frepo/1/document/a.txt",
            "org%2Frepo/1/other/empty"
        ]
    );
    assert_eq!(of("imported").len(), 3);
    assert_eq!(objects.last().expect("there is a sum")["failed"], 3);
    assert!(fs::metadata(store.work("elsewhere")).is_ok());
}
