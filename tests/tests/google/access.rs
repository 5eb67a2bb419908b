//! Who pays for requests, who asks, and what is said where Google refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adapter_opendal::{GcsOptions, OpendalStore};
use artifact_domain::port::{BlobStore, PresignMethod, PresignRequest, PutOptions};
use artifact_testkit::{body, sample};
use e2e::servers::{Fault, Request, Which, venv};
use e2e::tree::noise;
use e2e::{Outcome, Sandbox};
use futures::TryStreamExt;

use crate::{Bucket, MIB};

#[test]
fn the_project_of_the_settings_pays_for_every_request() {
    let Some(bucket) = Bucket::new() else { return };
    let walk = |store: &Sandbox| {
        store.write("small.txt", "content");
        store.write("large.bin", noise(1, 9 * MIB));
        store.ok(&[
            "upload",
            "small.txt",
            "large.bin",
            "--no-compress",
            "--no-progress",
        ]);
        store.ok(&["download", "--task", "local", "-D", "out", "--no-progress"]);
        store.ok(&["verify", "--no-progress"]);
        store.ok(&["lifecycle", "apply", "--no-expire"]);
        store.ok(&["delete", "--task", "local"]);
        store.ok(&["doctor"]);
    };
    let payer = |request: &Request| request.header("x-goog-user-project").map(str::to_owned);
    walk(&bucket.sandbox());
    let unpaid = bucket.proxy.seen();
    assert!(unpaid.len() > 20 && unpaid.iter().all(|request| payer(request).is_none()));
    walk(
        &bucket
            .sandbox()
            .with_env("ARTIFACT_GCS__PROJECT", "ci-1234"),
    );
    let paid = &bucket.proxy.seen()[unpaid.len()..];
    assert!(paid.len() > 20);
    let of_nobody = |request: &&Request| payer(request).as_deref() != Some("ci-1234");
    assert_eq!(paid.iter().find(of_nobody), None);
}

#[test]
fn a_project_that_can_not_be_one_is_refused() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket
        .sandbox()
        .with_env("ARTIFACT_GCS__PROJECT", "projekt-ü");
    let outcome = store.run(&["search"]).expect_code(2);
    outcome.says(&["gcs.project", "hint"]);
}

/// Credentials are read before anything is sent, so this asks nobody.
#[track_caller]
fn assert_refused(store: &Sandbox, code: i32, says: &[&str]) -> Outcome {
    store.write("x.txt", "content");
    let outcome = store.run(&["upload", "x.txt", "-vv"]).expect_code(code);
    outcome.says(says);
    outcome.says(&["hint"]);
    assert!(!format!("{outcome}").contains("s3cr3t"), "{outcome}");
    let doctor = store.run(&["doctor", "--json"]).expect_code(code);
    let checks = doctor.objects();
    assert_eq!(checks[0]["check"], "credentials", "{doctor}");
    assert_eq!(checks[0]["outcome"], "fail", "{doctor}");
    assert!(!format!("{doctor}").contains("s3cr3t"), "{doctor}");
    outcome
}

fn with_credentials(content: &str) -> Sandbox {
    let store = Sandbox::new()
        .with_env("ARTIFACT_BACKEND", "gcs")
        .with_env("ARTIFACT_GCS__BUCKET", "bucket-of-tests");
    let path = store.home().join("key.json");
    fs::write(&path, content).expect("it can be written");
    store.with_env("ARTIFACT_GCS__CREDENTIALS_PATH", path)
}

#[test]
fn what_is_wrong_with_a_credentials_file_is_said_before_anything_is_sent() {
    for (content, says) in [
        ("{ \"private_key\": \"s3cr3t", "is no JSON"),
        (
            "{\"type\":\"robot\",\"private_key\":\"s3cr3t\"}",
            "no `type` that is known",
        ),
        (
            "{\"installed\":{\"client_secret\":\"s3cr3t\"}}",
            "OAuth client",
        ),
        (
            "{\"type\":\"service_account\",\"private_key\":\"s3cr3t\"}",
            "lacks `client_email`",
        ),
        (
            "{\"type\":\"authorized_user\",\"client_secret\":\"s3cr3t\"}",
            "lacks `client_id`",
        ),
    ] {
        let says = [says, "key.json", "gcs.credentials_path"];
        let _ = assert_refused(&with_credentials(content), 2, &says);
    }
    let missing =
        with_credentials("").with_env("ARTIFACT_GCS__CREDENTIALS_PATH", "/nowhere/x.json");
    let _ = assert_refused(&missing, 2, &["/nowhere/x.json", "does not exist"]);
}

#[test]
fn the_application_default_credentials_are_looked_into_too() {
    let store = || {
        Sandbox::new()
            .with_env("ARTIFACT_BACKEND", "gcs")
            .with_env("ARTIFACT_GCS__BUCKET", "bucket-of-tests")
    };
    let named = store().with_env("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/x.json");
    let says = ["/nowhere/x.json", "GOOGLE_APPLICATION_CREDENTIALS"];
    let _ = assert_refused(&named, 2, &says);
    let known = store();
    let folder = known.home().join(".config/gcloud");
    fs::create_dir_all(&folder).expect("folders can be made");
    let path = folder.join("application_default_credentials.json");
    fs::write(path, "{\"type\":\"s3cr3t\"}").expect("it can be written");
    let _ = assert_refused(&known, 2, &["application default credentials"]);
}

