//! Where keys, region and endpoint come from where the settings say nothing: what AWS's own tools
//! read. And whose certificates are trusted.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use e2e::Sandbox;
use e2e::servers::{Access, S3s};

/// A store in the bucket of a server, whose settings name neither keys nor region.
fn without_keys(server: &S3s) -> Sandbox {
    crate::sandbox(&server.owner)
        .without_env("ARTIFACT_S3__ACCESS_KEY")
        .without_env("ARTIFACT_S3__SECRET_KEY")
        .without_env("ARTIFACT_S3__REGION")
        // Nobody is asked who is not on this machine.
        .with_env("AWS_EC2_METADATA_DISABLED", "true")
}

/// Asserts that it can be used, and that a command with large parts and raw requests goes through.
#[track_caller]
fn works(store: &Sandbox) {
    store.write("x.txt", "content");
    store.ok(&["upload", "x.txt", "--spec", "s", "--task", "1"]);
    let read = store.ok(&["cat", "artifact://s/1/document/x.txt"]);
    assert_eq!(read, "content");
    // It lists multipart uploads, by requests that are signed elsewhere.
    store.ok(&["gc", "--grace-hours", "1"]);
    store.ok(&["presign", "artifact://s/1/document/x.txt"]);
}

/// Writes a file below the home of the sandbox's user.
fn at_home(store: &Sandbox, relative: &str, text: &str) -> std::path::PathBuf {
    let path = store.home().join(relative);
    let folder = path.parent().expect("it lies in a folder");
    fs::create_dir_all(folder).expect("folders can be made");
    fs::write(&path, text).expect("files can be written");
    path
}

/// What a file of AWS's says of somebody's keys.
fn keys(access: &Access) -> String {
    format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\n",
        access.access_key, access.secret_key
    )
}

/// What a program or a service says of somebody's keys; `token` names what a session has.
fn keys_as_json(access: &Access, more: &str) -> String {
    format!(
        r#"{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}"{more}}}"#,
        access.access_key, access.secret_key
    )
}

#[test]
fn keys_come_from_the_environment() {
    let server = S3s::start();
    let store = without_keys(&server)
        .with_env("AWS_ACCESS_KEY_ID", &server.owner.access_key)
        .with_env("AWS_SECRET_ACCESS_KEY", &server.owner.secret_key);
    works(&store);
}

#[test]
fn keys_region_and_endpoint_come_from_a_profile() {
    let server = S3s::start();
    let store = without_keys(&server)
        .without_env("ARTIFACT_S3__ENDPOINT_URL")
        .with_env("AWS_PROFILE", "ci");
    let wrong = "[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n";
    let credentials = format!("{wrong}\n[ci]\n{}", keys(&server.owner));
    at_home(&store, ".aws/credentials", &credentials);
    let endpoint = &server.owner.endpoint;
    let profile = format!("[profile ci]\nregion = us-east-1\nendpoint_url = {endpoint}\n");
    at_home(&store, ".aws/config", &profile);
    works(&store);
    // What the environment names goes before what lies at home.
    let elsewhere = at_home(
        &store,
        "elsewhere/keys",
        &format!("[ci]\n{}", keys(&server.owner)),
    );
    at_home(&store, ".aws/credentials", wrong);
    works(&store.with_env("AWS_SHARED_CREDENTIALS_FILE", elsewhere));
}

#[test]
fn keys_come_from_a_program_that_a_profile_names() {
    let server = S3s::start();
    let store = without_keys(&server);
    let runs = store.work("runs");
    let keys = keys_as_json(&server.owner, "");
    let script = format!("#!/bin/sh\necho >> '{}'\necho '{keys}'\n", runs.display());
    let program = at_home(&store, "bin/give-keys", &script);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let profile = format!("[default]\ncredential_process = {}\n", program.display());
    at_home(&store, ".aws/config", &profile);
    works(&store);
    // It may ask somebody for a code each time.
    fs::remove_file(&runs).expect("it has run");
    store.ok(&["gc"]);
    assert_eq!(fs::read(&runs).expect("it has run").len(), 1);
}

#[test]
fn keys_come_from_the_container_that_it_runs_in() {
    let server = S3s::start();
    let more = r#","Token":"","Expiration":"2999-01-01T00:00:00Z""#;
    let answer = keys_as_json(&server.owner, more);
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("somebody came");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).expect("it asks");
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let length = answer.len();
            write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{answer}").expect("it reads");
        }
    });
    let uri = format!("http://127.0.0.1:{port}/keys");
    works(&without_keys(&server).with_env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri));
}

#[test]
fn without_keys_it_says_where_it_looked() {
    let server = S3s::start();
    let store = without_keys(&server);
    store.write("x.txt", "content");
    let outcome = store.run(&["upload", "x.txt"]).expect_code(4);
    outcome.says(&[
        "no credentials",
        "hint",
        "s3.access_key",
        "environment, profile",
    ]);
    at_home(&store, ".aws/config", "[default\nregion");
    let outcome = store.run(&["upload", "x.txt"]).expect_code(2);
    outcome.says(&["profiles of AWS", ".aws/config", "hint"]);
}

#[test]
fn a_service_with_certificates_of_its_own_is_trusted_by_a_bundle() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("safe")).expect("a folder can be made");
    let server = S3s::with_tls_over(folder.path());
    let authority = server.certificate.clone().expect("it has one");
    let store = Sandbox::with_index("sqlite").in_bucket(&server.owner, "safe");
    store.write("x.txt", "content");
    let outcome = store.run(&["upload", "x.txt", "-v"]).expect_code(9);
    outcome.says(&["certificate", "AWS_CA_BUNDLE"]);
    assert!(!outcome.stderr.contains("retrying"), "{outcome}");
    let bundle = store.write("authority.pem", authority);
    let trusting = |store: Sandbox, name: &str, path: &Path| store.with_env(name, path);
    let store = trusting(store, "AWS_CA_BUNDLE", &bundle);
    works(&store);
    let store = trusting(store.without_env("AWS_CA_BUNDLE"), "SSL_CERT_FILE", &bundle);
    works(&store);
    let none = store.write("none.pem", "no certificate");
    let store = trusting(store, "AWS_CA_BUNDLE", &none);
    let outcome = store.run(&["upload", "x.txt"]).expect_code(2);
    outcome.says(&["none.pem", "PEM"]);
}
