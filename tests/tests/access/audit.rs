//! Who did what is written down, refused attempts too, and never a secret.

use std::fs;

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
