//! The contract of `AuditLog`.

pub mod entries;
pub mod filter;

use artifact_domain::access::{Action, AuditEntry, AuditFilter, Outcome};
use artifact_domain::port::AuditLog;

use crate::sample;

/// An entry of so many seconds after the time of the samples.
fn entry(seconds: i64) -> AuditEntry {
    AuditEntry {
        time: sample::at(seconds),
        who: Some("token ci (0123456789abcdef)".to_owned()),
        from: Some("192.0.2.7".to_owned()),
        action: Action::Write,
        request: "PUT /api/v1/specs/s/tasks/1/log/a.log".to_owned(),
        target: Some("artifact://s/1/log/a.log".to_owned()),
        outcome: Outcome::Done,
        status: 201,
        request_id: format!("request {seconds}"),
    }
}

/// Everything that is there.
async fn all(log: &dyn AuditLog) -> Vec<AuditEntry> {
    log.query(AuditFilter::last(1_000_000)).await.unwrap()
}
