//! Jobs that come with tokens that their CI system has signed: what they reach, and that nobody else does.

mod forged;
mod keys;
mod shapes;

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use artifact_testkit::issuer::{IssuerServer, SigningKey};
use e2e::{Sandbox, Server};
use serde_json::{Value, json};

use super::Bearer;

/// For whom the tokens are.
const AUDIENCE: &str = "https://artifacts.example.com";

/// What a job of GitHub Actions may do: read and write its own run of its own repository.
const GITHUB_RULES: &str = r#"
[[issuers.rules]]
claims = { repository_owner = "acme", ref = "refs/heads/*" }
actions = ["read", "write"]
spec = "{repository}"
task = "{run_id}"
"#;

/// What a job of GitLab may do: the same by pipelines, on protected branches alone; and read all of its
/// group.
const GITLAB_RULES: &str = r#"
[[issuers.rules]]
claims = { namespace_path = "acme", ref_protected = "true" }
actions = ["read", "write"]
spec = "{project_path}"
task = "{pipeline_id}"

[[issuers.rules]]
claims = { namespace_path = "acme" }
actions = ["read"]
spec = "{namespace_path}/*"
task = "*"
"#;

/// A CI system that signs, and a server that takes what it signs.
pub(super) struct Ci {
    store: Sandbox,
    issuer: IssuerServer,
    pub(super) key: SigningKey,
    server: Server,
}

impl Ci {
    /// One whose issuer is called `name`, with these rules.
    fn new(name: &str, rules: &str) -> Self {
        let key = SigningKey::new("key-1", "RS256");
        let issuer = IssuerServer::start(&[key.public()]);
        let store = sandbox();
        write_issuers(&store, &described(name, issuer.url(), "", rules));
        let server = Server::start(&store);
        Self {
            store,
            issuer,
            key,
            server,
        }
    }

    pub(super) fn github() -> Self {
        Self::new("github", GITHUB_RULES)
    }

    /// The claims of a job of GitHub Actions.
    pub(super) fn job(&self, repository: &str, run_id: &str) -> Value {
        github_job(self.issuer.url(), repository, run_id)
    }

    fn bearer(&self, token: &str) -> Bearer<'_> {
        Bearer::new(&self.server, token)
    }

    /// Somebody whose token says this.
    pub(super) fn saying(&self, claims: &Value) -> Bearer<'_> {
        self.bearer(&self.key.token(claims))
    }

    #[track_caller]
    pub(super) fn assert_refused(&self, token: &str, what: &str) {
        let answer = self.bearer(token).get("/api/v1/artifacts");
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        let problem = answer.problem(401, "unauthenticated");
        assert_eq!(problem["detail"], "the token is not accepted", "{what}");
    }
}

/// A job is known as long as its token is, and what it made could not be taken back with it.
#[test]
fn a_job_makes_no_tokens_whatever_it_may() {
    let rules = "[[issuers.rules]]\nclaims = { repository_owner = \"acme\" }\n\
                 actions = [\"admin\"]\nspec = \"*\"\ntask = \"*\"\n";
    let ci = Ci::new("github", rules);
    let job = ci.saying(&ci.job("acme/web", "7"));
    job.get("/api/v1/tokens").expect(200);
    let wish = br#"{"name":"x","grants":[{"actions":["read"]}]}"#;
    let refused = job.send("POST", "/api/v1/tokens", wish);
    let refused = refused.problem(403, "permission-denied");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("has no token of the store"), "{detail}");
    // And lets nobody into a bucket, which would stay so too.
    let policy = "/api/v1/bucket/policy?principal=arn:aws:iam::123456789012:role/ci";
    let refused = job.send("PUT", policy, b"");
    refused.problem(403, "permission-denied");
}

/// A sandbox whose settings name a file of issuers.
fn sandbox() -> Sandbox {
    let store = Sandbox::new();
    let file = store.root().join("issuers.toml");
    store.with_env("ARTIFACT_ACCESS__ISSUERS_FILE", file)
}

fn issuers_file(store: &Sandbox) -> PathBuf {
    store.root().join("issuers.toml")
}

fn write_issuers(store: &Sandbox, text: &str) {
    fs::write(issuers_file(store), text).unwrap();
}

/// An issuer as the file has it; `more` are other keys of it.
fn described(name: &str, issuer: &str, more: &str, rules: &str) -> String {
    format!(
        "[[issuers]]\nname = \"{name}\"\nissuer = \"{issuer}\"\naudience = \"{AUDIENCE}\"\n{more}\n{rules}\n"
    )
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// What GitHub's issuer says of a job.
fn github_job(issuer: &str, repository: &str, run_id: &str) -> Value {
    let owner = repository.split('/').next().unwrap();
    json!({
        "jti": "c6c3ee5b-2f7e-4d5a-9d5c-0f1f6f6a4b11",
        "sub": format!("repo:{repository}:ref:refs/heads/main"),
        "aud": AUDIENCE,
        "ref": "refs/heads/main",
        "sha": "9f4b1c5f2a8d0f6f2b9a7f2e3f0b4d6c8e1a2b3c",
        "repository": repository,
        "repository_owner": owner,
        "repository_owner_id": "65",
        "run_id": run_id,
        "run_number": "10",
        "run_attempt": "2",
        "repository_visibility": "private",
        "repository_id": "74",
        "actor_id": "12",
        "actor": "octocat",
        "workflow": "build",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_protected": "true",
        "ref_type": "branch",
        "environment": "production",
        "workflow_ref": format!("{repository}/.github/workflows/build.yml@refs/heads/main"),
        "workflow_sha": "9f4b1c5f2a8d0f6f2b9a7f2e3f0b4d6c8e1a2b3c",
        "job_workflow_ref": format!("{repository}/.github/workflows/build.yml@refs/heads/main"),
        "job_workflow_sha": "9f4b1c5f2a8d0f6f2b9a7f2e3f0b4d6c8e1a2b3c",
        "runner_environment": "github-hosted",
        "iss": issuer,
        "nbf": now() - 300,
        "iat": now(),
        "exp": now() + 300,
    })
}

/// What GitLab's issuer says of a job.
fn gitlab_job(issuer: &str, project_path: &str, pipeline_id: &str) -> Value {
    let (group, _) = project_path.rsplit_once('/').unwrap();
    json!({
        "namespace_id": "72",
        "namespace_path": group,
        "project_id": "20",
        "project_path": project_path,
        "user_id": "1",
        "user_login": "sample-user",
        "user_email": "sample-user@example.com",
        "user_access_level": "developer",
        "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
        "pipeline_id": pipeline_id,
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["acme", "acme/infra"],
        "environment": "test-environment2",
        "environment_protected": "false",
        "deployment_tier": "testing",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "project_visibility": "private",
        "ci_config_ref_uri": format!("gitlab.com/{project_path}//.gitlab-ci.yml@refs/heads/main"),
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iat": now(),
        "nbf": now() - 5,
        "exp": now() + 3_600,
        "iss": issuer,
        "sub": format!("project_path:{project_path}:ref_type:branch:ref:main"),
        "aud": AUDIENCE,
    })
}

/// The same claims with one changed; taken away where the value is null.
pub(super) fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    if value.is_null() {
        changed.as_object_mut().unwrap().remove(name);
    } else {
        changed[name] = value;
    }
    changed
}
