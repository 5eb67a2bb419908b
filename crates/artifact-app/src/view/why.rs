//! What keeps a version, as a document.

use artifact_api::{Latest, Why};

use crate::{Fate, Retained};

/// When and by which rule a version goes, or what keeps it.
pub fn document(retained: &Retained) -> Why {
    let record = &retained.record;
    let (fate, latest) = match &retained.fate {
        Fate::Held(_) => ("held", None),
        Fate::Latest(group, rank) => (
            "latest",
            Some(Latest {
                keep: group.keep,
                rank: *rank,
                task: group.pattern.as_ref().map(ToString::to_string),
            }),
        ),
        Fate::Unending => ("unending", None),
        Fate::Ends(_) => ("ends", None),
        Fate::Expired(_) => ("expired", None),
        Fate::Deleted => ("deleted", None),
        Fate::Uploading => ("uploading", None),
    };
    Why {
        created_at: record.created_at,
        days: retained.ruling.days,
        expires_at: retained.expires_at,
        fate: fate.to_owned(),
        hold: record.hold.clone(),
        id: record.id,
        latest,
        recorded_expires_at: record.expires_at,
        rule: retained.ruling.rule.as_ref().map(ToString::to_string),
        state: record.state,
        uri: record.version_uri().to_string(),
    }
}
