//! Tokens and signed URLs that are forged, altered, replayed, too old, too early, or looked for where they
//! must not be.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use artifact_testkit::issuer::{key_set, unsigned, with_secret};
use e2e::servers::is_wanted;
use e2e::{Sandbox, Server, eventually};
use serde_json::json;

use super::super::identities::{Ci, now, with};
use super::super::{Bearer, at, token};
use super::guarded;

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
}

#[test]
fn a_token_stands_in_no_log_answer_file_or_audit_entry() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__LOG", "debug");
    let good = token(&store, "me", &["read,write", "--spec", "team"]);
    let gone = token(&store, "gone", &["read"]);
    store.ok(&["token", "revoke", "gone"]);
    let wrong = format!("{}x", &good.trim()[..good.trim().len() - 1]);
    let server = Server::start(&store);
    let mut said = String::new();
    for secret in [&*good, &*gone, &*wrong] {
        let bearer = Bearer::new(&server, secret);
        for (method, path) in [
            ("PUT", at("team", "1", "a.log")),
            ("GET", at("team", "1", "a.log")),
            ("GET", at("other", "1", "a.log")),
            ("PUT", at("team", "1", "..%2f")),
            ("POST", "/api/v1/gc".to_owned()),
            ("GET", "/api/v1/artifacts?x=y".to_owned()),
        ] {
            said += &bearer.send(method, &path, b"x").text();
        }
        let url = format!("{}{}", server.url, at("team", "1", "a.log"));
        let header = format!("authorization: Bearer {}", secret.trim());
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let args = ["-sSi", version, "-H", &*header, &*url];
            let output = store.other("curl").args(args).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            said += &String::from_utf8_lossy(&output.stdout);
        }
    }
    store.json(&["audit"]);
    let log = server.log();
    assert!(log.contains("DEBUG"), "it is no log of that much:\n{log}");
    server.signal("TERM");
    server.wait();
    let access = store.root().join("store/access");
    let files: Vec<_> = fs::read_dir(access)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(files.iter().any(|text| text.contains("\"outcome\"")));
    for secret in [good, gone, wrong] {
        // Its first part is its name, which may be told.
        let part = &secret.trim()[21..41];
        assert!(!said.contains(part), "an answer has a token:\n{said}");
        assert!(!log.contains(part), "the log has a token:\n{log}");
        assert!(!files.iter().any(|text| text.contains(part)), "{files:?}");
    }
}

#[test]
fn a_token_stands_in_no_arguments_of_a_process() {
    let (store, server, secret) = guarded();
    let secret = secret.trim();
    let file = store.write("token", secret);
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    let place = ["--spec", "team", "--task", "1", "--name", "slow.log"];
    let upload = ["--server", &*server.url, "upload", "-", "--type", "log"];
    for by_file in [true, false] {
        let mut command = store.command(upload);
        command.args(place).stdin(Stdio::piped());
        if by_file {
            command.args(["--token-file", "token"]);
        } else {
            command.env("ARTIFACT_TOKEN", secret);
        }
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"begun\n").unwrap();
        for pid in [child.id(), server.pid()] {
            let mut arguments = String::new();
            // A program that has only just begun has none yet.
            eventually("its arguments", || {
                let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
                arguments = String::from_utf8_lossy(&bytes).into_owned();
                arguments.contains("artifact")
            });
            assert!(!arguments.contains(&secret[21..]), "{arguments}");
        }
        drop(input);
        assert!(child.wait().unwrap().success());
    }
    // Nor is there an argument that would take one.
    for flag in ["--token", "--password", "--bearer"] {
        let said = store.fails(&["--server", &server.url, flag, "x", "search"], 2);
        assert!(said.contains(flag), "{said}");
    }
}

