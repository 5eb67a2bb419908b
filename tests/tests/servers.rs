//! The servers that other tests rely on: each starts, keeps what it is given, refuses who may not,
//! accepts signed requests through the proxy, and leaves nothing behind.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use e2e::servers::{
    Access, Fault, Garage, GcpEmulator, Moto, Proxy, Rgw, S3s, Server, Which, is_wanted,
    processes_in, venv,
};
use e2e::{Outcome, Running, eventually};

/// Objects there and back by boto3, straight and through the proxy.
#[track_caller]
fn keeps_objects(owner: &Access) {
    if !is_wanted("clients") {
        return;
    }
    let bucket = owner.make_bucket();
    let proxy = Proxy::before(&owner.endpoint);
    let parts = Which {
        method: "PUT",
        target: "partNumber=",
    };
    // The client tries again.
    proxy.inject(parts, 1, Fault::slow_down());
    for access in [owner, &owner.at(proxy.endpoint())] {
        let _ = python("roundtrip.py", &bucket, access).expect_code(0);
    }
    assert_eq!(proxy.count(parts), 2, "{:?}", proxy.seen());
}

/// Runs a script with boto3.
fn python(script: &str, bucket: &str, access: &Access) -> Outcome {
    let output = Command::new(venv("python"))
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("servers")
                .join(script),
        )
        .arg(bucket)
        .envs(access.environment())
        .output()
        .expect("python can be run");
    Outcome::from_output(&[script], output)
}

/// Puts an object into a bucket of the owner's, which these others cannot read.
#[track_caller]
fn refuses(owner: &Access, others: &[Access]) {
    refuses_in(&owner.make_bucket(), owner, others);
}

/// The same in a bucket of all.
#[track_caller]
fn refuses_in(bucket: &str, owner: &Access, others: &[Access]) {
    let object = format!("/{bucket}/object");
    assert_eq!(put(owner, &object, "content").0, 200);
    assert_eq!(owner.curl(&[], &object), (200, "content".to_owned()));
    for other in others {
        let (status, answer) = other.curl(&[], &object);
        assert_eq!(status, 403, "{other:?} is let in: {answer}");
        assert_eq!(put(other, &object, "other").0, 403, "{other:?} is let in");
    }
    assert_eq!(owner.curl(&[], &object).1, "content");
}

fn put(access: &Access, path: &str, content: &str) -> (u16, String) {
    // Without a type curl calls it a form, and moto takes it for one.
    let header = "Content-Type: application/octet-stream";
    let args = [
        "--request",
        "PUT",
        "--header",
        header,
        "--data-binary",
        content,
    ];
    access.curl(&args, path)
}

#[test]
fn s3s_serves() {
    let s3s = S3s::start();
    keeps_objects(&s3s.owner);
    refuses(&s3s.owner, &[s3s.owner.with_wrong_secret()]);
    let endpoint = s3s.owner.endpoint.clone();
    drop(s3s);
    assert!(is_silent(&endpoint));
}

#[test]
fn moto_serves() {
    let Some(moto) = Moto::at_hand() else { return };
    keeps_objects(&moto.owner);
    refuses(
        &moto.owner,
        &[moto.owner.with_wrong_secret(), moto.stranger.clone()],
    );
}

#[test]
fn rgw_serves() {
    let Some(rgw) = Rgw::at_hand() else { return };
    keeps_objects(&rgw.owner);
    refuses(
        &rgw.owner,
        &[rgw.owner.with_wrong_secret(), rgw.stranger.clone()],
    );
    let (status, answer) = put(&rgw.stranger, "/e2e-of-a-stranger", "");
    assert!(status >= 400, "a stranger makes a bucket: {answer}");
}

#[test]
fn garage_serves() {
    let Some(garage) = Garage::at_hand() else {
        return;
    };
    keeps_objects(&garage.owner);
    refuses_in(
        Garage::BUCKET,
        &garage.owner,
        &[garage.owner.with_wrong_secret(), garage.stranger.clone()],
    );
    let (status, answer) = put(&garage.stranger, "/e2e-of-a-stranger", "");
    assert!(status >= 400, "a stranger makes a bucket: {answer}");
}

#[test]
fn garage_that_is_no_longer_needed_leaves_nothing() {
    if is_wanted(Garage::NAME) {
        comes_and_goes::<Garage>(|garage| &garage.owner.endpoint);
    }
}

#[test]
fn rgw_keeps_quotas() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("file");
    let quota = usize::try_from(Rgw::QUOTA_BYTES).expect("it fits");
    let bucket = rgw.limited.make_bucket();
    let upload = |name: &str, size: usize| {
        fs::write(&file, vec![b'x'; size]).expect("it can be written");
        let args = ["--upload-file", file.to_str().expect("it is a text")];
        rgw.limited.curl(&args, &format!("/{bucket}/{name}"))
    };
    assert_eq!(upload("half", quota / 2).0, 200);
    let (status, answer) = upload("more", quota);
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("QuotaExceeded"), "{answer}");
}

