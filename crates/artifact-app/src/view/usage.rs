//! Sums of what is stored, as documents.

use artifact_api as api;
use artifact_domain::SpecName;

use crate::{Usage, UsageGroup, UsageTotal};

/// The sum of a group.
pub fn group(group: &UsageGroup, total: &UsageTotal) -> api::UsageGroup {
    api::UsageGroup {
        artifact_type: group.artifact_type.as_ref().map(ToString::to_string),
        count: total.count,
        reserved_bytes: total.reserved_bytes,
        saved_ratio: total.saved_ratio(),
        size_bytes: total.size_bytes,
        spec: group.spec.as_ref().map(ToString::to_string),
        state: group.state.map(|state| state.to_string()),
        stored_size_bytes: total.stored_size_bytes,
        tier: group.tier.map(|tier| tier.to_string()),
        uploads: total.uploads,
    }
}

/// The sum of everything, or of a spec, and how near the store is to its limit.
pub fn summary(usage: &Usage, spec: Option<&SpecName>) -> api::UsageSummary {
    let total = usage.total_of(spec);
    api::UsageSummary {
        count: total.count,
        held_bytes: usage.total().held_bytes(),
        limit_bytes: usage.limit_bytes(),
        reserved_bytes: total.reserved_bytes,
        saved_ratio: total.saved_ratio(),
        size_bytes: total.size_bytes,
        spec: spec.map(ToString::to_string),
        stored_size_bytes: total.stored_size_bytes,
        uploads: total.uploads,
        used_ratio: usage.used_ratio(),
        warning: usage.warning().map(|warning| warning.to_string()),
    }
}
