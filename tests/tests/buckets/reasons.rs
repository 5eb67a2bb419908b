//! Why a bucket that was used before can't be used any more: each reason is told by itself, whichever
//! command meets it first. Some ask by HEAD, whose answers say no more than that they refuse.

use std::process::Stdio;

use e2e::servers::{Access, Fault, Garage, Moto, Proxy, Rgw, S3s, Server, Which, is_wanted};
use e2e::tree::prose;
use e2e::{Outcome, Sandbox};

use crate::assert_discreet;

const URI: &str = "artifact://default/local/data/x.txt";

/// Commands that ask a bucket, each first by another request: GET, PUT, HEAD by the driver, HEAD by
/// the store itself, a listing.
const COMMANDS: [&[&str]; 6] = [
    &["download", URI, "-o", "got"],
    &["cat", URI],
    &["upload", "x.txt", "--name", "y.txt"],
    &["verify", "--no-progress"],
    &["archive", URI],
    &["gc"],
];

/// A store with one artifact, in a bucket that has tiers.
fn used(access: &Access, bucket: &str) -> Sandbox {
    let store = Sandbox::with_index("sqlite")
        .in_bucket(access, bucket)
        .with_env("ARTIFACT_S3__STORAGE_CLASSES__COLD", "GLACIER");
    store.write("x.txt", prose(1, 10_000));
    store.ok(&["upload", "x.txt", "--type", "data"]);
    store
}

/// The same store for somebody else.
fn of(store: Sandbox, access: &Access) -> Sandbox {
    store
        .with_env("ARTIFACT_S3__ACCESS_KEY", &access.access_key)
        .with_env("ARTIFACT_S3__SECRET_KEY", &access.secret_key)
}

#[track_caller]
fn assert_reason(outcome: Outcome, access: &Access, code: i32, says: &[&str]) {
    assert_discreet(&outcome, access);
    let outcome = outcome.expect_code(code);
    outcome.says(says);
    outcome.says(&["hint: "]);
}

/// That no command can use the bucket, for this reason. The index answers all the same.
#[track_caller]
fn assert_refused(store: &Sandbox, access: &Access, code: i32, says: &[&str]) {
    for args in COMMANDS {
        assert_reason(store.run(args), access, code, says);
    }
    assert_eq!(store.json(&["show", URI])[0]["state"], "ACTIVE");
}

/// What every service tells.
#[track_caller]
fn tells_keys_apart(owner: &Access) {
    let store = used(owner, &owner.make_bucket());
    let wrong = Access {
        secret_key: "a-wrong-secret-of-tests".to_owned(),
        ..owner.clone()
    };
    let store = of(store, &wrong);
    assert_refused(&store, &wrong, 4, &["the secret key does not belong"]);
    let unknown = Access {
        access_key: "nobody-of-that-name".to_owned(),
        ..owner.clone()
    };
    let store = of(store, &unknown);
    assert_refused(&store, &unknown, 4, &["does not know the access key"]);
    of(store, owner).ok(&["verify"]);
}

#[track_caller]
fn tells_rights(owner: &Access, stranger: &Access) {
    tells_rights_in(&owner.make_bucket(), owner, stranger);
}

#[track_caller]
fn tells_rights_in(bucket: &str, owner: &Access, stranger: &Access) {
    let store = of(used(owner, bucket), stranger);
    assert_refused(&store, stranger, 4, &["the credentials do not allow that"]);
}

#[test]
fn s3s_tells_keys_apart() {
    tells_keys_apart(&S3s::start().owner);
}

#[test]
fn moto_tells_keys_and_rights_apart() {
    let Some(moto) = Moto::at_hand() else { return };
    tells_keys_apart(&moto.owner);
    tells_rights(&moto.owner, &moto.stranger);
}

#[test]
fn rgw_tells_keys_and_rights_apart() {
    let Some(rgw) = Rgw::at_hand() else { return };
    tells_keys_apart(&rgw.owner);
    tells_rights(&rgw.owner, &rgw.stranger);
}

#[test]
fn garage_tells_keys_and_rights_apart() {
    let Some(garage) = Garage::at_hand() else {
        return;
    };
    tells_keys_apart(&garage.owner);
    tells_rights_in(Garage::BUCKET, &garage.owner, &garage.stranger);
}

