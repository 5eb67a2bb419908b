//! Exports: the same bytes whatever the index, nothing but what was selected, and what happens when
//! artifacts vanish or are damaged meanwhile.

use std::sync::{Arc, Mutex};

use artifact_app::{
    ArchiveFormat, Export, ExportOptions, MoveScope, RestoreOptions, Store, StoreOptions,
    Verification,
};
use artifact_domain::port::{ArtifactIndex, ImportVersion, Supersede};
use artifact_domain::query::{Filter, Versions};
use artifact_domain::{Error, ErrorKind, Result};
use artifact_testkit::{MemoryBlobStore, MemoryIndex};
use futures::TryStreamExt;

use crate::world::{World, put, uri};

fn options(format: ArchiveFormat) -> ExportOptions {
    ExportOptions {
        format,
        metadata: true,
        verification: Verification::Digest,
        left_out: None,
        temporary_folder: std::env::temp_dir(),
    }
}

async fn bytes(export: Export) -> Result<Vec<u8>> {
    let chunks: Vec<_> = export.body.try_collect().await?;
    Ok(chunks.concat())
}

async fn export(store: &Store, options: ExportOptions) -> Result<Vec<u8>> {
    let filter = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    bytes(store.export(filter, options).await?).await
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// What compresses to about half.
fn text(length: usize) -> Vec<u8> {
    let digits = noise(length).into_iter();
    digits
        .map(|byte| b"0123456789abcdef"[usize::from(byte & 15)])
        .collect()
}

async fn filled() -> World {
    let world = World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    });
    for (name, bytes) in [
        ("noise", noise(2_000_000)),
        ("text", text(3_000_000)),
        ("small", text(100)),
        ("small", text(200)),
        ("empty", Vec::new()),
    ] {
        put(&world.store, name, bytes).await;
    }
    world
}

const FORMATS: [ArchiveFormat; 2] = [ArchiveFormat::Zip, ArchiveFormat::TarGz];

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_has_lost_the_seek_tables_gives_the_same_archive() {
    let world = filled().await;
    let index = MemoryIndex::new();
    let mut records = world.index.records();
    records.reverse();
    for record in records {
        let version = ImportVersion {
            record,
            seek_table: None,
        };
        index.import(vec![version]).await.unwrap();
    }
    let other = world.store_with(None, Some(Arc::new(index)));
    for format in FORMATS {
        let expected = export(&world.store, options(format)).await.unwrap();
        assert!(export(&other, options(format)).await.unwrap() == expected);
    }
}

/// Options that leave out what fails, and what was told then.
fn keep_going() -> (ExportOptions, Arc<Mutex<Vec<ErrorKind>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = ExportOptions {
        left_out: Some(Arc::new(move |error: Error| {
            tell.lock().unwrap().push(error.kind());
        })),
        ..options(ArchiveFormat::Zip)
    };
    (options, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_meanwhile_is_a_conflict_or_left_out() {
    let world = filled().await;
    let begin = |options| world.store.export(Filter::default(), options);
    // Nobody takes any bytes yet, and the first artifacts are too large to go on without.
    let strict = begin(options(ArchiveFormat::Zip)).await.unwrap();
    let (lenient, told) = keep_going();
    let lenient = begin(lenient).await.unwrap();
    world.store.delete(&uri("text")).await.unwrap();
    let error = bytes(strict).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let progress = Arc::clone(&lenient.progress);
    bytes(lenient).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [ErrorKind::Conflict]);
    assert_eq!((progress.artifacts(), progress.left_out()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_meanwhile_is_read_where_it_is() {
    let before = filled().await;
    for format in FORMATS {
        let expected = export(&before.store, options(format)).await.unwrap();
        let world = filled().await;
        let clock = world.clock.clone();
        let cold = Arc::new(MemoryBlobStore::new().with_clock(clock));
        let store = world.store_as(|ports| ports.tiers.cold = Some(cold.clone()));
        let all = || Filter {
            versions: Versions::All,
            ..Filter::default()
        };
        // Nobody takes any bytes yet, and the first artifacts are too large to go on without.
        let begun = store.export(all(), options(format)).await.unwrap();
        let archive = MoveScope::Archive(Box::new(all()));
        let report = store.move_all(archive, |_| {}).await.unwrap();
        assert_eq!((report.moved, world.content_paths().len()), (5, 0));
        assert!(bytes(begun).await.unwrap() == expected, "{format:?}");
        let mut begun = store.export(all(), options(format)).await.unwrap();
        let first = begun.body.try_next().await.unwrap().unwrap();
        let restore = MoveScope::Restore(Box::new(all()), RestoreOptions::default());
        store.move_all(restore, |_| {}).await.unwrap();
        let rest = bytes(begun).await.unwrap();
        assert!([first.to_vec(), rest].concat() == expected, "{format:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_damage() {
    let world = filled().await;
    let blob = world
        .content_paths()
        .into_iter()
        .find(|path| path.contains("noise@"));
    world.blobs.remove(&blob.unwrap());
    let error = export(&world.store, options(ArchiveFormat::Zip))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    let (options, told) = keep_going();
    export(&world.store, options).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [ErrorKind::Integrity]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_reading_stops_the_work() {
    let world = filled().await;
    for format in FORMATS {
        let mut export = world
            .store
            .export(Filter::default(), options(format))
            .await
            .unwrap();
        assert!(export.body.try_next().await.unwrap().is_some());
        let progress = Arc::clone(&export.progress);
        drop(export);
        // What runs on the pool holds the progress until it has ended.
        while Arc::strong_count(&progress) > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert!(progress.artifacts() < 4);
    }
}
