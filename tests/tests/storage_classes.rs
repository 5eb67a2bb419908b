//! Tiers that are storage classes of a bucket, against services that have them: what is archived is
//! frozen, is asked for, and comes back.

#[path = "cases/aged.rs"]
mod aged;

use std::sync::Arc;
use std::time::Duration;

use adapter_opendal::{AccessKeys, GcsOptions, OpendalStore, S3Options, StorageClasses};
use artifact_bootstrap::SystemClock;
use artifact_domain::port::{BlobStore, Clock, PutOptions};
use artifact_domain::{ErrorKind, Tier};
use artifact_testkit::{Subject, body, sample};
use e2e::servers::{Access, Fault, GcpEmulator, Moto, Proxy, Rgw, Server, Which, is_wanted};
use e2e::tree::prose;
use e2e::{Outcome, Sandbox};
use futures::TryStreamExt;
use serde_json::json;

use aged::Aged;

fn options(owner: &Access) -> S3Options {
    S3Options {
        bucket: owner.make_bucket(),
        region: Some(owner.region.clone()),
        endpoint_url: Some(owner.endpoint.clone()),
        access_keys: Some(AccessKeys {
            access_key: owner.access_key.clone(),
            secret_key: owner.secret_key.clone(),
        }),
        prefix: Some("some team/a".to_owned()),
        retries: 3,
        storage_classes: StorageClasses {
            hot: None,
            warm: Some("STANDARD_IA".to_owned()),
            cold: Some("GLACIER".to_owned()),
        },
        ..S3Options::default()
    }
}

/// The cases of the contract that are about tiers.
async fn keeps_the_contract(owner: &Access) {
    use artifact_testkit::contract::blob_store::capabilities as cases;
    let open = async || {
        let store = OpendalStore::s3(options(owner)).await;
        let port: Arc<dyn BlobStore> = Arc::new(store.expect("it opens"));
        let capabilities = port.capabilities();
        assert!(capabilities.tiers && capabilities.restore);
        Subject::new(port)
    };
    cases::capabilities_do_not_change(open().await).await;
    cases::tiers_are_declared_or_unsupported(open().await).await;
    cases::restoring_is_declared_or_unsupported(open().await).await;
    cases::reading_copying_and_restoring_agree(open().await).await;
}

#[tokio::test]
async fn moto_keeps_the_contract_of_tiers() {
    let Some(moto) = Moto::at_hand() else { return };
    keeps_the_contract(&moto.owner).await;
}

/// Its class `GLACIER` is a name: what is in it is read at once, and there is nothing to restore.
#[tokio::test]
async fn rgw_keeps_the_contract_of_tiers() {
    let Some(rgw) = Rgw::at_hand() else { return };
    keeps_the_contract(&rgw.owner).await;
}

