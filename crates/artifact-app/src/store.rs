//! The store: the ports and the options that every use case works with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::policy::{PruneRule, QuotaPolicy, RetentionPolicy, TierPolicy};
use artifact_domain::port::{
    ArtifactIndex, BlobStore, Clock, LockManager, LockPatience, Supersede,
};
use artifact_domain::{ArtifactId, Error, ErrorKind, Result, Timestamp};

use crate::GuardPolicy;
use crate::Level;
use crate::Tiers;
use crate::manifest::Journal;
use crate::retention::Compared;

/// What the store reaches the outside world through.
#[derive(Clone)]
pub struct Ports {
    /// Where the bytes are kept, and the metadata beside them.
    pub blobs: Arc<dyn BlobStore>,
    /// Where the bytes of colder tiers are kept, if not there.
    pub tiers: Tiers,
    /// Where the records are kept.
    pub index: Arc<dyn ArtifactIndex>,
    /// The locks between writers; none where locking is switched off. The index alone keeps
    /// writers from losing each other's versions; the locks make them come in turn.
    pub locks: Option<Arc<dyn LockManager>>,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

/// How the store behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How hard to compress; not at all where there is no level.
    pub compression: Option<Level>,
    /// What a new upload does to the older versions of its artifact.
    pub supersede: Supersede,
    /// Which older versions go behind every upload; none where there is no rule.
    pub prune: Option<PruneRule>,
    /// How long artifacts are kept.
    pub retention: RetentionPolicy,
    /// How much may be stored.
    pub quota: QuotaPolicy,
    /// What is done about uploads that look like secrets; nothing where there is no policy.
    pub guard: Option<GuardPolicy>,
    /// When versions move to colder tiers, and how those are read.
    pub tiers: TierPolicy,
    /// How long to wait for a lock.
    pub lock_patience: LockPatience,
    /// How long an upload may be silent before it counts as abandoned. A running upload renews
    /// its lease three times in this span.
    pub lease: Duration,
    /// How often a call that failed for a passing reason is made again.
    pub retries: u32,
}

impl Default for StoreOptions {
    /// Gzip at level 6, no versioning, kept for ever, no quota, no look for secrets, no moves by age, leases of 15 minutes, 3 retries.
    fn default() -> Self {
        Self {
            compression: Some(Level::default()),
            supersede: Supersede::Older,
            prune: None,
            retention: RetentionPolicy::default(),
            quota: QuotaPolicy::default(),
            guard: None,
            tiers: TierPolicy::default(),
            lock_patience: LockPatience::default(),
            lease: Duration::from_mins(15),
            retries: 3,
        }
    }
}

/// The artifact store. Cloning it is cheap and gives the same store; every method can be called
/// from many tasks at once.
#[derive(Clone)]
pub struct Store {
    pub(crate) ports: Arc<Ports>,
    pub(crate) options: Arc<StoreOptions>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) compared: Arc<Compared>,
}

impl Store {
    /// A store over `ports` that behaves as `options` say.
    pub fn new(ports: Ports, options: StoreOptions) -> Self {
        Self {
            ports: Arc::new(ports),
            options: Arc::new(options),
            journal: Arc::default(),
            compared: Arc::default(),
        }
    }

    /// How the store behaves.
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    /// The locks, for whoever wants to look at one or break it; none where they are switched off.
    pub fn locks(&self) -> Option<&Arc<dyn LockManager>> {
        self.ports.locks.as_ref()
    }

    /// The present, as the store sees it.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// An id that no other version has.
    ///
    /// # Errors
    /// `Internal` where the system gives no random bytes.
    pub fn new_id(&self) -> Result<ArtifactId> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the system gives no random bytes").with_source(cause)
        })?;
        Ok(ArtifactId::new(self.now(), random))
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("locks", &self.locks.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