/// That the bucket is missed, not what was in it.
#[track_caller]
fn tells_that_the_bucket_has_gone(owner: &Access) {
    let bucket = owner.make_bucket();
    let store = used(owner, &bucket);
    let (_, listing) = owner.curl(&[], &format!("/{bucket}?list-type=2"));
    let keys = listing.split("<Key>").skip(1);
    for key in keys.filter_map(|rest| rest.split('<').next()) {
        let path = format!("/{bucket}/{}", key.replace('@', "%40"));
        assert_eq!(owner.curl(&["--request", "DELETE"], &path).0, 204);
    }
    let gone = owner.curl(&["--request", "DELETE"], &format!("/{bucket}"));
    assert_eq!(gone.0, 204, "{}", gone.1);
    assert_refused(&store, owner, 2, &["the bucket does not exist"]);
}

#[test]
fn moto_tells_that_the_bucket_has_gone() {
    let Some(moto) = Moto::at_hand() else { return };
    tells_that_the_bucket_has_gone(&moto.owner);
}

#[test]
fn rgw_tells_that_the_bucket_has_gone() {
    let Some(rgw) = Rgw::at_hand() else { return };
    tells_that_the_bucket_has_gone(&rgw.owner);
}

#[test]
fn garage_tells_that_the_bucket_has_gone() {
    let Some(garage) = Garage::at_hand() else {
        return;
    };
    tells_that_the_bucket_has_gone(&garage.owner);
}

#[test]
fn a_clock_that_went_wrong_is_named() {
    let Some(rgw) = Rgw::at_hand().filter(|_| is_wanted("faketime")) else {
        return;
    };
    let store = used(&rgw.owner, &rgw.owner.make_bucket());
    for args in COMMANDS {
        let mut command = store.other("faketime");
        command
            .args(["-f", "-2h"])
            .arg(e2e::artifact())
            .args(args)
            .stdin(Stdio::null());
        let output = command
            .output()
            .expect("`faketime` can be run: tests/servers/install installs it");
        let outcome = Outcome::from_output(args, output);
        assert_reason(outcome, &rgw.owner, 4, &["this machine's clock differs"]);
    }
}

/// AWS alone looks at the region; this is what it answers, by the documents of its API.
#[test]
fn a_region_that_is_wrong_is_told_with_the_right_one() {
    let s3s = S3s::start();
    let bucket = s3s.owner.make_bucket();
    let proxy = Proxy::before(&s3s.owner.endpoint);
    let store = used(&s3s.owner.at(proxy.endpoint()), &bucket);
    let malformed = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\
        <Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; \
        the region 'us-east-1' is wrong; expecting 'eu-central-1'</Message>\
        <Region>eu-central-1</Region><RequestId>e2e</RequestId></Error>";
    let redirect = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\
        <Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be \
        addressed using the specified endpoint.</Message><Bucket>b</Bucket>\
        <Endpoint>b.s3.eu-central-1.amazonaws.com</Endpoint></Error>";
    for (status, body, hint) in [
        (400, malformed, "set `s3.region` to `eu-central-1`"),
        (301, redirect, "set `s3.region` to the region of the bucket"),
    ] {
        let answer = Fault::Answer(status, body.to_owned());
        proxy.inject(Which::ALL, 10_000, answer);
        let says = ["the bucket is in another region", hint];
        assert_refused(&store, &s3s.owner, 2, &says);
        proxy.heal();
    }
    store.ok(&["verify"]);
}

/// These know no regions, so that any will do.
#[test]
fn a_service_without_regions_takes_any() {
    let mut owners = vec![];
    let s3s = S3s::start();
    let (moto, rgw) = (Moto::at_hand(), Rgw::at_hand());
    owners.push(&s3s.owner);
    owners.extend(moto.as_ref().map(|moto| &moto.owner));
    owners.extend(rgw.as_ref().map(|rgw| &rgw.owner));
    for owner in owners {
        let bucket = owner.make_bucket();
        let elsewhere = Access {
            region: "eu-north-1".to_owned(),
            ..owner.clone()
        };
        used(&elsewhere, &bucket).ok(&["verify"]);
    }
}
