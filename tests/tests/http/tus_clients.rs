//! Resumable uploads by clients that others have written, as they are: tuspy, tus-js-client and curl.

use std::process::Command;

use e2e::servers::{is_wanted, node_modules, venv};
use e2e::tree::noise;
use e2e::{Outcome, Sandbox, Server};

use super::{at, served};

/// A script of the tests.
fn script(name: &str) -> String {
    format!("{}/servers/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command, arguments: &[&str], code: i32) -> Outcome {
    let output = command.args(arguments).output();
    let output = output.expect("it can be started");
    Outcome::from_output(arguments, output).expect_code(code)
}

/// Uploads a file by a client that is cut off and started anew; gives what the second one says.
fn upload_in_two(
    store: &Sandbox,
    server: &Server,
    bytes: &[u8],
    client: impl Fn() -> Command,
) -> String {
    let path = store.write("sent.log", bytes);
    let memory = store.work("memory.json");
    let uploads = format!("{}/api/v1/uploads", server.url);
    let step = |step, code| {
        let (path, memory) = (path.to_str().unwrap(), memory.to_str().unwrap());
        run(&mut client(), &[&uploads, path, memory, step], code)
    };
    step("BEGIN", 7);
    let found = server.get("/api/v1/artifacts").json();
    assert_eq!(found["items"], serde_json::json!([]));
    step("RESUME", 0).text().trim().to_owned()
}

#[test]
fn tuspy_uploads_and_resumes() {
    if !is_wanted("clients") {
        return;
    }
    let (store, server) = served();
    let bytes = noise(1, 5_000_000);
    upload_in_two(&store, &server, &bytes, || {
        let mut python = Command::new(venv("python"));
        python.arg(script("tus.py"));
        python
    });
    assert!(server.get(&at("tuspy%20%C3%BC.log")).expect(200).body == bytes);
    let found = server.get("/api/v1/artifacts?tag=by=tuspy").json();
    assert_eq!(found["items"][0]["size_bytes"], bytes.len());
}

#[test]
fn tus_js_client_uploads_and_resumes() {
    if !is_wanted("node") {
        return;
    }
    let (store, server) = served();
    let bytes = noise(2, 5_000_000);
    let id = upload_in_two(&store, &server, &bytes, || {
        let mut node = Command::new("node");
        node.env("NODE_PATH", node_modules()).arg(script("tus.cjs"));
        node
    });
    let content = server.get(&format!("/api/v1/artifacts/{id}/content"));
    assert!(content.expect(200).body == bytes);
    let record = server.get(&format!("/api/v1/artifacts/{id}")).json();
    assert_eq!(record["mime_type"], "text/x-log");
    assert_eq!(record["uri"], "artifact://demo/1/log/tus-js%20%C3%BC.log");
}

#[test]
fn the_commands_of_the_page_are_true() {
    let page = format!(
        "{}/../docs/resumable-uploads.md",
        env!("CARGO_MANIFEST_DIR")
    );
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```sh\n").expect("there are commands");
    let (commands, _) = rest.split_once("```").expect("they end");
    let (store, server) = served();
    let bytes = noise(3, 3_000_000);
    store.write("build.log", &bytes);
    let commands = commands.replace("http://127.0.0.1:8080", &server.url);
    let mut shell = store.other("sh");
    run(&mut shell, &["-euc", &commands], 0);
    let path = "/api/v1/specs/web/tasks/41/log/build.log";
    assert!(server.get(path).expect(200).body == bytes);
}
