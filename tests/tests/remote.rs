//! The program as a client of a server: what breaks on the way is made good, what proves who asks stays with
//! the server, and what goes wrong ends as it does on the machine of the store.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::servers::{Fault, Proxy, Which};
use e2e::{Outcome, Running, Sandbox, Server, eventually};

const SECRET: &str = "tok-7f3a9c5e21d84b60";

/// A store, its server, and a proxy between it and the program.
struct World {
    store: Sandbox,
    server: Server,
    proxy: Proxy,
}

impl World {
    fn new() -> Self {
        Self::over(Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true"))
    }

    fn over(store: Sandbox) -> Self {
        let server = Server::start(&store);
        let proxy = Proxy::before(&server.url);
        Self {
            store,
            server,
            proxy,
        }
    }

    fn run(&self, args: &[&str]) -> Outcome {
        run(&self.store, self.proxy.endpoint(), args, &[])
    }
}

/// Runs the program, which knows this server and no store.
fn run(store: &Sandbox, server: &str, args: &[&str], env: &[(&str, &str)]) -> Outcome {
    let mut command = store.command(args);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env_remove("ARTIFACT_VERSIONING__ENABLED");
    command.env("ARTIFACT_SERVER", server);
    command.envs(env.iter().copied());
    Outcome::from_output(args, command.output().unwrap())
}

fn anything(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(length).collect()
}

const CONTENT: Which<'static> = Which {
    method: "GET",
    target: "/content",
};

const PUT: Which<'static> = Which {
    method: "PUT",
    target: "/api/v1/specs/",
};

const PATCH: Which<'static> = Which {
    method: "PATCH",
    target: "/api/v1/uploads/",
};

#[test]
fn a_download_goes_on_where_it_was_cut_off() {
    let world = World::new();
    let bytes = anything(6 << 20);
    world.store.write("in.bin", &bytes);
    let _ = world
        .run(&["upload", "in.bin", "--task", "1", "--type", "data"])
        .expect_code(0);
    world.proxy.inject(CONTENT, 1, Fault::CutResponse(1 << 20));
    world.proxy.inject(CONTENT, 1, Fault::CutResponse(1 << 20));
    let args = [
        "download",
        "artifact://default/1/data/in.bin",
        "-o",
        "out.bin",
    ];
    let _ = world.run(&args).expect_code(0);
    assert!(world.store.read("out.bin") == bytes);
    let seen = world.proxy.seen();
    let resumed = seen
        .iter()
        .filter(|request| request.header("range").is_some());
    let resumed: Vec<_> = resumed.collect();
    assert_eq!(resumed.len(), 2, "{seen:?}");
    assert!(resumed.iter().all(|one| one.header("if-range").is_some()));
}

#[test]
fn a_download_that_never_comes_further_is_given_up() {
    let world = World::new();
    world.store.write("in.bin", anything(3 << 20));
    let _ = world
        .run(&["upload", "in.bin", "--task", "1", "--type", "data"])
        .expect_code(0);
    world.proxy.inject(CONTENT, 9, Fault::CutResponse(0));
    let args = [
        "download",
        "artifact://default/1/data/in.bin",
        "-o",
        "out.bin",
    ];
    let _ = world.run(&args).expect_code(9);
    assert!(!world.store.work("out.bin").exists());
    assert_eq!(world.proxy.count(CONTENT), 4, "one try and three more");
}

#[test]
fn bytes_that_change_on_the_way_are_not_taken_for_sound() {
    let world = World::new();
    world.store.write("in.bin", anything(2 << 20));
    let _ = world
        .run(&["upload", "in.bin", "--task", "1", "--type", "data"])
        .expect_code(0);
    world.proxy.inject(CONTENT, 1, Fault::FlipResponse(1 << 20));
    let args = [
        "download",
        "artifact://default/1/data/in.bin",
        "-o",
        "out.bin",
    ];
    world.run(&args).expect_code(5).says(&["SHA-256"]);
    assert!(!world.store.work("out.bin").exists());
}

