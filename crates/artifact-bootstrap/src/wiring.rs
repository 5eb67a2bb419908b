//! From settings to a store: chooses the adapters and plugs them in.

use std::future::ready;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use adapter_filelock::FileLocks;
use adapter_opendal::{FsOptions, OpendalStore};
use adapter_sled_index::{SledIndex, SledOptions};
use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_app::{Guard, GuardPolicy, Level, OnSecret, Ports, Store, StoreOptions, Tiers};
use artifact_domain::policy::{PruneRule, QuotaPolicy, RetentionPolicy, TierPolicy};
use artifact_domain::port::{
    ArtifactIndex, BlobStore, Clock, LockManager, LockPatience, Supersede,
};
use artifact_domain::{BlobKey, BlobPrefix, Error, ErrorKind, Result};
use artifact_meter::Meter;
use futures::TryStreamExt;

use crate::claim::{claim, is_unclaimed};
use crate::metered::metered;
use crate::settings::{self, Backend, Durability, IndexEngine, Retention, Settings};
use crate::{SystemClock, buckets, tiers};

/// Opens the store that `settings` describe. What is missing on disk is made.
///
/// Below `base_path` stand `artifacts/` (blobs of the file system backend), `index.sqlite` or
/// `index.sled/`, `store.json` (which bucket the index is of), and `locks/`.
///
/// # Errors
/// `Unsupported` for a backend or engine that this build does not have; `InvalidInput` for an index
/// that is of other blobs than those of the settings; `Integrity` for an index
/// that is damaged, or is empty though the store is not: it was lost, and is to be rebuilt; those
/// of the adapters: `PermissionDenied`, `StorageFull`, `Locked` for an index that another process
/// keeps to itself.
pub async fn open(settings: &Settings) -> Result<Store> {
    open_at(settings, Arc::new(SystemClock)).await
}

/// Opens the store that `settings` describe, as [`open`] does, with another clock than the
/// system's: for tests that move it, and for whoever has a better one.
///
/// # Errors
/// Those of [`open`].
pub async fn open_at(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Store> {
    open_with(settings, clock, None).await
}

/// Opens the store that `settings` describe, as [`open`] does, and counts with `meter` what its ports
/// take from then on.
///
/// # Errors
/// Those of [`open`].
pub async fn open_metered(settings: &Settings, meter: &Meter) -> Result<Store> {
    open_with(settings, Arc::new(SystemClock), Some(meter)).await
}

async fn open_with(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    meter: Option<&Meter>,
) -> Result<Store> {
    let blobs = blobs(settings).await?;
    let index = index(settings).await?;
    let tiers = tiers::open(settings, Some(&*index)).await?;
    let stores = [Some(&blobs), tiers.warm.as_ref(), tiers.cold.as_ref()];
    require_complete(stores.into_iter().flatten(), &*index).await?;
    let ports = ports(settings, blobs, tiers, index, clock);
    let ports = match meter {
        Some(meter) => metered(ports, meter),
        None => ports,
    };
    Ok(Store::new(ports, options(settings)?))
}

/// What becomes of an index that is there when it is rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuild {
    /// It is set aside if it is damaged, and completed otherwise.
    IfDamaged,
    /// It is set aside.
    FromScratch,
}

/// A store whose index is to be rebuilt.
#[derive(Debug)]
pub struct Reopened {
    /// The store, whose index may lack anything.
    pub store: Store,
    /// Where the old index was set aside, if it was.
    pub set_aside: Option<PathBuf>,
}

/// Opens the store that `settings` describe though its index may be damaged, empty or gone, so
/// that it can be rebuilt.
///
/// # Errors
/// Those of [`open`], but `Integrity`; `Locked` if an index is to be set aside that somebody has
/// open.
pub async fn open_to_rebuild(settings: &Settings, rebuild: Rebuild) -> Result<Reopened> {
    let blobs = blobs(settings).await?;
    let opened = match rebuild {
        Rebuild::FromScratch => None,
        Rebuild::IfDamaged => match index(settings).await {
            Err(error) if error.kind() == ErrorKind::Integrity => None,
            opened => Some(opened?),
        },
    };
    let (index, set_aside) = if let Some(index) = opened {
        (index, None)
    } else {
        let set_aside = set_aside(settings).await?;
        (index(settings).await?, set_aside)
    };
    // What the index says of the tiers is not to be relied on: one that is away must not be taken
    // for an empty one.
    let tiers = tiers::open(settings, None).await?;
    let ports = ports(settings, blobs, tiers, index, Arc::new(SystemClock));
    Ok(Reopened {
        store: Store::new(ports, options(settings)?),
        set_aside,
    })
}

fn ports(
    settings: &Settings,
    blobs: Arc<dyn BlobStore>,
    tiers: Tiers,
    index: Arc<dyn ArtifactIndex>,
    clock: Arc<dyn Clock>,
) -> Ports {
    Ports {
        blobs,
        tiers,
        index,
        locks: locks(settings, &clock),
        clock,
    }
}

