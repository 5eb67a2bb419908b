//! The keys of an issuer and the file that names it, as they change while the server runs.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use artifact_testkit::issuer::{IssuerServer, SigningKey, key_set};
use e2e::{Server, eventually};
use serde_json::json;

use super::{
    Bearer, Ci, GITHUB_RULES, described, github_job, issuers_file, sandbox, with, write_issuers,
};
use crate::token;

#[test]
fn an_issuer_may_change_its_keys_while_the_server_runs() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    let old = ci.key.token(&job);
    ci.bearer(&old).get("/api/v1/artifacts").expect(200);
    assert_eq!(ci.issuer.fetches(), 1);
    let new_key = SigningKey::new("key-2", "ES256");
    let new = new_key.token(&job);
    ci.assert_refused(
        &SigningKey::new("key-0", "ES256").token(&job),
        "an unknown key",
    );
    assert_eq!(
        ci.issuer.fetches(),
        2,
        "it is asked for a key that it may have made"
    );
    ci.issuer.set_keys(&[new_key.public()]);
    // Names of keys that nobody has are no reason to ask again so soon.
    for number in 0..100 {
        let forged = SigningKey::new(&format!("forged-{number}"), "ES256");
        ci.assert_refused(&forged.token(&job), "an unknown key");
    }
    assert_eq!(ci.issuer.fetches(), 2);
    eventually("the new key is known", || {
        ci.bearer(&new).get("/api/v1/artifacts").status == 200
    });
    ci.assert_refused(&old, "a key that was taken away");
    assert_eq!(ci.issuer.fetches(), 3);
}

#[test]
fn those_who_come_at_once_share_one_fetch() {
    let ci = Ci::github();
    ci.issuer.delay_keys(std::time::Duration::from_millis(500));
    let token = ci.key.token(&ci.job("acme/web", "1"));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| ci.bearer(&token).get("/api/v1/artifacts").expect(200));
        }
    });
    assert_eq!(ci.issuer.fetches(), 1);
}

#[test]
fn an_issuer_that_is_down_keeps_out_its_own_and_nobody_else() {
    let key = SigningKey::new("key-1", "RS256");
    let issuer = IssuerServer::start(&[key.public()]);
    issuer.set_down(true);
    let store = sandbox();
    write_issuers(&store, &described("github", issuer.url(), "", GITHUB_RULES));
    let secret = token(&store, "me", &["read"]);
    let server = Server::start(&store);
    let job = Bearer::new(
        &server,
        &key.token(&github_job(issuer.url(), "acme/web", "1")),
    )
    .header;
    let job = Bearer {
        server: &server,
        header: job,
    };
    job.get("/api/v1/artifacts").problem(503, "unavailable");
    Bearer::new(&server, &secret)
        .get("/api/v1/artifacts")
        .expect(200);
    issuer.set_down(false);
    eventually("the issuer is asked again", || {
        job.get("/api/v1/artifacts").status == 200
    });
    // From now on its keys are known.
    issuer.set_down(true);
    job.get("/api/v1/artifacts").expect(200);
    let forged = SigningKey::new("other", "ES256");
    let forged = forged.token(&github_job(issuer.url(), "acme/web", "1"));
    Bearer::new(&server, &forged)
        .get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
    job.get("/api/v1/artifacts").expect(200);
}

/// What goes wrong with an issuer.
type Spoil = Box<dyn Fn(&IssuerServer)>;

#[test]
fn answers_that_are_no_keys_are_not_believed() {
    let elsewhere = SigningKey::new("key-1", "ES256");
    let evil = IssuerServer::start(&[elsewhere.public()]);
    let moved = |to: &str| format!("Location: {to}\r\n");
    let evil_keys = evil.keys_url();
    let own_elsewhere = evil.keys_url();
    let evil_name = evil.url().to_owned();
    let spoils: Vec<(&str, Spoil)> = vec![
        (
            "an error",
            Box::new(|it| it.answer_for_keys(500, "", b"{\"keys\":[]}")),
        ),
        (
            "no JSON",
            Box::new(|it| it.answer_for_keys(200, "", b"<html>")),
        ),
        (
            "too much",
            Box::new(|it| it.answer_for_keys(200, "", &vec![b' '; 2 << 20])),
        ),
        (
            "another host",
            Box::new(move |it| it.answer_for_keys(302, &moved(&evil_keys), b"")),
        ),
        (
            "a circle",
            Box::new(|it| it.answer_for_keys(302, "Location: /keys\r\n", b"")),
        ),
        (
            "a file",
            Box::new(|it| it.set_configuration(it.url(), "file:///etc/passwd")),
        ),
        (
            "no https",
            Box::new(|it| it.set_configuration(it.url(), "http://keys.example/")),
        ),
        (
            "another issuer",
            Box::new(move |it| it.set_configuration(&evil_name, &own_elsewhere)),
        ),
        (
            "a longer name",
            Box::new(|it| it.set_configuration(&format!("{}/", it.url()), &it.keys_url())),
        ),
    ];
    for (what, spoil) in spoils {
        let ci = Ci::github();
        spoil(&ci.issuer);
        for key in [&ci.key, &elsewhere] {
            let answer = ci
                .bearer(&key.token(&ci.job("acme/web", "1")))
                .get("/api/v1/artifacts");
            assert_eq!(answer.status, 503, "{what}: {}", answer.text());
        }
    }
    assert!(evil.asked().is_empty(), "{:?}", evil.asked());
    // On its own host it may move.
    let ci = Ci::github();
    ci.issuer.answer_for_keys(302, "Location: /other\r\n", b"");
    ci.issuer
        .say("/other", 200, "", key_set(&[ci.key.public()]).as_bytes());
    ci.saying(&ci.job("acme/web", "1"))
        .get("/api/v1/artifacts")
        .expect(200);
}

