//! `DELETE /artifacts`: everything of a task or of a spec.

use artifact_api::{Artifact, Deletion};
use artifact_app::{DeleteScope, Store};
use artifact_domain::access::{Action, Target};
use artifact_domain::{ArtifactRecord, Error, Result, SpecName, TaskId};
use axum::response::Response;
use futures::TryStreamExt;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::lines::{self, Teller};
use super::reply;
use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::params::{Params, parsed};
use crate::problem::Problem;

/// What to delete.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteParams {
    /// Everything of this spec
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    spec: Option<String>,
    /// Everything of this task of the spec, or of `default`
    #[param(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    task: Option<String>,
    /// Says what would be done, and does nothing
    dry_run: bool,
}

/// What was deleted, or would be.
#[expect(
    clippy::struct_field_names,
    reason = "they are the keys of the document"
)]
#[derive(Debug, Default, Serialize, ToSchema)]
struct Deleted {
    /// Versions
    deleted: u64,
    stored_size_bytes: u64,
    failed: u64,
    /// The first of them
    failures: Vec<DeleteFailure>,
    dry_run: bool,
}

/// A version that stays.
#[derive(Debug, Serialize, ToSchema)]
struct DeleteFailure {
    uri: String,
    kind: &'static str,
    detail: String,
}

/// How many of those that failed are named.
const MOST_NAMED: usize = 100;

/// Deletes all versions of a task or a spec.
#[utoipa::path(
    delete,
    path = "/api/v1/artifacts",
    tag = "artifacts",
    operation_id = "delete_many",
    params(DeleteParams),
    responses(
        (status = 200, description = "What was deleted", body = Deleted),
        Problems,
    ),
)]
pub(crate) async fn delete(
    caller: Caller,
    Params(params): Params<DeleteParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let spec = parsed::<SpecName>(params.spec.as_deref())?;
    let task = parsed::<TaskId>(params.task.as_deref())?;
    let scope = match (spec, task) {
        (Some(spec), None) => DeleteScope::Spec(spec),
        (spec, Some(task)) => DeleteScope::Task(spec.unwrap_or_default(), task),
        (None, None) => {
            return Err(Error::invalid_input("nothing to delete was named")
                .with_hint("name a spec, a task, or both")
                .into());
        }
    };
    let target = match &scope {
        DeleteScope::Spec(spec) => Target::Spec(spec),
        DeleteScope::Task(spec, task) => Target::Task(spec, task),
    };
    let store = caller.at(target).await?.clone();
    if params.dry_run {
        caller.to(Action::Read).at(target).await?;
    }
    if lines::are_wanted(&headers) {
        return Ok(lines::answer(caller.app(), move |teller| async move {
            if params.dry_run {
                plan_in_lines(&store, &scope, &teller).await
            } else {
                delete_in_lines(&store, &scope, &teller).await
            }
        }));
    }
    let deleted = if params.dry_run {
        plan(&store, &scope).await?
    } else {
        let report = caller
            .app()
            .finish(async move { store.delete_all(&scope).await })
            .await?;
        let mut deleted = Deleted {
            deleted: report.deleted,
            stored_size_bytes: report.stored_size_bytes,
            ..Deleted::default()
        };
        for failure in report.failures {
            deleted.add_failure(failure.uri.to_string(), &failure.error);
        }
        deleted
    };
    Ok(reply::json(StatusCode::OK, &deleted))
}

async fn plan_in_lines(store: &Store, scope: &DeleteScope, teller: &Teller) -> Result<Deletion> {
    let mut sums = Deletion::default();
    let mut found = std::pin::pin!(store.deletable(scope));
    while let Some(record) = found.try_next().await? {
        let is_heard = match record.clone().into_deleted() {
            Ok(_) => {
                sums.deleted += 1;
                sums.stored_size_bytes += stored_size(&record);
                teller.item(&Artifact::from(&record)).await
            }
            Err(error) => {
                sums.failed += 1;
                teller.failed(&error).await
            }
        };
        if !is_heard {
            break;
        }
    }
    Ok(sums)
}

async fn delete_in_lines(store: &Store, scope: &DeleteScope, teller: &Teller) -> Result<Deletion> {
    let report = store.delete_all(scope).await?;
    for failure in &report.failures {
        teller.failed(&failure.error).await;
    }
    Ok(Deletion {
        deleted: report.deleted,
        stored_size_bytes: report.stored_size_bytes,
        failed: report.failures.len() as u64,
    })
}

async fn plan(store: &Store, scope: &DeleteScope) -> Result<Deleted> {
    let mut planned = Deleted {
        dry_run: true,
        ..Deleted::default()
    };
    let mut found = std::pin::pin!(store.deletable(scope));
    while let Some(record) = found.try_next().await? {
        match record.clone().into_deleted() {
            Ok(_) => {
                planned.deleted += 1;
                planned.stored_size_bytes += stored_size(&record);
            }
            Err(error) => planned.add_failure(record.version_uri().to_string(), &error),
        }
    }
    Ok(planned)
}

impl Deleted {
    fn add_failure(&mut self, uri: String, error: &Error) {
        self.failed += 1;
        if self.failures.len() < MOST_NAMED {
            self.failures.push(DeleteFailure {
                uri,
                kind: error.kind().as_str(),
                detail: error.message().to_owned(),
            });
        }
    }
}

fn stored_size(record: &ArtifactRecord) -> u64 {
    let content = record.content.as_ref();
    content.map_or(0, |content| content.stored_size_bytes)
}
