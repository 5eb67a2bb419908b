//! Archives, from either place. Prints nothing.

use std::sync::{Arc, OnceLock};

use artifact_api::{ExportSums, Line};
use artifact_app::{ArchiveFormat, ExportOptions, ExportProgress, LeftOut, Verification};
use artifact_client::{TwoParts, query_of};
use artifact_domain::port::ByteStream;
use artifact_domain::query::Filter;
use artifact_domain::{Error, ErrorKind, Result};
use futures::{StreamExt, stream};
use serde::de::IgnoredAny;
use serde_json::json;

use super::{Remote, Service};

/// An archive on its way.
pub(crate) struct Exported {
    pub(crate) artifacts: u64,
    pub(crate) size_bytes: u64,
    pub(crate) stored_size_bytes: u64,
    pub(crate) progress: Progress,
    pub(crate) body: ByteStream,
}

/// How far an archive has come.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// Known all the while.
    Known(Arc<ExportProgress>),
    /// Known at the end.
    AtTheEnd(Arc<OnceLock<ExportSums>>),
}

impl Progress {
    /// What is known by now.
    pub(crate) fn sums(&self) -> Option<ExportSums> {
        match self {
            Self::Known(progress) => Some(ExportSums {
                artifacts: progress.artifacts(),
                left_out: progress.left_out(),
                size_bytes: progress.size_bytes(),
            }),
            Self::AtTheEnd(sums) => sums.get().copied(),
        }
    }
}

impl Service {
    /// An archive of what a filter selects.
    pub(crate) async fn export(&self, filter: Filter, options: ExportOptions) -> Result<Exported> {
        match self {
            Self::Local(local) => {
                let export = local.store.export(filter, options).await?;
                Ok(Exported {
                    artifacts: export.artifacts,
                    size_bytes: export.size_bytes,
                    stored_size_bytes: export.stored_size_bytes,
                    progress: Progress::Known(export.progress),
                    body: export.body,
                })
            }
            Self::Remote(remote) => remote.export(&filter, options).await,
        }
    }
}

impl Remote {
    async fn export(&self, filter: &Filter, options: ExportOptions) -> Result<Exported> {
        let body = json!({
            "format": match options.format {
                ArchiveFormat::Zip => "zip",
                ArchiveFormat::TarGz => "tar.gz",
            },
            "metadata": options.metadata,
            "verify": options.verification == Verification::Digest,
            "keep_going": options.left_out.is_some(),
        });
        let pairs = query_of(filter)?;
        let sums = Arc::new(OnceLock::new());
        let parts = self.client.two_parts("/export", &pairs, &body).await?;
        let headers = parts.headers.clone();
        let number = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        Ok(Exported {
            artifacts: number("x-export-artifacts"),
            size_bytes: number("x-export-size-bytes"),
            stored_size_bytes: number("x-export-stored-size-bytes"),
            body: told(parts, options.left_out, &sums),
            progress: Progress::AtTheEnd(sums),
        })
    }
}

/// The archive; at its end it is told what was left out of it, and whether all could be read.
fn told(
    parts: TwoParts,
    left_out: Option<LeftOut>,
    sums: &Arc<OnceLock<ExportSums>>,
) -> ByteStream {
    let (second, sums) = (parts.second, Arc::clone(sums));
    let end = stream::once(async move {
        let without = || Error::new(ErrorKind::Internal, "the answer has no sums");
        let lines = second.await.map_err(|_| without())?;
        for line in lines.split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let line: Line<IgnoredAny, ExportSums> =
                serde_json::from_slice(line).map_err(|cause| without().with_source(cause))?;
            match line {
                Line::Item(_) => {}
                Line::Failed(fault) => {
                    if let Some(left_out) = &left_out {
                        left_out(fault.into_error());
                    }
                }
                Line::Error(fault) => return Err(fault.into_error()),
                Line::Sums(all) => {
                    let _ = sums.set(all);
                }
            }
        }
        sums.get().map(|_| bytes::Bytes::new()).ok_or_else(without)
    });
    Box::pin(parts.first.chain(end))
}
