//! Who did what is written down, refused attempts too, and never a secret.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use e2e::{Sandbox, Server, eventually};
use serde_json::Value;

use super::{Bearer, at, token};

/// The entries that a query gives.
fn entries(store: &Sandbox, args: &[&str]) -> Vec<Value> {
    store.json(&[&["audit"], args].concat())
}

#[test]
fn every_attempt_is_written_down() {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    let narrow = token(&store, "narrow", &["read", "--spec", "team"]);
    let server = Server::start(&store);
    let [admin, narrow] = [&admin, &narrow].map(|secret| Bearer::new(&server, secret));
    let stored = admin
        .put(&at("team", "1", "a.log"), b"x")
        .expect(201)
        .json();
    let one = format!("/api/v1/artifacts/{}", stored["id"].as_str().unwrap());
    narrow.get(&format!("{one}/content")).expect(200);
    narrow.get(&at("other", "1", "a.log")).expect(403);
    narrow.send("DELETE", &one, b"").expect(403);
    server
        .get("/api/v1/artifacts?spec=secret-parameter")
        .expect(401);
    admin.get(&at("team", "1", "none.log")).expect(404);
    narrow.get("/api/v1/artifacts").expect(200);
    admin.send("DELETE", &one, b"").expect(204);
    admin.send("POST", "/api/v1/gc", b"").expect(200);
    let all = entries(&store, &[]);
    let unseen = format!("token narrow: delete {} refused 403", &one[18..]);
    let shown: Vec<_> = all
        .iter()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
            let who = text("who").split('(').next().unwrap().trim().to_owned();
            format!(
                "{who}: {} {} {} {}",
                text("action"),
                text("target"),
                text("outcome"),
                entry["status"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "token admin: write artifact://team/1/log/a.log done 201",
            "token narrow: read artifact://team/1/log/a.log done 200",
            "token narrow: read artifact://other/1/log/a.log refused 403",
            &*unseen,
            "-: read - refused 401",
            "token admin: read artifact://team/1/log/none.log failed 404",
            "token narrow: read a selection done 200",
            "token admin: delete artifact://team/1/log/a.log done 204",
            "token admin: admin the whole store done 200",
        ]
    );
    assert!(all.iter().all(|entry| entry["from"] == "127.0.0.1"));
    let ids: Vec<_> = all
        .iter()
        .map(|entry| entry["request_id"].as_str().unwrap())
        .collect();
    eventually("the log has them too", || {
        ids.iter().all(|id| server.log().contains(id))
    });
    assert_eq!(all[3]["request"], format!("DELETE {one}"));
    assert_eq!(entries(&store, &["--outcome", "refused"]).len(), 3);
    assert_eq!(
        entries(&store, &["--who", "token narrow*", "--action", "read"]).len(),
        3
    );
    assert_eq!(
        entries(&store, &["--target", "artifact://team/*", "--limit", "2"]).len(),
        2
    );
    assert!(entries(&store, &["--before", "2020-01-01"]).is_empty());
    let text = fs::read_to_string(store.root().join("store/access/audit.jsonl")).unwrap();
    for secret in [
        &admin.header[20..],
        &narrow.header[20..],
        "secret-parameter",
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn what_is_refused_at_the_door_is_written_down_with_what_its_path_names() {
    let store = Sandbox::new();
    let reader = token(&store, "reader", &["read", "--spec", "team"]);
    let server = Server::start(&store);
    let reader = Bearer::new(&server, &reader);
    let id = "018bcfe5-6800-7101-8101-010101010101";
    let artifact = "/api/v1/specs/team%20a/tasks/1/log";
    let cases = [
        (
            "PUT",
            format!("{artifact}/a%2Fb.log"),
            "artifact://team%20a/1/log/a/b.log",
        ),
        (
            "PUT",
            format!("{artifact}/x?spec=other"),
            "artifact://team%20a/1/log/x",
        ),
        ("DELETE", format!("/api/v1/artifacts/{id}"), id),
        ("POST", format!("/api/v1/artifacts/{id}/archive"), id),
        (
            "GET",
            "/api/v1/specs/team/export".to_owned(),
            "all tasks of spec team",
        ),
        (
            "GET",
            "/api/v1/specs/team/tasks/7/export".to_owned(),
            "task 7 of spec team",
        ),
        // What names nothing that there could be.
        ("PUT", format!("{artifact}/..%2Fb.log"), "-"),
        ("PUT", format!("{artifact}/a%0Ab.log"), "-"),
        ("PUT", format!("{artifact}/%FF"), "-"),
        ("DELETE", "/api/v1/artifacts/..".to_owned(), "-"),
        ("POST", "/api/v1/gc".to_owned(), "-"),
        ("GET", format!("/api/v1/artifacts?spec=team&name={id}"), "-"),
    ];
    for (method, path, _) in &cases {
        server.send(method, path, &[], b"x").expect(401);
        if *method != "GET" {
            reader.send(method, path, b"x").expect(403);
        }
    }
    let found = entries(&store, &["--outcome", "refused"]);
    let mut found = found.iter();
    for (method, path, target) in cases {
        let times = if method == "GET" { 1 } else { 2 };
        for entry in found.by_ref().take(times) {
            let said = entry["target"].as_str().unwrap_or("-");
            assert_eq!(said, target, "{method} {path}: {entry}");
            let path = path.split('?').next().unwrap();
            assert_eq!(entry["request"], format!("{method} {path}"));
        }
    }
    assert!(found.next().is_none());
    let of_team = ["--target", "artifact://team%20a/*"];
    assert_eq!(entries(&store, &of_team).len(), 4);
}

#[test]
fn what_is_written_down_can_be_less() {
    let store = Sandbox::new().with_env("ARTIFACT_ACCESS__AUDIT", "changes");
    let secret = token(&store, "me", &["read,write", "--spec", "team"]);
    let server = Server::start(&store);
    let me = Bearer::new(&server, &secret);
    me.put(&at("team", "1", "a.log"), b"x").expect(201);
    me.get(&at("team", "1", "a.log")).expect(200);
    me.get(&at("other", "1", "a.log")).expect(403);
    let found = entries(&store, &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    let store = Sandbox::new().with_env("ARTIFACT_ACCESS__AUDIT", "off");
    let secret = token(&store, "me", &["write"]);
    let server = Server::start(&store);
    Bearer::new(&server, &secret)
        .put(&at("s", "1", "a.log"), b"x")
        .expect(201);
    assert!(entries(&store, &[]).is_empty());
}

#[test]
fn where_nobody_is_asked_nothing_is_written_down() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    server.put(&at("s", "1", "a.log"), b"x").expect(201);
    assert!(entries(&store, &[]).is_empty());
    assert!(!store.root().join("store/access").exists());
}

#[test]
fn a_name_from_hell_forges_no_entry_and_does_nothing_to_a_terminal() {
    let store = Sandbox::new();
    let secret = token(&store, "me", &["write"]);
    let server = Server::start(&store);
    let me = Bearer::new(&server, &secret);
    me.put(&at("s", "1", "%E2%80%AE%22%7D.log"), b"x")
        .expect(201);
    me.put("/api/v1/specs/s/tasks/1/log/a%0A%1B%5B2J.log", b"x")
        .expect(400);
    assert_eq!(entries(&store, &[]).len(), 2);
    let text = store.ok(&["audit"]);
    assert_eq!(text.lines().count(), 2);
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text}"
    );
}

