//! Files that are known by their name to hold credentials, and what these look like in them.

use std::sync::OnceLock;

use artifact_domain::ArtifactName;
use regex::bytes::Regex;

use crate::placeholder::is_placeholder;
use crate::rule::Rule;

/// The most bytes of such a file that are looked at.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A kind of file that holds credentials.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) rule: Rule,
    is_one: fn(path: &str, base: &str) -> bool,
    /// In its group `secret` is the secret, and in `key`, where it has one, what the secret is called.
    pattern: &'static str,
    compiled: OnceLock<Regex>,
}

const fn file(
    name: &'static str,
    about: &'static str,
    is_one: fn(&str, &str) -> bool,
    pattern: &'static str,
) -> File {
    File {
        rule: Rule::new(name, about),
        is_one,
        pattern,
        compiled: OnceLock::new(),
    }
}

/// Every kind of file that holds credentials.
pub(crate) static FILES: [File; 8] = [
    file(
        "git-credentials",
        "`.git/config`, `.gitmodules`, `.gitconfig` and `.git-credentials` with a password or token in a URL or header",
        is_of_git,
        r"(?im)https?://[^/\s:@]*:(?<secret>[^/\s@]{6,})@|^\s*extraheader\s*=\s*(?:\S+\s+)?AUTHORIZATION:\s*(?:basic|bearer)\s+(?<secret2>\S{8,})",
    ),
    file(
        "netrc-password",
        "`.netrc` and `_netrc` with a password",
        |_, base| [".netrc", "_netrc"].contains(&base),
        r"(?im)\bpassword\s+(?<secret>\S{4,})",
    ),
    file(
        "npmrc-token",
        "`.npmrc` and `.yarnrc.yml` with a token or password",
        |_, base| [".npmrc", ".yarnrc", ".yarnrc.yml"].contains(&base),
        r#"(?im)(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent)["']?\s*[:=]\s*["']?(?<secret>[^\s"'$]{6,})"#,
    ),
    file(
        "pypirc-password",
        "`.pypirc` and `pip.conf` with a password",
        |_, base| [".pypirc", "pip.conf"].contains(&base),
        r"(?im)^\s*password\s*[:=]\s*(?<secret>[^\s$]{4,})|https?://[^/\s:@]*:(?<secret2>[^/\s@$]{6,})@",
    ),
    file(
        "cargo-token",
        "Cargo's `credentials.toml` with a token",
        |path, _| {
            ends_with(path, ".cargo/credentials") || ends_with(path, ".cargo/credentials.toml")
        },
        r#"(?im)^\s*token\s*=\s*["'](?<secret>[^\s"']{8,})"#,
    ),
    file(
        "docker-auth",
        "Docker's `config.json` and `.dockercfg` with credentials of a registry",
        |path, base| ends_with(path, ".docker/config.json") || base == ".dockercfg",
        r#"(?i)"(?:auth|identitytoken|password)"\s*:\s*"(?<secret>[^"\s]{8,})""#,
    ),
    file(
        "aws-credentials",
        "AWS's `credentials` with a secret key or a token of a session",
        |path, _| ends_with(path, ".aws/credentials"),
        r"(?im)^\s*aws_(?:secret_access_key|session_token)\s*=\s*(?<secret>\S{16,})",
    ),
    file(
        "env-secret",
        "`.env` files with a password, token or key",
        is_env,
        r#"(?im)^[ \t]*(?:export[ \t]+)?(?<key>[A-Z0-9_.]*(?:SECRET|TOKEN|PASSW(?:OR)?D|PASSPHRASE|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|CREDENTIAL)[A-Z0-9_]*)[ \t]*=[ \t]*["']?(?<secret>[^\s"'#$<{(/][^\s"']{7,})"#,
    ),
];

/// What a variable is called that only says where a secret is found, or what it is called.
const BESIDE: [&str; 8] = [
    "_URL", "_URI", "_FILE", "_PATH", "_NAME", "_TTL", "_TYPE", "_ID",
];

fn is_of_git(path: &str, base: &str) -> bool {
    let bases = [".gitmodules", ".gitconfig", ".git-credentials"];
    bases.contains(&base) || ends_with(path, ".git/config")
}

fn is_env(_: &str, base: &str) -> bool {
    let templates = ["example", "sample", "template", "dist", "defaults"];
    let is_env = base == ".env" || base.starts_with(".env.") || has_end(base, ".env");
    is_env && !templates.iter().any(|word| has_end(base, word))
}

fn has_end(base: &str, end: &str) -> bool {
    base.len() > end.len() && base.ends_with(end)
}

/// Whether a path is this one, or leads to it in some folder.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// The kinds that a file of this name is of.
pub(crate) fn of(name: &ArtifactName) -> Vec<&'static File> {
    let path = name.as_str();
    let base = path.rsplit('/').next().unwrap_or(path);
    let is_one = |file: &&File| (file.is_one)(path, base);
    FILES.iter().filter(is_one).collect()
}

impl File {
    /// Where the first secret stands.
    pub(crate) fn found(&self, bytes: &[u8]) -> Option<usize> {
        self.regex().captures_iter(bytes).find_map(|groups| {
            let secret = groups.name("secret").or_else(|| groups.name("secret2"))?;
            let is_beside = groups.name("key").is_some_and(|key| {
                let key = key.as_bytes().to_ascii_uppercase();
                BESIDE.iter().any(|end| key.ends_with(end.as_bytes()))
            });
            let is_one = !is_beside && !is_placeholder(secret.as_bytes());
            is_one.then_some(secret.start())
        })
    }

    fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            let pattern = format!("(?-u){}", self.pattern);
            Regex::new(&pattern).expect("a test compiles every pattern of the table")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(name: &str) -> Vec<&'static str> {
        let name = name.parse().unwrap();
        of(&name).iter().map(|file| file.rule.name()).collect()
    }

    #[test]
    fn every_pattern_can_be_compiled() {
        for file in &FILES {
            file.regex();
        }
    }

    #[test]
    fn files_are_known_by_their_names() {
        for (name, kind) in [
            (".git/config", "git-credentials"),
            ("a/b/.git/config", "git-credentials"),
            ("home/.netrc", "netrc-password"),
            (".npmrc", "npmrc-token"),
            ("x/.pypirc", "pypirc-password"),
            ("home/.cargo/credentials.toml", "cargo-token"),
            (".docker/config.json", "docker-auth"),
            (".aws/credentials", "aws-credentials"),
            (".env", "env-secret"),
            ("deploy/.env.production", "env-secret"),
            ("deploy/production.env", "env-secret"),
        ] {
            assert_eq!(kinds(name), [kind], "{name}");
        }
        for name in [
            "git/config",
            "x.git/config",
            ".env.example",
            "my.env.template",
            "environment",
            "credentials",
            "netrc.md",
        ] {
            assert!(kinds(name).is_empty(), "{name}");
        }
    }
}
