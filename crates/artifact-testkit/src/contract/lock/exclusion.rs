//! Nobody else, and nobody else's key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use artifact_domain::port::{LockKey, LockManager};
use futures::future::join_all;

use super::{PATIENT, assert_held, take};
use crate::Subject;

/// 100 tasks read a number, wait and write it back plus one: none is lost.
pub async fn a_hundred_tasks_lose_no_increment(locks: Subject<dyn LockManager>) {
    let counter = Arc::new(AtomicU32::new(0));
    let inside = Arc::new(AtomicU32::new(0));
    let tasks = (0..100).map(|_| {
        let (port, counter, inside) = (locks.port(), Arc::clone(&counter), Arc::clone(&inside));
        tokio::spawn(async move {
            let guard = port.acquire(LockKey::job("counter"), PATIENT);
            let guard = guard.await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
            let read = counter.load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            counter.store(read + 1, Ordering::SeqCst);
            inside.fetch_sub(1, Ordering::SeqCst);
            guard.release().await.unwrap();
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(counter.load(Ordering::SeqCst), 100);
}

/// Guards that are dropped exclude as well as guards that are released.
pub async fn dropped_guards_exclude_too(locks: Subject<dyn LockManager>) {
    let inside = Arc::new(AtomicU32::new(0));
    let tasks = (0..30).map(|_| {
        let (port, inside) = (locks.port(), Arc::clone(&inside));
        tokio::spawn(async move {
            let guard = port.acquire(LockKey::job("dropping"), PATIENT);
            let guard = guard.await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            drop(guard);
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
}

/// Different keys never wait for each other: two hundred are held at once.
pub async fn different_keys_do_not_wait_for_each_other(locks: Subject<dyn LockManager>) {
    let keys: Vec<_> = (0..200)
        .map(|n| crate::sample::coordinate("s", "t", "log", &format!("{n}.log")))
        .map(|coordinate| LockKey::artifact(&coordinate))
        .collect();
    let mut guards = Vec::new();
    for key in &keys {
        guards.push(take(&*locks, key).await);
    }
    for key in &keys {
        assert_held(&*locks, key).await;
    }
    for guard in guards {
        guard.release().await.unwrap();
    }
    for key in &keys {
        take(&*locks, key).await.release().await.unwrap();
    }
}

/// Waiting for one key keeps nobody from another.
pub async fn a_waiter_keeps_nobody_from_another_key(locks: Subject<dyn LockManager>) {
    let (busy, free) = (LockKey::job("busy"), LockKey::job("free"));
    let guard = take(&*locks, &busy).await;
    let waiters: Vec<_> = (0..20)
        .map(|_| {
            let (port, busy) = (locks.port(), busy.clone());
            tokio::spawn(async move {
                let guard = port.acquire(busy, PATIENT).await.unwrap();
                guard.release().await.unwrap();
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..10 {
        take(&*locks, &free).await.release().await.unwrap();
    }
    guard.release().await.unwrap();
    for waiter in waiters {
        waiter.await.unwrap();
    }
}
