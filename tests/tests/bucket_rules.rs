//! The rules of buckets: what is shown is set, found again and compared, and what others have set
//! stays; on the gateway they run.

use e2e::servers::{Access, GcpEmulator, Moto, Rgw, Server};
use e2e::{Sandbox, eventually};
use serde_json::{Value, json};

/// A store in this bucket.
fn store_in(bucket: &str, access: &Access) -> Sandbox {
    Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "s3")
        .with_env("ARTIFACT_S3__BUCKET", bucket)
        .with_env("ARTIFACT_S3__ENDPOINT_URL", &access.endpoint)
        .with_env("ARTIFACT_S3__REGION", &access.region)
        .with_env("ARTIFACT_S3__ACCESS_KEY", &access.access_key)
        .with_env("ARTIFACT_S3__SECRET_KEY", &access.secret_key)
}

fn put_rules(access: &Access, bucket: &str, kind: &str, document: &str) {
    let args = [
        "--request",
        "PUT",
        "--header",
        "Content-Type: application/xml",
        "--data-binary",
        document,
    ];
    let (status, answer) = access.curl(&args, &format!("/{bucket}?{kind}="));
    assert!((200..300).contains(&status), "{status}: {answer}");
}

fn rules_of(access: &Access, bucket: &str, kind: &str) -> String {
    access.curl(&[], &format!("/{bucket}?{kind}=")).1
}

const THEIRS: &str = "<LifecycleConfiguration><Rule><ID>theirs</ID><Filter><Prefix>x/</Prefix>\
                      </Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration>\
                      </Rule></LifecycleConfiguration>";

/// Sets the rules twice, in a bucket that has a rule of somebody else and one of another store.
fn lifecycle_is_kept(access: &Access) {
    let bucket = access.make_bucket();
    put_rules(access, &bucket, "lifecycle", THEIRS);
    let none = ["--no-expire"];
    let run = |store: &Sandbox, verb: &str, more: &[&str]| {
        store.run(&[&["lifecycle", verb][..], &none, more].concat())
    };
    let other = store_in(&bucket, access).with_env("ARTIFACT_S3__PREFIX", "other");
    let _ = run(&other, "apply", &[]).expect_code(0);
    let store = store_in(&bucket, access)
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__WARM", "STANDARD_IA")
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__COLD", "GLACIER")
        .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "40")
        .with_env("ARTIFACT_TIERS__COLD_AFTER_DAYS", "90");
    let missing = run(&store, "check", &[]).expect_code(6);
    for name in ["abort-uploads", "to-STANDARD_IA"] {
        let said = format!("artifact-store-{name} is missing");
        assert!(missing.text().contains(&said), "{missing}");
    }
    let planned = run(&store, "apply", &["--dry-run", "--json"]).expect_code(0);
    assert_eq!(planned.objects().len(), 2);
    assert_eq!(planned.objects()[0]["change"], "add");
    let _ = run(&store, "check", &[]).expect_code(6);

    let applied = run(&store, "apply", &[]).expect_code(0);
    applied.says(&["GLACIER", "archive --by-age"]);
    assert_eq!(applied.text().lines().count(), 2);
    assert_eq!(run(&store, "check", &[]).expect_code(0).text(), "");
    assert_eq!(run(&other, "check", &[]).expect_code(0).text(), "");
    assert_eq!(run(&store, "apply", &[]).expect_code(0).text(), "");
    let found = rules_of(access, &bucket, "lifecycle");
    for id in [
        "theirs",
        "artifact-store-abort-uploads",
        "artifact-store-abort-uploads:other/",
        "artifact-store-to-STANDARD_IA",
    ] {
        let count = found.matches(&format!(">{id}<")).count();
        assert_eq!(count, 1, "{id}: {found}");
    }
    let changed = store.with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "50");
    let differs = run(&changed, "check", &[]).expect_code(6);
    assert!(differs.text().contains("after 40 days"), "{differs}");
    let _ = run(&changed, "apply", &[]).expect_code(0);
    assert_eq!(run(&changed, "check", &[]).expect_code(0).text(), "");
    assert!(rules_of(access, &bucket, "lifecycle").contains(">theirs<"));
    assert_eq!(run(&other, "check", &[]).expect_code(0).text(), "");
}

