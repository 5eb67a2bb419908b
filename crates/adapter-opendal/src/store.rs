//! The one public store, whatever keeps the bytes. Knows neither paths nor drivers: each backend
//! does in its own module.

use artifact_domain::port::{
    BlobFailure, BlobListing, BlobStat, BlobStore, ByteStream, Capabilities, PresignRequest,
    PresignedUrl, PutOptions, Swept,
};
use artifact_domain::{BlobKey, BlobPrefix, ByteRange, Error, ErrorKind, Result, Tier, Timestamp};
use async_trait::async_trait;

#[cfg(feature = "fs")]
use crate::fs::{FileStore, FsOptions};
#[cfg(feature = "memory")]
use crate::memory::MemoryStore;
#[cfg(feature = "gcs")]
use crate::remote::GcsOptions;
#[cfg(feature = "remote")]
use crate::remote::RemoteStore;
#[cfg(feature = "s3")]
use crate::remote::S3Options;

/// Keeps blobs in the backend that it was made for.
///
/// Its futures need a tokio runtime.
#[derive(Debug)]
pub struct OpendalStore {
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    #[cfg(feature = "fs")]
    Files(FileStore),
    #[cfg(feature = "memory")]
    Memory(MemoryStore),
    #[cfg(feature = "remote")]
    Remote(Box<RemoteStore>),
}

impl OpendalStore {
    /// Keeps blobs as plain files below a directory, which is created when it is missing.
    ///
    /// Blocks for as long as that takes. A directory that exists is not written to, so that a
    /// read-only one can be read; what can't be written shows in the first put.
    ///
    /// # Errors
    /// `InvalidInput` where the root is no directory, `PermissionDenied` where it may not be
    /// created, `StorageFull` where there is no room for it.
    #[cfg(feature = "fs")]
    pub fn fs(options: FsOptions) -> Result<Self> {
        Ok(Self {
            backend: Backend::Files(FileStore::open(options)?),
        })
    }

    /// Keeps blobs in memory, for as long as the store lives.
    ///
    /// # Errors
    /// None in practice; `Internal` should the driver refuse.
    #[cfg(feature = "memory")]
    pub fn memory() -> Result<Self> {
        Ok(Self {
            backend: Backend::Memory(MemoryStore::open()?),
        })
    }

    /// Keeps blobs in a bucket of S3, or of a service that speaks like it.
    ///
    /// Asks AWS for the region of the bucket where nothing says it; sends nothing else. What is
    /// wrong with bucket or keys shows in the first call.
    ///
    /// # Errors
    /// `InvalidInput` for an endpoint that is no URL, a bucket without a name, and a region that
    /// can't be found out.
    #[cfg(feature = "s3")]
    pub async fn s3(options: S3Options) -> Result<Self> {
        Ok(Self {
            backend: Backend::Remote(Box::new(crate::remote::s3::open(&options).await?)),
        })
    }

    /// Keeps blobs in a bucket of Google Cloud Storage.
    ///
    /// Sends nothing. What is wrong with bucket or credentials shows in the first call.
    ///
    /// # Errors
    /// `InvalidInput` for a bucket without a name.
    #[cfg(feature = "gcs")]
    pub fn gcs(options: &GcsOptions) -> Result<Self> {
        Ok(Self {
            backend: Backend::Remote(Box::new(crate::remote::gcs::open(options)?)),
        })
    }

    /// Where the blobs are, if that is a place of its own which others can name: the URL of bucket
    /// and prefix. Two stores of one location have the same blobs.
    pub fn location(&self) -> Option<&str> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(_) => None,
            #[cfg(feature = "memory")]
            Backend::Memory(_) => None,
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => Some(store.location()),
        }
    }

    fn unsupported(&self, what: &str, key: &BlobKey) -> Error {
        let backend = self.backend.name();
        Error::new(
            ErrorKind::Unsupported,
            format!("the backend `{backend}` can't {what} (asked for blob `{key}`)"),
        )
        .with_hint("choose a backend that declares it, such as an object store")
    }
}

