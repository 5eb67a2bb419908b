//! A store over strict fakes, with a clock that tests move.

use std::sync::Arc;

use artifact_app::{Body, DownloadOptions, Ports, Store, StoreOptions, Tiers, UploadRequest};
use artifact_domain::port::{ArtifactIndex, BlobStore, Capabilities};
use artifact_domain::{ArtifactRecord, ArtifactRef, ArtifactUri, BlobKey, BlobMeaning, Result};
use artifact_testkit::{ManualClock, MemoryBlobStore, MemoryIndex, MemoryLocks, sample};
use bytes::Bytes;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) blobs: Arc<MemoryBlobStore>,
    pub(crate) index: Arc<MemoryIndex>,
    pub(crate) locks: Arc<MemoryLocks>,
    pub(crate) clock: ManualClock,
    options: StoreOptions,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_options(StoreOptions::default())
    }

    /// A store whose blobs can be reached by signed URLs.
    pub(crate) fn signing(options: StoreOptions) -> Self {
        let presign = true;
        Self::with(
            options,
            Capabilities {
                presign,
                ..Capabilities::default()
            },
        )
    }

    /// A store that keeps tiers itself, and must thaw what is cold.
    pub(crate) fn freezing() -> Self {
        let capabilities = Capabilities {
            presign: true,
            tiers: true,
            restore: true,
        };
        let options = StoreOptions {
            retries: 0,
            ..StoreOptions::default()
        };
        Self::with(options, capabilities)
    }

    pub(crate) fn with_options(options: StoreOptions) -> Self {
        Self::with(options, Capabilities::default())
    }

    fn with(options: StoreOptions, capabilities: Capabilities) -> Self {
        let clock = ManualClock::new(sample::now());
        let blobs = MemoryBlobStore::new()
            .with_clock(clock.clone())
            .with_capabilities(capabilities)
            .strict();
        let blobs = Arc::new(blobs);
        let index = Arc::new(MemoryIndex::new().strict());
        let locks = Arc::new(MemoryLocks::new().with_clock(clock.clone()));
        let ports = Ports {
            blobs: blobs.clone(),
            tiers: Tiers::default(),
            index: index.clone(),
            locks: Some(locks.clone()),
            clock: Arc::new(clock.clone()),
        };
        let store = Store::new(ports, options.clone());
        Self {
            store,
            blobs,
            index,
            locks,
            clock,
            options,
        }
    }

    /// The same store with other ports in front of the fakes.
    pub(crate) fn store_with(
        &self,
        blobs: Option<Arc<dyn BlobStore>>,
        index: Option<Arc<dyn ArtifactIndex>>,
    ) -> Store {
        let ports = Ports {
            blobs: blobs.unwrap_or_else(|| self.blobs.clone()),
            tiers: Tiers::default(),
            index: index.unwrap_or_else(|| self.index.clone()),
            locks: Some(self.locks.clone()),
            clock: Arc::new(self.clock.clone()),
        };
        Store::new(ports, self.options.clone())
    }

    /// The same store with other ports as `change` makes them.
    pub(crate) fn store_as(&self, change: impl FnOnce(&mut Ports)) -> Store {
        let mut ports = Ports {
            blobs: self.blobs.clone(),
            tiers: Tiers::default(),
            index: self.index.clone(),
            locks: Some(self.locks.clone()),
            clock: Arc::new(self.clock.clone()),
        };
        change(&mut ports);
        Store::new(ports, self.options.clone())
    }

    /// The paths of the stored bytes; those of the metadata, which is written behind them, are
    /// left out.
    pub(crate) fn content_paths(&self) -> Vec<String> {
        self.paths(|key| matches!(key.meaning(), BlobMeaning::Content { .. }))
    }

    /// The paths of the metadata beside the stored bytes.
    pub(crate) fn metadata_paths(&self) -> Vec<String> {
        self.paths(|key| !matches!(key.meaning(), BlobMeaning::Content { .. }))
    }

    fn paths(&self, wanted: impl Fn(&BlobKey) -> bool) -> Vec<String> {
        let paths = self.blobs.files().into_keys();
        paths
            .filter(|path| wanted(&BlobKey::parse(path).unwrap()))
            .collect()
    }

    /// Nothing was left: no record, no blob, no temporary file, no lock.
    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.index.records(), []);
        assert_eq!(self.content_paths(), [""; 0]);
        self.assert_tidy();
    }

    /// No temporary file and no lock was left.
    pub(crate) fn assert_tidy(&self) {
        assert_eq!(self.blobs.temporaries(), 0);
        assert_eq!(self.locks.held(), 0);
    }
}

pub(crate) fn request(name: &str) -> UploadRequest {
    UploadRequest::new(sample::coordinate("demo", "1", "log", name))
}

pub(crate) fn uri(name: &str) -> ArtifactRef {
    ArtifactRef::Uri(ArtifactUri::from(sample::coordinate(
        "demo", "1", "log", name,
    )))
}

pub(crate) async fn put(store: &Store, name: &str, bytes: impl Into<Bytes>) -> ArtifactRecord {
    store
        .upload(request(name), Body::Bytes(bytes.into()))
        .await
        .unwrap()
}

pub(crate) async fn get(store: &Store, artifact: &ArtifactRef) -> Result<Bytes> {
    store
        .download(artifact, DownloadOptions::default())
        .await?
        .bytes()
        .await
}
