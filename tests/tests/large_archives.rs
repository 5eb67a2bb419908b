//! Archives beyond what 32 bits count, read by Python: left out unless asked for, since it takes minutes.

use e2e::{Running, Sandbox};

/// A little more than 32 bits count.
const SIZE_BYTES: u64 = (4 << 30) + 4_321;

/// What is written again and again: it does not compress, so the archive itself is as large.
const BLOCK_BYTES: usize = 1 << 20;

const READ: &str = r"
import hashlib, sys, tarfile, zipfile
def show(stream):
    digest, length = hashlib.sha256(), 0
    for chunk in iter(lambda: stream.read(1 << 20), b''):
        digest.update(chunk)
        length += len(chunk)
    print(length, digest.hexdigest())
if sys.argv[1].endswith('.zip'):
    with zipfile.ZipFile(sys.argv[1]) as archive:
        for info in archive.infolist():
            with archive.open(info) as stream: show(stream)
else:
    with tarfile.open(sys.argv[1], 'r|gz') as archive:
        for info in archive: show(archive.extractfile(info))
";

fn upload(store: &Sandbox, name: &str, mut block: impl FnMut(u64) -> Vec<u8>) -> (u64, String) {
    let args = ["upload", "-", "--name", name, "--type", "data", "--json"];
    let mut running = Running::start(&mut store.command(args));
    let mut left = SIZE_BYTES;
    let mut number = 0;
    while left > 0 {
        let mut bytes = block(number);
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        assert!(running.feed(&bytes), "it reads to the end");
        left -= bytes.len() as u64;
        number += 1;
    }
    running.end_of_input();
    let outcome = running.wait().expect_code(0);
    let object = &outcome.objects()[0];
    let text = |key: &str| object[key].as_str().expect("it is text").to_owned();
    (
        object["size_bytes"].as_u64().expect("it is a number"),
        text("sha256"),
    )
}

#[test]
#[ignore = "it writes 30 GB"]
fn files_and_archives_of_more_than_4_gib_come_back() {
    let store = Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "100GB");
    // The first is beyond 32 bits itself, both compressed and not; what follows it lies beyond.
    let noise = upload(&store, "a", |number| {
        e2e::tree::noise(number + 1, BLOCK_BYTES)
    });
    let zeros = upload(&store, "b", |_| vec![0; BLOCK_BYTES]);
    assert_eq!(noise.0, SIZE_BYTES);
    let expected = [noise, zeros].map(|(size, digest)| format!("{size} {digest}"));
    for archive in ["large.zip", "large.tar.gz"] {
        store.ok(&["export", "-o", archive]);
        let output = store
            .other("python3")
            .args(["-c", READ, archive])
            .output()
            .expect("python3 can be started");
        let found = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{stderr}");
        store.ok(&["export", "-o", archive, "--with-metadata"]);
        let args = ["import", archive, "--spec", archive, "--max-ratio", "2000"];
        assert_eq!(store.ok(&args).lines().count(), 2);
        store.ok(&["delete", "--spec", archive]);
        std::fs::remove_file(store.work(archive)).expect("it is there");
    }
}
