//! Signed URLs on real servers, used by programs that know nothing of the store. moto is not among
//! them: where it asks who somebody is, it fails on every request whose signature is in the URL.

use std::process::Command;
use std::thread;
use std::time::Duration;

use e2e::servers::{Access, Garage, Rgw, S3s, Server, is_wanted, venv};
use e2e::{Outcome, Sandbox};

const PAGE: &str = "<!doctype html><title>Report</title><p>everything is green</p>";

/// A name from hell, and what becomes of it in a header.
const HARD: &str = "Bericht \"ä\".html";
const HARD_IN_HEADER: &str = "bericht%20%22%c3%a4%22";

/// A store in a bucket of its own.
fn store(owner: &Access) -> Sandbox {
    in_a_bucket(Sandbox::new(), owner)
}

/// The same behind a server, which is all that the program knows.
fn served(owner: &Access) -> Sandbox {
    in_a_bucket(Sandbox::with_server("sqlite"), owner)
}

fn in_a_bucket(store: Sandbox, owner: &Access) -> Sandbox {
    let bucket = owner.make_bucket();
    store
        .with_env("ARTIFACT_BACKEND", "s3")
        .with_env("ARTIFACT_S3__BUCKET", bucket)
        .with_env("ARTIFACT_S3__ENDPOINT_URL", &owner.endpoint)
        .with_env("ARTIFACT_S3__REGION", &owner.region)
        .with_env("ARTIFACT_S3__ACCESS_KEY", &owner.access_key)
        .with_env("ARTIFACT_S3__SECRET_KEY", &owner.secret_key)
}

/// Runs a program without the store's settings, and gives what it printed.
fn run(program: &mut Command) -> Outcome {
    let output = program.output().expect("the program is installed");
    Outcome::from_output(&["client"], output)
}

fn curl(args: &[&str], url: &str) -> Outcome {
    run(Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(args)
        .arg(url))
}

fn status(args: &[&str], url: &str) -> String {
    let asked = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    let args = [&asked[..], args].concat();
    curl(&args, url).expect_code(0).text().to_owned()
}

/// A report that is stored compressed.
fn report() -> String {
    format!("{PAGE}{}", "<p>and again</p>".repeat(2_000))
}

#[track_caller]
fn urls_are_for_everybody(store: &Sandbox, owner: &Access, name: &str, header: &str) {
    store.write(format!("out/{name}"), report());
    let shown = &store.json(&["upload", "out"])[0];
    assert_eq!(shown["compressed"], true, "{shown}");
    let uri = shown["uri"].as_str().expect("a URI");
    let signed = &store.json(&["presign", uri, "--expires-in", "10m"])[0];
    assert_eq!(signed["method"], "GET");
    assert_eq!(signed["id"], shown["id"]);
    let url = store.ok(&["presign", uri]);
    let url = url.trim();
    assert!(!url.contains(&owner.secret_key), "{url}");

    let fetched = curl(&["--compressed"], url).expect_code(0);
    assert_eq!(fetched.text(), report());
    let head = curl(&["--dump-header", "-", "--output", "/dev/null"], url).expect_code(0);
    let head = head.text().to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(head.contains("content-disposition: attachment"), "{head}");
    assert!(
        head.contains(&format!("filename*=utf-8''{header}.html")),
        "{head}"
    );

    if is_wanted("clients") {
        let script = "import requests, sys; r = requests.get(sys.argv[1]); r.raise_for_status(); \
                      sys.stdout.write(r.text)";
        let fetched = run(Command::new(venv("python")).args(["-c", script, url])).expect_code(0);
        assert_eq!(fetched.text(), report());
    }
    let other = url.replace("bericht", "x").replacen("Bericht", "Andere", 1);
    assert_eq!(status(&[], &other), "403", "the signature is of one path");
    // Who may read may not write.
    assert_eq!(status(&["--upload-file", "/dev/null"], url), "403");
    let fetched = curl(&["--compressed"], url).expect_code(0);
    assert_eq!(fetched.text(), report());
}

