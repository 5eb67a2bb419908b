//! No client makes the server ask for a URL of the client's choice.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use artifact_testkit::issuer::unsigned;
use e2e::{Sandbox, Server};
use serde_json::json;

use super::super::{Bearer, at, token};
use super::{raw, status_of};

/// Somebody whom the server has no reason to speak to.
struct Stranger(TcpListener);

impl Stranger {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn host(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn url(&self) -> String {
        format!("http://{}/", self.host())
    }

    fn assert_unasked(&self) {
        // A connection would be there at once; some more time for what is done behind an answer.
        std::thread::sleep(Duration::from_millis(300));
        match self.0.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("the server has asked: {other:?}"),
        }
    }
}

/// A server with an admin, who may do everything that anybody may over HTTP.
fn served() -> (Sandbox, Server, String, Stranger) {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    let server = Server::start(&store);
    let stranger = Stranger::new();
    (store, server, admin, stranger)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_target_in_absolute_form_is_not_passed_on() {
    let (_store, server, admin, stranger) = served();
    let url = stranger.url();
    for (method, target) in [
        ("GET", url.clone()),
        ("POST", url.clone()),
        ("GET", format!("{url}api/v1/artifacts")),
        ("GET", url.replace("http://", "https://")),
        ("GET", url.replace("http://", "ftp://")),
        ("GET", format!("/{url}")),
        ("GET", format!("/api/v1/{url}")),
        ("GET", format!("//{}/", stranger.host())),
        ("GET", format!("@{}/", stranger.host())),
        ("GET", format!("/\\@{}/", stranger.host())),
        ("CONNECT", stranger.host()),
        ("CONNECT", url.clone()),
    ] {
        let (status, answer) = status_of(&server, method, &target, &admin);
        let own = target.ends_with("api/v1/artifacts") && status == 200;
        let is_refused = (400..500).contains(&status) || status == 0;
        assert!(own || is_refused, "{method} {target}:\n{answer}");
    }
    stranger.assert_unasked();
}

#[test]
fn neither_host_nor_forwarded_headers_name_whom_to_ask() {
    let (_store, server, admin, stranger) = served();
    let me = Bearer::new(&server, &admin);
    let stored = me.put(&at("team", "1", "a.log"), b"x").expect(201).json();
    let id = stored["id"].as_str().unwrap();
    let host = stranger.host();
    for name in [
        "X-Forwarded-Host",
        "X-Forwarded-Server",
        "X-Host",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Forwarded",
        "X-Forwarded-For",
        "Referer",
        "Origin",
        "X-Wap-Profile",
        "Destination",
        "Location",
        "Content-Location",
        "True-Client-IP",
        "Upload-Concat",
        "Link",
    ] {
        let value = match name {
            "Forwarded" => format!("for=1.1.1.1;host={host}"),
            "X-Forwarded-Host" | "X-Host" => host.clone(),
            _ => stranger.url(),
        };
        let headers = [("authorization", &*me.header), (name, &*value)];
        let presign = format!("/api/v1/artifacts/{id}/presign");
        let signed = server.send("POST", &presign, &headers, b"").expect(200);
        let url = signed.json()["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&server.url), "{name}: {url}");
        server.send("GET", "/api/v1/artifacts", &headers, b"");
        server.send("PUT", &at("team", "1", "b.log"), &headers, b"x");
    }
    for host in [
        &*host,
        "169.254.169.254",
        "metadata.google.internal",
        "[::1]:1",
    ] {
        let request = format!(
            "GET /api/v1/artifacts HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\nConnection: \
             close\r\n\r\n",
            me.header
        );
        let answer = raw(&server, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    stranger.assert_unasked();
}

#[test]
fn an_upload_is_put_together_of_nothing_that_lies_elsewhere() {
    let (_store, server, admin, stranger) = served();
    let me = Bearer::new(&server, &admin);
    let url = stranger.url();
    let said = format!(
        "filename {},spec {},task {},type {}",
        base64("a.log"),
        base64("team"),
        base64("1"),
        base64("log")
    );
    for (name, value) in [
        ("upload-concat", format!("final;{url}")),
        ("upload-concat", format!("final;/api/v1/uploads/x {url}")),
        ("upload-concat", "partial".to_owned()),
        ("upload-defer-length", url.clone()),
    ] {
        let headers = [
            ("authorization", &*me.header),
            ("tus-resumable", "1.0.0"),
            ("upload-metadata", &*said),
            (name, &*value),
        ];
        let answer = server.send("POST", "/api/v1/uploads", &headers, b"");
        let is_refused = (400..500).contains(&answer.status) || answer.status == 501;
        assert!(is_refused, "{name} {value}: {}", answer.text());
    }
    for key in ["url", "source", "upload_url", "callback"] {
        let said = format!("{said},{key} {}", base64(&url));
        let headers = [
            ("authorization", &*me.header),
            ("tus-resumable", "1.0.0"),
            ("upload-length", "0"),
            ("upload-metadata", &*said),
        ];
        server.send("POST", "/api/v1/uploads", &headers, b"");
    }
    for name in ["x-copy-source", "x-amz-copy-source", "content-location"] {
        let headers = [("authorization", &*me.header), (name, &*url)];
        let answer = server.send("PUT", &at("team", "1", name), &headers, b"own");
        if answer.status == 201 {
            assert_eq!(me.get(&at("team", "1", name)).expect(200).body, b"own");
        }
    }
    stranger.assert_unasked();
}

#[test]
fn no_parameter_and_no_document_sets_what_the_server_asks() {
    let (_store, server, admin, stranger) = served();
    let me = Bearer::new(&server, &admin);
    me.put(&at("team", "1", "a.log"), b"x").expect(201);
    let url = stranger.url();
    for key in [
        "url",
        "endpoint_url",
        "s3.endpoint_url",
        "endpoint",
        "webhook",
        "callback",
        "issuer",
        "jwks_uri",
        "jwks_url",
        "otlp_endpoint",
        "public_url",
        "base_path",
        "backend",
        "proxy",
        "redirect_uri",
        "source",
    ] {
        for (method, route, body) in [
            ("GET", "artifacts", json!(null)),
            ("PUT", "specs/team/tasks/1/log/b.log", json!(null)),
            ("POST", "cleanup", json!(null)),
            ("POST", "gc", json!(null)),
            ("POST", "verify", json!(null)),
            ("POST", "export", json!({ key: url })),
            ("POST", "grep", json!({ "pattern": "x", key: url })),
            ("POST", "moves", json!({ "move": "archive", key: url })),
            (
                "POST",
                "changes",
                json!({ "change": { "add_tags": {} }, key: url }),
            ),
            ("POST", "prune", json!({ "keep": 1, key: url })),
        ] {
            let path = format!("/api/v1/{route}?{key}={url}");
            me.send(method, &path, b"{}").problem(400, "invalid-input");
            if !body.is_null() {
                let path = format!("/api/v1/{route}?spec=team");
                let answer = me.send(method, &path, body.to_string().as_bytes());
                answer.problem(400, "invalid-input");
            }
        }
    }
    for artifact in [
        &*url,
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "s3://b/k",
    ] {
        for route in ["resolve", "why", "versions"] {
            let path = format!("/api/v1/{route}?artifact={artifact}");
            me.get(&path).problem(400, "invalid-input");
        }
    }
    stranger.assert_unasked();
}

#[test]
fn a_token_names_no_place_for_its_keys() {
    let (store, _, _, stranger) = served();
    let issuers = format!(
        "[[issuers]]\nname = \"ci\"\nissuer = \"{0}\"\njwks_file = \"keys.json\"\naudience = \"a\"\n\
         [[issuers.rules]]\nactions = [\"read\"]\nspec = \"*\"\ntask = \"*\"\nclaims = {{ sub = \"*\" }}\n",
        "http://127.0.0.1:1"
    );
    let key = artifact_testkit::issuer::SigningKey::new("key-1", "RS256").public();
    let keys = artifact_testkit::issuer::key_set(&[key]);
    std::fs::write(store.root().join("keys.json"), keys).unwrap();
    let file = store.root().join("issuers.toml");
    std::fs::write(&file, issuers).unwrap();
    let store = store.with_env("ARTIFACT_ACCESS__ISSUERS_FILE", file);
    let server = Server::start(&store);
    let url = stranger.url();
    for header in [
        json!({"alg": "RS256", "jku": url}),
        json!({"alg": "RS256", "kid": url}),
        json!({"alg": "RS256", "x5u": url, "kid": "key-1"}),
        json!({"alg": "RS256", "kid": "key-1"}),
    ] {
        for issuer in [&*url, "http://127.0.0.1:1", "https://127.0.0.1:1"] {
            let claims = json!({"iss": issuer, "aud": "a", "sub": "x", "exp": 4_000_000_000_u64,
                "jwks_uri": url});
            let forged = unsigned(&header, &claims, &[1; 256]);
            let answer = Bearer::new(&server, &forged).get("/api/v1/artifacts");
            answer.problem(401, "unauthenticated");
        }
    }
    stranger.assert_unasked();
}
