//! `artifact lock`: look at the lock of an artifact, or break it.

use std::sync::Arc;

use artifact_app::Store;
use artifact_domain::port::{LockKey, LockManager};
use artifact_domain::{ArtifactRef, Error, ErrorKind};
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
    let store = context.store().await?;
    match args.action {
        Action::Status { artifact } => status(&artifact, &store, context).await,
        Action::Unlock { artifact, dry_run } => unlock(&artifact, dry_run, &store, context).await,
    }
}

fn locks(store: &Store) -> Result<&Arc<dyn LockManager>, Error> {
    store.locks().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "locking is switched off")
            .with_hint("set locking.enabled to true")
    })
}

/// A coordinate can be locked before anything of it is stored, so a URI needs no look-up.
async fn key(artifact: &ArtifactRef, store: &Store) -> Result<LockKey, Error> {
    match artifact {
        ArtifactRef::Uri(uri) => Ok(LockKey::artifact(uri.coordinate())),
        ArtifactRef::Id(_) => store
            .show(artifact)
            .await
            .map(|record| LockKey::artifact(&record.coordinate)),
    }
}

async fn status(artifact: &ArtifactRef, store: &Store, context: &Context) -> Result<(), Failure> {
    let (locks, key) = (locks(store)?, key(artifact, store).await?);
    let locked = locks.is_locked(key.clone()).await?;
    let holder = if locked {
        locks.holder(key.clone()).await?
    } else {
        None
    };
    if context.ui.json() {
        let holder = holder
            .as_ref()
            .map(|holder| json!({ "pid": holder.pid, "host": holder.host, "since": holder.since }));
        context
            .ui
            .object(&json!({ "uri": key.as_str(), "locked": locked, "holder": holder }))?;
        return Ok(());
    }
    match (locked, holder) {
        (false, _) => context.ui.line("free")?,
        (true, None) => context.ui.line("locked")?,
        (true, Some(holder)) => context.ui.line(format_args!(
            "locked by process {} on {} since {}",
            holder.pid, holder.host, holder.since
        ))?,
    }
    Ok(())
}

async fn unlock(
    artifact: &ArtifactRef,
    dry_run: bool,
    store: &Store,
    context: &Context,
) -> Result<(), Failure> {
    let (locks, key) = (locks(store)?, key(artifact, store).await?);
    let was_locked = if dry_run {
        locks.is_locked(key.clone()).await?
    } else {
        locks.force_unlock(key.clone()).await?
    };
    if context.ui.json() {
        let uri = key.as_str();
        let done = was_locked && !dry_run;
        context
            .ui
            .object(&json!({ "uri": uri, "was_locked": was_locked, "unlocked": done }))?;
    } else {
        context.ui.line(match (was_locked, dry_run) {
            (false, _) => "was not locked",
            (true, false) => "unlocked",
            (true, true) => "would be unlocked",
        })?;
    }
    Ok(())
}