/// Lines that shrink to a fraction.
fn lines(count: usize) -> Vec<u8> {
    let numbers = anything(2 * count);
    let lines = numbers.chunks(2).enumerate().map(|(at, number)| {
        format!(
            "step {at} of the build took {} ms\n",
            u16::from_le_bytes([number[0], number[1]])
        )
    });
    lines.collect::<String>().into_bytes()
}

/// A server that holds the lines of a log, and what fetches them as from another machine.
fn with_lines(bytes: &[u8]) -> (World, impl Fn(&World) -> Outcome + use<>) {
    let store = Sandbox::new();
    store.write("in.log", bytes);
    store.ok(&["upload", "in.log", "--task", "1", "--type", "log"]);
    let token = store.ok(&["token", "create", "me", "--allow", "read"]);
    let fetch = move |world: &World| {
        let server = world.proxy.endpoint().replace("127.0.0.1", "0.0.0.0");
        let uri = "artifact://default/1/log/in.log";
        let args = ["download", uri, "-o", "out.log"];
        run(
            &world.store,
            &server,
            &args,
            &[("ARTIFACT_TOKEN", token.trim())],
        )
    };
    (World::over(store), fetch)
}

#[test]
fn what_is_stored_compressed_comes_so_and_goes_on_where_it_was_cut_off() {
    let bytes = lines(200_000);
    let (world, fetch) = with_lines(&bytes);
    let _ = fetch(&world).expect_code(0);
    assert!(world.store.read("out.log") == bytes);
    assert_eq!(world.proxy.count(CONTENT), 1);

    fs::remove_file(world.store.work("out.log")).unwrap();
    world.proxy.inject(CONTENT, 1, Fault::CutResponse(400_000));
    world.proxy.inject(CONTENT, 1, Fault::CutResponse(1 << 20));
    let _ = fetch(&world).expect_code(0);
    assert!(world.store.read("out.log") == bytes);
    let seen = world.proxy.seen();
    let asked = |header| {
        let of_content = seen
            .iter()
            .filter(|request| request.target.contains("/content"));
        of_content
            .map(|request| request.header(header))
            .collect::<Vec<_>>()
    };
    let gzip = Some("gzip");
    assert_eq!(asked("accept-encoding"), [gzip, gzip, None, None]);
    // What came compressed has another tag than what follows.
    let is_compared: Vec<_> = asked("if-range").iter().map(Option::is_some).collect();
    assert_eq!(is_compared, [false, false, false, true]);
    // More came than was sent.
    let begin = asked("range")[2].and_then(|range| range.strip_prefix("bytes=")?.split('-').next());
    assert!(
        begin.unwrap().parse::<u64>().unwrap() > 1_000_000,
        "{begin:?}"
    );
}

#[test]
fn compressed_bytes_that_change_on_the_way_are_not_taken_for_sound() {
    let (world, fetch) = with_lines(&lines(200_000));
    world.proxy.inject(CONTENT, 1, Fault::FlipResponse(1 << 20));
    fetch(&world).expect_code(5).says(&["SHA-256"]);
    assert!(!world.store.work("out.log").exists());
}

#[test]
fn a_server_reads_as_many_at_once_as_is_asked_for() {
    let world = World::new();
    let _ = world.run(&["verify"]).expect_code(0);
    let _ = world.run(&["verify", "--jobs", "3"]).expect_code(0);
    let seen = world.proxy.seen();
    let asked: Vec<_> = seen.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(asked, ["/api/v1/verify", "/api/v1/verify?jobs=3"]);
}

#[test]
fn an_upload_goes_on_where_it_was_cut_off() {
    let world = World::new();
    let bytes = anything(20 << 20);
    world.store.write("in.bin", &bytes);
    world.proxy.inject(PATCH, 1, Fault::CutRequest(3 << 20));
    world.proxy.inject(PATCH, 1, Fault::CutResponse(0));
    let _ = world
        .run(&["upload", "in.bin", "--task", "1", "--type", "data"])
        .expect_code(0);
    assert_eq!(world.proxy.faults_left(), 0);
    let heads = Which {
        method: "HEAD",
        target: "/api/v1/uploads/",
    };
    assert!(world.proxy.count(heads) >= 1, "it asks how far it is");
    let uri = "artifact://default/1/data/in.bin";
    assert!(world.run(&["cat", uri]).expect_code(0).stdout == bytes);
    let versions = world.run(&["versions", "list", uri]).expect_code(0);
    assert_eq!(versions.text().lines().count(), 1, "stored once");
}

