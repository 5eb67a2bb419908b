//! The log of who did what: two of one kind, so that whoever is not recognised, and may try as often as he
//! likes, writes over no history but that of his like. Knows no files.

use artifact_domain::Result;
use artifact_domain::access::{AuditEntry, AuditFilter};
use artifact_domain::port::AuditLog;
use async_trait::async_trait;

/// A log of those who were recognised, and one of all others.
#[derive(Debug)]
pub(crate) struct Apart<L> {
    pub(crate) known: L,
    pub(crate) unknown: L,
}

#[async_trait]
impl<L: AuditLog> AuditLog for Apart<L> {
    async fn append(&self, entry: AuditEntry) -> Result<()> {
        let log = if entry.who.is_some() {
            &self.known
        } else {
            &self.unknown
        };
        log.append(entry).await
    }

    /// Those of each in their order, and both together by their times.
    async fn query(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>> {
        let limit = filter.limit;
        let mut known = self
            .known
            .query(filter.clone())
            .await?
            .into_iter()
            .peekable();
        let mut unknown = self.unknown.query(filter).await?.into_iter().peekable();
        let mut all = Vec::new();
        while let (Some(one), Some(other)) = (known.peek(), unknown.peek()) {
            let earlier = if other.time < one.time {
                unknown.next()
            } else {
                known.next()
            };
            all.extend(earlier);
        }
        all.extend(known);
        all.extend(unknown);
        Ok(all.split_off(all.len().saturating_sub(limit)))
    }
}

#[cfg(test)]
mod tests {
    use adapter_audit_file::{AuditFile, Rotation};
    use artifact_domain::Timestamp;
    use artifact_domain::access::{Action, Outcome};

    use super::*;

    fn entry(who: Option<&str>, number: u64) -> AuditEntry {
        AuditEntry {
            time: Timestamp::UNIX_EPOCH.saturating_add(std::time::Duration::from_secs(number)),
            who: who.map(str::to_owned),
            from: None,
            action: Action::Read,
            request: "GET /".to_owned(),
            target: None,
            outcome: Outcome::Refused,
            status: 401,
            request_id: number.to_string(),
        }
    }

    #[tokio::test]
    async fn however_often_strangers_try_what_is_known_stays() {
        let folder = tempfile::tempdir().unwrap();
        let rotation = Rotation {
            max_bytes: 1_000,
            keep: 1,
        };
        let [known, unknown] =
            ["known", "unknown"].map(|name| AuditFile::new(folder.path().join(name), rotation));
        let log = Apart { known, unknown };
        log.append(entry(Some("ci"), 0)).await.unwrap();
        for number in 1..100 {
            log.append(entry(None, number)).await.unwrap();
        }
        log.append(entry(Some("ci"), 50)).await.unwrap();
        let found = log.query(AuditFilter::last(1_000)).await.unwrap();
        assert!(found.len() < 50, "{}", found.len());
        assert_eq!(found[0].request_id, "0");
        assert!(found.is_sorted_by_key(|entry| entry.time));
        let last = log.query(AuditFilter::last(2)).await.unwrap();
        let ids: Vec<_> = last.iter().map(|entry| &*entry.request_id).collect();
        assert_eq!(ids, ["98", "99"]);
    }
}
