//! Tokens that are made through the server: only by an admin of all that is there, and they end with the token
//! that made them.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::{Outcome, Sandbox, Server, eventually};
use serde_json::{Value, json};

use super::{Bearer, token};

const TOKENS: &str = "/api/v1/tokens";

/// A server, and the token of an admin who ends in 30 days.
fn served() -> (Sandbox, Server, String) {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin", "--expires-in-days", "30"]);
    let server = Server::start(&store);
    (store, server, admin)
}

/// Runs the program through the server.
fn run(store: &Sandbox, server: &Server, token: &str, args: &[&str]) -> Outcome {
    let mut command = store.command(args);
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env("ARTIFACT_SERVER", &server.url);
    command.env("ARTIFACT_TOKEN", token.trim());
    Outcome::from_output(args, command.output().unwrap())
}

fn create<'a>(name: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["token", "create", name, "--allow"][..], rest].concat()
}

fn status(server: &Server, token: &str, path: &str) -> u16 {
    Bearer::new(server, token).get(path).status
}

const SPEC_WEB: &str = "/api/v1/usage?spec=web";

#[test]
fn an_admin_makes_tokens_through_the_server() {
    let (store, server, admin) = served();
    let args = create(
        "ci/web",
        &[
            "read,write",
            "--spec",
            "web",
            "--spec",
            "api",
            "--expires-in-days",
            "7",
        ],
    );
    let made = run(&store, &server, &admin, &args).expect_code(0);
    let secret = made.text().trim().to_owned();
    assert!(secret.starts_with("ast_") && secret.len() == 64, "{made}");
    made.says(&[
        "token ci/web (",
        ") is accepted until ",
        "it is not shown again",
    ]);
    assert_eq!(status(&server, &secret, SPEC_WEB), 200);
    assert_eq!(status(&server, &secret, "/api/v1/usage"), 403);

    let there = run(&store, &server, &admin, &["token", "list"]).expect_code(0);
    assert_eq!(there.text(), store.ok(&["token", "list"]));
    assert!(there.text().contains("  made by admin\n"), "{there}");
    let there = run(&store, &server, &admin, &["token", "list", "--json"]).expect_code(0);
    let tokens = there.objects();
    assert_eq!(tokens[1]["made_by"], tokens[0]["id"]);
    assert_eq!(tokens[0]["made_by"], Value::Null);
    let area = |spec: &str| json!({ "actions": ["read", "write"], "spec": spec, "task": "*" });
    assert_eq!(tokens[1]["grants"], json!([area("web"), area("api")]));

    // The secret is in the answer alone, and the entry says which token it was.
    let entry = store.ok(&["audit", "--target", "token ci/web (*)", "--json"]);
    assert!(
        entry.contains("\"request\":\"POST /api/v1/tokens\""),
        "{entry}"
    );
    let (_, random) = secret[4..].split_once('_').unwrap();
    for text in [
        server.log(),
        store.ok(&["audit", "--json"]),
        there.text().to_owned(),
    ] {
        assert!(!text.contains(random), "{text}");
    }
    let wish = json!({ "name": "raw", "grants": [{ "actions": ["read"] }] }).to_string();
    let answer = Bearer::new(&server, &admin).send("POST", TOKENS, wish.as_bytes());
    let answer = answer.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        status(
            &server,
            answer.json()["token"].as_str().unwrap(),
            "/api/v1/usage"
        ),
        200
    );
}

