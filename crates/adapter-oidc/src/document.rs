//! The file of issuers as it is written: TOML. Everything that is wrong in it is told with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use artifact_domain::access::{Action, Actions};
use artifact_domain::query::Glob;
use artifact_domain::{Error, ErrorKind, Result};
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use reqwest::Url;
use serde::Deserialize;
use toml::Spanned;

use crate::rule::Rule;
use crate::template::Template;

/// The largest difference between two clocks that is put up with, in seconds.
const MOST_LEEWAY_S: u32 = 600;

/// How many rules an issuer has at most: those that match cost something with every list.
const MOST_RULES: usize = 64;

/// The longest short name, in bytes.
const MOST_NAME_BYTES: usize = 32;

/// One issuer, as the file describes it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) place: Place,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway_s: u32,
    pub(crate) max_age_s: Option<u32>,
    pub(crate) rules: Vec<Rule>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the configuration says that is found at the issuer.
    Discovered(Url),
    /// At this address.
    At(Url),
    /// In this file.
    File(PathBuf),
}

/// Reads the file at `path`, whose text this is.
pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Vec<Described>> {
    let text = std::str::from_utf8(text).map_err(|fault| {
        let line = line_of(text, fault.valid_up_to());
        fault_at(path, Some(line), "it is not UTF-8")
    })?;
    let document: Document = toml::from_str(text).map_err(|fault| {
        let line = fault
            .span()
            .map(|span| line_of(text.as_bytes(), span.start));
        fault_at(path, line, fault.message())
    })?;
    let tell = |(span, message): (Range<usize>, String)| {
        fault_at(path, Some(line_of(text.as_bytes(), span.start)), &message)
    };
    let mut names = BTreeSet::new();
    let mut issuers = BTreeSet::new();
    let mut all = Vec::new();
    for written in document.issuers {
        let (name, issuer) = (&written.name, &written.issuer);
        if !names.insert(name.get_ref().0.clone()) {
            return Err(tell((
                name.span(),
                "another issuer has that name".to_owned(),
            )));
        }
        if !issuers.insert(issuer.get_ref().0.clone()) {
            return Err(tell((
                issuer.span(),
                "that issuer is there twice".to_owned(),
            )));
        }
        all.push(written.described(path).map_err(tell)?);
    }
    Ok(all)
}

fn line_of(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.split(|byte| *byte == b'\n').count()
}

fn fault_at(path: &Path, line: Option<usize>, message: &str) -> Error {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let message = format!("{}{line}: {message}", path.display());
    Error::new(ErrorKind::InvalidInput, message)
        .with_hint("docs/access.md says what stands in the file that access.issuers_file names")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    issuers: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<Name>,
    issuer: Spanned<Issuer>,
    audience: Spanned<OneOrMany>,
    jwks_url: Option<Spanned<KeysUrl>>,
    jwks_file: Option<PathBuf>,
    algorithms: Option<Spanned<Vec<Signing>>>,
    leeway_s: Option<Spanned<u32>>,
    max_age_s: Option<u32>,
    rules: Spanned<Vec<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    claims: Spanned<BTreeMap<String, Pattern>>,
    actions: Spanned<Vec<Doing>>,
    spec: Where,
    task: Where,
}