#[test]
fn a_small_upload_whose_answer_was_lost_is_stored_once() {
    let world = World::new();
    world.store.write("a.log", "a line\n");
    world.proxy.inject(PUT, 1, Fault::CutResponse(0));
    let uri = world
        .run(&["upload", "a.log", "--task", "1"])
        .expect_code(0);
    let versions = world
        .run(&["versions", "list", uri.text().trim()])
        .expect_code(0);
    assert_eq!(versions.text().lines().count(), 1, "{}", versions.text());
}

#[test]
fn an_upload_whose_answer_a_proxy_has_lost_is_stored_once() {
    let world = World::new();
    world.store.write("a.log", "a line\n");
    for status in [502, 503, 504] {
        world.proxy.inject(PUT, 1, Fault::LoseAnswer(status));
        let args = ["upload", "a.log", "--task", &status.to_string(), "--json"];
        let stored = world.run(&args).expect_code(0).objects().remove(0);
        let id = stored["id"].as_str().unwrap();
        assert_eq!(world.proxy.faults_left(), 0);
        let uri = format!("artifact://default/{status}/log/a.log");
        let versions = world.run(&["versions", "list", &uri]).expect_code(0);
        assert_eq!(versions.text().lines().count(), 1, "{}", versions.text());
        assert!(world.run(&["cat", id]).expect_code(0).stdout == b"a line\n");
    }
}

#[test]
fn a_deletion_whose_answer_a_proxy_has_lost_is_not_asked_for_twice() {
    let world = World::new();
    world.store.write("a.log", "a line\n");
    let _ = world
        .run(&["upload", "a.log", "--task", "1"])
        .expect_code(0);
    let delete = Which {
        method: "DELETE",
        target: "",
    };
    world.proxy.inject(delete, 1, Fault::LoseAnswer(503));
    let uri = "artifact://default/1/log/a.log";
    let _ = world.run(&["delete", uri]).expect_code(9);
    assert_eq!(world.proxy.count(delete), 1);
}

#[test]
fn bytes_that_change_on_their_way_to_the_server_are_not_stored() {
    let world = World::new();
    world.store.write("small.bin", anything(100_000));
    world.store.write("large.bin", anything(10 << 20));
    world.proxy.inject(PUT, 1, Fault::FlipRequest(777));
    let args = ["upload", "small.bin", "--task", "1", "--type", "data"];
    world.run(&args).expect_code(5).says(&["small.bin"]);
    world.proxy.inject(PATCH, 1, Fault::FlipRequest(9 << 20));
    let args = ["upload", "large.bin", "--task", "1", "--type", "data"];
    world
        .run(&args)
        .expect_code(5)
        .says(&["large.bin", "deleted"]);
    let mut args = vec!["upload", "-", "--name", "piped.bin", "--task", "1"];
    args.extend(["--type", "data"]);
    let mut command = world.store.command(&args);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env("ARTIFACT_SERVER", world.proxy.endpoint());
    world.proxy.inject(PATCH, 1, Fault::FlipRequest(1 << 20));
    let mut upload = Running::start(&mut command);
    assert!(upload.feed(&anything(10 << 20)));
    upload.end_of_input();
    let _ = upload.wait().expect_code(5);
    assert_eq!(world.proxy.faults_left(), 0);
    let found = world.run(&["search", "--task", "1"]).expect_code(0);
    assert_eq!(found.text(), "");
}

