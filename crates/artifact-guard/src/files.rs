//! Files that are known by their name to hold credentials, and what these look like in them.

use std::sync::OnceLock;

use artifact_domain::ArtifactName;
use regex::bytes::{Captures, Regex};

use crate::placeholder::is_placeholder;
use crate::rule::Rule;

/// The most bytes of such a file that are looked at.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A kind of file that holds credentials.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) rule: Rule,
    is_one: fn(path: &str, base: &str) -> bool,
    /// In one of its groups [`SECRETS`] is the secret; in `key`, where it has one, what the secret is called,
    /// and in `user` whose password it is.
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
        ENV,
    ),
];

/// A variable that holds a URL with a password, whatever it is called; and one that is called a secret, which
/// may be quoted, or not, or have lost its second quote.
const ENV: &str = r#"(?imx)
    ^[\x20\t]*(?:export[\x20\t]+)?(?:
        [A-Z0-9_.]+[\x20\t]*=[\x20\t]*["']?[a-z][a-z0-9+.-]*://(?<user>[^/\s:@]*):(?<secret>[^/\s@"'$<{][^/\s@"']{5,})@
        |
        (?<key>
            [A-Z0-9_.]*
            (?:SECRET(?:KEY)?|TOKEN|PASSW(?:OR)?D|PASSPHRASE|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|CREDENTIAL)S?
            (?:[_0-9][A-Z0-9_]*)?
        )
        [\x20\t]*=[\x20\t]*
        (?:
            "(?<secret2>[^\s"\\$<{(/](?:[^"\\\r\n]|\\.){7,})"
            |
            '(?<secret3>[^\s'$<{(/][^'\r\n]{7,})'
            |
            ["']?(?<secret4>[^\s"'\#$<{(/][^\s"']{7,})
        )
    )"#;

/// The groups of patterns that a secret is in.
const SECRETS: [&str; 4] = ["secret", "secret2", "secret3", "secret4"];

/// How a variable's name ends that only says of a secret where it is, what it is called, or how it is made.
const BESIDE: [&str; 35] = [
    "_ALG",
    "_ALGORITHM",
    "_ARN",
    "_AUDIENCE",
    "_BACKEND",
    "_CLASS",
    "_DIR",
    "_ENDPOINT",
    "_EXPIRATION",
    "_FILE",
    "_FORMAT",
    "_HEADER",
    "_HINT",
    "_HOST",
    "_ID",
    "_IDS",
    "_ISSUER",
    "_LABEL",
    "_MANAGER",
    "_MESSAGE",
    "_MODEL",
    "_NAME",
    "_PATH",
    "_POLICY",
    "_PREFIX",
    "_PROVIDER",
    "_REGION",
    "_SCOPE",
    "_SCOPES",
    "_SERVICE",
    "_TTL",
    "_TYPE",
    "_URI",
    "_URL",
    "_VERSION",
];

/// A mark that some editors put before all text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let at = self.regex().captures_iter(text).find_map(|groups| {
            let secret = SECRETS.iter().find_map(|group| groups.name(group))?;
            let is_one = !is_beside(&groups)
                && !is_default(&groups, secret.as_bytes())
                && !is_placeholder(secret.as_bytes());
            is_one.then_some(secret.start())
        })?;
        Some(bytes.len() - text.len() + at)
    }

    fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            let pattern = format!("(?-u){}", self.pattern);
            Regex::new(&pattern).expect("a test compiles every pattern of the table")
        })
    }
}

/// Whether a variable is called like what is only beside a secret.
fn is_beside(groups: &Captures<'_>) -> bool {
    groups.name("key").is_some_and(|key| {
        let key = key.as_bytes().to_ascii_uppercase();
        BESIDE.iter().any(|end| key.ends_with(end.as_bytes()))
    })
}

/// Whether a user has the password that a database in a container begins with, and everybody knows.
fn is_default(groups: &Captures<'_>, password: &[u8]) -> bool {
    groups.name("user").is_some_and(|user| {
        user.as_bytes() == password || password.eq_ignore_ascii_case(b"password")
    })
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
