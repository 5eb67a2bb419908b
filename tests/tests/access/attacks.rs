//! The known attacks on stores of this kind, each against the real server, and each refused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use e2e::{Sandbox, Server};

use super::{Bearer, at, token};

/// A store where `team` may be read and written by a token, and `secret` has what it must not get.
fn guarded() -> (Sandbox, Server, String) {
    let store = Sandbox::new();
    for (spec, text) in [
        ("team", "ours\n"),
        ("team-b", "theirs\n"),
        ("secret", "theirs\n"),
    ] {
        store.write("a.log", text);
        store.ok(&[
            "upload", "a.log", "--spec", spec, "--task", "1", "--type", "log",
        ]);
    }
    let secret = token(&store, "team", &["read,write,delete", "--spec", "team"]);
    let server = Server::start(&store);
    (store, server, secret)
}

/// Sends bytes as they are and gives what comes back until the server has no more to say.
fn raw(server: &Server, request: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    // It may refuse before it has read all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of a request for this target, sent as it is written.
fn status_of(server: &Server, method: &str, target: &str, secret: &str) -> (u16, String) {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
        secret.trim()
    );
    let answer = raw(server, request.as_bytes());
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or(0), answer)
}

#[test]
fn no_spelling_of_a_path_leads_out_of_what_is_allowed() {
    let (store, server, secret) = guarded();
    let before = store.blobs();
    let names = "/api/v1/specs/team/tasks/1/log/";
    let targets = [
        "../../../../secret/tasks/1/log/a.log",
        "..%2f..%2f..%2f..%2fsecret%2ftasks%2f1%2flog%2fa.log",
        "%2F%2F..%2F..%2F..%2Fsecret%2Ftasks%2F1%2Flog%2Fa.log",
        "%c0%ae%c0%ae%c0%afsecret",
        "%e0%80%ae%e0%80%ae/secret",
        "..\\..\\..\\secret\\1\\log\\a.log",
        "..%5c..%5csecret%5c1%5clog%5ca.log",
        "a.log%00.txt",
        "a.log%00",
        "%00",
        "a.log/..",
        "a.log/../a.log",
        "./a.log",
        "%2e/a.log",
        "/a.log",
        "%2fa.log",
        "%2fetc%2fpasswd",
        "..",
        "%2e%2e",
        "a.log%0d%0aX-Injected:%201",
        "a.log%ff",
        "a.log;/../../secret",
        "con\u{7f}",
    ];
    for target in targets {
        for method in ["GET", "HEAD", "DELETE", "PUT"] {
            let (status, answer) = status_of(&server, method, &format!("{names}{target}"), &secret);
            assert!(
                (400..500).contains(&status),
                "{method} {target} gave {status}:\n{answer}"
            );
            assert!(
                !answer.contains("theirs") && !answer.contains("root:"),
                "{answer}"
            );
            assert!(
                !answer.to_lowercase().contains("\r\nx-injected"),
                "{answer}"
            );
        }
    }
    assert_eq!(store.blobs(), before, "something was stored or taken away");
}

#[test]
fn what_is_encoded_twice_is_decoded_once() {
    let (store, server, secret) = guarded();
    let target = at("team", "1", "%252e%252e%252f%252e%252e%252fsecret");
    let (status, answer) = status_of(&server, "PUT", &target, &secret);
    assert!(status == 201, "{answer}");
    // A name like any other, that of a file in the folder of its task.
    let uri = "artifact://team/1/log/%252e%252e%252f%252e%252e%252fsecret";
    assert!(answer.contains(&format!("\"uri\":\"{uri}\"")), "{answer}");
    let folder = store.store("artifacts/team/1");
    assert!(
        store
            .blobs()
            .iter()
            .filter(|path| path.starts_with(&folder))
            .count()
            == 2
    );
}

#[test]
fn no_spelling_of_a_spec_or_task_is_taken_for_another() {
    let (_store, server, secret) = guarded();
    let specs = [
        "secret",
        "team-b",
        "Team",
        "TEAM",
        "team%20",
        "%20team",
        "team%00",
        "team%2f",
        "team%2F..",
        "team%2f..%2fsecret",
        "team%09",
        "te%C3%A0m",
        "t%D0%B5am",
        "team%CC%81",
        "team%E2%80%8B",
        "*",
        "team*",
        "team%2Ateam",
        "%74eam-b",
        "..",
        "team/../secret",
    ];
    for spec in specs {
        for method in ["GET", "PUT", "DELETE"] {
            let target = format!("/api/v1/specs/{spec}/tasks/1/log/a.log");
            let (status, answer) = status_of(&server, method, &target, &secret);
            assert!(
                [400, 403, 404].contains(&status),
                "{method} {spec} gave {status}:\n{answer}"
            );
            assert!(!answer.contains("theirs"), "{answer}");
        }
    }
    // What means the same is the same.
    let (status, answer) = status_of(
        &server,
        "GET",
        "/api/v1/specs/%74eam/tasks/%31/log/a%2elog",
        &secret,
    );
    assert!(status == 200 && answer.contains("ours"), "{answer}");
}

