//! Each call is counted under its own name, and so is each error.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::port::{
    ArtifactIndex, BlobStore, ImportVersion, LockKey, LockManager, LockPatience, PresignMethod,
    PresignRequest, PutOptions,
};
use artifact_domain::query::{Filter, Query};
use artifact_domain::{BlobPrefix, Error, ErrorKind, Result, Tier, Version};
use artifact_meter::{Meter, MeteredBlobs, MeteredIndex, MeteredLocks, Operation, Reading};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation,
    MemoryBlobStore, MemoryIndex, MemoryLocks, When, body, collect, sample,
};
use futures::TryStreamExt;

/// Runs a call and asserts that it was counted, once, as this operation and no other.
async fn counted<T>(meter: &Meter, operation: Operation, call: impl Future<Output = T>) -> T {
    let count_all = || -> Vec<_> {
        let counts = meter.readings().map(|read| (read.operation, read.count()));
        counts.collect()
    };
    let before = count_all();
    let given = call.await;
    let of = |counts: &[(Operation, u64)], which: Operation| {
        let found = counts.iter().find(|(one, _)| *one == which);
        found.map_or(0, |(_, count)| *count)
    };
    let after = count_all();
    for which in Operation::ALL {
        let new = of(&after, which) - of(&before, which);
        assert_eq!(new, u64::from(which == operation), "{which:?}");
    }
    given
}

fn reading(meter: &Meter, operation: Operation) -> Reading {
    let mut readings = meter.readings();
    let found = readings.find(|read| read.operation == operation);
    found.expect("it was called")
}

#[tokio::test]
async fn every_call_of_an_index_has_its_name() {
    use Operation as Op;
    let meter = Meter::new();
    let index = MeteredIndex::new(Arc::new(MemoryIndex::new()), meter.clone());
    let now = sample::now();
    let upload = sample::upload("s", "t", "log", "a");
    let (id, place) = (upload.id, upload.coordinate.clone());
    let none = sample::reservation(0, 1_000_000);
    let version = ImportVersion {
        record: sample::record("s", "t", "log", "b"),
        seek_table: None,
    };
    let query = Query::new(Filter::default(), now);
    counted(&meter, Op::IndexBegin, index.begin(upload))
        .await
        .unwrap();
    counted(&meter, Op::IndexRenew, index.renew(id, now))
        .await
        .unwrap();
    counted(&meter, Op::IndexReserve, index.reserve(id, none))
        .await
        .unwrap();
    let commit = index.commit(sample::commit(id, 7));
    let record = counted(&meter, Op::IndexCommit, commit)
        .await
        .unwrap()
        .record;
    counted(&meter, Op::IndexUpdate, index.update(record))
        .await
        .unwrap();
    counted(&meter, Op::IndexFind, index.find(id))
        .await
        .unwrap();
    let found = index.find_version(place.clone(), Version::FIRST);
    counted(&meter, Op::IndexFindVersion, found).await.unwrap();
    let newest = index.find_newest(place, now);
    counted(&meter, Op::IndexFindNewest, newest).await.unwrap();
    counted(&meter, Op::IndexQuery, index.query(query))
        .await
        .unwrap();
    counted(&meter, Op::IndexUsage, index.usage())
        .await
        .unwrap();
    counted(&meter, Op::IndexRecount, index.recount(false))
        .await
        .unwrap();
    let due = index.due_for_expiry(now, None, 1);
    counted(&meter, Op::IndexDueForExpiry, due).await.unwrap();
    let abandoned = index.abandoned_uploads(now, 1);
    counted(&meter, Op::IndexAbandonedUploads, abandoned)
        .await
        .unwrap();
    counted(&meter, Op::IndexSeekTable, index.seek_table(id))
        .await
        .unwrap();
    counted(&meter, Op::IndexImport, index.import(vec![version]))
        .await
        .unwrap();
    counted(&meter, Op::IndexIsComplete, index.is_complete())
        .await
        .unwrap();
    counted(&meter, Op::IndexMarkComplete, index.mark_complete())
        .await
        .unwrap();
    counted(&meter, Op::IndexRetentionMark, index.retention_mark())
        .await
        .unwrap();
    let set = index.set_retention_mark(None, None);
    counted(&meter, Op::IndexSetRetentionMark, set)
        .await
        .unwrap();
    let refused = counted(&meter, Op::IndexRemove, index.remove(id)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    let removals = reading(&meter, Op::IndexRemove);
    assert_eq!(removals.errors, [(ErrorKind::Conflict, 1)]);
    assert!(
        meter
            .readings()
            .filter(|read| read.operation != Op::IndexRemove)
            .all(|read| read.errors.is_empty())
    );
}

#[tokio::test]
async fn every_call_of_a_blob_store_has_its_name() {
    use Operation as Op;
    let meter = Meter::new();
    let blobs = MeteredBlobs::new(Arc::new(MemoryBlobStore::new()), meter.clone());
    let (key, other) = (sample::blob_key("a"), sample::blob_key("b"));
    let put = blobs.put(key.clone(), body("abc"), PutOptions::default());
    counted(&meter, Op::BlobsPut, put).await.unwrap();
    let get = counted(&meter, Op::BlobsGet, blobs.get(key.clone(), None)).await;
    assert_eq!(collect(get.unwrap()).await.unwrap(), "abc");
    counted(&meter, Op::BlobsStat, blobs.stat(key.clone()))
        .await
        .unwrap();
    let listed = counted(&meter, Op::BlobsList, blobs.list(BlobPrefix::all())).await;
    assert_eq!(
        listed.unwrap().try_collect::<Vec<_>>().await.unwrap().len(),
        1
    );
    let request = PresignRequest {
        method: PresignMethod::Get,
        valid_for: Duration::from_mins(1),
        file_name: None,
    };
    let signed = blobs.presign(key.clone(), request);
    assert!(counted(&meter, Op::BlobsPresign, signed).await.is_err());
    let copy = blobs.copy_to_tier(key.clone(), other, Tier::Warm);
    assert!(counted(&meter, Op::BlobsCopyToTier, copy).await.is_err());
    let restore = blobs.restore(key.clone(), 1);
    assert!(counted(&meter, Op::BlobsRestore, restore).await.is_err());
    counted(&meter, Op::BlobsLeftovers, blobs.leftovers(sample::now()))
        .await
        .unwrap();
    counted(&meter, Op::BlobsSweep, blobs.sweep(sample::now()))
        .await
        .unwrap();
    counted(&meter, Op::BlobsDelete, blobs.delete(vec![key]))
        .await
        .unwrap();
    for operation in [Op::BlobsPresign, Op::BlobsCopyToTier, Op::BlobsRestore] {
        let errors = reading(&meter, operation).errors;
        assert_eq!(errors, [(ErrorKind::Unsupported, 1)]);
    }
}

#[tokio::test]
async fn every_call_of_locks_and_guards_has_its_name() {
    use Operation as Op;
    let meter = Meter::new();
    let locks = MeteredLocks::new(Arc::new(MemoryLocks::new()), meter.clone());
    let key = || LockKey::job("j");
    let once = LockPatience {
        timeout: Duration::ZERO,
        ..LockPatience::default()
    };
    let guard = counted(&meter, Op::LocksAcquire, locks.acquire(key(), once))
        .await
        .unwrap();
    let second = counted(&meter, Op::LocksAcquire, locks.acquire(key(), once)).await;
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Locked);
    counted(&meter, Op::LocksIsLocked, locks.is_locked(key()))
        .await
        .unwrap();
    counted(&meter, Op::LocksHolder, locks.holder(key()))
        .await
        .unwrap();
    counted(&meter, Op::LocksRelease, guard.release())
        .await
        .unwrap();
    counted(&meter, Op::LocksForceUnlock, locks.force_unlock(key()))
        .await
        .unwrap();
    let tries = reading(&meter, Op::LocksAcquire);
    assert_eq!(
        (tries.count(), tries.errors),
        (2, vec![(ErrorKind::Locked, 1)])
    );
}