/// It keeps no classes, so what is to be seen here is that a copy is what it is a copy of.
#[tokio::test]
async fn gcs_copies_to_each_tier() {
    let Some(gcs) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = gcs.make_bucket();
    let options = GcsOptions {
        bucket: bucket.clone(),
        endpoint_url: Some(gcs.endpoint.clone()),
        prefix: Some("some team/a".to_owned()),
        storage_classes: StorageClasses {
            hot: None,
            warm: Some("NEARLINE".to_owned()),
            cold: Some("ARCHIVE".to_owned()),
        },
        retries: 3,
        ..GcsOptions::default()
    };
    let store = OpendalStore::gcs(&options).expect("it opens");
    let capabilities = store.capabilities();
    assert!(capabilities.tiers && !capabilities.restore);
    let from = sample::blob_key("from 100%");
    let typed = PutOptions {
        content_type: Some("text/x-diff".parse().expect("a type")),
        ..PutOptions::default()
    };
    let put = store.put(from.clone(), body("bytes"), typed);
    put.await.expect("it is put");
    for tier in Tier::ALL {
        let to = sample::blob_key(&format!("to {tier}"));
        let copied = store.copy_to_tier(from.clone(), to.clone(), tier).await;
        let copied = copied.expect("it is copied");
        assert_eq!(copied.size_bytes, 5);
        assert!(copied.modified_at.is_some());
        let read = store.get(to, None).await.expect("it is there");
        let read: Vec<_> = read.try_collect().await.expect("it is read");
        assert_eq!(read.concat(), b"bytes");
    }
    let listing = format!("/storage/v1/b/{bucket}/o");
    let (_, listing) = gcs.curl(&[], &listing);
    assert_eq!(listing.matches("text/x-diff").count(), 4, "{listing}");
    let (absent, to) = (sample::blob_key("absent"), sample::blob_key("to"));
    let copied = store.copy_to_tier(absent, to, Tier::Warm).await;
    let error = copied.expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

async fn copies_in_parts(owner: &Access) {
    let mut options = options(owner);
    options.copy_bytes = Some(5 << 20);
    let path = format!("/{}/some%20team/a", options.bucket);
    let store = OpendalStore::s3(options).await.expect("it opens");
    let (from, to) = (sample::blob_key("from"), sample::blob_key("to 100%"));
    let bytes = e2e::tree::noise(3, 12 << 20);
    let typed = PutOptions {
        content_type: Some("text/x-diff".parse().expect("a type")),
        ..PutOptions::default()
    };
    store
        .put(from.clone(), body(bytes.clone()), typed)
        .await
        .expect("it is put");
    let copied = store.copy_to_tier(from.clone(), to.clone(), Tier::Warm);
    assert_eq!(copied.await.expect("it is copied").size_bytes, 12 << 20);
    let read = store.get(to.clone(), None).await.expect("it is there");
    let read: Vec<_> = read.try_collect().await.expect("it is read");
    assert!(read.concat() == bytes, "other bytes");
    let encoded = to.as_str().replace('%', "%25").replace('@', "%40");
    let (_, head) = owner.curl(&["--head"], &format!("{path}/{encoded}"));
    let head = head.to_lowercase();
    assert!(head.contains("x-amz-storage-class: standard_ia"), "{head}");
    assert!(head.contains("content-type: text/x-diff"), "{head}");

    let absent = store.copy_to_tier(sample::blob_key("absent"), to, Tier::Warm);
    let error = absent.await.expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn moto_copies_in_parts() {
    let Some(moto) = Moto::at_hand() else { return };
    copies_in_parts(&moto.owner).await;
}

#[tokio::test]
async fn rgw_copies_in_parts() {
    let Some(rgw) = Rgw::at_hand() else { return };
    copies_in_parts(&rgw.owner).await;
}

/// A copy in parts that stands still for longer than a lease, while somebody else sweeps.
async fn a_swept_copy_begins_anew(owner: &Access) {
    let proxy = Proxy::before(&owner.endpoint);
    let mut own = options(&owner.at(proxy.endpoint()));
    own.copy_bytes = Some(5 << 20);
    let others = S3Options {
        endpoint_url: Some(owner.endpoint.clone()),
        ..own.clone()
    };
    let store = Arc::new(OpendalStore::s3(own).await.expect("it opens"));
    let other = OpendalStore::s3(others).await.expect("it opens");
    let (from, to) = (sample::blob_key("from"), sample::blob_key("to"));
    let bytes = e2e::tree::noise(3, 12 << 20);
    let put = other.put(from.clone(), body(bytes.clone()), PutOptions::default());
    put.await.expect("it is put");

    let second = Which {
        method: "PUT",
        target: "partNumber=2",
    };
    proxy.inject(second, 1, Fault::Delay(Duration::from_secs(3)));
    let copy = || {
        let (store, from, to) = (Arc::clone(&store), from.clone(), to.clone());
        tokio::spawn(async move { store.copy_to_tier(from, to, Tier::Warm).await })
    };
    let stalled = copy();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(proxy.faults_left(), 0, "its second part stands still");
    let in_an_hour = SystemClock.now().saturating_add(Duration::from_hours(1));
    let left = other.leftovers(in_an_hour).await.expect("they are listed");
    assert_eq!((left.count, left.size_bytes), (1, 7 << 20), "two parts");
    let own = store.leftovers(in_an_hour).await.expect("they are listed");
    assert_eq!(own.count, 0, "it is its own and still runs");
    assert_eq!(other.sweep(in_an_hour).await.expect("it is swept"), left);
    let error = stalled.await.expect("it ends").expect_err("it was swept");
    assert!(error.is_transient(), "{error}");
    let said = error.to_string();
    assert!(said.contains("its parts were taken away"), "{said}");
    let absent = other.stat(to.clone()).await.expect_err("it is not there");
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    let left = other.leftovers(in_an_hour).await.expect("they are listed");
    assert_eq!(left.count, 0);

    copy().await.expect("it ends").expect("it is copied");
    for key in [from, to] {
        let read = other.get(key, None).await.expect("it is there");
        let read: Vec<_> = read.try_collect().await.expect("it is read");
        assert!(read.concat() == bytes, "other bytes");
    }
}

/// moto gives a fault of its own for a part of an upload that is gone.
#[tokio::test]
async fn a_copy_that_rgw_has_swept_begins_anew() {
    let Some(rgw) = Rgw::at_hand() else { return };
    a_swept_copy_begins_anew(&rgw.owner).await;
}

#[tokio::test]
async fn what_somebody_else_moves_while_it_is_asked_for_is_said_to_be_gone() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let proxy = Proxy::before(&rgw.owner.endpoint);
    let own = options(&rgw.owner.at(proxy.endpoint()));
    let store = OpendalStore::s3(own).await.expect("it opens");
    let (from, key) = (sample::blob_key("from"), sample::blob_key("cold"));
    let put = store.put(from.clone(), body(""), PutOptions::default());
    put.await.expect("it is put");
    let copied = store.copy_to_tier(from, key.clone(), Tier::Cold).await;
    copied.expect("it is copied");
    // Of no bytes none can be read.
    assert!(store.restore(key.clone(), 1).await.expect("it is there"));
    let asked = Which {
        method: "POST",
        target: "restore",
    };
    proxy.inject(asked, 1, Fault::Delay(Duration::from_secs(2)));
    let (asking, moving) = (store.restore(key.clone(), 1), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let failures = store.delete(vec![key.clone()]).await;
        assert!(failures.expect("it is deleted").is_empty());
    });
    let (asked, ()) = tokio::join!(asking, moving);
    assert_eq!(proxy.faults_left(), 0);
    let error = asked.expect_err("it has gone");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_class_that_the_service_does_not_know_is_named_as_such() {
    let Some(moto) = Moto::at_hand() else { return };
    let mut options = options(&moto.owner);
    options.storage_classes.cold = Some("ICE".to_owned());
    let store = OpendalStore::s3(options).await.expect("it opens");
    let from = sample::blob_key("from");
    let put = store.put(from.clone(), body("x"), PutOptions::default());
    put.await.expect("it is put");
    let copied = store.copy_to_tier(from, sample::blob_key("to"), Tier::Cold);
    let error = copied.await.expect_err("there is no such class");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("s3.storage_classes"), "{hint}");
}

