//! How long artifacts are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{ArtifactType, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// How long artifacts are kept when their uploader does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Days for every type that has no rule of its own; for ever where there are none.
    pub default_days: Option<u32>,
    /// Days by type; for ever where a type has a rule without a number.
    pub days_by_type: BTreeMap<ArtifactType, Option<u32>>,
}

impl RetentionPolicy {
    /// From when on an artifact is gone: the uploader's `days` before the rule of its type, before
    /// the default; never where none of them says.
    pub fn expires_at(
        &self,
        artifact_type: &ArtifactType,
        created_at: Timestamp,
        days: Option<u32>,
    ) -> Option<Timestamp> {
        let by_rule = || {
            self.days_by_type
                .get(artifact_type)
                .copied()
                .unwrap_or(self.default_days)
        };
        days.or_else(by_rule)
            .map(|days| created_at.saturating_add(DAY.saturating_mul(days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rule_decides() {
        let policy = RetentionPolicy {
            default_days: Some(30),
            days_by_type: BTreeMap::from([
                (ArtifactType::Log, Some(7)),
                (ArtifactType::Video, None),
            ]),
        };
        let days = |artifact_type, days| {
            let end = policy.expires_at(&artifact_type, Timestamp::UNIX_EPOCH, days)?;
            Some(Timestamp::UNIX_EPOCH.until(end).as_secs() / 86_400)
        };
        assert_eq!(days(ArtifactType::Log, None), Some(7));
        assert_eq!(days(ArtifactType::Log, Some(90)), Some(90));
        assert_eq!(days(ArtifactType::Code, None), Some(30));
        assert_eq!(days(ArtifactType::Video, None), None);
        assert_eq!(days(ArtifactType::Code, Some(0)), Some(0));
        let keep = RetentionPolicy::default();
        assert_eq!(
            keep.expires_at(&ArtifactType::Log, Timestamp::UNIX_EPOCH, None),
            None
        );
    }

    #[test]
    fn an_absurd_number_of_days_is_the_end_of_time() {
        let end = RetentionPolicy::default().expires_at(
            &ArtifactType::Log,
            Timestamp::UNIX_EPOCH,
            Some(u32::MAX),
        );
        assert_eq!(end, Some(Timestamp::MAX));
    }
}
