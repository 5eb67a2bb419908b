//! `artifact reindex`: rebuild the index from what is stored.

use std::sync::Mutex;

use artifact_app::{ReindexFinding, ReindexOptions, ReindexReport};
use artifact_bootstrap::{Rebuild, Reopened};
use artifact_domain::ErrorKind;
use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failures::Failure;
use crate::ui::Ui;

/// How to rebuild.
#[derive(Debug, Args)]
#[command(after_help = "\
Takes in what the index does not know, from the metadata beside the blobs; where that is lost too,
from the blobs themselves, without their tags and metadata. What the index knows stays as it is, so
it can run beside everything else, be interrupted and be run again. An index that is damaged is set
aside first.

Examples:
  artifact reindex
  artifact reindex --rebuild
  artifact reindex --recover --json")]
pub(crate) struct ReindexArgs {
    /// Set the index aside, even if it seems sound, and begin with an empty one; no other process
    /// may have it open
    #[arg(long)]
    rebuild: bool,
    /// Take in blobs that no metadata names, even if the index was complete
    #[arg(long)]
    recover: bool,
}

pub(crate) async fn run(args: ReindexArgs, context: &Context) -> Result<(), Failure> {
    let rebuild = if args.rebuild {
        Rebuild::FromScratch
    } else {
        Rebuild::IfDamaged
    };
    let Reopened { store, set_aside } = context.store_to_rebuild(rebuild).await?;
    if let Some(path) = set_aside {
        let path = path.display();
        context
            .ui
            .note(format_args!("the old index was set aside as {path}"));
    }
    let options = ReindexOptions {
        recover: args.recover,
        media_type: |name, head| artifact_guess::guess(name, head).mime_type,
    };
    let progress = context.progress("reindexed", None, None);
    let written = Mutex::new(Ok(()));
    let last = Mutex::new(0);
    let observe = |finding: Option<&ReindexFinding>, report: &ReindexReport| {
        let seen = seen(report);
        if let Ok(mut last) = last.lock() {
            (*last..seen).for_each(|_| progress.add_file());
            *last = seen.max(*last);
        }
        if let (Some(finding), Ok(mut written)) = (finding, written.lock())
            && written.is_ok()
        {
            *written = progress.suspend(|| show(finding, &context.ui));
        }
    };
    let work = Box::pin(store.reindex(options, observe));
    let report = context.interrupt.cut_off(work).await;
    progress.finish();
    let report = report??;
    if let Ok(written) = written.into_inner() {
        written?;
    }
    conclude(&report, &context.ui)
}

fn seen(report: &ReindexReport) -> u64 {
    report.restored + report.recovered + report.known + report.missing + report.failed
}

/// Findings are data for a script and talk for a person.
fn show(finding: &ReindexFinding, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        return ui.object(&as_json(finding));
    }
    match finding {
        ReindexFinding::Recovered(record) => ui.warn(format_args!(
            "{} was recovered from its bytes; its tags and metadata are lost",
            record.version_uri()
        )),
        ReindexFinding::Missing(record) => ui.warn(format_args!(
            "{} is lost: its bytes are not stored any more",
            record.version_uri()
        )),
        ReindexFinding::VersionTaken(uri, key) => ui.warn(format_args!(
            "{key} was not taken in: the index knows another {uri}"
        )),
        ReindexFinding::Unreadable(key, error) => ui.warn(format_args!(
            "{key} was left as it is: no metadata names it, and it cannot be read: {error}"
        )),
        ReindexFinding::DamagedMetadata(spec, task, lines) => ui.warn(format_args!(
            "{lines} lines of the metadata of task `{task}` of spec `{spec}` are damaged"
        )),
    }
    Ok(())
}

fn as_json(finding: &ReindexFinding) -> Value {
    match finding {
        ReindexFinding::Recovered(record) => json!({
            "finding": "recovered", "uri": record.version_uri().to_string(), "id": record.id,
        }),
        ReindexFinding::Missing(record) => json!({
            "finding": "missing", "uri": record.version_uri().to_string(), "id": record.id,
        }),
        ReindexFinding::VersionTaken(uri, key) => json!({
            "finding": "version-taken", "uri": uri.to_string(), "path": key.as_str(),
        }),
        ReindexFinding::Unreadable(key, error) => json!({
            "finding": "unreadable", "path": key.as_str(), "message": error.message(),
        }),
        ReindexFinding::DamagedMetadata(spec, task, lines) => json!({
            "finding": "damaged-metadata", "spec": spec.as_str(), "task": task.as_str(),
            "lines": lines,
        }),
    }
}

fn conclude(report: &ReindexReport, ui: &Ui) -> Result<(), Failure> {
    if ui.json() {
        ui.object(&json!({
            "restored": report.restored,
            "recovered": report.recovered,
            "known": report.known,
            "missing": report.missing,
            "unnamed": report.unnamed,
            "spare": report.spare,
            "failed": report.failed,
            "damaged_lines": report.damaged_lines,
        }))?;
    } else {
        ui.line(format_args!(
            "restored {}, recovered {} without tags, knew {}, lost {}",
            report.restored,
            report.recovered,
            report.known,
            report.missing + report.failed
        ))?;
    }
    if report.unnamed > 0 {
        ui.note(format_args!(
            "{} blobs are named by nothing and wait for gc; --recover takes them in",
            report.unnamed
        ));
    }
    if report.spare > 0 {
        ui.note(format_args!(
            "{} blobs are spare copies, which moves to another tier have left, and wait for gc",
            report.spare
        ));
    }
    if report.missing + report.failed > 0 {
        return Err(Failure::Reported(ErrorKind::Integrity));
    }
    Ok(())
}
