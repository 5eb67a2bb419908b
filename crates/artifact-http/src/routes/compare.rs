//! What has changed between two tasks.

use artifact_app::{Breach, CompareItem, CompareRequest, FailOn, TaskRef, view};
use artifact_domain::{Error, Result, SpecName, TaskId};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;
use crate::state::App;

/// How many objects an answer has, beside the sums.
const MOST: usize = 10_000;

/// Which tasks, what of them, and what must not be.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CompareParams {
    baseline: Option<String>,
    current: Option<String>,
    spec: Option<String>,
    baseline_spec: Option<String>,
    r#type: Vec<String>,
    name: Option<String>,
    fail_on: Vec<String>,
    slower_factor: Option<f64>,
    slower_min: Option<f64>,
    allow_fewer_reports: bool,
}

/// The objects of `artifact compare --json`, and whether a condition is met.
pub(crate) async fn compare(
    State(app): State<App>,
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
    let mut told = Told::default();
    let take = |item| match item {
        CompareItem::Artifact(artifact) => told.add(view::compare::artifact(&artifact)),
        CompareItem::Report(report) => told.add(view::compare::report(&report)),
    };
    let compared = app.store.compare(request, take).await?;
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
