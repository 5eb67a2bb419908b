//! What moving between tiers does, as documents.

use artifact_api as api;
use artifact_domain::{ArtifactRecord, ArtifactView};
use serde_json::{Value, json};

use crate::MoveReport;

/// What was moved in all, or would be.
pub fn report(report: &MoveReport, dry_run: bool) -> api::MoveReport {
    api::MoveReport {
        dry_run,
        failed: report.failed,
        lost: report.lost,
        moved: report.moved,
        restoring: report.restoring,
        stored_size_bytes: report.stored_size_bytes,
    }
}

/// An artifact whose bytes were asked for and are not at hand yet.
pub fn restoring(record: &ArtifactRecord) -> Value {
    let mut object = json!(ArtifactView::from(record));
    object["restoring"] = json!(true);
    object
}
