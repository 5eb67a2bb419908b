//! What breaks off, stands still or comes twice: what is kept of it, and what is left behind.

use std::fs;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, SystemTime};

use e2e::tree::noise;
use e2e::{Sandbox, Server, eventually};

use super::*;

#[test]
fn bytes_that_no_checksum_was_compared_with_do_not_survive_a_kill() {
    let (store, server) = served();
    let path = create(&server, "a", 1_000_000);
    patch(&server, &path, 0, &noise(1, 1_000)).expect(204);
    let more = "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n";
    let mut open = Open::patch(&server, &path, 1_000, 900_000, more);
    open.send(&noise(2, 300_000));
    wait_for_bytes(&store, &path, 301_000);
    server.signal("KILL");
    server.wait();
    let server = Server::start(&store);
    assert_eq!(offset(&server, &path), 1_000);
    assert_eq!(
        fs::metadata(file(&store, &path, "part")).unwrap().len(),
        1_000
    );
}

#[test]
fn what_came_before_a_break_is_kept() {
    let (store, server) = served();
    let bytes = noise(1, 2_000_000);
    let path = create(&server, "a", bytes.len());
    let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
    open.send(&bytes[..700_000]);
    wait_for_bytes(&store, &path, 700_000);
    open.stream.shutdown(Shutdown::Both).unwrap();
    drop(open);
    assert_eq!(offset(&server, &path), 700_000);
    patch(&server, &path, 700_000, &bytes[700_000..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(spooled(&store), ["json"]);
}

#[test]
fn an_upload_goes_on_after_the_server_was_killed() {
    let store = Sandbox::new();
    let bytes = noise(1, 4_000_000);
    let mut server = Server::start(&store);
    let path = create(&server, "a", bytes.len());
    let mut acknowledged = 0;
    for round in 0..4 {
        let end = acknowledged + 300_000;
        patch(&server, &path, acknowledged, &bytes[acknowledged..end]).expect(204);
        let mut open = Open::patch(&server, &path, end, bytes.len() - end, "");
        open.send(&bytes[end..end + 200_000 + round]);
        wait_for_bytes(&store, &path, end + 200_000 + round);
        server.signal("KILL");
        server.wait();
        server = Server::start(&store);
        let now = offset(&server, &path);
        assert!(now >= end, "{end} bytes were acknowledged, {now} are there");
        acknowledged = now;
    }
    patch(&server, &path, acknowledged, &bytes[acknowledged..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(
        (spooled(&store), versions(&store, "a")),
        (vec!["json".to_owned()], 1)
    );
}

#[test]
fn one_request_at_a_time_adds_bytes() {
    let (store, server) = served();
    let bytes = noise(1, 100_000);
    let path = create(&server, "a", bytes.len());
    let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
    open.send(&bytes[..50_000]);
    wait_for_bytes(&store, &path, 50_000);
    let refused = patch(&server, &path, 50_000, &bytes[50_000..]);
    refused.problem(423, "locked");
    assert_eq!(refused.header("retry-after"), "1");
    // Another server over the same folder sees it too.
    let other = Server::start(&store);
    patch(&other, &path, 50_000, &bytes[50_000..]).problem(423, "locked");
    open.send(&bytes[50_000..]);
    assert!(open.answer().starts_with("HTTP/1.1 204"));
    assert!(other.get(&at("a")).body == bytes);
    assert_eq!(versions(&store, "a"), 1);
}

#[test]
fn of_many_that_add_the_same_bytes_one_succeeds() {
    let store = Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = Server::start(&store);
    let path = create(&server, "a", 5);
    let add = || patch(&server, &path, 0, b"hello").status;
    let mut statuses: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..12).map(|_| scope.spawn(add)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204);
    let others = &statuses[1..];
    assert!(
        others.iter().all(|status| matches!(status, 409 | 423)),
        "{statuses:?}"
    );
    assert_eq!(server.get(&at("a")).text(), "hello");
    assert_eq!(versions(&store, "a"), 1);
}

#[test]
fn who_comes_back_takes_the_upload_over_from_a_connection_that_stands_still() {
    let (store, server) = served();
    let path = create(&server, "a", 10);
    let mut open = Open::patch(&server, &path, 0, 10, "");
    open.send(b"hello");
    wait_for_bytes(&store, &path, 5);
    assert_eq!(offset(&server, &path), 5);
    assert!(open.answer().starts_with("HTTP/1.1 423"));
    patch(&server, &path, 5, b"world").expect(204);
    assert_eq!(server.get(&at("a")).text(), "helloworld");
}

#[test]
fn who_stands_still_for_too_long_is_given_up() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "1");
    let server = Server::start(&store);
    let path = create(&server, "a", 10);
    let mut open = Open::patch(&server, &path, 0, 10, "");
    open.send(b"hello");
    assert!(open.answer().starts_with("HTTP/1.1 408"));
    patch(&server, &path, 5, b"world").expect(204);
}

#[test]
fn a_terminated_upload_leaves_nothing() {
    let (store, server) = served();
    let path = create(&server, "a", 10);
    patch(&server, &path, 0, b"hello").expect(204);
    assert_eq!(
        delete(&server, &path).expect(204).header("tus-resumable"),
        "1.0.0"
    );
    assert_eq!(spooled(&store), [""; 0]);
    head(&server, &path).expect(404);
    patch(&server, &path, 5, b"world").problem(404, "not-found");
    delete(&server, &path).problem(404, "not-found");
    // In the middle of a request too.
    let path = create(&server, "a", 10);
    let mut open = Open::patch(&server, &path, 0, 10, "");
    open.send(b"hello");
    wait_for_bytes(&store, &path, 5);
    delete(&server, &path).expect(204);
    assert!(open.answer().starts_with("HTTP/1.1 423"));
    assert_eq!(spooled(&store), [""; 0]);
    drop(server);
    store.assert_empty();
}

#[test]
fn what_stands_still_expires() {
    let store = Sandbox::new().with_env("ARTIFACT_UPLOAD__RESUMABLE_EXPIRY_H", "1");
    let server = Server::start(&store);
    let (old, young, touched) = (
        create(&server, "a", 10),
        create(&server, "b", 10),
        create(&server, "c", 10),
    );
    patch(&server, &old, 0, b"hello").expect(204);
    let done = create(&server, "d", 1);
    patch(&server, &done, 0, b"x").expect(204);
    let age = |path: &str, extension: &str, minutes: u64| {
        let file = fs::File::options()
            .append(true)
            .open(file(&store, path, extension))
            .unwrap();
        let time = SystemTime::now() - Duration::from_mins(minutes);
        file.set_modified(time).unwrap();
    };
    for (path, minutes) in [(&old, 61), (&young, 58), (&touched, 61)] {
        age(path, "part", minutes);
        age(path, "json", minutes);
    }
    age(&touched, "part", 10);
    age(&done, "json", 61);
    head(&server, &old).expect(410);
    patch(&server, &old, 5, b"world").problem(410, "expired");
    delete(&server, &old).problem(410, "expired");
    head(&server, &done).expect(410);
    assert_eq!(offset(&server, &young), 0);
    let expires = head(&server, &touched).header("upload-expires").to_owned();
    let left = httpdate::parse_http_date(&expires).unwrap();
    let left = left.duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_mins(45) && left < Duration::from_mins(55));
    drop(server);
    let server = Server::start(&store);
    eventually("the sweep", || spooled(&store).len() == 4);
    head(&server, &old).expect(404);
    head(&server, &done).expect(404);
    patch(&server, &young, 0, b"helloworld").expect(204);
    patch(&server, &touched, 0, b"helloworld").expect(204);
    server.get(&at("d")).expect(200);
}

