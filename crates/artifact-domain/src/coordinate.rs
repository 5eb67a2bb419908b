//! Where an artifact stands: spec, task, type and name together, and one version of it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::blob_key::{BlobKey, MAX_KEY_BYTES};
use crate::segment::excerpt;
use crate::{ArtifactName, ArtifactType, Error, Result, SpecName, TaskId};

/// Spec, task, type and name: what the versions of one artifact have in common.
///
/// Invariant: the storage path of any version fits in 960 bytes, so that it fits every backend,
/// with room for a prefix inside a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawCoordinate")]
pub struct Coordinate {
    spec: SpecName,
    task: TaskId,
    #[serde(rename = "type")]
    artifact_type: ArtifactType,
    name: ArtifactName,
}

#[derive(Deserialize)]
struct RawCoordinate {
    spec: SpecName,
    task: TaskId,
    #[serde(rename = "type")]
    artifact_type: ArtifactType,
    name: ArtifactName,
}

impl TryFrom<RawCoordinate> for Coordinate {
    type Error = Error;

    fn try_from(raw: RawCoordinate) -> Result<Self> {
        Self::new(raw.spec, raw.task, raw.artifact_type, raw.name)
    }
}

impl Coordinate {
    /// Joins the four, and checks that their storage path is not too long.
    pub fn new(
        spec: SpecName,
        task: TaskId,
        artifact_type: ArtifactType,
        name: ArtifactName,
    ) -> Result<Self> {
        let coordinate = Self {
            spec,
            task,
            artifact_type,
            name,
        };
        if coordinate.is_short() {
            return Ok(coordinate);
        }
        let path_bytes = BlobKey::longest_path_bytes(&coordinate);
        if path_bytes > MAX_KEY_BYTES {
            return Err(Error::invalid_input(format!(
                "name `{}` is too long: its storage path would be {path_bytes} bytes, the limit \
                 is {MAX_KEY_BYTES}",
                excerpt(coordinate.name.as_str())
            ))
            .with_hint(
                "shorten the name, the task or the spec; non-ASCII bytes count three times",
            ));
        }
        Ok(coordinate)
    }

    /// Whether no path of it can be too long, were every byte of it encoded. Nearly all are, and it is asked
    /// for every record that is read.
    fn is_short(&self) -> bool {
        const ENCODED_BYTE: usize = 3;
        const TYPE_FOLDERS_AND_VERSION: usize = 170;
        let texts = [self.spec.as_str(), self.task.as_str(), self.name.as_str()];
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        bytes * ENCODED_BYTE + TYPE_FOLDERS_AND_VERSION <= MAX_KEY_BYTES
    }

    /// The project.
    pub fn spec(&self) -> &SpecName {
        &self.spec
    }

    /// The run.
    pub fn task(&self) -> &TaskId {
        &self.task
    }

    /// What it is.
    pub fn artifact_type(&self) -> &ArtifactType {
        &self.artifact_type
    }

    /// The name inside the task.
    pub fn name(&self) -> &ArtifactName {
        &self.name
    }
}

/// The number of one upload of a coordinate: 1, 2, 3 …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(NonZeroU32);

impl Version {
    /// The first version of every artifact.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// `number` as a version; zero is none.
    pub fn new(number: u32) -> Result<Self> {
        NonZeroU32::new(number)
            .map(Self)
            .ok_or_else(|| Error::invalid_input("version 0 does not exist, versions begin at 1"))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after it.
    pub fn next(self) -> Result<Self> {
        self.0.checked_add(1).map(Self).ok_or_else(|| {
            Error::new(
                crate::ErrorKind::Conflict,
                "the version numbers are used up",
            )
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let canonical = !text.starts_with(['+', '0']);
        text.parse()
            .ok()
            .filter(|_| canonical)
            .map(Self)
            .ok_or_else(|| Error::invalid_input(format!("`{}` is not a version", excerpt(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_positive_and_written_one_way() {
        assert_eq!("7".parse::<Version>().unwrap().get(), 7);
        for bad in ["0", "-1", "+1", "01", "", "1.0", "4294967296", "x"] {
            assert!(bad.parse::<Version>().is_err(), "{bad} was accepted");
        }
        assert!(Version::new(u32::MAX).unwrap().next().is_err());
    }

    #[test]
    fn a_storage_path_over_the_limit_is_refused() {
        let coordinate = |name: String| {
            Coordinate::new(
                SpecName::default(),
                TaskId::new("1").unwrap(),
                ArtifactType::Log,
                ArtifactName::new(name).unwrap(),
            )
        };
        assert!(coordinate("名".repeat(85)).is_ok());
        assert!(coordinate("x".repeat(800)).is_ok());
        let error = coordinate("名".repeat(300)).unwrap_err();
        assert!(error.message().contains("storage path"), "{error}");
    }

    /// Every byte encoded, the longest type and as many folds as there can be.
    #[test]
    fn what_is_short_has_a_path_that_is_not_too_long() {
        let longest = format!("custom:{}.", "x".repeat(63));
        let longest: ArtifactType = longest.parse().unwrap();
        let mut shortest_long = usize::MAX;
        for bytes in 1..300 {
            let coordinate = Coordinate {
                spec: SpecName::new("s").unwrap(),
                task: TaskId::new("!").unwrap(),
                artifact_type: longest.clone(),
                name: ArtifactName::new("!".repeat(bytes)).unwrap(),
            };
            if coordinate.is_short() {
                assert!(BlobKey::longest_path_bytes(&coordinate) <= MAX_KEY_BYTES);
            } else {
                shortest_long = shortest_long.min(bytes);
            }
        }
        assert_eq!(shortest_long, 262);
    }
}
