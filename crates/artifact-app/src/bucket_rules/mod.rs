//! The rules that a bucket carries out by itself, made from the settings: what they are, how a
//! service writes them down, how those that are found differ. Knows no service's calls.

mod apply;
mod cors;
mod differences;
mod lifecycle;
mod policy;
mod risk;

pub use apply::{cors_differences, lifecycle_differences, policy_differences, refusal};
pub use cors::{cors_json, cors_origin, cors_rule};
pub use differences::{RuleChange, RuleDifference, rule_differences};
pub use lifecycle::{LifecyclePlan, LifecycleWish, TierClasses, lifecycle_json, plan_lifecycle};
pub use policy::{PolicyWish, bucket_policy, identity_policy, policy_statements};
pub use risk::AtRisk;

/// Whose words a bucket's rules are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketService {
    /// S3, and the services that speak like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
}

/// The place of a store in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSite {
    /// Whose bucket it is.
    pub service: BucketService,
    /// The bucket's name.
    pub bucket: String,
    /// What the keys of the store begin with: empty, or ending in a slash.
    pub prefix: String,
    /// The partition of AWS that the bucket is in, such as `aws`.
    pub partition: &'static str,
}

impl BucketSite {
    /// What the keys of everything begin with that the store keeps.
    pub fn artifacts(&self) -> String {
        format!("{}artifacts/", self.prefix)
    }

    /// What a rule is called on a bucket that several stores may share.
    fn rule_id(&self, name: &str) -> String {
        artifact_domain::port::rule_id(name, &self.prefix)
    }
}
