//! The tree that a YAML or TOML file and a single text value become before they are checked.
//! Knows no key. It has no `Debug`, and errors quote no line of the file: it may hold secrets.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{MessageFormatter as _, NonFiniteFloatPolicy, UserMessageFormatter};

/// One value as it was written.
#[derive(Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Whole(i128),
    Number(f64),
    Text(String),
    /// From the environment or the command line, where everything is text.
    Raw(String),
    Date,
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

impl Node {
    /// What it is and, for a value that may be shown, what it says.
    pub(super) fn describe(&self, show: bool) -> String {
        match self {
            Self::Null => "nothing (null)".into(),
            Self::Raw(text) if text.is_empty() => "an empty value".into(),
            Self::Date => "a date".into(),
            Self::List(_) => "a list".into(),
            Self::Map(_) => "a mapping".into(),
            Self::Text(text) if show => format!("the text \"{}\"", excerpt(text, 60)),
            Self::Raw(text) if show => format!("`{}`", excerpt(text, 60)),
            Self::Bool(value) if show => format!("`{value}`"),
            Self::Whole(value) if show => format!("`{value}`"),
            Self::Number(value) if show => format!("`{value}`"),
            Self::Text(_) | Self::Raw(_) => "a text that is not shown".into(),
            Self::Bool(_) => "a truth value".into(),
            Self::Whole(_) | Self::Number(_) => "a number".into(),
        }
    }
}

/// At most so many characters, those that do not print escaped.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(most) {
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

/// Why a text is no YAML or TOML, and where.
pub(super) struct SyntaxError {
    pub(super) message: String,
    /// Counted from one; absent where the parser does not say.
    pub(super) position: Option<(u64, u64)>,
}

/// Reads one YAML 1.2 document; an empty one is null.
pub(super) fn from_yaml(text: &str) -> Result<Node, SyntaxError> {
    let options = serde_saphyr::options! {
        // a region or a name may well be `no` or `on`
        strict_booleans: true,
        // so that the error can name the key
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // a snippet could show a secret
        with_snippet: false,
        // no configuration needs more; a bomb of aliases does
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let position = error
            .location()
            .map(|location| (location.line(), location.column()));
        let message = UserMessageFormatter.format_message(error.without_snippet());
        // the scanner's own messages tell the place again
        let place = position.map(|(line, column)| format!(" at line {line}, column {column}"));
        let message = message
            .strip_suffix(&place.unwrap_or_default())
            .unwrap_or(&message);
        SyntaxError {
            message: excerpt(message, 200),
            position,
        }
    })
}

/// Reads one TOML 1 document.
pub(super) fn from_toml(text: &str) -> Result<Node, SyntaxError> {
    toml::from_str::<toml::Table>(text)
        .map(table)
        .map_err(|error| SyntaxError {
            // not `to_string`, which quotes the line
            message: excerpt(error.message(), 200),
            position: error
                .span()
                .map(|span| position(text.as_bytes(), span.start)),
        })
}

/// The line and column of a byte, both counted from one.
pub(super) fn position(text: &[u8], offset: usize) -> (u64, u64) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.split(|&byte| byte == b'\n').count();
    let last = before
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    (line as u64, column as u64)
}

fn table(table: toml::Table) -> Node {
    Node::Map(
        table
            .into_iter()
            .map(|(key, value)| (key, toml_value(value)))
            .collect(),
    )
}

fn toml_value(value: toml::Value) -> Node {
    match value {
        toml::Value::String(text) => Node::Text(text),
        toml::Value::Integer(whole) => Node::Whole(whole.into()),
        toml::Value::Float(number) => Node::Number(number),
        toml::Value::Boolean(value) => Node::Bool(value),
        toml::Value::Datetime(_) => Node::Date,
        toml::Value::Array(items) => Node::List(items.into_iter().map(toml_value).collect()),
        toml::Value::Table(inner) => table(inner),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Whole(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(Node::Map(map))
    }
}
