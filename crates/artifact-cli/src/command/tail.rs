//! `artifact tail`: print the end of an artifact.

use artifact_app::DownloadOptions;
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::{ArtifactRef, RangeRequest};
use clap::Args;

use super::download::to_stdout;
use crate::context::Context;
use crate::failures::Failure;

/// The end of what, and how much.
#[derive(Debug, Args)]
#[command(after_help = "\
Only the last stored blocks are read, however large the artifact is.

Examples:
  artifact tail artifact://demo/1/log/build.log
  artifact tail -n 100 artifact://demo/1/log/build.log
  artifact tail -c 4KB artifact://demo/1/log/build.log")]
pub(crate) struct TailArgs {
    /// A URI or an id
    #[arg(value_name = "URI|ID")]
    artifact: ArtifactRef,
    /// So many lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: u64,
    /// So many bytes instead
    #[arg(short = 'c', long, value_name = "SIZE", conflicts_with = "lines")]
    bytes: Option<ByteSize>,
}

pub(crate) async fn run(args: TailArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let download = match args.bytes {
        None => service.tail(&args.artifact, args.lines).await?,
        Some(size) => {
            let options = DownloadOptions {
                range: Some(RangeRequest::Last(size.bytes())),
                ..DownloadOptions::default()
            };
            service.download(&args.artifact, options).await?
        }
    };
    let progress = context.progress("tail", download.length_bytes, Some(1));
    let outcome = to_stdout(download, &progress, &context.interrupt).await;
    progress.finish();
    outcome
}
