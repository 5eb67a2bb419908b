//! Who may do what: statements of a policy, told by their `Sid`.

use artifact_domain::ErrorKind;
use artifact_domain::port::statement_id;
use serde_json::{Value, json};

use super::{RuleKind, SharedBucket, own, supported};
use crate::Subject;
use crate::contract::failure;

/// Statements of the store with this prefix, sorted by `Sid`.
fn statements(bucket: &SharedBucket, prefix: &str) -> Vec<Value> {
    let statement = |what: &str, action: &str, below: &str| {
        json!({
            "Sid": statement_id(what, prefix),
            "Effect": "Allow",
            "Principal": "*",
            "Action": action,
            "Resource": format!("arn:aws:s3:::{}{below}", bucket.bucket),
        })
    };
    vec![
        statement("List", "s3:ListBucket", ""),
        statement("Objects", "s3:GetObject", &format!("/{prefix}*")),
    ]
}

fn named(statements: &[Value]) -> Vec<(String, Value)> {
    let sid = |statement: &Value| statement["Sid"].as_str().unwrap().to_owned();
    let statements = statements.iter();
    statements
        .map(|statement| (sid(statement), statement.clone()))
        .collect()
}

/// A service has policies, or says for reading and writing alike that it has none.
pub async fn policies_are_read_and_written_or_unsupported(bucket: Subject<SharedBucket>) {
    let statements = statements(&bucket, &bucket.prefixes[0]);
    let read = supported(bucket.own.policy().await);
    let written = bucket.own.set_policy(statements).await;
    if read.is_some() {
        written.unwrap();
    } else {
        assert_eq!(failure(written).kind(), ErrorKind::Unsupported);
    }
}

/// A bucket without any gives none.
pub async fn a_bucket_has_no_policy_at_first(bucket: Subject<SharedBucket>) {
    if let Some(found) = supported(bucket.own.policy().await) {
        assert_eq!((found.own.len(), found.others), (0, 0));
    }
}

/// Statements come back as they were set, by their `Sid`, and are replaced as a whole.
pub async fn statements_are_found_as_they_were_set(bucket: Subject<SharedBucket>) {
    if supported(bucket.own.policy().await).is_none() {
        return;
    }
    let all = statements(&bucket, &bucket.prefixes[0]);
    for some in [&all[..], &all[..], &all[1..]] {
        bucket.own.set_policy(some.to_vec()).await.unwrap();
        let found = bucket.own.policy().await.unwrap();
        assert_eq!(found.others, 0);
        assert_eq!(own(found), named(some));
    }
}

/// No statements take away those that are there, and may be set where there are none.
pub async fn no_statements_take_away_what_is_there(bucket: Subject<SharedBucket>) {
    if supported(bucket.own.policy().await).is_none() {
        return;
    }
    let all = statements(&bucket, &bucket.prefixes[0]);
    for some in [&[][..], &all, &[], &[]] {
        bucket.own.set_policy(some.to_vec()).await.unwrap();
        let found = bucket.own.policy().await.unwrap();
        assert_eq!((found.own.len(), found.others), (some.len(), 0));
    }
}

/// A statement of somebody else's is counted, and stays whatever is set and taken away.
pub async fn statements_of_others_stay(bucket: Subject<SharedBucket>) {
    if supported(bucket.own.policy().await).is_none() {
        return;
    }
    (bucket.add_foreign)(RuleKind::Policy);
    let all = statements(&bucket, &bucket.prefixes[0]);
    for some in [&all[..], &[], &all, &[]] {
        bucket.own.set_policy(some.to_vec()).await.unwrap();
        let found = bucket.own.policy().await.unwrap();
        assert_eq!((found.own.len(), found.others), (some.len(), 1));
    }
}

/// Two stores of one bucket do not see each other's statements as their own.
pub async fn each_store_has_its_own_statements(bucket: Subject<SharedBucket>) {
    if supported(bucket.own.policy().await).is_none() {
        return;
    }
    let [ours, theirs] = [0, 1].map(|store: usize| statements(&bucket, &bucket.prefixes[store]));
    bucket.other.set_policy(theirs.clone()).await.unwrap();
    bucket.own.set_policy(ours.clone()).await.unwrap();
    for (store, expected) in [(&bucket.own, ours), (&bucket.other, theirs)] {
        let found = store.policy().await.unwrap();
        assert_eq!(found.others, 2);
        assert_eq!(own(found), named(&expected));
    }
}
