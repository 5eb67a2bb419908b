//! Writes the schema for people: the default configuration file and the table of keys of the
//! documentation. Knows no key by name.

use std::fmt::Write as _;

use super::keys::{KEYS, SECTIONS};
use super::node::Node;
use super::schema::{Default, Key};

/// A YAML file with every key at its default and a comment on each, as `artifact config init`
/// writes it. The one key whose default depends on the machine, `base_path`, is commented out.
pub fn default_file() -> String {
    let mut text = String::from(
        "# Settings of the artifact store. Every key has its default here; a key that is left\n\
         # out has it too. Environment variables and flags win over this file.\n\n",
    );
    for key in KEYS.iter().filter(|key| !key.path.contains('.')) {
        write_key(&mut text, "", key.path, key);
    }
    for (section, doc) in SECTIONS {
        // A section in a section follows it in the table.
        let depth = section.matches('.').count();
        let (outer, inner) = ("  ".repeat(depth), "  ".repeat(depth + 1));
        let name = section.rsplit('.').next().unwrap_or(section);
        push(
            &mut text,
            format_args!("\n{outer}# {doc}.\n{outer}{name}:\n"),
        );
        for key in KEYS {
            let name = key
                .path
                .strip_prefix(section)
                .and_then(|rest| rest.strip_prefix('.'));
            if let Some(name) = name.filter(|name| !name.contains('.')) {
                write_key(&mut text, &inner, name, key);
            }
        }
    }
    text
}

fn write_key(text: &mut String, indent: &str, name: &str, key: &Key) {
    push(
        text,
        format_args!("{indent}# {} ({}).\n", sentence(key.doc), kind_label(key)),
    );
    match key.default {
        Default::DataFolder => {
            push(text, format_args!("{indent}# {name}: {DATA_FOLDER}\n"));
        }
        Default::ByType(days) => {
            push(text, format_args!("{indent}{name}:\n"));
            for (item, days) in days {
                push(text, format_args!("{indent}  {item}: {days}\n"));
            }
        }
        plain => push(
            text,
            format_args!("{indent}{name}: {}\n", default_text(plain)),
        ),
    }
}

const DATA_FOLDER: &str = "~/.local/share/artifact-store";

/// The default as YAML.
fn default_text(default: Default) -> String {
    match default.node() {
        Some(Node::Bool(value)) => value.to_string(),
        Some(Node::Whole(value)) => value.to_string(),
        Some(Node::Number(value)) => value.to_string(),
        Some(Node::Text(value)) if value.chars().all(char::is_alphanumeric) => value,
        Some(Node::Text(value)) => format!("\"{value}\""),
        Some(Node::Map(_)) => "{}".into(),
        Some(Node::List(_)) => "[]".into(),
        _ => "null".into(),
    }
}

fn kind_label(key: &Key) -> String {
    let or_null = if key.nullable { ", or null" } else { "" };
    format!("{}{or_null}", key.kind.label())
}

fn sentence(doc: &str) -> String {
    let mut chars = doc.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes any text");
}

/// One row of the documentation's table for each key, as `docs/configuration.md` has them.
#[cfg(test)]
pub(super) fn table_rows() -> Vec<String> {
    let row = |key: &Key| {
        let default = match key.default {
            Default::DataFolder => DATA_FOLDER.to_owned(),
            Default::ByType(days) => {
                let items: Vec<_> = days
                    .iter()
                    .map(|(name, days)| format!("{name}: {days}"))
                    .collect();
                items.join(", ")
            }
            plain => default_text(plain),
        };
        let env_name = super::schema::env_name;
        let (path, env) = match key.default {
            Default::ByType(_) => (
                format!("{}.TYPE", key.path),
                format!("{}__TYPE", env_name(key.path)),
            ),
            _ => (key.path.to_owned(), env_name(key.path)),
        };
        let doc = sentence(key.doc);
        format!(
            "| `{path}` | {} | `{default}` | {doc} | `{env}` |",
            kind_label(key)
        )
    };
    KEYS.iter().map(row).collect()
}
