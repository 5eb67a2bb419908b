//! `artifact reindex`: rebuild the index from what is stored.

use std::sync::Mutex;

use artifact_api::{ReindexEvent, ReindexFinding, ReindexReport};
use artifact_app::{ReindexOptions, Store, view};
use artifact_bootstrap::{Rebuild, Reopened};
use artifact_domain::{Error, ErrorKind};
use clap::Args;
use serde_json::json;

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
    let remote = context.remote()?;
    let local = match &remote {
        Some(_) if args.rebuild => return Err(not_set_aside().into()),
        Some(_) => None,
        None => Some(opened(&args, context).await?),
    };
    let progress = context.progress("reindexed", None, None);
    let shown = Mutex::new((0, Ok(())));
    let tell = |event: ReindexEvent| {
        let Ok(mut shown) = shown.lock() else {
            return;
        };
        match event {
            ReindexEvent::Progress(report) => {
                let seen = seen(&report);
                (shown.0..seen).for_each(|_| progress.add_file());
                shown.0 = seen.max(shown.0);
            }
            ReindexEvent::Finding(finding) if shown.1.is_ok() => {
                shown.1 = progress.suspend(|| show(&finding, &context.ui));
            }
            ReindexEvent::Finding(_) => {}
        }
    };
    let work = Box::pin(async {
        match (&remote, &local) {
            (Some(remote), _) => remote.reindex(args.recover, &tell).await,
            (None, Some(store)) => here(store, args.recover, &tell).await,
            (None, None) => Ok(ReindexReport::default()),
        }
    });
    let report = context.interrupt.cut_off(work).await;
    progress.finish();
    let report = report??;
    if let Ok((_, written)) = shown.into_inner() {
        written?;
    }
    conclude(&report, &context.ui)
}

/// The store on this machine, whose index may be damaged or gone.
async fn opened(args: &ReindexArgs, context: &Context) -> Result<Store, Failure> {
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
    Ok(store)
}

async fn here(
    store: &Store,
    recover: bool,
    tell: &(dyn Fn(ReindexEvent) + Send + Sync),
) -> Result<ReindexReport, Error> {
    let options = ReindexOptions {
        recover,
        media_type: |name, head| artifact_guess::guess(name, head).mime_type,
    };
    let observe = |finding: Option<&_>, report: &_| {
        tell(ReindexEvent::Progress(view::upkeep::reindex_report(report)));
        if let Some(finding) = finding {
            let finding = view::upkeep::reindex_finding(finding);
            tell(ReindexEvent::Finding(Box::new(finding)));
        }
    };
    let report = store.reindex(options, observe).await?;
    Ok(view::upkeep::reindex_report(&report))
}

/// A server has its index open, and goes on with it.
fn not_set_aside() -> Error {
    let message = "the index of a server can't be set aside while it is open";
    Error::new(ErrorKind::Unsupported, message).with_hint(
        "end the server and run it on the machine of the store; without --rebuild it works through the \
         server too",
    )
}

fn seen(report: &ReindexReport) -> u64 {
    report.restored + report.recovered + report.known + report.missing + report.failed
}

/// Findings are data for a script and talk for a person.
fn show(finding: &ReindexFinding, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        return ui.object(&json!(finding));
    }
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let (uri, key) = (said(&finding.uri), said(&finding.path));
    match finding.finding.as_str() {
        "recovered" => ui.warn(format_args!(
            "{uri} was recovered from its bytes; its tags and metadata are lost"
        )),
        "missing" => ui.warn(format_args!(
            "{uri} is lost: its bytes are not stored any more"
        )),
        "version-taken" => ui.warn(format_args!(
            "{key} was not taken in: the index knows another {uri}"
        )),
        "unreadable" => ui.warn(format_args!(
            "{key} was left as it is: no metadata names it, and it cannot be read: {}",
            said(&finding.message)
        )),
        _ => ui.warn(format_args!(
            "{} lines of the metadata of task `{}` of spec `{}` are damaged",
            finding.lines.unwrap_or_default(),
            said(&finding.task),
            said(&finding.spec)
        )),
    }
    Ok(())
}

fn conclude(report: &ReindexReport, ui: &Ui) -> Result<(), Failure> {
    if ui.json() {
        ui.object(&json!(report))?;
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