#[test]
fn a_file_that_becomes_shorter_is_not_stored_in_part() {
    let world = World::new();
    world.store.write("in.bin", anything(24 << 20));
    world
        .proxy
        .inject(PATCH, 1, Fault::Delay(Duration::from_secs(2)));
    let args = ["upload", "in.bin", "--task", "1", "--type", "data"];
    let mut command = world.store.command(args);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env("ARTIFACT_SERVER", world.proxy.endpoint());
    let upload = Running::start(&mut command);
    eventually("the request to have begun", || {
        world.proxy.count(PATCH) == 1
    });
    let file = fs::File::options()
        .write(true)
        .open(world.store.work("in.bin"));
    file.unwrap().set_len(23 << 20).unwrap();
    upload
        .wait()
        .expect_code(6)
        .says(&["in.bin has become shorter"]);
    let found = world.run(&["search", "--task", "1"]).expect_code(0);
    assert_eq!(found.text(), "");
}

#[test]
fn a_token_that_may_only_write_stores_what_is_small_and_what_is_large() {
    let store = Sandbox::new();
    let args = ["token", "create", "w", "--allow", "write", "--spec", "web"];
    let token = store.run(&args).expect_code(0);
    let token = token.text().trim().to_owned();
    let server = Server::start(&store);
    let proxy = Proxy::before(&server.url);
    store.write("small.bin", anything(100_000));
    store.write("large.bin", anything(10 << 20));
    // The answer of the first is lost: whether it is stored is told to who may not read, too.
    proxy.inject(PUT, 1, Fault::CutResponse(0));
    for name in ["small.bin", "large.bin"] {
        let args = ["upload", name, "--spec", "web", "--type", "data"];
        let outcome = run(
            &store,
            proxy.endpoint(),
            &args,
            &[("ARTIFACT_TOKEN", &token)],
        );
        let outcome = outcome.expect_code(0);
        assert_eq!(outcome.stderr, "", "nothing is said of the whole store");
    }
    assert_eq!(proxy.faults_left(), 0);
    let found = store.run(&["search", "--all-versions"]).expect_code(0);
    assert_eq!(found.text().lines().count(), 2, "{}", found.text());
}

#[test]
fn as_much_metadata_as_is_allowed_goes_through_a_server() {
    let world = World::new();
    world.store.write("a.log", "a line\n");
    let long = format!("long=\"{}\"", "x".repeat(65_000));
    let args = ["upload", "a.log", "--task", "1", "--meta", &long];
    // The proxy of these tests takes shorter heads, as others do.
    let _ = run(&world.store, &world.server.url, &args, &[]).expect_code(0);
    let uri = "artifact://default/1/log/a.log";
    let shown = world.run(&["show", uri, "--json"]).expect_code(0);
    let metadata = &shown.objects()[0]["metadata"];
    assert_eq!(metadata["long"].as_str().unwrap().len(), 65_000);
}

#[test]
fn a_server_that_speaks_no_tls_is_not_asked_again() {
    let world = World::new();
    let url = world.server.url.replace("http://", "https://");
    let outcome = run(&world.store, &url, &["usage"], &[]).expect_code(9);
    outcome.says(&["no TLS connection to", "is it https there"]);
}

#[test]
fn nobody_takes_an_answer_for_whole_whose_end_can_not_be_told() {
    let old = "HTTP/1.0 200 OK\r\ncontent-type: multipart/mixed; boundary=x\r\n\r\n--x\r\n";
    let (server, _, _) = answering(old.to_owned());
    let store = Sandbox::new();
    let outcome = run(
        &store,
        &server,
        &["export", "--spec", "a", "-o", "a.zip"],
        &[],
    );
    outcome.expect_code(10).says(&["HTTP/1.1"]);
    assert!(!store.work("a.zip").exists());
}

#[test]
fn a_server_that_is_busy_is_asked_three_times_more() {
    let world = World::new();
    world.store.write("a.log", "a line\n");
    world.proxy.inject(PUT, 3, Fault::unavailable());
    let _ = world
        .run(&["upload", "a.log", "--task", "1"])
        .expect_code(0);
    world.proxy.inject(PUT, 4, Fault::too_many_requests());
    let _ = world
        .run(&["upload", "a.log", "--task", "1"])
        .expect_code(9);
}

