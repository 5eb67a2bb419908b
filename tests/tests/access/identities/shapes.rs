//! Tokens of the shapes that GitHub Actions and GitLab sign: each job reaches its own.

use artifact_testkit::issuer::{IssuerServer, SigningKey};
use e2e::Server;
use serde_json::json;

use super::{
    Bearer, Ci, GITHUB_RULES, GITLAB_RULES, described, github_job, gitlab_job, sandbox, with,
    write_issuers,
};
use crate::{at, token};

#[test]
fn a_job_of_github_reads_and_writes_its_own_run_and_nothing_else() {
    let ci = Ci::github();
    let job = ci.saying(&ci.job("acme/web", "1001"));
    let own = at("acme%2Fweb", "1001", "build.log");
    job.put(&own, b"built\n").expect(201);
    assert_eq!(job.get(&own).expect(200).body, b"built\n");
    let listed = job.get("/api/v1/artifacts").expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["spec"], "acme/web");

    // Another run, another repository of the owner, those that only look alike.
    for (spec, task) in [
        ("acme%2Fweb", "1002"),
        ("acme%2Fweb", "100"),
        ("acme%2Fweb", "*"),
        ("acme%2Fapi", "1001"),
        ("acme%2Fweb2", "1001"),
        ("acme%2FWeb", "1001"),
        ("web", "1001"),
    ] {
        let other = at(spec, task, "build.log");
        job.put(&other, b"x").problem(403, "permission-denied");
        job.get(&other).problem(403, "permission-denied");
    }
    job.send("DELETE", &own, b"")
        .problem(403, "permission-denied");
    job.get("/api/v1/usage").problem(403, "permission-denied");
    job.get("/metrics").problem(403, "permission-denied");

    // Other jobs see nothing of it.
    let other_run = ci.saying(&ci.job("acme/web", "1002"));
    let other_repository = ci.saying(&ci.job("acme/api", "1001"));
    for other in [&other_run, &other_repository] {
        other.get(&own).problem(403, "permission-denied");
        let listed = other.get("/api/v1/artifacts").expect(200).json();
        assert!(listed["items"].as_array().unwrap().is_empty(), "{listed}");
    }
    let log = ci.server.log();
    assert!(
        log.contains("github repo:acme/web:ref:refs/heads/main"),
        "{log}"
    );
}

#[test]
fn claims_that_no_rule_matches_let_nobody_in() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1001");
    ci.saying(&job).get("/api/v1/artifacts").expect(200);
    for (name, value) in [
        ("repository_owner", json!("evil")),
        ("repository_owner", json!("acme2")),
        ("repository_owner", json!("Acme")),
        ("repository_owner", json!("")),
        ("repository_owner", json!(null)),
        ("repository_owner", json!({"acme": "acme"})),
        ("ref", json!("refs/tags/v1")),
        ("ref", json!("refs/pull/7/merge")),
        ("repository", json!(null)),
        ("repository", json!("")),
        ("repository", json!(["acme/web"])),
        ("run_id", json!(1001)),
        ("run_id", json!(null)),
    ] {
        let token = ci.key.token(&with(&job, name, value.clone()));
        ci.assert_refused(&token, &format!("{name} {value}"));
    }
    assert!(ci.server.log().contains("no rule of the issuer matches"));
}

#[test]
fn a_claim_that_looks_like_a_pattern_is_none() {
    let ci = Ci::github();
    let own = at("acme%2Fweb", "1001", "build.log");
    ci.saying(&ci.job("acme/web", "1001"))
        .put(&own, b"secret")
        .expect(201);
    for (repository, run) in [
        ("*", "*"),
        ("acme/*", "*"),
        ("acme/web", "*"),
        ("acme/web", "100?"),
        ("acme/web", "[0-9]*"),
        ("acme/web", "100[1]"),
        ("**", "**"),
        ("[a", "[!x]*"),
        ("{repository}", "{run_id}"),
    ] {
        let claims = with(&ci.job("acme/web", run), "repository", json!(repository));
        let job = ci.saying(&claims);
        let listed = job.get("/api/v1/artifacts").expect(200).json();
        assert!(
            listed["items"].as_array().unwrap().is_empty(),
            "{repository} {run}"
        );
        job.get(&own).problem(403, "permission-denied");
        job.put(&own, b"x").problem(403, "permission-denied");
        job.get("/api/v1/usage").problem(403, "permission-denied");
        job.get("/api/v1/usage?spec=acme/web")
            .problem(403, "permission-denied");
    }
}