#[test]
fn a_bucket_that_is_missing_is_named() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket
        .sandbox()
        .with_env("ARTIFACT_GCS__BUCKET", "no-such-bucket-of-tests");
    store.write("small.txt", "content");
    store.write("large.bin", noise(1, 9 * MIB));
    for args in [
        &["upload", "small.txt"][..],
        &["upload", "large.bin", "--no-compress"],
        &["gc"],
    ] {
        let outcome = store.run(args).expect_code(2);
        outcome.says(&["does not exist"]);
    }
}

#[test]
fn what_google_refuses_is_told_apart() {
    let answer = |reason: &str, message: &str| {
        format!(
            "{{\n \"error\": {{\n  \"code\": 1,\n  \"message\": \"{message}\",\n  \"errors\": [\n   \
             {{\n    \"message\": \"{message}\",\n    \"domain\": \"global\",\n    \"reason\": \
             \"{reason}\"\n   }}\n  ]\n }}\n}}"
        )
    };
    for (status, reason, message, code, says) in [
        (
            403,
            "forbidden",
            "ci@p does not have storage.objects.create access",
            4,
            "do not allow",
        ),
        (
            401,
            "required",
            "Anonymous caller does not have storage.objects.create",
            4,
            "no credentials",
        ),
        (
            401,
            "authError",
            "Invalid Credentials",
            4,
            "does not accept the credentials",
        ),
        (
            400,
            "required",
            "Bucket is a requester pays bucket but no user project provided.",
            2,
            "gcs.project",
        ),
        (
            403,
            "forbidden",
            "ci@p does not have serviceusage.services.use access",
            4,
            "gcs.project",
        ),
    ] {
        let Some(bucket) = Bucket::new() else { return };
        let store = bucket.sandbox().with_env("ARTIFACT_RETRY__ATTEMPTS", "0");
        let all = Which {
            method: "",
            target: "/storage/v1/",
        };
        bucket
            .proxy
            .inject(all, 1_000, Fault::Answer(status, answer(reason, message)));
        store.write("small.txt", "content");
        store.write("large.bin", noise(1, 9 * MIB));
        for args in [
            &["upload", "small.txt"][..],
            &["upload", "large.bin", "--no-compress"],
            &["gc"],
        ] {
            let outcome = store.run(args).expect_code(code);
            outcome.says(&[says, "hint"]);
        }
    }
}

/// A key of nobody's, made for this test.
fn service_account(folder: &Path) -> PathBuf {
    let made = Command::new(venv("python"))
        .args([
            "-c",
            "from cryptography.hazmat.primitives.asymmetric import rsa\n\
             from cryptography.hazmat.primitives import serialization as s\n\
             k = rsa.generate_private_key(public_exponent=65537, key_size=2048)\n\
             print(k.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())",
        ])
        .output()
        .expect("python can be run: tests/servers/install installs it");
    let key = String::from_utf8(made.stdout).expect("a text");
    let key = format!("{}\n", key.trim());
    assert!(key.contains("PRIVATE KEY"), "no key was made");
    let content = serde_json::json!({
        "type": "service_account",
        "client_email": "ci@tests.iam.gserviceaccount.com",
        "private_key": key,
        "private_key_id": "1", "client_id": "1", "project_id": "tests",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let path = folder.join("key.json");
    fs::write(&path, content.to_string()).expect("it can be written");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_names_its_object_and_who_pays() {
    let Some(bucket) = Bucket::new() else { return };
    let key = sample::blob_key("odd names/100% ü.log");
    let store = bucket.store();
    let put = store.put(key.clone(), body("content"), PutOptions::default());
    put.await.expect("it is put");
    let folder = tempfile::tempdir().expect("a folder");
    let signing = OpendalStore::gcs(&GcsOptions {
        credentials_path: Some(service_account(folder.path())),
        project: Some("ci-1234".to_owned()),
        ..bucket.options()
    });
    let signing = signing.expect("it opens");
    assert!(signing.capabilities().presign);
    for (method, valid_for) in [(PresignMethod::Get, 900), (PresignMethod::Put, 60)] {
        let request = PresignRequest {
            method,
            valid_for: Duration::from_secs(valid_for),
            file_name: Some("build log.txt".to_owned()),
        };
        let signed = signing
            .presign(key.clone(), request)
            .await
            .expect("it is signed");
        assert!(signed.headers.is_empty(), "{:?}", signed.headers);
        for part in [
            "userProject=ci-1234".to_owned(),
            format!("X-Goog-Expires={valid_for}"),
            "X-Goog-Signature=".to_owned(),
        ] {
            assert!(signed.url.contains(&part), "{part}");
        }
        let is_get = method == PresignMethod::Get;
        assert_eq!(signed.url.contains("response-content-disposition="), is_get);
        let path = signed
            .url
            .strip_prefix(bucket.proxy.endpoint())
            .expect("its endpoint");
        let args: &[&str] = if is_get {
            &[]
        } else {
            &["--request", "PUT", "--data-binary", "other"]
        };
        let (status, answer) = bucket.emulator.curl(args, path);
        assert_eq!(
            (status, answer.as_str()),
            (200, if is_get { "content" } else { "" })
        );
    }
    let stream = bucket.store().get(key, None).await.expect("it is there");
    let chunks: Vec<_> = stream.try_collect().await.expect("it is read");
    assert_eq!(chunks.concat(), b"other");
}
