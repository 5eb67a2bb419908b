//! `artifact presign`: URLs that download an artifact, or take the bytes of a new one.

use std::io;

use artifact_api::SignedUrl;
use artifact_app::UploadRequest;
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::{ArtifactName, ArtifactRef, Coordinate};
use clap::Args;

use crate::about::AboutArgs;
use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::span::Span;

/// What to sign.
#[derive(Debug, Args)]
#[command(after_help = "\
Whoever has the URL can use it until it ends; it works without this software, and without keys. A bucket
signs its own; for blobs in a folder it leads to artifact-http, whose place http.public_url says. With --upload, one line has the id of the new version and the URL: put the
bytes there as they are, then `artifact complete ID` checks them and makes them visible.

Examples:
  artifact presign artifact://demo/1/log/build.log --expires-in 15m
  curl --compressed -o build.log \"$(artifact presign artifact://demo/1/log/build.log)\"
  artifact presign --upload build.log --spec demo --task 2 --json")]
pub(crate) struct PresignArgs {
    /// URIs or ids to download
    #[arg(
        value_name = "URI|ID",
        required_unless_present = "upload",
        conflicts_with_all = ["AboutArgs", "size"]
    )]
    artifacts: Vec<ArtifactRef>,
    /// The name of a new artifact, to upload it instead
    #[arg(long, value_name = "NAME", conflicts_with = "artifacts")]
    upload: Option<ArtifactName>,
    /// For how long: 90s, 15m, 12h, at most 7d
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    expires_in: Span,
    /// How many bytes will come, to be refused here where they are too many
    #[arg(long, value_name = "SIZE", requires = "upload")]
    size: Option<ByteSize>,
    #[command(flatten, next_help_heading = "With --upload")]
    about: AboutArgs,
}

pub(crate) async fn run(args: PresignArgs, context: &Context) -> Result<(), Failure> {
    let valid_for = args.expires_in.0;
    let Some(name) = args.upload else {
        let service = context.service().await?;
        let mut failures = Failures::default();
        for artifact in &args.artifacts {
            match service.presign(artifact, valid_for).await {
                Ok(signed) => tell_download(&signed, context)?,
                Err(error) => failures.add(&context.ui, &error),
            }
        }
        return failures.into_result();
    };
    let about = args.about.check()?;
    let guess = artifact_guess::guess(&name, &[]);
    let artifact_type = about.artifact_type.unwrap_or(guess.artifact_type);
    let coordinate = Coordinate::new(about.spec, about.task, artifact_type, name)?;
    let request = UploadRequest {
        mime_type: about.mime_type.unwrap_or(guess.mime_type),
        tags: about.tags,
        metadata: about.metadata,
        retention_days: about.retention_days,
        size_hint_bytes: args.size.map(ByteSize::bytes),
        condition: None,
        ..UploadRequest::new(coordinate)
    };
    let service = context.service().await?;
    let signed = service.begin_upload(request, valid_for).await?;
    Ok(tell_upload(&signed, context)?)
}

fn tell_download(signed: &SignedUrl, context: &Context) -> io::Result<()> {
    if context.ui.json() {
        return context.ui.object(signed);
    }
    context.ui.line(&signed.url)
}

fn tell_upload(signed: &SignedUrl, context: &Context) -> io::Result<()> {
    if context.ui.json() {
        return context.ui.object(signed);
    }
    for (name, value) in &signed.headers {
        context
            .ui
            .warn(format!("send this header along: {name}: {value}"));
    }
    context
        .ui
        .line(format_args!("{}  {}", signed.id, signed.url))
}
