//! Looking after the store: cleaning up, collecting garbage, verifying. An answer comes when all is
//! done, with the sums and the first items.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use artifact_app::{
    CleanupItem, CleanupOptions, CleanupOutcome, CleanupReport, GcItem, GcOptions, GcReport, Store,
    VerifyOptions, VerifyScope, view,
};
use artifact_domain::access::Target;
use artifact_domain::query::{Filter, Versions};
use artifact_domain::{Error, Result};
use axum::response::Response;
use futures::TryStreamExt;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::lines;
use super::reply;
use super::upkeep_lines;
use crate::api::schemas::Problems;
use crate::filter::FilterParams;
use crate::gate::Caller;
use crate::params::{Params, parsed};
use crate::problem::Problem;

/// How many items an answer names.
const MOST: usize = 1_000;

/// How many versions are verified at once.
const READERS: usize = 2;

/// How many may be asked for.
const MOST_READERS: usize = 16;

/// The first items of something long, and the first errors.
#[derive(Debug, Clone, Default)]
struct First(Arc<Mutex<(Vec<Value>, Vec<Failure>)>>);

/// Something that could not be done; the rest was.
#[derive(Debug, Serialize, ToSchema)]
struct Failure {
    kind: &'static str,
    detail: String,
}

impl First {
    fn add<T: Serialize>(&self, item: impl FnOnce() -> T) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.0.len() < MOST {
            all.0.push(json!(item()));
        }
    }

    fn failed(&self, error: &Error) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.1.len() < MOST {
            all.1.push(Failure {
                kind: error.kind().as_str(),
                detail: error.message().to_owned(),
            });
        }
    }

    /// The items and the errors.
    fn take(self) -> (Vec<Value>, Vec<Failure>) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a cleanup did, or would do.
#[derive(Debug, Serialize, ToSchema)]
struct Cleanup {
    /// Versions that went
    expired: u64,
    stored_size_bytes: u64,
    /// Versions with another time of expiry
    restamped: u64,
    /// Versions that others have changed meanwhile
    changed: u64,
    failed: u64,
    dry_run: bool,
    /// The first of them
    #[schema(value_type = Vec<serde_json::Map<String, Value>>)]
    items: Vec<Value>,
    failures: Vec<Failure>,
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
        (status = 200, description = "What was done", body = Cleanup),
        Problems,
    ),
)]
pub(crate) async fn cleanup(
    caller: Caller,
    Params(params): Params<CleanupParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let options = CleanupOptions {
        trust_clock: params.force,
    };
    let store = caller.at(Target::Store).await?.clone();
    let (first, app) = (First::default(), caller.app());
    if lines::are_wanted(&headers) {
        return Ok(upkeep_lines::cleanup(app, store, options, params.dry_run));
    }
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
    let (items, failures) = first.take();
    let done = Cleanup {
        expired: sums.expired,
        stored_size_bytes: sums.stored_size_bytes,
        restamped: sums.restamped,
        changed: sums.changed,
        failed: sums.failed,
        dry_run: sums.dry_run,
        items,
        failures,
    };
    Ok(reply::json(StatusCode::OK, &done))
}

/// What collecting garbage did, or would do.
#[derive(Debug, Serialize, ToSchema)]
struct Gc {
    /// How many items went
    cleared: u64,
    size_bytes: u64,
    /// Whose metadata was folded or written again
    tasks: u64,
    failed: u64,
    dry_run: bool,
    /// The first of them
    #[schema(value_type = Vec<serde_json::Map<String, Value>>)]
    items: Vec<Value>,
    failures: Vec<Failure>,
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
        (status = 200, description = "What was done", body = Gc),
        Problems,
    ),
)]
pub(crate) async fn gc(
    caller: Caller,
    Params(params): Params<GcParams>,
    headers: HeaderMap,
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
    if lines::are_wanted(&headers) {
        return Ok(upkeep_lines::gc(app, store, options, params.dry_run));
    }
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
    let sums = view::gc::report(&report, params.dry_run);
    let (items, failures) = first.take();
    let done = Gc {
        cleared: sums.items,
        size_bytes: sums.size_bytes,
        tasks: sums.tasks,
        failed: sums.failed,
        dry_run: sums.dry_run,
        items,
        failures,
    };
    Ok(reply::json(StatusCode::OK, &done))
}

