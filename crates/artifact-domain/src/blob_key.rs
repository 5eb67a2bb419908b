//! The map from meaning to storage path. No other code builds or takes apart a path of a backend.

use std::fmt;

use crate::id::AttemptId;
use crate::segment::{self, excerpt};
use crate::{
    ArtifactName, ArtifactType, Coordinate, Encoding, Error, Result, SpecName, TaskId, Version,
};

/// The longest storage path, in bytes. Object stores take 1,024; the rest is for a prefix.
pub(crate) const MAX_KEY_BYTES: usize = 960;

const ROOT: &str = "artifacts";
const OUTPUT: &str = "output";
const LOGS: &str = "logs";
const METADATA: &str = "metadata.json";
const METADATA_DELTAS: &str = "metadata";
const DELTA_SUFFIX: &str = ".json";
const GZIP_SUFFIX: &str = ".gz";

/// Where a backend keeps one thing: a path relative to its root.
///
/// ```text
/// artifacts/SPEC/TASK/metadata.json
/// artifacts/SPEC/TASK/metadata/DELTA.json
/// artifacts/SPEC/TASK/output/TYPE/NAME@VERSION.ATTEMPT[.gz]
/// artifacts/SPEC/TASK/logs/TYPE/NAME@VERSION.ATTEMPT[.gz]      for log and build-log
/// ```
///
/// Invariants: it is one of these forms and [`BlobKey::meaning`] gives back what it was made of;
/// every component is 1 to 255 bytes of `A-Z a-z 0-9 - _ . ~ % @`, never `.` or `..`; the whole is
/// at most 960 bytes. A segment of a name that is longer than 200 bytes when percent-encoded is
/// folded into several components, each but the last ending in a lone `%`. An unencoded `@` stands
/// only before the version, so no file can be in the way of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

/// What a [`BlobKey`] stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobMeaning {
    /// The metadata of every version of a task.
    TaskMetadata {
        /// The project.
        spec: SpecName,
        /// The run.
        task: TaskId,
    },
    /// A change of the metadata of a task that is not folded into it yet.
    TaskMetadataDelta {
        /// The project.
        spec: SpecName,
        /// The run.
        task: TaskId,
        /// Which change; they sort by the time they were written.
        delta: AttemptId,
    },
    /// The bytes of one version.
    Content {
        /// Of which artifact.
        coordinate: Coordinate,
        /// Of which version.
        version: Version,
        /// Who wrote them.
        attempt: AttemptId,
        /// In which form.
        encoding: Encoding,
    },
}

impl BlobKey {
    /// The path of the bytes that `attempt` writes for one version.
    pub fn content(
        coordinate: &Coordinate,
        version: Version,
        attempt: AttemptId,
        encoding: Encoding,
    ) -> Self {
        let suffix = match encoding {
            Encoding::Gzip => GZIP_SUFFIX,
            Encoding::Identity => "",
        };
        Self(format!(
            "{}@{version}.{attempt}{suffix}",
            content_stem(coordinate)
        ))
    }

    /// The path of a task's `metadata.json`.
    pub fn task_metadata(spec: &SpecName, task: &TaskId) -> Self {
        Self(format!(
            "{ROOT}/{}/{}/{METADATA}",
            spec.encoded(),
            task.encoded()
        ))
    }

    /// The path of a change of a task's metadata.
    pub fn task_metadata_delta(spec: &SpecName, task: &TaskId, delta: AttemptId) -> Self {
        let folder = BlobPrefix::task_metadata_deltas(spec, task);
        Self(format!("{}{delta}{DELTA_SUFFIX}", folder.as_str()))
    }

    /// Takes a path that a backend listed. What this software did not write is an error.
    pub fn parse(path: &str) -> Result<Self> {
        let key = Self(path.to_owned());
        let meaning = key.try_meaning()?;
        // One meaning has one path: other spellings of it are not ours.
        let canonical = match &meaning {
            BlobMeaning::TaskMetadata { spec, task } => Self::task_metadata(spec, task),
            BlobMeaning::TaskMetadataDelta { spec, task, delta } => {
                Self::task_metadata_delta(spec, task, *delta)
            }
            BlobMeaning::Content {
                coordinate,
                version,
                attempt,
                encoding,
            } => Self::content(coordinate, *version, *attempt, *encoding),
        };
        if canonical == key {
            Ok(key)
        } else {
            Err(foreign(path))
        }
    }

    /// What it stands for.
    pub fn meaning(&self) -> BlobMeaning {
        self.try_meaning()
            .expect("a key is parsed or built, and both give a meaning")
    }

