//! `GET /audit`: who did what, as it was written down.

use artifact_domain::access::{AuditFilter, Target};
use artifact_domain::{Error, Result};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::lines;
use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// How many entries are told where nobody says, and how many at most: they are in memory together.
const USUAL: usize = 100;
const MOST: usize = 10_000;

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Of those whose name matches this pattern
    who: Option<String>,
    /// About what matches this pattern
    target: Option<String>,
    /// `read`, `write`, `delete` or `admin`; several times for one of several
    action: Vec<String>,
    /// `done`, `refused` or `failed`; several times for one of several
    outcome: Vec<String>,
    /// At that time or later, RFC 3339
    #[param(format = DateTime)]
    after: Option<String>,
    /// Before that time, RFC 3339
    #[param(format = DateTime)]
    before: Option<String>,
    /// The last so many
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
}

impl AuditParams {
    fn filter(&self) -> Result<AuditFilter> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Error::invalid_input(format!("limit is 1 to {MOST}"))
                .with_hint("ask for earlier ones with `before`"));
        }
        Ok(AuditFilter {
            who: parsed(self.who.as_deref())?,
            target: parsed(self.target.as_deref())?,
            actions: all_parsed(&self.action)?,
            outcomes: all_parsed(&self.outcome)?,
            after: parsed(self.after.as_deref())?,
            before: parsed(self.before.as_deref())?,
            limit,
        })
    }
}

/// Tells who did what: the last entries that all conditions hold for, the oldest of them first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "upkeep",
    operation_id = "audit",
    params(AuditParams),
    responses(
        (status = 200, description = "Each entry, a document per line: `item`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn audit(
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Response, Problem> {
    let filter = params.filter()?;
    caller.at(Target::Store).await?;
    let log = caller.app().doors().history();
    Ok(lines::answer(caller.app(), move |teller| async move {
        let entries = log.query(filter).await?;
        for entry in &entries {
            if !teller.item(entry).await {
                break;
            }
        }
        Ok(json!({ "entries": entries.len() }))
    }))
}
