//! What a verb works on: artifacts that were named, or what flags select; never both.

use artifact_domain::query::{Filter, Versions};
use artifact_domain::{ArtifactRef, Error, Result, Timestamp};
use clap::Args;

use crate::filter::FilterArgs;

/// What a verb works on.
#[derive(Debug)]
pub(crate) enum Selection {
    /// These.
    Named(Vec<ArtifactRef>),
    /// What the filter selects.
    Filtered(Box<Filter>),
}

/// Artifacts, or flags that select some.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// URIs or ids
    #[arg(value_name = "URI|ID", conflicts_with = "FilterArgs")]
    artifacts: Vec<ArtifactRef>,
    #[command(flatten)]
    what: FilterArgs,
}

impl SelectionArgs {
    /// What was named or is selected, where nothing is not everything. The flags select `versions`.
    pub(crate) fn selection(self, now: Timestamp, versions: Versions) -> Result<Selection> {
        if !self.artifacts.is_empty() {
            return Ok(Selection::Named(self.artifacts));
        }
        if self.what.is_empty() {
            return Err(Error::invalid_input(
                "neither artifacts were named nor flags given that select some",
            )
            .with_hint("name a URI or an id; for everything say --spec '*'"));
        }
        Ok(Selection::filtered(&self.what, now, versions))
    }
}

impl Selection {
    /// What flags select.
    pub(crate) fn filtered(what: &FilterArgs, now: Timestamp, versions: Versions) -> Self {
        Self::Filtered(Box::new(Filter {
            versions,
            ..what.filter(now)
        }))
    }
}
