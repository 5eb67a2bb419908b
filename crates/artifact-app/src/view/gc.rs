//! What collecting garbage does, as documents.

use artifact_api as api;

use crate::{GcItem, GcReport};

/// One item, and why it goes.
pub fn item(item: &GcItem) -> api::GcItem {
    let uri = item.record.as_ref().map(|record| record.version_uri());
    api::GcItem {
        files: item.files,
        id: item.record.as_ref().map(|record| record.id),
        paths: item.blobs.iter().map(ToString::to_string).collect(),
        reason: item.reason.as_str().to_owned(),
        size_bytes: item.size_bytes,
        tier: item.tier,
        uri: uri.map(|uri| uri.to_string()),
    }
}

/// What went in all, or would.
pub fn report(report: &GcReport, dry_run: bool) -> api::GcReport {
    api::GcReport {
        dry_run,
        failed: report.failures.len() as u64,
        items: report.items,
        size_bytes: report.size_bytes,
        tasks: report.tasks,
    }
}
