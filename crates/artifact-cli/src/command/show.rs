//! `artifact show`: what is known of an artifact.

use artifact_domain::{ArtifactDetails, ArtifactRecord, ArtifactRef, Encoding};
use clap::Args;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};

/// Which artifacts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  artifact show artifact://demo/1/document/README.md
  artifact show artifact://demo/1/document/README.md?version=1 --json")]
pub(crate) struct ShowArgs {
    /// URIs or ids
    #[arg(required = true, value_name = "URI|ID")]
    artifacts: Vec<ArtifactRef>,
}

pub(crate) async fn run(args: ShowArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let mut failures = Failures::default();
    for artifact in &args.artifacts {
        match service.show(artifact).await {
            Ok(record) if context.ui.json() => {
                context.ui.object(&ArtifactDetails::from(&record))?;
            }
            Ok(record) => context.ui.line(describe(&record))?,
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    failures.into_result()
}

/// The record as lines of `key: value`.
fn describe(record: &ArtifactRecord) -> String {
    let mut lines = vec![
        ("uri", record.uri().to_string()),
        ("id", record.id.to_string()),
        ("version", record.version.to_string()),
        ("state", record.state.to_string()),
        ("tier", record.tier.to_string()),
        ("mime type", record.mime_type.to_string()),
        ("created", record.created_at.to_string()),
        (
            "expires",
            record
                .expires_at
                .map_or_else(|| "never".to_owned(), |end| end.to_string()),
        ),
    ];
    if let Some(content) = &record.content {
        let stored = content.stored_size_bytes;
        let form = match content.encoding {
            Encoding::Gzip => "gzip",
            Encoding::Identity => "as it is",
        };
        lines.push(("size", exact(content.size_bytes)));
        lines.push(("stored", format!("{}, {form}", exact(stored))));
        lines.push(("sha256", content.digest.to_string()));
    }
    lines.extend(
        record
            .archived_at
            .map(|time| ("archived", time.to_string())),
    );
    lines.extend(record.hold.as_ref().map(|hold| ("held", hold.to_string())));
    if !record.tags.is_empty() {
        let tag = |(key, value): (&str, &str)| match value {
            "" => key.to_owned(),
            value => format!("{key}={value}"),
        };
        lines.push((
            "tags",
            record.tags.iter().map(tag).collect::<Vec<_>>().join(" "),
        ));
    }
    if !record.metadata.is_empty() {
        lines.push(("metadata", record.metadata.as_json().to_owned()));
    }
    let lines: Vec<_> = lines
        .iter()
        .map(|(key, value)| format!("{key:<10} {value}"))
        .collect();
    lines.join("\n")
}

fn exact(bytes: u64) -> String {
    format!("{bytes} bytes ({})", HumanBytes(bytes))
}
