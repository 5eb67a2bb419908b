//! Large uploads that are compressed as they come: what is written of them, and what a break leaves.

use std::net::Shutdown;
use std::thread;

use e2e::tree::{noise, prose};

use super::*;

/// Prose that is long enough to be kept in its compressed form.
fn long() -> Vec<u8> {
    prose(1, 24_000_000)
}

/// How many bytes of prose become one compressed byte, about.
const SHRINKS: usize = 8;

/// Begins to send what is missing from `offset` on, until about the first `goal` bytes are there in their compressed
/// form: those that are being compressed are sent too. Says up to where it has sent.
fn send_until(
    store: &Sandbox,
    path: &str,
    open: &mut Open,
    bytes: &[u8],
    (offset, goal): (usize, usize),
) -> usize {
    let compressed = file(store, path, "gz");
    let mut sent = offset;
    for chunk in bytes[offset..bytes.len() - 1].chunks(500_000) {
        open.send(chunk);
        sent += chunk.len();
        if sent > goal {
            thread::sleep(Duration::from_millis(50));
        }
        let goal = (goal / SHRINKS) as u64;
        if fs::metadata(&compressed).is_ok_and(|file| file.len() >= goal) {
            return sent;
        }
    }
    panic!("{goal} bytes were never there in their compressed form");
}

