//! Seek tables.

use artifact_domain::port::{ArtifactIndex, CommitUpload};
use bytes::Bytes;

use super::{archive, begun, changed, commit_superseding, deleted, upload};
use crate::{Subject, sample};

async fn committed(
    index: &dyn ArtifactIndex,
    table: Option<Bytes>,
) -> artifact_domain::ArtifactRecord {
    let commit = CommitUpload {
        seek_table: table,
        ..sample::commit(begun(index, upload()).await.id, 5)
    };
    index.commit(commit).await.unwrap().record
}

/// The table that a version was committed with is kept byte for byte: small, empty, of 100 KB.
pub async fn a_table_is_kept_byte_for_byte(index: Subject<dyn ArtifactIndex>) {
    let large: Bytes = (0..=255).cycle().take(100_000).collect();
    for table in [Bytes::from_static(b"\0\xff table"), Bytes::new(), large] {
        let record = committed(&*index, Some(table.clone())).await;
        let kept = index.seek_table(record.id).await.unwrap();
        assert!(
            kept == Some(table),
            "{:?} bytes",
            kept.map(|kept| kept.len())
        );
    }
}

/// A version without one, an upload on its way, and what is not known have none.
pub async fn without_a_table_there_is_none(index: Subject<dyn ArtifactIndex>) {
    let live = committed(&*index, None).await.id;
    let uploading = begun(&*index, upload()).await.id;
    for id in [live, uploading, sample::fresh_id()] {
        assert_eq!(index.seek_table(id).await.unwrap(), None);
    }
}

/// A table outlives every change of its version, and goes when that is removed.
pub async fn a_table_goes_with_its_version(index: Subject<dyn ArtifactIndex>) {
    let table = Bytes::from_static(b"table");
    let kept = async |id| index.seek_table(id).await.unwrap();
    let record = committed(&*index, Some(table.clone())).await;
    let record = changed(&*index, record, archive).await;
    assert_eq!(kept(record.id).await, Some(table.clone()));
    let new = begun(&*index, upload()).await.id;
    commit_superseding(&*index, new).await;
    assert_eq!(kept(record.id).await, Some(table));
    index.remove(record.id).await.unwrap();
    assert_eq!(kept(record.id).await, None);
    let again = committed(&*index, Some(Bytes::from_static(b"other"))).await;
    assert_eq!(kept(again.id).await, Some(Bytes::from_static(b"other")));
    assert_eq!(kept(record.id).await, None);
    deleted(&*index, again).await;
}

/// Committing again changes no table.
pub async fn committing_again_changes_no_table(index: Subject<dyn ArtifactIndex>) {
    let record = committed(&*index, Some(Bytes::from_static(b"first"))).await;
    for table in [None, Some(Bytes::from_static(b"second"))] {
        let again = CommitUpload {
            seek_table: table,
            ..sample::commit(record.id, 5)
        };
        index.commit(again).await.unwrap();
        let kept = index.seek_table(record.id).await.unwrap();
        assert_eq!(kept, Some(Bytes::from_static(b"first")));
    }
}