/// What a query gives, as `who: action target outcome status`.
fn shown(store: &Sandbox, args: &[&str]) -> Vec<String> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    let of = |entry: &Value| {
        let words = ["action", "target", "outcome"].map(|key| text(entry, key));
        format!("{} {}", words.join(" "), entry["status"])
    };
    entries(store, args).iter().map(of).collect()
}

#[test]
fn each_of_many_is_written_down_by_itself() {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    let narrow = token(&store, "narrow", &["read,write", "--spec", "team"]);
    let server = Server::start(&store);
    let [admin, narrow] = [&admin, &narrow].map(|secret| Bearer::new(&server, secret));
    let stored = ["team", "other"].map(|spec| {
        let stored = admin.put(&at(spec, "1", "a.log"), b"x").expect(201);
        stored.json()["id"].as_str().unwrap().to_owned()
    });
    let unknown = "01900000-0000-7000-8000-000000000000";
    let [own, other] = stored;
    let named = format!(r#"["{own}","{other}","{unknown}","artifact://team/1/log/none"]"#);
    let body = format!(r#"{{"change":{{"add_tags":{{"k":"v"}}}},"artifacts":{named}}}"#);
    let path = "/api/v1/changes";
    narrow.send("POST", path, body.as_bytes()).expect(200);
    let who = ["--who", "token narrow*"];
    eventually("the end is written down", || {
        entries(&store, &who).len() == 4
    });
    assert_eq!(
        shown(&store, &who),
        [
            "write artifact://team/1/log/a.log done 200",
            "write artifact://other/1/log/a.log refused 403",
            &format!("write {unknown} failed 404"),
            "write artifact://team/1/log/none failed 404",
        ]
    );
    let body = br#"{"move":"archive","artifacts":["artifact://other/1/log/a.log"]}"#;
    narrow.send("POST", "/api/v1/moves", body).expect(200);
    let body = br#"{"change":{"add_tags":{"k":"w"}}}"#;
    let path = "/api/v1/changes?name=a.log";
    narrow.send("POST", path, body).expect(200);
    let compare = "/api/v1/compare?spec=team&baseline=1&current=2";
    narrow.get(compare).expect(404);
    eventually("all is written down", || entries(&store, &who).len() == 8);
    assert_eq!(
        shown(&store, &who)[4..],
        [
            "write artifact://other/1/log/a.log refused 403",
            "write a selection: changed 1, failed 0, unchanged 0 done 200",
            "read task 1 of spec team failed 404",
            "read task 2 of spec team failed 404",
        ]
    );
}

#[test]
fn an_earlier_end_is_a_deletion() {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    let writer = token(&store, "writer", &["read,write"]);
    let server = Server::start(&store);
    let [admin, writer] = [&admin, &writer].map(|secret| Bearer::new(&server, secret));
    let stored = admin.put(&at("s", "1", "a.log"), b"x").expect(201).json();
    let one = format!("/api/v1/artifacts/{}", stored["id"].as_str().unwrap());
    let soon = br#"{"retention_days":1}"#;
    writer.send("PATCH", &one, soon).expect(403);
    admin.send("PATCH", &one, soon).expect(200);
    admin.send("PATCH", &one, b"{}").expect(200);
    let body = br#"{"change":{"keep_days":2},"artifacts":["artifact://s/1/log/a.log"]}"#;
    admin.send("POST", "/api/v1/changes", body).expect(200);
    eventually("the end is written down", || {
        entries(&store, &[]).len() == 5
    });
    assert_eq!(
        shown(&store, &[])[1..],
        [
            "delete artifact://s/1/log/a.log refused 403",
            "delete artifact://s/1/log/a.log done 200",
            "write artifact://s/1/log/a.log done 200",
            "delete artifact://s/1/log/a.log done 200",
        ]
    );
}

/// Its work goes on to its end, and that is what is written down.
#[test]
fn what_is_done_for_somebody_who_has_gone_is_written_down_as_done() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__MAX_REQUESTS", "2");
    let secret = token(&store, "me", &["read,write"]);
    let server = Server::start(&store);
    let me = Bearer::new(&server, &secret);
    let put = |length: usize| {
        let address = server.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\nContent-Length: {length}\r\n\r\n",
            at("s", "1", "a.log"),
            me.header
        );
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        stream
    };
    // It holds the lock of the artifact, for which the other one waits.
    let mut first = put(3);
    drop(put(0));
    eventually("it to be told", || server.log().contains("http.status=499"));
    // What goes on for it has its place still.
    me.get("/api/v1/artifacts").problem(503, "unavailable");
    assert!(entries(&store, &["--action", "write"]).is_empty());
    first.write_all(b"abc").unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201");
    let both = ["--action", "write"];
    eventually("both are written down", || {
        entries(&store, &both).len() == 2
    });
    assert_eq!(
        shown(&store, &both),
        [
            "write artifact://s/1/log/a.log done 201",
            "write artifact://s/1/log/a.log done 499",
        ]
    );
    eventually("the place is free", || {
        me.get("/api/v1/artifacts").status == 200
    });
    assert_eq!(me.get(&at("s", "1", "a.log")).expect(200).body, b"");
}