/// A store in a new bucket, which is given back too.
fn in_bucket(owner: &Access) -> (Sandbox, String) {
    let bucket = owner.make_bucket();
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "s3")
        .with_env("ARTIFACT_S3__BUCKET", &bucket)
        .with_env("ARTIFACT_S3__ENDPOINT_URL", &owner.endpoint)
        .with_env("ARTIFACT_S3__REGION", &owner.region)
        .with_env("ARTIFACT_S3__ACCESS_KEY", &owner.access_key)
        .with_env("ARTIFACT_S3__SECRET_KEY", &owner.secret_key)
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__WARM", "STANDARD_IA")
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__COLD", "GLACIER");
    (store, bucket)
}

/// The keys in a bucket, each with its class.
fn classes(owner: &Access, bucket: &str) -> Vec<(String, String)> {
    let (status, listing) = owner.curl(&[], &format!("/{bucket}?list-type=2"));
    assert_eq!(status, 200, "{listing}");
    let within = |text: &str, tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>")).expect("it has one");
        rest.split_once('<').expect("it ends").0.to_owned()
    };
    let objects = listing.split("<Contents>").skip(1);
    objects
        .map(|object| (within(object, "Key"), within(object, "StorageClass")))
        .collect()
}

/// The classes of the stored bytes; everything else must be in the standard one.
fn classes_of_blobs(owner: &Access, bucket: &str) -> Vec<String> {
    let (blobs, others): (Vec<_>, Vec<_>) = classes(owner, bucket)
        .into_iter()
        .partition(|(key, _)| key.contains("/output/"));
    for (key, class) in others {
        assert_eq!(class, "STANDARD", "{key}");
    }
    blobs.into_iter().map(|(_, class)| class).collect()
}

