//! A server as what the verbs work with: what it answers, as the records and reports that the store gives
//! on this machine. Knows no HTTP.

use artifact_api::{Artifact, Deletion, Line, Page as Listed};
use artifact_app::{
    Compression, DeleteScope, DownloadOptions, Page, UploadRequest, Verification, secret_warning,
};
use artifact_client::{Client, Excerpt, Fetched, Part, Source, Upload, decode};
use artifact_domain::query::{Cursor, Filter, Order, Page as Found, PageSize};
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, ErrorKind, Result};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::{Deleted, Download, Records, Stored};

/// How often an artifact is looked up again that was superseded before it could be fetched.
pub(super) const RESOLVE_ROUNDS: usize = 8;

/// The most lines that a server is asked for.
const MOST_LINES: u64 = 1_000_000_000;

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(super) client: Client,
}

impl Remote {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) async fn show(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        self.client.show(artifact).await?.into_record()
    }

    pub(super) async fn search(
        &self,
        filter: &Filter,
        order: Order,
        cursor: Option<Cursor>,
        limit: PageSize,
    ) -> Result<Found> {
        let page = self
            .client
            .search(filter, order, cursor.as_ref(), limit)
            .await?;
        let Listed { items, next_cursor } = page;
        Ok(Found {
            items: items
                .into_iter()
                .map(Artifact::into_record)
                .collect::<Result<_>>()?,
            next: next_cursor.map(|cursor| cursor.parse()).transpose()?,
        })
    }

    pub(super) fn search_all(self, filter: Filter, order: Order) -> Records<'static> {
        let begin = (self, filter, Some(None));
        let pages = stream::try_unfold(begin, move |(remote, filter, cursor)| async move {
            let Some(cursor) = cursor else {
                return Ok(None);
            };
            let page = remote.search(&filter, order, cursor, PageSize::MAX).await?;
            let next = page.next.map(Some);
            let records = stream::iter(page.items.into_iter().map(Ok));
            Ok::<_, Error>(Some((records, (remote, filter, next))))
        });
        pages.try_flatten().boxed()
    }

    pub(super) async fn download(
        &self,
        artifact: &ArtifactRef,
        options: DownloadOptions,
    ) -> Result<Download> {
        let part = options.range.map_or(Part::All, Part::Range);
        let verify = options.verification == Verification::Digest;
        self.fetch(artifact, async |found: &Artifact| {
            self.client.download(found, part, verify).await
        })
        .await
    }

    pub(super) async fn download_found(
        &self,
        record: ArtifactRecord,
        options: DownloadOptions,
    ) -> Result<Download> {
        let part = options.range.map_or(Part::All, Part::Range);
        let verify = options.verification == Verification::Digest;
        let found = Artifact::from(&record);
        let fetched = self.client.download(&found, part, verify).await?;
        Ok(Download {
            record,
            length_bytes: fetched.length_bytes,
            body: fetched.body,
        })
    }

    pub(super) async fn tail(&self, artifact: &ArtifactRef, lines: u64) -> Result<Download> {
        let excerpt = Excerpt::LastLines(lines.min(MOST_LINES));
        self.fetch(artifact, async |found: &Artifact| {
            self.client.excerpt(found, excerpt).await
        })
        .await
    }

    pub(super) async fn page(&self, artifact: &ArtifactRef, page: Page) -> Result<Download> {
        let excerpt = Excerpt::Page {
            number: page.number.get(),
            size_bytes: page.size_bytes.get(),
        };
        self.fetch(artifact, async |found: &Artifact| {
            self.client.excerpt(found, excerpt).await
        })
        .await
    }

    /// Looks an artifact up and asks for bytes of that version, as often as it is superseded between
    /// the two.
    async fn fetch(
        &self,
        artifact: &ArtifactRef,
        ask: impl AsyncFn(&Artifact) -> Result<Fetched>,
    ) -> Result<Download> {
        for _ in 0..RESOLVE_ROUNDS {
            let found = self.client.show(artifact).await?;
            match ask(&found).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                fetched => {
                    let Fetched { length_bytes, body } = fetched?;
                    return Ok(Download {
                        record: found.into_record()?,
                        length_bytes,
                        body,
                    });
                }
            }
        }
        let message = format!("{artifact} was replaced each time before it could be opened");
        Err(Error::new(ErrorKind::Conflict, message).with_hint("try again, or name one version"))
    }

    pub(super) async fn upload(&self, request: UploadRequest, source: Source) -> Result<Stored> {
        let upload = Upload {
            mime_type: Some(request.mime_type),
            tags: request.tags,
            metadata: request.metadata,
            retention_days: request.retention_days,
            compress: request.compression != Compression::Off,
            size_bytes: request.size_hint_bytes,
            ..Upload::new(request.coordinate)
        };
        let stored = self.client.upload(&upload, source).await?;
        let record = stored.artifact.into_record()?;
        Ok(Stored {
            warning: secret_warning(&record, &stored.warnings),
            record,
        })
    }

    pub(super) async fn delete(
        &self,
        artifact: &ArtifactRef,
        dry_run: bool,
    ) -> Result<ArtifactRecord> {
        self.client.delete(artifact, dry_run).await?.into_record()
    }

    pub(super) async fn plan_delete_all(&self, scope: &DeleteScope) -> Result<Records<'static>> {
        let lines = self.client.delete_all(&of(scope), true).await?;
        Ok(decode(lines, Artifact::into_record).boxed())
    }

    pub(super) async fn delete_all(&self, scope: &DeleteScope) -> Result<Deleted> {
        let mut lines = self.client.delete_all(&of(scope), false).await?;
        let mut deleted = Deleted::default();
        while let Some(line) = lines.next::<Artifact, Deletion>().await? {
            match line {
                Line::Item(_) => {}
                Line::Failed(fault) => deleted.failures.push(fault.into_error()),
                Line::Error(fault) => return Err(fault.into_error()),
                Line::Sums(sums) => {
                    deleted.versions = sums.deleted;
                    deleted.stored_size_bytes = sums.stored_size_bytes;
                }
            }
        }
        Ok(deleted)
    }

    pub(super) async fn quota_warning(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Warning {
            warning: Option<String>,
        }
        let usage: Warning = self.client.get("/usage", &[]).await?;
        Ok(usage.warning)
    }
}

fn of(scope: &DeleteScope) -> artifact_client::DeleteScope {
    match scope {
        DeleteScope::Spec(spec) => artifact_client::DeleteScope::Spec(spec.clone()),
        DeleteScope::Task(spec, task) => {
            artifact_client::DeleteScope::Task(spec.clone(), task.clone())
        }
    }
}
