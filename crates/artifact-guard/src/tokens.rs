//! Secrets that are known by their form, wherever they stand: a text that each begins with or holds, and
//! the pattern around it. The forms are those that the services document.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::Regex;

use crate::rule::Rule;

/// The most bytes that a pattern looks at behind the text that it is found by.
pub(crate) const AHEAD_BYTES: usize = 4 << 10;

/// The most bytes that a pattern looks at before that text.
pub(crate) const BEFORE_BYTES: usize = 16;

/// A kind of secret with a form of its own.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) rule: Rule,
    /// Texts of which each such secret has one; what is dear is looked for only behind these. Each has four
    /// bytes or more, and there are 64 of them at most: with more, or with shorter ones, the search for all
    /// of them takes five times as long.
    texts: &'static [&'static str],
    /// How many bytes of the secret stand before the text.
    before_bytes: usize,
    /// From the beginning of the secret.
    pattern: &'static str,
    compiled: OnceLock<Regex>,
}

const fn token(
    name: &'static str,
    about: &'static str,
    texts: &'static [&'static str],
    pattern: &'static str,
) -> Token {
    Token {
        rule: Rule::new(name, about),
        texts,
        before_bytes: 0,
        pattern,
        compiled: OnceLock::new(),
    }
}

/// Every kind of secret with a form of its own.
pub(crate) static TOKENS: [Token; 36] = [
    token(
        "private-key",
        "private keys: PEM (PKCS#1, PKCS#8, SEC1, OpenSSH, DSA), encrypted or not",
        &["-----BEGIN ", "---- BEGIN SSH2 ENCRYPTED"],
        r#"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----(?:[\s+\-|"',>]|\\r|\\n){0,80}(?:[A-Za-z-]{1,40}: ?[^\n]{0,200}[\s+|"',>]{1,40}){0,8}[A-Za-z0-9+/]{32}|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"#,
    ),
    token(
        "pgp-private-key",
        "private keys of OpenPGP, in armour",
        &["-----BEGIN PGP PRIVATE"],
        r#"-----BEGIN PGP PRIVATE KEY BLOCK-----(?:[\s+\-|"',>]|\\r|\\n){0,80}(?:[A-Za-z-]{1,40}: ?[^\n]{0,200}[\s+|"',>]{1,40}){0,8}[A-Za-z0-9+/]{16}"#,
    ),
    token(
        "putty-private-key",
        "private keys of PuTTY",
        &["PuTTY-User-Key-File-"],
        r"PuTTY-User-Key-File-[23]: [a-z0-9-]{1,40}\s",
    ),
    token(
        "age-secret-key",
        "identities of age",
        &["AGE-SECRET-KEY-1"],
        r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    ),
    token(
        "aws-access-key-id",
        "keys of AWS, long-lived and temporary",
        &["AKIA", "ASIA"],
        r"A[KS]IA[A-Z2-7]{16}\b",
    ),
    token(
        "aws-secret-access-key",
        "secret keys of AWS, behind their usual names",
        &[
            "aws_secret_access_key",
            "AWS_SECRET_ACCESS_KEY",
            "SecretAccessKey",
        ],
        r#"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY|SecretAccessKey)["']?\s{0,8}[:=]\s{0,8}["']?[A-Za-z0-9/+]{40}"#,
    ),
    token(
        "gcp-service-account",
        "key files of service accounts of Google Cloud",
        &["\"service_account\""],
        r#""service_account"[\x00-\xff]{0,2048}"private_key": ?"-----BEGIN "#,
    ),
    token(
        "google-api-key",
        "API keys of Google",
        &["AIza"],
        r"AIza[A-Za-z0-9_-]{35}\b",
    ),
    token(
        "google-oauth-secret",
        "client secrets of Google's OAuth",
        &["GOCSPX-"],
        r"GOCSPX-[A-Za-z0-9_-]{28}",
    ),
    token(
        "azure-storage-key",
        "keys of Azure's storage accounts and services, in connection strings",
        &["AccountKey=", "SharedAccessKey="],
        r"(?:Account|SharedAccess)Key=[A-Za-z0-9+/]{43}(?:[A-Za-z0-9+/]{43})?={1,2}",
    ),
    token(
        "azure-client-secret",
        "client secrets of Microsoft Entra ID, behind their usual names",
        &["AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET"],
        r#"(?:AZURE|ARM)_CLIENT_SECRET["']?\s{0,8}[:=]\s{0,8}["']?[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"#,
    ),
    token(
        "github-token",
        "tokens of GitHub: of persons, apps, OAuth",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})",
    ),
    token(
        "gitlab-token",
        "tokens of GitLab: of persons, runners, deployments, triggers, jobs",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-"],
        r"gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_.-]{20}",
    ),
    token(
        "slack-token",
        "tokens of Slack",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xapp-"],
        r"(?:xox[bpar]-[0-9]{1,}-[A-Za-z0-9-]{16}|xox[ar]-[A-Za-z0-9-]{24}|xapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[a-z0-9]{16})",
    ),
    token(
        "slack-webhook",
        "webhooks of Slack",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,}/[A-Z0-9]{8,}/[A-Za-z0-9]{16}",
    ),
    token(
        "stripe-key",
        "live keys of Stripe",
        &["k_live_"],
        r"[sr]k_live_[A-Za-z0-9]{16}",
    )
    .with_bytes_before(1),
    token(
        "model-provider-key",
        "keys of services that run language models",
        &["sk-proj-", "sk-svcacct-", "sk-ant-"],
        r"sk-(?:proj|svcacct|ant)-[A-Za-z0-9_-]{40}",
    ),
    token(
        "npm-token",
        "tokens of npm",
        &["npm_"],
        r"npm_[A-Za-z0-9]{36}",
    ),
    token(
        "pypi-token",
        "tokens of PyPI",
        &["pypi-AgE"],
        r"pypi-AgE[A-Za-z0-9_-]{50}",
    ),
    token(
        "rubygems-key",
        "keys of RubyGems",
        &["rubygems_"],
        r"rubygems_[a-f0-9]{48}",
    ),
    token(
        "docker-token",
        "tokens of Docker Hub",
        &["dckr_"],
        r"dckr_[po]at_[A-Za-z0-9_-]{27}",
    ),
    token(
        "digitalocean-token",
        "tokens of DigitalOcean",
        &["_v1_"],
        r"do[por]_v1_[a-f0-9]{64}",
    )
    .with_bytes_before(3),
    token(
        "sendgrid-key",
        "keys of SendGrid, behind their usual name",
        &["SENDGRID_API_KEY"],
        r#"SENDGRID_API_KEY["']?\s{0,8}[:=]\s{0,8}["']?SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"#,
    ),
    token(
        "vault-token",
        "tokens of HashiCorp Vault",
        &["hvs.", "hvb."],
        r"hv[sb]\.[A-Za-z0-9_-]{24}",
    ),
    token(
        "terraform-token",
        "tokens of HCP Terraform",
        &[".atlasv1."],
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60}",
    )
    .with_bytes_before(14),
    token(
        "databricks-token",
        "tokens of Databricks",
        &["dapi"],
        r"dapi[a-f0-9]{32}(?:-[0-9])?\b",
    ),
    token(
        "shopify-token",
        "tokens of Shopify",
        &["shpat_", "shpss_", "shpca_", "shppa_"],
        r"shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}",
    ),
    token(
        "grafana-token",
        "tokens of Grafana",
        &["glsa_"],
        r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
    ),
    token(
        "hugging-face-token",
        "tokens of Hugging Face, behind their usual names",
        &["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"],
        r#"(?:HF_TOKEN|HUGGING_FACE_HUB_TOKEN)["']?\s{0,8}[:=]\s{0,8}["']?hf_[A-Za-z]{34}\b"#,
    ),
    token(
        "linear-key",
        "keys of Linear",
        &["lin_api_"],
        r"lin_api_[A-Za-z0-9]{40}",
    ),
    token(
        "atlassian-token",
        "API tokens of Atlassian",
        &["ATATT3xFfGF0"],
        r"ATATT3xFfGF0[A-Za-z0-9_=-]{60}",
    ),
    token(
        "new-relic-key",
        "user keys of New Relic",
        &["NRAK-"],
        r"NRAK-[A-Z0-9]{27}",
    ),
    token(
        "postman-key",
        "keys of Postman",
        &["PMAK-"],
        r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    ),
    token(
        "pulumi-token",
        "tokens of Pulumi",
        &["pul-"],
        r"pul-[a-f0-9]{40}\b",
    ),
    token(
        "planetscale-token",
        "tokens and passwords of PlanetScale",
        &["pscale_"],
        r"pscale_(?:tkn|pw)_[A-Za-z0-9_.-]{32}",
    ),
    token(
        "kubernetes-client-key",
        "keys of clients in configurations of Kubernetes",
        &["client-key-data:"],
        r"client-key-data: {0,8}[A-Za-z0-9+/]{64}",
    ),
];

