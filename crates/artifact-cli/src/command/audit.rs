//! `artifact audit`: who did what on the server.

use artifact_domain::access::{Action, AuditEntry, AuditFilter, Outcome};
use artifact_domain::port::AuditLog;
use artifact_domain::query::Glob;
use artifact_domain::{Error, ErrorKind};
use clap::Args;

use crate::context::Context;
use crate::failures::Failure;
use crate::when::When;

/// How many entries are shown where nobody says.
const USUAL: u32 = 100;

/// Which entries.
#[derive(Debug, Args)]
#[command(after_help = "\
The server writes down every attempt once it asks for tokens: who, from where, to do what to what, and
how it ended. Shown are the last entries that all conditions hold for, the oldest of them first.

Examples:
  artifact audit --outcome refused
  artifact audit --who 'token ci-*' --action write --action delete --after 2026-11-01
  artifact audit --target 'artifact://web/*' --limit 1000 --json")]
pub(crate) struct AuditArgs {
    /// Of those whose name matches this pattern
    #[arg(long, value_name = "GLOB")]
    who: Option<Glob>,
    /// About what matches this pattern
    #[arg(long, value_name = "GLOB")]
    target: Option<Glob>,
    /// Only read, write, delete or admin; can be given several times
    #[arg(long, value_name = "ACTION")]
    action: Vec<Action>,
    /// Only done, refused or failed; can be given several times
    #[arg(long, value_name = "OUTCOME")]
    outcome: Vec<Outcome>,
    /// At that time or later
    #[arg(long, value_name = "TIME")]
    after: Option<When>,
    /// Before that time
    #[arg(long, value_name = "TIME")]
    before: Option<When>,
    /// The last so many; at most 10000 of a server
    #[arg(long, value_name = "N", default_value_t = USUAL, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

pub(crate) async fn run(args: AuditArgs, context: &Context) -> Result<(), Failure> {
    let filter = AuditFilter {
        who: args.who,
        target: args.target,
        actions: args.action,
        outcomes: args.outcome,
        after: args.after.map(|when| when.0),
        before: args.before.map(|when| when.0),
        limit: usize::try_from(args.limit).map_err(|cause| {
            Error::new(ErrorKind::InvalidInput, "the limit is too large").with_source(cause)
        })?,
    };
    let entries = if let Some(remote) = context.remote()? {
        remote.audit(&filter).await?
    } else {
        let log = artifact_bootstrap::audit_log(&context.settings()?.settings);
        log.query(filter).await?
    };
    for entry in entries {
        if context.ui.json() {
            context.ui.object(&entry)?;
        } else {
            context.ui.line(line(&entry))?;
        }
    }
    Ok(())
}

/// An entry for people: what came from outside is shown so that it can do nothing to a terminal.
fn line(entry: &AuditEntry) -> String {
    let shown = |text: &Option<String>| match text {
        Some(text) => text.escape_debug().to_string(),
        None => "-".to_owned(),
    };
    format!(
        "{}  {}  {:7}  {}  {}  {}  {}",
        entry.time,
        entry.status,
        entry.outcome.as_str(),
        shown(&entry.who),
        shown(&entry.from),
        entry.request.escape_debug(),
        shown(&entry.target),
    )
}
