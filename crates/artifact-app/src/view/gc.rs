//! What collecting garbage does, as JSON.

use artifact_domain::BlobKey;
use serde_json::{Value, json};

use crate::{GcItem, GcReport};

/// One item, and why it goes.
pub fn item(item: &GcItem) -> Value {
    let uri = item.record.as_ref().map(|record| record.version_uri());
    let paths: Vec<_> = item.blobs.iter().map(BlobKey::as_str).collect();
    json!({
        "reason": item.reason.as_str(),
        "uri": uri.map(|uri| uri.to_string()),
        "id": item.record.as_ref().map(|record| record.id),
        "tier": item.tier,
        "paths": paths,
        "files": item.files,
        "size_bytes": item.size_bytes,
    })
}

/// What went in all, or would.
pub fn report(report: &GcReport, dry_run: bool) -> Value {
    json!({
        "items": report.items,
        "size_bytes": report.size_bytes,
        "tasks": report.tasks,
        "failed": report.failures.len(),
        "dry_run": dry_run,
    })
}
