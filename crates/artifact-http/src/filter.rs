//! The parameters that select artifacts and a page of them, as `artifact search` has them. Knows no
//! route.

use std::time::Duration;

use artifact_app::Store;
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::query::{Cursor, Filter, Order, PageSize, TagFilter, Versions};
use artifact_domain::{Error, Result};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::params::{all_parsed, parsed};

/// The longest time back that is asked for.
const MOST_DAYS: u32 = 365_000;

/// What to select, in which order, and which page.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterParams {
    /// Specs that match this pattern
    pub(crate) spec: Option<String>,
    /// Tasks that match this pattern
    pub(crate) task: Option<String>,
    /// Of this type; several times for one of several
    pub(crate) r#type: Vec<String>,
    /// Names that match this pattern
    pub(crate) name: Option<String>,
    /// With this tag, `KEY` or `KEY=VALUE`; several times for all of several
    pub(crate) tag: Vec<String>,
    /// Created then or later, RFC 3339
    #[param(format = DateTime)]
    pub(crate) after: Option<String>,
    /// Created before, RFC 3339
    #[param(format = DateTime)]
    pub(crate) before: Option<String>,
    /// Created within so many days
    #[param(maximum = 365_000)]
    pub(crate) days: Option<u32>,
    /// At least this large: `1MB`
    #[param(pattern = "^[0-9]{1,9}(B|KB|MB|GB)?$")]
    pub(crate) min_size: Option<String>,
    /// At most this large
    #[param(pattern = "^[0-9]{1,9}(B|KB|MB|GB)?$")]
    pub(crate) max_size: Option<String>,
    /// In this state; several times for one of several
    pub(crate) state: Vec<String>,
    /// All versions, not only the newest of each artifact
    pub(crate) all_versions: bool,
    /// `created` (newest first), `size` (largest first) or `name`
    #[param(pattern = "^(created|size|name)$")]
    pub(crate) sort: Option<String>,
    /// How many at most
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
    /// The `next_cursor` of the page before
    pub(crate) cursor: Option<String>,
}

impl FilterParams {
    /// What they select.
    pub(crate) fn filter(&self, store: &Store) -> Result<Filter> {
        // Also where there are no pages: what makes no sense is never passed over.
        parsed::<Order>(self.sort.as_deref())?;
        parsed::<Cursor>(self.cursor.as_deref())?;
        self.limit.map(PageSize::new).transpose()?;
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