/// After how many seconds moto goes on with what it does with an object: from having made it to
/// restoring it, if that was asked for, and from that to having restored it. At once where none is
/// given.
fn set_step(moto: &Moto, seconds: Option<u64>) {
    let transition = match seconds {
        Some(seconds) => json!({ "progression": "time", "seconds": seconds }),
        None => json!({ "progression": "immediate" }),
    };
    let body = json!({ "model_name": "s3::keyrestore", "transition": transition }).to_string();
    let kind = "Content-Type: application/json";
    let args = ["--request", "POST", "--header", kind, "--data", &body];
    let path = "/moto-api/state-manager/set-transition";
    let (status, answer) = moto.owner.curl(&args, path);
    assert!(status < 300, "{status} {answer}");
}

/// A moto of the test's own, whose steps nobody else waits for.
fn own_moto() -> Option<Moto> {
    is_wanted(Moto::NAME).then(Moto::start)
}

fn is_frozen(outcome: Outcome, uri: &str) {
    let outcome = outcome.expect_code(6);
    outcome.says(&[&format!(
        "`artifact restore {uri}?version=1` brings it back"
    )]);
}

#[test]
fn what_is_archived_is_frozen_is_asked_for_and_comes_back() {
    let Some(moto) = own_moto() else { return };
    let (store, bucket) = in_bucket(&moto.owner);
    store.write("a.txt", prose(7, 700_000));
    let uri = "artifact://default/1/data/a.txt";
    store.ok(&["upload", "a.txt", "--type", "data", "--task", "1"]);
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["STANDARD"]);

    assert_eq!(store.ok(&["archive", uri]), format!("{uri}?version=1\n"));
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["GLACIER"]);
    for args in [
        &["download", uri, "-o", "-"][..],
        &["cat", uri],
        &["tail", uri],
        &["download", uri, "-o", "-", "--range", "5-9"],
        &["grep", "the", uri],
        &["export", "--spec", "default", "-o", "out.zip"],
    ] {
        is_frozen(store.run(args), uri);
    }
    let outcome = store.run(&["verify", "--json"]).expect_code(0);
    assert!(outcome.text().contains(r#""unread":1"#), "{outcome:?}");

    set_step(&moto, Some(3));
    std::thread::sleep(Duration::from_millis(3_200));
    let outcome = store
        .run(&["restore", uri, "--keep-days", "3"])
        .expect_code(0);
    assert_eq!(outcome.text(), format!("{uri}?version=1  restoring\n"));
    set_step(&moto, Some(100_000));
    let told = store.json(&["restore", uri]);
    let keys = (&told[0]["restoring"], &told[0]["state"], &told[0]["tier"]);
    assert_eq!(keys, (&json!(true), &json!("ARCHIVED"), &json!("COLD")));
    is_frozen(store.run(&["cat", uri]), uri);
    let told = store.json(&["restore", "--spec", "default"]);
    assert_eq!(told[0]["restoring"], true);
    assert_eq!(
        (&told[1]["restoring"], &told[1]["moved"]),
        (&json!(1), &json!(0))
    );
    let outcome = store.run(&["restore", "--spec", "default"]).expect_code(0);
    assert_eq!(
        outcome.text(),
        format!("cold  {uri}?version=1  restoring\n")
    );
    outcome.says(&["1 are being restored by the service: run it again later"]);
    store.fails(&["restore", uri, "--keep-days", "0"], 2);

    // The service has got it out: it is read where it is, and moved when it is asked for again.
    set_step(&moto, None);
    assert_eq!(store.bytes(&["cat", uri]), store.read("a.txt"));
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["GLACIER"]);
    assert_eq!(store.ok(&["restore", uri]), format!("{uri}?version=1\n"));
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["STANDARD"]);
    let shown = store.json(&["show", uri]);
    assert_eq!(
        (&shown[0]["state"], &shown[0]["tier"]),
        (&json!("ACTIVE"), &json!("HOT"))
    );
    assert_eq!(store.bytes(&["cat", uri]), store.read("a.txt"));
    store.ok(&["verify"]);
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
}

