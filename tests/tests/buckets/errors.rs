//! What the program says where a service refuses, or is not there: the exit code, what failed, what
//! to do, and no secret.

use std::process::Stdio;

use e2e::servers::{Access, Garage, Moto, Rgw, S3s, Server, is_wanted};
use e2e::tree::noise;
use e2e::{Outcome, Sandbox};

use crate::{assert_discreet, sandbox};

/// How an upload ends on a bucket that cannot be used: quietly, with all that can be said, as JSON, and
/// so does a question.
#[track_caller]
fn assert_refused(store: &Sandbox, access: &Access, code: i32, says: &[&str]) {
    store.write("x.txt", "content");
    for args in [
        &["upload", "x.txt"][..],
        &["upload", "x.txt", "-vv"],
        &["upload", "x.txt", "--json"],
        &["gc", "-vv"],
    ] {
        let outcome = store.run(args);
        assert_discreet(&outcome, access);
        let outcome = outcome.expect_code(code);
        outcome.says(says);
        outcome.says(&["hint"]);
        assert!(!outcome.stderr.contains("panicked"), "{outcome}");
        assert_eq!(outcome.text(), "", "{outcome}");
    }
}

/// A store of somebody, in a bucket of somebody else's.
fn in_bucket_of(owner: &Access, somebody: &Access) -> Sandbox {
    Sandbox::with_index("sqlite").in_bucket(somebody, &owner.make_bucket())
}

/// What every service must tell apart.
#[track_caller]
fn tells_apart(owner: &Access) {
    let wrong = Access {
        secret_key: "a-wrong-secret-of-tests".to_owned(),
        ..owner.clone()
    };
    assert_refused(&in_bucket_of(owner, &wrong), &wrong, 4, &["secret key"]);
    let unknown = Access {
        access_key: "nobody-of-that-name".to_owned(),
        ..owner.clone()
    };
    assert_refused(&in_bucket_of(owner, &unknown), &unknown, 4, &["access key"]);
    let store = Sandbox::with_index("sqlite").in_bucket(owner, "no-such-bucket-of-tests");
    let says = ["no-such-bucket-of-tests", "does not exist"];
    assert_refused(&store, owner, 2, &says);
}

#[test]
fn s3s_refuses_wrong_keys_and_buckets() {
    tells_apart(&S3s::start().owner);
}

#[test]
fn moto_refuses_wrong_keys_and_buckets() {
    let Some(moto) = Moto::at_hand() else { return };
    tells_apart(&moto.owner);
    let store = in_bucket_of(&moto.owner, &moto.stranger);
    assert_refused(&store, &moto.stranger, 4, &["do not allow"]);
}

#[test]
fn rgw_refuses_wrong_keys_and_buckets() {
    let Some(rgw) = Rgw::at_hand() else { return };
    tells_apart(&rgw.owner);
    let store = in_bucket_of(&rgw.owner, &rgw.stranger);
    assert_refused(&store, &rgw.stranger, 4, &["do not allow"]);
}

#[test]
fn garage_refuses_wrong_keys_and_buckets() {
    let Some(garage) = Garage::at_hand() else {
        return;
    };
    tells_apart(&garage.owner);
    let store = Sandbox::with_index("sqlite").in_bucket(&garage.stranger, Garage::BUCKET);
    assert_refused(&store, &garage.stranger, 4, &["do not allow"]);
}

#[test]
fn a_bucket_whose_quota_is_used_up_is_full() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let store = sandbox(&rgw.limited);
    store.write("small.bin", noise(1, 1_000_000));
    store.ok(&["upload", "small.bin", "--no-compress"]);
    store.write("large.bin", noise(2, 5_000_000));
    let outcome = store.run(&["upload", "large.bin", "--no-compress"]);
    let outcome = outcome.expect_code(8);
    outcome.says(&["large.bin", "no room left", "hint: "]);
    assert_discreet(&outcome, &rgw.limited);
    assert_eq!(store.json(&["search"]).len(), 1);
    store.ok(&["delete", "artifact://default/local/other/small.bin"]);
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    let Some(rgw) = Rgw::at_hand().filter(|_| is_wanted("faketime")) else {
        return;
    };
    let store = sandbox(&rgw.owner);
    store.write("x.txt", "content");
    let mut command = store.other("faketime");
    command
        .args(["-f", "-2h"])
        .arg(e2e::artifact())
        .args(["upload", "x.txt"])
        .stdin(Stdio::null());
    let output = command
        .output()
        .expect("`faketime` can be run: tests/servers/install installs it");
    let outcome = Outcome::from_output(&["upload", "x.txt"], output).expect_code(4);
    outcome.says(&["clock", "hint: "]);
    assert_discreet(&outcome, &rgw.owner);
}

#[test]
fn a_service_that_is_not_there_is_unavailable() {
    let s3s = S3s::start();
    let port = s3s.owner.endpoint.rsplit(':').next().expect("it has one");
    let silent = "http://127.0.0.1:9".to_owned();
    let (unknown, tls) = (
        "http://no-such-host.invalid".to_owned(),
        format!("https://127.0.0.1:{port}"),
    );
    for (endpoint, says) in [
        (&silent, "can't be connected to"),
        (&unknown, "can't be resolved"),
        (&tls, "TLS"),
    ] {
        let access = s3s.owner.at(endpoint);
        let store = Sandbox::with_index("sqlite")
            .in_bucket(&access, "bucket-of-tests")
            .with_env("ARTIFACT_RETRY__ATTEMPTS", "1");
        assert_refused(&store, &access, 9, &[says]);
    }
}
