//! What the credentials of the store must be allowed to do, and nothing else, as the services write
//! it down.

use artifact_domain::port::statement_id;
use serde_json::{Value, json};

use super::BucketSite;

const VERSION: &str = "2012-10-17";

const OBJECT_ACTIONS: [&str; 5] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
];

const RULE_ACTIONS: [&str; 7] = [
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetBucketCORS",
    "s3:PutBucketCORS",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:GetBucketVersioning",
];

const GCS_PERMISSIONS: [&str; 4] = [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
];

const GCS_RULE_PERMISSIONS: [&str; 2] = ["storage.buckets.get", "storage.buckets.update"];

/// What is to be allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyWish {
    /// Whether objects are restored from classes that can't be read at once.
    pub restore: bool,
    /// Whether the rules of the bucket are read and written too.
    pub rules: bool,
}

/// The statements that allow it, with their names. They name nobody: a policy of an identity allows
/// whoever has it.
pub fn policy_statements(site: &BucketSite, wish: PolicyWish) -> Vec<(String, Value)> {
    let bucket = format!("arn:{}:s3:::{}", site.partition, site.bucket);
    let objects = format!("{bucket}/{}*", site.prefix);
    let mut object_actions = OBJECT_ACTIONS.to_vec();
    if wish.restore {
        object_actions.push("s3:RestoreObject");
    }
    let bucket_actions = ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"];
    let mut all = vec![
        ("Bucket", json!(bucket_actions), &bucket),
        ("List", json!(["s3:ListBucket"]), &bucket),
        ("Objects", json!(object_actions), &objects),
    ];
    if wish.rules {
        all.push(("Rules", json!(RULE_ACTIONS), &bucket));
    }
    let statement = |(what, actions, resource): (&str, Value, &String)| {
        let sid = statement_id(what, &site.prefix);
        let mut statement = json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": actions,
            "Resource": resource,
        });
        if what == "List" && !site.prefix.is_empty() {
            let below = [format!("{}*", site.prefix)];
            statement["Condition"] = json!({ "StringLike": { "s3:prefix": below } });
        }
        (sid, statement)
    };
    all.into_iter().map(statement).collect()
}

/// What is attached to the user or the role of the store: for S3 a policy, for Google a role of
/// one's own and the condition under which it is granted.
pub fn identity_policy(site: &BucketSite, wish: PolicyWish) -> Value {
    match site.service {
        super::BucketService::S3 => {
            let statements = policy_statements(site, wish).into_iter();
            let statements: Vec<_> = statements.map(|(_, statement)| statement).collect();
            json!({ "Version": VERSION, "Statement": statements })
        }
        super::BucketService::Gcs => gcs_role(site, wish),
    }
}

/// The statements of a policy that is attached to the bucket and allows `principal`.
pub fn bucket_policy(site: &BucketSite, wish: PolicyWish, principal: &str) -> Vec<(String, Value)> {
    let mut statements = policy_statements(site, wish);
    for (_, statement) in &mut statements {
        statement["Principal"] = json!({ "AWS": principal });
    }
    statements
}

fn gcs_role(site: &BucketSite, wish: PolicyWish) -> Value {
    let mut permissions = GCS_PERMISSIONS.to_vec();
    if wish.rules {
        permissions.extend(GCS_RULE_PERMISSIONS);
    }
    let bucket = format!("projects/_/buckets/{}", site.bucket);
    let expression = format!(
        "resource.name == \"{bucket}\" || resource.name.startsWith(\"{bucket}/objects/{}\")",
        site.prefix
    );
    json!({
        "role": {
            "title": "artifact store",
            "includedPermissions": permissions,
            "stage": "GA",
        },
        "condition": { "title": "artifact store", "expression": expression },
    })
}
