//! Values that must never be shown: keys, and URLs that carry a password. Knows nothing of where
//! they come from. `Debug` and `Serialize` redact; only `expose` gives the value.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What stands in the place of a secret.
pub const REDACTED: &str = "***";

/// A key or password. It prints and serializes as `***`; [`Secret::expose`] is the only way to it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the client that signs with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// A URL whose password, in the authority or in a query parameter, prints as `***`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Wraps a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password, for the driver that connects with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(&self.0))
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(&self.0))
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&redact_url(&self.0))
    }
}

/// The URL without its secrets. Where the text is ambiguous (a password with a raw `/`, `?` or
/// `@`), it hides too much rather than too little; what is no URL is hidden whole.
pub(super) fn redact_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return REDACTED.to_owned();
    };
    let rest = match rest.rsplit_once('@') {
        Some((userinfo, host)) => match userinfo.split_once(':') {
            Some((user, _password)) => format!("{user}:{REDACTED}@{}", redact_query(host)),
            None => redact_query(rest),
        },
        None => redact_query(rest),
    };
    format!("{scheme}://{rest}")
}

fn redact_query(rest: &str) -> String {
    let Some((before, query)) = rest.split_once('?') else {
        return rest.to_owned();
    };
    let parameters: Vec<String> = query.split('&').map(redact_parameter).collect();
    format!("{before}?{}", parameters.join("&"))
}

/// A name with a percent sign might spell `password` in disguise.
fn redact_parameter(parameter: &str) -> String {
    let name = parameter.split('=').next().unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let telling = ["pass", "pwd", "secret", "token", "%"]
        .iter()
        .any(|word| lower.contains(word));
    if telling {
        format!("{name}={REDACTED}")
    } else {
        parameter.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_url_keeps_everything_but_its_password() {
        for (url, shown) in [
            (
                "postgres://u:hunter2@db:5432/store",
                "postgres://u:***@db:5432/store",
            ),
            (
                "postgres://u@db/store?sslmode=require",
                "postgres://u@db/store?sslmode=require",
            ),
            (
                "postgres://db/s?user=u&Password=hunter2",
                "postgres://db/s?user=u&Password=***",
            ),
            (
                "postgres://db/s?p%61ssword=hunter2",
                "postgres://db/s?p%61ssword=***",
            ),
            ("postgres://u:hun/ter2?@db/s", "postgres://u:***@db/s"),
            ("postgres://u:hun@ter2@db/s", "postgres://u:***@db/s"),
            ("postgres://:hunter2@db/s", "postgres://:***@db/s"),
            ("host=db password=hunter2", "***"),
        ] {
            assert_eq!(SecretUrl::new(url).to_string(), shown);
            assert_eq!(format!("{:?}", SecretUrl::new(url)), shown);
            assert_eq!(serde_json::to_value(SecretUrl::new(url)).unwrap(), shown);
        }
    }
}
