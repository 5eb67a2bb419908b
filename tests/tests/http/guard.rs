//! Uploads that look like secrets: what the answer says, and that nothing is kept of what is refused.

use e2e::{Sandbox, Server};

use super::{at, lines};

fn token() -> String {
    ["ghp", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8"].join("_")
}

fn served(mode: &str) -> (Sandbox, Server) {
    let store = Sandbox::new().with_env("ARTIFACT_GUARD__SECRETS", mode);
    let server = Server::start(&store);
    (store, server)
}

/// An upload by the protocol tus, in two requests.
fn by_tus(server: &Server, bytes: &[u8]) -> e2e::Answer {
    use base64::Engine as _;
    let coded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let metadata = format!(
        "name {},spec {},task {}",
        coded("a.log"),
        coded("s"),
        coded("1")
    );
    let length = bytes.len().to_string();
    let tus = ("tus-resumable", "1.0.0");
    let headers = [
        tus,
        ("upload-length", &length),
        ("upload-metadata", &metadata),
    ];
    let created = server.send("POST", "/api/v1/uploads", &headers, b"");
    let location = created.expect(201).header("location").to_owned();
    let headers = [
        tus,
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    server.send("PATCH", &location, &headers, bytes)
}

#[test]
fn a_header_and_the_log_tell() {
    let (_store, server) = served("warn");
    let body = format!("one\n{}\n", token());
    let answer = server.put(&at("a.log"), body.as_bytes()).expect(201);
    let said = "secret;rule=github-token;line=2";
    assert_eq!(answer.header("artifact-warning"), said);
    let plain = server.put(&at("b.log"), &lines(10)).expect(201);
    assert_eq!(plain.header("artifact-warning"), "");
    let by_tus = by_tus(&server, body.as_bytes()).expect(204);
    assert_eq!(by_tus.header("artifact-warning"), said);
    let log = server.log();
    for uri in ["artifact://demo/1/log/a.log", "artifact://s/1/log/a.log"] {
        let told = log.lines().filter(|line| line.contains("WARN"));
        let mut told = told.filter(|line| line.contains(uri));
        assert!(
            told.any(|line| line.contains("github-token in line 2")),
            "{log}"
        );
    }
    assert!(!log.contains(&token()[..12]), "{log}");
    assert_eq!(server.get(&at("a.log")).expect(200).text(), body);
}

#[test]
fn what_is_refused_leaves_nothing() {
    let (store, server) = served("refuse");
    let large = [lines(50_000), token().into_bytes()].concat();
    for body in [token().into_bytes(), large] {
        let refused = server.put(&at("a.log"), &body);
        let problem = refused.problem(400, "invalid-input");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("a.log") && detail.contains("github-token"),
            "{detail}"
        );
        assert!(!refused.text().contains(&token()[..12]));
        server.get(&at("a.log")).problem(404, "not-found");
        by_tus(&server, &body).problem(400, "invalid-input");
    }
    server.put(&at("b.log"), b"nothing").expect(201);
    let uploads = std::fs::read_dir(store.store("uploads")).unwrap();
    assert_eq!(uploads.count(), 0);
    assert_eq!(store.blobs().len(), 1);
}
