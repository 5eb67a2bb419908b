//! What is told of the index, of locks and of the rules of a bucket, as documents.

use artifact_api::{
    LockHolder, LockStatus, ReindexFinding, ReindexReport, RuleDifference, Unlocked,
};
use artifact_domain::ArtifactRecord;

use crate::ReindexFinding as Found;

/// Something that was found while the index is rebuilt.
pub fn reindex_finding(finding: &Found) -> ReindexFinding {
    let of = |finding: &str| ReindexFinding {
        finding: finding.to_owned(),
        ..ReindexFinding::default()
    };
    let version = |finding: &str, record: &ArtifactRecord| ReindexFinding {
        id: Some(record.id),
        uri: Some(record.version_uri().to_string()),
        ..of(finding)
    };
    match finding {
        Found::Recovered(record) => version("recovered", record),
        Found::Missing(record) => version("missing", record),
        Found::VersionTaken(uri, key) => ReindexFinding {
            path: Some(key.as_str().to_owned()),
            uri: Some(uri.to_string()),
            ..of("version-taken")
        },
        Found::Unreadable(key, error) => ReindexFinding {
            message: Some(error.message().to_owned()),
            path: Some(key.as_str().to_owned()),
            ..of("unreadable")
        },
        Found::DamagedMetadata(spec, task, lines) => ReindexFinding {
            lines: Some(*lines),
            spec: Some(spec.to_string()),
            task: Some(task.to_string()),
            ..of("damaged-metadata")
        },
    }
}

/// How far rebuilding the index is.
pub fn reindex_report(report: &crate::ReindexReport) -> ReindexReport {
    ReindexReport {
        damaged_lines: report.damaged_lines,
        failed: report.failed,
        known: report.known,
        missing: report.missing,
        recovered: report.recovered,
        restored: report.restored,
        spare: report.spare,
        unnamed: report.unnamed,
    }
}

/// Whether an artifact is locked.
pub fn lock_status(status: &crate::LockStatus) -> LockStatus {
    let holder = status.holder.as_ref();
    LockStatus {
        holder: holder.map(|holder| LockHolder {
            host: holder.host.clone(),
            pid: holder.pid,
            since: holder.since,
        }),
        locked: status.is_locked,
        uri: status.key.as_str().to_owned(),
    }
}

/// What became of a lock that was to be broken.
pub fn unlocked(status: &crate::LockStatus, dry_run: bool) -> Unlocked {
    Unlocked {
        unlocked: status.is_locked && !dry_run,
        uri: status.key.as_str().to_owned(),
        was_locked: status.is_locked,
    }
}

/// A rule of a bucket that is not as it should be.
pub fn rule_difference(difference: &crate::RuleDifference) -> RuleDifference {
    RuleDifference {
        change: difference.change.as_str().to_owned(),
        found: difference.found.clone(),
        rule: difference.name.clone(),
        wanted: difference.wanted.clone(),
    }
}