fn length_of_part(store: &Sandbox, path: &str) -> usize {
    let part = fs::metadata(file(store, path, "part")).unwrap();
    usize::try_from(part.len()).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_compressed_is_written_once_in_that_form() {
    let (store, server) = served();
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    let before = written_bytes(&server);
    let done = patch(&server, &path, 0, &bytes).expect(204);
    let written = written_bytes(&server) - before;
    let record = server.get(done.header("x-artifact-location")).json();
    let stored = record["stored_size_bytes"].as_u64().unwrap();
    assert!(stored < 10_000_000, "{stored}");
    // What came before the form was known is written as it came.
    let most = stored + 8_000_000;
    assert!(
        (stored..most).contains(&written),
        "{written} bytes were written, {stored} are stored"
    );
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(spooled(&store), ["json"]);
    let _ = store.run(&["verify"]).expect_code(0);
}

#[test]
fn an_upload_that_is_compressed_goes_on_after_the_server_was_killed() {
    let store = Sandbox::new();
    let bytes = long();
    let mut server = Server::start(&store);
    let path = create(&server, "a", bytes.len());
    let mut before = 0;
    for goal in [4_000_000, 14_000_000] {
        let mut open = Open::patch(&server, &path, before, bytes.len() - before, "");
        let end = send_until(&store, &path, &mut open, &bytes, (before, goal));
        server.signal("KILL");
        server.wait();
        let plain = length_of_part(&store, &path);
        server = Server::start(&store);
        let now = offset(&server, &path);
        assert!(plain < now && now <= end, "{plain} {now} {end}");
        assert_eq!((now, length_of_part(&store, &path)), (now, now));
        assert_eq!(spooled(&store), ["json", "part"]);
        before = now;
    }
    patch(&server, &path, before, &bytes[before..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(
        (spooled(&store), versions(&store, "a")),
        (vec!["json".to_owned()], 1)
    );
}

#[test]
fn every_byte_before_a_break_is_kept_of_what_is_compressed() {
    let (store, server) = served();
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    let mut before = 0;
    // The last ones bring less than is compressed at a time.
    for end in [9_876_543, 9_976_543, 9_976_544, 10_000_000] {
        let mut open = Open::patch(&server, &path, before, bytes.len() - before, "");
        open.send(&bytes[before..end]);
        open.stream.shutdown(Shutdown::Write).unwrap();
        let _ = open.answer();
        assert_eq!(offset(&server, &path), end);
        assert_eq!(spooled(&store), ["json", "part"]);
        before = end;
    }
    patch(&server, &path, before, &bytes[before..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
}

#[test]
fn who_comes_back_takes_over_what_is_compressed() {
    let (store, server) = served();
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
    let end = send_until(&store, &path, &mut open, &bytes, (0, 6_000_000));
    let now = offset(&server, &path);
    assert!((4_000_000..=end).contains(&now), "{now} {end}");
    let answer = open.answer();
    assert!(answer.starts_with("HTTP/1.1 423"), "{answer}");
    patch(&server, &path, now, &bytes[now..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
}

#[test]
fn a_terminated_upload_leaves_nothing_compressed() {
    let (store, server) = served();
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
    send_until(&store, &path, &mut open, &bytes, (0, 6_000_000));
    delete(&server, &path).expect(204);
    assert_eq!(spooled(&store), [""; 0]);
    drop(server);
    store.assert_empty();
}

#[test]
fn compressed_bytes_with_another_checksum_are_thrown_away() {
    let (store, server) = served();
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    patch(&server, &path, 0, &bytes[..1_000]).expect(204);
    let wrong = [("upload-checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=")];
    let refused = patch_with(&server, &path, 1_000, &wrong, &bytes[1_000..]);
    refused.problem(460, "integrity");
    assert_eq!(offset(&server, &path), 1_000);
    assert_eq!(spooled(&store), ["json", "part"]);
    patch(&server, &path, 1_000, &bytes[1_000..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
}

#[test]
fn compressed_bytes_that_no_checksum_was_compared_with_do_not_survive_a_kill() {
    let (store, server) = served();
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    patch(&server, &path, 0, &bytes[..1_000]).expect(204);
    let more = "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n";
    let mut open = Open::patch(&server, &path, 1_000, bytes.len() - 1_000, more);
    send_until(&store, &path, &mut open, &bytes, (1_000, 6_000_000));
    server.signal("KILL");
    server.wait();
    let server = Server::start(&store);
    assert_eq!(offset(&server, &path), 1_000);
    assert_eq!(spooled(&store), ["json", "part"]);
}

#[test]
fn compressed_bytes_that_are_not_the_announced_ones_become_no_artifact() {
    let (store, server) = served();
    let bytes = long();
    let length = bytes.len().to_string();
    let about = metadata("a", &[("sha256", &sha256(b"hello"))]);
    let headers = [("upload-length", &*length), ("upload-metadata", &*about)];
    let path = post(&server, &headers, b"").expect(201);
    let path = path.header("location").to_owned();
    patch(&server, &path, 0, &bytes).problem(422, "integrity");
    head(&server, &path).expect(404);
    assert_eq!(spooled(&store), [""; 0]);
}

#[test]
fn unverified_bytes_that_the_store_comes_to_late_do_not_come_back() {
    let store = Sandbox::new().with_env("ARTIFACT_GUARD__SECRETS", "refuse");
    let server = Server::start(&store);
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    let start = 5_000_000;
    patch(&server, &path, 0, &bytes[..start]).expect(204);
    // Whoever uploads the same artifact keeps the store waiting.
    let address = server.url.strip_prefix("http://").unwrap();
    let mut other = TcpStream::connect(address).unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\r\n",
        at("a")
    );
    other.write_all(head.as_bytes()).unwrap();
    let half = vec![b'x'; 50_000];
    other.write_all(&half).unwrap();
    thread::sleep(Duration::from_millis(500));
    let sum = "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n";
    let mut open = Open::patch(&server, &path, start, bytes.len() - start, sum);
    // It refuses the bytes for ever, but for what it has taken before.
    let mut unverified = prose(2, 60_000);
    unverified.extend(b"\nkey: ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX\n");
    unverified.extend(prose(3, 40_000));
    open.send(&unverified);
    open.stream.shutdown(Shutdown::Write).unwrap();
    thread::sleep(Duration::from_millis(500));
    other.write_all(&half).unwrap();
    let _ = open.answer();
    assert_eq!(offset(&server, &path), start);
    assert_eq!(spooled(&store), ["json", "part"]);
    patch(&server, &path, start, &bytes[start..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
}

#[test]
fn what_has_no_room_in_the_middle_goes_on_when_there_is_some() {
    let store = Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "0.004");
    let server = Server::start(&store);
    let bytes = long();
    let path = create(&server, "a", bytes.len());
    server.put(&at("room"), &noise(1, 2_500_000)).expect(201);
    let refused = patch(&server, &path, 0, &bytes);
    let said: usize = refused.header("upload-offset").parse().unwrap();
    refused.problem(507, "quota-exceeded");
    let now = offset(&server, &path);
    assert!(
        now == said && (4_000_000..bytes.len()).contains(&now),
        "{now}"
    );
    assert_eq!(spooled(&store), ["json", "part"]);
    server.send("DELETE", &at("room"), &[], b"").expect(204);
    patch(&server, &path, now, &bytes[now..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(spooled(&store), ["json"]);
}

#[test]
fn a_beginning_with_bytes_that_are_refused_says_why() {
    let (store, server) = served();
    let bytes = long();
    for bytes in [&bytes[..5], &bytes] {
        let length = bytes.len().to_string();
        let about = metadata("a", &[("sha256", &sha256(b"hello"))]);
        let headers = [
            ("upload-length", &*length),
            ("upload-metadata", &*about),
            CHUNK,
        ];
        post(&server, &headers, bytes).problem(422, "integrity");
        assert_eq!(spooled(&store), [""; 0]);
    }
}