#[test]
fn the_index_is_rebuilt_while_everything_is_frozen() {
    let Some(moto) = own_moto() else { return };
    let (store, _) = in_bucket(&moto.owner);
    store.write("a.txt", prose(7, 70_000));
    store.ok(&["upload", "a.txt", "--type", "data", "--task", "1"]);
    store.ok(&["archive", "--task", "1"]);
    let found = store.ok(&["search", "--json"]);
    for path in store.index_files() {
        e2e::tree::remove(&path);
    }
    store.ok(&["reindex"]);
    assert_eq!(store.ok(&["search", "--json"]), found);
}

#[test]
fn classes_that_are_read_at_once_are_moved_at_once() {
    let Some(moto) = own_moto() else { return };
    let (store, bucket) = in_bucket(&moto.owner);
    let store = store.with_env("ARTIFACT_S3__STORAGE_CLASSES__COLD", "GLACIER_IR");
    store.write("a.txt", prose(7, 700_000));
    let uri = "artifact://default/1/data/a.txt";
    store.ok(&["upload", "a.txt", "--type", "data", "--task", "1"]);
    store.ok(&["archive", uri]);
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["GLACIER_IR"]);
    assert_eq!(store.bytes(&["cat", uri]), store.read("a.txt"));
    assert_eq!(store.ok(&["restore", uri]), format!("{uri}?version=1\n"));
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["STANDARD"]);
}

#[test]
fn a_class_that_is_not_read_at_once_is_for_the_cold_tier_alone() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "s3")
        .with_env("ARTIFACT_S3__BUCKET", "b")
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__WARM", "GLACIER");
    let error = store.fails(&["search"], 2);
    assert!(error.contains("s3.storage_classes.warm"), "{error}");
    assert!(error.contains("s3.storage_classes.cold"), "{error}");
}

/// What needs the bytes says how to get them out, by whichever verb, and leaves nothing half done.
#[test]
fn every_verb_that_needs_frozen_bytes_says_how_to_thaw_them() {
    let Some(moto) = own_moto() else { return };
    let (store, _) = in_bucket(&moto.owner);
    let report = "<testsuites><testsuite name=\"s\" tests=\"1\"><testcase name=\"t\" \
                  classname=\"c\" time=\"0.1\"/></testsuite></testsuites>";
    for task in ["1", "2"] {
        store.write("junit.xml", report);
        store.ok(&[
            "upload",
            "junit.xml",
            "--type",
            "test-results",
            "--task",
            task,
        ]);
    }
    let uri = "artifact://default/1/test-results/junit.xml";
    let compare = ["compare", "--baseline", "1", "--current", "2"];
    let compared = store.json(&compare);
    assert!(!compared.is_empty());
    store.ok(&["archive", uri]);
    set_step(&moto, Some(100_000));
    for args in [
        &["presign", uri][..],
        &["grep", "testcase", uri],
        &["grep", "testcase", "--task", "1"],
        &["export", "--task", "1", "-o", "out.zip"],
        &["download", "--task", "1", "-D", "out"],
        &["tail", uri],
    ] {
        let outcome = store.run(args);
        assert_eq!(outcome.text(), "", "{outcome}");
        is_frozen(outcome, uri);
    }
    is_frozen(store.run(&compare), uri);
    assert!(!store.work("out.zip").exists(), "half an archive was left");
    assert!(!store.work("out").join("junit.xml").exists());
    // The other one is still there for everybody.
    let other = uri.replace("/1/", "/2/");
    store.ok(&["presign", &other]);
    assert_eq!(store.ok(&["cat", &other]), report);
}

