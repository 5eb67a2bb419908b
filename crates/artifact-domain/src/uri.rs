//! The address of an artifact, and what a person may give in its place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::{self, Encoded, EncodedPath, excerpt};
use crate::{ArtifactId, ArtifactName, Coordinate, Error, Result, SpecName, TaskId, Version};

const SCHEME: &str = "artifact://";

/// The address of an artifact: `artifact://SPEC/TASK/TYPE/NAME`, the newest active version, or
/// with `?version=N` one version. Segments are percent-encoded, and decoded exactly once.
///
/// ```
/// use artifact_domain::ArtifactUri;
///
/// let uri: ArtifactUri = "artifact://demo/run%207/log/out/build.log?version=2".parse()?;
/// assert_eq!(uri.coordinate().task().as_str(), "run 7");
/// assert_eq!(uri.coordinate().name().as_str(), "out/build.log");
/// assert_eq!(uri.version().map(|v| v.get()), Some(2));
/// # Ok::<(), artifact_domain::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactUri {
    coordinate: Coordinate,
    version: Option<Version>,
}

impl ArtifactUri {
    /// The address of the newest version, or of `version`.
    pub fn new(coordinate: Coordinate, version: Option<Version>) -> Self {
        Self {
            coordinate,
            version,
        }
    }

    /// What the versions have in common.
    pub fn coordinate(&self) -> &Coordinate {
        &self.coordinate
    }

    /// The version it is pinned to.
    pub fn version(&self) -> Option<Version> {
        self.version
    }
}

impl From<Coordinate> for ArtifactUri {
    fn from(coordinate: Coordinate) -> Self {
        Self::new(coordinate, None)
    }
}

impl fmt::Display for ArtifactUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (coordinate, version) = (&self.coordinate, self.version);
        Address {
            coordinate,
            version,
        }
        .fmt(f)
    }
}

/// How an address is written, of parts that belong to somebody else.
#[derive(Debug, Clone)]
pub(crate) struct Address<'a> {
    pub(crate) coordinate: &'a Coordinate,
    pub(crate) version: Option<Version>,
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.coordinate;
        // A custom type has a colon.
        write!(
            f,
            "{SCHEME}{}/{}/{}/{}",
            Encoded(at.spec().as_str()),
            Encoded(at.task().as_str()),
            Encoded(at.artifact_type().as_str()),
            EncodedPath(at.name().as_str()),
        )?;
        self.version
            .map_or(Ok(()), |version| write!(f, "?version={version}"))
    }
}

impl FromStr for ArtifactUri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|error| {
            Error::new(
                error.kind(),
                format!("`{}` is not an artifact URI: {error}", excerpt(text)),
            )
            .with_hint("write it as artifact://SPEC/TASK/TYPE/NAME, or give an id")
        })
    }
}

fn parse(text: &str) -> Result<ArtifactUri> {
    let rest = text
        .strip_prefix(SCHEME)
        .ok_or_else(|| Error::invalid_input(format!("it does not begin with {SCHEME}")))?;
    if rest.contains('#') {
        return Err(Error::invalid_input(
            "it has a `#`; write %23 for one in a name",
        ));
    }
    let (path, query) = rest
        .split_once('?')
        .map_or((rest, None), |(p, q)| (p, Some(q)));
    let version = query
        .map(|query| match query.strip_prefix("version=") {
            Some(number) => number.parse(),
            None => Err(Error::invalid_input(
                "only `?version=N` may follow the path",
            )),
        })
        .transpose()?;
    let parts: Vec<_> = path.splitn(4, '/').collect();
    let [spec, task, artifact_type, name] = parts[..] else {
        return Err(Error::invalid_input("it has fewer than four segments"));
    };
    let name = name
        .split('/')
        .map(decode_name_segment)
        .collect::<Result<Vec<_>>>()?
        .join("/");
    let coordinate = Coordinate::new(
        SpecName::new(segment::decode(spec)?)?,
        TaskId::new(segment::decode(task)?)?,
        segment::decode(artifact_type)?.parse()?,
        ArtifactName::new(name)?,
    )?;
    Ok(ArtifactUri {
        coordinate,
        version,
    })
}

