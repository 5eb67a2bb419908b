//! Sums: how much is stored now, and how much was on each day.

use artifact_api::{TrendDay, UsageGroup, UsageSummary};
use artifact_app::{UsageKey, view};
use artifact_domain::access::Target;
use artifact_domain::query::{Filter, TagFilter};
use artifact_domain::{Error, Result, SpecName};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reply;
use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// How many days a trend has where nobody says.
const USUAL_DAYS: u32 = 30;

/// By what to sum up.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// Sums by `spec`, `type`, `state` or `tier`; several times for all of several
    by: Vec<String>,
    /// Only this spec
    spec: Option<String>,
}

/// How much is stored.
#[derive(Debug, Serialize, ToSchema)]
struct Usage {
    #[serde(flatten)]
    all: UsageSummary,
    groups: Vec<UsageGroup>,
}

/// How much is stored: the sum of all, or of a spec, and those of its groups.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    tag = "sums",
    params(UsageParams),
    responses(
        (status = 200, description = "The sums", body = Usage),
        Problems,
    ),
)]
pub(crate) async fn usage(
    caller: Caller,
    Params(params): Params<UsageParams>,
) -> Result<Response, Problem> {
    let keys: Vec<_> = params.by.iter().map(|by| key(by)).collect::<Result<_>>()?;
    let spec = parsed::<SpecName>(params.spec.as_deref())?;
    // Sums of a spec are those of all its tasks.
    let target = spec.as_ref().map_or(Target::Store, Target::Spec);
    let usage = caller.at(target).await?.usage().await?;
    let groups = match &keys[..] {
        [] => Vec::new(),
        keys => usage.by(keys, spec.as_ref()),
    };
    let groups = groups
        .iter()
        .map(|(group, sum)| view::usage::group(group, sum));
    let mut all = view::usage::summary(&usage, spec.as_ref());
    if !caller.sees_all().await {
        // How full the store is tells of what is in other specs.
        all.held_bytes = usage.total_of(spec.as_ref()).held_bytes();
        all.limit_bytes = None;
        all.used_ratio = None;
        all.warning = None;
    }
    let document = Usage {
        groups: groups.collect(),
        all,
    };
    Ok(reply::json(StatusCode::OK, &document))
}

fn key(text: &str) -> Result<UsageKey> {
    match text {
        "spec" => Ok(UsageKey::Spec),
        "type" => Ok(UsageKey::Type),
        "state" => Ok(UsageKey::State),
        "tier" => Ok(UsageKey::Tier),
        _ => Err(Error::invalid_input("by is one of spec, type, state, tier")),
    }
}

/// What to count, and over how many days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrendParams {
    /// Of this type; several times for one of several
    r#type: Vec<String>,
    /// So many days, up to today
    #[param(minimum = 1)]
    days: Option<u32>,
    /// Specs that match this pattern
    spec: Option<String>,
    /// Tasks that match this pattern
    task: Option<String>,
    /// Names that match this pattern
    name: Option<String>,
    /// With this tag
    tag: Vec<String>,
}

/// How much was stored on each day.
#[derive(Debug, Serialize, ToSchema)]
struct Trend {
    days: Vec<TrendDay>,
}

/// How much of something was stored on each day.
#[utoipa::path(
    get,
    path = "/api/v1/trend",
    tag = "sums",
    params(TrendParams),
    responses(
        (status = 200, description = "Every day", body = Trend),
        Problems,
    ),
)]
pub(crate) async fn trend(
    caller: Caller,
    Params(params): Params<TrendParams>,
) -> Result<Response, Problem> {
    let tags = params.tag.iter().map(|text| TagFilter::parse(text));
    let filter = Filter {
        spec: parsed(params.spec.as_deref())?,
        task: parsed(params.task.as_deref())?,
        name: parsed(params.name.as_deref())?,
        types: all_parsed(&params.r#type)?,
        tags: tags.collect::<Result<_>>()?,
        ..Filter::default()
    };
    let days = params.days.unwrap_or(USUAL_DAYS);
    let (store, filter) = caller.among(filter).await?;
    let days = store.trend(filter, days).await?;
    let days = days.iter().map(view::trend::day).collect();
    Ok(reply::json(StatusCode::OK, &Trend { days }))
}
