//! A disk that is full: said as it is, nothing half-done is left, and deleting makes room again.
//! The disk is a small file system in memory, which only root may mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Sandbox, Server};

/// A small file system, unmounted when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of `size`, or says that this machine does not let us.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder can be made");
        let options = format!("size={size}");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        #[expect(clippy::print_stderr, reason = "what is not tried must be said")]
        {
            eprintln!("NOT TRIED: a full disk, since nothing may be mounted here");
        }
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Left mounted, the sandbox could not be removed, and that would be seen.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn a_full_disk(index: &str, size: &str, too_much: usize) {
    let store = Sandbox::with_index(index);
    let Some(_disk) = SmallDisk::mount(&store.store(""), size) else {
        return;
    };
    store.write("small", "stored while there was room");
    store.write("large", e2e::tree::noise(1, too_much));
    store.write("again", e2e::tree::noise(2, 500_000));
    let small = store.ok(&["upload", "small"]);

    let outcome = store.run(&["upload", "large"]).expect_code(8);
    outcome.says(&["artifact://default/local/other/large", "space"]);
    assert_eq!(store.ok(&["search", "--all-versions"]).lines().count(), 1);
    assert_eq!(
        store.blobs().len(),
        1,
        "bytes of the failed upload are left"
    );
    let bytes = store.bytes(&["download", small.trim(), "-o", "-"]);
    assert_eq!(bytes, b"stored while there was room");

    store.ok(&["delete", small.trim()]);
    store.ok(&["upload", "again"]);
    assert_eq!(store.ok(&["search"]).lines().count(), 1);
}

#[test]
fn a_full_disk_is_survived_with_sqlite() {
    a_full_disk("sqlite", "4m", 8_000_000);
}

#[test]
fn a_full_disk_is_survived_with_sled() {
    a_full_disk("sled", "16m", 24_000_000);
}

#[test]
fn a_cold_disk_that_is_full_leaves_everything_where_it_was() {
    let store = Sandbox::new();
    let cold = store.root().join("cold");
    let Some(_disk) = SmallDisk::mount(&cold, "1m") else {
        return;
    };
    let store = store.with_env("ARTIFACT_TIERS__COLD__BASE_PATH", &cold);
    store.write("tree/large", e2e::tree::noise(1, 3_000_000));
    store.write("tree/small", e2e::tree::noise(2, 3_000));
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    let outcome = store.run(&["archive", "--task", "1"]).expect_code(8);
    outcome.says(&["artifact://default/1/data/large", "space"]);
    // One that fails keeps no other from being moved.
    let moved = "cold  artifact://default/1/data/small?version=1\n";
    assert_eq!(outcome.text(), moved);
    let mut found = Vec::new();
    e2e::tree::files_below(&cold, &mut found);
    assert_eq!(
        found.len(),
        1,
        "something of the large one is left: {found:?}"
    );
    for name in ["large", "small"] {
        let uri = format!("artifact://default/1/data/{name}");
        let bytes = store.bytes(&["cat", &uri]);
        assert!(
            bytes == store.read(format!("tree/{name}")),
            "{name} is not whole"
        );
    }
    store.ok(&["verify"]);
    // What does not fit there fits here.
    let uri = "artifact://default/1/data/large";
    assert_eq!(store.json(&["show", uri])[0]["state"], "ACTIVE");
}

#[test]
fn a_resumable_upload_waits_until_there_is_room() {
    let store = Sandbox::new();
    let Some(_disk) = SmallDisk::mount(&store.store(""), "8m") else {
        return;
    };
    let server = Server::start(&store);
    let tus = ("tus-resumable", "1.0.0");
    let create = |length: &str| {
        let headers = [
            tus,
            ("upload-length", length),
            ("upload-metadata", "name YQ=="),
        ];
        let created = server.send("POST", "/api/v1/uploads", &headers, b"");
        created.expect(201).header("location").to_owned()
    };
    let patch = |path: &str, offset: &str, body: &[u8]| {
        let chunk = ("content-type", "application/offset+octet-stream");
        let headers = [tus, chunk, ("upload-offset", offset)];
        server.send("PATCH", path, &headers, body)
    };
    let offset = |path: &str| {
        let answer = server.send("HEAD", path, &[tus], b"").expect(200);
        answer
            .header("upload-offset")
            .parse::<usize>()
            .expect("a number")
    };
    let large = create("20000000");
    let bytes = e2e::tree::noise(1, 12_000_000);
    patch(&large, "0", &bytes).problem(507, "storage-full");
    let kept = offset(&large);
    assert!(kept > 1_000_000 && kept < 8 << 20, "{kept} bytes are kept");
    let part = store.store(format!(
        "uploads/{}.part",
        large.rsplit('/').next().expect("an id")
    ));
    let on_disk = std::fs::read(part).expect("it is there");
    assert!(on_disk == bytes[..kept], "others than were sent");
    server.send("DELETE", &large, &[tus], b"").expect(204);

    let small = create("1000000");
    let done = patch(&small, "0", &bytes[..1_000_000]).expect(204);
    let content = format!("{}/content", done.header("x-artifact-location"));
    assert!(server.get(&content).expect(200).body == bytes[..1_000_000]);
}
