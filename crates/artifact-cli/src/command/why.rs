//! `artifact why`: when and by which rule an artifact goes, or what keeps it.

use artifact_app::{Fate, Retained};
use artifact_domain::{ArtifactRef, Hold};
use clap::Args;
use serde_json::{Value, json};

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
    let store = context.store().await?;
    let mut failures = Failures::default();
    for artifact in &args.artifacts {
        match store.why(artifact).await {
            Ok(retained) if context.ui.json() => context.ui.object(&object(&retained))?,
            Ok(retained) => context.ui.line(describe(&retained))?,
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    failures.into_result()
}

fn describe(retained: &Retained) -> String {
    let Retained { record, ruling, .. } = retained;
    let fate = match &retained.fate {
        Fate::Held(hold) => format!("stays: {}", held(hold)),
        Fate::Latest(group, rank) => format!("stays: it is number {rank} of {group}"),
        Fate::Unending => format!("stays: {ruling}"),
        Fate::Ends(end) => format!("goes at {end}: {ruling}"),
        Fate::Expired(end) => format!("gone since {end}: {ruling}; cleanup takes it away"),
        Fate::Deleted => "deleted: its bytes and its record are about to go".to_owned(),
        Fate::Uploading => "on its way: it is being uploaded, or was given up".to_owned(),
    };
    let mut lines = vec![format!("{}  {fate}", record.version_uri())];
    if let (Fate::Held(_), Some(end)) = (&retained.fate, retained.expires_at) {
        lines.push(format!("  without the hold it goes at {end}: {ruling}"));
    }
    if retained.is_stale() {
        let says = record
            .expires_at
            .map_or("that it stays".to_owned(), |end| format!("{end}"));
        lines.push(format!(
            "  its record says {says}, which reads follow until the next cleanup"
        ));
    }
    lines.join("\n")
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

fn object(retained: &Retained) -> Value {
    let record = &retained.record;
    let fate = match &retained.fate {
        Fate::Held(_) => "held",
        Fate::Latest(..) => "latest",
        Fate::Unending => "unending",
        Fate::Ends(_) => "ends",
        Fate::Expired(_) => "expired",
        Fate::Deleted => "deleted",
        Fate::Uploading => "uploading",
    };
    let latest = match &retained.fate {
        Fate::Latest(group, rank) => json!({
            "keep": group.keep,
            "task": group.pattern.as_ref().map(ToString::to_string),
            "rank": rank,
        }),
        _ => Value::Null,
    };
    json!({
        "uri": record.version_uri().to_string(),
        "id": record.id,
        "state": record.state,
        "fate": fate,
        "rule": retained.ruling.rule.as_ref().map(ToString::to_string),
        "days": retained.ruling.days,
        "created_at": record.created_at,
        "expires_at": retained.expires_at,
        "recorded_expires_at": record.expires_at,
        "hold": record.hold,
        "latest": latest,
    })
}
