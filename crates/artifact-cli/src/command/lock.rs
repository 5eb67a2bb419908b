//! `artifact lock`: look at the lock of an artifact, or break it.

use std::io;

use artifact_api::{LockStatus, Unlocked};
use artifact_domain::ArtifactRef;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::failures::Failure;

/// What to do with the lock.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether an artifact is locked, and by whom
    #[command(after_help = "\
Example:
  artifact lock status artifact://demo/1/document/README.md")]
    Status {
        /// The artifact's URI or id
        #[arg(value_name = "URI|ID")]
        artifact: ArtifactRef,
    },
    /// Take the lock away from a writer that hangs; what it writes is not lost nor mixed up
    #[command(after_help = "\
Example:
  artifact lock unlock artifact://demo/1/document/README.md")]
    Unlock {
        /// The artifact's URI or id
        #[arg(value_name = "URI|ID")]
        artifact: ArtifactRef,
        /// Say what would be done and do nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(args: LockArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    match args.action {
        Action::Status { artifact } => {
            let status = service.lock_status(&artifact).await?;
            Ok(show_status(&status, context)?)
        }
        Action::Unlock { artifact, dry_run } => {
            let unlocked = service.break_lock(&artifact, dry_run).await?;
            Ok(show_unlocked(&unlocked, context)?)
        }
    }
}

fn show_status(status: &LockStatus, context: &Context) -> io::Result<()> {
    if context.ui.json() {
        return context.ui.object(&json!(status));
    }
    match (status.locked, &status.holder) {
        (false, _) => context.ui.line("free"),
        (true, None) => context.ui.line("locked"),
        (true, Some(holder)) => context.ui.line(format_args!(
            "locked by process {} on {} since {}",
            holder.pid, holder.host, holder.since
        )),
    }
}

fn show_unlocked(unlocked: &Unlocked, context: &Context) -> io::Result<()> {
    if context.ui.json() {
        return context.ui.object(&json!(unlocked));
    }
    context
        .ui
        .line(match (unlocked.was_locked, unlocked.unlocked) {
            (false, _) => "was not locked",
            (true, true) => "unlocked",
            (true, false) => "would be unlocked",
        })
}