#[test]
fn the_file_is_read_anew_and_damage_lets_nobody_in_by_it() {
    let ci = Ci::github();
    let secret = token(&ci.store, "me", &["read"]);
    let job = ci.saying(&ci.job("acme/web", "1"));
    let reached = |status: u16, what: &str| {
        eventually(what, || job.get("/api/v1/artifacts").status == status);
        ci.bearer(&secret).get("/api/v1/artifacts").expect(200);
    };
    reached(200, "the token of the store is known");
    let file = issuers_file(&ci.store);
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("acme", "other")).unwrap();
    reached(401, "the rule is gone");
    fs::write(&file, &good).unwrap();
    reached(200, "the rule is back");
    assert_eq!(ci.issuer.fetches(), 1, "the keys were kept");
    fs::write(&file, good.replace("audience", "audeince")).unwrap();
    reached(500, "the file is damaged");
    job.get("/api/v1/artifacts").problem(500, "internal");
    let log = ci.server.log();
    assert!(
        log.contains("issuers.toml:4: unknown field `audeince`"),
        "{log}"
    );
    fs::write(&file, &good).unwrap();
    reached(200, "the file is mended");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    reached(500, "others can change the file");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    reached(200, "they can't any more");
    fs::remove_file(&file).unwrap();
    reached(500, "the file is gone");
    ci.server
        .get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
}

#[test]
fn a_server_does_not_start_with_a_file_that_is_wrong() {
    let good = described("github", "https://issuer.example", "", GITHUB_RULES);
    let cases = [
        (None, "issuers.toml can't be read"),
        (
            Some(good.replace("https://issuer", "http://issuer")),
            "issuers.toml:3: ",
        ),
        (Some(good.replace("spec", "sepc")), "unknown field `sepc`"),
        (
            Some(good.replace("{run_id}", "[{run_id}]")),
            "issuers.toml:11: ",
        ),
        (
            Some(good.replace("[[issuers]]", "[[issuers]]\njwks_file = \"gone.json\"")),
            "gone.json",
        ),
        (Some(String::new()), "missing field `issuers`"),
    ];
    for (text, said) in cases {
        let store = sandbox();
        if let Some(text) = text {
            write_issuers(&store, &text);
        }
        let output = store
            .other(e2e::artifact_http())
            .args(["--listen", "127.0.0.1:0"])
            .output();
        let output = output.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(said), "{said}\n{told}");
    }
}

#[test]
fn keys_can_lie_in_a_file_and_every_algorithm_verifies() {
    let all = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ];
    let keys: Vec<_> = all.iter().map(|alg| SigningKey::new(alg, alg)).collect();
    let store = sandbox();
    let public: Vec<_> = keys.iter().map(SigningKey::public).collect();
    fs::write(store.root().join("keys.json"), key_set(&public)).unwrap();
    let more = format!("jwks_file = \"keys.json\"\nalgorithms = {all:?}\nmax_age_s = 600");
    let issuer = "https://token.actions.githubusercontent.com";
    write_issuers(&store, &described("github", issuer, &more, GITHUB_RULES));
    let server = Server::start(&store);
    let job = github_job(issuer, "acme/web", "1");
    for key in &keys {
        Bearer::new(&server, &key.token(&job))
            .get("/api/v1/artifacts")
            .expect(200);
        let old = with(&job, "iat", json!(super::now() - 661));
        for claims in [old, with(&job, "iat", json!(null))] {
            let answer = Bearer::new(&server, &key.token(&claims)).get("/api/v1/artifacts");
            answer.problem(401, "unauthenticated");
        }
    }
}
