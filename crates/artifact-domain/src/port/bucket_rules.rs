//! The port to the rules that the service of a bucket carries out by itself: what becomes of old
//! objects, which pages may fetch them, who may touch them.

use std::fmt::{self, Write as _};

use async_trait::async_trait;
use serde_json::Value;

use crate::Result;

/// What the names of the store's own rules begin with. What has another name is somebody else's.
pub const OWN_RULES: &str = "artifact-store-";

/// The headers of answers that a page needs of a signed URL. Where a service keeps no name of a
/// rule for pages, the store tells its own by them.
pub const CORS_EXPOSED: [&str; 8] = [
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
];

/// What a rule of the lifecycle does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleAction {
    /// Takes away the parts of multipart uploads that were begun and never ended.
    AbortUploads,
    /// Moves objects to another storage class.
    Transition {
        /// The class, as the service names it.
        storage_class: String,
    },
    /// Deletes objects.
    Expire,
}

/// One rule for everything that the store has in its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRule {
    /// How many days after an object was written, or an upload begun.
    pub after_days: u32,
    /// What is done then.
    pub action: LifecycleAction,
}

impl LifecycleRule {
    /// What the rule is called: the same for the same action, whatever its days.
    pub fn name(&self) -> String {
        match &self.action {
            LifecycleAction::AbortUploads => format!("{OWN_RULES}abort-uploads"),
            LifecycleAction::Transition { storage_class } => {
                format!("{OWN_RULES}to-{storage_class}")
            }
            LifecycleAction::Expire => format!("{OWN_RULES}expire"),
        }
    }
}

impl fmt::Display for LifecycleRule {
    /// What it does: `after 30 days: to STANDARD_IA`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} days: ", self.after_days)?;
        match &self.action {
            LifecycleAction::AbortUploads => f.write_str("abort unfinished uploads"),
            LifecycleAction::Transition { storage_class } => write!(f, "to {storage_class}"),
            LifecycleAction::Expire => f.write_str("delete"),
        }
    }
}

/// Which pages of the web may use signed URLs of the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRule {
    /// The origins of the pages, such as `https://ci.example.com`; sorted, each once.
    pub origins: Vec<String>,
    /// The methods that they may use.
    pub methods: Vec<String>,
    /// The headers that they may send.
    pub headers: Vec<String>,
    /// The headers of answers that they may read.
    pub exposed: Vec<String>,
    /// For how long a browser may remember that.
    pub max_age_s: u32,
}

/// A rule of the store as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRule<R> {
    /// What it is called.
    pub name: String,
    /// What it says; none where somebody has changed it into what no rule of the store is.
    pub rule: Option<R>,
}

/// What was found on a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRules<R> {
    /// The rules of this store.
    pub own: Vec<FoundRule<R>>,
    /// How many rules of others there are.
    pub others: usize,
}

impl<R> Default for FoundRules<R> {
    fn default() -> Self {
        Self {
            own: Vec::new(),
            others: 0,
        }
    }
}

/// Reads and writes the rules of one bucket, of which each store has its own, told by their names
/// and the prefix of the store.
///
/// Errors of every method: `PermissionDenied`, `Unauthenticated`, `Unavailable`, `InvalidInput`
/// where the bucket is not there or the service refuses a rule, `Unsupported` where the service has
/// no such rules.
///
/// Writing: the rules of this store are replaced as a whole, those of others stay as they are, in
/// one request. Where the service can compare and set, a change of somebody else's in between gives
/// `Conflict`; S3 can't, and the last to write wins there. Idempotence: writing what is there
/// changes nothing.
#[async_trait]
pub trait BucketRules: Send + Sync + 'static {
    /// The rules of the lifecycle. A bucket without any gives none.
    async fn lifecycle(&self) -> Result<FoundRules<LifecycleRule>>;

    /// Replaces the store's rules of the lifecycle.
    async fn set_lifecycle(&self, rules: Vec<LifecycleRule>) -> Result<()>;

    /// The rules for pages of the web. A bucket without any gives none.
    async fn cors(&self) -> Result<FoundRules<CorsRule>>;

    /// Replaces the store's rules for pages of the web.
    async fn set_cors(&self, rules: Vec<CorsRule>) -> Result<()>;

    /// The statements of the bucket's policy, each with its `Sid` as its name. A bucket without a
    /// policy gives none.
    async fn policy(&self) -> Result<FoundRules<Value>>;

    /// Replaces the store's statements of the bucket's policy.
    async fn set_policy(&self, statements: Vec<Value>) -> Result<()>;
}

/// What a rule is called on its bucket, which several stores may share: each has a prefix of its
/// own, empty or ending in a slash.
pub fn rule_id(name: &str, prefix: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{name}:{prefix}")
    }
}

/// The name of a rule of the store with this prefix, given what it is called on the bucket; none
/// for a rule of somebody else.
pub fn own_rule_name<'a>(id: &'a str, prefix: &str) -> Option<&'a str> {
    let (name, of) = id.split_once(':').unwrap_or((id, ""));
    (name.starts_with(OWN_RULES) && of == prefix).then_some(name)
}

/// What the `Sid` of a statement of the store begins with: letters and digits alone may stand in it.
const OWN_STATEMENTS: &str = "ArtifactStore";

/// What a statement of a policy is called, of a store with this prefix.
pub fn statement_id(what: &str, prefix: &str) -> String {
    let mut sid = format!("{OWN_STATEMENTS}{what}");
    for byte in prefix.bytes() {
        write!(sid, "{byte:02x}").expect("a String takes any text");
    }
    sid
}

/// Whether a statement that is called so is of the store with this prefix.
pub fn is_own_statement(sid: &str, prefix: &str) -> bool {
    let Some(rest) = sid.strip_prefix(OWN_STATEMENTS) else {
        return false;
    };
    let what = rest.trim_end_matches(|c: char| c.is_ascii_digit() || ('a'..='f').contains(&c));
    // The words end in letters that are no hexadecimal digits.
    statement_id(what, prefix) == sid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_knows_its_own_rules_from_those_of_others() {
        for prefix in ["", "team/a/", "a:b/"] {
            let id = rule_id("artifact-store-expire", prefix);
            assert_eq!(own_rule_name(&id, prefix), Some("artifact-store-expire"));
            for other in ["x/", "team/", "team/a/b/"] {
                assert_eq!(own_rule_name(&id, other), None, "{id} {other}");
            }
        }
        for what in ["Bucket", "List", "Objects", "Rules"] {
            for prefix in ["", "team/a/"] {
                let sid = statement_id(what, prefix);
                assert!(is_own_statement(&sid, prefix), "{sid}");
                assert!(!is_own_statement(&sid, "other/"), "{sid}");
                assert!(sid.chars().all(|c| c.is_ascii_alphanumeric()), "{sid}");
            }
        }
        assert!(!is_own_statement("Theirs", ""));
        assert_eq!(own_rule_name("old-logs", ""), None);
        assert_eq!(own_rule_name("artifact-store-expire:team/a/", ""), None);
    }
}