/// Sets the rule that deletes, and takes it away again.
fn expiry_is_kept(access: &Access) {
    let bucket = access.make_bucket();
    let store = store_in(&bucket, access).with_env("ARTIFACT_RETENTION__DEFAULT_DAYS", "100");
    let applied = store.ok(&["lifecycle", "apply"]);
    assert!(
        applied.contains("artifact-store-expire  after 130 days"),
        "{applied}"
    );
    assert_eq!(store.ok(&["lifecycle", "check"]), "");
    let without = store.run(&["lifecycle", "check", "--no-expire"]);
    let without = without.expect_code(6);
    let said = "artifact-store-expire is not in the settings";
    assert!(without.text().contains(said), "{without}");
    store.ok(&["lifecycle", "apply", "--no-expire"]);
    let found = rules_of(access, &bucket, "lifecycle");
    assert!(!found.contains("artifact-store-expire"), "{found}");
}

#[test]
fn lifecycle_rules_are_set_beside_those_of_others() {
    if let Some(moto) = Moto::at_hand() {
        lifecycle_is_kept(&moto.owner);
    }
    if let Some(rgw) = Rgw::at_hand() {
        lifecycle_is_kept(&rgw.owner);
        expiry_is_kept(&rgw.owner);
    }
}

#[test]
fn what_the_store_keeps_is_not_left_to_a_rule_that_deletes() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let bucket = rgw.owner.make_bucket();
    let store = store_in(&bucket, &rgw.owner);
    store.write("a.log", "text");
    let args = ["upload", "a.log", "--spec", "s", "--task"];
    let upload = |task: &str, more: &[&str]| {
        let uri = store.ok(&[&args[..], &[task], more].concat());
        uri.trim().to_owned()
    };
    upload("plain", &[]);
    store.ok(&["lifecycle", "apply"]);
    let long = upload("long", &["--retention-days", "400"]);
    let held = upload("held", &[]);
    store.ok(&["hold", "set", &held, "--reason", "audit"]);

    let refused = store.run(&["lifecycle", "apply"]).expect_code(6);
    refused.says(&[&held, "is on hold", &long, "expires at", "--no-expire"]);
    let _ = store
        .run(&["lifecycle", "apply", "--dry-run"])
        .expect_code(6);
    let checked = store.run(&["lifecycle", "check"]).expect_code(6);
    checked.says(&[&held, &long]);
    store.ok(&["lifecycle", "apply", "--no-expire"]);
    store.ok(&["lifecycle", "check", "--no-expire"]);
    assert!(!rules_of(&rgw.owner, &bucket, "lifecycle").contains("<Expiration>"));
}

#[test]
fn rules_that_were_set_run() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let bucket = rgw.owner.make_bucket();
    // A day of the gateway lasts ten seconds.
    let store = store_in(&bucket, &rgw.owner)
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__WARM", "STANDARD_IA")
        .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "1")
        .with_env("ARTIFACT_COMPRESSION__ENABLED", "false");
    store.ok(&["lifecycle", "apply"]);
    store.write("a.txt", "text");
    let uri = store.ok(&["upload", "a.txt", "--spec", "s", "--task", "1"]);
    let class_of = |access: &Access| {
        let (_, listed) = access.curl(&[], &format!("/{bucket}?list-type=2&prefix=artifacts"));
        listed.matches("<StorageClass>STANDARD_IA<").count()
    };
    eventually("the move to another class", || class_of(&rgw.owner) > 0);
    assert_eq!(store.ok(&["cat", uri.trim()]), "text");

    // What is not the store's stays, though it is as old.
    let outside = format!("/{bucket}/theirs");
    let put = ["--request", "PUT", "--data-binary", "x"];
    assert_eq!(rgw.owner.curl(&put, &outside).0, 200);
    let short = rgw
        .owner
        .curl(&["--request", "DELETE"], &format!("/{bucket}?lifecycle="));
    assert!(short.0 < 300, "{short:?}");
    // The margin of the rule is days of tests: the same document with one day.
    let expire = "<LifecycleConfiguration><Rule><ID>artifact-store-expire</ID><Filter><Prefix>\
                  artifacts/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days>\
                  </Expiration></Rule></LifecycleConfiguration>";
    put_rules(&rgw.owner, &bucket, "lifecycle", expire);
    let differs = store.run(&["lifecycle", "check"]).expect_code(6);
    assert!(differs.text().contains("after 1 days: delete"), "{differs}");
    eventually("the end of what is old", || {
        let (_, listed) = rgw
            .owner
            .curl(&[], &format!("/{bucket}?list-type=2&prefix=artifacts"));
        listed.contains("<KeyCount>0<")
    });
    assert_eq!(rgw.owner.curl(&[], &outside).0, 200);
}

