//! An artifact as users of the surfaces see it: the JSON that scripts rely on.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use crate::uri::Address;
use crate::{ArtifactId, ArtifactRecord, Digest, Hold, Metadata, State, Tags, Tier, Timestamp};

/// An artifact as JSON. The keys, their order and their meaning are frozen; times are RFC 3339 in
/// UTC, sizes in bytes. Sizes and digest are null while an upload has not ended.
// A list is made of a thousand of these: nothing of it is copied before it is written.
#[derive(Debug, Clone, Serialize)]
pub struct ArtifactView<'a> {
    id: Text<ArtifactId>,
    uri: Text<Address<'a>>,
    spec: &'a str,
    task: &'a str,
    r#type: &'a str,
    name: &'a str,
    version: u32,
    state: State,
    tier: Tier,
    size_bytes: Option<u64>,
    stored_size_bytes: Option<u64>,
    sha256: Option<Text<Digest>>,
    compressed: Option<bool>,
    mime_type: &'a str,
    created_at: Text<Timestamp>,
    expires_at: Option<Text<Timestamp>>,
    archived_at: Option<Text<Timestamp>>,
    held: bool,
    tags: &'a Tags,
    metadata: &'a Metadata,
}

impl<'a> From<&'a ArtifactRecord> for ArtifactView<'a> {
    fn from(record: &'a ArtifactRecord) -> Self {
        let content = record.content.as_ref();
        Self {
            id: Text(record.id),
            uri: Text(Address {
                coordinate: &record.coordinate,
                version: None,
            }),
            spec: record.coordinate.spec().as_str(),
            task: record.coordinate.task().as_str(),
            r#type: record.coordinate.artifact_type().as_str(),
            name: record.coordinate.name().as_str(),
            version: record.version.get(),
            state: record.state,
            tier: record.tier,
            size_bytes: content.map(|content| content.size_bytes),
            stored_size_bytes: content.map(|content| content.stored_size_bytes),
            sha256: content.map(|content| Text(content.digest)),
            compressed: content.map(|content| content.encoding == crate::Encoding::Gzip),
            mime_type: record.mime_type.as_str(),
            created_at: Text(record.created_at),
            expires_at: record.expires_at.map(Text),
            archived_at: record.archived_at.map(Text),
            held: record.hold.is_some(),
            tags: &record.tags,
            metadata: &record.metadata,
        }
    }
}

/// What is shown, written as a JSON string without a copy.
#[derive(Debug, Clone)]
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An artifact as JSON with all that is known of it: the keys of [`ArtifactView`], and behind them
/// `hold` with its `reason`, `by` and `since` if there is one.
#[derive(Debug, Clone, Serialize)]
pub struct ArtifactDetails<'a> {
    #[serde(flatten)]
    view: ArtifactView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<&'a Hold>,
}

impl<'a> From<&'a ArtifactRecord> for ArtifactDetails<'a> {
    fn from(record: &'a ArtifactRecord) -> Self {
        Self {
            view: record.into(),
            hold: record.hold.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn the_keys_are_the_frozen_ones_in_their_order() {
        let json = serde_json::to_string(&ArtifactView::from(&record())).unwrap();
        let expected = concat!(
            r#"{"id":"018bcfe5-6800-7101-8101-010101010101","#,
            r#""uri":"artifact://default/1/log/build.log","spec":"default","task":"1","#,
            r#""type":"log","name":"build.log","version":1,"state":"ACTIVE","tier":"HOT","#,
            r#""size_bytes":10,"stored_size_bytes":7,"sha256":"#,
            r#""0000000000000000000000000000000000000000000000000000000000000000","#,
            r#""compressed":true,"mime_type":"application/octet-stream","#,
            r#""created_at":"2023-11-14T22:13:20Z","expires_at":null,"archived_at":null,"#,
            r#""held":false,"tags":{},"metadata":{}}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn a_hold_stands_behind_the_frozen_keys() {
        let mut record = record();
        let without = serde_json::to_string(&ArtifactDetails::from(&record)).unwrap();
        assert_eq!(
            without,
            serde_json::to_string(&ArtifactView::from(&record)).unwrap()
        );
        record.hold = Some(Hold {
            reason: Some("audit".to_owned()),
            by: None,
            since: record.created_at,
        });
        let details = serde_json::to_string(&ArtifactDetails::from(&record)).unwrap();
        let view = serde_json::to_string(&ArtifactView::from(&record)).unwrap();
        let hold = r#""hold":{"reason":"audit","by":null,"since":"2023-11-14T22:13:20Z"}"#;
        let frozen = view.strip_suffix('}').unwrap();
        assert_eq!(details, format!("{frozen},{hold}}}"));
    }
}
