//! `artifact doctor`: finds what works and what does not, and leaves nothing.

use std::fs;
use std::time::{Duration, SystemTime};

use e2e::servers::{Access, Fault, GcpEmulator, Moto, Proxy, Rgw, S3s, Server, Which, is_wanted};
use e2e::{Outcome, Sandbox, eventually};

fn store_in(bucket: &str, access: &Access) -> Sandbox {
    Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "s3")
        .with_env("ARTIFACT_S3__BUCKET", bucket)
        .with_env("ARTIFACT_S3__PREFIX", "team")
        .with_env("ARTIFACT_S3__ENDPOINT_URL", &access.endpoint)
        .with_env("ARTIFACT_S3__REGION", &access.region)
        .with_env("ARTIFACT_S3__ACCESS_KEY", &access.access_key)
        .with_env("ARTIFACT_S3__SECRET_KEY", &access.secret_key)
}

/// The outcome of one check, of a run with `--json`.
#[track_caller]
fn of(outcome: &Outcome, check: &str) -> String {
    let objects = outcome.objects();
    let found = objects.iter().find(|object| object["check"] == check);
    let found = found.unwrap_or_else(|| panic!("{check} is not among {outcome}"));
    found["outcome"].as_str().expect("a text").to_owned()
}

fn doctor(store: &Sandbox) -> Outcome {
    store.run(&["doctor", "--json"])
}

#[test]
fn a_folder_is_tried_and_left_as_it_was() {
    let store = Sandbox::new();
    let text = store.ok(&["doctor"]);
    for check in [
        "write", "rename", "read", "delete", "space", "index", "locks",
    ] {
        let line = text
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(check));
        assert!(
            line.is_some_and(|line| line.starts_with("ok")),
            "{check}: {text}"
        );
    }
    store.assert_empty();
    let same = store.ok(&["config", "check", "--online"]);
    assert_eq!(same.lines().count(), text.lines().count());
}

#[test]
fn a_folder_that_can_not_be_written_to_is_found() {
    let store = Sandbox::new();
    store.ok(&["doctor"]);
    let outcome = store.run_unprivileged(&store.store(""), 0o500, &["doctor", "--json"]);
    let outcome = outcome.expect_code(4);
    assert_eq!(of(&outcome, "write"), "fail", "{outcome}");
}

#[test]
fn a_bucket_is_tried_and_left_as_it_was() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let bucket = rgw.owner.make_bucket();
    let store = store_in(&bucket, &rgw.owner)
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__WARM", "STANDARD_IA")
        .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "30");
    let outcome = doctor(&store).expect_code(0);
    for check in [
        "credentials",
        "bucket",
        "clock",
        "write",
        "read",
        "range",
        "list",
        "multipart",
        "conditional-write",
        "presign-get",
        "presign-put",
        "storage-class",
        "versioning",
        "delete",
        "index",
        "locks",
    ] {
        assert_eq!(of(&outcome, check), "ok", "{check}: {outcome}");
    }
    assert_eq!(of(&outcome, "stale-uploads"), "warn", "{outcome}");
    let everything = format!("/{bucket}?list-type=2");
    let (_, listed) = rgw.owner.curl(&[], &format!("{everything}&prefix="));
    assert!(listed.contains("<KeyCount>0<"), "{listed}");
    let (_, uploads) = rgw.owner.curl(&[], &format!("/{bucket}?uploads="));
    assert!(!uploads.contains("<Upload>"), "{uploads}");
    assert!(!format!("{outcome}").contains(&rgw.owner.secret_key));

    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let put = ["--request", "PUT", "--data-binary", versioned];
    assert_eq!(
        rgw.owner.curl(&put, &format!("/{bucket}?versioning=")).0,
        200
    );
    store.ok(&["lifecycle", "apply", "--no-expire"]);
    let outcome = doctor(&store).expect_code(0);
    assert_eq!(of(&outcome, "versioning"), "warn", "{outcome}");
    assert_eq!(of(&outcome, "stale-uploads"), "ok", "{outcome}");
}

#[test]
fn what_is_wrong_with_a_bucket_is_found() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let bucket = rgw.owner.make_bucket();
    let wrong = doctor(&store_in(&bucket, &rgw.owner.with_wrong_secret())).expect_code(4);
    assert_eq!(of(&wrong, "bucket"), "fail", "{wrong}");
    assert_eq!(of(&wrong, "index"), "fail", "{wrong}");
    let absent = doctor(&store_in("e2e-nowhere", &rgw.owner)).expect_code(2);
    assert_eq!(of(&absent, "bucket"), "fail", "{absent}");
    let unknown = store_in(&bucket, &rgw.owner)
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__COLD", "NONESUCH")
        .with_env("ARTIFACT_TIERS__COLD_AFTER_DAYS", "30");
    let unknown = doctor(&unknown);
    assert_eq!(of(&unknown, "storage-class"), "fail", "{unknown}");

    // Of what fails for a moment the rest is tried all the same.
    let proxy = Proxy::before(&rgw.owner.endpoint);
    let begin = Which {
        method: "POST",
        target: "uploads",
    };
    proxy.inject(begin, 1, Fault::slow_down());
    let busy = doctor(&store_in(&bucket, &rgw.owner.at(proxy.endpoint()))).expect_code(9);
    assert_eq!(of(&busy, "multipart"), "fail", "{busy}");
    assert_eq!(of(&busy, "presign-put"), "ok", "{busy}");
    let (_, listed) = rgw
        .owner
        .curl(&[], &format!("/{bucket}?list-type=2&prefix="));
    assert!(listed.contains("<KeyCount>0<"), "{listed}");
}

