//! The flags that select artifacts, for every verb that works on what they select.

use std::time::Duration;

use artifact_bootstrap::settings::ByteSize;
use artifact_domain::query::{Filter, Glob, TagFilter};
use artifact_domain::{ArtifactType, State, Timestamp};
use clap::Args;

use crate::when::When;

/// What to select.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Specs that match this pattern
    #[arg(long, value_name = "GLOB")]
    spec: Option<Glob>,
    /// Tasks that match this pattern
    #[arg(long, visible_aliases = ["job", "execution"], value_name = "GLOB")]
    task: Option<Glob>,
    /// This type; several times for one of several
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<ArtifactType>,
    /// Names that match this pattern
    #[arg(long, value_name = "GLOB")]
    name: Option<Glob>,
    /// With this tag, whatever its value, or with this value; several times for all of several
    #[arg(long = "tag", value_name = "K[=V]", value_parser = TagFilter::parse)]
    tags: Vec<TagFilter>,
    /// Created at this time or later, in UTC where no offset is given
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    after: Option<When>,
    /// Created before this time
    #[arg(long, value_name = "TIME")]
    before: Option<When>,
    /// Created within this many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=365_000))]
    days: Option<u32>,
    /// At least this large, by original bytes
    #[arg(long, value_name = "SIZE")]
    min_size: Option<ByteSize>,
    /// At most this large
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,
    /// In this state; several times for one of several [default: active and archived]
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<State>,
}

impl FilterArgs {
    /// What the flags select, of each artifact its newest version.
    pub(crate) fn filter(&self, now: Timestamp) -> Filter {
        let days_ago =
            |days: u32| now.saturating_sub(Duration::from_hours(24).saturating_mul(days));
        let mut filter = Filter {
            spec: self.spec.clone(),
            task: self.task.clone(),
            name: self.name.clone(),
            types: self.types.clone(),
            tags: self.tags.clone(),
            created_from: self.after.map(|when| when.0).or(self.days.map(days_ago)),
            created_before: self.before.map(|when| when.0),
            min_size_bytes: self.min_size.map(ByteSize::bytes),
            max_size_bytes: self.max_size.map(ByteSize::bytes),
            ..Filter::default()
        };
        if !self.states.is_empty() {
            filter.states.clone_from(&self.states);
        }
        filter
    }

    /// Whether no flag was given.
    pub(crate) fn is_empty(&self) -> bool {
        let texts = self.spec.is_none() && self.task.is_none() && self.name.is_none();
        let lists = self.types.is_empty() && self.tags.is_empty() && self.states.is_empty();
        let times = self.after.is_none() && self.before.is_none() && self.days.is_none();
        texts && lists && times && self.min_size.is_none() && self.max_size.is_none()
    }
}
