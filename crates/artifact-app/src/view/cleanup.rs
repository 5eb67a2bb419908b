//! What a cleanup does, as documents.

use artifact_api as api;

use crate::{CleanupAction, CleanupItem, CleanupReport};

/// One version, and what becomes of it by which rule.
pub fn item(item: &CleanupItem) -> api::CleanupItem {
    let (action, due_since, expires_at) = match item.action {
        CleanupAction::Expire(since) => ("expire", Some(since), Some(since)),
        CleanupAction::Restamp(end) => ("restamp", None, end),
    };
    api::CleanupItem {
        action: action.to_owned(),
        due_since,
        expires_at,
        id: item.record.id,
        kept_by: item.kept.as_ref().map(ToString::to_string),
        rule: item.ruling.to_string(),
        stored_size_bytes: item.stored_size_bytes(),
        uri: item.record.version_uri().to_string(),
    }
}

/// What was done in all, or would be.
pub fn report(report: &CleanupReport, dry_run: bool) -> api::CleanupReport {
    api::CleanupReport {
        changed: report.changed,
        dry_run,
        expired: report.expired,
        failed: report.failed,
        restamped: report.restamped,
        stored_size_bytes: report.stored_size_bytes,
    }
}
