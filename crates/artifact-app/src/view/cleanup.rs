//! What a cleanup does, as JSON.

use serde_json::{Value, json};

use crate::{CleanupAction, CleanupItem, CleanupReport};

/// One version, and what becomes of it by which rule.
pub fn item(item: &CleanupItem) -> Value {
    let (action, due_since, expires_at) = match item.action {
        CleanupAction::Expire(since) => ("expire", Some(since), Some(since)),
        CleanupAction::Restamp(end) => ("restamp", None, end),
    };
    json!({
        "action": action,
        "uri": item.record.version_uri().to_string(),
        "id": item.record.id,
        "rule": item.ruling.to_string(),
        "kept_by": item.kept.as_ref().map(ToString::to_string),
        "due_since": due_since,
        "expires_at": expires_at,
        "stored_size_bytes": item.stored_size_bytes(),
    })
}

/// What was done in all, or would be.
pub fn report(report: &CleanupReport, dry_run: bool) -> Value {
    json!({
        "expired": report.expired,
        "stored_size_bytes": report.stored_size_bytes,
        "restamped": report.restamped,
        "changed": report.changed,
        "failed": report.failed,
        "dry_run": dry_run,
    })
}
