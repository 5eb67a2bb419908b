//! What has changed between two tasks.

use artifact_app::{Breach, CompareItem, CompareRequest, FailOn, TaskRef, view};
use artifact_domain::access::Target;
use artifact_domain::{Error, Result, SpecName, TaskId};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::reply;
use crate::api::schemas::{ComparisonDocument, Problems};
use crate::gate::Caller;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// How many objects an answer has, beside the sums.
const MOST: usize = 10_000;

/// Which tasks, what of them, and what must not be.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareParams {
    /// The task to compare with
    #[param(
        required = true,
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    baseline: Option<String>,
    /// The task to compare
    #[param(
        required = true,
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    current: Option<String>,
    /// The project of the tasks
    spec: Option<String>,
    /// That of the baseline, if it is another
    baseline_spec: Option<String>,
    /// Only of this type; several times for one of several
    r#type: Vec<String>,
    /// Only names that match this pattern
    name: Option<String>,
    /// A condition that must not be met, as `artifact compare --fail-on` has them
    fail_on: Vec<String>,
    /// A test is slower if it takes so many times as long …
    #[param(minimum = 1)]
    slower_factor: Option<f64>,
    /// … and so many seconds more
    #[param(minimum = 0)]
    slower_min: Option<f64>,
    /// Whether the current task may have fewer reports
    allow_fewer_reports: bool,
}

/// The objects of `artifact compare --json`, and whether a condition is met.
#[utoipa::path(
    get,
    path = "/api/v1/compare",
    tag = "sums",
    params(CompareParams),
    responses(
        (status = 200, description = "What has changed", body = ComparisonDocument),
        Problems,
    ),
)]
pub(crate) async fn compare(
    caller: Caller,
    Params(params): Params<CompareParams>,
) -> Result<Response, Problem> {
    let conditions: Vec<FailOn> = all_parsed(&params.fail_on)?;
    let rule = artifact_app::SlowerRule {
        factor: number(params.slower_factor, 1.0)?
            .unwrap_or(artifact_app::SlowerRule::default().factor),
        seconds: number(params.slower_min, 0.0)?
            .unwrap_or(artifact_app::SlowerRule::default().seconds),
    };
    let request = params.request()?;
    let (before, after) = (&request.baseline, &request.current);
    caller.at(Target::Task(&before.spec, &before.task)).await?;
    let store = caller.at(Target::Task(&after.spec, &after.task)).await?;
    let mut told = Told::default();
    let take = |item| match item {
        CompareItem::Artifact(artifact) => told.add(view::compare::artifact(&artifact)),
        CompareItem::Report(report) => told.add(view::compare::report(&report)),
    };
    let compared = store.compare(request, take).await?;
    let judge = |condition: FailOn| {
        let why = condition.judge(&compared, rule)?;
        Some(Breach { condition, why })
    };
    let breaches: Vec<_> = conditions.into_iter().filter_map(judge).collect();
    let shown = view::compare::Shown {
        compared: &compared,
        breaches: &breaches,
        rule,
    };
    view::compare::finish(shown, |object| {
        told.add(object);
        Ok::<_, Error>(())
    })?;
    let object = json!({
        "fails": !breaches.is_empty(),
        "items": told.items,
        "left_out": told.left_out,
    });
    Ok(reply::json(StatusCode::OK, &object))
}

impl CompareParams {
    fn request(&self) -> Result<CompareRequest> {
        let task = |text: &Option<String>, which: &str| -> Result<TaskId> {
            parsed(text.as_deref())?
                .ok_or_else(|| Error::invalid_input(format!("the task `{which}` is not named")))
        };
        let spec = parsed::<SpecName>(self.spec.as_deref())?.unwrap_or_default();
        let of_baseline = parsed(self.baseline_spec.as_deref())?;
        Ok(CompareRequest {
            baseline: TaskRef {
                spec: of_baseline.unwrap_or_else(|| spec.clone()),
                task: task(&self.baseline, "baseline")?,
            },
            current: TaskRef {
                spec,
                task: task(&self.current, "current")?,
            },
            types: all_parsed(&self.r#type)?,
            name: parsed(self.name.as_deref())?,
            allow_fewer_reports: self.allow_fewer_reports,
        })
    }
}

fn number(given: Option<f64>, least: f64) -> Result<Option<f64>> {
    match given {
        Some(number) if !number.is_finite() || number < least => {
            let message = format!("a number from {least} on is wanted");
            Err(Error::invalid_input(message))
        }
        given => Ok(given),
    }
}

/// What was told, but only so much of what has no end.
#[derive(Debug, Default)]
struct Told {
    items: Vec<Value>,
    left_out: u64,
}

impl Told {
    fn add(&mut self, object: Value) {
        let kind = object["kind"].as_str().unwrap_or_default();
        let is_endless = ["artifact", "report", "test", "file", "finding"].contains(&kind);
        if is_endless && self.items.len() >= MOST {
            self.left_out += 1;
        } else {
            self.items.push(object);
        }
    }
}
