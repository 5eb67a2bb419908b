//! Finds the configuration file and reads it into a tree. Knows no key.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};

use super::kind::expand_home;
use super::node::{self, Node, SyntaxError};
use super::sources::{CONFIG_VARIABLE, Sources};

/// The largest configuration file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The format that a file's ending tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Toml,
}

/// The configuration file, if there is one: the one that is named, else the one in the current
/// folder, else the one in the user's configuration folder.
pub(super) fn find(sources: &Sources) -> Result<Option<PathBuf>> {
    let by_variable = sources
        .env
        .get(CONFIG_VARIABLE)
        .filter(|value| !value.is_empty());
    let named = match (&sources.config, by_variable) {
        (Some(path), _) => Some((path.clone(), "--config")),
        (None, Some(value)) => {
            let path = expand_home(value, sources.home.as_deref()).map_err(|reason| {
                Error::invalid_input(format!("{CONFIG_VARIABLE} is `{value}`: {reason}"))
            })?;
            Some((path, CONFIG_VARIABLE))
        }
        (None, None) => None,
    };
    if let Some((path, who)) = named {
        let path = sources.cwd.join(path);
        return if exists(&path)? {
            Ok(Some(path))
        } else {
            Err(Error::invalid_input(format!(
                "config file {}, named by {who}, does not exist",
                path.display()
            )))
        };
    }
    let user = sources
        .config_home()
        .map(|home| home.join("artifact-store/config"));
    for stem in [Some(sources.cwd.join("artifact-store")), user]
        .into_iter()
        .flatten()
    {
        if let Some(path) = find_one(&stem)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The one file of that name with a known ending.
fn find_one(stem: &Path) -> Result<Option<PathBuf>> {
    let mut found: Option<PathBuf> = None;
    for ending in ["toml", "yaml", "yml"] {
        let path = stem.with_extension(ending);
        if !exists(&path)? {
            continue;
        }
        if let Some(other) = found {
            return Err(Error::invalid_input(format!(
                "there are two config files, {} and {}",
                other.display(),
                path.display()
            ))
            .with_hint("keep one, or name one with `--config`"));
        }
        found = Some(path);
    }
    Ok(found)
}

/// Whether anything goes by that name; a link to nothing does, and fails when it is read.
fn exists(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Reads a configuration file; one without content is an empty mapping.
pub(super) fn read(path: &Path) -> Result<Node> {
    let shown = path.display();
    let format = format_of(path)?;
    let text = read_text(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (name, parsed) = match format {
        Format::Yaml => ("YAML", node::from_yaml(text)),
        Format::Toml => ("TOML", node::from_toml(text)),
    };
    match parsed {
        Ok(Node::Null) => Ok(Node::Map([].into())),
        Ok(node @ Node::Map(_)) => Ok(node),
        Ok(other) => Err(Error::invalid_input(format!(
            "config file {shown}: expected a mapping of keys at the top, got {}",
            other.describe(false)
        ))),
        Err(SyntaxError { message, position }) => {
            let place = position
                .map(|(line, column)| format!(" at line {line}, column {column}"))
                .unwrap_or_default();
            Err(Error::invalid_input(format!(
                "config file {shown} is not valid {name}{place}: {message}"
            )))
        }
    }
}

fn format_of(path: &Path) -> Result<Format> {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("yaml" | "yml") => Ok(Format::Yaml),
        Some("toml") => Ok(Format::Toml),
        _ => Err(Error::invalid_input(format!(
            "config file {} ends in none of .toml, .yaml and .yml",
            path.display()
        ))),
    }
}

fn read_text(path: &Path) -> Result<String> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::invalid_input(format!(
            "config file {shown} is larger than {MAX_BYTES} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let (line, _) = node::position(error.as_bytes(), valid);
        Error::invalid_input(format!(
            "config file {shown} is not valid UTF-8 at line {line}"
        ))
    })
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::IsADirectory => {
            Error::invalid_input(format!("config file {shown} is a directory"))
        }
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::PermissionDenied,
            format!("config file {shown} cannot be read: permission denied"),
        ),
        _ if is_absent(&error) => {
            Error::invalid_input(format!("config file {shown} is a link to nothing"))
        }
        _ => Error::invalid_input(format!("config file {shown} cannot be read: {error}")),
    }
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_read_is_told_from_the_rest() {
        let denied = unreadable(
            Path::new("/c.yaml"),
            io::Error::from(io::ErrorKind::PermissionDenied),
        );
        assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
        assert!(
            denied
                .message()
                .starts_with("config file /c.yaml cannot be read")
        );

        let broken = unreadable(Path::new("/c.yaml"), io::Error::other("broken disk"));
        assert_eq!(broken.kind(), ErrorKind::InvalidInput);
        assert!(broken.message().contains("broken disk"));
    }
}