#[test]
fn a_bucket_of_google_is_tried_and_left_as_it_was() {
    let Some(gcs) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = gcs.make_bucket();
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "gcs")
        .with_env("ARTIFACT_GCS__BUCKET", &bucket)
        .with_env("ARTIFACT_GCS__PREFIX", "team")
        .with_env("ARTIFACT_GCS__STORAGE_CLASSES__WARM", "NEARLINE")
        .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "30")
        .with_env("ARTIFACT_GCS__ENDPOINT_URL", &gcs.endpoint);
    let outcome = doctor(&store).expect_code(0);
    for check in [
        "credentials",
        "bucket",
        "clock",
        "write",
        "read",
        "range",
        "list",
        "resumable",
        "checksum",
        "conditional-write",
        "storage-class",
        "versioning",
        "delete",
        "index",
        "locks",
    ] {
        assert_eq!(of(&outcome, check), "ok", "{check}: {outcome}");
    }
    // Nothing is signed for an emulator, and new buckets keep what is deleted for a week.
    for check in ["presign-get", "presign-put", "soft-delete"] {
        assert_eq!(of(&outcome, check), "warn", "{check}: {outcome}");
    }
    let list = format!("/storage/v1/b/{bucket}/o");
    let (_, listed) = gcs.curl(&[], &list);
    assert!(!listed.contains(".doctor"), "{listed}");

    let absent = doctor(&store.with_env("ARTIFACT_GCS__BUCKET", "e2e-nowhere")).expect_code(2);
    assert_eq!(of(&absent, "bucket"), "fail", "{absent}");
}

#[test]
fn what_is_wrong_with_a_bucket_of_google_is_found() {
    let Some(gcs) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = gcs.make_bucket();
    let proxy = Proxy::before(&gcs.endpoint);
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "gcs")
        .with_env("ARTIFACT_GCS__BUCKET", &bucket)
        .with_env("ARTIFACT_GCS__ENDPOINT_URL", proxy.endpoint());
    let busy = |method, target, check: &str| {
        proxy.inject(Which { method, target }, 1, Fault::slow_down());
        let outcome = doctor(&store).expect_code(9);
        assert_eq!(of(&outcome, check), "fail", "{outcome}");
        assert_eq!(of(&outcome, "delete"), "ok", "{outcome}");
        assert_eq!(proxy.faults_left(), 0);
        outcome
    };
    // Of what fails for a moment the rest is tried all the same.
    let outcome = busy("PUT", "upload_id=", "resumable");
    assert_eq!(of(&outcome, "checksum"), "ok", "{outcome}");
    assert!(!format!("{outcome}").contains("upload_id="), "{outcome}");
    let outcome = busy("GET", "alt=media", "read");
    assert_eq!(of(&outcome, "range"), "ok", "{outcome}");
    let outcome = busy("POST", "uploadType=multipart", "write");
    let objects = outcome.objects();
    assert!(
        objects.iter().all(|object| object["check"] != "read"),
        "{outcome}"
    );
    let (_, listed) = gcs.curl(&[], &format!("/storage/v1/b/{bucket}/o"));
    assert!(!listed.contains(".doctor"), "{listed}");
}

/// How long the proxy holds a request back, while the doctor is interrupted.
const HELD_BACK: Duration = Duration::from_secs(2);

#[test]
fn a_doctor_that_is_interrupted_leaves_nothing() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let bucket = rgw.owner.make_bucket();
    let proxy = Proxy::before(&rgw.owner.endpoint);
    let store = store_in(&bucket, &rgw.owner.at(proxy.endpoint()));
    let upload = Which {
        method: "PUT",
        target: "partNumber=1",
    };
    proxy.inject(upload, 1, Fault::Delay(HELD_BACK));
    let mut running = store.start(&["doctor", "--json"]);
    eventually("a part to be on its way", || proxy.count(upload) == 1);
    running.signal("INT");
    let outcome = running.wait().expect_code(130);
    assert_eq!(of(&outcome, "multipart"), "ok", "{outcome}");
    assert_eq!(of(&outcome, "delete"), "ok", "{outcome}");
    let later = ["presign-put", "versioning", "index"];
    for object in outcome.objects() {
        let check = object["check"].as_str().expect("a text");
        assert!(!later.contains(&check), "{check} was tried: {outcome}");
    }
    for list in ["list-type=2&prefix=", "uploads="] {
        let (status, listed) = rgw.owner.curl(&[], &format!("/{bucket}?{list}"));
        assert_eq!(status, 200, "{listed}");
        assert!(!listed.contains("<Key>"), "{listed}");
    }
}