#[track_caller]
fn bytes_are_handed_over(store: &Sandbox) {
    let path = store.write("report.html", report());
    let args = [
        "presign",
        "--upload",
        "report.html",
        "--task",
        "7",
        "--tag",
        "k=v",
    ];
    let begun = &store.json(&[&args[..], &["--size", "1MB"]].concat())[0];
    assert_eq!(begun["method"], "PUT");
    let (id, url) = (
        begun["id"].as_str().expect("an id"),
        begun["url"].as_str().expect("a URL"),
    );
    store.fails(&["complete", id], 3);
    let file = path.to_str().expect("it is UTF-8");
    assert_eq!(status(&["--upload-file", file], url), "200");
    assert!(
        store.json(&["search", "--task", "7"]).is_empty(),
        "it is not complete"
    );
    let wrong = "00".repeat(32);
    store.fails(&["complete", id, "--sha256", &wrong], 5);
    let size = report().len().to_string();
    let done = &store.json(&["complete", id, "--size", &size])[0];
    assert_eq!(
        (&done["state"], &done["compressed"]),
        (&"ACTIVE".into(), &true.into())
    );
    assert_eq!(done["tags"]["k"], "v");
    // The URL is good for a while, and changes nothing any more.
    let other = store.write("other.html", "something else");
    let other = other.to_str().expect("it is UTF-8");
    assert_eq!(status(&["--upload-file", other], url), "200");
    let uri = done["uri"].as_str().expect("a URI");
    assert_eq!(
        store.bytes(&["download", uri, "-o", "-"]),
        report().as_bytes()
    );
    store.ok(&["verify"]);
    let again = &store.json(&["complete", id])[0];
    assert_eq!(again["sha256"], done["sha256"]);

    let line = store.ok(&["presign", "--upload", "more.log"]);
    let (id, url) = line.trim().split_once("  ").expect("an id and a URL");
    assert_eq!(status(&["--upload-file", other], url), "200");
    store.ok(&["complete", id, "--abort"]);
    store.fails(&["complete", id], 3);
}

#[track_caller]
fn urls_end(store: &Sandbox) {
    urls_end_in(store, "403");
}

#[track_caller]
fn urls_end_in(store: &Sandbox, refusal: &str) {
    store.write("a.txt", "text");
    let uri = store.ok(&["upload", "a.txt"]);
    let url = store.ok(&["presign", uri.trim(), "--expires-in", "2s"]);
    assert_eq!(status(&[], url.trim()), "200");
    thread::sleep(Duration::from_millis(3_500));
    assert_eq!(status(&[], url.trim()), refusal);
}

#[test]
fn s3s_signs() {
    let s3s = S3s::start();
    urls_are_for_everybody(&store(&s3s.owner), &s3s.owner, HARD, HARD_IN_HEADER);
    bytes_are_handed_over(&store(&s3s.owner));
    urls_end(&store(&s3s.owner));
}

#[test]
fn a_server_has_its_bucket_sign() {
    let s3s = S3s::start();
    urls_are_for_everybody(&served(&s3s.owner), &s3s.owner, HARD, HARD_IN_HEADER);
    bytes_are_handed_over(&served(&s3s.owner));
}

#[test]
fn rgw_signs() {
    if let Some(rgw) = Rgw::at_hand() {
        urls_are_for_everybody(&store(&rgw.owner), &rgw.owner, HARD, HARD_IN_HEADER);
        bytes_are_handed_over(&store(&rgw.owner));
        urls_end(&store(&rgw.owner));
    }
}

#[test]
fn garage_signs() {
    if let Some(garage) = Garage::at_hand() {
        urls_are_for_everybody(&store(&garage.owner), &garage.owner, HARD, HARD_IN_HEADER);
        bytes_are_handed_over(&store(&garage.owner));
        // It takes a time that is past for a malformed one.
        urls_end_in(&store(&garage.owner), "400");
    }
}

/// A browser shows what is stored compressed, by the URL alone.
#[test]
fn a_browser_shows_a_report() {
    if !is_wanted("chromium") {
        return;
    }
    let s3s = S3s::start();
    let store = store(&s3s.owner);
    store.write("report.html", report());
    let uri = store.ok(&["upload", "report.html"]);
    let url = store.ok(&["presign", uri.trim()]);
    let fetches = format!(
        "<script>fetch({:?}).then(r => r.text()).then(t => {{ document.title = 'length ' + \
         t.length; }}).catch(e => {{ document.title = e; }})</script>",
        url.trim()
    );
    let page = store.write("page.html", fetches);
    let profile = store.work("profile");
    let shown = run(Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-web-security",
        ])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display())));
    let expected = format!("<title>length {}</title>", report().len());
    assert!(shown.text().contains(&expected), "{}", shown.text());
}
