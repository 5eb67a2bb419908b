//! What those see and reach who may do something in a part of the store only.

use e2e::{Sandbox, Server};
use serde_json::Value;

use super::{Bearer, at, tar, token};

/// A store with artifacts of two specs and two tasks each, a server, an admin's token.
fn filled() -> (Sandbox, String) {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    for spec in ["team", "team-b"] {
        for task in ["1", "ci-1"] {
            store.write("a.log", format!("{spec} {task}\n"));
            store.ok(&[
                "upload", "a.log", "--spec", spec, "--task", task, "--type", "log",
            ]);
        }
    }
    (store, admin)
}

fn uris(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap().iter();
    let mut uris: Vec<_> = items
        .map(|item| item["uri"].as_str().unwrap().to_owned())
        .collect();
    uris.sort();
    uris
}

#[test]
fn lists_and_sums_are_of_what_one_may_see() {
    let (store, admin) = filled();
    let narrow = token(
        &store,
        "narrow",
        &["read", "--spec", "team", "--task", "ci-*"],
    );
    let whole = token(&store, "whole", &["read", "--spec", "team"]);
    let server = Server::start(&store);
    let [admin, narrow, whole] = [&admin, &narrow, &whole].map(|it| Bearer::new(&server, it));
    let listed = |who: &Bearer<'_>, query: &str| {
        uris(
            &who.get(&format!("/api/v1/artifacts{query}"))
                .expect(200)
                .json(),
        )
    };
    assert_eq!(listed(&admin, "").len(), 4);
    assert_eq!(
        listed(&whole, ""),
        [
            "artifact://team/1/log/a.log",
            "artifact://team/ci-1/log/a.log"
        ]
    );
    assert_eq!(listed(&narrow, ""), ["artifact://team/ci-1/log/a.log"]);
    assert_eq!(
        listed(&narrow, "?spec=*&task=*"),
        ["artifact://team/ci-1/log/a.log"]
    );
    assert!(listed(&narrow, "?spec=team-b").is_empty());
    assert!(listed(&narrow, "?task=1").is_empty());
    let days = narrow.get("/api/v1/trend?days=1").expect(200).json();
    assert_eq!(days["days"][0]["count"], 1, "{days}");
    narrow
        .get("/api/v1/usage")
        .problem(403, "permission-denied");
    narrow
        .get("/api/v1/usage?spec=team")
        .problem(403, "permission-denied");
    whole.get("/api/v1/usage").problem(403, "permission-denied");
    // How full the store is tells of other specs.
    let sums = |who: &Bearer<'_>| who.get("/api/v1/usage?spec=team").expect(200).json();
    let (own, all) = (sums(&whole), sums(&admin));
    assert!(own["limit_bytes"].is_null() && own["used_ratio"].is_null());
    assert!(all["limit_bytes"].is_u64() && all["used_ratio"].is_f64());
    assert_eq!(own["count"], all["count"]);
    assert!(
        own["held_bytes"].as_u64() < all["held_bytes"].as_u64(),
        "{own}"
    );
    admin.get("/api/v1/usage").expect(200);
    whole.get("/metrics").problem(403, "permission-denied");
    admin.get("/metrics").expect(200);
}