#[test]
fn what_a_killed_doctor_has_left_goes_a_day_later() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("bucket")).expect("folders can be made");
    let s3s = S3s::over(folder.path());
    let store = store_in("bucket", &s3s.owner);
    let left = |name: &str, hours: u64| {
        let path = folder.path().join("bucket/team/.doctor").join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
        fs::write(&path, "left").expect("it can be written");
        let file = fs::File::options().append(true).open(&path);
        let then = SystemTime::now() - Duration::from_hours(hours);
        let dated = file.and_then(|file| file.set_modified(then));
        dated.expect("times can be set");
        path
    };
    let (old, young) = (
        left("0123456789abcdef/object", 25),
        left("fedcba9876543210/object", 23),
    );
    let foreign = left("notes/object", 25);
    let outcome = doctor(&store).expect_code(0);
    assert_eq!(of(&outcome, "leftovers"), "ok", "{outcome}");
    assert_eq!((old.exists(), young.exists()), (false, true));
    assert!(foreign.exists(), "no doctor has written it");
    let again = doctor(&store).expect_code(0);
    assert!(!again.text().contains("leftovers"), "{again}");
}

/// On moto, which says of every upload that it was begun years ago.
#[test]
fn uploads_that_a_killed_doctor_has_left_go_too() {
    let Some(moto) = Moto::at_hand() else { return };
    let bucket = moto.owner.make_bucket();
    let begin = |key: &str| {
        let plain = ["--request", "POST", "--header", "Content-Type: text/plain"];
        let path = format!("/{bucket}/{key}?uploads=");
        assert_eq!(moto.owner.curl(&plain, &path).0, 200);
    };
    begin("team/.doctor/0123456789abcdef/parts");
    begin("team/doctor");
    let outcome = doctor(&store_in(&bucket, &moto.owner));
    assert_eq!(of(&outcome, "leftovers"), "ok", "{outcome}");
    let (_, left) = moto.owner.curl(&[], &format!("/{bucket}?uploads="));
    assert!(!left.contains(".doctor"), "{left}");
    assert!(left.contains("team/doctor"), "{left}");
}

/// Which dates its objects itself, so that the doctor's clock is ahead.
fn doctor_days_later(store: &Sandbox) -> Outcome {
    let mut command = store.other("faketime");
    command
        .args(["-f", "+2d"])
        .arg(e2e::artifact())
        .args(["doctor", "--json"]);
    let output = command.output().expect("`faketime` can be run");
    Outcome::from_output(&["doctor", "--json"], output)
}

#[test]
fn what_a_killed_doctor_has_left_in_a_bucket_of_google_goes_a_day_later() {
    let Some(gcs) = GcpEmulator::at_hand().filter(|_| is_wanted("faketime")) else {
        return;
    };
    let bucket = gcs.make_bucket();
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "gcs")
        .with_env("ARTIFACT_GCS__BUCKET", &bucket)
        .with_env("ARTIFACT_GCS__PREFIX", "team")
        .with_env("ARTIFACT_GCS__ENDPOINT_URL", &gcs.endpoint);
    let key = "team/.doctor/0123456789abcdef/object";
    let upload = format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={key}");
    let plain = "Content-Type: text/plain";
    let args = ["--header", plain, "--data-binary", "left"];
    assert_eq!(gcs.curl(&args, &upload).0, 200);
    let is_left = || {
        let (_, listed) = gcs.curl(&[], &format!("/storage/v1/b/{bucket}/o"));
        listed.contains(".doctor")
    };
    let young = doctor(&store).expect_code(0);
    assert!(!young.text().contains("leftovers"), "{young}");
    assert!(is_left(), "it is young");
    // The clock is what fails.
    let later = doctor_days_later(&store).expect_code(4);
    assert_eq!(of(&later, "leftovers"), "ok", "{later}");
    assert_eq!(of(&later, "clock"), "fail", "{later}");
    assert!(!is_left());
}

/// Whether a service takes bytes whose checksum is wrong: one does not, one does, and so does one that
/// answers yes to everything.
#[test]
fn a_service_that_takes_damaged_bytes_is_told_apart() {
    let checksum =
        |access: &Access, bucket: &str| of(&doctor(&store_in(bucket, access)), "checksum");
    let s3s = S3s::start();
    let bucket = s3s.owner.make_bucket();
    assert_eq!(checksum(&s3s.owner, &bucket), "ok");
    let proxy = Proxy::before(&s3s.owner.endpoint);
    let damaged = Which {
        method: "PUT",
        target: "/damaged",
    };
    proxy.inject(damaged, 1, Fault::Answer(200, String::new()));
    let careless = s3s.owner.at(proxy.endpoint());
    assert_eq!(checksum(&careless, &bucket), "warn");
    assert_eq!(proxy.faults_left(), 0);
    let Some(rgw) = Rgw::at_hand() else { return };
    assert_eq!(checksum(&rgw.owner, &rgw.owner.make_bucket()), "warn");
}
