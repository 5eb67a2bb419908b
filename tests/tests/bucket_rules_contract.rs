//! The contract of the rules of buckets, held by its adapters on services that others wrote.

use std::sync::Arc;

use adapter_opendal::{AccessKeys, GcsBucketRules, GcsOptions, S3BucketRules, S3Options};
use artifact_domain::port::BucketRules;
use artifact_testkit::Subject;
use artifact_testkit::contract::bucket_rules::{RuleKind, SharedBucket};
use e2e::servers::{Access, GcpEmulator, Moto, Rgw, Server};
use serde_json::{Value, json};

/// A bucket that nobody has made.
const MISSING: &str = "no-such-bucket-of-tests";

const PREFIXES: [&str; 2] = ["", "team/a/"];

async fn s3(access: Access, server: impl Send + 'static) -> Subject<SharedBucket> {
    let bucket = access.make_bucket();
    let rules = async |bucket: &str, prefix: &str| {
        let options = S3Options {
            bucket: bucket.to_owned(),
            endpoint_url: Some(access.endpoint.clone()),
            region: Some(access.region.clone()),
            access_keys: Some(AccessKeys {
                access_key: access.access_key.clone(),
                secret_key: access.secret_key.clone(),
            }),
            prefix: Some(prefix.to_owned()),
            ..S3Options::default()
        };
        let rules = S3BucketRules::open(&options).await.expect("they open");
        Arc::new(rules) as Arc<dyn BucketRules>
    };
    let shared = SharedBucket {
        own: rules(&bucket, PREFIXES[0]).await,
        other: rules(&bucket, PREFIXES[1]).await,
        missing: rules(MISSING, "").await,
        bucket: bucket.clone(),
        prefixes: PREFIXES.map(str::to_owned),
        storage_class: "STANDARD_IA",
        add_foreign: Box::new(move |kind| add_to_s3(&access, &bucket, kind)),
    };
    Subject::new(Arc::new(shared)).keeping(server)
}

fn add_to_s3(access: &Access, bucket: &str, kind: RuleKind) {
    let (name, document) = match kind {
        RuleKind::Lifecycle => (
            "lifecycle",
            "<LifecycleConfiguration><Rule><ID>theirs</ID><Filter><Prefix>x/</Prefix></Filter>\
             <Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>\
             </LifecycleConfiguration>"
                .to_owned(),
        ),
        RuleKind::Cors => (
            "cors",
            "<CORSConfiguration><CORSRule><AllowedOrigin>https://theirs</AllowedOrigin>\
             <AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
                .to_owned(),
        ),
        RuleKind::Policy => {
            let theirs = json!({
                "Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
                "Resource": format!("arn:aws:s3:::{bucket}"),
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": [theirs] });
            ("policy", policy.to_string())
        }
    };
    let xml = ["--header", "Content-Type: application/xml"];
    let put = ["--request", "PUT", "--data-binary", &document];
    let put = [&xml[..], &put].concat();
    let (status, answer) = access.curl(&put, &format!("/{bucket}?{name}="));
    assert!((200..300).contains(&status), "{status}: {answer}");
}

fn gcs(emulator: GcpEmulator) -> Subject<SharedBucket> {
    let bucket = emulator.make_bucket();
    let rules = |bucket: &str, prefix: &str| -> Arc<dyn BucketRules> {
        let options = GcsOptions {
            bucket: bucket.to_owned(),
            endpoint_url: Some(emulator.endpoint.clone()),
            prefix: Some(prefix.to_owned()),
            ..GcsOptions::default()
        };
        Arc::new(GcsBucketRules::open(&options).expect("they open"))
    };
    let shared = SharedBucket {
        own: rules(&bucket, PREFIXES[0]),
        other: rules(&bucket, PREFIXES[1]),
        missing: rules(MISSING, ""),
        bucket: bucket.clone(),
        prefixes: PREFIXES.map(str::to_owned),
        storage_class: "NEARLINE",
        add_foreign: Box::new(move |kind| add_to_gcs(&emulator, &bucket, kind)),
    };
    Subject::new(Arc::new(shared))
}

fn add_to_gcs(emulator: &GcpEmulator, bucket: &str, kind: RuleKind) {
    let patch: Value = match kind {
        RuleKind::Lifecycle => json!({ "lifecycle": { "rule": [
            { "action": { "type": "Delete" }, "condition": { "age": 3, "matchesPrefix": ["x/"] } },
        ] } }),
        RuleKind::Cors => json!({ "cors": [{ "origin": ["https://theirs"], "method": ["GET"] }] }),
        RuleKind::Policy => unreachable!("roles are not written"),
    };
    let body = patch.to_string();
    let json = "Content-Type: application/json";
    let args = ["--request", "PATCH", "--header", json, "--data", &body];
    let (status, answer) = emulator.curl(&args, &format!("/storage/v1/b/{bucket}"));
    assert_eq!(status, 200, "{answer}");
}

mod moto {
    async fn open() -> Option<super::Subject<super::SharedBucket>> {
        let moto: super::Moto = super::Server::at_hand()?;
        Some(super::s3(moto.owner.clone(), moto).await)
    }
    artifact_testkit::bucket_rules_contract!(open);
}

mod rgw {
    async fn open() -> Option<super::Subject<super::SharedBucket>> {
        let rgw: super::Rgw = super::Server::at_hand()?;
        Some(super::s3(rgw.owner.clone(), rgw).await)
    }
    artifact_testkit::bucket_rules_contract!(open);
}

mod gcs {
    async fn open() -> Option<super::Subject<super::SharedBucket>> {
        Some(super::gcs(super::Server::at_hand()?))
    }
    artifact_testkit::bucket_rules_contract!(open);
}