#[test]
fn an_id_that_one_may_not_see_is_like_one_that_is_not_there() {
    let (store, admin) = filled();
    let narrow = token(
        &store,
        "narrow",
        &["read,delete", "--spec", "team", "--task", "1"],
    );
    let server = Server::start(&store);
    let admin = Bearer::new(&server, &admin);
    let narrow = Bearer::new(&server, &narrow);
    let all = admin.get("/api/v1/artifacts").expect(200).json();
    for item in all["items"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        let one = format!("/api/v1/artifacts/{id}");
        let is_own = item["spec"] == "team" && item["task"] == "1";
        for path in [
            one.clone(),
            format!("{one}/content"),
            format!("{one}/versions"),
        ] {
            if is_own {
                narrow.get(&path).expect(200);
            } else {
                let hidden = narrow.get(&path).problem(404, "not-found");
                let unknown = "01900000-0000-7000-8000-000000000000";
                let other = narrow
                    .get(&path.replace(id, unknown))
                    .problem(404, "not-found");
                let detail = hidden["detail"].as_str().unwrap().replace(id, unknown);
                assert_eq!(detail, other["detail"]);
            }
        }
        if is_own {
            narrow
                .send("PATCH", &one, b"{}")
                .problem(403, "permission-denied");
            narrow
                .send("POST", &format!("{one}/archive"), b"")
                .problem(403, "permission-denied");
        } else {
            narrow.send("DELETE", &one, b"").problem(404, "not-found");
        }
    }
    assert_eq!(
        admin.get("/api/v1/artifacts").json()["items"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn who_may_write_may_not_make_go_away() {
    let (store, admin) = filled();
    let writer = token(&store, "writer", &["read,write", "--spec", "team"]);
    let server = Server::start(&store);
    let admin = Bearer::new(&server, &admin);
    let writer = Bearer::new(&server, &writer);
    let id = writer
        .put(&at("team", "1", "b.log"), b"x")
        .expect(201)
        .json();
    let one = format!("/api/v1/artifacts/{}", id["id"].as_str().unwrap());
    writer
        .send("PATCH", &one, br#"{"tags":{"k":"v"},"held":true}"#)
        .expect(200);
    writer
        .send("PATCH", &one, br#"{"keep_forever":true}"#)
        .expect(200);
    for patch in [
        r#"{"held":false}"#,
        r#"{"hold":null}"#,
        r#"{"retention_days":1}"#,
        r#"{"retention_days":null}"#,
    ] {
        writer
            .send("PATCH", &one, patch.as_bytes())
            .problem(403, "permission-denied");
    }
    writer
        .send("DELETE", &one, b"")
        .problem(403, "permission-denied");
    writer
        .send("DELETE", &at("team", "1", "b.log"), b"")
        .problem(403, "permission-denied");
    writer
        .send("DELETE", "/api/v1/artifacts?spec=team", b"")
        .problem(403, "permission-denied");
    writer
        .send("POST", "/api/v1/gc", b"")
        .problem(403, "permission-denied");
    admin.send("PATCH", &one, br#"{"held":false}"#).expect(200);
    admin.send("DELETE", &one, b"").expect(204);
}

#[test]
fn a_resumable_upload_needs_the_right_to_what_it_becomes() {
    let (store, admin) = filled();
    let team = token(&store, "team", &["write", "--spec", "team"]);
    let other = token(&store, "other", &["write", "--spec", "team-b"]);
    let server = Server::start(&store);
    let send = |secret: &str, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]| {
        let bearer = format!("Bearer {}", secret.trim());
        let mut headers = vec![("authorization", &*bearer), ("tus-resumable", "1.0.0")];
        headers.extend_from_slice(more);
        server.send(method, path, &headers, body)
    };
    // name t.log, spec team, type log
    let metadata = "name dC5sb2c=,spec dGVhbQ==,type bG9n";
    let create = [("upload-length", "3"), ("upload-metadata", metadata)];
    send(&other, "POST", "/api/v1/uploads", &create, b"").problem(403, "permission-denied");
    let begun = send(&team, "POST", "/api/v1/uploads", &create, b"").expect(201);
    let place = begun.header("location").to_owned();
    let chunk = [
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    send(&other, "HEAD", &place, &[], b"").expect(403);
    send(&other, "PATCH", &place, &chunk, b"abc").problem(403, "permission-denied");
    send(&other, "DELETE", &place, &[], b"").problem(403, "permission-denied");
    send(&team, "PATCH", &place, &chunk, b"").expect(204);
    // Who may not work on it does not take it from who does.
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (server, place, team) = (&server, &place, &team);
        let slow = scope.spawn(move || {
            use std::io::{Read, Write};
            let address = server.url.strip_prefix("http://").unwrap();
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let head = format!(
                "PATCH {place} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Authorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
                 Content-Type: application/offset+octet-stream\r\nContent-Length: 3\r\n\r\na",
                team.trim()
            );
            stream.write_all(head.as_bytes()).unwrap();
            receiver.recv().unwrap();
            stream.write_all(b"bc").unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        });
        std::thread::sleep(std::time::Duration::from_millis(500));
        send(&other, "HEAD", place, &[], b"").expect(403);
        send(&other, "DELETE", place, &[], b"").problem(403, "permission-denied");
        sender.send(()).unwrap();
        let answer = slow.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    });
    let admin = Bearer::new(&server, &admin);
    assert_eq!(
        admin.get(&at("team", "local", "t.log")).expect(200).body,
        b"abc"
    );
}

/// Somebody who may write and delete, and one who may read as well.
#[test]
fn who_may_change_and_not_read_is_told_nothing_of_what_is_there() {
    let (store, admin) = filled();
    let blind = token(&store, "blind", &["write,delete", "--spec", "team"]);
    let seeing = token(&store, "seeing", &["read,write,delete", "--spec", "team"]);
    let server = Server::start(&store);
    let [admin, blind, seeing] = [&admin, &blind, &seeing].map(|it| Bearer::new(&server, it));
    let path = at(
        "team",
        "1",
        "s.log?tag=owner=somebody&meta=key=%22private%22",
    );
    let stored = admin.put(&path, b"secret content").expect(201).json();
    let id = stored["id"].as_str().unwrap();
    let one = format!("/api/v1/artifacts/{id}");
    let uri = "artifact://team/1/log/s.log";
    let hides = |answer: &e2e::Answer| {
        let text = answer.text();
        assert!(text.contains(uri), "{text}");
        for word in ["somebody", "private", stored["sha256"].as_str().unwrap()] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    };
    hides(&blind.send("PATCH", &one, b"{}").expect(200));
    hides(
        &blind
            .send("POST", &format!("{one}/archive"), b"")
            .expect(200),
    );
    hides(
        &blind
            .send("POST", &format!("{one}/restore"), b"")
            .expect(200),
    );
    let changes = |dry_run: bool| {
        let change = format!(
            r#"{{"change":{{"add_tags":{{"k":"v"}}}},"artifacts":["{uri}"],"dry_run":{dry_run}}}"#
        );
        blind.send("POST", "/api/v1/changes", change.as_bytes())
    };
    hides(&changes(false).expect(200));
    let planned = changes(true).expect(200).text();
    assert!(planned.contains("permission-denied"), "{planned}");
    let moves = |dry_run: bool| {
        let moves = format!(r#"{{"move":"archive","artifacts":["{uri}"],"dry_run":{dry_run}}}"#);
        blind.send("POST", "/api/v1/moves", moves.as_bytes())
    };
    hides(&moves(false).expect(200));
    let planned = moves(true).expect(200).text();
    assert!(planned.contains("permission-denied"), "{planned}");
    // Who selects sees what is selected, and who plans what would become of it.
    for (request, body) in [
        (
            "POST /api/v1/changes?spec=team",
            r#"{"change":{"add_tags":{"k":"v"}}}"#,
        ),
        ("POST /api/v1/moves?spec=team", r#"{"move":"archive"}"#),
        ("POST /api/v1/prune?spec=team", r#"{"keep":1}"#),
        (
            "POST /api/v1/prune",
            r#"{"artifact":"artifact://team/1/log/s.log","keep":1,"dry_run":true}"#,
        ),
        ("DELETE /api/v1/artifacts?spec=team&dry_run=true", ""),
        (
            "DELETE /api/v1/resolve?artifact=artifact://team/1/log/s.log&dry_run=true",
            "",
        ),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        let refused = blind.send(method, path, body.as_bytes());
        refused.problem(403, "permission-denied");
        seeing.send(method, path, body.as_bytes()).expect(200);
    }
    let path = format!("/api/v1/resolve?artifact={uri}");
    hides(&blind.send("DELETE", &path, b"").expect(200));
    admin.get(&one).expect(404);
}

#[test]
fn an_upload_past_the_server_needs_the_right_to_what_it_becomes() {
    let store = Sandbox::with_bucket("sqlite");
    let team = token(&store, "team", &["write", "--spec", "team"]);
    let other = token(&store, "other", &["write", "--spec", "team-b"]);
    let reader = token(&store, "reader", &["read"]);
    let server = Server::start(&store);
    let [team, other, reader] = [&team, &other, &reader].map(|it| Bearer::new(&server, it));
    let asked = br#"{"spec": "team", "task": "1", "type": "log", "name": "a.log"}"#;
    for who in [&other, &reader] {
        who.send("POST", "/api/v1/artifacts", asked)
            .problem(403, "permission-denied");
    }
    let begun = team.send("POST", "/api/v1/artifacts", asked).expect(201);
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let [complete, abort] =
        ["complete", "abort"].map(|verb| format!("/api/v1/artifacts/{id}/{verb}"));
    for path in [&complete, &abort] {
        other.send("POST", path, b"{}").problem(404, "not-found");
        reader
            .send("POST", path, b"{}")
            .problem(403, "permission-denied");
    }
    // Nothing was put there yet, which only who may write it learns.
    let told = team
        .send("POST", &complete, b"{}")
        .problem(404, "not-found");
    assert!(
        told["detail"].as_str().unwrap().contains("nothing was put"),
        "{told}"
    );
    team.send("POST", &abort, b"").expect(204);
}

#[test]
fn of_an_archive_that_is_stored_which_one_may_write() {
    let (store, _) = filled();
    store.ok(&["export", "--with-metadata", "-o", "all.zip"]);
    let archive = store.read("all.zip");
    let other = Sandbox::new();
    let admin = token(&other, "admin", &["admin"]);
    let reader = token(&other, "reader", &["read"]);
    let narrow = token(
        &other,
        "narrow",
        &["read,write", "--spec", "team", "--task", "ci-*"],
    );
    let server = Server::start(&other);
    let [admin, narrow, reader] = [&admin, &narrow, &reader].map(|it| Bearer::new(&server, it));
    reader
        .send("POST", "/api/v1/import", &archive)
        .problem(403, "permission-denied");
    let may = "artifact://team/ci-1/log/a.log";
    for query in ["?dry_run=true", ""] {
        let told = narrow.send("POST", &format!("/api/v1/import{query}"), &archive);
        let told = told.expect(200).text();
        let lines: Vec<Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for item in lines.iter().filter_map(|line| line.get("item")) {
            let is_taken = item["outcome"] != "failed";
            assert_eq!(is_taken, item["uri"] == may, "{item}");
            if !is_taken {
                assert_eq!(item["fault"]["kind"], "permission-denied", "{item}");
            }
        }
        let sums = &lines.last().unwrap()["sums"];
        assert_eq!((&sums["imported"], &sums["failed"]), (&1.into(), &3.into()));
    }
    let stored = uris(&admin.get("/api/v1/artifacts").expect(200).json());
    assert_eq!(stored, [may]);
    // Where everything goes to one place, that is what the right is to.
    let moved = narrow.send("POST", "/api/v1/import?spec=team&task=2", &archive);
    assert!(moved.expect(200).text().contains(r#""imported":0"#));
    let moved = narrow.send("POST", "/api/v1/import?spec=team&task=ci-2", &archive);
    assert!(moved.expect(200).text().contains(r#""imported":4"#));
}

#[test]
fn who_imports_and_may_not_read_is_told_nothing_of_what_is_there() {
    let (store, admin) = filled();
    let blind = token(&store, "blind", &["write", "--spec", "team"]);
    let seeing = token(&store, "seeing", &["read,write", "--spec", "team"]);
    let tasks = ["read,write", "--task", "9", "--task", "1"];
    let elsewhere = token(&store, "elsewhere", &tasks);
    // He reads one task, and writes another.
    let file = store.root().join("store/access/tokens.json");
    let mut tokens: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let grants = tokens["tokens"][3]["grants"].as_array_mut().unwrap();
    for grant in grants.iter_mut().filter(|grant| grant["task"] == "1") {
        grant["actions"] = serde_json::json!(["write"]);
    }
    std::fs::write(&file, tokens.to_string()).unwrap();
    let server = Server::start(&store);
    let [admin, blind] = [&admin, &blind].map(|it| Bearer::new(&server, it));
    let [seeing, elsewhere] = [&seeing, &elsewhere].map(|it| Bearer::new(&server, it));
    let path = at(
        "team",
        "1",
        "s.log?tag=owner=somebody&meta=key=%22private%22",
    );
    let stored = admin.put(&path, b"secret content").expect(201).json();
    let hidden = ["somebody", "private", stored["sha256"].as_str().unwrap()];
    let import = "/api/v1/import?default_spec=team&default_task=1&type=log";
    let plan = format!("{import}&dry_run=true");
    let archive = tar("s.log", b"secret content");
    for (who, path, outcome) in [
        (&blind, import, "present"),
        (&elsewhere, import, "present"),
        (&elsewhere, &*plan, "permission-denied"),
    ] {
        let told = who.send("POST", path, &archive).expect(200).text();
        assert!(told.contains(outcome) && told.contains("artifact://team/1/log/s.log"));
        for word in hidden {
            assert!(!told.contains(word), "{word}: {told}");
        }
    }
    let refused = blind.send("POST", &plan, &archive);
    refused.problem(403, "permission-denied");
    for path in [import, &plan] {
        let told = seeing.send("POST", path, &archive).expect(200).text();
        assert!(hidden.iter().all(|word| told.contains(word)), "{told}");
    }
}

#[test]
fn who_looks_after_a_spec_does_not_look_after_the_store() {
    let store = Sandbox::with_bucket("sqlite");
    let admin = token(&store, "admin", &["admin"]);
    let narrow = token(&store, "narrow", &["admin", "--spec", "team"]);
    let writer = token(&store, "writer", &["read,write,delete"]);
    let server = Server::start(&store);
    let [admin, narrow, writer] = [&admin, &narrow, &writer].map(|it| Bearer::new(&server, it));
    let lock = "/api/v1/locks?artifact=artifact://team/1/log/a.log";
    for (method, path) in [
        ("POST", "/api/v1/reindex?recover=true"),
        ("POST", "/api/v1/doctor"),
        ("GET", lock),
        ("DELETE", lock),
        ("GET", "/api/v1/bucket/lifecycle"),
        ("PUT", "/api/v1/bucket/lifecycle?dry_run=true"),
        ("GET", "/api/v1/bucket/cors?origin=https://a.example"),
        (
            "PUT",
            "/api/v1/bucket/cors?origin=https://a.example&dry_run=true",
        ),
        ("GET", "/api/v1/bucket/policy"),
        (
            "PUT",
            "/api/v1/bucket/policy?principal=arn:aws:iam::123456789012:role/ci&dry_run=true",
        ),
    ] {
        for who in [&narrow, &writer] {
            who.send(method, path, b"")
                .problem(403, "permission-denied");
        }
        // The bucket of this test has no rules of its own to be read, which is another matter.
        let status = admin.send(method, path, b"").status;
        assert!(
            status == 200 || method == "PUT" && status != 403,
            "{path}: {status}"
        );
    }
}