impl Backend {
    /// As settings name it.
    fn name(&self) -> &'static str {
        match *self {
            #[cfg(feature = "fs")]
            Self::Files(_) => "fs",
            #[cfg(feature = "memory")]
            Self::Memory(_) => "memory",
            #[cfg(feature = "remote")]
            Self::Remote(ref store) => store.name(),
        }
    }
}

#[async_trait]
impl BlobStore for OpendalStore {
    fn capabilities(&self) -> Capabilities {
        match self.backend {
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.capabilities(),
            #[cfg(any(feature = "fs", feature = "memory"))]
            _ => Capabilities::default(),
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.key = %key))]
    async fn put(&self, key: BlobKey, body: ByteStream, options: PutOptions) -> Result<BlobStat> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => store.put(key, body, options).await,
            #[cfg(feature = "memory")]
            Backend::Memory(ref store) => store.put(key, body, options).await,
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.put(key, body, options).await,
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.key = %key))]
    async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => store.get(key, range).await,
            #[cfg(feature = "memory")]
            Backend::Memory(ref store) => store.get(key, range).await,
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.get(key, range).await,
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.key = %key))]
    async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => store.stat(key).await,
            #[cfg(feature = "memory")]
            Backend::Memory(ref store) => store.calls().stat(key).await,
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.stat(key).await,
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.prefix = prefix.as_str()))]
    async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => Ok(store.list(&prefix)),
            #[cfg(feature = "memory")]
            Backend::Memory(ref store) => store.calls().list(prefix).await,
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.list(prefix).await,
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.count = keys.len()))]
    async fn delete(&self, keys: Vec<BlobKey>) -> Result<Vec<BlobFailure>> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => store.delete(keys).await,
            #[cfg(feature = "memory")]
            Backend::Memory(ref store) => Ok(store.delete(keys).await),
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => Ok(store.delete(keys).await),
        }
    }

    async fn presign(&self, key: BlobKey, request: PresignRequest) -> Result<PresignedUrl> {
        #[cfg(feature = "remote")]
        if let Backend::Remote(ref store) = self.backend
            && let Some(signed) = store.presign(&key, request).await
        {
            return signed;
        }
        #[cfg(not(feature = "remote"))]
        drop(request);
        Err(self.unsupported("sign URLs", &key))
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.key = %from, tier = %tier))]
    async fn copy_to_tier(&self, from: BlobKey, to: BlobKey, tier: Tier) -> Result<BlobStat> {
        #[cfg(feature = "remote")]
        if let Backend::Remote(ref store) = self.backend
            && let Some(copied) = store.copy_to_tier(&from, &to, tier).await
        {
            return copied;
        }
        let _ = (to, tier);
        Err(self.unsupported("keep blobs in tiers", &from))
    }

    #[tracing::instrument(level = "debug", skip_all, fields(blob.key = %key))]
    async fn restore(&self, key: BlobKey, days: u32) -> Result<bool> {
        #[cfg(feature = "remote")]
        if let Backend::Remote(ref store) = self.backend
            && let Some(restored) = store.restore(&key, days).await
        {
            return restored;
        }
        let _ = days;
        Err(self.unsupported("restore blobs of a colder tier", &key))
    }

    #[tracing::instrument(level = "debug", skip_all)]
    async fn leftovers(&self, older_than: Timestamp) -> Result<Swept> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => store.leftovers(older_than).await,
            #[cfg(feature = "memory")]
            Backend::Memory(_) => {
                let _ = older_than;
                Ok(Swept::default())
            }
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.sweep(older_than, false).await,
        }
    }

    #[tracing::instrument(level = "debug", skip_all)]
    async fn sweep(&self, older_than: Timestamp) -> Result<Swept> {
        match self.backend {
            #[cfg(feature = "fs")]
            Backend::Files(ref store) => store.sweep(older_than).await,
            #[cfg(feature = "memory")]
            Backend::Memory(_) => {
                // What is cut off in memory leaves nothing, of whatever age.
                let _ = older_than;
                Ok(Swept::default())
            }
            #[cfg(feature = "remote")]
            Backend::Remote(ref store) => store.sweep(older_than, true).await,
        }
    }
}
