//! Counters, which always agree with the records.

use std::collections::BTreeMap;

use artifact_domain::port::{ArtifactIndex, CommitUpload, UsageRow};
use artifact_domain::{ArtifactId, Content, Tier};

use super::{archive, begun, changed, commit_superseding, deleted, stored};
use crate::{Subject, sample};

/// Counts anew, from the records themselves.
async fn recount(index: &dyn ArtifactIndex, ids: &[ArtifactId]) -> Vec<UsageRow> {
    let mut rows = BTreeMap::new();
    for id in ids {
        let Some(record) = index.find(*id).await.unwrap() else {
            continue;
        };
        let at = &record.coordinate;
        let key = (
            at.spec().clone(),
            at.artifact_type().clone(),
            record.state,
            record.tier,
        );
        let row = rows.entry(key).or_insert((0, 0, 0));
        row.0 += 1;
        row.1 += record.content.as_ref().map_or(0, |c| c.size_bytes);
        row.2 += record.content.as_ref().map_or(0, |c| c.stored_size_bytes);
        row.2 += record.reserved_bytes;
    }
    let rows = rows.into_iter();
    rows.map(|((spec, artifact_type, state, tier), sums)| UsageRow {
        spec,
        artifact_type,
        state,
        tier,
        count: sums.0,
        size_bytes: sums.1,
        stored_size_bytes: sums.2,
    })
    .collect()
}

/// An empty index has no rows.
pub async fn an_empty_index_has_no_rows(index: Subject<dyn ArtifactIndex>) {
    assert_eq!(index.usage().await.unwrap(), []);
}

/// After each step of a life the counters agree with the records; an upload on its way counts no
/// bytes, and rows without a version are left out.
pub async fn counters_agree_after_each_step(index: Subject<dyn ArtifactIndex>) {
    let upload = super::upload();
    let ids = [upload.id];
    let agree = async |rows| {
        let usage = index.usage().await.unwrap();
        assert_eq!(usage, recount(&*index, &ids).await);
        assert_eq!(usage.len(), rows);
        usage
            .first()
            .map(|row| (row.size_bytes, row.stored_size_bytes))
    };
    begun(&*index, upload.clone()).await;
    assert_eq!(agree(1).await, Some((0, 0)));
    index.renew(upload.id, sample::at(9_000)).await.unwrap();
    assert_eq!(agree(1).await, Some((0, 0)));
    let commit = CommitUpload {
        content: Content {
            stored_size_bytes: 40,
            ..sample::content(100)
        },
        ..sample::commit(upload.id, 100)
    };
    let record = index.commit(commit.clone()).await.unwrap().record;
    assert_eq!(agree(1).await, Some((100, 40)));
    index.commit(commit).await.unwrap();
    assert_eq!(agree(1).await, Some((100, 40)));
    let record = changed(&*index, record, archive).await;
    agree(1).await;
    let record = changed(&*index, record, |r| r.content = Some(sample::content(7))).await;
    assert_eq!(agree(1).await, Some((7, 7)));
    let record = changed(&*index, record, |r| r.tier = Tier::Warm).await;
    agree(1).await;
    let record = deleted(&*index, record).await;
    assert_eq!(agree(1).await, Some((7, 7)));
    index.remove(record.id).await.unwrap();
    assert_eq!(agree(0).await, None);
    index.remove(record.id).await.unwrap();
    agree(0).await;
}

/// Steps that are refused count nothing.
pub async fn refused_steps_count_nothing(index: Subject<dyn ArtifactIndex>) {
    let upload = super::upload();
    let record = stored(&*index, upload.clone(), 10).await;
    let before = index.usage().await.unwrap();
    assert!(index.begin(upload).await.is_err());
    assert!(index.renew(record.id, sample::at(1)).await.is_err());
    assert!(index.commit(sample::commit(record.id, 11)).await.is_err());
    assert!(index.remove(record.id).await.is_err());
    let mut stale = record;
    stale.revision = stale.revision.next();
    stale.content = Some(sample::content(5));
    assert!(index.update(stale).await.is_err());
    assert_eq!(index.usage().await.unwrap(), before);
}

/// Superseded versions are counted as deleted from the same moment, and so is a late one.
pub async fn superseded_versions_are_counted_as_deleted(index: Subject<dyn ArtifactIndex>) {
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(stored(&*index, super::upload(), 10).await.id);
    }
    let late = begun(&*index, super::upload()).await.id;
    let new = begun(&*index, super::upload()).await.id;
    all.extend([late, new]);
    for id in [new, late] {
        commit_superseding(&*index, id).await;
        let usage = index.usage().await.unwrap();
        assert_eq!(usage, recount(&*index, &all).await);
    }
    let counts: Vec<_> = index.usage().await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|row| (row.count, row.size_bytes))
        .collect();
    assert_eq!(counts, [(1, 100), (4, 130)]);
}

/// Rows are kept apart by spec, type, state and tier, and come in their order.
pub async fn rows_come_in_order(index: Subject<dyn ArtifactIndex>) {
    let mut all = Vec::new();
    for spec in ["b", "B", "a/b", "a"] {
        for artifact_type in ["other", "diff", "custom:z", "custom:a", "log", "build-log"] {
            for name in ["1", "2", "3"] {
                let upload = sample::upload(spec, "t", artifact_type, name);
                let record = stored(&*index, upload, 10).await;
                all.push(record.id);
                if name == "2" {
                    changed(&*index, record, archive).await;
                } else if name == "3" {
                    changed(&*index, record, |r| r.tier = Tier::Warm).await;
                }
            }
        }
    }
    let usage = index.usage().await.unwrap();
    assert_eq!(usage.len(), 4 * 6 * 3);
    assert!(usage.is_sorted());
    assert_eq!(usage, recount(&*index, &all).await);
}