/// What strangers may have written down is little of each, and beside what is known of others.
#[test]
fn strangers_flush_nobody_out() {
    let store = Sandbox::new().with_env("ARTIFACT_ACCESS__AUDIT_MAX_SIZE", "4KB");
    let store = store.with_env("ARTIFACT_ACCESS__AUDIT_KEEP", "1");
    let secret = token(&store, "me", &["write"]);
    let server = Server::start(&store);
    let me = Bearer::new(&server, &secret);
    me.put(&at("s", "1", "a.log"), b"x").expect(201);
    let long = at("s", "1", &"x".repeat(50_000));
    server.get(&long).expect(401);
    for _ in 0..50 {
        server.get("/api/v1/artifacts").expect(401);
    }
    let kept = entries(&store, &["--limit", "100"]);
    assert!(kept.len() < 50, "{}", kept.len());
    assert_eq!(kept[0]["who"].as_str().unwrap()[..8], *"token me");
    let folder = store.root().join("store/access");
    let size = |name: &str| fs::metadata(folder.join(name)).unwrap().len();
    assert!(size("audit.jsonl") < 1_000);
    assert!(size("audit-unrecognised.jsonl") < 8_000);
    assert!(size("audit-unrecognised.jsonl.1") < 8_000);
}

#[test]
fn who_asks_too_often_is_not_written_down() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_HTTP__RATE_LIMIT", "1")
        .with_env("ARTIFACT_HTTP__RATE_BURST", "2");
    let secret = token(&store, "me", &["write"]);
    let server = Server::start(&store);
    let me = Bearer::new(&server, &secret);
    let status = || me.put(&at("s", "1", "a.log"), b"x").status;
    let all: Vec<_> = (0..20).map(|_| status()).collect();
    let refused = all.iter().filter(|status| **status == 429).count();
    assert!(refused > 10, "{all:?}");
    assert_eq!(entries(&store, &[]).len(), 20 - refused);
}