#[test]
fn what_a_token_has_made_ends_with_it() {
    let (store, server, admin) = served();
    let made = |by: &str, name: &str, rest: &[&str]| {
        let args = create(name, &[&["admin"], rest].concat());
        let outcome = run(&store, &server, by, &args).expect_code(0);
        outcome.text().trim().to_owned()
    };
    let root = token(&store, "root", &["admin", "--never-expires"]);
    let child = made(&admin, "child", &[]);
    let grandchild = made(&child, "grandchild", &["--expires-in-days", "3"]);
    let other = made(&root, "other", &["--never-expires"]);
    // Nobody gives more time than he has.
    let listed = store.json(&["token", "list"]);
    let end = |name: &str| {
        let mut tokens = listed.iter();
        tokens.find(|token| token["name"] == name).unwrap()["expires_at"].clone()
    };
    assert_eq!(end("child"), end("admin"));
    assert_ne!(end("grandchild"), end("admin"));
    for lifetime in [&["--never-expires"][..], &["--expires-in-days", "31"]] {
        let args = create("longer", &[&["read"], lifetime].concat());
        run(&store, &server, &admin, &args).expect_code(4).says(&[
            "ends with the one that it is made by",
            "hint: ask for fewer days",
        ]);
    }
    for secret in [&child, &grandchild, &other] {
        assert_eq!(status(&server, secret, TOKENS), 200);
    }
    let gone = run(&store, &server, &root, &["token", "revoke", "admin"]).expect_code(0);
    let gone: Vec<_> = gone.text().lines().collect();
    assert!(
        gone.len() == 3
            && gone[0].starts_with("revoked admin (")
            && gone[2].starts_with("revoked grandchild ("),
        "{gone:?}"
    );
    // At once at the server that was asked.
    for secret in [&admin, &child, &grandchild] {
        assert_eq!(status(&server, secret, TOKENS), 401);
    }
    assert_eq!(status(&server, &other, TOKENS), 200);
    // One that is revoked elsewhere takes along what it has made there too.
    store.ok(&["token", "revoke", "root"]);
    eventually("it is gone", || status(&server, &other, TOKENS) == 401);
    assert_eq!(store.ok(&["token", "list"]), "");
}

#[test]
fn nobody_else_makes_or_takes_tokens() {
    let (store, server, _) = served();
    let narrow = token(&store, "narrow", &["admin", "--spec", "web"]);
    let other = token(&store, "other", &["admin", "--task", "1"]);
    let writer = token(&store, "writer", &["read,write,delete"]);
    let before = store.ok(&["token", "list"]);
    for secret in [&narrow, &other, &writer] {
        for args in [
            &create("x", &["read", "--spec", "web"])[..],
            &["token", "list"],
            &["token", "revoke", "admin"],
            &["token", "rotate-key"],
        ] {
            let refused = run(&store, &server, secret, args).expect_code(4);
            refused.says(&["may not administer"]);
        }
    }
    assert_eq!(store.ok(&["token", "list"]), before);
    assert!(!store.root().join("store/access/signing-keys.json").exists());
}

#[test]
fn a_server_that_asks_nobody_gives_nobody_a_token() {
    let store = Sandbox::new();
    let server = Server::start(&store);
    let mut command = store.command(create("x", &["admin"]));
    command.env_remove("ARTIFACT_BASE_PATH");
    command.env("ARTIFACT_SERVER", &server.url);
    Outcome::from_output(&["token", "create"], command.output().unwrap())
        .expect_code(4)
        .says(&["has no token of the store", "on the machine of the store"]);
    assert_eq!(store.ok(&["token", "list"]), "");
    server.get("/api/v1/artifacts").expect(200);
}