#[test]
fn a_full_store_takes_no_new_upload() {
    let store = Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "0.001");
    let server = Server::start(&store);
    let path = create(&server, "late", 500_000);
    server.put(&at("a"), &noise(1, 999_990)).expect(201);
    // What is 10 bytes short of the limit leaves room for nothing that counts.
    let fill = noise(3, 10);
    server.put(&at("fill"), &fill).expect(201);
    let about = metadata("b", &[]);
    let headers = [("upload-length", "1"), ("upload-metadata", &*about)];
    post(&server, &headers, b"").problem(507, "quota-exceeded");
    // What was begun before waits until there is room.
    patch(&server, &path, 0, &noise(2, 500_000)).problem(507, "quota-exceeded");
    head(&server, &path).expect(507);
    server.send("DELETE", &at("a"), &[], b"").expect(204);
    let done = head(&server, &path).expect(200);
    assert_eq!(done.header("x-artifact-id").len(), 36);
    assert!(server.get(&at("late")).body == noise(2, 500_000));
    assert_eq!(spooled(&store), ["json"]);
}

#[test]
fn an_upload_that_was_stored_before_a_kill_is_not_stored_again() {
    let store = Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = Server::start(&store);
    let path = create(&server, "a", 5);
    patch(&server, &path, 0, b"hel").expect(204);
    let (part, json) = (file(&store, &path, "part"), file(&store, &path, "json"));
    let done = patch(&server, &path, 3, b"lo").expect(204);
    let id = done.header("x-artifact-id").to_owned();
    server.signal("KILL");
    server.wait();
    // As it is between the store's commit and what is written down of it.
    let text = fs::read_to_string(&json).unwrap();
    let before = text.replace(&format!("\"artifact\":\"{id}\""), "\"artifact\":null");
    assert_ne!(before, text);
    assert!(
        before.contains(&format!("\"attempt\":\"{id}\"")),
        "{before}"
    );
    // The loss of power leaves what was synced: the last bytes were, in the store alone.
    for (ask, bytes) in [
        ("HEAD", "hello"),
        ("PATCH", "hello"),
        ("HEAD", "hel"),
        ("PATCH again", "hel"),
    ] {
        let server = Server::start(&store);
        fs::write(&part, bytes).unwrap();
        fs::write(&json, &before).unwrap();
        let answer = match ask {
            "HEAD" => head(&server, &path).expect(200),
            "PATCH" => patch(&server, &path, 5, b"").expect(204),
            _ => patch(&server, &path, 3, b"lo").expect(409),
        };
        assert_eq!(answer.header("upload-offset"), "5", "{ask} {bytes}");
        let told = head(&server, &path).expect(200);
        assert_eq!(told.header("x-artifact-id"), id, "{ask} {bytes}");
        assert_eq!(versions(&store, "a"), 1);
        assert_eq!(spooled(&store), ["json"]);
    }
}

#[test]
fn whenever_the_server_is_killed_the_upload_becomes_one_artifact() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_VERSIONING__ENABLED", "true")
        .with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    let bytes = noise(1, 400_000);
    for round in 0..12_u64 {
        let name = format!("{round}");
        let server = Server::start(&store);
        let path = create(&server, &name, bytes.len());
        let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
        open.send(&bytes);
        if round % 2 == 0 {
            thread::sleep(Duration::from_millis(5 * round));
        } else {
            // As soon as it is seen, so mostly before it is written down.
            eventually("the artifact", || server.get(&at(&name)).status == 200);
        }
        server.signal("KILL");
        server.wait();
        drop(open);
        let server = Server::start(&store);
        let now = offset(&server, &path);
        if now < bytes.len() {
            patch(&server, &path, now, &bytes[now..]).expect(204);
        }
        let done = head(&server, &path).expect(200);
        server.get(done.header("x-artifact-location")).expect(200);
        assert!(server.get(&at(&name)).body == bytes, "round {round}");
        assert_eq!(versions(&store, &name), 1, "round {round}");
    }
    assert!(spooled(&store).iter().all(|name| name == "json"));
}