impl Token {
    const fn with_bytes_before(mut self, before_bytes: usize) -> Self {
        self.before_bytes = before_bytes;
        self
    }

    /// Whether such a secret stands where one of its texts was found, and where it begins. What comes
    /// before it in `bytes` may be cut off.
    pub(crate) fn found(&self, bytes: &[u8], text_at: usize) -> Option<usize> {
        let at = text_at.checked_sub(self.before_bytes)?;
        if is_within_a_word(bytes, at) {
            return None;
        }
        let end = bytes.len().min(at + AHEAD_BYTES);
        let found = self.regex().find(&bytes[at..end])?;
        let is_example = crate::placeholder::is_placeholder(found.as_bytes());
        (!is_example).then_some(at)
    }

    fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            let anchored = format!("(?-u)^(?:{})", self.pattern);
            Regex::new(&anchored).expect("a test compiles every pattern of the table")
        })
    }
}

/// Whether what begins at `at` goes on with a word. The letter of an escaped line end is none.
fn is_within_a_word(bytes: &[u8], at: usize) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match bytes[..at] {
        [] | [.., b'\\', b'n' | b'r' | b't'] => false,
        [.., last] => is_word(last) && is_word(bytes[at]),
    }
}

/// Finds the texts of all tokens at once.
pub(crate) struct Texts {
    automaton: AhoCorasick,
    /// The token of each text, by its number in the automaton.
    tokens: Vec<&'static Token>,
}

