//! The fakes keep the same contracts as every production adapter.

mod blob_store {
    use std::sync::Arc;

    use artifact_domain::port::{BlobStore, Capabilities};
    use artifact_testkit::{MemoryBlobStore, Subject};

    mod plain {
        use super::*;

        async fn open() -> Subject<dyn BlobStore> {
            Subject::new(Arc::new(MemoryBlobStore::new()))
        }

        artifact_testkit::blob_store_contract!(open);
    }

    mod decorated_with_no_fault {
        use artifact_testkit::FaultyBlobStore;

        use super::*;

        async fn open() -> Subject<dyn BlobStore> {
            let inner = Arc::new(MemoryBlobStore::new());
            Subject::new(Arc::new(FaultyBlobStore::new(inner)))
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
            Subject::new(Arc::new(
                MemoryBlobStore::new().with_capabilities(capabilities),
            ))
        }

        artifact_testkit::blob_store_contract!(open);
    }
}

mod index {
    use std::sync::Arc;

    use artifact_domain::port::ArtifactIndex;
    use artifact_testkit::{MemoryIndex, Subject};

    mod plain {
        use super::*;

        async fn open() -> Subject<dyn ArtifactIndex> {
            Subject::new(Arc::new(MemoryIndex::new()))
        }

        artifact_testkit::artifact_index_contract!(open);
    }

    mod decorated_with_no_fault {
        use artifact_testkit::FaultyIndex;

        use super::*;

        async fn open() -> Subject<dyn ArtifactIndex> {
            let inner = Arc::new(MemoryIndex::new());
            Subject::new(Arc::new(FaultyIndex::new(inner)))
        }

        artifact_testkit::artifact_index_contract!(open);
    }
}

mod locks {
    use std::sync::Arc;

    use artifact_domain::port::LockManager;
    use artifact_testkit::{MemoryLocks, Subject};

    async fn open() -> Subject<dyn LockManager> {
        Subject::new(Arc::new(MemoryLocks::new()))
    }

    artifact_testkit::lock_manager_contract!(open);
}

mod audit {
    use std::sync::Arc;

    use artifact_domain::port::AuditLog;
    use artifact_testkit::{MemoryAuditLog, Subject};

    async fn open() -> Subject<dyn AuditLog> {
        Subject::new(Arc::new(MemoryAuditLog::default()))
    }

    artifact_testkit::audit_log_contract!(open);
}

mod bucket_rules {
    use std::sync::Arc;

    use artifact_testkit::contract::bucket_rules::SharedBucket;
    use artifact_testkit::{MemoryBucket, Subject};

    fn shared(bucket: MemoryBucket, prefixes: [&str; 2]) -> Subject<SharedBucket> {
        Subject::new(Arc::new(SharedBucket {
            own: Arc::new(bucket.rules_of(prefixes[0])),
            other: Arc::new(bucket.rules_of(prefixes[1])),
            missing: Arc::new(MemoryBucket::missing().rules_of("")),
            bucket: "bucket".to_owned(),
            prefixes: prefixes.map(str::to_owned),
            storage_class: "STANDARD_IA",
            add_foreign: Box::new(move |kind| bucket.add_foreign(kind)),
        }))
    }

    mod plain {
        use super::*;

        async fn open() -> Subject<SharedBucket> {
            shared(MemoryBucket::new(), ["", "team/"])
        }

        artifact_testkit::bucket_rules_contract!(open);
    }

    mod without_policies {
        use super::*;

        async fn open() -> Subject<SharedBucket> {
            shared(MemoryBucket::new().without_policies(), ["a/", "a/b/"])
        }

        artifact_testkit::bucket_rules_contract!(open);
    }
}

mod authenticator {
    use std::sync::Arc;

    use artifact_domain::port::Credential;
    use artifact_testkit::contract::authenticator::{Office, Registry, Wanted};
    use artifact_testkit::{MemoryAuthenticator, Subject};
    use async_trait::async_trait;

    struct Memory(MemoryAuthenticator);

    #[async_trait]
    impl Office for Memory {
        async fn issue(&self, wanted: Vec<Wanted>) -> Vec<Credential> {
            let issue = |one: Wanted| self.0.issue(one.grants, one.begin, one.end);
            wanted.into_iter().map(issue).collect()
        }

        async fn withdraw(&self, credential: &Credential) {
            self.0.withdraw(credential);
        }
    }

    async fn open() -> Subject<Registry> {
        let memory = MemoryAuthenticator::new();
        Subject::new(Arc::new(Registry {
            authenticator: Arc::new(memory.clone()),
            office: Box::new(Memory(memory)),
            has_beginnings: true,
        }))
    }

    artifact_testkit::authenticator_contract!(open);
}