#[tokio::test]
async fn what_hesitates_is_in_a_class_of_its_own() {
    let meter = Meter::new();
    let slow = FaultyIndex::new(Arc::new(MemoryIndex::new()));
    let delay = Duration::from_millis(60);
    slow.inject(IndexOperation::Usage, When::Next, IndexFault::Delay(delay));
    let index = MeteredIndex::new(Arc::new(slow), meter.clone());
    index.usage().await.unwrap();
    index.usage().await.unwrap();
    let read = reading(&meter, Operation::IndexUsage);
    assert!(read.took >= delay, "{read:?}");
    let quick = artifact_meter::UPPER_ENDS.partition_point(|end| *end < delay);
    assert_eq!(read.classes[quick..].iter().sum::<u64>(), 1, "{read:?}");
}

#[tokio::test]
async fn an_error_on_the_way_of_a_stream_counts_and_a_dropped_call_does_not() {
    let meter = Meter::new();
    let faulty = FaultyBlobStore::new(Arc::new(MemoryBlobStore::new()));
    let broken = BlobFault::BreakAfter(2, ErrorKind::Unavailable);
    faulty.inject(BlobOperation::Get, When::Next, broken);
    let blobs = MeteredBlobs::new(Arc::new(faulty), meter.clone());
    let key = sample::blob_key("a");
    let put = |stream| blobs.put(key.clone(), stream, PutOptions::default());
    put(body("abc")).await.unwrap();
    let stream = blobs.get(key.clone(), None).await.unwrap();
    assert!(reading(&meter, Operation::BlobsGet).errors.is_empty());
    collect(stream).await.unwrap_err();
    let read = reading(&meter, Operation::BlobsGet);
    assert_eq!(
        (read.count(), read.errors),
        (1, vec![(ErrorKind::Unavailable, 1)])
    );

    // The first bytes never come.
    let silent: futures::stream::Pending<Result<bytes::Bytes>> = futures::stream::pending();
    let waiting = tokio::time::timeout(Duration::from_millis(20), put(Box::pin(silent)));
    assert!(waiting.await.is_err());
    assert_eq!(reading(&meter, Operation::BlobsPut).count(), 1);
    let fault = Error::new(ErrorKind::TooLarge, "too much");
    let fails = futures::stream::iter([Err(fault)]);
    put(Box::pin(fails)).await.unwrap_err();
    let read = reading(&meter, Operation::BlobsPut);
    assert_eq!(
        (read.count(), read.errors),
        (2, vec![(ErrorKind::TooLarge, 1)])
    );
}
