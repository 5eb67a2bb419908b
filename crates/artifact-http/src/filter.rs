//! The parameters that select artifacts and a page of them, as `artifact search` has them. Knows no
//! route.

use std::time::Duration;

use artifact_app::Store;
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::query::{Filter, TagFilter, Versions};
use artifact_domain::{Error, Result};
use serde::Deserialize;

use crate::params::{all_parsed, parsed};

/// The longest time back that is asked for.
const MOST_DAYS: u32 = 365_000;

/// What to select, in which order, and which page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FilterParams {
    spec: Option<String>,
    task: Option<String>,
    r#type: Vec<String>,
    name: Option<String>,
    tag: Vec<String>,
    after: Option<String>,
    before: Option<String>,
    days: Option<u32>,
    min_size: Option<String>,
    max_size: Option<String>,
    state: Vec<String>,
    all_versions: bool,
    pub(crate) sort: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<String>,
}

impl FilterParams {
    /// What they select.
    pub(crate) fn filter(&self, store: &Store) -> Result<Filter> {
        if self.after.is_some() && self.days.is_some() {
            return Err(Error::invalid_input("after and days exclude each other"));
        }
        if self.days.is_some_and(|days| days > MOST_DAYS) {
            let message = format!("days is at most {MOST_DAYS}");
            return Err(Error::invalid_input(message));
        }
        let days_ago = |days: u32| {
            let span = Duration::from_hours(24).saturating_mul(days);
            store.now().saturating_sub(span)
        };
        let tags = self.tag.iter().map(|text| TagFilter::parse(text));
        let size = |text: &Option<String>| -> Result<Option<u64>> {
            Ok(parsed::<ByteSize>(text.as_deref())?.map(ByteSize::bytes))
        };
        let mut filter = Filter {
            spec: parsed(self.spec.as_deref())?,
            task: parsed(self.task.as_deref())?,
            name: parsed(self.name.as_deref())?,
            types: all_parsed(&self.r#type)?,
            tags: tags.collect::<Result<_>>()?,
            created_from: parsed(self.after.as_deref())?.or(self.days.map(days_ago)),
            created_before: parsed(self.before.as_deref())?,
            min_size_bytes: size(&self.min_size)?,
            max_size_bytes: size(&self.max_size)?,
            ..Filter::default()
        };
        if !self.state.is_empty() {
            filter.states = all_parsed(&self.state)?;
        }
        if self.all_versions {
            filter.versions = Versions::All;
        }
        Ok(filter)
    }
}
