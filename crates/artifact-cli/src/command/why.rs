//! `artifact why`: when and by which rule an artifact goes, or what keeps it.

use artifact_api::{Latest, Why};
use artifact_domain::{ArtifactRef, Hold};
use clap::Args;

use crate::context::Context;
use crate::failures::{Failure, Failures};

/// Which artifacts.
#[derive(Debug, Args)]
#[command(after_help = "\
Also tells of what has expired, and of what is deleted as long as something is left of it.

Examples:
  artifact why artifact://demo/1/document/README.md
  artifact why artifact://demo/1/document/README.md?version=1 --json")]
pub(crate) struct WhyArgs {
    /// URIs or ids
    #[arg(required = true, value_name = "URI|ID")]
    artifacts: Vec<ArtifactRef>,
}

pub(crate) async fn run(args: WhyArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let mut failures = Failures::default();
    for artifact in &args.artifacts {
        match service.why(artifact).await {
            Ok(retained) if context.ui.json() => context.ui.object(&retained)?,
            Ok(retained) => context.ui.line(describe(&retained))?,
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    failures.into_result()
}

fn describe(why: &Why) -> String {
    let rule = rule(why);
    let end = || {
        let end = why.expires_at.map(|end| end.to_string());
        end.unwrap_or_default()
    };
    let fate = match (&*why.fate, &why.hold, &why.latest) {
        ("held", Some(hold), _) => format!("stays: {}", held(hold)),
        ("latest", _, Some(latest)) => {
            format!("stays: it is number {} of {}", latest.rank, group(latest))
        }
        ("unending", ..) => format!("stays: {rule}"),
        ("ends", ..) => format!("goes at {}: {rule}", end()),
        ("expired", ..) => format!("gone since {}: {rule}; cleanup takes it away", end()),
        ("deleted", ..) => "deleted: its bytes and its record are about to go".to_owned(),
        ("uploading", ..) => "on its way: it is being uploaded, or was given up".to_owned(),
        (other, ..) => other.to_owned(),
    };
    let mut lines = vec![format!("{}  {fate}", why.uri)];
    if let ("held", Some(end)) = (&*why.fate, why.expires_at) {
        lines.push(format!("  without the hold it goes at {end}: {rule}"));
    }
    if why.state.is_live() && why.recorded_expires_at != why.expires_at {
        let says = why
            .recorded_expires_at
            .map_or("that it stays".to_owned(), |end| format!("{end}"));
        lines.push(format!(
            "  its record says {says}, which reads follow until the next cleanup"
        ));
    }
    lines.join("\n")
}

/// The rule and its days: `by_type log: 7 days`.
fn rule(why: &Why) -> String {
    let rule = why.rule.as_deref().unwrap_or("no rule");
    match why.days {
        Some(1) => format!("{rule}: 1 day"),
        Some(days) => format!("{rule}: {days} days"),
        None => format!("{rule}: never"),
    }
}

/// How many of what: `the latest 3 of its spec and type in tasks nightly-*`.
fn group(latest: &Latest) -> String {
    let pattern = latest.task.as_ref();
    let tasks = pattern.map(|pattern| format!(" in tasks {pattern}"));
    format!(
        "the latest {} of its spec and type{}",
        latest.keep,
        tasks.unwrap_or_default()
    )
}

fn held(hold: &Hold) -> String {
    let by = hold.by.as_ref().map(|by| format!(" by {by}"));
    let reason = hold.reason.as_ref().map(|reason| format!(" ({reason})"));
    format!(
        "on hold since {}{}{}",
        hold.since,
        by.unwrap_or_default(),
        reason.unwrap_or_default()
    )
}