#[test]
fn a_token_that_says_it_needs_no_signature_is_refused() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    ci.saying(&job).get("/api/v1/artifacts").expect(200);
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": "key-1"});
        ci.assert_refused(&unsigned(&header, &job, b""), alg);
        ci.assert_refused(&unsigned(&header, &job, b"x"), alg);
    }
}

#[test]
fn a_public_key_taken_for_a_secret_signs_nothing() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    let public = ci.key.public();
    let set = key_set(std::slice::from_ref(&public));
    for secret in [
        public.to_string(),
        set,
        public["n"].as_str().unwrap().to_owned(),
    ] {
        for alg in ["HS256", "HS384", "HS512"] {
            let header = json!({"alg": alg, "typ": "JWT", "kid": "key-1"});
            ci.assert_refused(&with_secret(&header, &job, secret.as_bytes()), alg);
        }
    }
}

#[test]
fn a_token_that_has_ended_or_has_not_begun_is_refused() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    for (claim, time) in [
        ("exp", now() - 61),
        ("exp", 0),
        ("nbf", now() + 120),
        ("iat", now() + 120),
    ] {
        let claims = with(&job, claim, json!(time));
        ci.assert_refused(&ci.key.token(&claims), claim);
    }
}

/// `artifact` with its clock moved by faketime.
fn at_another_time(store: &Sandbox, offset: &str, args: &[&str]) -> String {
    let mut command = store.other("faketime");
    command.args(["-f", offset]).arg(e2e::artifact()).args(args);
    let output = command.output().expect("`faketime` can be run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_token_of_the_store_that_has_ended_is_refused() {
    if !is_wanted("faketime") {
        return;
    }
    let store = Sandbox::new();
    let create = [
        "token",
        "create",
        "old",
        "--allow",
        "read",
        "--expires-in-days",
        "1",
    ];
    let secret = at_another_time(&store, "-25h", &create);
    let young = at_another_time(
        &store,
        "-23h",
        &[&create[..2], &["young"], &create[3..]].concat(),
    );
    let server = Server::start(&store);
    let old = Bearer::new(&server, &secret).get("/api/v1/artifacts");
    old.problem(401, "unauthenticated");
    Bearer::new(&server, &young)
        .get("/api/v1/artifacts")
        .expect(200);
}

/// A server, and a URL of it that its owner has signed for the content of an artifact, with the id of
/// another one.
fn signed() -> (Sandbox, Server, String, String) {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    let server = Server::start(&store);
    let admin = Bearer::new(&server, &admin);
    let ids = ["a.log", "b.log"].map(|name| {
        let stored = admin
            .put(&at("team", "1", name), name.as_bytes())
            .expect(201);
        stored.json()["id"].as_str().unwrap().to_owned()
    });
    let presign = format!("/api/v1/artifacts/{}/presign?expires_in_s=60", ids[0]);
    let signed = admin.send("POST", &presign, b"").expect(200).json();
    let url = signed["url"].as_str().unwrap();
    let url = url.strip_prefix(&server.url).unwrap().to_owned();
    assert_eq!(server.get(&url).expect(200).body, b"a.log");
    let [_, other] = ids;
    (store, server, url, other)
}

#[test]
fn a_signed_url_is_good_for_no_other_method() {
    let (_store, server, url, _) = signed();
    for method in ["HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "get"] {
        let status = server.send(method, &url, &[], b"").status;
        assert!([400, 401, 405].contains(&status), "{method} gave {status}");
    }
    let headers = [("x-http-method-override", "DELETE")];
    server.send("GET", &url, &headers, b"").expect(200);
    server.get(&url).expect(200);
}

#[test]
fn a_signed_url_is_good_for_no_other_id() {
    let (_store, server, url, other) = signed();
    let (path, query) = url.split_once('?').unwrap();
    let id = path.split('/').nth(4).unwrap();
    for path in [
        path.replace(id, &other),
        path.replace(id, &id.to_uppercase()),
        path.replace("/content", ""),
        path.replace("/content", "/versions"),
        path.replace("/content", "/content/"),
        path.replace("/api", "//api"),
        path.replace("content", "%63ontent"),
        at("team", "1", "a.log"),
        "/api/v1/artifacts".to_owned(),
        "/api/v1/usage".to_owned(),
    ] {
        let answer = server.get(&format!("{path}?{query}"));
        let is_refused = [401, 404].contains(&answer.status);
        assert!(is_refused, "{path}: {}", answer.text());
    }
}

#[test]
fn a_signed_url_is_good_for_no_other_query() {
    let (_store, server, url, _) = signed();
    let (path, query) = url.split_once('?').unwrap();
    for query in [
        format!("download=true&{query}"),
        format!("version=2&{query}"),
        format!("{query}&download=true"),
        format!("{query}&{query}"),
        format!("&{query}"),
        format!("{query}x"),
        query.replace("expires=", "expires=9"),
        query.replace("expires=", "expires=+"),
        query.replace("expires=", "expires=0"),
        query.replace("key=", "key=0"),
        query.replace("expires", "%65xpires"),
        query.split('&').rev().collect::<Vec<_>>().join("&"),
        String::new(),
    ] {
        let answer = server.get(&format!("{path}?{query}"));
        assert_eq!(answer.status, 401, "{query}: {}", answer.text());
    }
}

#[test]
fn a_signed_url_that_has_ended_or_has_not_begun_is_refused() {
    if !is_wanted("faketime") {
        return;
    }
    let store = Sandbox::new();
    // Of a type that is kept for longer than any URL is good for.
    store.write("a.bin", "a");
    let place = ["--spec", "team", "--task", "1", "--type", "data"];
    store.ok(&[&["upload", "a.bin"], &place[..]].concat());
    token(&store, "admin", &["admin"]);
    let server = Server::start(&store);
    let store = store.with_env("ARTIFACT_HTTP__PUBLIC_URL", &*server.url);
    let sign = |offset: &str, time: &str| {
        let args = [
            "presign",
            "artifact://team/1/data/a.bin",
            "--expires-in",
            time,
        ];
        let url = at_another_time(&store, offset, &args);
        url.trim().strip_prefix(&server.url).unwrap().to_owned()
    };
    let ended = server
        .get(&sign("-2h", "1h"))
        .problem(401, "unauthenticated");
    assert_eq!(ended["detail"], "the URL has expired");
    let early = server
        .get(&sign("+2h", "7d"))
        .problem(401, "unauthenticated");
    assert_eq!(early["detail"], "the URL is not good yet");
    for offset in ["-2h", "+30s"] {
        server.get(&sign(offset, "7d")).expect(200);
    }
}

// That a wrong one takes as long as another is held where they are compared: `adapter-token-file` compares
// digests in constant time, and its types of secrets have no other way.
#[test]
fn what_is_kept_of_a_token_is_a_digest() {
    let (store, server, secret) = guarded();
    let kept = store.root().join("store/access/tokens.json");
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(kept).unwrap()).unwrap();
    let kept = kept.to_string();
    let (id, random) = secret.trim()[4..].split_once('_').unwrap();
    assert!(kept.contains(id) && !kept.contains(random), "{kept}");
    for length in 8..random.len() {
        assert!(!kept.contains(&random[..length]));
    }
    // A digest is no token.
    let digests = kept.split('"').filter(|text| text.len() == 43);
    let digests: Vec<_> = digests.map(str::to_owned).collect();
    assert_eq!(digests.len(), 2, "a key and a digest: {kept}");
    for digest in digests {
        let bearer = Bearer::new(&server, &format!("ast_{id}_{digest}"));
        bearer.get("/api/v1/artifacts").expect(401);
    }
    store.ok(&["token", "revoke", "team"]);
    let bearer = Bearer::new(&server, &secret);
    eventually("it is taken back", || {
        bearer.get("/api/v1/artifacts").status == 401
    });
}
