//! Holds the adapter to the contract of its port, also where its files are put aside all the time.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::sync::Arc;

use adapter_audit_file::{AuditFile, Rotation};
use artifact_domain::port::AuditLog;
use artifact_testkit::Subject;

fn log(rotation: Rotation) -> Subject<dyn AuditLog> {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditFile::new(folder.path().join("below").join("audit.jsonl"), rotation);
    Subject::new(Arc::new(log) as Arc<dyn AuditLog>).keeping(folder)
}

mod usual {
    use super::*;

    async fn open() -> Subject<dyn AuditLog> {
        log(Rotation::default())
    }

    artifact_testkit::audit_log_contract!(open);
}

mod rotated {
    use super::*;

    async fn open() -> Subject<dyn AuditLog> {
        log(Rotation {
            max_bytes: 1_000,
            keep: 1_000,
        })
    }

    artifact_testkit::audit_log_contract!(open);
}
