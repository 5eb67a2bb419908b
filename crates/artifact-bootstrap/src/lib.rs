//! Settings of the artifact store and the wiring of its adapters: the only crate that names them.
#![doc = include_str!("../README.md")]

mod access;
mod audit;
mod bucket_jobs;
mod buckets;
mod claim;
mod clock;
mod desk;
mod doctor;
mod metered;
mod runtime;
mod schedule;
pub mod settings;
mod signer;
mod tiers;
mod wiring;

pub use access::{Access, Audit, audit_log, tokens};
pub use adapter_token_file::TokenFile;
pub use bucket_jobs::{BucketJob, BucketOutcome, cors_rules, lifecycle_rules, policy_rules};
pub use buckets::{bucket_rules, bucket_site};
pub use clock::SystemClock;
pub use desk::TokenDesk;
pub use doctor::examine;
pub use runtime::{end_runtime, start_runtime};
pub use schedule::{NoSchedule, Schedule, Scheduled, cleanup_at};
pub use signer::{SignedTarget, UrlSigner};
pub use wiring::{
    Rebuild, Reopened, open, open_at, open_metered, open_to_rebuild, retention_policy,
};
