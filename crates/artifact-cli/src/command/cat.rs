//! `artifact cat`: print artifacts, or a page of a large one.

use std::num::NonZeroU64;

use artifact_app::{DownloadOptions, Page, Verification};
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::{ArtifactRef, Error, Result};
use clap::Args;
use serde_json::json;

use super::download::to_stdout;
use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::service::{Download, Service};

/// What to print.
#[derive(Debug, Args)]
#[command(after_help = "\
Several artifacts are printed one after another. A page has the lines that begin in its stretch of the
artifact: all pages together have every line once, whole and in order. Only the stored blocks of that
page are read.

Examples:
  artifact cat artifact://demo/1/document/README.md
  artifact cat artifact://demo/1/log/build.log --page 3
  artifact cat artifact://demo/1/log/build.log --page 1 --page-size 10MB")]
pub(crate) struct CatArgs {
    /// URIs or ids
    #[arg(required = true, value_name = "URI|ID")]
    artifacts: Vec<ArtifactRef>,
    /// Only this page, counted from 1
    #[arg(long, value_name = "N")]
    page: Option<NonZeroU64>,
    /// How long a page is
    #[arg(long, value_name = "SIZE", default_value = "1MB", requires = "page")]
    page_size: ByteSize,
    /// Do not compare the SHA-256
    #[arg(long)]
    no_verify: bool,
}

pub(crate) async fn run(args: CatArgs, context: &Context) -> Result<(), Failure> {
    let page = match args.page {
        None => None,
        Some(number) => Some(Page {
            number,
            size_bytes: NonZeroU64::new(args.page_size.bytes())
                .ok_or_else(|| Error::invalid_input("a page cannot have a size of 0"))?,
        }),
    };
    let service = context.service().await?;
    let verification = service.verification(args.no_verify);
    let mut failures = Failures::default();
    for artifact in &args.artifacts {
        match open(&service, artifact, page, verification).await {
            Ok(download) => match print(download, page, context).await {
                Err(Failure::Error(error)) => failures.add(&context.ui, &error),
                other => other?,
            },
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    failures.into_result()
}

async fn open(
    service: &Service,
    artifact: &ArtifactRef,
    page: Option<Page>,
    verification: Verification,
) -> Result<Download> {
    if let Some(page) = page {
        return service.page(artifact, page).await;
    }
    let options = DownloadOptions {
        range: None,
        verification,
    };
    service.download(artifact, options).await
}

async fn print(download: Download, page: Option<Page>, context: &Context) -> Result<(), Failure> {
    if let Some(page) = page {
        let size_bytes = download.record.stored_content()?.size_bytes;
        let (number, count) = (page.number, page.count(size_bytes));
        context.ui.sum(
            &json!({ "page": number, "pages": count }),
            format_args!("page {number} of {count}"),
        );
    }
    let progress = context.progress("cat", download.length_bytes, Some(1));
    let outcome = to_stdout(download, &progress, &context.interrupt).await;
    progress.finish();
    outcome
}
