//! `artifact complete`: make visible what was put to a signed URL.

use artifact_app::{CompleteRequest, Compression};
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::{ArtifactId, Digest};
use clap::Args;

use crate::context::Context;
use crate::failures::Failure;

/// Which upload, and what its bytes must be.
#[derive(Debug, Args)]
#[command(after_help = "\
The bytes are read and checked before anybody can find them, and stored as `upload` stores them. If
they are wrong, others can be put to the same URL as long as it is good. To complete an upload again
changes nothing.

Examples:
  artifact complete 0195c0de-1d2f-7c3a-9a41-5f0c2e7b8d10
  artifact complete 0195c0de-1d2f-7c3a-9a41-5f0c2e7b8d10 --sha256 \"$(sha256sum < build.log | cut -c-64)\"
  artifact complete 0195c0de-1d2f-7c3a-9a41-5f0c2e7b8d10 --abort")]
pub(crate) struct CompleteArgs {
    /// The id that `presign --upload` gave
    id: ArtifactId,
    /// The SHA-256 that the bytes must have
    #[arg(long, value_name = "HEX")]
    sha256: Option<Digest>,
    /// How many bytes there must be
    #[arg(long, value_name = "SIZE")]
    size: Option<ByteSize>,
    /// Store them as they are
    #[arg(long)]
    no_compress: bool,
    /// Give the upload up instead, and take away what was put
    #[arg(long, conflicts_with_all = ["sha256", "size", "no_compress"])]
    abort: bool,
}

pub(crate) async fn run(args: CompleteArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    if args.abort {
        return Ok(service.abort_upload(args.id).await?);
    }
    let request = CompleteRequest {
        id: args.id,
        expected_digest: args.sha256,
        expected_size_bytes: args.size.map(ByteSize::bytes),
        compression: if args.no_compress {
            Compression::Off
        } else {
            Compression::AsConfigured
        },
    };
    let record = service.complete_upload(request).await?;
    context.ui.artifact(&record, record.uri())?;
    context.warn_of_quota(&service).await;
    Ok(())
}
