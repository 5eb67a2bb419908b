//! The bucket itself.

use artifact_domain::ErrorKind;

use super::SharedBucket;
use crate::Subject;
use crate::contract::failure;

/// Of a bucket that does not exist nothing is read and nothing written; what the service has no rules
/// for it may still say first.
pub async fn a_missing_bucket_is_invalid_input(bucket: Subject<SharedBucket>) {
    let missing = &bucket.missing;
    for error in [
        failure(missing.lifecycle().await),
        failure(missing.set_lifecycle(Vec::new()).await),
        failure(missing.cors().await),
        failure(missing.set_cors(Vec::new()).await),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    let refused = [ErrorKind::InvalidInput, ErrorKind::Unsupported];
    for error in [
        failure(missing.policy().await),
        failure(missing.set_policy(Vec::new()).await),
    ] {
        assert!(refused.contains(&error.kind()), "{error}");
    }
}