/// An empty index is right for an empty store. Beside blobs it was lost: to go on would give their
/// versions again, and let `gc` take them for orphans.
async fn require_complete(
    stores: impl Iterator<Item = &Arc<dyn BlobStore>>,
    index: &dyn ArtifactIndex,
) -> Result<()> {
    if index.is_complete().await? {
        return Ok(());
    }
    let mut is_empty = true;
    for blobs in stores {
        let listing = blobs.list(BlobPrefix::all()).await?;
        let ours = listing.try_filter(|listed| ready(BlobKey::parse(&listed.path).is_ok()));
        is_empty &= pin!(ours).try_next().await?.is_none();
    }
    if is_empty {
        return index.mark_complete().await;
    }
    // Another process may have begun with the empty store meanwhile.
    if index.is_complete().await? {
        return Ok(());
    }
    let message = "the index is empty or half rebuilt, but artifacts are stored: it was lost";
    Err(Error::new(ErrorKind::Integrity, message)
        .with_hint("`artifact reindex` rebuilds it from what is stored"))
}

async fn set_aside(settings: &Settings) -> Result<Option<PathBuf>> {
    let base = &settings.base_path;
    match settings.index.engine {
        // It is gone with the process.
        _ if settings.backend == Backend::Memory => Ok(None),
        IndexEngine::Sqlite => SqliteIndex::set_aside(base.join("index.sqlite")).await,
        IndexEngine::Sled => SledIndex::set_aside(base.join("index.sled")).await,
        IndexEngine::Postgres => Ok(None),
    }
}

/// Opens the store of blobs, and makes sure that the index that is there is theirs.
async fn blobs(settings: &Settings) -> Result<Arc<dyn BlobStore>> {
    let blobs = match settings.backend {
        Backend::Fs => {
            claim(&settings.base_path, None)?;
            return files(settings, settings.base_path.clone());
        }
        // Its index is gone with the process, as it is itself.
        Backend::Memory => return Ok(Arc::new(OpendalStore::memory()?)),
        Backend::S3 => buckets::s3(settings).await?,
        Backend::Gcs => buckets::gcs(settings)?,
        Backend::GithubActions | Backend::GitlabCi => {
            return Err(unsupported("backend", settings.backend, "fs"));
        }
    };
    if settings.index.engine != IndexEngine::Postgres {
        if is_unclaimed(&settings.base_path)? {
            // A bucket that can't be reached, maybe since its name is mistyped, claims nothing.
            let mut listing = pin!(blobs.list(BlobPrefix::all()).await?);
            listing.try_next().await?;
        }
        claim(&settings.base_path, blobs.location())?;
    }
    Ok(blobs)
}

/// Blobs as files below `root`.
pub(crate) fn files(settings: &Settings, root: PathBuf) -> Result<Arc<dyn BlobStore>> {
    let durability = match settings.durability {
        Durability::Full => adapter_opendal::Durability::Full,
        Durability::Relaxed => adapter_opendal::Durability::Relaxed,
    };
    Ok(Arc::new(OpendalStore::fs(FsOptions { root, durability })?))
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
    let versioning = &settings.versioning;
    let prune = versioning
        .keep
        .filter(|_| versioning.enabled)
        .map(|keep| PruneRule::new(Some(keep), None));
    Ok(StoreOptions {
        compression: compression.enabled.then_some(level),
        supersede: if versioning.enabled {
            Supersede::Nothing
        } else {
            Supersede::Older
        },
        prune: prune.transpose()?,
        retention: retention_policy(&settings.retention)?,
        tiers: TierPolicy {
            warm_after_days: settings.tiers.warm_after_days,
            cold_after_days: settings.tiers.cold_after_days,
            cold_read_through: settings.tiers.cold.read_through,
        },
        quota: QuotaPolicy {
            max_storage_bytes: settings.quota.max_storage_bytes(),
            warn_storage_bytes: settings.quota.warn_storage_bytes(),
            max_artifact_bytes: Some(settings.quota.max_artifact_size.bytes()),
        },
        guard: guard_policy(&settings.guard)?,
        lock_patience: LockPatience {
            timeout: settings.locking.timeout(),
            retry_interval: settings.locking.retry_interval(),
        },
        lease: settings.upload.lease(),
        retries: settings.retry.attempts,
    })
}

fn guard_policy(settings: &settings::Guard) -> Result<Option<GuardPolicy>> {
    let on_secret = match settings.secrets {
        settings::OnSecret::Off => return Ok(None),
        settings::OnSecret::Warn => OnSecret::Warn,
        settings::OnSecret::Refuse => OnSecret::Refuse,
    };
    let guard = Guard::new(&settings.allow).map_err(|error| error.context("guard.allow"))?;
    Ok(Some(GuardPolicy { guard, on_secret }))
}

/// The rules of retention that settings come to; none where it is switched off.
///
/// # Errors
/// `InvalidInput` for a malformed pattern.
pub fn retention_policy(retention: &Retention) -> Result<RetentionPolicy> {
    if !retention.enabled {
        return Ok(RetentionPolicy::default());
    }
    let by_task = retention.by_task.iter();
    let by_task = by_task.map(|(pattern, days)| Ok((pattern.parse()?, *days)));
    let keep_by_task = retention.keep_latest_by_task.iter();
    let keep_by_task = keep_by_task.map(|(pattern, keep)| Ok((pattern.parse()?, *keep)));
    Ok(RetentionPolicy {
        default_days: retention.default_days,
        days_by_type: retention.by_type.clone(),
        days_by_task: by_task.collect::<Result<_>>()?,
        keep_latest: retention.keep_latest,
        keep_latest_by_task: keep_by_task.collect::<Result<_>>()?,
    })
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
