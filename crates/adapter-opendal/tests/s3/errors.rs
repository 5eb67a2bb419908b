//! What is wrong is told apart, and said so that a person can mend it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use adapter_opendal::{AccessKeys, OpendalStore, S3Options};
use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobPrefix, Error, ErrorKind};
use artifact_testkit::{body, sample};
use futures::TryStreamExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use crate::bucket::{self, SECRET_KEY, Service};

/// A service that gives one answer to everything, and how often it gave it.
async fn answering(status: u16, body: String) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (counted, body) = (Arc::clone(&counted), body.clone());
            let answer = hyper::service::service_fn(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                let answer = http::Response::builder().status(status).body(body.clone());
                std::future::ready(Ok::<_, Infallible>(answer.unwrap()))
            });
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(socket), answer).await;
            });
        }
    });
    (address, count)
}

fn code(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
}

async fn put(options: S3Options) -> Error {
    let store = OpendalStore::s3(options).await.unwrap();
    let put = store.put(sample::blob_key("k"), body("x"), PutOptions::default());
    put.await.unwrap_err()
}

async fn list(options: S3Options) -> Error {
    let store = OpendalStore::s3(options).await.unwrap();
    let listing = async { store.list(BlobPrefix::all()).await?.try_next().await };
    listing.await.unwrap_err()
}

/// What every such error is: named, with something to do, not retried again, without the secret.
fn assert_helpful(error: &Error) {
    assert!(error.hint().is_some(), "{error}");
    assert!(!error.is_transient(), "{error}");
    assert!(!error.message().contains('\n') && error.message().len() < 300);
    assert!(!format!("{error:?}").contains(SECRET_KEY), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_refuses_is_told_apart() {
    for (status, name, kind, word) in [
        (
            404,
            "NoSuchBucket",
            ErrorKind::InvalidInput,
            "bucket does not exist",
        ),
        (
            301,
            "PermanentRedirect",
            ErrorKind::InvalidInput,
            "another region",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            ErrorKind::InvalidInput,
            "another region",
        ),
        (
            403,
            "RequestTimeTooSkewed",
            ErrorKind::Unauthenticated,
            "clock",
        ),
        (
            403,
            "InvalidAccessKeyId",
            ErrorKind::Unauthenticated,
            "access key",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            ErrorKind::Unauthenticated,
            "secret key",
        ),
        (400, "ExpiredToken", ErrorKind::Unauthenticated, "expired"),
        (
            403,
            "AccessDenied",
            ErrorKind::PermissionDenied,
            "do not allow",
        ),
        (403, "QuotaExceeded", ErrorKind::StorageFull, "quota"),
        (507, "XMinioStorageFull", ErrorKind::StorageFull, "room"),
        (400, "BadDigest", ErrorKind::Integrity, "damaged"),
        (400, "EntityTooLarge", ErrorKind::TooLarge, "size"),
        (503, "SlowDown", ErrorKind::Unavailable, "slow down"),
        (500, "InternalError", ErrorKind::Unavailable, "passing"),
        (400, "SomethingNew", ErrorKind::Internal, "refuses"),
    ] {
        let (address, _) = answering(status, code(name)).await;
        let mut options = bucket::options_at(address);
        options.retries = 0;
        let (put, list) = (put(options.clone()).await, list(options).await);
        assert!(put.message().starts_with("put blob `artifacts/"), "{put}");
        assert!(list.message().contains(": list blobs in"), "{list}");
        assert!(
            list.message().contains("s3://"),
            "it names the bucket: {list}"
        );
        for error in [put, list] {
            assert_eq!(error.kind(), kind, "{name}: {error:?}");
            assert!(error.message().contains(word), "{name}: {error}");
            assert!(kind == ErrorKind::TooLarge || error.hint().is_some());
        }
    }
}

/// Google's service does not say what it is that is not found.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_found_is_no_empty_one() {
    let (address, _) = answering(404, "{}".to_owned()).await;
    let error = list(bucket::options_at(address)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("bucket does not exist"), "{error}");
    assert_helpful(&error);
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_retried_and_lasting_ones_are_not() {
    for (status, name, retries, expected) in [
        (503, "SlowDown", 2, 3),
        (500, "InternalError", 1, 2),
        (429, "TooManyRequests", 1, 2),
        (503, "SlowDown", 0, 1),
        (403, "AccessDenied", 3, 1),
        (501, "NotImplemented", 3, 1),
        (400, "BadDigest", 3, 1),
    ] {
        let (address, count) = answering(status, code(name)).await;
        let mut options = bucket::options_at(address);
        options.retries = retries;
        let error = put(options.clone()).await;
        assert_eq!(count.swap(0, Ordering::Relaxed), expected, "put: {error}");
        assert!(!error.is_transient());
        let error = list(options.clone()).await;
        assert_eq!(count.swap(0, Ordering::Relaxed), expected, "list: {error}");
        let store = OpendalStore::s3(options).await.unwrap();
        let get = store.get(sample::blob_key("k"), None).await;
        assert!(!get.err().unwrap().is_transient());
        assert_eq!(count.swap(0, Ordering::Relaxed), expected, "get");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_told_apart() {
    let service = Service::start().await;
    let keys = |access_key: &str, secret_key: &str| {
        let (access_key, secret_key) = (access_key.to_owned(), secret_key.to_owned());
        let mut options = service.options();
        options.access_keys = Some(AccessKeys {
            access_key,
            secret_key,
        });
        options
    };
    let error = put(keys(bucket::ACCESS_KEY, "wrong")).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(error.message().contains("secret key"), "{error}");
    assert_helpful(&error);
    let error = list(keys("nobody", SECRET_KEY)).await;
    assert!(matches!(
        error.kind(),
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied
    ));
    assert_helpful(&error);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_answer_is_told_apart() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let service = Service::start().await;
    let plain = service.address.port();
    for (url, word) in [
        (format!("http://127.0.0.1:{port}"), "connected to"),
        ("http://no-such-host.invalid".to_owned(), "host name"),
        (format!("https://127.0.0.1:{plain}"), "TLS"),
    ] {
        let mut options = service.options();
        options.endpoint_url = Some(url);
        options.retries = 0;
        let error = put(options).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.message().contains(word), "{error:?}");
        assert_helpful(&error);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_refused_at_once() {
    for url in ["127.0.0.1:9000", "ftp://x", "http://", "http://x/bucket"] {
        let options = S3Options {
            endpoint_url: Some(url.to_owned()),
            ..bucket::options_at(([127, 0, 0, 1], 1).into())
        };
        let error = OpendalStore::s3(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}: {error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn secrets_do_not_print() {
    let options = bucket::options_at(([127, 0, 0, 1], 1).into());
    assert!(!format!("{options:?}").contains(SECRET_KEY));
}
