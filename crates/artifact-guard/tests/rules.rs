//! One secret of every rule, made up in the form that its service documents, and what only looks like one.

use artifact_guard::{Finding, Guard, rules};

/// Letters and digits without a pattern, so many of them from an alphabet.
fn random(alphabet: &str, count: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = 7_usize;
    let next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) % (1 << 31);
        letters[(state >> 8) % letters.len()]
    };
    std::iter::repeat_with(next).take(count).collect()
}

const ALL: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &str = "0123456789abcdef";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Name of a file, content, and the rule that it falls under. No secret stands here as one text, so that
/// nobody takes this file for a leak.
fn keys() -> Vec<(&'static str, String, &'static str)> {
    let all = |count| random(ALL, count);
    let hex = |count| random(HEX, count);
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\n{}\n{}\n", all(64), all(64));
    let in_json = format!(
        "{{\"type\": \"service_account\", \"project_id\": \"p\",\n\"private_key_id\": \"{}\",\n\
         \"private_key\": \"-----BEGIN {}-----\\n{}\\n\"}}",
        hex(40),
        "PRIVATE KEY",
        all(64)
    );
    vec![
        ("a.pem", pem("PRIVATE KEY"), "private-key"),
        ("id_rsa", pem("OPENSSH PRIVATE KEY"), "private-key"),
        ("b.txt", pem("EC PRIVATE KEY"), "private-key"),
        ("c.txt", pem("ENCRYPTED PRIVATE KEY"), "private-key"),
        (
            "d.txt",
            format!(
                "-----BEGIN RSA {}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{}\n\n{}\n",
                "PRIVATE KEY",
                hex(32),
                all(64)
            ),
            "private-key",
        ),
        (
            "e.diff",
            format!("+-----BEGIN {}-----\n+{}\n", "PRIVATE KEY", all(64)),
            "private-key",
        ),
        (
            "f.json",
            format!("\"-----BEGIN {}-----\\n{}\"", "PRIVATE KEY", all(64)),
            "private-key",
        ),
        (
            "g.asc",
            format!(
                "-----BEGIN PGP {} BLOCK-----\nVersion: 1\n\n{}\n",
                "PRIVATE KEY",
                all(64)
            ),
            "pgp-private-key",
        ),
        (
            "k.ppk",
            format!("PuTTY-User-Key-File-{}: ssh-ed25519\nEncryption: none\n", 3),
            "putty-private-key",
        ),
        (
            "key.txt",
            format!(
                "AGE-SECRET-KEY-1{}",
                random("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)
            ),
            "age-secret-key",
        ),
        (
            "a.log",
            format!("AKIA{}", random(CAPITALS, 16)),
            "aws-access-key-id",
        ),
        (
            "a.log",
            format!("\\nASIA{} ", random(CAPITALS, 16)),
            "aws-access-key-id",
        ),
        (
            "a.sh",
            format!("export AWS_SECRET_ACCESS_KEY='{}'", all(40)),
            "aws-secret-access-key",
        ),
        (
            "a.json",
            format!("\"SecretAccessKey\": \"{}\"", all(40)),
            "aws-secret-access-key",
        ),
        ("sa.json", in_json, "gcp-service-account"),
    ]
}

/// The same of tokens.
fn tokens() -> Vec<(&'static str, String, &'static str)> {
    let all = |count| random(ALL, count);
    let hex = |count| random(HEX, count);
    let token = |start: &str, count| format!("x = \"{start}{}\"", all(count));
    vec![
        ("a", token("AIza", 35), "google-api-key"),
        ("a", token("GOCSPX-", 28), "google-oauth-secret"),
        (
            "a",
            format!("AccountName=a;AccountKey={}==;", all(86)),
            "azure-storage-key",
        ),
        (
            "a",
            format!("SharedAccessKey={}=", all(43)),
            "azure-storage-key",
        ),
        (
            "a",
            format!("ARM_CLIENT_SECRET='{}8Q~{}'", all(3), all(34)),
            "azure-client-secret",
        ),
        ("a", token("ghp_", 36), "github-token"),
        ("a", token("ghs_", 36), "github-token"),
        (
            "a",
            format!("github_pat_{}_{}", all(22), all(59)),
            "github-token",
        ),
        ("a", token("glpat-", 20), "gitlab-token"),
        ("a", token("glrt-", 20), "gitlab-token"),
        ("a", format!("xoxb-1234567890-{}", all(24)), "slack-token"),
        (
            "a",
            format!(
                "https://hooks.slack.com/services/T{0}/B{0}/{1}",
                random(CAPITALS, 8),
                all(24)
            ),
            "slack-webhook",
        ),
        ("a", token("sk_live_", 24), "stripe-key"),
        ("a", token("rk_live_", 24), "stripe-key"),
        ("a", token("sk-proj-", 60), "model-provider-key"),
        ("a", token("npm_", 36), "npm-token"),
        ("a", token("pypi-AgE", 60), "pypi-token"),
        ("a", format!("rubygems_{}", hex(48)), "rubygems-key"),
        ("a", token("dckr_pat_", 27), "docker-token"),
        ("a", format!("dop_v1_{}", hex(64)), "digitalocean-token"),
        (
            "a",
            format!("SENDGRID_API_KEY=SG.{}.{}", all(22), all(43)),
            "sendgrid-key",
        ),
        ("a", token("hvs.", 24), "vault-token"),
        (
            "a",
            format!("{}.atlasv1.{}", all(14), all(67)),
            "terraform-token",
        ),
        ("a", format!("dapi{}", hex(32)), "databricks-token"),
        ("a", format!("shpat_{}", hex(32)), "shopify-token"),
        ("a", format!("glsa_{}_{}", all(32), hex(8)), "grafana-token"),
        (
            "a",
            format!("HF_TOKEN: hf_{}", random(&ALL[..52], 34)),
            "hugging-face-token",
        ),
        ("a", token("lin_api_", 40), "linear-key"),
        ("a", token("ATATT3xFfGF0", 70), "atlassian-token"),
        (
            "a",
            format!("NRAK-{}", random(CAPITALS, 27)),
            "new-relic-key",
        ),
        ("a", format!("PMAK-{}-{}", hex(24), hex(34)), "postman-key"),
        ("a", format!("pul-{}", hex(40)), "pulumi-token"),
        ("a", token("pscale_tkn_", 32), "planetscale-token"),
        (
            "kubeconfig",
            format!("client-key-data: {}", all(80)),
            "kubernetes-client-key",
        ),
    ]
}

/// The same of files that are known by their names.
fn files() -> Vec<(&'static str, String, &'static str)> {
    let all = |count| random(ALL, count);
    vec![
        (
            ".git/config",
            format!(
                "[remote \"origin\"]\n\turl = https://me:{}@example.org/x\n",
                all(20)
            ),
            "git-credentials",
        ),
        (
            "checkout/.git/config",
            format!(
                "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic {}\n",
                all(40)
            ),
            "git-credentials",
        ),
        (
            ".netrc",
            format!("machine a login b password {}\n", all(9)),
            "netrc-password",
        ),
        (
            ".npmrc",
            format!("//registry.example.org/:_authToken={}\n", all(30)),
            "npmrc-token",
        ),
        (
            ".pypirc",
            format!("[pypi]\nusername = a\npassword = {}\n", all(9)),
            "pypirc-password",
        ),
        (
            ".cargo/credentials.toml",
            format!("[registry]\ntoken = \"{}\"\n", all(20)),
            "cargo-token",
        ),
        (
            ".docker/config.json",
            format!("{{\"auths\": {{\"a\": {{\"auth\": \"{}\"}}}}}}", all(20)),
            "docker-auth",
        ),
        (
            ".aws/credentials",
            format!("[default]\naws_session_token = {}\n", all(80)),
            "aws-credentials",
        ),
        (
            ".env",
            format!("A=1\nexport DB_PASSWORD=\"{}\"\n", all(12)),
            "env-secret",
        ),
    ]
}

fn samples() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    keys().into_iter().chain(tokens()).chain(files())
}