    /// The path, relative to the backend's root, with `/` between components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How long the path of any version of `coordinate` can become, in bytes.
    pub(crate) fn longest_path_bytes(coordinate: &Coordinate) -> usize {
        const VERSION_DIGITS: usize = 10;
        let suffix = "@.".len() + VERSION_DIGITS + AttemptId::TEXT_BYTES + GZIP_SUFFIX.len();
        content_stem(coordinate).len() + suffix
    }

    fn try_meaning(&self) -> Result<BlobMeaning> {
        let path = self.0.as_str();
        let refuse = || foreign(path);
        let rest = path
            .strip_prefix(ROOT)
            .and_then(|rest| rest.strip_prefix('/'));
        let mut parts = rest.ok_or_else(refuse)?.splitn(4, '/');
        let mut next = || parts.next().ok_or_else(refuse);
        let spec = SpecName::new(segment::decode(next()?)?)?;
        let task = TaskId::new(segment::decode(next()?)?)?;
        let folder = next()?;
        let Ok(inner) = next() else {
            return if folder == METADATA {
                Ok(BlobMeaning::TaskMetadata { spec, task })
            } else {
                Err(refuse())
            };
        };
        if folder == METADATA_DELTAS {
            let delta = inner.strip_suffix(DELTA_SUFFIX).ok_or_else(refuse)?;
            let delta = delta.parse()?;
            return Ok(BlobMeaning::TaskMetadataDelta { spec, task, delta });
        }
        let (artifact_type, rest) = inner.split_once('/').ok_or_else(refuse)?;
        let artifact_type: ArtifactType = segment::decode(artifact_type)?.parse()?;
        if folder != folder_of(&artifact_type) {
            return Err(refuse());
        }
        let (stem, suffix) = rest.rsplit_once('@').ok_or_else(refuse)?;
        let (suffix, encoding) = suffix
            .strip_suffix(GZIP_SUFFIX)
            .map_or((suffix, Encoding::Identity), |suffix| {
                (suffix, Encoding::Gzip)
            });
        let (version, attempt) = suffix.split_once('.').ok_or_else(refuse)?;
        let segments: Result<Vec<_>> = segment::unfold(stem.split('/'))
            .iter()
            .map(|part| segment::decode(part))
            .collect();
        let name = ArtifactName::new(segments?.join("/"))?;
        Ok(BlobMeaning::Content {
            coordinate: Coordinate::new(spec, task, artifact_type, name)?,
            version: version.parse()?,
            attempt: attempt.parse()?,
            encoding,
        })
    }
}

fn folder_of(artifact_type: &ArtifactType) -> &'static str {
    if artifact_type.is_log() { LOGS } else { OUTPUT }
}

/// The path of a content blob up to the `@`.
fn content_stem(coordinate: &Coordinate) -> String {
    let artifact_type = coordinate.artifact_type();
    let name: Vec<_> = coordinate
        .name()
        .segments()
        .map(|part| segment::fold(&segment::encode(part)))
        .collect();
    format!(
        "{ROOT}/{}/{}/{}/{}/{}",
        coordinate.spec().encoded(),
        coordinate.task().encoded(),
        folder_of(artifact_type),
        segment::encode(artifact_type.as_str()),
        name.join("/")
    )
}

