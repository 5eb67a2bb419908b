//! What a key's value may be, and the one check that turns a written value into a normal one.
//! Knows neither keys nor layers.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::by_glob::Entries;
use super::node::Node;
use super::secret::redact_url;
use super::{byte_size, cron};

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Bool,
    Choice(&'static [&'static str]),
    Text,
    Secret,
    Path,
    HttpUrl,
    SecretUrl,
    Whole {
        min: u64,
        max: u64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Size,
    Cron,
    ByGlob(Entries),
    /// Texts: a list in a file, with commas between them elsewhere.
    List,
}

/// Where relative paths of a layer begin and what `~` stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base<'a> {
    pub(super) dir: &'a Path,
    pub(super) home: Option<&'a Path>,
}

/// Why a value was refused: what was given, fit to be shown, and a reason beyond the kind's own
/// expectation.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) given: String,
    pub(super) reason: Option<String>,
}

impl Kind {
    /// What it takes, to follow the word "expected".
    pub(super) fn expected(self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Choice(names) => format!("one of {}", names.join(", ")),
            Self::Text | Self::Secret => "a text".into(),
            Self::Path => "a path".into(),
            Self::HttpUrl => "an http or https URL".into(),
            Self::SecretUrl => "a URL".into(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Size => "a size from 1B, such as 500, 5GB or 1.5GiB".into(),
            Self::Cron => "five fields as in crontab(5), such as \"0 2 * * *\"".into(),
            Self::ByGlob(_) => "numbers by pattern".into(),
            Self::List => "a list of texts, or texts with commas between them".into(),
        }
    }

    /// A short name of the kind, for tables of documentation.
    pub(super) fn label(self) -> String {
        match self {
            Self::Bool => "bool".into(),
            Self::Choice(names) => names.join(", "),
            Self::Text => "text".into(),
            Self::Secret => "secret text".into(),
            Self::Path => "path".into(),
            Self::HttpUrl => "http(s) URL".into(),
            Self::SecretUrl => "URL, its password secret".into(),
            Self::Whole { min, max } => format!("whole number, {min} to {max}"),
            Self::Number { min, max } => format!("number, {min} to {max}"),
            Self::Size => "size".into(),
            Self::Cron => "cron expression".into(),
            Self::List => "list of texts".into(),
            Self::ByGlob(Entries { min, max, or_never }) => {
                let or_null = if or_never { " or null" } else { "" };
                format!("pattern: whole number, {min} to {max}{or_null}")
            }
        }
    }

    /// Checks a value that is neither null nor empty and gives its normal form: paths absolute,
    /// choices in lower case, sizes in their shortest form.
    pub(super) fn check(self, node: &Node, base: Base<'_>) -> Result<Value, Refusal> {
        let given = || Refusal {
            given: self.describe(node),
            reason: None,
        };
        let because = |reason: String| Refusal {
            reason: Some(reason),
            ..given()
        };
        match self {
            Self::Bool => boolean(node).map(Value::from).ok_or_else(given),
            Self::Whole { min, max } => whole(node)
                .filter(|value| (min..=max).contains(value))
                .map(Value::from)
                .ok_or_else(given),
            Self::Number { min, max } => number(node)
                .filter(|value| (min..=max).contains(value))
                .map(Value::from)
                .ok_or_else(given),
            Self::Size => {
                let bytes = size(node).ok_or_else(given)?.map_err(because)?;
                match bytes {
                    0 => Err(given()),
                    bytes => Ok(byte_size::ByteSize::new(bytes).to_string().into()),
                }
            }
            Self::List => list(node).map(Value::from).ok_or_else(given),
            Self::ByGlob(entries) => entries.check(node).ok_or_else(given)?.map_err(because),
            Self::Choice(_)
            | Self::Text
            | Self::Secret
            | Self::Path
            | Self::HttpUrl
            | Self::SecretUrl
            | Self::Cron => {
                let text = text(node).ok_or_else(|| match node {
                    Node::Bool(_) | Node::Whole(_) | Node::Number(_) | Node::Date => {
                        because("put it in quotes".into())
                    }
                    _ => given(),
                })?;
                self.check_text(text, base)
                    .map_err(|reason| Refusal { reason, ..given() })
            }
        }
    }

