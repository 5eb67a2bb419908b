//! What verifying shows, as JSON.

use artifact_domain::port::{UsageDrift, UsageRow};
use serde_json::{Value, json};

use crate::{VerifyFinding, VerifyReport};

/// One thing that is not as it should be.
pub fn finding(finding: &VerifyFinding) -> Value {
    match finding {
        VerifyFinding::Bytes {
            record,
            damage,
            cause,
            repaired,
        } => json!({
            "finding": damage.as_str(), "uri": record.version_uri().to_string(), "id": record.id,
            "message": cause.message(), "repaired": repaired,
        }),
        VerifyFinding::FoundAgain { record, repaired } => json!({
            "finding": "found", "uri": record.version_uri().to_string(), "id": record.id,
            "repaired": repaired,
        }),
        VerifyFinding::Metadata {
            spec,
            task,
            behind,
            ahead,
            damaged_lines,
            repaired,
        } => json!({
            "finding": "metadata", "spec": spec.as_str(), "task": task.as_str(),
            "behind": behind, "ahead": ahead, "damaged_lines": damaged_lines,
            "repaired": repaired,
        }),
        VerifyFinding::Counter { drift, repaired } => {
            let sums = |row: &UsageRow| {
                json!({
                    "count": row.count, "size_bytes": row.size_bytes,
                    "stored_size_bytes": row.stored_size_bytes,
                })
            };
            let UsageDrift { kept, counted } = &**drift;
            json!({
                "finding": "counter", "spec": kept.spec.as_str(),
                "type": kept.artifact_type.to_string(), "state": kept.state.as_str(),
                "tier": kept.tier.as_str(), "kept": sums(kept), "counted": sums(counted),
                "repaired": repaired,
            })
        }
        VerifyFinding::UnreadableCounters { count, repaired } => json!({
            "finding": "unreadable-counters", "count": count, "repaired": repaired,
        }),
        VerifyFinding::UnknownBlob {
            tier,
            key,
            size_bytes,
        } => json!({
            "finding": "unknown", "tier": tier, "path": key.as_str(), "size_bytes": size_bytes,
        }),
    }
}

/// What was verified in all.
pub fn report(sum: &VerifyReport) -> Value {
    json!({
        "versions": sum.versions,
        "size_bytes": sum.size_bytes,
        "unread": sum.unread,
        "findings": sum.findings,
        "mended": sum.mended,
        "sound": sum.is_sound(),
    })
}
