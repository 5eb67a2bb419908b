//! Where the server is, and what lies where on it. Sends nothing.

use std::fmt;
use std::net::IpAddr;

use artifact_domain::{ArtifactId, Coordinate, Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// What stands as it is in a segment of a path and in a query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The address of a server: a scheme, a host, maybe a port and a path.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid_input(format!("the address of the server {why}"))
                .with_hint("write it as https://artifacts.example or http://127.0.0.1:8080")
        };
        let url = Url::parse(text.trim()).map_err(|_| wrong("is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("is neither of http nor of https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a name or a password in it")
                .with_hint("what proves who you are is a token, in ARTIFACT_TOKEN or in a file"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a query or a fragment"));
        }
        Ok(Self(url))
    }

    /// The URL of a path below `/api/v1`, whose segments are encoded already.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{self}/api/v1{path}")
    }

    /// The URL of what the server names by a path of its own.
    pub(crate) fn named(&self, location: &str) -> Result<String> {
        let found = self.0.join(location).ok();
        let found = found.filter(|found| found.origin() == self.0.origin());
        let found = found.ok_or_else(|| {
            Error::invalid_input(format!("{self} sends its clients to another server"))
        })?;
        // The server does not know what stands before its paths.
        match found.path().strip_prefix("/api/v1") {
            Some(path) => Ok(self.at(path)),
            None => Ok(found.into()),
        }
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.0.host_str().unwrap_or_default() {
            "localhost" => true,
            host => host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback()),
        }
    }

    /// Whether a redirect stays with this server.
    pub(crate) fn is_same(&self, other: &Url) -> bool {
        self.0.origin() == other.origin()
    }
}

/// The path of one version.
pub(crate) fn artifact(id: ArtifactId) -> String {
    format!("/artifacts/{id}")
}

/// The path of what stands at a coordinate; none where a segment would be taken for a step up or
/// down in the tree of paths.
pub(crate) fn coordinate(at: &Coordinate) -> Option<String> {
    let name = at.name().as_str();
    let kind = at.artifact_type().to_string();
    let before = [at.spec().as_str(), at.task().as_str(), &kind];
    let mut all = before.into_iter().chain(name.split('/'));
    if all.any(|segment| matches!(segment, "." | ".." | "")) {
        return None;
    }
    let [spec, task, kind] = before.map(encode);
    let name: Vec<_> = name.split('/').map(encode).collect();
    Some(format!(
        "/specs/{spec}/tasks/{task}/{kind}/{}",
        name.join("/")
    ))
}

/// Text as it stands in a query or a segment.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A query of these pairs, with its question mark.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let pairs = pairs.into_iter();
    let pairs: Vec<_> = pairs
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::ArtifactUri;

    use super::*;

    fn path(uri: &str) -> Option<String> {
        let uri: ArtifactUri = uri.parse().unwrap();
        coordinate(uri.coordinate())
    }

    #[test]
    fn a_server_on_this_machine_is_known_by_its_address() {
        for (text, is_loopback) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1", true),
            ("https://127.8.9.1:1/store", true),
            ("http://[::1]:8080", true),
            ("http://0.0.0.0:8080", false),
            ("http://[::]", false),
            ("http://localhost.example", false),
            ("http://192.168.0.1", false),
        ] {
            assert_eq!(
                Address::parse(text).unwrap().is_loopback(),
                is_loopback,
                "{text}"
            );
        }
    }

    #[test]
    fn a_server_has_an_address_and_no_secrets_in_it() {
        for (text, at) in [
            (
                "http://localhost:8080",
                "http://localhost:8080/api/v1/usage",
            ),
            ("https://a.example/", "https://a.example/api/v1/usage"),
            (
                " https://a.example/store/ ",
                "https://a.example/store/api/v1/usage",
            ),
        ] {
            assert_eq!(Address::parse(text).unwrap().at("/usage"), at);
        }
        for bad in [
            "",
            "localhost:8080",
            "ftp://a.example",
            "http://",
            "http://user:secret@a.example",
            "http://secret@a.example",
            "http://a.example/?token=secret",
            "http://a.example/#secret",
        ] {
            let error = Address::parse(bad).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn what_a_server_names_stays_with_it() {
        let server = Address::parse("https://a.example/store").unwrap();
        let named = |location: &str| server.named(location).ok();
        let expected = Some("https://a.example/store/api/v1/uploads/1".to_owned());
        assert_eq!(named("/api/v1/uploads/1"), expected);
        assert_eq!(named("https://a.example/api/v1/uploads/1"), expected);
        for other in [
            "//b.example/x",
            "http://a.example/x",
            "https://a.example:1/x",
        ] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn segments_are_encoded_one_by_one() {
        assert_eq!(
            path("artifact://demo/run%207%2Fa/custom%3Ax/a/b%3F.log").unwrap(),
            "/specs/demo/tasks/run%207%2Fa/custom%3Ax/a/b%3F.log"
        );
    }
}
