//! Names and contents that would be headers or markup, were they taken as they are.

use e2e::Server;

use super::super::{Bearer, at};
use super::{coded, guarded, raw, status_of};

/// Names that nothing forbids, and that would break out of a quoted text or a line of a header.
const AWKWARD: [&str; 9] = [
    "\\\\server\\share",
    "C:\\evil.exe",
    "a\"; filename=\"evil.exe",
    "a'; filename*=UTF-8''evil.exe",
    "a;b=c, d.html",
    "%0d%0aX-Injected: 1",
    "<script>alert(1)</script>.html",
    "\"><img src=x onerror=alert(1)>.svg",
    "\u{202e}gpj.exe",
];

/// The head of an answer, its lines without their ends.
fn head(answer: &str) -> Vec<&str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\r\n").collect()
}

#[test]
fn a_name_adds_no_header() {
    let (_store, server, secret) = guarded();
    for name in [
        "a%0d%0aX-Injected:%201",
        "a%0aX-Injected:%201",
        "a%0dX-Injected:%201",
        "a%E5%98%8A%E5%98%8DX-Injected:%201",
        "a%C4%8D%C4%8AX-Injected:%201",
        "a%c2%85X-Injected:%201",
        "a%e2%80%a8X-Injected:%201",
    ] {
        for method in ["PUT", "GET", "DELETE", "POST"] {
            let (_, answer) = status_of(&server, method, &at("team", "1", name), &secret);
            let lines = head(&answer);
            let is_added = |line: &&str| line.to_lowercase().starts_with("x-injected");
            assert!(!lines.iter().any(is_added), "{method} {name}:\n{answer}");
            assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
        }
    }
}

#[test]
fn a_scope_adds_no_header_to_an_export() {
    let (_store, server, secret) = guarded();
    for spec in ["a%0d%0aX-Injected:%201", "team%22%0d%0aX: 1", "%0a"] {
        let spec = spec.replace(' ', "%20");
        let target = format!("/api/v1/specs/{spec}/export");
        let (status, answer) = status_of(&server, "GET", &target, &secret);
        assert!([400, 403].contains(&status), "{answer}");
        assert!(!answer.contains("\r\nX"), "{answer}");
    }
}

#[test]
fn what_a_client_says_of_an_upload_adds_no_header() {
    let (store, server, secret) = guarded();
    let me = Bearer::new(&server, &secret);
    let bearer = &*me.header;
    for (key, value) in [
        ("filename", "YQ0KWC1JbmplY3RlZDogMQ=="),
        ("filetype", "dGV4dC9odG1sDQpYLUluamVjdGVkOiAx"),
        ("type", "bG9nDQpYOiAx"),
    ] {
        let names = [
            ("filename", "YS5sb2c="),
            ("spec", "dGVhbQ=="),
            ("task", "MQ=="),
        ];
        let others = names.iter().filter(|(name, _)| *name != key);
        let mut all: Vec<_> = others
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        all.push(format!("{key} {value}"));
        let said = all.join(",");
        let headers = [
            ("authorization", bearer),
            ("tus-resumable", "1.0.0"),
            ("upload-length", "0"),
            ("upload-metadata", &*said),
        ];
        let answer = server.send("POST", "/api/v1/uploads", &headers, b"");
        assert_eq!(answer.status, 400, "{key}: {}", answer.text());
    }
    for mime in ["text/plain\r\nX-Injected: 1", "text/plain\nX: 1", "a b/c"] {
        store.write("b.log", "b");
        store.fails(&["upload", "b.log", "--mime", mime], 2);
    }
}

