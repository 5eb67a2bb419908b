//! Sums of what is stored, as JSON.

use artifact_domain::SpecName;
use serde_json::{Map, Value, json};

use crate::{Usage, UsageGroup, UsageTotal};

/// The sum of a group.
pub fn group(group: &UsageGroup, total: &UsageTotal) -> Map<String, Value> {
    let keys = [
        ("spec", group.spec.as_ref().map(ToString::to_string)),
        (
            "type",
            group.artifact_type.as_ref().map(ToString::to_string),
        ),
        ("state", group.state.map(|state| state.to_string())),
        ("tier", group.tier.map(|tier| tier.to_string())),
    ];
    let mut object = Map::new();
    for (key, value) in keys {
        object.extend(value.map(|value| (key.to_owned(), value.into())));
    }
    let numbers = [
        ("count", json!(total.count)),
        ("size_bytes", json!(total.size_bytes)),
        ("stored_size_bytes", json!(total.stored_size_bytes)),
        ("saved_ratio", json!(total.saved_ratio())),
        ("uploads", json!(total.uploads)),
        ("reserved_bytes", json!(total.reserved_bytes)),
    ];
    object.extend(numbers.map(|(key, value)| (key.to_owned(), value)));
    object
}

/// The sum of everything, or of a spec, and how near the store is to its limit.
pub fn summary(usage: &Usage, spec: Option<&SpecName>) -> Map<String, Value> {
    let of = UsageGroup {
        spec: spec.cloned(),
        ..UsageGroup::default()
    };
    let mut object = group(&of, &usage.total_of(spec));
    let limits = [
        ("held_bytes", json!(usage.total().held_bytes())),
        ("limit_bytes", json!(usage.limit_bytes())),
        ("used_ratio", json!(usage.used_ratio())),
        ("warning", json!(usage.warning().map(|w| w.to_string()))),
    ];
    object.extend(limits.map(|(key, value)| (key.to_owned(), value)));
    object
}
