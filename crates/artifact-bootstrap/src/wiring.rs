//! From settings to a store: chooses the adapters and plugs them in.

use std::path::Path;
use std::sync::Arc;

use adapter_filelock::FileLocks;
use adapter_opendal::{FsOptions, OpendalStore};
use adapter_sled_index::{SledIndex, SledOptions};
use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_app::{Level, Ports, Store, StoreOptions};
use artifact_domain::policy::{QuotaPolicy, RetentionPolicy};
use artifact_domain::port::{
    ArtifactIndex, BlobStore, Clock, LockManager, LockPatience, Supersede,
};
use artifact_domain::{Error, ErrorKind, Result};

use crate::SystemClock;
use crate::settings::{Backend, Durability, IndexEngine, Settings};

/// Opens the store that `settings` describe. What is missing on disk is made.
///
/// Below `base_path` stand `artifacts/` (blobs of the file system backend), `index.sqlite` or
/// `index.sled/`, and `locks/`.
///
/// # Errors
/// `Unsupported` for a backend or engine that this build does not have; those of the adapters:
/// `PermissionDenied`, `StorageFull`, `Integrity` for an index that is damaged, `Locked` for an
/// index that another process keeps to itself.
pub async fn open(settings: &Settings) -> Result<Store> {
    warn_of_idle_keys(settings);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ports = Ports {
        blobs: blobs(settings)?,
        index: index(settings).await?,
        locks: locks(settings, &clock),
        clock,
    };
    Ok(Store::new(ports, options(settings)?))
}

fn blobs(settings: &Settings) -> Result<Arc<dyn BlobStore>> {
    Ok(match settings.backend {
        Backend::Fs => Arc::new(OpendalStore::fs(FsOptions {
            root: settings.base_path.clone(),
            durability: match settings.durability {
                Durability::Full => adapter_opendal::Durability::Full,
                Durability::Relaxed => adapter_opendal::Durability::Relaxed,
            },
        })?),
        Backend::Memory => Arc::new(OpendalStore::memory()?),
        Backend::S3 | Backend::Gcs | Backend::GithubActions | Backend::GitlabCi => {
            return Err(unsupported("backend", settings.backend, "fs"));
        }
    })
}

async fn index(settings: &Settings) -> Result<Arc<dyn ArtifactIndex>> {
    let base = &settings.base_path;
    if settings.backend == Backend::Memory {
        // What the blobs do not outlive the index must not either.
        return Ok(Arc::new(SqliteIndex::temporary().await?));
    }
    Ok(match settings.index.engine {
        IndexEngine::Sqlite => {
            let options = SqliteOptions {
                durability: match settings.durability {
                    Durability::Full => adapter_sql_index::Durability::Full,
                    Durability::Relaxed => adapter_sql_index::Durability::Relaxed,
                },
                ..SqliteOptions::default()
            };
            Arc::new(SqliteIndex::open(base.join("index.sqlite"), options).await?)
        }
        IndexEngine::Sled => {
            let options = SledOptions {
                durability: match settings.durability {
                    Durability::Full => adapter_sled_index::Durability::Full,
                    Durability::Relaxed => adapter_sled_index::Durability::Relaxed,
                },
                ..SledOptions::default()
            };
            Arc::new(SledIndex::open(base.join("index.sled"), options).await?)
        }
        IndexEngine::Postgres => {
            return Err(unsupported("index.engine", settings.index.engine, "sqlite"));
        }
    })
}

fn locks(settings: &Settings, clock: &Arc<dyn Clock>) -> Option<Arc<dyn LockManager>> {
    let dir = |base: &Path| base.join("locks");
    settings
        .locking
        .enabled
        .then(|| Arc::new(FileLocks::new(dir(&settings.base_path), Arc::clone(clock))) as _)
}

fn options(settings: &Settings) -> Result<StoreOptions> {
    let compression = &settings.compression;
    let level = Level::new(compression.level).map_err(|cause| {
        Error::invalid_input("compression.level is out of range").with_source(cause)
    })?;
    let retention = &settings.retention;
    Ok(StoreOptions {
        compression: compression.enabled.then_some(level),
        supersede: if settings.versioning.enabled {
            Supersede::Nothing
        } else {
            Supersede::Older
        },
        retention: if retention.enabled {
            RetentionPolicy {
                default_days: retention.default_days,
                days_by_type: retention.by_type.clone(),
            }
        } else {
            RetentionPolicy::default()
        },
        quota: QuotaPolicy {
            max_storage_bytes: settings.quota.max_storage_bytes(),
            max_artifact_bytes: Some(settings.quota.max_artifact_size.bytes()),
        },
        lock_patience: LockPatience {
            timeout: settings.locking.timeout(),
            retry_interval: settings.locking.retry_interval(),
        },
        lease: settings.upload.lease(),
        retries: settings.retry.attempts,
    })
}

/// Whoever sets a key that promises to keep or to prune must learn that nothing does so.
fn warn_of_idle_keys(settings: &Settings) {
    let idle = [
        ("versioning.keep", settings.versioning.keep.is_some()),
        ("retention.keep_latest", settings.retention.keep_latest > 0),
    ];
    for (key, _) in idle.into_iter().filter(|(_, set)| *set) {
        tracing::warn!(key, "this setting has no effect in this release");
    }
}

fn unsupported(key: &str, value: impl serde::Serialize, instead: &str) -> Error {
    let value = serde_json::to_value(value).unwrap_or_default();
    let value = value.as_str().unwrap_or("?");
    Error::new(
        ErrorKind::Unsupported,
        format!("this build cannot use {key} = {value}"),
    )
    .with_hint(format!("set {key} to {instead}"))
}
