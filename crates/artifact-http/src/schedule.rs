//! What runs by itself at the times of `retention.schedule`: cleanup, then gc. Of several servers over
//! one store one does it. Must not know what either does.

use std::time::Duration;

use artifact_app::{CleanupOptions, GcOptions, Store};
use artifact_bootstrap::settings::Retention;
use artifact_bootstrap::{NoSchedule, Schedule};
use artifact_domain::port::{LockKey, LockPatience};
use artifact_domain::{ErrorKind, Result};

use crate::metrics::Metrics;
use crate::problem::with_causes;

/// How far the clocks of servers may be apart. Less than half a minute: the shortest schedule is one.
const SPREAD: Duration = Duration::from_secs(20);

/// Who holds it runs the jobs.
const JOB: &str = "scheduled-upkeep";

/// Runs the jobs at their times, until it is dropped.
///
/// # Errors
/// `InvalidInput` for a schedule that can't be read, or whose time never comes.
pub(crate) async fn run(store: Store, retention: Retention, metrics: Metrics) -> Result<()> {
    let schedule = match Schedule::of(&retention)? {
        Ok(schedule) => schedule,
        Err(NoSchedule::RetentionDisabled) => {
            tracing::info!("retention.enabled is false: nothing is cleaned up at set times");
            return Ok(());
        }
        Err(NoSchedule::NotSet) => {
            tracing::info!("retention.schedule is not set: nothing is cleaned up at set times");
            return Ok(());
        }
    };
    loop {
        schedule
            .wait(
                || store.now(),
                |next| tracing::info!("the next cleanup is at {next}"),
            )
            .await?;
        if let Err(error) = alone(&store, &metrics).await {
            tracing::error!(kind = %error.kind(), "scheduled upkeep: {}", with_causes(&error));
        }
    }
}

/// Runs the jobs, unless another server does.
async fn alone(store: &Store, metrics: &Metrics) -> Result<()> {
    let Some(locks) = store.locks() else {
        jobs(store, metrics).await;
        return Ok(());
    };
    let (key, busy) = (LockKey::job(JOB), "another server cleans up");
    if locks.is_locked(key.clone()).await? {
        tracing::info!("{busy}");
        return Ok(());
    }
    let once = LockPatience {
        timeout: Duration::ZERO,
        ..LockPatience::default()
    };
    match locks.acquire(key, once).await {
        Ok(guard) => {
            jobs(store, metrics).await;
            // Those who come a little later, by their own clocks, are to find it held.
            tokio::time::sleep(SPREAD).await;
            guard.release().await
        }
        Err(error) if error.kind() == ErrorKind::Locked => {
            tracing::info!("{busy}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn jobs(store: &Store, metrics: &Metrics) {
    let cleaned = store.cleanup(CleanupOptions::default(), |_, _| {}).await;
    metrics.cleaned_up(&cleaned, store.now());
    match &cleaned {
        Ok(report) => tracing::info!(
            expired = report.expired,
            stored_size_bytes = report.stored_size_bytes,
            failed = report.failed,
            "scheduled cleanup is done"
        ),
        Err(error) => tracing::error!(kind = %error.kind(), "cleanup: {}", with_causes(error)),
    }
    let collected = store.gc(GcOptions::default(), |_| {}).await;
    metrics.collected(&collected, store.now());
    match &collected {
        Ok(report) => tracing::info!(
            items = report.items,
            size_bytes = report.size_bytes,
            failed = report.failures.len(),
            "scheduled gc is done"
        ),
        Err(error) => tracing::error!(kind = %error.kind(), "gc: {}", with_causes(error)),
    }
}
