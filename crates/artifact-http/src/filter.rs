//! The parameters that select artifacts, and those of a page of them, as `artifact search` has them. Knows
//! no route.

use std::time::Duration;

use artifact_app::Store;
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::query::{Filter, TagFilter, Versions};
use artifact_domain::{Error, Result};
use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// The longest time back that is asked for.
const MOST_DAYS: u32 = 365_000;

/// What to select.
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
}

/// In which order, and which page.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
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

/// What to select, and which page of it.
#[derive(Debug)]
pub(crate) struct Paged {
    pub(crate) filter: FilterParams,
    pub(crate) page: PageParams,
}

impl<S: Send + Sync> FromRequestParts<S> for Paged {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = parts.uri.clone();
        let query = asked.query().unwrap_or_default().split('&');
        let (of_page, of_filter): (Vec<_>, Vec<_>) = query.partition(|part| is_of_page(part));
        parts.uri = with_query(&of_filter)?;
        let filter = Params::from_request_parts(parts, state).await;
        parts.uri = with_query(&of_page)?;
        let page = Params::from_request_parts(parts, state).await;
        parts.uri = asked;
        let (Params(filter), Params(page)) = (filter?, page?);
        Ok(Self { filter, page })
    }
}

fn is_of_page(part: &str) -> bool {
    let key = part.split('=').next().unwrap_or_default();
    let key = percent_decode_str(key).decode_utf8_lossy();
    matches!(&*key, "sort" | "limit" | "cursor")
}

fn with_query(parts: &[&str]) -> Result<Uri> {
    let uri = format!("/?{}", parts.join("&")).parse();
    uri.map_err(|cause: http::uri::InvalidUri| {
        Error::invalid_input("the query can't be read").with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of a query, or why nothing is.
    async fn paged(query: &str) -> Result<Paged, String> {
        let request = http::Request::get(format!("/api/v1/artifacts?{query}"));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let asked = parts.uri.clone();
        let paged = Paged::from_request_parts(&mut parts, &()).await;
        assert_eq!(parts.uri, asked, "who comes next sees another query");
        paged.map_err(|problem| format!("{problem:?}"))
    }

    #[tokio::test]
    async fn each_parameter_goes_where_it_belongs() {
        let found = paged("tag=a&limit=3&tag=b%26c&%73ort=size&spec=s*&days=7&cursor=c")
            .await
            .unwrap();
        let filter = FilterParams {
            spec: Some("s*".to_owned()),
            tag: vec!["a".to_owned(), "b&c".to_owned()],
            days: Some(7),
            ..FilterParams::default()
        };
        let page = PageParams {
            sort: Some("size".to_owned()),
            limit: Some(3),
            cursor: Some("c".to_owned()),
        };
        assert_eq!((found.filter, found.page), (filter, page));
        let none = paged("").await.unwrap();
        assert_eq!(
            (none.filter, none.page),
            (FilterParams::default(), PageParams::default())
        );
    }

    #[tokio::test]
    async fn what_is_unknown_empty_or_no_number_is_named() {
        for (query, named) in [
            ("limits=3", "limits"),
            ("limit=", "limit"),
            ("limit=x", "limit"),
            ("limit=1&limit=2", "limit"),
            ("spec=", "spec"),
            ("days=x", "days"),
            ("limit%3D=3", "limit="),
        ] {
            let wrong = paged(query).await.unwrap_err();
            assert!(wrong.contains(named), "{query}: {wrong}");
        }
    }
}
