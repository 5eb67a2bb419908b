//! Connections that stay open and say nothing more: what waits for them is asked for again, and told
//! where that never helps.

use std::time::Duration;

use adapter_opendal::OpendalStore;
use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobKey, BlobPrefix, ErrorKind, Result};
use artifact_testkit::{body, collect, sample};
use futures::TryStreamExt;

use crate::bucket::{self, Service};
use crate::faults::{bytes, put, read};
use crate::proxy::{Cuts, Proxy};
use crate::sweep::present_plus;

const MIB: usize = 1 << 20;

/// A store by way of a proxy whose first connections stand still, which it waits for no longer than
/// so many milliseconds.
async fn stalled(
    service: &Service,
    cuts: Cuts,
    (patience_ms, retries): (u64, u32),
) -> (OpendalStore, Proxy) {
    let proxy = Proxy::start(service.address, cuts).await;
    let mut options = bucket::options_at(proxy.address);
    options.patience = Some(Duration::from_millis(patience_ms));
    options.retries = retries;
    (OpendalStore::s3(options).await.unwrap(), proxy)
}

fn cuts(connections: usize, sent: usize, received: usize) -> Cuts {
    Cuts {
        connections,
        sent,
        received,
        stalls: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_stands_still_goes_on_where_it_was() {
    let service = Service::start().await;
    let direct = OpendalStore::s3(service.options()).await.unwrap();
    let (key, all) = (sample::blob_key("long"), bytes(30 * MIB, 1));
    put(&direct, &key, &all).await;
    let still = cuts(3, usize::MAX, 5 * MIB);
    let (store, proxy) = stalled(&service, still, (1_000, 10)).await;
    assert!(read(&store, &key).await == all, "bytes differ");
    assert_eq!(proxy.cut(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_an_upload_that_stands_still_is_sent_again() {
    let service = Service::start().await;
    let still = cuts(2, 6 * MIB, usize::MAX);
    let (store, proxy) = stalled(&service, still, (500, 10)).await;
    let (key, all) = (sample::blob_key("long"), bytes(40 * MIB + 5, 2));
    put(&store, &key, &all).await;
    assert_eq!(proxy.cut(), 2);
    let direct = OpendalStore::s3(service.options()).await.unwrap();
    assert!(read(&direct, &key).await == all, "bytes differ");
}

const CALLS: [&str; 7] = [
    "put",
    "put in parts",
    "stat",
    "list",
    "get",
    // A request that the driver does not make.
    "leftovers",
    "delete",
];

async fn call(store: &OpendalStore, key: &BlobKey, name: &str) -> Result<()> {
    let key = key.clone();
    let options = PutOptions::default();
    match name {
        "put" => store.put(key, body("x"), options).await.map(drop),
        "put in parts" => {
            let long = body(bytes(9 * MIB, 1));
            store.put(key, long, options).await.map(drop)
        }
        "stat" => store.stat(key).await.map(drop),
        "list" => {
            let mut listing = store.list(BlobPrefix::all()).await?;
            listing.try_next().await.map(drop)
        }
        "get" => collect(store.get(key, None).await?).await.map(drop),
        "leftovers" => {
            let now = present_plus(Duration::ZERO);
            store.leftovers(now).await.map(drop)
        }
        "delete" => {
            let failures = store.delete(vec![key]).await?;
            let mut failures = failures.into_iter().map(|failure| failure.error);
            failures.next().map_or(Ok(()), Err)
        }
        other => panic!("no call is named {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_not_answered_are_made_again() {
    let service = Service::start().await;
    let key = sample::blob_key("k");
    for name in CALLS {
        // Not even the head of an answer, at first.
        let still = cuts(2, usize::MAX, 10);
        let (store, proxy) = stalled(&service, still, (500, 10)).await;
        let done = call(&store, &key, name).await;
        assert!(done.is_ok(), "{name}: {done:?}");
        assert_eq!(proxy.cut(), 2, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_never_answers_is_told() {
    let service = Service::start().await;
    let key = sample::blob_key("k");
    for name in CALLS {
        let still = cuts(usize::MAX, usize::MAX, 10);
        let (store, proxy) = stalled(&service, still, (200, 1)).await;
        let error = call(&store, &key, name).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}: {error:?}");
        let says = error.message().contains("did not answer in time");
        assert!(says, "{name}: {error}");
        assert!(error.hint().is_some(), "{name}: {error}");
        assert!(!error.is_transient(), "{name} was made again: {error}");
        assert!(proxy.cut() >= 2, "{name} was not made again");
    }
}
