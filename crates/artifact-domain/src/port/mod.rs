//! The ports: what the use cases ask of the outside world. Adapters implement them; the contract
//! suites of `artifact-testkit` hold every implementation to the same behaviour.

mod artifact_index;
mod audit_log;
mod authenticator;
mod blob_store;
mod bucket_rules;
mod clock;
mod lock_manager;
mod usage;

#[cfg(feature = "mocks")]
pub use artifact_index::MockArtifactIndex;
pub use artifact_index::{
    ArtifactIndex, CommitUpload, Committed, DueCursor, ImportVersion, Imported, NewUpload,
    Supersede,
};
pub use audit_log::AuditLog;
#[cfg(feature = "mocks")]
pub use audit_log::MockAuditLog;
pub use authenticator::{AccessPolicy, Authenticator, ByGrants, Credential, unrecognised};
#[cfg(feature = "mocks")]
pub use authenticator::{MockAccessPolicy, MockAuthenticator};
#[cfg(feature = "mocks")]
pub use blob_store::MockBlobStore;
pub use blob_store::{
    BlobFailure, BlobListing, BlobStat, BlobStore, ByteStream, Capabilities, ListedBlob,
    PresignMethod, PresignRequest, PresignedUrl, PutOptions, Swept,
};
pub use bucket_rules::{
    BucketRules, CORS_EXPOSED, CorsRule, FoundRule, FoundRules, LifecycleAction, LifecycleRule,
    OWN_RULES, is_own_statement, own_rule_name, rule_id, statement_id,
};
pub use clock::Clock;
#[cfg(feature = "mocks")]
pub use clock::MockClock;
pub use lock_manager::{LockGuard, LockHolder, LockKey, LockManager, LockPatience};
#[cfg(feature = "mocks")]
pub use lock_manager::{MockLockGuard, MockLockManager};
pub use usage::{Recount, UsageDrift, UsageRow};
