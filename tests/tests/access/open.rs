//! Who is let in where there is no token: this machine alone, and nobody where others are expected or
//! tokens were there once.

use std::fs;

use e2e::{Sandbox, Server, eventually};

use super::{Bearer, at, token};

#[test]
fn a_file_of_tokens_that_is_missing_at_the_start_opens_nothing() {
    let store = Sandbox::new();
    let secret = token(&store, "me", &["read"]);
    let file = store.root().join("store/access/tokens.json");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let server = Server::start(&store);
    server
        .put(&at("s", "1", "a.log"), b"x")
        .problem(401, "unauthenticated");
    let said = "nobody is let in, since there is no token";
    assert!(server.log().contains(said), "{}", server.log());
    // It comes back by itself once it is mounted, or put back.
    fs::write(&file, kept).unwrap();
    restrict(&file);
    let me = Bearer::new(&server, &secret);
    eventually("the token is known", || {
        me.get("/api/v1/artifacts").status == 200
    });
}

#[test]
fn where_others_are_expected_everybody_needs_a_token() {
    for (setting, value) in [
        ("ARTIFACT_ACCESS__TOKEN_FILE", "/nowhere/tokens.json"),
        ("ARTIFACT_HTTP__TRUSTED_PROXIES", "10.0.0.1"),
        ("ARTIFACT_HTTP__PUBLIC_URL", "https://store.example"),
    ] {
        let store = Sandbox::new().with_env(setting, value);
        let server = Server::start(&store);
        let refused = server.get("/api/v1/artifacts");
        assert_eq!(refused.status, 401, "{setting}: {}", refused.text());
        server.get("/readyz").expect(200);
    }
}

#[test]
fn the_log_says_that_nobody_is_asked() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    server.get("/api/v1/artifacts").expect(200);
    assert!(
        server.log().contains("nobody is asked for a token"),
        "{}",
        server.log()
    );
    // What fails to take a token away makes none necessary.
    store.fails(&["token", "revoke", "none"], 3);
    server.get("/api/v1/artifacts").expect(200);
    // Nor does one that is not made.
    store.fails(&["token", "create", "ci web", "--allow", "read"], 2);
    server.get("/api/v1/artifacts").expect(200);
}

/// A browser sends what any page tells it to, and finds this machine by any name that leads here.
#[test]
fn pages_of_others_use_nobodys_browser() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__CORS_ORIGINS", "https://ci.example");
    let server = Server::start(&store);
    let path = at("s", "1", "a.log");
    server.put(&path, b"x").expect(201);
    for header in [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example:8080"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let refused = server.send(method, &path, &[header], b"");
            refused.problem(403, "permission-denied");
        }
    }
    for header in [
        ("host", "localhost:8080"),
        ("origin", "https://ci.example"),
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "none"),
    ] {
        server.send("GET", &path, &[header], b"").expect(200);
    }
    // Where tokens are asked for, no page has one.
    let secret = token(&store, "me", &["read"]);
    let me = format!("Bearer {}", secret.trim());
    let headers = [("authorization", &*me), ("host", "store.example")];
    server.send("GET", &path, &headers, b"").expect(200);
}

fn restrict(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
