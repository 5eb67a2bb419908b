//! Changes that a server makes, told one by one as it makes them. Knows no HTTP.

use artifact_api::{Artifact, ChangeRequest};
use artifact_app::{Change, Changed, KeepFor, RetentionChange};
use artifact_client::{decode, query_of};
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRef, Error, Result};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::{Records, Remote};

impl Remote {
    pub(super) fn change(
        &self,
        artifacts: &[ArtifactRef],
        filter: Option<Filter>,
        change: Change,
        dry_run: bool,
    ) -> BoxStream<'_, Result<Changed>> {
        let changed = self.changes(artifacts, filter, said(change), dry_run);
        let changed = changed.map(|changed| {
            let changed = changed?;
            Ok(Changed {
                record: changed.artifact.into_record()?,
                is_changed: changed.changed,
            })
        });
        changed.boxed()
    }

    pub(super) fn set_retention(
        &self,
        artifacts: &[ArtifactRef],
        filter: Option<Filter>,
        keep: KeepFor,
        dry_run: bool,
    ) -> BoxStream<'_, Result<RetentionChange>> {
        let change = match keep {
            KeepFor::Days(days) => artifact_api::Change::KeepDays(days),
            KeepFor::Ever => artifact_api::Change::KeepForever,
            KeepFor::Rules => artifact_api::Change::KeepByRules,
        };
        let changed = self.changes(artifacts, filter, change, dry_run);
        let changed = changed.map(|changed| {
            let changed = changed?;
            Ok(RetentionChange {
                record: changed.artifact.into_record()?,
                before: changed.expires_at_before,
                is_changed: changed.changed,
            })
        });
        changed.boxed()
    }

    pub(super) fn held(&self, filter: Filter) -> Records<'_> {
        let begun = async move {
            let pairs = query_of(&filter)?;
            let lines = self.client.read_lines("/holds", &pairs, None).await?;
            Ok::<_, Error>(decode(lines, Artifact::into_record))
        };
        begun.into_stream().try_flatten().boxed()
    }

    fn changes(
        &self,
        artifacts: &[ArtifactRef],
        filter: Option<Filter>,
        change: artifact_api::Change,
        dry_run: bool,
    ) -> BoxStream<'_, Result<artifact_api::Changed>> {
        let request = ChangeRequest {
            artifacts: artifacts.iter().map(ToString::to_string).collect(),
            change,
            dry_run,
        };
        let begun = async move {
            let lines = self.client.change(&request, filter.as_ref()).await?;
            Ok::<_, Error>(decode(lines, Ok))
        };
        begun.into_stream().try_flatten().boxed()
    }
}

fn said(change: Change) -> artifact_api::Change {
    use artifact_api::Change as Said;
    match change {
        Change::AddTags(tags) => Said::AddTags(tags),
        Change::SetTags(tags) => Said::SetTags(tags),
        Change::RemoveTags(asked) => Said::RemoveTags(asked.into_iter().map(Into::into).collect()),
        Change::SetMetadata(entries) => Said::SetMetadata(entries),
        Change::RemoveMetadata(keys) => Said::RemoveMetadata(keys),
        Change::PatchMetadata(patch) => Said::PatchMetadata(patch),
        Change::Hold { reason, by } => Said::Hold { reason, by },
        Change::ReleaseHold => Said::ReleaseHold,
    }
}