#[test]
fn wishes_that_make_no_token_are_refused() {
    let (store, server, admin) = served();
    let admin = Bearer::new(&server, &admin);
    let grants = json!([{ "actions": ["read"] }]);
    let wish = |more: Value| {
        let mut wish = json!({ "name": "x", "grants": grants });
        wish.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        wish
    };
    let long = "x".repeat(10_000);
    let many = Value::Array(vec![json!({ "actions": ["read"] }); 65]);
    let days = |days: Value| wish(json!({ "expires_in_days": days }));
    for wrong in [
        json!([]),
        json!({}),
        json!({ "name": "x" }),
        wish(json!({ "name": "" })),
        wish(json!({ "name": "a\nb" })),
        wish(json!({ "name": "\u{0}" })),
        wish(json!({ "name": long })),
        wish(json!({ "name": "0123456789abcdef" })),
        wish(json!({ "grants": [] })),
        wish(json!({ "grants": many })),
        wish(json!({ "grants": [{ "actions": [] }] })),
        wish(json!({ "grants": [{ "actions": ["all"] }] })),
        wish(json!({ "grants": [{ "actions": ["read"], "spec": "a[" }] })),
        wish(json!({ "grants": [{ "actions": ["read"], "specs": "a" }] })),
        days(json!(0)),
        days(json!(-1)),
        days(json!(36_501)),
        days(json!(1e30)),
        wish(json!({ "expires_in_days": 1, "never_expires": true })),
        wish(json!({ "made_by": "0123456789abcdef" })),
        wish(json!({ "token": "ast_1_2" })),
    ] {
        let refused = admin.send("POST", TOKENS, wrong.to_string().as_bytes());
        refused.problem(400, "invalid-input");
    }
    admin
        .send("POST", TOKENS, b"\xff{}")
        .problem(400, "invalid-input");
    let taken = wish(json!({ "name": "admin" })).to_string();
    admin
        .send("POST", TOKENS, taken.as_bytes())
        .problem(409, "already-exists");
    admin
        .send("DELETE", TOKENS, b"")
        .problem(400, "invalid-input");
    for unknown in ["none", "%00", "..%2F..%2Fetc", "%FF"] {
        let path = format!("{TOKENS}?token={unknown}");
        let refused = admin.send("DELETE", &path, b"").status;
        assert!([400, 404].contains(&refused), "{unknown}: {refused}");
    }
    assert_eq!(store.json(&["token", "list"]).len(), 1);
}

#[test]
fn urls_that_were_signed_are_taken_back_through_the_server() {
    let (store, server, admin) = served();
    store.write("a.log", "text");
    let uri = store.ok(&["upload", "a.log", "--spec", "web"]);
    let signed = run(&store, &server, &admin, &["presign", uri.trim()]).expect_code(0);
    let url = signed.text().trim().to_owned();
    let path = url.strip_prefix(&server.url).unwrap();
    server.get(path).expect(200);
    let args = ["token", "rotate-key", "--json"];
    let rotated = run(&store, &server, &admin, &args).expect_code(0);
    assert!(rotated.objects()[0]["rotated_at"].is_string(), "{rotated}");
    server.get(path).problem(401, "unauthenticated");
}

#[test]
fn a_token_that_is_given_as_a_name_stays_secret() {
    let (store, server, admin) = served();
    let victim = token(&store, "victim", &["read"]);
    let victim = victim.trim();
    let named = json!({ "name": victim, "grants": [{ "actions": ["read"] }] }).to_string();
    let refused = Bearer::new(&server, &admin).send("POST", TOKENS, named.as_bytes());
    refused.problem(400, "invalid-input");
    let unknown = format!("ast_0123456789abcdef{}", &victim[20..]);
    for (given, code) in [(&*unknown, 3), (victim, 0), (victim, 3), (&victim[..40], 3)] {
        let told = run(&store, &server, &admin, &["token", "revoke", given]).expect_code(code);
        // What is printed of an outcome has the arguments too.
        for printed in [told.text(), &told.stderr] {
            assert!(!printed.contains(&victim[30..40]), "{printed}");
        }
        let told = store.run(&["token", "revoke", given]).expect_code(3);
        assert!(!told.stderr.contains(&victim[30..40]), "{told}");
    }
    assert_eq!(
        store.json(&["token", "list"]).len(),
        1,
        "it is known by its id"
    );
    for text in [server.log(), store.ok(&["audit", "--json"])] {
        assert!(!text.contains(&victim[30..40]), "{text}");
    }
}