/// How many bytes of uploads on their way the server has.
fn spooled(store: &Sandbox) -> u64 {
    let found = fs::read_dir(store.root().join("store/uploads"));
    let found = found.into_iter().flatten().flatten();
    found
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

#[test]
fn an_upload_outlives_the_death_of_the_server() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut command = store.command([
        "upload", "-", "--name", "in.bin", "--task", "1", "--type", "data",
    ]);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env("ARTIFACT_SERVER", &server.url);
    let mut upload = Running::start(&mut command);
    let bytes = anything(26 << 20);
    let (first, second) = bytes.split_at(18 << 20);
    assert!(upload.feed(first));
    eventually("parts of it to have come", || spooled(&store) >= 8 << 20);
    // Killed, as whoever holds it is.
    drop(server);
    let server = Server::start_at(&store, &address);
    assert!(upload.feed(second));
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
    let uri = "artifact://default/1/data/in.bin";
    assert!(
        run(&store, &server.url, &["cat", uri], &[])
            .expect_code(0)
            .stdout
            == bytes
    );
}

#[test]
fn the_upload_of_a_file_waits_for_a_server_that_starts_anew() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let proxy = Proxy::before(&server.url);
    let bytes = anything(24 << 20);
    store.write("in.bin", &bytes);
    proxy.inject(PATCH, 1, Fault::CutRequest(16 << 20));
    let args = ["upload", "in.bin", "--task", "1", "--type", "data"];
    let mut command = store.command(args);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env("ARTIFACT_SERVER", proxy.endpoint());
    let upload = Running::start(&mut command);
    eventually("parts of it to have come", || spooled(&store) >= 8 << 20);
    drop(server);
    // Longer than what was not begun is tried again.
    thread::sleep(Duration::from_secs(6));
    let server = Server::start_at(&store, &address);
    let _ = upload.wait().expect_code(0);
    let offsets: Vec<u64> = proxy
        .seen()
        .iter()
        .filter(|request| request.method == "PATCH")
        .filter_map(|request| request.header("upload-offset")?.parse().ok())
        .collect();
    assert!(
        offsets.iter().any(|offset| *offset >= 8 << 20),
        "{offsets:?}"
    );
    let uri = "artifact://default/1/data/in.bin";
    let read = run(&store, &server.url, &["cat", uri], &[]).expect_code(0);
    assert!(read.stdout == bytes);
}

/// Answers every request with this, and counts them.
fn answering(answer: String) -> (String, Arc<AtomicUsize>, Arc<std::sync::Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let heard = Arc::new(std::sync::Mutex::new(String::new()));
    let (counted, told) = (Arc::clone(&count), Arc::clone(&heard));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = vec![0; 16 << 10];
            let length = stream.read(&mut bytes).unwrap_or(0);
            counted.fetch_add(1, Ordering::SeqCst);
            told.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&bytes[..length]));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, count, heard)
}

#[test]
fn whoever_pages_through_lines_may_look_at_one_for_long() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "1");
    let line = format!("a line that is found {}\n", "and found ".repeat(20));
    let count = (20 << 20) / line.len();
    store.write("a.log", line.repeat(count));
    store.ok(&["upload", "a.log", "--task", "1", "--type", "log"]);
    let server = Server::start(&store);
    let mut grep = store.command(["grep", "found"]);
    grep.env("ARTIFACT_SERVER", &server.url);
    let mut grep = grep.stdout(Stdio::piped()).spawn().unwrap();
    let mut found = BufReader::new(grep.stdout.take().unwrap());
    let mut first = String::new();
    found.read_line(&mut first).unwrap();
    assert!(first.ends_with(&line), "{first}");
    // More than the server waits, and more than lies on the way.
    thread::sleep(Duration::from_secs(4));
    assert_eq!(found.lines().count(), count - 1);
    assert!(grep.wait().unwrap().success());
}