#[test]
fn ends_of_paths_change_nothing_that_is_asked() {
    let (_store, server, secret) = guarded();
    for target in [
        "/api/v1/specs/secret/tasks/1/log/a.log/",
        "/api/v1/specs/secret/tasks/1/log/a.log?",
        "/api/v1/specs/secret/tasks/1/log/a.log#x",
        "/api/v1/specs/secret/tasks/1/log/a.log;spec=team",
        "/api/v1/specs/secret/tasks/1/log/a.log.",
        "/api/v1/specs/secret/tasks/1/log/a.log%20",
        "/api/v1/specs/secret/tasks/1/log/a.log%3fspec=team",
        "/api/v1/specs/secret/tasks/1/log/a.log?spec=team",
        "/api/v1//specs/secret/tasks/1/log/a.log",
        "//api/v1/specs/secret/tasks/1/log/a.log",
        "/api/v1/specs/team/../secret/tasks/1/log/a.log",
        "/API/v1/specs/secret/tasks/1/log/a.log",
        "http://other/api/v1/specs/secret/tasks/1/log/a.log",
    ] {
        let (status, answer) = status_of(&server, "GET", target, &secret);
        assert!(
            (400..500).contains(&status),
            "{target} gave {status}:\n{answer}"
        );
        assert!(!answer.contains("theirs"), "{answer}");
    }
}

#[test]
fn only_one_reading_of_a_request_is_ever_taken() {
    let (_store, server, secret) = guarded();
    let bearer = format!("Authorization: Bearer {}", secret.trim());
    let smuggled = "GET /api/v1/specs/secret/tasks/1/log/a.log HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    let shapes = [
        format!(
            "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Content-Length: +{length}\r\n\r\n{smuggled}"),
        format!("Content-Length: {length}, {length}1\r\n\r\n{smuggled}"),
        format!("Content-Length: -1\r\n\r\n{smuggled}"),
        format!("X: a\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{smuggled}"),
    ];
    for shape in shapes {
        let request = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n{shape}",
            at("team", "1", "s.log")
        );
        let answer = raw(&server, request.as_bytes());
        assert!(!answer.contains("theirs"), "{shape}\n{answer}");
        // Where a second request is read, it has no token of its own.
        let others = answer.matches("HTTP/1.1 ").skip(1).count();
        let refused =
            answer.matches("HTTP/1.1 401").count() + answer.matches("HTTP/1.1 400").count();
        assert!(others <= refused, "{shape}\n{answer}");
    }
}

#[test]
fn nothing_but_one_true_token_opens() {
    let (_store, server, secret) = guarded();
    let secret = secret.trim();
    let swapped: String = secret.chars().rev().collect();
    let mut wrong = vec![
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer null".to_owned(),
        "Bearer undefined".to_owned(),
        format!("Basic {secret}"),
        format!("Token {secret}"),
        secret.to_owned(),
        format!("Bearer {}", &secret[..secret.len() - 1]),
        format!("Bearer {secret}="),
        format!("Bearer {secret} {secret}"),
        format!("Bearer {secret},"),
        format!("Bearer \"{secret}\""),
        format!("Bearer {}", secret.to_uppercase()),
        format!("Bearer {swapped}"),
        format!("Bearer {}", "a".repeat(20_000)),
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.".to_owned(),
        "Bearer ' OR 1=1 --".to_owned(),
    ];
    // Every character of it counts.
    for place in [4, 12, 20, 21, 40, secret.len() - 1] {
        let mut bytes = secret.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
        wrong.push(format!("Bearer {}", String::from_utf8(bytes).unwrap()));
    }
    for header in wrong {
        let headers = [("authorization", &*header)];
        let answer = server.send("GET", &at("team", "1", "a.log"), &headers, b"");
        answer.problem(401, "unauthenticated");
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
    for query in ["access_token", "token", "authorization", "Authorization"] {
        let path = format!("{}?{query}={secret}", at("team", "1", "a.log"));
        assert_eq!(server.get(&path).status, 401, "a token in the query");
    }
    Bearer::new(&server, secret)
        .get(&at("team", "1", "a.log"))
        .expect(200);
    assert!(!server.log().contains(&secret[21..]), "the log has a token");
}

#[test]
fn no_header_speaks_for_somebody_else() {
    let (_store, server, secret) = guarded();
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;host=localhost"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-user", "admin"),
        ("x-remote-user", "admin"),
        ("x-original-url", "/healthz"),
        ("x-rewrite-url", "/healthz"),
        ("x-http-method-override", "GET"),
        ("cookie", "token=admin"),
        ("host", "localhost"),
    ] {
        let answer = server.send("GET", "/api/v1/artifacts", &[(name, value)], b"");
        assert_eq!(answer.status, 401, "{name}");
        let header = format!("Bearer {}", secret.trim());
        let both = [(name, value), ("authorization", &*header)];
        let answer = server.send("GET", "/api/v1/usage", &both, b"");
        assert_eq!(answer.status, 403, "{name}");
    }
}
