//! What is counted keeps the same contracts as what is not.

mod blob_store {
    use std::sync::Arc;

    use artifact_domain::port::{BlobStore, Capabilities};
    use artifact_meter::{Meter, MeteredBlobs};
    use artifact_testkit::{MemoryBlobStore, Subject};

    mod plain {
        use super::*;

        async fn open() -> Subject<dyn BlobStore> {
            let inner = Arc::new(MemoryBlobStore::new());
            Subject::new(Arc::new(MeteredBlobs::new(inner, Meter::new())))
        }

        artifact_testkit::blob_store_contract!(open);
    }

    mod with_every_capability {
        use super::*;

        async fn open() -> Subject<dyn BlobStore> {
            let capabilities = Capabilities {
                presign: true,
                tiers: true,
                restore: true,
            };
            let inner = Arc::new(MemoryBlobStore::new().with_capabilities(capabilities));
            Subject::new(Arc::new(MeteredBlobs::new(inner, Meter::new())))
        }

        artifact_testkit::blob_store_contract!(open);
    }
}

mod index {
    use std::sync::Arc;

    use artifact_domain::port::ArtifactIndex;
    use artifact_meter::{Meter, MeteredIndex};
    use artifact_testkit::{MemoryIndex, Subject};

    async fn open() -> Subject<dyn ArtifactIndex> {
        let inner = Arc::new(MemoryIndex::new());
        Subject::new(Arc::new(MeteredIndex::new(inner, Meter::new())))
    }

    artifact_testkit::artifact_index_contract!(open);
}

mod locks {
    use std::sync::Arc;

    use artifact_domain::port::LockManager;
    use artifact_meter::{Meter, MeteredLocks};
    use artifact_testkit::{MemoryLocks, Subject};

    async fn open() -> Subject<dyn LockManager> {
        let inner = Arc::new(MemoryLocks::new());
        Subject::new(Arc::new(MeteredLocks::new(inner, Meter::new())))
    }

    artifact_testkit::lock_manager_contract!(open);
}
