//! Taking versions in from elsewhere, and the mark that nothing is missing.

use artifact_domain::port::{ArtifactIndex, ImportVersion, Imported};
use artifact_domain::{ArtifactRecord, ErrorKind, Revision, State, Version};
use bytes::Bytes;

use super::{archive, begun, everything, found, hold, ids, kind, selected, stored, upload};
use crate::{Subject, sample};

fn without_table(record: ArtifactRecord) -> ImportVersion {
    ImportVersion {
        record,
        seek_table: None,
    }
}

async fn imported(index: &dyn ArtifactIndex, records: Vec<ArtifactRecord>) -> Vec<Imported> {
    let versions = records.into_iter().map(without_table).collect();
    index.import(versions).await.unwrap()
}

fn record(name: &str) -> ArtifactRecord {
    sample::record("spec", "task", "log", name)
}

/// A live, an archived, a held and a deleted version come back exactly as they were.
pub async fn a_version_is_taken_in_as_it_is(index: Subject<dyn ArtifactIndex>) {
    let mut records = ["active", "archived", "held", "deleted"].map(record);
    records[0].tags = sample::tags(&["a=1", "b"]);
    records[0].metadata = sample::metadata(r#"{"k":[1,null]}"#);
    records[0].expires_at = Some(sample::at(86_400));
    records[0].retention_days = Some(1);
    records[0].revision = Revision::new(17);
    records[0].version = Version::new(9).unwrap();
    archive(&mut records[1]);
    hold(&mut records[2]);
    records[3].state = State::Deleted;
    let outcomes = imported(&*index, records.to_vec()).await;
    assert_eq!(outcomes, [Imported::Added; 4]);
    for record in &records {
        assert_eq!(found(&*index, record.id).await.as_ref(), Some(record));
    }
}

/// What was taken in is found by every way, counted, due, and goes on from there.
pub async fn what_was_taken_in_is_like_the_rest(index: Subject<dyn ArtifactIndex>) {
    let mut record = sample::record("spec", "task", "log", "build.log");
    record.tags = sample::tags(&["k=v"]);
    record.version = Version::new(4).unwrap();
    record.expires_at = Some(sample::at(100));
    imported(&*index, vec![record.clone()]).await;
    let filter = artifact_domain::query::Filter {
        tags: vec![artifact_domain::query::TagFilter::parse("k=v").unwrap()],
        ..everything()
    };
    let by_tag = selected(&*index, filter, sample::now()).await;
    assert_eq!(ids(&by_tag), [record.id]);
    let coordinate = record.coordinate.clone();
    let newest = index.find_newest(coordinate.clone(), sample::now()).await;
    assert_eq!(newest.unwrap().map(|found| found.id), Some(record.id));
    let usage = index.usage().await.unwrap();
    assert_eq!((usage.len(), usage[0].count), (1, 1));
    assert_eq!(usage[0].size_bytes, 100);
    let due = index
        .due_for_expiry(sample::at(101), None, 10)
        .await
        .unwrap();
    assert_eq!(ids(&due), [record.id]);
    let next = begun(&*index, upload()).await;
    assert_eq!(next.version, Version::new(5).unwrap());
    let gone = index.update(record.into_deleted().unwrap()).await.unwrap();
    index.remove(gone.id).await.unwrap();
    assert_eq!(found(&*index, gone.id).await, None);
}

/// Seek tables come along.
pub async fn its_seek_table_comes_along(index: Subject<dyn ArtifactIndex>) {
    let (with, without) = (record("with"), record("without"));
    let table = Bytes::from_static(b"\0\xfftable");
    let versions = vec![
        ImportVersion {
            record: with.clone(),
            seek_table: Some(table.clone()),
        },
        without_table(without.clone()),
    ];
    index.import(versions).await.unwrap();
    assert_eq!(index.seek_table(with.id).await.unwrap(), Some(table));
    assert_eq!(index.seek_table(without.id).await.unwrap(), None);
}

/// What is known stays as it is, and taking in can be repeated.
pub async fn what_is_known_stays_as_it_is(index: Subject<dyn ArtifactIndex>) {
    let known = stored(&*index, upload(), 7).await;
    let uploading = begun(&*index, sample::upload("spec", "task", "log", "on its way")).await;
    let mut older = known.clone();
    older.revision = Revision::default();
    older.tags = sample::tags(&["other"]);
    let mut ended = record("on its way");
    ended.id = uploading.id;
    let new = record("new");
    for expected in [Imported::Added, Imported::Known] {
        let outcomes = imported(&*index, vec![older.clone(), ended.clone(), new.clone()]).await;
        assert_eq!(outcomes, [Imported::Known, Imported::Known, expected]);
    }
    assert_eq!(found(&*index, known.id).await, Some(known));
    assert_eq!(found(&*index, uploading.id).await, Some(uploading));
    assert_eq!(
        index
            .usage()
            .await
            .unwrap()
            .iter()
            .map(|row| row.count)
            .sum::<u64>(),
        3
    );
}

/// A version number that another version has is not given twice, within one call either.
pub async fn a_version_that_is_taken_is_not_stored(index: Subject<dyn ArtifactIndex>) {
    let known = stored(&*index, upload(), 7).await;
    let rival = sample::record("spec", "task", "log", "build.log");
    assert_eq!(
        imported(&*index, vec![rival.clone()]).await,
        [Imported::VersionTaken]
    );
    assert_eq!(found(&*index, rival.id).await, None);
    let (first, second) = (record("x"), record("x"));
    let outcomes = imported(&*index, vec![first.clone(), second, first]).await;
    assert_eq!(
        outcomes,
        [Imported::Added, Imported::VersionTaken, Imported::Known]
    );
    assert_eq!(found(&*index, known.id).await, Some(known));
}

/// An upload on its way, and a state that disagrees with the content, are refused with all that
/// came along.
pub async fn what_disagrees_is_refused_whole(index: Subject<dyn ArtifactIndex>) {
    let mut uploading = record("uploading");
    uploading.state = State::Uploading;
    let mut empty = record("empty");
    empty.content = None;
    let mut leased = record("leased");
    leased.lease_until = Some(sample::at(60));
    for wrong in [uploading, empty, leased] {
        let good = record("good");
        let versions = vec![without_table(good.clone()), without_table(wrong)];
        assert_eq!(kind(index.import(versions).await), ErrorKind::InvalidInput);
        assert_eq!(found(&*index, good.id).await, None);
    }
    assert!(index.usage().await.unwrap().is_empty());
}

/// Nothing can be taken in, and thousands can, in one call.
pub async fn thousands_are_taken_in_at_once(index: Subject<dyn ArtifactIndex>) {
    assert_eq!(imported(&*index, Vec::new()).await, []);
    let records: Vec<_> = (0..2_000).map(|n| record(&n.to_string())).collect();
    let outcomes = imported(&*index, records).await;
    assert_eq!(outcomes, vec![Imported::Added; 2_000]);
    assert_eq!(index.usage().await.unwrap()[0].count, 2_000);
}

/// A new index is not complete until it is marked, whatever is in it; marking again is no error.
pub async fn a_new_index_is_complete_once_it_is_marked(index: Subject<dyn ArtifactIndex>) {
    assert!(!index.is_complete().await.unwrap());
    imported(&*index, vec![record("x")]).await;
    stored(&*index, upload(), 7).await;
    assert!(!index.is_complete().await.unwrap());
    for _ in 0..2 {
        index.mark_complete().await.unwrap();
        assert!(index.is_complete().await.unwrap());
    }
}