/// A server that takes connections and says nothing.
#[test]
fn what_only_reads_ends_at_once_though_the_server_is_silent() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let store = Sandbox::new().with_env("ARTIFACT_SERVER", &address);
    let uri = "artifact://default/1/log/a.log";
    for args in [
        &["search"][..],
        &["show", uri],
        &["cat", uri],
        &["grep", "x"],
        &["audit"],
        &["download", uri, "-o", "a.log"],
    ] {
        let mut running = store.start(args);
        let (connection, _) = silent.accept().unwrap();
        running.signal("INT");
        let begun = Instant::now();
        let _ = running.wait().expect_code(130);
        assert!(begun.elapsed() < Duration::from_secs(4), "{args:?}");
        drop(connection);
    }
    assert!(!store.work("a.log").exists());
}

#[test]
fn the_token_goes_to_the_server_and_nowhere_else() {
    let store = Sandbox::new();
    let gone = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
    let (other, asked, _) = answering(gone);
    let redirect = format!(
        "HTTP/1.1 307 Elsewhere\r\nlocation: {other}/api/v1/usage\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    );
    let (server, _, heard) = answering(redirect);
    let env = [("ARTIFACT_TOKEN", SECRET), ("ARTIFACT_LOG", "trace")];
    let outcome = run(&store, &server, &["usage", "-vv"], &env);
    assert_ne!(outcome.code, Some(0));
    assert!(heard.lock().unwrap().contains(SECRET), "the server is told");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the other one was asked");
    let shown = format!("{}{}", outcome.text(), outcome.stderr);
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn what_is_answered_ends_as_it_does_on_the_machine_of_the_store() {
    let world = World::new();
    world.store.write("a.log", "a line\n");
    let uri = world
        .run(&["upload", "a.log", "--task", "1"])
        .expect_code(0);
    let uri = uri.text().trim().to_owned();
    let missing = world
        .run(&["show", "artifact://default/1/log/none"])
        .expect_code(3);
    missing.says(&["no artifact at artifact://default/1/log/none", "hint:"]);
    let _ = world
        .run(&["hold", "set", &uri, "--reason", "audit"])
        .expect_code(0);
    let _ = world.run(&["delete", &uri]).expect_code(6);
    let _ = world
        .run(&["download", &uri, "--range", "99-", "-o", "-"])
        .expect_code(2);
    world
        .run(&["reindex", "--rebuild"])
        .expect_code(10)
        .says(&["on the machine of the store"]);
    world.server.signal("KILL");
    let _ = world.run(&["show", &uri]).expect_code(9);
}

#[test]
fn a_server_and_a_store_are_not_named_together() {
    let store = Sandbox::new();
    let flag = ["usage", "--server", "http://127.0.0.1:1"];
    for other in [
        ["--base-path", "x"],
        ["--backend", "fs"],
        ["--index", "sled"],
    ] {
        let _ = store.run(&[&flag[..], &other].concat()).expect_code(2);
        let _ = run(
            &store,
            "http://127.0.0.1:1",
            &[&["usage"], &other[..]].concat(),
            &[],
        )
        .expect_code(2);
    }
    for bad in ["127.0.0.1:1", "ftp://x", "http://me:secret@127.0.0.1:1"] {
        let outcome = run(&store, bad, &["usage"], &[]).expect_code(2);
        assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
    }
    // What is about no store at all needs none.
    let _ = run(&store, "http://127.0.0.1:1", &["completions", "bash"], &[]).expect_code(0);
    let _ = run(&store, "http://127.0.0.1:1", &["config", "show"], &[]).expect_code(0);
}

#[test]
fn a_token_that_others_can_read_is_not_used() {
    let world = World::new();
    let path = world.store.write("token", format!("{SECRET}\n"));
    let with_file = |mode: u32| {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        world.run(&["usage", "--token-file", "token"])
    };
    with_file(0o644)
        .expect_code(4)
        .says(&["can be read by others", "chmod 600"]);
    let _ = with_file(0o600).expect_code(0);
    let shown = with_file(0o644);
    assert!(!shown.stderr.contains(SECRET));
}
