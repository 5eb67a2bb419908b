//! URLs that the server signs: for one request, until their end, and no longer than their key.

use e2e::{Answer, Sandbox, Server, eventually};

use super::{Bearer, at, token};

/// A server over a store with two artifacts, and an admin's token.
fn served() -> (Sandbox, Server, String) {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    for name in ["a.log", "b.log"] {
        store.write(name, format!("{name}\n").repeat(1_000));
        store.ok(&[
            "upload", name, "--spec", "team", "--task", "1", "--type", "log",
        ]);
    }
    let server = Server::start(&store);
    (store, server, admin)
}

fn id_of(store: &Sandbox, name: &str) -> String {
    let uri = format!("artifact://team/1/log/{name}");
    store.json(&["show", &uri])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Path and query of a signed URL of this server.
fn target(server: &Server, answer: &Answer) -> String {
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&server.url).unwrap().to_owned()
}

#[test]
fn whoever_has_the_url_reads_that_version_and_nothing_else() {
    let (store, server, admin) = served();
    let (a, b) = (id_of(&store, "a.log"), id_of(&store, "b.log"));
    let admin = Bearer::new(&server, &admin);
    let signed = admin.send(
        "POST",
        &format!("/api/v1/artifacts/{a}/presign?expires_in_s=60"),
        b"",
    );
    let url = target(&server, &signed.expect(200));
    assert_eq!(server.get(&url).expect(200).text(), "a.log\n".repeat(1_000));
    let range = server
        .send("GET", &url, &[("range", "bytes=0-3")], b"")
        .expect(206);
    assert_eq!(range.body, b"a.lo");
    let curl = store
        .other("curl")
        .args(["-fsS", "--compressed", &format!("{}{url}", server.url)])
        .output();
    assert_eq!(curl.unwrap().stdout.len(), 6_000);
    for method in ["HEAD", "PUT", "POST", "DELETE", "PATCH"] {
        let answer = server.send(method, &url, &[], b"");
        assert!(
            [401, 405].contains(&answer.status),
            "{method} gave {}",
            answer.status
        );
    }
    let (path, query) = url.split_once('?').unwrap();
    for other in [
        format!("{}?{query}", path.replace(&a, &b)),
        format!("/api/v1/artifacts/{a}?{query}"),
        format!("/api/v1/artifacts/{a}/versions?{query}"),
        format!("{}?{query}", at("team", "1", "a.log")),
        format!("/api/v1/artifacts?{query}"),
        format!("{path}?grep=x&{query}"),
        format!("{path}?download=true&{query}"),
        format!("{path}?{query}x"),
        format!("{path}?{query}&"),
        format!("{path}?{query}&x=y"),
        format!("{path}?{}", query.replace("expires=", "expires=9")),
        format!("{path}?{}", query.replace("key=", "key=0")),
        format!("{path}?{}", query.replace("expires", "Expires")),
        path.to_owned(),
    ] {
        assert_eq!(server.get(&other).status, 401, "{other}");
    }
    let signature = query.rsplit('=').next().unwrap();
    assert!(!server.log().contains(signature), "the log has a signature");
}

#[test]
fn it_ends_when_it_was_to_end() {
    let (store, server, admin) = served();
    let admin = Bearer::new(&server, &admin);
    let presign = format!("/api/v1/artifacts/{}/presign", id_of(&store, "a.log"));
    let signed = admin
        .send("POST", &format!("{presign}?expires_in_s=2"), b"")
        .expect(200);
    let url = target(&server, &signed);
    server.get(&url).expect(200);
    eventually("it has ended", || server.get(&url).status == 401);
    let said = server.get(&url).problem(401, "unauthenticated");
    assert_eq!(said["detail"], "the URL has expired");
    for bad in ["0", "604801", "-1", "x", "99999999999999999999"] {
        let answer = admin.send("POST", &format!("{presign}?expires_in_s={bad}"), b"");
        answer.problem(400, "invalid-input");
        let upload = format!("{}?expires_in_s={bad}", at("team", "1", "a.log"));
        admin
            .send("POST", &upload, b"")
            .problem(400, "invalid-input");
    }
}