#[test]
fn google_keeps_lifecycle_and_cors_rules() {
    let Some(gcs) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = gcs.make_bucket();
    let theirs = json!({ "action": { "type": "Delete" }, "condition": { "age": 3 } });
    let body = json!({ "lifecycle": { "rule": [theirs] } }).to_string();
    let json_type = "Content-Type: application/json";
    let args = ["--request", "PATCH", "--header", json_type, "--data", &body];
    let path = format!("/storage/v1/b/{bucket}");
    assert_eq!(gcs.curl(&args, &path).0, 200);
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "gcs")
        .with_env("ARTIFACT_GCS__BUCKET", &bucket)
        .with_env("ARTIFACT_GCS__ENDPOINT_URL", &gcs.endpoint)
        .with_env("ARTIFACT_GCS__PREFIX", "team")
        .with_env("ARTIFACT_GCS__STORAGE_CLASSES__COLD", "ARCHIVE")
        .with_env("ARTIFACT_TIERS__COLD_AFTER_DAYS", "30");
    let _ = store.run(&["lifecycle", "check"]).expect_code(6);
    store.ok(&["lifecycle", "apply"]);
    assert_eq!(store.ok(&["lifecycle", "check"]), "");
    let cors = ["--origin", "https://ci.example.com"];
    let _ = store
        .run(&[&["cors", "check"][..], &cors].concat())
        .expect_code(6);
    store.ok(&[&["cors", "apply"][..], &cors].concat());
    assert_eq!(store.ok(&[&["cors", "check"][..], &cors].concat()), "");
    let found: Value = serde_json::from_str(&gcs.curl(&[], &path).1).expect("it is JSON");
    let rules = found["lifecycle"]["rule"].as_array().expect("a list");
    assert_eq!(rules[0], theirs);
    let shown: Value = serde_json::from_str(&store.ok(&["lifecycle", "show"])).expect("JSON");
    assert_eq!(json!(rules[1..]), shown["lifecycle"]["rule"]);
    assert_eq!(rules.len(), 3);
    store
        .run(&["policy", "apply", "--principal", "somebody"])
        .expect_code(10)
        .says(&["artifact policy show"]);
    let policy = store.ok(&["policy", "show"]);
    assert!(policy.contains("storage.objects.create"), "{policy}");
}

#[test]
fn pages_of_the_web_are_let_in_by_a_rule() {
    let Some(moto) = Moto::at_hand() else { return };
    let (access, bucket) = (&moto.owner, moto.owner.make_bucket());
    let theirs = "<CORSConfiguration><CORSRule><AllowedOrigin>https://theirs</AllowedOrigin>\
                  <AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
    put_rules(access, &bucket, "cors", theirs);
    let store = store_in(&bucket, access);
    let cors = |verb: &str, origin: &str| store.run(&["cors", verb, "--origin", origin]);
    let _ = cors("check", "https://a").expect_code(6);
    let _ = cors("apply", "https://a").expect_code(0);
    let _ = cors("check", "https://a").expect_code(0);
    let differs = cors("check", "https://b").expect_code(6);
    assert!(differs.text().contains("https://a"), "{differs}");
    let _ = cors("apply", "https://b").expect_code(0);
    let found = rules_of(access, &bucket, "cors");
    assert_eq!(found.matches("<CORSRule>").count(), 2, "{found}");
    assert!(
        found.contains("https://theirs") && found.contains("https://b"),
        "{found}"
    );
    store
        .run(&["cors", "apply"])
        .expect_code(2)
        .says(&["--origin"]);
    let _ = cors("show", "ci.example.com/path").expect_code(2);
}

