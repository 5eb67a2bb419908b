//! Secrets that are known by their form, wherever they stand: a text that each begins with or holds, and
//! the pattern around it. The forms are those that the services document.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::pem;
use crate::rule::Rule;
use crate::token::Token;

/// The most bytes that a form looks at behind the beginning of the text that it is found by.
pub(crate) const AHEAD_BYTES: usize = 4 << 10;

/// The most bytes that a form looks at before that text.
pub(crate) const BEFORE_BYTES: usize = pem::BEFORE_BYTES;

const fn token(
    name: &'static str,
    about: &'static str,
    texts: &'static [&'static str],
    pattern: &'static str,
) -> Token {
    Token::pattern(Rule::new(name, about), texts, pattern)
}

/// Every kind of secret with a form of its own.
pub(crate) static TOKENS: [Token; 36] = [
    Token::pem(
        Rule::new(
            "private-key",
            "private keys: PEM (PKCS#1, PKCS#8, SEC1, OpenSSH, DSA), encrypted or not",
        ),
        &["-----BEGIN ", "---- BEGIN SSH2 ENCRYPTED"],
        pem::is_private_key,
    ),
    Token::pem(
        Rule::new("pgp-private-key", "private keys of OpenPGP, in armour"),
        &["-----BEGIN PGP PRIVATE"],
        pem::is_pgp_private_key,
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
        r"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY|SecretAccessKey)<=>(?<secret>[A-Za-z0-9/+]{40})",
    ),
    Token::service_account(Rule::new(
        "gcp-service-account",
        "key files of service accounts of Google Cloud",
    )),
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
        r"(?:AZURE|ARM)_CLIENT_SECRET<=>(?<secret>[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
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
        r"(?:xox[bpar]-[0-9]{1,20}-[A-Za-z0-9-]{16}|xox[ar]-[A-Za-z0-9-]{24}|xapp-[0-9]-[A-Z0-9]{8,20}-[0-9]{8,20}-[a-z0-9]{16})",
    ),
    token(
        "slack-webhook",
        "webhooks of Slack",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,20}/[A-Z0-9]{8,20}/(?<secret>[A-Za-z0-9]{16})",
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
        r"SENDGRID_API_KEY<=>(?<secret>SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})",
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
        r"(?:HF_TOKEN|HUGGING_FACE_HUB_TOKEN)<=>(?<secret>hf_[A-Za-z]{34})\b",
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
        &["client-key-data"],
        r"client-key-data<=>(?<secret>[A-Za-z0-9+/]{64})",
    ),
];

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
    ) -> impl Iterator<Item = (Range<usize>, &'static Token)> + 'a {
        let found = self.automaton.find_iter(bytes);
        found.map(|found| (found.range(), self.tokens[found.pattern().as_usize()]))
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
            token.compile();
            for text in token.texts {
                assert!(texts.insert(*text), "{text}");
                assert!(text.len() <= crate::scan::LONGEST_TEXT_BYTES, "{text}");
            }
        }
        assert_eq!(TEXTS.tokens.len(), texts.len());
        assert!(texts.len() <= 64, "{}", texts.len());
        assert!(texts.iter().all(|text| text.len() >= 4), "{texts:?}");
    }

    /// Files that are made of nothing but beginnings of secrets.
    fn made_of_beginnings() -> Vec<Vec<u8>> {
        let texts = TOKENS.iter().flat_map(|token| token.texts);
        let mut beginnings: Vec<String> = texts.map(|text| (*text).to_owned()).collect();
        for label in ["PRIVATE KEY-----", "PGP PRIVATE KEY BLOCK-----"] {
            let more = ["", "\n", "A: ", "\nA: b\n", "\", \"a\":\""];
            beginnings.extend(more.map(|more| format!("-----BEGIN {label}{more}")));
        }
        let private_key = "\"private_key\": \"-----BEGIN PRIVATE KEY-----\\n";
        beginnings.push(format!("\"service_account\" {private_key}"));
        beginnings.push(format!("\"service_account\" {}", private_key.repeat(20)));
        let between = [
            "", " ", "-", "\n", "=", "\": \"", "1-", "AAAAAAAA", "        ",
        ];
        let all = beginnings.iter().flat_map(|beginning| {
            between.map(|between| format!("{beginning}{between}").into_bytes())
        });
        all.map(|part| part.repeat((64 << 10) / part.len()))
            .collect()
    }

    #[test]
    fn few_bytes_are_looked_at_for_each_that_comes() {
        for bytes in made_of_beginnings() {
            let found = TEXTS.find(&bytes);
            let looked_at: usize = found
                .filter(|(text, token)| text.start >= token.before_bytes)
                .map(|(text, token)| token.extent(&bytes, text.start - token.before_bytes).len())
                .sum();
            let start = String::from_utf8_lossy(&bytes[..60]);
            assert!(looked_at <= 48 * bytes.len(), "{looked_at}: {start}");
        }
    }

    #[test]
    fn no_form_looks_further_than_what_is_kept() {
        for token in &TOKENS {
            assert!(token.before_bytes + crate::escape::BEFORE_BYTES <= BEFORE_BYTES);
        }
        for bytes in made_of_beginnings() {
            for (text, token) in TEXTS.find(&bytes) {
                if let Some(at) = text.start.checked_sub(token.before_bytes) {
                    let extent = token.extent(&bytes, at);
                    assert!(extent.start + BEFORE_BYTES >= text.start);
                    assert!(extent.end <= text.start + AHEAD_BYTES);
                    assert!(extent.contains(&at));
                }
            }
        }
    }
}
