//! What has changed between two tasks.

use artifact_api::{CompareItem, CompareVerdict, Comparison};
use artifact_app::{Breach, CompareRequest, FailOn, SlowerRule, Store, TaskRef, view};
use artifact_domain::access::Target;
use artifact_domain::{Error, Result, SpecName, TaskId};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{lines, reply};
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
///
/// Whoever accepts `application/x-ndjson` gets all of them, an `item` per line as it is found, and last `sums`.
#[utoipa::path(
    get,
    path = "/api/v1/compare",
    tag = "sums",
    params(CompareParams),
    responses(
        (status = 200, description = "What has changed", content((ComparisonDocument = "application/json"), (Vec<u8> = "application/x-ndjson"))),
        Problems,
    ),
)]
pub(crate) async fn compare(
    caller: Caller,
    Params(params): Params<CompareParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let usual = SlowerRule::default();
    let asked = Asked {
        conditions: all_parsed(&params.fail_on)?,
        rule: SlowerRule {
            factor: number(params.slower_factor, 1.0)?.unwrap_or(usual.factor),
            seconds: number(params.slower_min, 0.0)?.unwrap_or(usual.seconds),
        },
        request: params.request()?,
    };
    let (before, after) = (&asked.request.baseline, &asked.request.current);
    caller.at(Target::Task(&before.spec, &before.task)).await?;
    let store = caller.at(Target::Task(&after.spec, &after.task)).await?;
    if lines::are_wanted(&headers) {
        let store = store.clone();
        return Ok(lines::answer(caller.app(), move |teller| async move {
            let fails = asked.answer(&store, |item| teller.item_now(&item)).await?;
            Ok(CompareVerdict { fails })
        }));
    }
    let mut told = Comparison::default();
    told.fails = asked.answer(store, |item| add(&mut told, item)).await?;
    Ok(reply::json(StatusCode::OK, &told))
}

/// What is asked.
struct Asked {
    conditions: Vec<FailOn>,
    rule: SlowerRule,
    request: CompareRequest,
}

impl Asked {
    /// Tells of everything, and says whether a condition is met.
    async fn answer(self, store: &Store, mut tell: impl FnMut(CompareItem) + Send) -> Result<bool> {
        let rule = self.rule;
        let observe = |item| tell(view::compare::item(&item));
        let compared = store.compare(self.request, observe).await?;
        let judge = |condition: FailOn| {
            let why = condition.judge(&compared, rule)?;
            Some(Breach { condition, why })
        };
        let breaches: Vec<_> = self.conditions.into_iter().filter_map(judge).collect();
        let shown = view::compare::Shown {
            compared: &compared,
            breaches: &breaches,
            rule,
        };
        view::compare::finish(shown, tell);
        Ok(!breaches.is_empty())
    }
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

/// Adds an object, but only so many of what has no end.
fn add(told: &mut Comparison, item: CompareItem) {
    let is_endless = matches!(
        item,
        CompareItem::Artifact(_)
            | CompareItem::Report(_)
            | CompareItem::Test(_)
            | CompareItem::File(_)
            | CompareItem::Finding(_)
    );
    if is_endless && told.items.len() >= MOST {
        told.left_out += 1;
    } else {
        told.items.push(item);
    }
}
