//! TLS: who is answered, which certificate is shown, and who cannot hold the server up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Outcome, Sandbox, Server, eventually};
use tokio_rustls::rustls;

use super::{at, lines};

/// A certificate of its own authority and its key, as PEM.
struct Pair {
    cert: String,
    key: String,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    Pair {
        cert: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

impl Pair {
    fn write(&self, store: &Sandbox) {
        // As those do it who exchange certificates: a file in the place of the other.
        for (name, text) in [("key.pem", &self.key), ("cert.pem", &self.cert)] {
            let new = store.write(format!("{name}.new"), text);
            private(&new);
            std::fs::rename(new, store.work(name)).unwrap();
        }
    }
}

fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A store whose server speaks TLS with what is in `cert.pem` and `key.pem`.
fn secured() -> Sandbox {
    let store = Sandbox::new();
    let (cert, key) = (store.work("cert.pem"), store.work("key.pem"));
    store
        .with_env("ARTIFACT_HTTP__TLS_CERT", cert)
        .with_env("ARTIFACT_HTTP__TLS_KEY", key)
}

fn served() -> (Sandbox, Server) {
    let store = secured();
    pair().write(&store);
    let token = store.ok(&["token", "create", "me", "--allow", "admin"]);
    store.write("bearer", format!("Authorization: Bearer {token}"));
    let server = Server::start(&store);
    assert!(
        server.url.starts_with("https://127.0.0.1:"),
        "{}",
        server.url
    );
    (store, server)
}

/// What curl says, which knows no authority but the one in `cert.pem`.
fn curl(store: &Sandbox, cert: &str, args: &[&str]) -> Outcome {
    let mut command = store.other("curl");
    let authority = store.work(cert);
    command.args(["-sS", "--max-time", "20"]);
    if store.work("bearer").exists() {
        command.args(["-H", "@bearer"]);
    }
    command.arg("--cacert");
    let output = command.arg(authority).args(args).output();
    Outcome::from_output(args, output.expect("curl can be run"))
}

fn address(server: &Server) -> &str {
    server.url.strip_prefix("https://").unwrap()
}

#[test]
fn both_versions_are_spoken_by_curl() {
    let (store, server) = served();
    store.write("a.log", lines(100_000));
    let url = format!("{}{}", server.url, at("a.log"));
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let put = curl(&store, "cert.pem", &[flag, "-T", "a.log", &url]);
        let put = put.expect_code(0);
        assert!(put.text().contains("\"size_bytes\":"), "{put}");
        let format = "%{http_code} %{http_version}";
        let got = curl(&store, "cert.pem", &[flag, "-o", "got", "-w", format, &url]);
        assert_eq!(got.expect_code(0).text(), format!("200 {version}"));
        assert!(store.read("got") == lines(100_000));
    }
    pair().write(&store);
    // Somebody else's certificate: the server's is not its authority's.
    let refused = curl(&store, "cert.pem", &[&url]);
    assert_eq!(refused.code, Some(60), "{refused}");
}

#[test]
fn signed_urls_lead_to_it_whatever_version_asks() {
    let (store, server) = served();
    let url = format!("{}{}", server.url, at("a.log"));
    for flag in ["--http1.1", "--http2"] {
        let signed = curl(&store, "cert.pem", &[flag, "-X", "POST", &url]).expect_code(0);
        let signed: serde_json::Value = serde_json::from_str(signed.text()).unwrap();
        let signed = signed["url"].as_str().unwrap_or_default().to_owned();
        assert!(signed.starts_with(&format!("{url}?")), "{signed}");
        store.write("a.log", "hello\n");
        let put = ["-f", "-o", "put", "-T", "a.log", &signed];
        let _ = curl(&store, "cert.pem", &put).expect_code(0);
    }
}

#[test]
fn another_client_speaks_it_too() {
    let (store, server) = served();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = reqwest::Certificate::from_pem(&store.read("cert.pem")).unwrap();
    let bearer = String::from_utf8(store.read("bearer")).unwrap();
    let (_, bearer) = bearer.trim().split_once(": ").unwrap();
    let headers = [(reqwest::header::AUTHORIZATION, bearer.parse().unwrap())];
    let client = reqwest::Client::builder()
        .default_headers(headers.into_iter().collect())
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let url = format!("{}{}", server.url, at("a.log"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let body = lines(50_000);
        let put = client.put(&url).body(body.clone()).send().await.unwrap();
        assert_eq!(
            (put.status().as_u16(), put.version()),
            (201, reqwest::Version::HTTP_2)
        );
        let many = (0..50).map(|_| async {
            let got = client.get(&url).send().await.unwrap();
            got.bytes().await.unwrap() == body
        });
        assert!(
            futures::future::join_all(many)
                .await
                .iter()
                .all(|same| *same)
        );
    });
}

#[test]
fn keys_come_in_every_form() {
    let store = secured();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
        ])
        .args(["-subj", "/CN=a", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "rsa.pem", "-out", "cert.pem"])
        .current_dir(store.work(""))
        .output()
        .expect("openssl can be run");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let convert = |args: &[&str]| {
        let mut command = Command::new("openssl");
        let output = command.args(args).current_dir(store.work("")).output();
        assert!(output.expect("openssl can be run").status.success());
        private(&store.work("key.pem"));
    };
    let serves = |begin: &str| {
        let key = store.read("key.pem");
        assert!(key.starts_with(begin.as_bytes()), "it is another form");
        let server = Server::start(&store);
        let url = format!("{}/healthz", server.url);
        assert_eq!(
            curl(&store, "cert.pem", &[&url]).expect_code(0).text(),
            "ok\n"
        );
    };
    convert(&["rsa", "-in", "rsa.pem", "-traditional", "-out", "key.pem"]);
    serves("-----BEGIN RSA PRIVATE KEY");
    convert(&["pkey", "-in", "rsa.pem", "-out", "key.pem"]);
    serves("-----BEGIN PRIVATE KEY");
    let other = pair();
    store.write("cert.pem", &other.cert);
    store.write("ec.pem", &other.key);
    convert(&["ec", "-in", "ec.pem", "-out", "key.pem"]);
    serves("-----BEGIN EC PRIVATE KEY");
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let (store, server) = served();
    let url = format!("{}/healthz", server.url);
    let is_shown = |cert: &str| curl(&store, cert, &[&url]).code == Some(0);
    let old = store.read("cert.pem");
    store.write("old.pem", &old);
    pair().write(&store);
    eventually("the new certificate", || is_shown("cert.pem"));
    assert!(!is_shown("old.pem"));
    // One that does not fit, and one that is none: what is shown stays.
    let good = store.read("cert.pem");
    store.write("good.pem", &good);
    store.write("cert.pem", pair().cert);
    eventually("a word on it", || {
        server.log().contains("is not that of the certificate")
    });
    assert!(is_shown("good.pem"));
    store.write("cert.pem", "none\n");
    eventually("a word on it", || {
        server.log().contains("holds no certificate")
    });
    std::fs::remove_file(store.work("key.pem")).unwrap();
    eventually("a word on it", || {
        server.log().contains("holds no certificate")
    });
    assert!(is_shown("good.pem"));
    pair().write(&store);
    server.signal("HUP");
    eventually("the newest certificate", || is_shown("cert.pem"));
}

