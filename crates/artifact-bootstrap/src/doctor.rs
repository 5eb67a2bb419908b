//! A look at everything that the settings name: blobs, index, locks. Renders nothing.

use adapter_opendal::{GcsDoctor, S3Doctor, examine_folder};
use artifact_app::Store;
use artifact_domain::port::{Clock, LockKey};
use artifact_domain::{Check, Error, ErrorKind, Result};

use crate::settings::{Backend, Settings};
use crate::{SystemClock, buckets};

/// Goes through all checks of what `settings` describe and tells each as it ends. What is tried is
/// taken away again, and no more is tried once `is_over`. `open` gives the store, or one that is open and was
/// asked something.
///
/// No check of a bucket takes longer than some seconds, whatever the other side does. Those of a
/// folder and of the index take as long as the system does, and that of the locks as long as a
/// writer would wait for one.
pub async fn examine(
    settings: &Settings,
    open: impl AsyncFnOnce() -> Result<Store>,
    is_over: &(dyn Fn() -> bool + Send + Sync),
    tell: &mut (dyn FnMut(Check) + Send),
) {
    if let Err(error) = blobs(settings, is_over, tell).await {
        tell(Check::fail("backend", &error));
    }
    if is_over() {
        return;
    }
    match open().await {
        Err(error) => tell(Check::fail("index", &error)),
        Ok(store) => {
            tell(Check::ok("index", "it opens, and is about these blobs"));
            tell(match store.locks() {
                None => Check::ok("locks", "switched off by `locking.enabled`"),
                Some(locks) => {
                    let patience = store.options().lock_patience;
                    match locks.acquire(LockKey::job("doctor"), patience).await {
                        Err(error) => Check::fail("locks", &error),
                        Ok(guard) => match guard.release().await {
                            Err(error) => Check::fail("locks", &error),
                            Ok(()) => Check::ok("locks", "one can be taken and given back"),
                        },
                    }
                }
            });
        }
    }
}

async fn blobs(
    settings: &Settings,
    is_over: &(dyn Fn() -> bool + Send + Sync),
    tell: &mut (dyn FnMut(Check) + Send),
) -> Result<()> {
    match settings.backend {
        Backend::S3 => {
            let classes = classes(settings, settings.s3.storage_classes.hot.clone()).await?;
            let doctor = S3Doctor::open(buckets::s3_options(settings), classes).await?;
            doctor.examine(SystemClock.now(), is_over, tell).await;
        }
        Backend::Gcs => {
            let classes = classes(settings, settings.gcs.storage_classes.hot.clone()).await?;
            let doctor = GcsDoctor::open(buckets::gcs_options(settings), classes)?;
            doctor.examine(SystemClock.now(), is_over, tell).await;
        }
        Backend::Fs => {
            let mut roots = vec![settings.base_path.clone()];
            roots.extend(settings.tiers.warm.base_path.clone());
            roots.extend(settings.tiers.cold.base_path.clone());
            roots.dedup();
            let now = SystemClock.now();
            let looked = tokio::task::spawn_blocking(move || {
                let mut checks = Vec::new();
                for root in roots {
                    examine_folder(&root, now, &mut |check| checks.push(check));
                }
                checks
            });
            let checks = looked.await.map_err(|cause| {
                Error::new(ErrorKind::Internal, "looking at the folder failed").with_source(cause)
            })?;
            checks.into_iter().for_each(tell);
        }
        Backend::Memory => tell(Check::ok("backend", "memory is always there")),
        // Opening the store says that this build has no such backend.
        Backend::GithubActions | Backend::GitlabCi => {}
    }
    Ok(())
}

/// The storage classes that the settings use.
async fn classes(settings: &Settings, hot: Option<String>) -> Result<Vec<String>> {
    let (_, tiers) = buckets::bucket_site(settings).await?;
    let warm = tiers
        .warm
        .filter(|_| settings.tiers.warm_after_days.is_some());
    let cold = tiers
        .cold
        .filter(|_| settings.tiers.cold_after_days.is_some());
    let mut wanted: Vec<_> = [hot, warm, cold].into_iter().flatten().collect();
    wanted.dedup();
    Ok(wanted)
}