#[test]
fn rgw_has_storage_classes_and_lifecycle_rules_that_run() {
    let Some(rgw) = Rgw::at_hand() else { return };
    let bucket = rgw.owner.make_bucket();
    let path = |name: &str| format!("/{bucket}/{name}");
    for class in ["STANDARD_IA", "GLACIER"] {
        let header = format!("x-amz-storage-class: {class}");
        let args = [
            "--request",
            "PUT",
            "--data-binary",
            "x",
            "--header",
            &header,
        ];
        assert_eq!(rgw.owner.curl(&args, &path(class)).0, 200);
        let (_, head) = rgw.owner.curl(&["--head"], &path(class));
        assert!(
            head.to_lowercase().contains(&header.to_lowercase()),
            "{head}"
        );
    }
    assert_eq!(put(&rgw.owner, &path("old/1"), "x").0, 200);
    let rules = "<LifecycleConfiguration><Rule><ID>old</ID><Filter><Prefix>old/</Prefix></Filter>\
                 <Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>\
                 </LifecycleConfiguration>";
    let (status, answer) = put(&rgw.owner, &format!("/{bucket}?lifecycle="), rules);
    assert_eq!(status, 200, "{answer}");
    eventually("the end of a day", || {
        rgw.owner.curl(&[], &path("old/1")).0 == 404
    });
    assert_eq!(rgw.owner.curl(&[], &path("GLACIER")).0, 200);
}

#[test]
fn gcs_serves() {
    let Some(gcs) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = gcs.make_bucket();
    let proxy = Proxy::before(&gcs.endpoint);
    let through = |args: &[&str], path: &str| {
        let url = format!("{}{path}", proxy.endpoint());
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail"])
            .args(args)
            .arg(url)
            .output()
            .expect("curl can be run");
        Outcome::from_output(&[path], output)
            .expect_code(0)
            .text()
            .to_owned()
    };
    let upload = format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name=object");
    let args = [
        "--header",
        "Content-Type: text/plain",
        "--data-binary",
        "content",
    ];
    through(&args, &upload);
    let object = format!("/storage/v1/b/{bucket}/o/object?alt=media");
    assert_eq!(through(&[], &object), "content");
    assert_eq!(
        gcs.curl(&["--range", "2-4"], &object),
        (206, "nte".to_owned())
    );
    assert_eq!(
        gcs.curl(&["--request", "DELETE"], &object[..object.len() - 10])
            .0,
        200
    );
    assert_eq!(gcs.curl(&[], &object).0, 404);
}

fn is_silent(endpoint: &str) -> bool {
    let address = endpoint.strip_prefix("http://").expect("it is plain");
    TcpStream::connect(address).is_err()
}

/// Starts a server and ends it.
fn comes_and_goes<S: Server>(endpoint: impl Fn(&S) -> &str) {
    let server = S::start();
    let endpoint = endpoint(&server).to_owned();
    let log = server.log().expect("it is our own");
    let folder = log.parent().expect("it lies in a folder");
    assert!(log.exists() && processes_in(folder) > 0);
    drop(server);
    assert_eq!(processes_in(folder), 0);
    assert!(!folder.exists());
    assert!(is_silent(&endpoint));
}

#[test]
fn a_server_that_is_no_longer_needed_leaves_nothing() {
    if is_wanted(Moto::NAME) {
        comes_and_goes::<Moto>(|moto| &moto.owner.endpoint);
    }
    if is_wanted(GcpEmulator::NAME) {
        comes_and_goes::<GcpEmulator>(|gcs| &gcs.endpoint);
    }
    if is_wanted(Rgw::NAME) {
        comes_and_goes::<Rgw>(|rgw| &rgw.owner.endpoint);
    }
}

#[test]
fn servers_that_were_started_for_all_end_with_their_launcher_even_if_it_is_killed() {
    if !is_wanted(GcpEmulator::NAME) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let note = folder.path().join("note");
    let launch = |script: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_servers"));
        command
            .args(["sh", "-c", script])
            .env("TMPDIR", folder.path())
            .env("E2E_WITHOUT", "moto,rgw")
            .env("NOTE", &note);
        Running::start(&mut command)
    };
    let handed_over = || {
        let text = fs::read_to_string(&note).ok()?;
        let endpoint: String = serde_json::from_str(text.trim()).ok()?;
        Some(endpoint)
    };
    let note_down = "echo \"$E2E_SERVER_GCS\" >$NOTE";
    let ended = launch(&format!("{note_down}; exit 7")).wait();
    let ended = ended.expect_code(7);
    let endpoint = handed_over().unwrap_or_else(|| panic!("nothing was handed over: {ended}"));
    assert!(is_silent(&endpoint));

    fs::remove_file(&note).expect("it can be removed");
    let mut running = launch(&format!("{note_down}; exec sleep 60"));
    eventually("the server", || handed_over().is_some());
    let endpoint = handed_over().expect("it is there");
    assert!(!is_silent(&endpoint));
    running.kill();
    eventually("the end of the server", || is_silent(&endpoint));
    eventually("the end of its processes", || {
        processes_in(folder.path()) == 0
    });
    let left = || {
        fs::read_dir(folder.path())
            .expect("it can be listed")
            .count()
    };
    eventually("the end of its folder", || left() == 1); // the note
}

#[test]
fn a_server_that_is_not_installed_is_named_and_nothing_is_left_out_in_silence() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = |without: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_servers"))
            .args(["sh", "-c", "echo started ${E2E_SERVER_MOTO:-without}"])
            .env_remove("E2E_SERVER_MOTO")
            .env("E2E_SERVERS", folder.path())
            .env("E2E_WITHOUT", without)
            .output()
            .expect("it can be started");
        Outcome::from_output(&[without], output).expect_code(0)
    };
    let missing = launch("gcs,rgw");
    missing.says(&["moto_server is missing: run tests/servers/install"]);
    let said = "NOT TRIED: gcs, which E2E_WITHOUT names";
    assert!(missing.text().contains(said), "{missing}");
    let left_out = launch("gcs,moto,rgw");
    assert!(!left_out.stderr.contains("moto"), "{left_out}");
    assert!(left_out.text().ends_with("started without\n"), "{left_out}");
}
