//! Looking after the store: cleaning up, collecting garbage, verifying. An answer comes when all is
//! done, with the sums and the first items.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use artifact_app::{
    CleanupItem, CleanupOptions, CleanupOutcome, CleanupReport, GcItem, GcOptions, GcReport,
    VerifyOptions, VerifyScope, view,
};
use artifact_domain::access::Target;
use artifact_domain::query::{Filter, Versions};
use artifact_domain::{Error, Result};
use axum::response::Response;
use futures::TryStreamExt;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::reply;
use crate::api::schemas::{CleanupDocument, GcDocument, Problems, VerificationDocument};
use crate::gate::Caller;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// How many items an answer names.
const MOST: usize = 1_000;

/// How many versions are verified at once.
const READERS: usize = 2;

/// The first items of something long, and the first errors.
#[derive(Debug, Clone, Default)]
struct First(Arc<Mutex<(Vec<Value>, Vec<Value>)>>);

impl First {
    fn add(&self, item: impl FnOnce() -> Value) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.0.len() < MOST {
            all.0.push(item());
        }
    }

    fn failed(&self, error: &Error) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.1.len() < MOST {
            let kind = error.kind().as_str();
            all.1
                .push(json!({ "kind": kind, "detail": error.message() }));
        }
    }

    /// Adds them to the sums.
    fn into_answer(self, mut sums: Value, name: &str) -> Response {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        sums[name] = all.0.into();
        sums["failures"] = all.1.into();
        reply::json(StatusCode::OK, &sums)
    }
}

/// How to clean up.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CleanupParams {
    /// Says what would be done, and does nothing
    dry_run: bool,
    /// Trusts the clock though it is earlier than what is stored
    force: bool,
}

/// Takes away what has expired.
#[utoipa::path(
    post,
    path = "/api/v1/cleanup",
    tag = "upkeep",
    params(CleanupParams),
    responses(
        (status = 200, description = "What was done", body = CleanupDocument),
        Problems,
    ),
)]
pub(crate) async fn cleanup(
    caller: Caller,
    Params(params): Params<CleanupParams>,
) -> Result<Response, Problem> {
    let options = CleanupOptions {
        trust_clock: params.force,
    };
    let store = caller.at(Target::Store).await?.clone();
    let (first, app) = (First::default(), caller.app());
    let report = if params.dry_run {
        let mut report = CleanupReport::default();
        let mut plan = std::pin::pin!(store.cleanup_plan(options));
        while let Some(item) = plan.try_next().await? {
            report.count(&item, &CleanupOutcome::Done);
            first.add(|| view::cleanup::item(&item));
        }
        report
    } else {
        let (told, metrics) = (first.clone(), app.metrics.clone());
        app.finish(async move {
            let tell = move |item: &CleanupItem, outcome: &CleanupOutcome| match outcome {
                CleanupOutcome::Done => told.add(|| view::cleanup::item(item)),
                CleanupOutcome::Failed(error) => told.failed(error),
                CleanupOutcome::Changed => {}
            };
            let ran = store.cleanup(options, tell).await;
            metrics.cleaned_up(&ran, store.now());
            ran
        })
        .await?
    };
    let sums = view::cleanup::report(&report, params.dry_run);
    Ok(first.into_answer(sums, "items"))
}

/// How to collect garbage.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GcParams {
    /// Says what would be done, and does nothing
    dry_run: bool,
    /// How old a blob must be that nothing names
    #[param(minimum = 1, maximum = 1_000_000)]
    grace_hours: Option<u32>,
}

/// Clears what nobody will read any more.
#[utoipa::path(
    post,
    path = "/api/v1/gc",
    tag = "upkeep",
    params(GcParams),
    responses(
        (status = 200, description = "What was done", body = GcDocument),
        Problems,
    ),
)]
pub(crate) async fn gc(
    caller: Caller,
    Params(params): Params<GcParams>,
) -> Result<Response, Problem> {
    let mut options = GcOptions::default();
    if let Some(hours) = params.grace_hours {
        if !(1..=1_000_000).contains(&hours) {
            return Err(Error::invalid_input("grace_hours is 1 to 1000000").into());
        }
        options.grace = Duration::from_hours(hours.into());
    }
    let store = caller.at(Target::Store).await?.clone();
    let (first, app) = (First::default(), caller.app());
    let report = if params.dry_run {
        let mut report = GcReport::default();
        let mut plan = std::pin::pin!(store.gc_plan(options));
        while let Some(item) = plan.try_next().await? {
            report.items += 1;
            report.size_bytes += item.size_bytes;
            first.add(|| view::gc::item(&item));
        }
        report
    } else {
        let (told, metrics) = (first.clone(), app.metrics.clone());
        app.finish(async move {
            let tell = move |item: &GcItem| told.add(|| view::gc::item(item));
            let ran = store.gc(options, tell).await;
            metrics.collected(&ran, store.now());
            ran
        })
        .await?
    };
    for error in &report.failures {
        first.failed(error);
    }
    let mut sums = view::gc::report(&report, params.dry_run);
    sums["cleared"] = sums["items"].take();
    Ok(first.into_answer(sums, "items"))
}

/// What to verify.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerifyParams {
    /// Specs that match this pattern
    spec: Option<String>,
    /// Tasks that match this pattern
    task: Option<String>,
    /// Of this type
    r#type: Vec<String>,
    /// Names that match this pattern
    name: Option<String>,
    /// Marks what is lost, mends what can be mended
    repair: bool,
}

/// Reads versions to their end and compares them with what is recorded.
#[utoipa::path(
    post,
    path = "/api/v1/verify",
    tag = "upkeep",
    params(VerifyParams),
    responses(
        (status = 200, description = "What was done", body = VerificationDocument),
        Problems,
    ),
)]
pub(crate) async fn verify(
    caller: Caller,
    Params(params): Params<VerifyParams>,
) -> Result<Response, Problem> {
    let options = VerifyOptions {
        scope: params.scope()?,
        repair: params.repair,
        readers: READERS,
    };
    let store = caller.at(Target::Store).await?.clone();
    let (first, app) = (First::default(), caller.app());
    let told = first.clone();
    let report = app
        .finish(async move {
            let tell = move |finding: Option<&_>, _: &_| {
                if let Some(finding) = finding {
                    told.add(|| view::verify::finding(finding));
                }
            };
            store.verify(options, tell).await
        })
        .await?;
    let mut sums = view::verify::report(&report);
    sums["found"] = sums["findings"].take();
    Ok(first.into_answer(sums, "findings"))
}

impl VerifyParams {
    fn scope(&self) -> Result<VerifyScope> {
        let is_all = self.spec.is_none() && self.task.is_none() && self.name.is_none();
        if is_all && self.r#type.is_empty() {
            return Ok(VerifyScope::Everything);
        }
        let filter = Filter {
            spec: parsed(self.spec.as_deref())?,
            task: parsed(self.task.as_deref())?,
            name: parsed(self.name.as_deref())?,
            types: all_parsed(&self.r#type)?,
            versions: Versions::All,
            ..Filter::default()
        };
        Ok(VerifyScope::Selected(Box::new(filter)))
    }
}