    fn check_text(self, text: &str, base: Base<'_>) -> Result<Value, Option<String>> {
        if text.chars().any(char::is_control) {
            return Err(Some(
                "it holds a control character, perhaps a line end".into(),
            ));
        }
        match self {
            Self::Choice(names) => {
                let name = names
                    .iter()
                    .find(|name| name.eq_ignore_ascii_case(text.trim()));
                name.map(|&name| name.into()).ok_or(None)
            }
            Self::Path => absolute(text, base).map(Value::from).map_err(Some),
            Self::HttpUrl => http_url(text).map(Value::from).map_err(Some),
            Self::Cron => cron::check(text).map(|()| text.into()).map_err(Some),
            _ => Ok(text.into()),
        }
    }

    /// What was given, with whatever may be secret left out.
    pub(super) fn describe(self, node: &Node) -> String {
        match (self, text(node)) {
            (Self::Secret, _) => node.describe(false),
            (Self::HttpUrl | Self::SecretUrl, Some(url)) if !url.is_empty() => {
                Node::Raw(redact_url(url)).describe(true)
            }
            _ => node.describe(true),
        }
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(*value),
        Node::Raw(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn whole(node: &Node) -> Option<u64> {
    match node {
        Node::Whole(value) => u64::try_from(*value).ok(),
        Node::Raw(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// NaN and the infinities pass here and fail every range.
#[expect(
    clippy::cast_precision_loss,
    reason = "no range needs more than 53 bits"
)]
fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Number(value) => Some(*value),
        Node::Whole(value) => Some(*value as f64),
        Node::Raw(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn size(node: &Node) -> Option<Result<u64, String>> {
    match node {
        Node::Whole(value) => Some(byte_size::parse(&value.to_string())),
        _ => text(node).map(|text| byte_size::parse(text.trim())),
    }
}

fn text(node: &Node) -> Option<&str> {
    match node {
        Node::Text(text) | Node::Raw(text) => Some(text),
        _ => None,
    }
}

/// The texts of a list, or what stands between commas.
fn list(node: &Node) -> Option<Vec<String>> {
    let items: Option<Vec<&str>> = match node {
        Node::List(items) => items.iter().map(text).collect(),
        node => text(node).map(|text| text.split(',').map(str::trim).collect()),
    };
    let is_plain = |item: &&str| !item.is_empty() && !item.chars().any(char::is_control);
    items
        .filter(|items| items.iter().all(is_plain))
        .map(|items| items.into_iter().map(str::to_owned).collect())
}

/// Expands a leading `~` and puts a relative path below the layer's folder.
fn absolute(text: &str, base: Base<'_>) -> Result<String, String> {
    let path = expand_home(text, base.home)?;
    // collecting the components drops `.` and doubled slashes; `..` stays, since a link may stand
    // before it
    let path: PathBuf = base.dir.join(path).components().collect();
    path.into_os_string()
        .into_string()
        .map_err(|path| format!("{} is not valid UTF-8", path.to_string_lossy()))
}

/// `~` and `~/…` with the home folder in place of the `~`; any other path as it is.
pub(super) fn expand_home(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(PathBuf::from(text));
    };
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest,
        None if rest.is_empty() => rest,
        None => return Err("only `~` and `~/…` are expanded, not another user's home".into()),
    };
    let home = home.ok_or("there is no home folder for `~`")?;
    Ok(home.join(rest.trim_start_matches('/')))
}

fn http_url(text: &str) -> Result<String, String> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
    if !["http", "https"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme))
    {
        return Err("its scheme is neither http nor https".into());
    }
    if text.contains('@') {
        return Err("credentials belong in keys of their own, not in the URL".into());
    }
    if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
        return Err("it names no host".into());
    }
    if text.contains(char::is_whitespace) {
        return Err("it holds a space".into());
    }
    Ok(text.to_owned())
}
