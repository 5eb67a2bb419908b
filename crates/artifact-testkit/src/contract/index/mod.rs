//! The contract of `ArtifactIndex`.

pub mod abandoned;
pub mod area;
pub mod begin;
pub mod commit;
pub mod concurrency;
pub mod expiry;
pub mod extremes;
pub mod filter;
pub mod find;
pub mod import;
pub mod mark;
pub mod newest;
pub mod order;
pub mod paging;
pub mod recount;
pub mod remove;
pub mod renew;
pub mod reserve;
pub mod seek_table;
pub mod stateful;
pub mod supersede;
pub mod update;
pub mod usage;

use artifact_domain::port::{ArtifactIndex, CommitUpload, Committed, NewUpload, Supersede};
use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{ArtifactId, ArtifactRecord, Hold, Result, State, Timestamp};

use crate::sample;

/// The artifact that a case is about when it does not matter which.
fn upload() -> NewUpload {
    sample::upload("spec", "task", "log", "build.log")
}

/// Begins an upload that must succeed.
async fn begun(index: &dyn ArtifactIndex, upload: NewUpload) -> ArtifactRecord {
    index.begin(upload).await.unwrap()
}

/// Begins and commits a version of so many bytes, and leaves the others alone.
async fn stored(index: &dyn ArtifactIndex, upload: NewUpload, size_bytes: u64) -> ArtifactRecord {
    let id = begun(index, upload).await.id;
    let committed = index.commit(sample::commit(id, size_bytes)).await.unwrap();
    committed.record
}

/// Commits a version of 100 bytes in place of the older ones.
async fn commit_superseding(index: &dyn ArtifactIndex, id: ArtifactId) -> Committed {
    let commit = CommitUpload {
        supersede: Supersede::Older,
        ..sample::commit(id, 100)
    };
    index.commit(commit).await.unwrap()
}

/// Changes a record, in a way that must be legal.
async fn changed(
    index: &dyn ArtifactIndex,
    mut record: ArtifactRecord,
    change: impl FnOnce(&mut ArtifactRecord),
) -> ArtifactRecord {
    change(&mut record);
    index.update(record).await.unwrap()
}

/// Marks a version as deleted.
async fn deleted(index: &dyn ArtifactIndex, record: ArtifactRecord) -> ArtifactRecord {
    let record = record.into_deleted().unwrap();
    index.update(record).await.unwrap()
}

/// Moves a version to the archive.
fn archive(record: &mut ArtifactRecord) {
    record.state = State::Archived;
    record.tier = artifact_domain::Tier::Cold;
    record.archived_at = Some(sample::at(60));
}

/// Puts a version on hold.
fn hold(record: &mut ArtifactRecord) {
    record.hold = Some(Hold {
        reason: Some("audit".to_owned()),
        by: None,
        since: sample::at(1),
    });
}

/// The record as it is now.
async fn found(index: &dyn ArtifactIndex, id: ArtifactId) -> Option<ArtifactRecord> {
    index.find(id).await.unwrap()
}

/// A filter that leaves nothing out but what has expired.
fn everything() -> Filter {
    Filter {
        states: State::ALL.to_vec(),
        versions: Versions::All,
        ..Filter::default()
    }
}

/// The answer to a query that fits one page.
async fn selected(
    index: &dyn ArtifactIndex,
    filter: Filter,
    now: Timestamp,
) -> Vec<ArtifactRecord> {
    let page = index.query(Query::new(filter, now)).await.unwrap();
    assert_eq!(page.next, None, "more than one page");
    page.items
}

/// The names of what a query selects at the time of the samples, sorted.
async fn names(index: &dyn ArtifactIndex, filter: Filter) -> Vec<String> {
    let records = selected(index, filter, sample::now()).await;
    let mut names: Vec<_> = records.iter().map(name).collect();
    names.sort();
    names
}

fn name(record: &ArtifactRecord) -> String {
    record.coordinate.name().to_string()
}

fn ids(records: &[ArtifactRecord]) -> Vec<ArtifactId> {
    records.iter().map(|record| record.id).collect()
}

fn kind<T>(result: Result<T>) -> artifact_domain::ErrorKind {
    crate::contract::failure(result).kind()
}
