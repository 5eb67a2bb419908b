//! What verifying shows, as documents.

use artifact_api::{CounterSums, Finding};
use artifact_domain::port::{UsageDrift, UsageRow};

use crate::{VerifyFinding, VerifyReport};

/// One thing that is not as it should be.
pub fn finding(finding: &VerifyFinding) -> Finding {
    let word = |word: &str| Finding {
        finding: word.to_owned(),
        ..Finding::default()
    };
    match finding {
        VerifyFinding::Bytes {
            record,
            damage,
            cause,
            repaired,
        } => Finding {
            id: Some(record.id),
            message: Some(cause.message().to_owned()),
            repaired: Some(*repaired),
            uri: Some(record.version_uri().to_string()),
            ..word(damage.as_str())
        },
        VerifyFinding::FoundAgain { record, repaired } => Finding {
            id: Some(record.id),
            repaired: Some(*repaired),
            uri: Some(record.version_uri().to_string()),
            ..word("found")
        },
        VerifyFinding::Metadata {
            spec,
            task,
            behind,
            ahead,
            damaged_lines,
            repaired,
        } => Finding {
            ahead: Some(*ahead),
            behind: Some(*behind),
            damaged_lines: Some(*damaged_lines),
            repaired: Some(*repaired),
            spec: Some(spec.to_string()),
            task: Some(task.to_string()),
            ..word("metadata")
        },
        VerifyFinding::Counter { drift, repaired } => {
            let UsageDrift { kept, counted } = &**drift;
            Finding {
                artifact_type: Some(kept.artifact_type.to_string()),
                counted: Some(sums(counted)),
                kept: Some(sums(kept)),
                repaired: Some(*repaired),
                spec: Some(kept.spec.to_string()),
                state: Some(kept.state),
                tier: Some(kept.tier),
                ..word("counter")
            }
        }
        VerifyFinding::UnreadableCounters { count, repaired } => Finding {
            count: Some(*count),
            repaired: Some(*repaired),
            ..word("unreadable-counters")
        },
        VerifyFinding::UnknownBlob {
            tier,
            key,
            size_bytes,
        } => Finding {
            path: Some(key.to_string()),
            size_bytes: Some(*size_bytes),
            tier: Some(*tier),
            ..word("unknown")
        },
    }
}

fn sums(row: &UsageRow) -> CounterSums {
    CounterSums {
        count: row.count,
        size_bytes: row.size_bytes,
        stored_size_bytes: row.stored_size_bytes,
    }
}

/// What was verified in all, or up to now.
pub fn report(sum: &VerifyReport) -> artifact_api::VerifyReport {
    artifact_api::VerifyReport {
        findings: sum.findings,
        mended: sum.mended,
        size_bytes: sum.size_bytes,
        sound: sum.is_sound(),
        unread: sum.unread,
        versions: sum.versions,
    }
}