/// What verifying has shown.
#[derive(Debug, Serialize, ToSchema)]
struct Verification {
    versions: u64,
    size_bytes: u64,
    /// Versions whose bytes can't be read now
    unread: u64,
    /// How many findings there are
    found: u64,
    mended: u64,
    sound: bool,
    /// The first of them
    #[schema(value_type = Vec<serde_json::Map<String, Value>>)]
    findings: Vec<Value>,
    failures: Vec<Failure>,
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
    /// This one alone, by its URI or id
    artifact: Option<String>,
    /// With this tag, `KEY` or `KEY=VALUE`; several times for all of several
    tag: Vec<String>,
    /// Created then or later, RFC 3339
    #[param(format = DateTime)]
    after: Option<String>,
    /// Created before, RFC 3339
    #[param(format = DateTime)]
    before: Option<String>,
    /// At least this large: `1MB`
    #[param(pattern = "^[0-9]{1,9}(B|KB|MB|GB)?$")]
    min_size: Option<String>,
    /// At most this large
    #[param(pattern = "^[0-9]{1,9}(B|KB|MB|GB)?$")]
    max_size: Option<String>,
    /// In this state; several times for one of several
    state: Vec<String>,
    /// So many at once
    #[param(minimum = 1, maximum = 256)]
    jobs: Option<u16>,
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
        (status = 200, description = "What was done", body = Verification),
        Problems,
    ),
)]
pub(crate) async fn verify(
    caller: Caller,
    Params(params): Params<VerifyParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if params.jobs.is_some_and(|jobs| !(1..=256).contains(&jobs)) {
        return Err(Error::invalid_input("jobs is 1 to 256").into());
    }
    let readers = params.jobs.map_or(READERS, usize::from);
    let options = VerifyOptions {
        scope: params.scope(caller.aside())?,
        repair: params.repair,
        readers: readers.clamp(1, MOST_READERS),
    };
    let store = caller.at(Target::Store).await?.clone();
    let (first, app) = (First::default(), caller.app());
    if lines::are_wanted(&headers) {
        return Ok(upkeep_lines::verify(app, store, options));
    }
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
    let sums = view::verify::report(&report);
    let (findings, failures) = first.take();
    let shown = Verification {
        versions: sums.versions,
        size_bytes: sums.size_bytes,
        unread: sums.unread,
        found: sums.findings,
        mended: sums.mended,
        sound: sums.sound,
        findings,
        failures,
    };
    Ok(reply::json(StatusCode::OK, &shown))
}

impl VerifyParams {
    fn scope(&self, store: &Store) -> Result<VerifyScope> {
        let filter = FilterParams {
            spec: self.spec.clone(),
            task: self.task.clone(),
            r#type: self.r#type.clone(),
            name: self.name.clone(),
            tag: self.tag.clone(),
            after: self.after.clone(),
            before: self.before.clone(),
            min_size: self.min_size.clone(),
            max_size: self.max_size.clone(),
            state: self.state.clone(),
            ..FilterParams::default()
        };
        let is_all = filter == FilterParams::default();
        match parsed(self.artifact.as_deref())? {
            Some(_) if !is_all => Err(Error::invalid_input("artifact stands alone")),
            Some(artifact) => Ok(VerifyScope::One(artifact)),
            None if is_all => Ok(VerifyScope::Everything),
            None => Ok(VerifyScope::Selected(Box::new(Filter {
                versions: Versions::All,
                ..filter.filter(store)?
            }))),
        }
    }
}
