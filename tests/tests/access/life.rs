//! The life of a token: made, used, listed, expired, revoked, all while the server runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use e2e::{Sandbox, Server, eventually};

use super::{Bearer, at, token};

#[test]
fn without_tokens_this_machine_may_do_all_and_others_nothing() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    server.put(&at("s", "1", "a.log"), b"x").expect(201);
    let output = store
        .other(e2e::artifact_http())
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("artifact token create"), "{said}");
}

#[test]
fn the_first_token_closes_a_running_server() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    server.put(&at("s", "1", "a.log"), b"x").expect(201);
    let secret = token(&store, "me", &["read"]);
    let refused = server.get("/api/v1/artifacts");
    refused.problem(401, "unauthenticated");
    assert!(
        refused
            .header("www-authenticate")
            .starts_with("Bearer realm=")
    );
    let me = Bearer::new(&server, &secret);
    assert_eq!(
        me.get("/api/v1/artifacts").expect(200).json()["items"][0]["name"],
        "a.log"
    );
    // Whoever takes the file away opens nothing.
    fs::remove_file(store.root().join("store/access/tokens.json")).unwrap();
    server
        .get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
    eventually("the token is gone with its file", || {
        me.get("/api/v1/artifacts").status == 401
    });
}

#[test]
fn other_machines_come_in_by_token() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__LISTEN", "0.0.0.0:0");
    let secret = token(&store, "me", &["read,write"]);
    let mut server = Server::start(&store);
    server.url = server.url.replace("0.0.0.0", "127.0.0.1");
    server
        .put(&at("s", "1", "a.log"), b"x")
        .problem(401, "unauthenticated");
    let me = Bearer::new(&server, &secret);
    me.put(&at("s", "1", "a.log"), b"x").expect(201);
    assert_eq!(me.get(&at("s", "1", "a.log")).expect(200).body, b"x");
}

#[test]
fn a_revoked_token_is_refused_at_once() {
    let store = Sandbox::new();
    let secrets = [
        token(&store, "one", &["read"]),
        token(&store, "two", &["read"]),
    ];
    let server = Server::start(&store);
    let [one, two] = secrets
        .each_ref()
        .map(|secret| Bearer::new(&server, secret));
    one.get("/api/v1/artifacts").expect(200);
    assert!(
        store
            .ok(&["token", "revoke", "one"])
            .starts_with("revoked one (")
    );
    eventually("it is refused", || {
        one.get("/api/v1/artifacts").status == 401
    });
    one.get("/api/v1/artifacts").problem(401, "unauthenticated");
    two.get("/api/v1/artifacts").expect(200);
    assert!(
        store
            .fails(&["token", "revoke", "one"], 3)
            .contains("there is no token `one`")
    );
}

#[test]
fn an_expired_token_is_refused() {
    let store = Sandbox::new();
    let secret = token(&store, "short", &["read", "--expires-in-days", "1"]);
    let server = Server::start(&store);
    let short = Bearer::new(&server, &secret);
    short.get("/api/v1/artifacts").expect(200);
    let file = store.root().join("store/access/tokens.json");
    let text = fs::read_to_string(&file).unwrap();
    let end = store.json(&["token", "list"])[0]["expires_at"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(&file, text.replace(&end, "2020-01-01T00:00:00Z")).unwrap();
    eventually("it has expired", || {
        short.get("/api/v1/artifacts").status == 401
    });
    let listed = store.json(&["token", "list"]);
    assert_eq!(listed[0]["expired"], true);
}

#[test]
fn the_secret_is_shown_once_and_kept_nowhere() {
    let store = Sandbox::new();
    let outcome = store
        .run(&["token", "create", "me", "--allow", "admin"])
        .expect_code(0);
    let secret = outcome.text().trim().to_owned();
    assert!(secret.starts_with("ast_") && secret.len() == 64, "{secret}");
    assert!(!outcome.stderr.contains(&secret));
    let server = Server::start(&store);
    Bearer::new(&server, &secret)
        .get("/api/v1/artifacts")
        .expect(200);
    Bearer::new(&server, &format!("{secret}x"))
        .get("/api/v1/artifacts")
        .expect(401);
    let (_, random) = secret[4..].split_once('_').unwrap();
    for text in [
        store.ok(&["token", "list"]),
        store.ok(&["token", "list", "--json"]),
        fs::read_to_string(store.root().join("store/access/tokens.json")).unwrap(),
        server.log(),
    ] {
        assert!(!text.contains(random), "{text}");
    }
}

#[test]
fn what_is_listed_says_when_a_token_was_used() {
    let store = Sandbox::new();
    let secret = token(
        &store,
        "me",
        &["read", "--spec", "web", "--task", "ci-*", "--never-expires"],
    );
    let listed = &store.json(&["token", "list"])[0];
    assert_eq!(listed["grants"][0]["spec"], "web");
    assert_eq!(listed["grants"][0]["task"], "ci-*");
    assert_eq!(listed["grants"][0]["actions"][0], "read");
    assert!(listed["expires_at"].is_null() && listed["last_used_at"].is_null());
    let server = Server::start(&store);
    Bearer::new(&server, &secret)
        .get("/api/v1/artifacts")
        .expect(200);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(store.json(&["token", "list"])[0]["last_used_at"].is_string());
}

#[test]
fn what_makes_no_token_is_refused() {
    let store = Sandbox::new();
    token(&store, "taken", &["read"]);
    store.fails(&["token", "create", "taken", "--allow", "read"], 6);
    for args in [
        &["x", "--allow", "fly"][..],
        &["x", "--allow", ""],
        &["x"],
        &["", "--allow", "read"],
        &["a b", "--allow", "read"],
        &["x", "--allow", "read", "--spec", ""],
        &["x", "--allow", "read", "--spec", "[a"],
        &["x", "--allow", "read", "--expires-in-days", "0"],
        &["x", "--allow", "read", "--expires-in-days", "-1"],
        &[
            "x",
            "--allow",
            "read",
            "--expires-in-days",
            "1",
            "--never-expires",
        ],
    ] {
        store.fails(&[&["token", "create"], args].concat(), 2);
    }
    assert_eq!(store.json(&["token", "list"]).len(), 1);
}

#[test]
fn a_file_that_cannot_be_trusted_lets_nobody_in() {
    let store = Sandbox::new();
    let secret = token(&store, "me", &["admin"]);
    let file = store.root().join("store/access/tokens.json");
    let mode = |mode| fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let server = Server::start(&store);
    let me = Bearer::new(&server, &secret);
    me.get("/api/v1/artifacts").expect(200);
    mode(0o666);
    eventually("it is not trusted", || {
        me.get("/api/v1/artifacts").status == 500
    });
    assert!(
        store
            .fails(&["token", "list"], 1)
            .contains("can be changed by others")
    );
    mode(0o600);
    eventually("it is trusted again", || {
        me.get("/api/v1/artifacts").status == 200
    });
    fs::write(&file, "{").unwrap();
    eventually("it is damaged", || {
        me.get("/api/v1/artifacts").status == 500
    });
    me.get("/api/v1/artifacts").problem(500, "internal");
}

#[test]
fn many_make_tokens_at_once() {
    let store = Sandbox::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let store = &store;
            scope.spawn(move || token(store, &format!("t{number}"), &["read"]));
        }
    });
    assert_eq!(store.json(&["token", "list"]).len(), 8);
}