/// Decodes one segment of a name; an encoded slash would move it to another folder.
fn decode_name_segment(encoded: &str) -> Result<String> {
    let decoded = segment::decode(encoded)?;
    if decoded.contains('/') {
        return Err(Error::invalid_input("its name has an encoded slash"));
    }
    Ok(decoded)
}

impl TryFrom<String> for ArtifactUri {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ArtifactUri> for String {
    fn from(uri: ArtifactUri) -> Self {
        uri.to_string()
    }
}

/// What a person gives to name an artifact: its URI or its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactRef {
    /// One version, by its id.
    Id(ArtifactId),
    /// The newest version, or one version, by its address.
    Uri(ArtifactUri),
}

impl fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Uri(uri) => uri.fmt(f),
        }
    }
}

impl FromStr for ArtifactRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse()
            .map(Self::Id)
            .or_else(|_: Error| text.parse().map(Self::Uri))
    }
}

impl From<ArtifactId> for ArtifactRef {
    fn from(id: ArtifactId) -> Self {
        Self::Id(id)
    }
}

impl From<ArtifactUri> for ArtifactRef {
    fn from(uri: ArtifactUri) -> Self {
        Self::Uri(uri)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ArtifactType;

    #[test]
    fn wrong_addresses_are_refused_and_say_why() {
        let cases = [
            ("", "begin with"),
            ("http://a/b/log/c", "begin with"),
            ("ARTIFACT://a/b/log/c", "begin with"),
            ("artifact://a/b/log", "four segments"),
            ("artifact:///b/log/c", "spec is empty"),
            ("artifact://a//log/c", "task is empty"),
            ("artifact://a/b/nonsense/c", "unknown artifact type"),
            ("artifact://a/b/log/", "name is empty"),
            ("artifact://a/b/log/c/", "slash"),
            ("artifact://a/b/log//c", "absolute"),
            ("artifact://a/b/log/../c", "`..`"),
            ("artifact://a/b/log/%2e%2e/c", "`..`"),
            ("artifact://a/b/log/x%2F..%2Fy", "encoded slash"),
            ("artifact://a/b/log/%00", "control"),
            ("artifact://a/b/log/%zz", "percent-encoding"),
            ("artifact://a/b/log/%ff", "UTF-8"),
            ("artifact://a/b/log/c#d", "%23"),
            ("artifact://a/b/log/c?version=0", "not a version"),
            ("artifact://a/b/log/c?versions=1", "?version=N"),
            ("artifact://a/b/log/c?version=1&x=2", "not a version"),
        ];
        for (bad, why) in cases {
            let error = bad.parse::<ArtifactUri>().unwrap_err();
            assert!(error.message().contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn names_are_decoded_once() {
        let uri: ArtifactUri = "artifact://a/b/log/%252e%252e".parse().unwrap();
        assert_eq!(uri.coordinate().name().as_str(), "%2e%2e");
    }

    #[test]
    fn an_id_serves_for_an_address() {
        let id = "018f3b5a-2b7c-7def-8123-456789abcdef";
        assert!(matches!(id.parse().unwrap(), ArtifactRef::Id(parsed) if parsed.to_string() == id));
        assert!(matches!(
            "artifact://a/b/log/c".parse().unwrap(),
            ArtifactRef::Uri(_)
        ));
    }

    proptest! {
        #[test]
        fn addresses_round_trip(
            spec in "\\PC{1,20}", task in "\\PC{1,20}", name in "\\PC{1,60}",
            version in proptest::option::of(1_u32..),
        ) {
            let parts = SpecName::new(spec).and_then(|spec| {
                Coordinate::new(
                    spec,
                    TaskId::new(task)?,
                    "custom:x-1".parse::<ArtifactType>()?,
                    ArtifactName::new(name)?,
                )
            });
            prop_assume!(parts.is_ok());
            let version = version.map(|number| Version::new(number).unwrap());
            let uri = ArtifactUri::new(parts.unwrap(), version);
            prop_assert_eq!(uri.to_string().parse::<ArtifactUri>().unwrap(), uri);
        }

        #[test]
        fn any_text_parses_or_fails_without_panic(text in "(artifact://)?\\PC{0,80}") {
            let _ = text.parse::<ArtifactRef>();
        }
    }
}