impl Written {
    fn described(self, path: &Path) -> Result<Described, (Range<usize>, String)> {
        let place = match (self.jwks_url, self.jwks_file) {
            (Some(url), Some(_)) => {
                let message = "jwks_url and jwks_file exclude each other";
                return Err((url.span(), message.to_owned()));
            }
            (Some(url), None) => Place::At(url.into_inner().0),
            (None, Some(file)) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                Place::File(folder.join(file))
            }
            (None, None) => Place::Discovered(self.issuer.get_ref().1.clone()),
        };
        let audiences = checked(self.audience, |audience| {
            let audiences = match audience {
                OneOrMany::One(one) => vec![one],
                OneOrMany::Many(many) => many,
            };
            let is_fit = !audiences.is_empty() && audiences.iter().all(|one| !one.is_empty());
            is_fit.then_some(audiences).ok_or("it names no audience")
        })?;
        let algorithms = match self.algorithms {
            None => vec![Algorithm::RS256, Algorithm::ES256],
            Some(named) => checked(named, |named| {
                let named: Vec<_> = named.into_iter().map(|one| one.0).collect();
                (!named.is_empty())
                    .then_some(named)
                    .ok_or("it names no algorithm")
            })?,
        };
        let leeway_s = match self.leeway_s {
            None => 60,
            Some(leeway) => checked(leeway, |seconds| {
                let is_fit = seconds <= MOST_LEEWAY_S;
                is_fit.then_some(seconds).ok_or("it is more than 600")
            })?,
        };
        let rules = checked(self.rules, |rules| {
            let is_fit = (1..=MOST_RULES).contains(&rules.len());
            is_fit.then_some(rules).ok_or("an issuer has 1 to 64 rules")
        })?;
        let rules = rules.into_iter().map(WrittenRule::rule);
        Ok(Described {
            name: self.name.into_inner().0,
            issuer: self.issuer.into_inner().0,
            audiences,
            place,
            algorithms,
            leeway_s,
            max_age_s: self.max_age_s,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }
}

impl WrittenRule {
    fn rule(self) -> Result<Rule, (Range<usize>, String)> {
        let claims = checked(self.claims, |claims| {
            let is_fit = !claims.is_empty();
            is_fit.then_some(claims).ok_or(
                "a rule without claims would let in everybody whom the issuer knows: \
                 if that is meant, write sub = \"*\"",
            )
        })?;
        let actions = checked(self.actions, |actions| {
            let actions: Actions = actions.into_iter().map(|one| one.0).collect();
            (!actions.is_empty())
                .then_some(actions)
                .ok_or("it names no action")
        })?;
        Ok(Rule {
            claims: claims
                .into_iter()
                .map(|(name, pattern)| (name, pattern.0))
                .collect(),
            actions,
            spec: self.spec.0,
            task: self.task.0,
        })
    }
}

/// What `check` makes of a value, or what is wrong with it and where it stands.
fn checked<T, U>(
    value: Spanned<T>,
    check: impl FnOnce(T) -> Result<U, &'static str>,
) -> Result<U, (Range<usize>, String)> {
    let span = value.span();
    check(value.into_inner()).map_err(|message| (span, message.to_owned()))
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected an audience in quotes, or a list of them"
)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The short name of an issuer.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = (1..=MOST_NAME_BYTES).contains(&text.len()) && text.chars().all(is_fit);
        is_name
            .then_some(Self(text))
            .ok_or("the name of an issuer has 1 to 32 ASCII letters, digits and - _ .")
    }
}

/// An issuer: its text, with which those of tokens are compared, and its address.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Issuer(String, Url);

impl TryFrom<String> for Issuer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let url = safe_url(&text)?;
        if url.query().is_some() {
            return Err("an issuer has no query");
        }
        Ok(Self(text, url))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct KeysUrl(Url);

impl TryFrom<String> for KeysUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        safe_url(&text).map(Self)
    }
}

/// An address from which keys can be taken.
pub(crate) fn safe_url(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| "it is no URL")?;
    if !is_safe(&url) {
        return Err("it is neither https nor, on the loopback interface, http");
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("it has a fragment or a password");
    }
    Ok(url)
}

