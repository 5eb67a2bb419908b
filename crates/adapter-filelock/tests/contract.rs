//! Holds the adapter to the contract of its port.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::sync::Arc;
use std::time::SystemTime;

use adapter_filelock::FileLocks;
use artifact_domain::Timestamp;
use artifact_domain::port::{Clock, LockManager};
use artifact_testkit::Subject;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::UNIX_EPOCH.saturating_add(since_epoch)
    }
}

async fn open() -> Subject<dyn LockManager> {
    let base = tempfile::tempdir().unwrap();
    let locks: Arc<dyn LockManager> = Arc::new(FileLocks::new(
        base.path().join("locks"),
        Arc::new(SystemClock),
    ));
    Subject::new(locks).keeping(base)
}

artifact_testkit::lock_manager_contract!(open);
