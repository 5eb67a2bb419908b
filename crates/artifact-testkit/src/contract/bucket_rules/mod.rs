//! The contract of `BucketRules`. What a service has no such rules for is `Unsupported` throughout.

pub mod bucket;
pub mod cors;
pub mod lifecycle;
pub mod policy;

use std::fmt;
use std::sync::Arc;

use artifact_domain::port::{BucketRules, FoundRules};
use artifact_domain::{ErrorKind, Result};

/// A kind of rules of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// What becomes of objects.
    Lifecycle,
    /// Which pages of the web are let in.
    Cors,
    /// Who may do what.
    Policy,
}

/// A fresh bucket without any rules, which two stores share.
pub struct SharedBucket {
    /// The rules of the store that is tested.
    pub own: Arc<dyn BucketRules>,
    /// Those of another store in the same bucket.
    pub other: Arc<dyn BucketRules>,
    /// Those of a store in a bucket that does not exist.
    pub missing: Arc<dyn BucketRules>,
    /// The name of the bucket.
    pub bucket: String,
    /// What the keys of the two stores begin with: different, and empty or ending in a slash.
    pub prefixes: [String; 2],
    /// A storage class that the service knows.
    pub storage_class: &'static str,
    /// Adds a rule that is no store's, by other means than the port, to a bucket that has none of this
    /// kind.
    pub add_foreign: Box<dyn Fn(RuleKind) + Send + Sync>,
}

impl fmt::Debug for SharedBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBucket")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// The rules of the store, by name. Each is one of the store's.
fn own<R>(found: FoundRules<R>) -> Vec<(String, R)> {
    let rules = found.own.into_iter();
    let mut rules: Vec<_> = rules
        .map(|found| (found.name, found.rule.expect("nobody has changed it")))
        .collect();
    rules.sort_by(|one, other| one.0.cmp(&other.0));
    rules
}

/// What was found, unless the service has no such rules.
#[track_caller]
fn supported<T>(result: Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            assert!(error.hint().is_some() || !error.message().is_empty());
            None
        }
        result => Some(result.unwrap()),
    }
}