#[test]
fn a_job_of_gitlab_writes_its_pipeline_and_reads_its_group() {
    let ci = Ci::new("gitlab", GITLAB_RULES);
    let job = |path: &str, pipeline: &str| gitlab_job(ci.issuer.url(), path, pipeline);
    let web = ci.saying(&job("acme/web", "574"));
    let own = at("acme%2Fweb", "574", "report.log");
    web.put(&own, b"web").expect(201);
    web.put(&at("acme%2Fweb", "575", "report.log"), b"x")
        .problem(403, "permission-denied");
    let api = ci.saying(&job("acme/api", "600"));
    assert_eq!(api.get(&own).expect(200).body, b"web");
    api.put(&own, b"x").problem(403, "permission-denied");
    // A branch that anybody may push to reads only.
    let branch = ci.saying(&with(
        &job("acme/web", "574"),
        "ref_protected",
        json!("false"),
    ));
    branch.get(&own).expect(200);
    branch.put(&own, b"x").problem(403, "permission-denied");
    // A boolean is compared by its text, as GitLab once sent it.
    let boolean = ci.saying(&with(&job("acme/web", "574"), "ref_protected", json!(true)));
    boolean.put(&own, b"web").expect(201);
    let stranger = ci.key.token(&job("evil/web", "574"));
    ci.assert_refused(&stranger, "another group");
    let nested = ci.key.token(&job("acme/sub/web", "574"));
    ci.assert_refused(&nested, "a group within the group");
}

#[test]
fn issuers_and_tokens_of_the_store_live_side_by_side() {
    let (github_key, gitlab_key) = (
        SigningKey::new("same", "RS256"),
        SigningKey::new("same", "ES256"),
    );
    let github = IssuerServer::start(&[github_key.public()]);
    let gitlab = IssuerServer::start(&[gitlab_key.public()]);
    // The names that the real ones have; their keys are at an address of ours.
    let (github_name, gitlab_name) = (
        "https://token.actions.githubusercontent.com",
        "https://gitlab.com",
    );
    let at_url = |url: String| format!("jwks_url = \"{url}\"");
    let store = sandbox();
    let text = [
        described(
            "github",
            github_name,
            &at_url(github.keys_url()),
            GITHUB_RULES,
        ),
        described(
            "gitlab",
            gitlab_name,
            &at_url(gitlab.keys_url()),
            GITLAB_RULES,
        ),
    ];
    write_issuers(&store, &text.concat());
    let secret = token(&store, "me", &["read"]);
    let server = Server::start(&store);
    let own = at("acme%2Fweb", "7", "a.log");
    let from_github = github_job(github_name, "acme/web", "7");
    let from_gitlab = gitlab_job(gitlab_name, "acme/web", "7");
    Bearer::new(&server, &github_key.token(&from_github))
        .put(&own, b"a")
        .expect(201);
    Bearer::new(&server, &gitlab_key.token(&from_gitlab))
        .put(&own, b"b")
        .expect(201);
    assert_eq!(
        Bearer::new(&server, &secret).get(&own).expect(200).body,
        b"b"
    );
    // Nobody signs for another.
    for crossed in [
        gitlab_key.token(&from_github),
        github_key.token(&from_gitlab),
    ] {
        Bearer::new(&server, &crossed)
            .get(&own)
            .problem(401, "unauthenticated");
    }
    server.get(&own).problem(401, "unauthenticated");
}

#[test]
fn the_file_on_the_page_is_taken_and_does_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/access.md"));
    let page = page.unwrap();
    let (_, begun) = page.split_once("```toml\n").unwrap();
    let (file, _) = begun.split_once("\n```").unwrap();
    let key = SigningKey::new("key-1", "RS256");
    let keys = IssuerServer::start(&[key.public()]);
    let place = format!("audience =\njwks_url = \"{}\"\naudience =", keys.keys_url());
    let file = file
        .replace("audience =", &place)
        .replace("audience =\njwks", "jwks");
    let store = sandbox();
    write_issuers(&store, &file);
    let server = Server::start(&store);
    let from_github = github_job(
        "https://token.actions.githubusercontent.com",
        "acme/web",
        "7",
    );
    let from_gitlab = gitlab_job("https://gitlab.com", "acme/api", "9");
    let github = Bearer::new(&server, &key.token(&from_github));
    let gitlab = Bearer::new(&server, &key.token(&from_gitlab));
    let (of_github, of_gitlab) = (
        at("acme%2Fweb", "7", "build.log"),
        at("acme%2Fapi", "9", "build.log"),
    );
    github.put(&of_github, b"x").expect(201);
    gitlab.put(&of_gitlab, b"x").expect(201);
    gitlab.get(&of_github).expect(200);
    gitlab
        .put(&of_github, b"x")
        .problem(403, "permission-denied");
    github.get(&of_gitlab).problem(403, "permission-denied");
    for (name, value) in [("repository_owner_id", "66"), ("ref", "refs/pull/1/merge")] {
        let other = key.token(&with(&from_github, name, json!(value)));
        let answer = Bearer::new(&server, &other).get(&of_github);
        answer.problem(401, "unauthenticated");
    }
}

#[test]
fn a_file_of_issuers_closes_the_server_though_there_is_no_token() {
    let ci = Ci::github();
    ci.server
        .get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
    ci.server.get("/healthz").expect(200);
    let elsewhere = sandbox().with_env("ARTIFACT_HTTP__LISTEN", "0.0.0.0:0");
    write_issuers(
        &elsewhere,
        &described("github", ci.issuer.url(), "", GITHUB_RULES),
    );
    let mut server = Server::start(&elsewhere);
    server.url = server.url.replace("0.0.0.0", "127.0.0.1");
    server
        .get("/api/v1/artifacts")
        .problem(401, "unauthenticated");
    let token = ci.key.token(&ci.job("acme/web", "1"));
    Bearer::new(&server, &token)
        .get("/api/v1/artifacts")
        .expect(200);
}
