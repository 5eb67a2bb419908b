//! Holds the index on sled to the contract of its port. Knows nothing of how it keeps it.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the failure, in what its cases share too"
)]

use std::sync::Arc;

use adapter_sled_index::{SledIndex, SledOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_testkit::Subject;

async fn open() -> Subject<dyn ArtifactIndex> {
    let dir = tempfile::tempdir().unwrap();
    let index = SledIndex::open(dir.path(), SledOptions::default())
        .await
        .unwrap();
    let port: Arc<dyn ArtifactIndex> = Arc::new(index);
    Subject::new(port).keeping(dir)
}

artifact_testkit::artifact_index_contract!(open);