#[test]
fn who_speaks_plain_http_is_told() {
    let (_store, server) = served();
    let mut stream = TcpStream::connect(address(&server)).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.contains("this port speaks TLS"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["type"], "urn:artifact-store:error:invalid-input");
}

#[test]
fn a_handshake_that_is_not_finished_is_cut_off() {
    let store = secured().with_env("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "1");
    pair().write(&store);
    let server = Server::start(&store);
    // Nothing, and the beginning of a hello.
    for sent in [&b""[..], &[22, 3, 1, 2, 0, 1, 0]] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address(&server)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(sent).unwrap();
        let mut rest = Vec::new();
        // It ends or is reset: either way it is over.
        let _ = stream.read_to_end(&mut rest);
        let took = begun.elapsed();
        assert!(
            took > Duration::from_millis(800) && took < Duration::from_secs(10),
            "{took:?}"
        );
    }
}

#[test]
fn idle_handshakes_keep_nobody_waiting() {
    let (store, server) = served();
    let idle: Vec<_> = (0..1_000)
        .map(|_| TcpStream::connect(address(&server)).unwrap())
        .collect();
    let begun = Instant::now();
    let url = format!("{}/healthz", server.url);
    let _ = curl(&store, "cert.pem", &[&url]).expect_code(0);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    // Nor does the server wait for them at its end.
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    drop(idle);
}

#[test]
fn what_cannot_be_served_with_is_refused_at_the_start() {
    let store = secured();
    let refused = |parts: &[&str]| {
        let mut command = store.other(e2e::artifact_http());
        command.env("ARTIFACT_HTTP__LISTEN", "127.0.0.1:0");
        let outcome = Outcome::from_output(&["artifact-http"], command.output().unwrap());
        outcome.expect_code(2).says(parts);
    };
    refused(&["http.tls_cert", "cert.pem", "can't be read", "No such file"]);
    let (one, other) = (pair(), pair());
    store.write("cert.pem", &one.cert);
    refused(&["http.tls_key", "key.pem", "can't be read"]);
    store.write("key.pem", &other.key);
    refused(&["key.pem", "is not that of the certificate", "cert.pem"]);
    store.write("key.pem", &one.cert);
    refused(&["http.tls_key", "holds no private key", "PKCS#8"]);
    store.write("key.pem", &one.key);
    store.write("cert.pem", &one.key);
    refused(&["http.tls_cert", "holds no certificate"]);
    store.write(
        "cert.pem",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    );
    refused(&["http.tls_cert", "is no PEM"]);
}

#[test]
fn a_key_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let (store, server) = served();
    assert!(
        !server.log().contains("can be read by everybody"),
        "{}",
        server.log()
    );
    drop(server);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(store.work("key.pem"), open).unwrap();
    let server = Server::start(&store);
    let log = server.log();
    assert!(
        log.contains("can be read by everybody") && log.contains("key.pem"),
        "{log}"
    );
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}