impl Texts {
    /// Where texts stand, from the first on, each with its token.
    pub(crate) fn find<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = (usize, &'static Token)> + 'a {
        let found = self.automaton.find_iter(bytes);
        found.map(|found| (found.start(), self.tokens[found.pattern().as_usize()]))
    }
}

/// The texts of all tokens.
pub(crate) static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let both = TOKENS
        .iter()
        .flat_map(|token| token.texts.iter().map(move |text| (*text, token)));
    let (texts, tokens): (Vec<_>, Vec<_>) = both.unzip();
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&texts);
    Texts {
        automaton: automaton.expect("a test builds it, from the same few texts"),
        tokens,
    }
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pattern_can_be_compiled_and_no_text_is_twice() {
        let mut texts = BTreeSet::new();
        for token in &TOKENS {
            token.regex();
            assert!(token.before_bytes <= BEFORE_BYTES);
            for text in token.texts {
                assert!(texts.insert(*text), "{text}");
                assert!(text.len() <= crate::scan::LONGEST_TEXT_BYTES, "{text}");
            }
        }
        assert_eq!(TEXTS.tokens.len(), texts.len());
        assert!(texts.len() <= 64, "{}", texts.len());
        assert!(texts.iter().all(|text| text.len() >= 4), "{texts:?}");
    }
}