#[test]
fn a_name_breaks_out_of_no_disposition() {
    let (_store, server, secret) = guarded();
    let me = Bearer::new(&server, &secret);
    for name in AWKWARD {
        let path = at("team", "1", &coded(name));
        me.put(&path, b"x").expect(201);
        for query in ["", "?download=true"] {
            let answer = me.get(&format!("{path}{query}")).expect(200);
            let said = answer.header("content-disposition");
            let (way, rest) = said.split_once("; filename=\"").unwrap();
            assert!(["inline", "attachment"].contains(&way), "{said}");
            let (plain, coded) = rest.split_once('"').unwrap();
            assert!(!plain.contains(['"', '\\', '%']), "{said}");
            let coded = coded.strip_prefix("; filename*=UTF-8''");
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_`|~%".contains(c);
            assert!(
                coded.unwrap_or_default().chars().all(is_plain),
                "{name}: {said}"
            );
            assert_eq!(
                answer.headers.get_all("content-disposition").iter().count(),
                1
            );
        }
    }
}

#[test]
fn names_in_an_exported_archive_lead_nowhere() {
    let (store, server, secret) = guarded();
    let me = Bearer::new(&server, &secret);
    for name in AWKWARD {
        me.put(&at("team", "1", &coded(name)), b"x").expect(201);
    }
    for format in ["zip", "tar.gz"] {
        let path = format!("/api/v1/specs/team/export?format={format}&metadata=true");
        let archive = me.get(&path).expect(200);
        let disposition = archive.header("content-disposition").to_owned();
        assert_eq!(
            disposition,
            format!("attachment; filename=\"team.{format}\"")
        );
        store.write("all", &archive.body);
        let script = "import sys, tarfile, zipfile\n\
            z = zipfile.is_zipfile('all')\n\
            a = zipfile.ZipFile('all') if z else tarfile.open('all')\n\
            for n in (a.namelist() if z else a.getnames()): print(ascii(n))";
        let output = store
            .other("python3")
            .args(["-c", script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let names = String::from_utf8(output.stdout).unwrap();
        let names: Vec<_> = names
            .lines()
            .map(|name| name.trim_matches(['\'', '"']))
            .collect();
        assert!(names.len() > AWKWARD.len(), "{names:?}");
        for name in names {
            let leads_out = name.starts_with('/')
                || name.split('/').any(|part| part == "..")
                || name.contains("\\\\")
                || name.contains("\\n")
                || name.contains("\\r")
                || name.contains("\\x0");
            assert!(!leads_out, "{format}: {name}");
        }
    }
}

#[test]
fn content_runs_nothing_in_a_browser() {
    let (_store, server, secret) = guarded();
    let me = Bearer::new(&server, &secret);
    let markup = b"<html><script>alert(document.domain)</script></html>";
    for name in [
        "page.html",
        "page.xhtml",
        "image.svg",
        "style.xml",
        "a.js",
        "a.wasm",
        "a.mjs",
        "feed.rss",
        "page.htm",
        "noending",
        "a.txt",
        "a.json",
        "a.pdf",
        "a.png",
    ] {
        me.put(&at("team", "1", name), markup).expect(201);
        let answer = me.get(&at("team", "1", name)).expect(200);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("sandbox; default-src 'none'"), "{name}");
        assert!(!policy.contains("allow-"), "{name}: {policy}");
        let kind = answer.header("content-type").to_owned();
        let is_shown = answer.header("content-disposition").starts_with("inline");
        let runs = ["html", "xml", "svg", "script", "wasm"];
        let can_run = runs.iter().any(|word| kind.contains(word));
        assert!(!(is_shown && can_run), "{name} is shown as {kind}");
    }
    // Whatever type its client says it has.
    let headers = [
        ("authorization", &*me.header),
        ("content-type", "text/html"),
    ];
    let path = at("team", "1", "said.txt");
    server.send("PUT", &path, &headers, markup).expect(201);
    let answer = me.get(&path).expect(200);
    let way = answer.header("content-disposition");
    assert!(way.starts_with("attachment"), "{way}");
    let shown = me.get(&format!("{path}?download=false")).expect(200);
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    let policy = shown.header("content-security-policy");
    assert!(
        policy.starts_with("sandbox; default-src 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("allow-"), "{policy}");
}

#[test]
fn problems_and_lists_repeat_no_markup_as_markup() {
    let (_store, server, secret) = guarded();
    let me = Bearer::new(&server, &secret);
    let name = "<script>alert(1)</script>";
    let path = at("team", "1", &coded(name));
    let missing = me.get(&path);
    missing.problem(404, "not-found");
    me.put(&path, b"x").expect(201);
    for answer in [
        missing,
        me.get("/api/v1/artifacts?tag=%3Cscript%3E").expect(200),
        me.get(&format!("/api/v1/artifacts?sort={}", coded(name))),
        me.get(&format!("/api/v1/{}", coded(name))),
        me.get("/api/v1/artifacts").expect(200),
        me.get("/api/v1/holds").expect(200),
    ] {
        let kind = answer.header("content-type");
        let is_data = [
            "application/json",
            "application/problem+json",
            "application/x-ndjson",
        ];
        assert!(is_data.contains(&kind), "{kind}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{kind}");
    }
}

#[test]
fn what_is_no_request_is_answered_without_repeating_it() {
    fn answer(server: &Server, request: &str) -> String {
        raw(server, request.as_bytes())
    }
    let (_store, server, _) = guarded();
    for request in [
        "<script>alert(1)</script>\r\n\r\n",
        "GET /<script>alert(1)</script> HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n",
        "GET / HTTP/9.9<script>\r\n\r\n",
    ] {
        let answer = answer(&server, request);
        assert!(!answer.contains("<script>"), "{request:?}:\n{answer}");
    }
}
