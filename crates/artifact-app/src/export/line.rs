//! The metadata in an archive, `artifacts.jsonl`: one JSON object per line, first that of the archive,
//! then one for each artifact. Knows nothing of archives.

use artifact_domain::{
    ArtifactName, ArtifactRecord, ArtifactType, Coordinate, Digest, Error, Hold, Metadata,
    MimeType, Result, SpecName, Tags, TaskId, Timestamp, Version,
};
use serde::{Deserialize, Serialize};

/// Where it lies in the archive. Every other path has four segments at least.
pub(crate) const METADATA_PATH: &str = "artifacts.jsonl";

/// The version of the format that is written, and the last that is read.
pub(crate) const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the format.
    pub(crate) artifact_export: u32,
    /// How many artifacts follow.
    pub(crate) artifacts: u64,
}

/// A line for an artifact: what any store can know of it. What only the one knows that it comes from,
/// such as its id and how it was stored there, is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Where its bytes are in the archive.
    pub(crate) path: String,
    pub(crate) spec: SpecName,
    pub(crate) task: TaskId,
    #[serde(rename = "type")]
    pub(crate) artifact_type: ArtifactType,
    pub(crate) name: ArtifactName,
    pub(crate) version: Version,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Digest,
    pub(crate) mime_type: MimeType,
    pub(crate) created_at: Timestamp,
    pub(crate) retention_days: Option<u32>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) hold: Option<Hold>,
    pub(crate) tags: Tags,
    pub(crate) metadata: Metadata,
}

impl Line {
    /// What is said of a version whose bytes are at `path`.
    pub(crate) fn new(record: ArtifactRecord, path: String) -> Result<Self> {
        let content = record.stored_content()?;
        let (size_bytes, sha256) = (content.size_bytes, content.digest);
        let at = record.coordinate;
        Ok(Self {
            path,
            spec: at.spec().clone(),
            task: at.task().clone(),
            artifact_type: at.artifact_type().clone(),
            name: at.name().clone(),
            version: record.version,
            size_bytes,
            sha256,
            mime_type: record.mime_type,
            created_at: record.created_at,
            retention_days: record.retention_days,
            expires_at: record.expires_at,
            hold: record.hold,
            tags: record.tags,
            metadata: record.metadata,
        })
    }
}

impl Line {
    /// Where it stands, or stood.
    pub(crate) fn coordinate(&self) -> Result<Coordinate> {
        Coordinate::new(
            self.spec.clone(),
            self.task.clone(),
            self.artifact_type.clone(),
            self.name.clone(),
        )
    }

    /// Whether both are versions of one artifact.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.artifact_type == other.artifact_type
            && self.task == other.task
            && self.spec == other.spec
    }
}

/// A line, with its newline.
pub(crate) fn to_json(line: &impl Serialize) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec(line).map_err(|cause| {
        Error::new(artifact_domain::ErrorKind::Internal, "metadata has no JSON").with_source(cause)
    })?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of the format, version 1, with everything that can stand in it.
    const GOLDEN: &str = include_str!("artifacts-1.jsonl");

    #[test]
    fn the_format_is_that_of_the_golden_file() {
        let mut lines = GOLDEN.split_inclusive('\n');
        let head: Head = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!((head.artifact_export, head.artifacts), (FORMAT, 2));
        let parsed: Vec<Line> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed[0].path, "org%2Frepo/run 1/log/dir/build.log@2");
        assert!(parsed[0].hold.is_some() && parsed[1].hold.is_none());
        let mut written = to_json(&head).unwrap();
        for line in &parsed {
            written.extend(to_json(line).unwrap());
        }
        assert_eq!(String::from_utf8(written).unwrap(), GOLDEN);
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let line = GOLDEN
            .lines()
            .nth(1)
            .unwrap()
            .replacen('{', "{\"new\":[1],", 1);
        assert!(serde_json::from_str::<Line>(&line).is_ok());
    }
}
