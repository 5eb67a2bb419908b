//! Retention: what is due, why, and what becomes of it when cleanup is cut off or disturbed.

mod cleanup;
mod model;
mod property;
mod why;

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{
    CleanupAction, CleanupItem, CleanupOptions, CleanupReport, Ports, Store, StoreOptions,
    UploadRequest,
};
use artifact_domain::policy::{RetentionPolicy, TaskPatterns};
use artifact_domain::port::{ArtifactIndex, Supersede};
use artifact_domain::{ArtifactRecord, Hold};
use artifact_testkit::sample;
use bytes::Bytes;
use futures::TryStreamExt;

use crate::world::World;

const DAY: Duration = Duration::from_hours(24);

fn days(count: u32) -> Duration {
    DAY * count
}

fn patterns<T>(all: impl IntoIterator<Item = (&'static str, T)>) -> TaskPatterns<T> {
    let pairs = all.into_iter();
    pairs
        .map(|(pattern, value)| (pattern.parse().unwrap(), value))
        .collect()
}

/// Logs for 7 days, the rest for 30.
fn rules() -> RetentionPolicy {
    RetentionPolicy {
        default_days: Some(30),
        days_by_type: [("log".parse().unwrap(), Some(7))].into(),
        ..RetentionPolicy::default()
    }
}

/// The store of a world with other rules, and a memory of its own; every version stays.
fn with_rules(world: &World, retention: RetentionPolicy) -> Store {
    over(world, retention, world.index.clone())
}

fn over(world: &World, retention: RetentionPolicy, index: Arc<dyn ArtifactIndex>) -> Store {
    let ports = Ports {
        blobs: world.blobs.clone(),
        index,
        locks: Some(world.locks.clone()),
        clock: Arc::new(world.clock.clone()),
        tiers: artifact_app::Tiers::default(),
    };
    let options = StoreOptions {
        retention,
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    };
    Store::new(ports, options)
}

async fn put(store: &Store, task: &str, artifact_type: &str, name: &str) -> ArtifactRecord {
    put_for(store, task, artifact_type, name, None).await
}

async fn put_for(
    store: &Store,
    task: &str,
    artifact_type: &str,
    name: &str,
    days: Option<u32>,
) -> ArtifactRecord {
    let mut request = UploadRequest::new(sample::coordinate("s", task, artifact_type, name));
    request.retention_days = days;
    store.upload(request, Bytes::from("text")).await.unwrap()
}

async fn hold(world: &World, record: &ArtifactRecord) {
    let mut held = world.index.find(record.id).await.unwrap().unwrap();
    held.hold = Some(Hold {
        reason: Some("audit".to_owned()),
        by: Some("ann".to_owned()),
        since: sample::now(),
    });
    world.index.update(held).await.unwrap();
}

async fn plan(store: &Store) -> Vec<CleanupItem> {
    let plan = store.cleanup_plan(CleanupOptions::default());
    plan.try_collect().await.unwrap()
}

async fn clean(store: &Store) -> CleanupReport {
    let options = CleanupOptions::default();
    store.cleanup(options, |_, _| {}).await.unwrap()
}

/// The names of what a plan lets expire, sorted.
fn expiring(plan: &[CleanupItem]) -> Vec<String> {
    let expire = |item: &&CleanupItem| matches!(item.action, CleanupAction::Expire(_));
    let mut names: Vec<_> = plan
        .iter()
        .filter(expire)
        .map(|item| item.record.coordinate.name().to_string())
        .collect();
    names.sort();
    names
}

/// The names of what is stored, whatever can be read of it, sorted.
fn stored(world: &World) -> Vec<String> {
    let records = world.index.records();
    let mut names: Vec<_> = records
        .iter()
        .map(|record| record.coordinate.name().to_string())
        .collect();
    names.sort();
    names
}
