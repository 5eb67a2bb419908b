//! `artifact delete`: delete artifacts, a task or a spec.

use artifact_app::DeleteScope;
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, Result, SpecName, TaskId};
use clap::{ArgGroup, Args};
use futures::StreamExt;
use indicatif::HumanBytes;
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures, and_failed};
use crate::service::Service;
use crate::task;

/// What to delete.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true)
    .args(["artifacts", "task", "spec"]))]
#[command(after_help = "\
A URI names the newest version; with ?version=N it names that one.

Examples:
  artifact delete artifact://demo/1/log/build.log
  artifact delete --spec demo --task 1 --dry-run
  artifact delete --spec demo")]
pub(crate) struct DeleteArgs {
    /// URIs or ids
    #[arg(value_name = "URI|ID", conflicts_with_all = ["task", "spec"])]
    artifacts: Vec<ArtifactRef>,
    /// Everything of this task, all versions
    #[arg(long, visible_aliases = ["job", "execution"])]
    task: Option<TaskId>,
    /// The spec of the task; without a task everything of the spec
    #[arg(long)]
    spec: Option<SpecName>,
    /// Say what would be deleted and delete nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: DeleteArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    if !args.dry_run {
        context.clear_leftovers(&service).await;
    }
    if !args.artifacts.is_empty() {
        return delete_each(&args, &service, context).await;
    }
    let scope = match (args.spec, args.task) {
        (Some(spec), None) => DeleteScope::Spec(spec),
        (spec, Some(task)) => DeleteScope::Task(task::spec_or_default(spec)?, task),
        (None, None) => {
            return Err(Error::invalid_input("nothing to delete was named").into());
        }
    };
    if args.dry_run {
        plan_all(&scope, &service, context).await
    } else {
        delete_all(&scope, &service, context).await
    }
}

async fn delete_each(
    args: &DeleteArgs,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let mut failures = Failures::default();
    for artifact in &args.artifacts {
        match service.delete(artifact, args.dry_run).await {
            Ok(record) => context.ui.artifact(&record, record.version_uri())?,
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    failures.into_result()
}

async fn plan_all(
    scope: &DeleteScope,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let mut failures = Failures::default();
    let mut found = service.plan_delete_all(scope).await?;
    let (mut count, mut bytes) = (0_u64, 0_u64);
    while let Some(planned) = found.next().await {
        match planned {
            Ok(record) => {
                count += 1;
                bytes += stored_size(&record);
                context.ui.artifact(&record, record.version_uri())?;
            }
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    let failed = failures.count();
    context.ui.sum(
        &json!({
            "deleted": count, "stored_size_bytes": bytes, "failed": failed, "dry_run": true,
        }),
        format_args!(
            "{count} versions, {} would be deleted{}",
            HumanBytes(bytes),
            and_failed(failed)
        ),
    );
    failures.into_result()
}

async fn delete_all(
    scope: &DeleteScope,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let report = service.delete_all(scope).await?;
    let mut failures = Failures::default();
    for error in &report.failures {
        failures.add(&context.ui, error);
    }
    if context.ui.json() {
        context.ui.object(&json!({
            "deleted": report.versions,
            "stored_size_bytes": report.stored_size_bytes,
            "failed": failures.count(),
        }))?;
    } else {
        let bytes = HumanBytes(report.stored_size_bytes);
        context.ui.line(format_args!(
            "deleted {} versions, {bytes}{}",
            report.versions,
            and_failed(failures.count())
        ))?;
    }
    failures.into_result()
}

fn stored_size(record: &ArtifactRecord) -> u64 {
    record
        .content
        .as_ref()
        .map_or(0, |content| content.stored_size_bytes)
}
