//! An audit log in memory.

use std::sync::Mutex;

use artifact_domain::Result;
use artifact_domain::access::{AuditEntry, AuditFilter};
use artifact_domain::port::AuditLog;
use async_trait::async_trait;

/// An audit log in memory.
#[derive(Debug, Default)]
pub struct MemoryAuditLog(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditLog for MemoryAuditLog {
    async fn append(&self, entry: AuditEntry) -> Result<()> {
        self.0.lock().unwrap().push(entry);
        Ok(())
    }

    async fn query(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>> {
        let entries = self.0.lock().unwrap();
        let mut found: Vec<_> = entries
            .iter()
            .filter(|entry| filter.selects(entry))
            .cloned()
            .collect();
        let first = found.len().saturating_sub(filter.limit);
        Ok(found.split_off(first))
    }
}
