//! Which artifacts a rule of the bucket would delete though the store keeps them: a bucket knows
//! neither holds nor days of an artifact's own.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use artifact_domain::query::{Filter, Order, Versions};
use artifact_domain::{ArtifactRecord, Result};
use futures::TryStreamExt;

use crate::Store;

const DAY: Duration = Duration::from_hours(24);

/// An artifact that the store keeps for longer than a rule of the bucket would let it be.
#[derive(Debug, Clone, PartialEq)]
pub struct AtRisk {
    /// Which.
    pub record: ArtifactRecord,
    /// What keeps it.
    pub why: String,
}

impl Store {
    /// Artifacts that a rule of the bucket would delete which deletes what is `after_days` old,
    /// though the store keeps them: those on hold, those that never expire, those that expire
    /// later. `limit` of them at most.
    ///
    /// Reads every record, page by page, until it has found enough.
    pub async fn at_risk(&self, after_days: u32, limit: usize) -> Result<Vec<AtRisk>> {
        let everything = Filter {
            versions: Versions::All,
            ..Filter::default()
        };
        let mut records = pin!(self.search_all(everything, Order::default()));
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(record) = records.try_next().await?
        {
            if let Some(why) = keeps_longer(&record, after_days) {
                found.push(AtRisk { record, why });
            }
        }
        Ok(found)
    }
}

fn keeps_longer(record: &ArtifactRecord, after_days: u32) -> Option<String> {
    // Its bytes are not older than it, whenever they were moved.
    let end = record
        .created_at
        .saturating_add(DAY.saturating_mul(after_days));
    match record.expires_at {
        _ if record.hold.is_some() => Some("is on hold".to_owned()),
        None => Some("never expires".to_owned()),
        Some(expires_at) if expires_at > end => Some(format!("expires at {expires_at}")),
        Some(_) => None,
    }
}

impl fmt::Display for AtRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.record.version_uri(), self.why)
    }
}
