//! The rules that the settings of the server ask of its bucket, and who may use it: shown, compared and set.

use artifact_api::BucketReport;
use artifact_app::view;
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{BucketJob, BucketOutcome, cors_rules, lifecycle_rules, policy_rules};
use artifact_domain::access::Target;
use artifact_domain::{Error, Result};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::reply;
use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::params::Params;
use crate::problem::Problem;

/// Which rules of moving and deleting.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LifecycleParams {
    /// Leaves out the rule that deletes what the store's own cleanup has left
    no_expire: bool,
    /// True: they are compared with those of the bucket
    compare: bool,
}

/// Which rules of moving and deleting are set.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SetLifecycleParams {
    /// Leaves out the rule that deletes what the store's own cleanup has left
    no_expire: bool,
    /// Says what would be changed, and changes nothing
    dry_run: bool,
}

/// The rules by which the bucket moves and deletes, or how those that it has differ from them.
#[utoipa::path(
    get,
    path = "/api/v1/bucket/lifecycle",
    tag = "upkeep",
    operation_id = "lifecycle",
    params(LifecycleParams),
    responses(
        (status = 200, description = "`document` as the service's own tools take it, or `differences` and `refusal`; `notes`", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn lifecycle(
    caller: Caller,
    Params(params): Params<LifecycleParams>,
) -> Result<Response, Problem> {
    let job = job(params.compare);
    set_or_show_lifecycle(&caller, params.no_expire, job).await
}

/// Sets them on the bucket; those of others stay as they are. Refused where the bucket would delete what the store
/// keeps.
#[utoipa::path(
    put,
    path = "/api/v1/bucket/lifecycle",
    tag = "upkeep",
    operation_id = "set_lifecycle",
    params(SetLifecycleParams),
    responses(
        (status = 200, description = "The `differences` there were", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn set_lifecycle(
    caller: Caller,
    Params(params): Params<SetLifecycleParams>,
) -> Result<Response, Problem> {
    let dry_run = params.dry_run;
    set_or_show_lifecycle(&caller, params.no_expire, BucketJob::Apply { dry_run }).await
}

async fn set_or_show_lifecycle(
    caller: &Caller,
    no_expire: bool,
    job: BucketJob,
) -> Result<Response, Problem> {
    let store = caller.at(Target::Store).await?.clone();
    let settings = settings_of(caller);
    let asked = async move {
        let own = async || Ok(store.clone());
        lifecycle_rules(&settings, !no_expire, job, own).await
    };
    let outcome = caller.app().finish(asked).await?;
    answered(outcome, job)
}

/// Which pages of the web.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CorsParams {
    /// The origin of a page that may use signed URLs, `https://ci.example.com`; can be given several times
    #[param(required = true)]
    origin: Vec<String>,
    /// Lets pages download alone, and not upload
    read_only: bool,
    /// True: the rule is compared with that of the bucket
    compare: bool,
}

/// Which pages of the web are let in.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SetCorsParams {
    /// The origin of a page that may use signed URLs, `https://ci.example.com`; can be given several times
    #[param(required = true)]
    origin: Vec<String>,
    /// Lets pages download alone, and not upload
    read_only: bool,
    /// Says what would be changed, and changes nothing
    dry_run: bool,
}

/// The rule by which pages of the web may use signed URLs of the bucket, or how that which it has differs.
#[utoipa::path(
    get,
    path = "/api/v1/bucket/cors",
    tag = "upkeep",
    operation_id = "cors",
    params(CorsParams),
    responses(
        (status = 200, description = "`document` as the service's own tools take it, or `differences`", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn cors(
    caller: Caller,
    Params(params): Params<CorsParams>,
) -> Result<Response, Problem> {
    let job = job(params.compare);
    set_or_show_cors(&caller, params.origin, params.read_only, job).await
}

/// Sets it on the bucket; those of others stay as they are.
#[utoipa::path(
    put,
    path = "/api/v1/bucket/cors",
    tag = "upkeep",
    operation_id = "set_cors",
    params(SetCorsParams),
    responses(
        (status = 200, description = "The `differences` there were", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn set_cors(
    caller: Caller,
    Params(params): Params<SetCorsParams>,
) -> Result<Response, Problem> {
    let dry_run = params.dry_run;
    let job = BucketJob::Apply { dry_run };
    set_or_show_cors(&caller, params.origin, params.read_only, job).await
}

async fn set_or_show_cors(
    caller: &Caller,
    origins: Vec<String>,
    read_only: bool,
    job: BucketJob,
) -> Result<Response, Problem> {
    if origins.is_empty() {
        return Err(Error::invalid_input("no origin was named").into());
    }
    let origins = origins
        .iter()
        .map(|text| artifact_app::cors_origin(text))
        .collect::<Result<Vec<_>>>()?;
    caller.at(Target::Store).await?;
    let settings = settings_of(caller);
    let asked = async move { cors_rules(&settings, origins, read_only, job).await };
    let outcome = caller.app().finish(asked).await?;
    answered(outcome, job)
}

/// What is allowed, and to whom.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PolicyParams {
    /// Allows reading and writing the rules of the bucket too
    with_rules: bool,
    /// Compares the bucket's own policy with one that allows it to this ARN
    principal: Option<String>,
}

/// Whom the bucket's own policy lets in.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SetPolicyParams {
    /// The ARN of whom to allow it
    #[param(required = true)]
    principal: Option<String>,
    /// Allows reading and writing the rules of the bucket too
    with_rules: bool,
    /// Says what would be changed, and changes nothing
    dry_run: bool,
}

/// The policy for the user or role of the store, or how the bucket's own differs from it.
#[utoipa::path(
    get,
    path = "/api/v1/bucket/policy",
    tag = "upkeep",
    operation_id = "policy",
    params(PolicyParams),
    responses(
        (status = 200, description = "`document` as the service's own tools take it, or `differences`", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn policy(
    caller: Caller,
    Params(params): Params<PolicyParams>,
) -> Result<Response, Problem> {
    caller.at(Target::Store).await?;
    let job = job(params.principal.is_some());
    let principal = params.principal.as_deref();
    let settings = &caller.app().settings;
    let outcome = policy_rules(settings, params.with_rules, principal, job).await?;
    answered(outcome, job)
}

/// Allows it to somebody in the bucket's own policy, instead of whom the store has allowed it before; statements of
/// others stay as they are. He is let in past the server, and stays so when the token is revoked that asked.
#[utoipa::path(
    put,
    path = "/api/v1/bucket/policy",
    tag = "upkeep",
    operation_id = "set_policy",
    params(SetPolicyParams),
    responses(
        (status = 200, description = "The `differences` there were", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn set_policy(
    caller: Caller,
    Params(params): Params<SetPolicyParams>,
) -> Result<Response, Problem> {
    let named = params.principal;
    let principal = named.ok_or_else(|| Error::invalid_input("no principal was named"))?;
    let (with_rules, dry_run) = (params.with_rules, params.dry_run);
    let rules = if with_rules { ", with rules" } else { "" };
    let planned = if dry_run { ", a dry run" } else { "" };
    let about = format!("the bucket's policy{rules}{planned}, for {principal}");
    let now = caller.at(Target::Part(&about)).await?.now();
    // Whom it lets in stays: so it is looked at once more whether he may who asks.
    let by = caller.token_if_asked()?;
    caller.app().desk.check(by, now).await?;
    let settings = settings_of(&caller);
    let job = BucketJob::Apply { dry_run };
    let asked = async move { policy_rules(&settings, with_rules, Some(&principal), job).await };
    let outcome = caller.app().finish(asked).await?;
    answered(outcome, job)
}

fn job(compare: bool) -> BucketJob {
    if compare {
        BucketJob::Check
    } else {
        BucketJob::Show
    }
}

fn settings_of(caller: &Caller) -> Settings {
    caller.app().settings.clone()
}

fn answered(outcome: BucketOutcome, job: BucketJob) -> Result<Response, Problem> {
    match outcome.refusal {
        Some(refusal) if matches!(job, BucketJob::Apply { .. }) => Err(refusal.into()),
        refusal => {
            let differences = outcome.differences.iter();
            let report = BucketReport {
                differences: differences.map(view::upkeep::rule_difference).collect(),
                document: outcome.document,
                notes: outcome.notes,
                refusal: refusal.as_ref().map(Into::into),
            };
            Ok(reply::json(StatusCode::OK, &report))
        }
    }
}
