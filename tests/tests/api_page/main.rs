//! docs/api.md is what the server's own description says, and its examples work.
//!
//! After a change that was meant, write it anew with `E2E_UPDATE_SNAPSHOTS=1 cargo nextest run -p e2e --test
//! api_page` and look at the difference.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod curl;
mod page;
mod types;

use std::process::Command;

use e2e::{Outcome, Sandbox, Server};
use serde_json::Value;

/// What the server says of itself.
fn description() -> Value {
    let output = Command::new(e2e::artifact_http()).arg("--openapi").output();
    let output = Outcome::from_output(&["--openapi"], output.expect("it can be started"));
    serde_json::from_str(output.expect_code(0).text()).unwrap()
}

/// A method of a path.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    about: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.about["operationId"].as_str().expect("it has an id")
    }

    fn parameters(&self) -> &[Value] {
        self.about["parameters"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }
}

/// Every operation, in the order of the paths.
fn operations(description: &Value) -> Vec<Operation<'_>> {
    let paths = description["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, about)| Operation {
            method,
            path,
            about,
        })
    });
    all.collect()
}

#[test]
fn the_page_of_the_interface_says_what_the_description_says() {
    let page = page::of(&description());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    if std::env::var_os("E2E_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        kept == page,
        "docs/api.md is old: E2E_UPDATE_SNAPSHOTS=1 cargo nextest run -p e2e --test api_page"
    );
}

/// Runs the example of every operation, where there is what it asks for.
#[test]
fn every_example_of_the_interface_works() {
    let description = description();
    let cold = tempfile::tempdir().unwrap();
    let files = Sandbox::new().with_env(
        "ARTIFACT_TIERS__COLD__BASE_PATH",
        cold.path().to_str().unwrap(),
    );
    // A store on disk signs no URLs.
    let bucket = Sandbox::with_bucket("sqlite");
    let on_files = (Server::start(&files), &files, None);
    let in_bucket = (Server::start(&bucket), &bucket, None);
    let rules = Sandbox::on_moto("sqlite");
    let with_rules = (Server::start(&rules), &rules, None);
    // What a token makes ends with it, so one is needed.
    let guarded = Sandbox::new();
    let token = guarded.ok(&["token", "create", "admin", "--allow", "admin"]);
    let with_token = (
        Server::start(&guarded).bearing(&token),
        &guarded,
        Some(&*token),
    );
    for operation in operations(&description) {
        let (server, store, token) = match operation.id() {
            "presign" | "begin_upload" | "abort_upload" | "lifecycle" | "cors" | "policy" => {
                &in_bucket
            }
            // Where no server with such buckets is at hand that is said, and the blobs are files.
            "set_lifecycle" | "set_cors" | "set_policy" if !with_rules.1.has_bucket() => continue,
            "set_lifecycle" | "set_cors" | "set_policy" => &with_rules,
            "list_tokens" | "create_token" | "revoke_token" | "rotate_key" => &with_token,
            _ => &on_files,
        };
        run(&operation, server, store, *token);
    }
}

fn run(operation: &Operation<'_>, server: &Server, store: &Sandbox, token: Option<&str>) {
    let log = store.write("build.log", "one\ntwo\nthree\n");
    let tar = Command::new("tar")
        .args(["-cf", "build.tar", "build.log"])
        .current_dir(store.work("."))
        .status();
    assert!(tar.unwrap().success(), "an archive to be imported");
    let url = "/api/v1/specs/demo/tasks";
    let bytes = std::fs::read(log).unwrap();
    server
        .put(&format!("{url}/2/log/build.log"), &bytes)
        .expect(201);
    let put = server
        .put(&format!("{url}/1/log/build.log"), &bytes)
        .expect(201);
    let mut id = put.json()["id"].as_str().unwrap().to_owned();
    if operation.id() == "abort_upload" {
        let body = br#"{"spec": "demo", "task": "1", "name": "more.log"}"#;
        let begun = server.send("POST", "/api/v1/artifacts", &[], body);
        begun.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .clone_into(&mut id);
    }
    if operation.id() == "restore" {
        let path = format!("/api/v1/artifacts/{id}/archive");
        server.send("POST", &path, &[], b"").expect(200);
    }
    let tus = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "14"),
        ("upload-metadata", "name YnVpbGQubG9n"),
    ];
    let begun = server
        .send("POST", "/api/v1/uploads", &tus, b"")
        .expect(201);
    let upload = begun.header("location").rsplit('/').next().unwrap();
    if operation.id() == "uploaded_artifact" {
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-offset", "0"),
            ("content-type", "application/offset+octet-stream"),
        ];
        let path = begun.header("location");
        server.send("PATCH", path, &headers, &bytes).expect(204);
    }
    if operation.id() == "revoke_token" {
        store.ok(&["token", "create", "ci-web", "--allow", "read"]);
    }
    // What the examples leave out: the status, that it counts, and who asks.
    let asks = token.map(|token| format!("header = \"Authorization: Bearer {}\"\n", token.trim()));
    let usual = "fail-with-body\nwrite-out = \"%{stderr}%{http_code}\\n\"\n";
    store.write(".curlrc", [usual, &asks.unwrap_or_default()].concat());
    let example = curl::example(operation);
    let output = store
        .other("sh")
        .args(["-euc", &example])
        .env("CURL_HOME", store.work("."))
        .env("STORE", &server.url)
        .env("ID", &id)
        .env("UPLOAD", upload)
        .output()
        .expect("a shell can be started");
    let outcome = Outcome::from_output(&[&example], output).expect_code(0);
    let status = outcome.stderr.trim().lines().last().unwrap_or_default();
    let said = operation.about["responses"].get(status);
    assert!(
        status.starts_with('2') && said.is_some(),
        "{example}: {outcome}"
    );
}
