//! What the verbs work with: the store on this machine, or a server. Both give the same, so that a verb
//! need not know which it is. Prints nothing.

mod comparing;
mod connect;
mod exporting;
mod grep;
mod importing;
mod outcomes;
mod remote;
mod remote_changes;
mod reports;
mod rules;
mod signing;
mod tokens;
mod upkeep;

use artifact_app::{
    Body, Change, Changed, DeleteScope, DownloadOptions, KeepFor, Page, RetentionChange, Store,
    UploadRequest, Verification,
};
use artifact_bootstrap::{SystemClock, UrlSigner};
use artifact_client::Source;
use artifact_domain::port::{ByteStream, Clock};
use artifact_domain::query::{Cursor, Filter, Order, Page as Found, PageSize};
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, ErrorKind, Result, Timestamp};
use futures::StreamExt;
use futures::stream::BoxStream;

pub(crate) use self::comparing::Comparing;
pub(crate) use self::connect::{connect, server};
pub(crate) use self::exporting::Exported;
pub(crate) use self::grep::{Found as Finding, FoundLines, Place, Searching};
pub(crate) use self::importing::Importing;
pub(crate) use self::outcomes::Deleted;
pub(crate) use self::remote::Remote;
pub(crate) use self::reports::{Moving, Usage};
pub(crate) use self::tokens::Tokens;
pub(crate) use self::upkeep::{Told, Verifying};

/// What the verbs work with.
#[derive(Debug, Clone)]
pub(crate) enum Service {
    /// The store that the settings describe.
    Local(Box<Local>),
    /// A server.
    Remote(Remote),
}

/// The store on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) store: Store,
    /// Whether what is read is compared with its digest.
    pub(crate) verify_checksum: bool,
    /// Signs the URLs that its bucket does not.
    pub(crate) urls: UrlSigner,
}

/// An artifact on its way out.
pub(crate) struct Download {
    pub(crate) record: ArtifactRecord,
    /// How many bytes come, where that is known.
    pub(crate) length_bytes: Option<u64>,
    pub(crate) body: ByteStream,
}

impl From<artifact_app::Download> for Download {
    fn from(download: artifact_app::Download) -> Self {
        Self {
            record: download.record,
            length_bytes: Some(download.range.length()),
            body: download.body,
        }
    }
}

/// An artifact that is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) record: ArtifactRecord,
    /// What in it looks like secrets, in words.
    pub(crate) warning: Option<String>,
}

/// Records, one after the other.
pub(crate) type Records<'a> = BoxStream<'a, Result<ArtifactRecord>>;

/// What is about the machine that a store is on.
pub(crate) fn not_through_a_server() -> Error {
    let message = "this can't be done through a server";
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("run it on the machine of the store, without --server and ARTIFACT_SERVER")
}

