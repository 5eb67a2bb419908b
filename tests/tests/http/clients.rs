//! Clients that nobody here wrote: what they do by themselves must work.

use std::process::Command;

use e2e::servers::{is_wanted, venv};
use e2e::tree::noise;
use e2e::{Outcome, Sandbox, Server};

use super::{at, lines, served};

fn run(command: &mut Command) -> Outcome {
    let output = command.output().expect("it can be started");
    Outcome::from_output(&["client"], output)
}

/// Every operation with thousands of requests that the description allows, and that it does not: no
/// answer is a fault of the server, and none is other than described.
#[test]
fn the_description_is_kept_whatever_is_asked() {
    if !is_wanted("clients") {
        return;
    }
    let (store, server) = served();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_headers_conformance,response_schema_conformance,\
                  negative_data_rejection,unsupported_method";
    // Who does not say the version of tus is refused with 412, as tus has it; and a range may lie behind the end.
    let settings = "[checks.negative_data_rejection]\n\
                    expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 416, 422, 428, 429]\n";
    let settings = store.write("schemathesis.toml", settings);
    let outcome = run(store
        .other(venv("schemathesis"))
        .env(
            "PYTHONPATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/servers"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .arg("--config-file")
        .arg(settings)
        .arg("run")
        .arg(format!("{}/openapi.json", server.url))
        .args(["--checks", checks, "--max-examples", "40", "--seed", "1"])
        // A store on disk signs no URLs, and says so with 501.
        .args(["--exclude-operation-id", "presign"])
        .args(["--exclude-operation-id", "begin_upload"])
        // And it has no bucket with rules of its own.
        .args(["--exclude-operation-id", "lifecycle"])
        .args(["--exclude-operation-id", "set_lifecycle"])
        .args(["--exclude-operation-id", "cors"])
        .args(["--exclude-operation-id", "set_cors"])
        .args(["--exclude-operation-id", "policy"])
        .args(["--exclude-operation-id", "set_policy"])
        .arg("--continue-on-failure")
        .args(["--no-color", "--generation-database", "none"]));
    let said = outcome.text().to_owned();
    assert_eq!(outcome.code, Some(0), "{said}\n{}", outcome.stderr);
    let cases = said
        .lines()
        .find_map(|line| line.trim().split_once(" generated, "));
    let generated = cases.and_then(|(count, _)| count.parse::<u32>().ok());
    assert!(generated.is_some_and(|count| count > 1_000), "{said}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn curl_uploads_downloads_and_goes_on() {
    let (store, server) = served();
    let text = lines(200_000);
    store.write("a.log", &text);
    let url = format!("{}{}", server.url, at("a.log"));
    let curl = |args: &[&str]| {
        let mut command = store.other("curl");
        command.args(["--silent", "--show-error", "--fail"]);
        run(command.args(args)).expect_code(0)
    };
    curl(&["--upload-file", "a.log", &url]);
    let sent = curl(&["--upload-file", "-", &format!("{url}.empty")]);
    assert!(sent.text().contains("\"size_bytes\":0"), "{}", sent.text());
    curl(&["--compressed", "--output", "whole", &url]);
    assert!(store.read("whole") == text);
    store.write("rest", &text[..1_234_567]);
    curl(&["--continue-at", "-", "--output", "rest", &url]);
    assert!(store.read("rest") == text);
    let part = curl(&["--range", "100-199", &url]);
    assert_eq!(part.stdout, &text[100..200]);
    let again = curl(&[
        "--http2-prior-knowledge",
        "--output",
        "h2",
        "--write-out",
        "%{http_version}",
        &url,
    ]);
    assert_eq!(again.text(), "2");
    assert!(store.read("h2") == text);
}

#[test]
fn python_streams_both_ways() {
    if !is_wanted("clients") {
        return;
    }
    let (store, server) = served();
    let bytes = noise(1, 3_000_000);
    store.write("a.bin", &bytes);
    let script = r#"
import hashlib, requests, sys
url = sys.argv[1]
digest = hashlib.sha256(open("a.bin", "rb").read()).hexdigest()
def chunks():
    with open("a.bin", "rb") as file:
        while chunk := file.read(100_000):
            yield chunk
made = requests.put(url, data=chunks(), headers={"X-Checksum-Sha256": digest, "If-None-Match": "*"})
assert made.status_code == 201, made.text
assert made.json()["sha256"] == digest
again = requests.put(url, data=chunks(), headers={"If-None-Match": "*"})
assert again.status_code == 412, again.text
with requests.get(url, stream=True) as got, open("b.bin", "wb") as file:
    got.raise_for_status()
    for chunk in got.iter_content(65_536):
        file.write(chunk)
known = requests.get(url, headers={"If-None-Match": got.headers["ETag"]})
assert known.status_code == 304 and not known.content
found = requests.get(url.split("/specs/")[0] + "/artifacts", params={"tag": [], "spec": "demo"}).json()
assert [one["name"] for one in found["items"]] == ["a.bin"]
"#;
    let url = format!("{}{}", server.url, at("a.bin"));
    let _ = run(store.other(venv("python")).args(["-c", script, &url])).expect_code(0);
    assert!(store.read("b.bin") == bytes);
}

/// A browser takes content as it is, and runs nothing of it.
#[test]
fn a_browser_fetches_and_runs_nothing() {
    if !is_wanted("chromium") {
        return;
    }
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__CORS_ORIGINS", "*");
    let server = Server::start(&store);
    let report = b"<html><head><title>quiet</title></head><body><p>report</p>\
                   <script>document.title = 'it ran'</script></body></html>";
    server.put(&at("report.html"), report).expect(201);
    server.put(&at("a.log"), &lines(1_000)).expect(201);
    let browse = |url: &str| {
        let profile = store.work("profile");
        let shown = run(store
            .other("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-web-security",
            ])
            .args(["--virtual-time-budget=10000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url));
        shown.text().to_owned()
    };
    let shown = browse(&format!(
        "{}{}?download=false",
        server.url,
        at("report.html")
    ));
    assert!(
        shown.contains("<p>report</p>") && shown.contains("<title>quiet</title>"),
        "{shown}"
    );
    let picture = b"<svg xmlns='http://www.w3.org/2000/svg' onload=\"this.setAttribute('ran', 1)\">\
                    <script>document.documentElement.setAttribute('ran', 2)</script><text>drawn</text></svg>";
    server.put(&at("picture.svg"), picture).expect(201);
    let address = format!("{}{}", server.url, at("picture.svg"));
    let shown = browse(&format!("{address}?download=false"));
    assert!(
        shown.contains("drawn") && !shown.contains("ran=\"1\"") && !shown.contains("ran=\"2\""),
        "{shown}"
    );
    let url = format!("{}{}", server.url, at("a.log"));
    let page = format!(
        "<script>fetch({url:?}).then(r => r.text()).then(t => {{ document.title = 'length ' + \
         t.length; }}).catch(e => {{ document.title = e; }})</script>"
    );
    let page = store.write("page.html", page);
    let fetched = browse(&format!("file://{}", page.display()));
    let expected = format!("<title>length {}</title>", lines(1_000).len());
    assert!(fetched.contains(&expected), "{fetched}");
}