fn foreign(path: &str) -> Error {
    Error::invalid_input(format!(
        "`{}` is not a path of the artifact store",
        excerpt(path)
    ))
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of many storage paths: everything, a spec or a task. Ends in a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPrefix(String);

impl BlobPrefix {
    /// Everything the store has written.
    pub fn all() -> Self {
        Self(format!("{ROOT}/"))
    }

    /// Everything of a spec.
    pub fn spec(spec: &SpecName) -> Self {
        Self(format!("{ROOT}/{}/", spec.encoded()))
    }

    /// Everything of a task.
    pub fn task(spec: &SpecName, task: &TaskId) -> Self {
        Self(format!("{ROOT}/{}/{}/", spec.encoded(), task.encoded()))
    }

    /// The changes of a task's metadata that are not folded into it yet.
    pub fn task_metadata_deltas(spec: &SpecName, task: &TaskId) -> Self {
        let task = Self::task(spec, task);
        Self(format!("{}{METADATA_DELTAS}/", task.as_str()))
    }

    /// The path, relative to the backend's root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ATTEMPT: &str = "018f3b5a2b7c7def8123456789abcdef";

    fn key(artifact_type: &str, name: &str, encoding: Encoding) -> BlobKey {
        let coordinate = Coordinate::new(
            SpecName::new("org/repo").unwrap(),
            TaskId::new("run 1").unwrap(),
            artifact_type.parse().unwrap(),
            ArtifactName::new(name).unwrap(),
        );
        let version = Version::new(3).unwrap();
        BlobKey::content(
            &coordinate.unwrap(),
            version,
            ATTEMPT.parse().unwrap(),
            encoding,
        )
    }

    #[test]
    fn paths_stand_as_the_storage_format_says() {
        assert_eq!(
            key("code", "src/main.rs", Encoding::Gzip).as_str(),
            format!("artifacts/org%2Frepo/run%201/output/code/src/main.rs@3.{ATTEMPT}.gz")
        );
        assert_eq!(
            key("build_log", "a.log", Encoding::Identity).as_str(),
            format!("artifacts/org%2Frepo/run%201/logs/build-log/a.log@3.{ATTEMPT}")
        );
        let (spec, task) = (SpecName::default(), TaskId::new("t").unwrap());
        let metadata = BlobKey::task_metadata(&spec, &task);
        assert_eq!(metadata.as_str(), "artifacts/default/t/metadata.json");
        let delta = BlobKey::task_metadata_delta(&spec, &task, ATTEMPT.parse().unwrap());
        assert_eq!(
            delta.as_str(),
            format!("artifacts/default/t/metadata/{ATTEMPT}.json")
        );
        assert_eq!(BlobKey::parse(delta.as_str()).unwrap(), delta);
        assert_eq!(metadata.meaning(), BlobMeaning::TaskMetadata { spec, task });
    }

    #[test]
    fn foreign_paths_are_refused() {
        let good = key("log", "a", Encoding::Gzip);
        assert!(BlobKey::parse(good.as_str()).is_ok());
        for bad in [
            "",
            "artifacts",
            "artifacts/a/b/metadata.json.tmp",
            "artifacts/a/b/metadata/1.json",
            "artifacts/a/b/metadata/018f3b5a2b7c7def8123456789abcdef",
            "artifacts/a/b/output/log/x@1.018f3b5a2b7c7def8123456789abcdef",
            "artifacts/a/b/logs/log/x@0.018f3b5a2b7c7def8123456789abcdef",
            "artifacts/a/b/logs/log/x@1.018F3B5A2B7C7DEF8123456789ABCDEF",
            "artifacts/a/b/logs/log/x",
            "artifacts/a/b/logs/log/%61@1.018f3b5a2b7c7def8123456789abcdef",
            "artifacts/a/b/logs/LOG/x@1.018f3b5a2b7c7def8123456789abcdef",
            "artifacts/../b/logs/log/x@1.018f3b5a2b7c7def8123456789abcdef",
            "artifacts/a/b/logs/log/x%/@1.018f3b5a2b7c7def8123456789abcdef",
            "/artifacts/a/b/metadata.json",
        ] {
            assert!(BlobKey::parse(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn a_file_is_never_in_the_way_of_a_folder() {
        let file = key("log", "a@3.b", Encoding::Identity);
        let folder = key("log", "a/b", Encoding::Identity);
        assert!(file.as_str().contains("a%403.b@3."));
        assert!(!folder.as_str().starts_with(&format!("{file}/")));
    }

    proptest! {
        #[test]
        fn paths_are_safe_and_give_back_their_meaning(
            name in "(\\PC{1,90}/){0,2}\\PC{1,120}", gzip: bool,
        ) {
            let coordinate = ArtifactName::new(name).and_then(|name| {
                Coordinate::new(
                    SpecName::default(), TaskId::new("t")?, ArtifactType::Data, name,
                )
            });
            prop_assume!(coordinate.is_ok());
            let coordinate = coordinate.unwrap();
            let encoding = if gzip { Encoding::Gzip } else { Encoding::Identity };
            let (version, attempt) = (Version::FIRST, ATTEMPT.parse().unwrap());
            let key = BlobKey::content(&coordinate, version, attempt, encoding);
            prop_assert!(key.as_str().len() <= MAX_KEY_BYTES);
            for component in key.as_str().split('/') {
                prop_assert!((1..=255).contains(&component.len()));
                prop_assert!(component != "." && component != "..");
                prop_assert!(component.bytes().all(
                    |b| b.is_ascii_alphanumeric() || b"-_.~%@".contains(&b)
                ));
            }
            let parsed = BlobKey::parse(key.as_str()).unwrap();
            let expected = BlobMeaning::Content { coordinate, version, attempt, encoding };
            prop_assert_eq!(parsed.meaning(), expected);
        }

        #[test]
        fn any_path_parses_or_fails_without_panic(path in "(artifacts/)?\\PC{0,80}") {
            let _ = BlobKey::parse(&path);
        }
    }
}