impl Service {
    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Local(local) => local.store.now(),
            Self::Remote(_) => SystemClock.now(),
        }
    }

    /// Whether what is read is compared with its digest, where nobody says that it is not.
    pub(crate) fn verification(&self, is_unwanted: bool) -> Verification {
        let is_usual = match self {
            Self::Local(local) => local.verify_checksum,
            Self::Remote(_) => true,
        };
        if is_usual && !is_unwanted {
            Verification::Digest
        } else {
            Verification::Skip
        }
    }

    pub(crate) async fn show(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        match self {
            Self::Local(local) => local.store.show(artifact).await,
            Self::Remote(remote) => remote.show(artifact).await,
        }
    }

    pub(crate) async fn search(
        &self,
        filter: Filter,
        order: Order,
        cursor: Option<Cursor>,
        limit: PageSize,
    ) -> Result<Found> {
        match self {
            Self::Local(local) => local.store.search(filter, order, cursor, limit).await,
            Self::Remote(remote) => remote.search(&filter, order, cursor, limit).await,
        }
    }

    /// All that a filter selects.
    pub(crate) fn search_all(&self, filter: Filter, order: Order) -> Records<'static> {
        match self {
            Self::Local(local) => local.store.search_all(filter, order).boxed(),
            Self::Remote(remote) => remote.clone().search_all(filter, order),
        }
    }

    pub(crate) async fn download(
        &self,
        artifact: &ArtifactRef,
        options: DownloadOptions,
    ) -> Result<Download> {
        match self {
            Self::Local(local) => Ok(local.store.download(artifact, options).await?.into()),
            Self::Remote(remote) => remote.download(artifact, options).await,
        }
    }

    /// What was found before, by its id.
    pub(crate) async fn download_found(
        &self,
        record: ArtifactRecord,
        options: DownloadOptions,
    ) -> Result<Download> {
        match self {
            Self::Local(local) => {
                let artifact = ArtifactRef::Id(record.id);
                Ok(local.store.download(&artifact, options).await?.into())
            }
            Self::Remote(remote) => remote.download_found(record, options).await,
        }
    }

    /// The last lines.
    pub(crate) async fn tail(&self, artifact: &ArtifactRef, lines: u64) -> Result<Download> {
        match self {
            Self::Local(local) => Ok(local.store.tail(artifact, lines).await?.into()),
            Self::Remote(remote) => remote.tail(artifact, lines).await,
        }
    }

    /// The lines that begin in one stretch.
    pub(crate) async fn page(&self, artifact: &ArtifactRef, page: Page) -> Result<Download> {
        match self {
            Self::Local(local) => Ok(local.store.page(artifact, page).await?.into()),
            Self::Remote(remote) => remote.page(artifact, page).await,
        }
    }

    pub(crate) async fn upload(&self, request: UploadRequest, source: Source) -> Result<Stored> {
        match self {
            Self::Local(local) => {
                let body = match source {
                    Source::Bytes(bytes) => Body::Bytes(bytes),
                    Source::File(file, _) => Body::reader(file),
                    Source::Reader(reader) => Body::Reader(reader),
                };
                let uploaded = local.store.upload_once(request, None, body).await?;
                Ok(Stored {
                    warning: uploaded.warning(),
                    record: uploaded.record,
                })
            }
            Self::Remote(remote) => remote.upload(request, source).await,
        }
    }

    pub(crate) async fn delete(
        &self,
        artifact: &ArtifactRef,
        dry_run: bool,
    ) -> Result<ArtifactRecord> {
        match (self, dry_run) {
            (Self::Local(local), false) => local.store.delete(artifact).await,
            (Self::Local(local), true) => local.store.plan_delete(artifact).await,
            (Self::Remote(remote), _) => remote.delete(artifact, dry_run).await,
        }
    }

    /// Everything that a scope has, by what would become of it.
    pub(crate) async fn plan_delete_all(&self, scope: &DeleteScope) -> Result<Records<'static>> {
        match self {
            Self::Local(local) => {
                let found = local.store.deletable(scope);
                let judged = found.map(|found| {
                    let record = found?;
                    record.clone().into_deleted().map(|_| record)
                });
                Ok(judged.boxed())
            }
            Self::Remote(remote) => remote.plan_delete_all(scope).await,
        }
    }

    pub(crate) async fn delete_all(&self, scope: &DeleteScope) -> Result<Deleted> {
        match self {
            Self::Local(local) => Ok(local.store.delete_all(scope).await?.into()),
            Self::Remote(remote) => remote.delete_all(scope).await,
        }
    }

    /// Makes a change to each of those that are named, or says what would be changed.
    pub(crate) fn change_each(
        &self,
        artifacts: Vec<ArtifactRef>,
        change: Change,
        dry_run: bool,
    ) -> BoxStream<'_, Result<Changed>> {
        match self {
            Self::Local(local) => outcomes::change_each(&local.store, artifacts, change, dry_run),
            Self::Remote(remote) => remote.change(&artifacts, None, change, dry_run),
        }
    }

    /// Makes a change to all that a filter selects, or says what would be changed.
    pub(crate) fn change_all(
        &self,
        filter: Filter,
        change: Change,
        dry_run: bool,
    ) -> BoxStream<'_, Result<Changed>> {
        match (self, dry_run) {
            (Self::Local(local), false) => local.store.change_all(filter, change).boxed(),
            (Self::Local(local), true) => local.store.plan_change_all(filter, change).boxed(),
            (Self::Remote(remote), _) => remote.change(&[], Some(filter), change, dry_run),
        }
    }

    /// The versions that are on hold, of those that a filter selects.
    pub(crate) fn held(&self, filter: Filter) -> Records<'_> {
        match self {
            Self::Local(local) => local.store.held(filter).boxed(),
            Self::Remote(remote) => remote.held(filter),
        }
    }

    /// Says how long each of those that are named is kept, or what would be changed.
    pub(crate) fn set_retention_each(
        &self,
        artifacts: Vec<ArtifactRef>,
        keep: KeepFor,
        dry_run: bool,
    ) -> BoxStream<'_, Result<RetentionChange>> {
        match self {
            Self::Local(local) => outcomes::keep_each(&local.store, artifacts, keep, dry_run),
            Self::Remote(remote) => remote.set_retention(&artifacts, None, keep, dry_run),
        }
    }

    /// Says how long all is kept that a filter selects, or what would be changed.
    pub(crate) fn set_retention_all(
        &self,
        filter: Filter,
        keep: KeepFor,
        dry_run: bool,
    ) -> BoxStream<'_, Result<RetentionChange>> {
        match (self, dry_run) {
            (Self::Local(local), false) => local.store.set_retention_all(filter, keep).boxed(),
            (Self::Local(local), true) => local.store.plan_set_retention_all(filter, keep).boxed(),
            (Self::Remote(remote), _) => remote.set_retention(&[], Some(filter), keep, dry_run),
        }
    }

    /// That little room is left, if it is so.
    pub(crate) async fn quota_warning(&self) -> Result<Option<String>> {
        match self {
            Self::Local(local) => {
                let warning = local.store.quota_warning().await?;
                Ok(warning.map(|warning| warning.to_string()))
            }
            Self::Remote(remote) => remote.quota_warning().await,
        }
    }
}