/// Whether nobody on the way can change what is fetched from there.
pub(crate) fn is_safe(url: &Url) -> bool {
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => {
            let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
            host == "localhost" || address.is_some_and(|address| address.is_loopback())
        }
        _ => false,
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Signing(Algorithm);

impl TryFrom<String> for Signing {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let algorithm: Option<Algorithm> = text.parse().ok();
        algorithm
            .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
            .map(Self)
            .ok_or(
                "the algorithms are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA",
            )
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Glob);

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse().map(Self)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Where(Template);

impl TryFrom<String> for Where {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse().map(Self)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Doing(Action);

impl TryFrom<String> for Doing {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let action = text.parse().map(Self);
        action.map_err(|_| "the actions are read, write, delete and admin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"# who comes in
[[issuers]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
audience = "store"
leeway_s = 30

[[issuers.rules]]
claims = { repository_owner = "org" }
actions = ["read", "write"]
spec = "{repository}"
task = "{run_id}"
"#;

    fn read(text: &str) -> Result<Vec<Described>> {
        parse(Path::new("/etc/issuers.toml"), text.as_bytes())
    }

    #[test]
    fn an_issuer_is_read_with_what_is_usual() {
        let all = read(GOOD).unwrap();
        let [github] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(github.algorithms, [Algorithm::RS256, Algorithm::ES256]);
        assert_eq!((github.leeway_s, github.max_age_s), (30, None));
        assert_eq!(github.audiences, ["store"]);
        assert!(
            matches!(&github.place, Place::Discovered(url) if url.as_str().starts_with("https://token"))
        );
        let file = GOOD.replace("leeway_s = 30", "jwks_file = \"keys.json\"\naudience2 = 1");
        assert!(read(&file).is_err());
        let file = GOOD.replace("leeway_s = 30", "jwks_file = \"keys.json\"");
        assert_eq!(
            read(&file).unwrap()[0].place,
            Place::File("/etc/keys.json".into())
        );
        assert_eq!(read(&file).unwrap()[0].leeway_s, 60);
        assert!(read("issuers = []").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let twice = format!("{GOOD}{GOOD}");
        let renamed = twice.replacen("\"github\"", "\"other\"", 1);
        for (text, line, part) in [
            (String::new(), 1, "issuers"),
            (
                GOOD.replace("leeway_s", "leeway"),
                6,
                "unknown field `leeway`",
            ),
            (GOOD.replace("= 30", "= 601"), 6, "more than 600"),
            (GOOD.replace("= 30", "= -1"), 6, "invalid value"),
            (GOOD.replace("claims", "claim"), 9, "unknown field `claim`"),
            (
                GOOD.replace("{ repository_owner = \"org\" }", "{}"),
                9,
                "everybody",
            ),
            (GOOD.replace("\"org\"", "\"[\""), 9, "pattern"),
            (GOOD.replace("\"org\"", "7"), 9, "expected a string"),
            (GOOD.replace("\"write\"", "\"fly\""), 10, "the actions are"),
            (GOOD.replace("\"read\", \"write\"", ""), 10, "no action"),
            (GOOD.replace("{repository}", "{repository"), 11, "brace"),
            (GOOD.replace("{repository}", "[{repository}]"), 11, "brace"),
            (GOOD.replace("{run_id}", ""), 12, "empty"),
            (
                GOOD.replace("https://token", "http://token"),
                4,
                "neither https",
            ),
            (
                GOOD.replace("https://token", "https://u:p@token"),
                4,
                "password",
            ),
            (GOOD.replace(".com\"", ".com?a\""), 4, "no query"),
            (GOOD.replace("\"store\"", "[]"), 5, "no audience"),
            (GOOD.replace("\"store\"", "7"), 5, "in quotes"),
            (
                GOOD.replace("\"github\"", "\"git hub\""),
                3,
                "the name of an issuer",
            ),
            (
                GOOD.replace("leeway_s = 30", "algorithms = [\"HS256\"]"),
                6,
                "RS256",
            ),
            (
                GOOD.replace("leeway_s = 30", "algorithms = [\"none\"]"),
                6,
                "RS256",
            ),
            (
                GOOD.replace("leeway_s = 30", "algorithms = []"),
                6,
                "no algorithm",
            ),
            (
                GOOD.replace("leeway_s = 30", "jwks_url = \"http://10.0.0.1/\""),
                6,
                "neither https",
            ),
            (
                GOOD.replace(
                    "leeway_s = 30",
                    "jwks_file = \"a\"\njwks_url = \"https://a/\"",
                ),
                7,
                "exclude",
            ),
            (
                GOOD.replace("spec = \"{repository}\"\n", ""),
                8,
                "missing field `spec`",
            ),
            (GOOD.replace("\"store\"", "\"store"), 5, ""),
            (twice, 15, "has that name"),
            (renamed, 16, "twice"),
        ] {
            let error = read(&text).unwrap_err();
            let told = error.to_string();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(
                told.starts_with(&format!("/etc/issuers.toml:{line}: ")),
                "{told}\n{text}"
            );
            assert!(told.contains(part), "{told}");
        }
        assert!(
            parse(Path::new("f"), b"a\n\xff")
                .unwrap_err()
                .to_string()
                .starts_with("f:2: ")
        );
    }

    #[test]
    fn keys_come_from_where_nobody_changes_them() {
        for good in [
            "https://a.example/x",
            "http://127.0.0.1:80/",
            "http://127.8.8.8/",
            "http://[::1]:9/x",
            "http://localhost/x",
        ] {
            assert!(safe_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://0.0.0.0/",
            "http://[::]/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "https://",
            "a.example",
            "",
            "https://a.example/#x",
        ] {
            assert!(safe_url(bad).is_err(), "{bad}");
        }
    }
}