#[test]
fn a_policy_allows_what_the_store_needs() {
    let Some(moto) = Moto::at_hand() else { return };
    let (access, bucket) = (&moto.owner, moto.owner.make_bucket());
    let store = store_in(&bucket, access).with_env("ARTIFACT_S3__PREFIX", "team");
    let shown: Value = serde_json::from_str(&store.ok(&["policy", "show"])).expect("JSON");
    let statements = shown["Statement"].as_array().expect("a list");
    assert_eq!(statements.len(), 3);
    assert_eq!(
        statements[1]["Condition"]["StringLike"]["s3:prefix"],
        json!(["team/*"])
    );
    let objects = format!("arn:aws:s3:::{bucket}/team/*");
    assert_eq!(statements[2]["Resource"], objects);
    let with_rules = store.ok(&["policy", "show", "--with-rules"]);
    assert!(
        with_rules.contains("s3:PutLifecycleConfiguration"),
        "{with_rules}"
    );

    let theirs = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
        "Resource": format!("arn:aws:s3:::{bucket}"),
    }]});
    put_rules(access, &bucket, "policy", &theirs.to_string());
    let to = ["--principal", "arn:aws:iam::123456789012:role/ci"];
    store
        .run(&["policy", "apply"])
        .expect_code(2)
        .says(&["--principal"]);
    for everybody in ["*", "", "arn:aws:iam::123456789012:*"] {
        let refused = store.run(&["policy", "apply", "--principal", everybody]);
        refused.expect_code(2).says(&["a principal is an ARN"]);
    }
    let _ = store
        .run(&[&["policy", "check"][..], &to].concat())
        .expect_code(6);
    store.ok(&[&["policy", "apply"][..], &to].concat());
    assert_eq!(store.ok(&[&["policy", "check"][..], &to].concat()), "");
    let found: Value = serde_json::from_str(&rules_of(access, &bucket, "policy")).expect("JSON");
    assert_eq!(found["Statement"][0], theirs["Statement"][0]);
    assert_eq!(found["Statement"].as_array().map(Vec::len), Some(4));
}

#[test]
fn only_buckets_have_rules() {
    for args in [
        &["lifecycle", "show"][..],
        &["lifecycle", "apply"],
        &["lifecycle", "check"],
        &["cors", "show", "--origin", "https://a"],
        &["policy", "show"],
    ] {
        Sandbox::new().run(args).expect_code(10).says(&["backend"]);
    }
}

/// A part of AWS has ARNs of its own, wherever its region is named.
#[test]
fn a_policy_names_the_bucket_as_its_part_of_aws_does() {
    let store = || {
        Sandbox::new()
            .with_env("ARTIFACT_BACKEND", "s3")
            .with_env("ARTIFACT_S3__BUCKET", "b")
    };
    let shown = |store: Sandbox| store.ok(&["policy", "show"]);
    for (region, part) in [
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eu-west-1", "aws"),
    ] {
        for name in ["AWS_REGION", "ARTIFACT_S3__REGION"] {
            let policy = shown(store().with_env(name, region));
            let bucket = format!("\"arn:{part}:s3:::b\"");
            assert!(policy.contains(&bucket), "{name}={region}: {policy}");
        }
    }
    let both = store().with_env("AWS_REGION", "cn-north-1");
    let policy = shown(both.with_env("ARTIFACT_S3__REGION", "eu-west-1"));
    assert!(policy.contains("arn:aws:s3:::b"), "{policy}");
}

/// Classes of AWS are not what another service has, wherever it is named.
#[test]
fn the_classes_of_aws_are_not_set_on_a_service_that_the_environment_names() {
    let store = || {
        Sandbox::new()
            .with_env("ARTIFACT_BACKEND", "s3")
            .with_env("ARTIFACT_S3__BUCKET", "b")
            .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "40")
    };
    let shown = |store: Sandbox| store.ok(&["lifecycle", "show", "--no-expire"]);
    assert!(shown(store()).contains("STANDARD_IA"));
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
        let other = store().with_env(name, "http://127.0.0.1:9");
        assert!(!shown(other).contains("STANDARD_IA"), "{name}");
    }
    let own = "https://s3.eu-west-1.amazonaws.com";
    let own = store()
        .with_env("AWS_ENDPOINT_URL", own)
        .with_env("AWS_REGION", "eu-west-1");
    assert!(shown(own).contains("STANDARD_IA"));
}
