//! What has become of what a verb asked for, from either place, and what the store on this machine does
//! one by one. Knows no server.

use artifact_app::{Change, Changed, DeleteReport, KeepFor, RetentionChange, Store};
use artifact_domain::{ArtifactRef, Error, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

/// How many of those that were named are changed at once.
const CONCURRENCY: usize = 16;

/// What a deletion came to.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    pub(crate) versions: u64,
    pub(crate) stored_size_bytes: u64,
    pub(crate) failures: Vec<Error>,
}

impl From<DeleteReport> for Deleted {
    fn from(report: DeleteReport) -> Self {
        let failures = report.failures.into_iter();
        Self {
            versions: report.deleted,
            stored_size_bytes: report.stored_size_bytes,
            failures: failures.map(|failure| failure.error).collect(),
        }
    }
}

pub(super) fn change_each(
    store: &Store,
    artifacts: Vec<ArtifactRef>,
    change: Change,
    dry_run: bool,
) -> BoxStream<'_, Result<Changed>> {
    let one = move |artifact| {
        let change = change.clone();
        async move {
            if dry_run {
                store.plan_change(&artifact, &change).await
            } else {
                store.change(&artifact, &change).await
            }
        }
    };
    stream::iter(artifacts)
        .map(one)
        .buffered(CONCURRENCY)
        .boxed()
}

pub(super) fn keep_each(
    store: &Store,
    artifacts: Vec<ArtifactRef>,
    keep: KeepFor,
    dry_run: bool,
) -> BoxStream<'_, Result<RetentionChange>> {
    let one = move |artifact| async move {
        if dry_run {
            store.plan_set_retention(&artifact, keep).await
        } else {
            store.set_retention(&artifact, keep).await
        }
    };
    stream::iter(artifacts).then(one).boxed()
}