fn found(name: &str, content: &str) -> Vec<&'static str> {
    let mut scan = Guard::default().scan(&name.parse().expect("it is a name"));
    scan.feed(content.as_bytes());
    scan.finish();
    scan.findings().iter().map(Finding::rule).collect()
}

#[test]
fn every_rule_finds_its_secret() {
    for (name, content, rule) in samples() {
        assert_eq!(
            found(name, &content).first(),
            Some(&rule),
            "{name}: {content}"
        );
    }
    for rule in rules() {
        let is_tried = samples().any(|(_, _, tried)| tried == rule.name());
        assert!(is_tried, "no sample of {}", rule.name());
    }
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<_> = rules().map(artifact_guard::Rule::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rules().count());
    let is_plain = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    assert!(names.iter().all(is_plain), "{names:?}");
}

#[test]
fn what_only_looks_like_a_secret_passes() {
    for (name, content) in [
        ("a.md", "AKIAIOSFODNN7EXAMPLE"),
        (
            "a.md",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("a.md", "begins with -----BEGIN PRIVATE KEY----- and so on"),
        (
            "a.crt",
            "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUY0dGZJ1mZ0p2cG9vYmFy\n",
        ),
        (
            "a.pub",
            "-----BEGIN PUBLIC KEY-----\nMIIBszCCAVmgAwIBAgIUY0dGZJ1mZ0p2cG9vYmFy\n",
        ),
        (
            "a.rs",
            "let prefix = \"ghp_\"; // tokens begin with ghp_ and glpat-",
        ),
        ("a.md", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        (
            "a.c",
            "static int xghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5;",
        ),
        (
            "a.json",
            "{\"type\": \"service_account\", \"client_email\": \"a@b\"}",
        ),
        ("a.yml", "url: postgres://user:password123@localhost/db"),
        (
            ".git/config",
            "[remote \"origin\"]\n\turl = https://github.com/a/b.git\n",
        ),
        (
            ".git/config",
            "[remote \"origin\"]\n\turl = git@github.com:a/b.git\n",
        ),
        (".npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"),
        (".netrc", "machine a login b\n"),
        (
            ".env",
            "TOKEN_URL=https://example.org/token\nAPI_KEY=\nPASSWORD_FILE=/run/secrets/p\n",
        ),
        (
            ".env",
            "API_KEY=$OTHER_VARIABLE\nSECRET=<put it here>\nPASSWORD=changeme123\n",
        ),
        (".env.example", "DB_PASSWORD=aB3dE5fG7hI9jK\n"),
        ("notes.txt", "DB_PASSWORD=aB3dE5fG7hI9jK\n"),
    ] {
        assert!(found(name, content).is_empty(), "{name}: {content}");
    }
}