#[test]
fn a_rotated_key_takes_back_what_it_has_signed() {
    let (store, server, admin) = served();
    let admin = Bearer::new(&server, &admin);
    let presign = format!("/api/v1/artifacts/{}/presign", id_of(&store, "a.log"));
    let old = target(&server, &admin.send("POST", &presign, b"").expect(200));
    server.get(&old).expect(200);
    store.ok(&["token", "rotate-key"]);
    eventually("it is taken back", || server.get(&old).status == 401);
    let new = target(&server, &admin.send("POST", &presign, b"").expect(200));
    server.get(&new).expect(200);
}

#[test]
fn an_upload_is_signed_by_who_may_make_it() {
    let (store, server, admin) = served();
    let reader = token(&store, "reader", &["read"]);
    let writer = token(&store, "writer", &["write", "--spec", "new spec"]);
    let path = "/api/v1/specs/new%20spec/tasks/1/log/caf%C3%A9%20%231.log";
    eventually("the tokens are known", || {
        Bearer::new(&server, &writer)
            .get("/api/v1/artifacts")
            .status
            == 403
    });
    Bearer::new(&server, &reader)
        .send("POST", path, b"")
        .problem(403, "permission-denied");
    let writer = Bearer::new(&server, &writer);
    writer
        .send("POST", &at("team", "1", "a.log"), b"")
        .problem(403, "permission-denied");
    let signed = writer.send("POST", path, b"").expect(200);
    assert_eq!(signed.json()["method"], "PUT");
    let url = target(&server, &signed);
    server.put(&url, b"new\n").expect(201);
    server.get(&url).problem(401, "unauthenticated");
    let more = url.replace('?', "?tag=x&");
    server.put(&more, b"new\n").problem(401, "unauthenticated");
    let admin = Bearer::new(&server, &admin);
    assert_eq!(admin.get(path).expect(200).body, b"new\n");
}

#[test]
fn the_command_line_signs_for_a_server_that_it_knows() {
    let (store, server, _) = served();
    let uri = "artifact://team/1/log/a.log";
    let said = store.fails(&["presign", uri], 10);
    assert!(said.contains("http.public_url"), "{said}");
    let store = store.with_env("ARTIFACT_HTTP__PUBLIC_URL", format!("{}/", server.url));
    let url = store.ok(&["presign", uri, "--expires-in", "1m"]);
    let path = url.trim().strip_prefix(&server.url).unwrap();
    assert_eq!(server.get(path).expect(200).body.len(), 6_000);
}

#[test]
fn where_nobody_is_asked_a_wrong_signature_is_refused_all_the_same() {
    let store = Sandbox::new();
    store.write("a.log", "text");
    store.ok(&[
        "upload", "a.log", "--spec", "team", "--task", "1", "--type", "log",
    ]);
    let server = Server::start(&store);
    let presign = format!("/api/v1/artifacts/{}/presign", id_of(&store, "a.log"));
    let url = target(
        &server,
        &server.send("POST", &presign, &[], b"").expect(200),
    );
    server.get(&url).expect(200);
    server
        .get(&format!("{url}x"))
        .problem(401, "unauthenticated");
}

/// Several servers sign and refuse alike where their keys are in one file.
#[test]
fn the_keys_are_where_the_settings_say() {
    let (store, server, admin) = served();
    let _ = (server, &admin);
    let keys = store.root().join("shared.json");
    let store = store.with_env("ARTIFACT_ACCESS__SIGNING_KEYS_FILE", &keys);
    let servers = [Server::start(&store), Server::start(&store)];
    let admin = Bearer::new(&servers[0], &admin);
    let presign = format!("/api/v1/artifacts/{}/presign", id_of(&store, "a.log"));
    let url = target(&servers[0], &admin.send("POST", &presign, b"").expect(200));
    assert!(keys.exists());
    assert!(!store.root().join("store/access/signing-keys.json").exists());
    for server in &servers {
        server.get(&url).expect(200);
    }
    store.ok(&["token", "rotate-key"]);
    for server in &servers {
        e2e::eventually("it to be refused", || server.get(&url).status == 401);
    }
}
