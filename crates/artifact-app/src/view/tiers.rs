//! What moving between tiers does, as JSON.

use artifact_domain::{ArtifactRecord, ArtifactView};
use serde_json::{Value, json};

use crate::MoveReport;

/// What was moved in all, or would be.
pub fn report(report: &MoveReport, dry_run: bool) -> Value {
    json!({
        "moved": report.moved,
        "stored_size_bytes": report.stored_size_bytes,
        "restoring": report.restoring,
        "lost": report.lost,
        "failed": report.failed,
        "dry_run": dry_run,
    })
}

/// An artifact whose bytes were asked for and are not at hand yet.
pub fn restoring(record: &ArtifactRecord) -> Value {
    let mut object = json!(ArtifactView::from(record));
    object["restoring"] = json!(true);
    object
}
