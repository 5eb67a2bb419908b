//! What can be said of an artifact that is uploaded, beside its bytes and its name.

use artifact_domain::{ArtifactType, Metadata, MimeType, Result, SpecName, Tag, Tags, TaskId};
use clap::Args;

use crate::meta_entry::MetaEntry;
use crate::task;

/// Flags of verbs that make artifacts.
#[derive(Debug, Args)]
pub(crate) struct AboutArgs {
    /// The project [default: `$ARTIFACT_SPEC`, or `default`]
    #[arg(long)]
    spec: Option<SpecName>,
    /// The run [default: `$ARTIFACT_TASK`, the CI's run id, or `local`]
    #[arg(long, visible_aliases = ["job", "execution"])]
    task: Option<TaskId>,
    /// What it is [default: guessed from name and content]
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<ArtifactType>,
    /// A tag; can be given several times
    #[arg(long = "tag", value_name = "K[=V]")]
    tags: Vec<Tag>,
    /// A key of free metadata and its JSON value; can be given several times
    #[arg(long = "meta", value_name = "K=JSON")]
    meta: Vec<MetaEntry>,
    /// The media type [default: guessed from name and content]
    #[arg(long = "mime", value_name = "TYPE")]
    mime_type: Option<MimeType>,
    /// Keep it for this many days [default: by the settings]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retention_days: Option<u32>,
}

/// What was said, checked, with what the environment says where nothing was.
pub(crate) struct About {
    pub(crate) spec: SpecName,
    pub(crate) task: TaskId,
    /// To be guessed where it was not said.
    pub(crate) artifact_type: Option<ArtifactType>,
    /// To be guessed where it was not said.
    pub(crate) mime_type: Option<MimeType>,
    pub(crate) tags: Tags,
    pub(crate) metadata: Metadata,
    pub(crate) retention_days: Option<u32>,
}

impl AboutArgs {
    pub(crate) fn check(self) -> Result<About> {
        let entries = self.meta.into_iter().map(|MetaEntry(k, v)| (k, v));
        Ok(About {
            tags: Tags::from_tags(self.tags)?,
            metadata: Metadata::new(entries.collect())?,
            spec: task::spec_or_default(self.spec)?,
            task: task::task_or_default(self.task)?,
            artifact_type: self.artifact_type,
            mime_type: self.mime_type,
            retention_days: self.retention_days,
        })
    }
}