#[test]
fn age_moves_to_the_class_of_its_tier() {
    let Some(moto) = own_moto() else { return };
    let (store, bucket) = in_bucket(&moto.owner);
    let store = store
        .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "30")
        .with_env("ARTIFACT_TIERS__COLD_AFTER_DAYS", "90");
    for (name, days_ago) in [("oldest", 100), ("older", 40), ("young", 20)] {
        let uri = format!("artifact://default/1/data/{name}");
        let one = Aged {
            uri: &uri,
            days_ago,
            retention_days: Some(365),
        };
        aged::upload(&store, &[one]);
    }
    let planned = store.json(&["archive", "--by-age", "--dry-run"]);
    assert_eq!(planned.len(), 3);
    assert_eq!(classes_of_blobs(&moto.owner, &bucket), ["STANDARD"; 3]);
    assert_eq!(store.ok(&["archive", "--by-age"]).lines().count(), 2);
    let mut found = classes_of_blobs(&moto.owner, &bucket);
    found.sort_unstable();
    assert_eq!(found, ["GLACIER", "STANDARD", "STANDARD_IA"]);
    for (name, tier) in [("oldest", "COLD"), ("older", "WARM"), ("young", "HOT")] {
        let uri = format!("artifact://default/1/data/{name}");
        assert_eq!(store.json(&["show", &uri])[0]["tier"], tier);
        if tier != "COLD" {
            assert_eq!(store.ok(&["cat", &uri]), uri);
        }
    }
    set_step(&moto, Some(100_000));
    let oldest = "artifact://default/1/data/oldest";
    is_frozen(store.run(&["cat", oldest]), oldest);
    // It is not asked for again, whatever is frozen.
    assert_eq!(store.json(&["archive", "--by-age"])[0]["moved"], 0);
}

/// The record says that it is hot; a rule of the bucket's own knows nothing of that.
#[test]
fn what_a_rule_of_the_bucket_has_frozen_is_restored_where_it_is() {
    let Some(moto) = own_moto() else { return };
    let (store, bucket) = in_bucket(&moto.owner);
    store.write("a.txt", prose(7, 70_000));
    let uri = "artifact://default/1/data/a.txt";
    store.ok(&["upload", "a.txt", "--type", "data", "--task", "1"]);
    assert_eq!(store.ok(&["restore", uri]), format!("{uri}?version=1\n"));
    let blobs = classes(&moto.owner, &bucket);
    let blob = blobs.iter().find(|(key, _)| key.contains("/output/"));
    let path = format!(
        "/{bucket}/{}",
        blob.expect("it is there").0.replace('@', "%40")
    );
    let from = format!("x-amz-copy-source: {path}");
    let class = "x-amz-storage-class: GLACIER";
    let copy = ["--request", "PUT", "--header", &from, "--header", class];
    let (status, answer) = moto.owner.curl(&copy, &path);
    assert_eq!(status, 200, "{answer}");
    set_step(&moto, Some(3));

    for args in [&["cat", uri][..], &["download", uri, "-o", "got"]] {
        let outcome = store.run(args);
        outcome.says(&["is kept in a storage class that is not read from"]);
        is_frozen(outcome, uri);
    }
    store
        .run(&["archive", uri])
        .expect_code(6)
        .says(&["artifact restore"]);
    std::thread::sleep(Duration::from_millis(3_200));
    let asked = store.ok(&["restore", uri]);
    assert_eq!(asked, format!("{uri}?version=1  restoring\n"));
    set_step(&moto, Some(100_000));
    let told = store.json(&["restore", uri]);
    let keys = (&told[0]["restoring"], &told[0]["state"], &told[0]["tier"]);
    assert_eq!(keys, (&json!(true), &json!("ACTIVE"), &json!("HOT")));
    set_step(&moto, None);
    assert_eq!(store.ok(&["restore", uri]), format!("{uri}?version=1\n"));
    assert_eq!(store.bytes(&["cat", uri]), store.read("a.txt"));
}