#[test]
fn who_loses_his_rights_makes_and_takes_nothing_any_more() {
    let (store, server, admin) = served();
    let made = run(&store, &server, &admin, &create("child", &["admin"])).expect_code(0);
    let child = made.text().trim().to_owned();
    let boss = Bearer::new(&server, &admin);
    boss.get(TOKENS).expect(200);
    let file = store.root().join("store/access/tokens.json");
    let text = fs::read_to_string(&file).unwrap();
    let mut edited: Value = serde_json::from_str(&text).unwrap();
    edited["tokens"][0]["grants"][0]["actions"] = json!(["read"]);
    fs::write(&file, edited.to_string()).unwrap();
    // At once, though the server may know him as he was a moment ago.
    let wish = br#"{"name":"late","grants":[{"actions":["admin"]}]}"#;
    let late = boss.send("POST", TOKENS, wish).status;
    let gone = boss
        .send("DELETE", &format!("{TOKENS}?token=child"), b"")
        .status;
    let keys = boss.send("DELETE", "/api/v1/signing-keys", b"").status;
    assert_eq!((late, gone, keys), (403, 403, 403));
    eventually("what he has made is refused too", || {
        status(&server, &child, TOKENS) == 401
    });
    let listed = store.ok(&["token", "list"]);
    assert!(
        listed.contains("child  admin spec=* task=*  not accepted  "),
        "{listed}"
    );
    assert_eq!(store.json(&["token", "list"])[1]["accepted"], false);
    // The same of one who is gone.
    fs::write(&file, &text).unwrap();
    eventually("he is back", || status(&server, &child, TOKENS) == 200);
    store.ok(&["token", "revoke", "admin"]);
    let gone = boss
        .send("DELETE", &format!("{TOKENS}?token=admin"), b"")
        .status;
    assert_eq!(gone, 401);
}

#[test]
fn what_was_made_and_revoked_is_told_by_name_and_id() {
    let (store, server, admin) = served();
    let root = token(&store, "root", &["admin"]);
    for name in ["a", "b"] {
        let _ = run(&store, &server, &admin, &create(name, &["read"])).expect_code(0);
    }
    let _ = run(&store, &server, &root, &["token", "revoke", "admin"]).expect_code(0);
    let _ = run(&store, &server, &root, &["token", "revoke", "none"]).expect_code(3);
    let entries = store.json(&["audit", "--target", "token *"]);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let target = entry["target"].as_str().unwrap();
            let (name, _) = target.split_once(" (").unwrap_or((target, ""));
            format!("{name} {}", entry["outcome"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "a done",
        "b done",
        "admin done",
        "a done",
        "b done",
        "none failed",
    ];
    assert_eq!(
        told,
        expected.map(|entry| format!("token {entry}")),
        "{entries:?}"
    );
}

#[test]
fn a_name_steers_no_terminal_and_forges_no_line() {
    let (store, server, admin) = served();
    let boss = Bearer::new(&server, &admin);
    let evil = "x\u{1b}[2J\nfeedfeedfeedfeed  fake  admin";
    let wish = json!({ "name": "x", "grants": [{ "actions": ["read"], "spec": evil }] });
    boss.send("POST", TOKENS, wish.to_string().as_bytes())
        .problem(400, "invalid-input");
    let path = format!("{TOKENS}?token=a%0A2026-01-01%20INFO%20forged%1B[2J");
    boss.send("DELETE", &path, b"").problem(404, "not-found");
    for text in [
        server.log(),
        store.ok(&["audit"]),
        store.ok(&["token", "list"]),
    ] {
        assert!(
            !text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("2026-01-01")),
            "{text}"
        );
    }
}

#[test]
fn servers_that_share_tokens_by_links_share_what_is_revoked() {
    let shared = Sandbox::new();
    let admin = token(&shared, "admin", &["admin"]);
    let victim = token(&shared, "victim", &["read"]);
    let file = shared.root().join("store/access/tokens.json");
    let stores = [Sandbox::new(), Sandbox::new()];
    let servers = stores.each_ref().map(|store| {
        let folder = store.root().join("store/access");
        fs::create_dir_all(&folder).unwrap();
        symlink(&file, folder.join("tokens.json")).unwrap();
        Server::start(store)
    });
    for server in &servers {
        assert_eq!(status(server, &victim, "/api/v1/artifacts"), 200);
    }
    let args = ["token", "revoke", "victim"];
    let _ = run(&stores[0], &servers[0], &admin, &args).expect_code(0);
    let all = |wanted: u16| {
        let mut servers = servers.iter();
        servers.all(|server| status(server, &victim, "/api/v1/artifacts") == wanted)
    };
    eventually("both know it", || all(401));
    assert!(
        stores[0]
            .root()
            .join("store/access/tokens.json")
            .is_symlink()
    );
    // And where what the links lead to is lost, nothing opens.
    fs::remove_file(&file).unwrap();
    servers[1]
        .get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
    let anew = Server::start(&stores[1]);
    anew.get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
}
