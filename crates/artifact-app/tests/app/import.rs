//! What an export writes an import takes back, whatever it is; the rest is held from outside.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use artifact_app::{
    ArchiveFormat, ArchiveLimits, ArchiveSource, ExportOptions, ImportItem, ImportOptions,
    ImportOutcome, ReindexOptions, Store, StoreOptions, UploadRequest, Verification,
};
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::port::Supersede;
use artifact_domain::query::{Filter, Versions};
use artifact_domain::{ArtifactRecord, Coordinate, Digest, Error, ErrorKind, Metadata, Tags};
use artifact_testkit::MemoryIndex;
use bytes::Bytes;
use futures::TryStreamExt;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::world::World;

const DAY: Duration = Duration::from_hours(24);

/// One upload: where to, what, and what is said of it.
#[derive(Debug, Clone)]
struct Upload {
    coordinate: Coordinate,
    bytes: Vec<u8>,
    tag: Option<String>,
    value: Option<Value>,
    retention_days: Option<u32>,
}

fn upload() -> impl Strategy<Value = Upload> {
    let scope = "[a-b%/:. ]{1,3}";
    let types = prop::sample::select(vec!["log", "data", "custom:x", "image"]);
    let name = "([a-bé@%\\\\:.]{1,3}|con|[x]{250,300})(/[a-b. ]{1,3}){0,2}";
    let coordinate =
        (scope, scope, types, name).prop_filter_map("names", |(spec, task, of, name)| {
            let (spec, task) = (spec.parse().ok()?, task.parse().ok()?);
            Coordinate::new(spec, task, of.parse().ok()?, name.parse().ok()?).ok()
        });
    let bytes = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..300),
        4 => (0..400_000_usize).prop_map(|length| vec![b'a'; length]),
        1 => (260_000..400_000_usize, any::<u64>()).prop_map(|(length, seed)| {
            (0..length as u64).map(|n| (n.wrapping_mul(seed | 1) >> 13).to_le_bytes()[2]).collect()
        }),
    ];
    let value = prop_oneof![
        any::<i32>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        any::<f32>().prop_filter_map("JSON has none", |n| n.is_finite().then(|| Value::from(n))),
    ];
    let tag = proptest::option::of("[a-z]{1,3}(=[a-zé ]{0,3})?");
    (
        coordinate,
        bytes,
        tag,
        proptest::option::of(value),
        proptest::option::of(1..400_u32),
    )
        .prop_map(|(coordinate, bytes, tag, value, retention_days)| Upload {
            coordinate,
            bytes,
            tag,
            value,
            retention_days,
        })
}

fn versioned() -> World {
    World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    })
}

type Known = (Coordinate, u32, Digest, Tags, Value, Option<u32>, String);

/// What an import must give back, in an order that both stores have.
fn known(world: &World) -> Vec<Known> {
    let known = |record: ArtifactRecord| {
        let mut metadata = record.metadata.to_map();
        metadata.remove("imported");
        (
            record.coordinate,
            record.version.get(),
            record.content.unwrap().digest,
            record.tags,
            Value::Object(metadata),
            record.retention_days,
            record.mime_type.to_string(),
        )
    };
    let mut all: Vec<_> = world.index.records().into_iter().map(known).collect();
    all.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    all
}

/// An archive of everything, with its metadata.
async fn exported(from: &Store, format: ArchiveFormat) -> Vec<u8> {
    let options = ExportOptions {
        format,
        metadata: true,
        verification: Verification::Digest,
        left_out: None,
        temporary_folder: std::env::temp_dir(),
    };
    let filter = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    let export = from.export(filter, options).await.unwrap();
    let chunks: Vec<Bytes> = export.body.try_collect().await.unwrap();
    chunks.concat()
}

fn into_place() -> ImportOptions {
    ImportOptions {
        admit: None,
        spec: None,
        task: None,
        describe: Arc::new(|file| Err(Error::invalid_input(file.name.to_string()))),
        replace: false,
        dry_run: false,
        limits: ArchiveLimits::default(),
        temporary_folder: std::env::temp_dir(),
    }
}

async fn round_trip(uploads: Vec<Upload>, format: ArchiveFormat) {
    let (from, to) = (versioned(), versioned());
    for upload in &uploads {
        let value = upload.value.clone().map(|value| ("k".to_owned(), value));
        let tags = upload.tag.iter().map(|tag| tag.parse().unwrap());
        let request = UploadRequest {
            tags: Tags::from_tags(tags).unwrap(),
            metadata: Metadata::new(Map::from_iter(value)).unwrap(),
            mime_type: "text/x-own".parse().unwrap(),
            retention_days: upload.retention_days,
            ..UploadRequest::new(upload.coordinate.clone())
        };
        let bytes = Bytes::from(upload.bytes.clone());
        from.store.upload(request, bytes).await.unwrap();
    }
    let archive = exported(&from.store, format).await;
    let source = || match format {
        ArchiveFormat::Zip => {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, &archive).unwrap();
            ArchiveSource::File(file)
        }
        ArchiveFormat::TarGz => ArchiveSource::Stream(Box::new(Cursor::new(archive.clone()))),
    };
    let first = to
        .store
        .import(source(), into_place(), |_| {})
        .await
        .unwrap();
    assert_eq!((first.imported, first.failed), (uploads.len() as u64, 0));
    assert_eq!(known(&to), known(&from));
    let again = to
        .store
        .import(source(), into_place(), |_| {})
        .await
        .unwrap();
    assert_eq!((again.imported, again.present), (0, uploads.len() as u64));
    to.assert_tidy();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_empty_store_becomes_what_was_exported(
        uploads in proptest::collection::vec(upload(), 1..12),
        zip in any::<bool>(),
    ) {
        let format = if zip { ArchiveFormat::Zip } else { ArchiveFormat::TarGz };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(round_trip(uploads, format));
    }
}

/// The days of its own that something imported so many days after its upload gets.
async fn imported_after(days: u32, own_days: u32) -> Option<u32> {
    let world = versioned();
    let request = UploadRequest {
        retention_days: Some(own_days),
        ..crate::world::request("a")
    };
    let bytes = Bytes::from("text");
    let record = world.store.upload(request, bytes).await.unwrap();
    let archive = exported(&world.store, ArchiveFormat::TarGz).await;
    world.store.delete(&record.id.into()).await.unwrap();
    world.clock.advance(DAY * days);
    let source = ArchiveSource::Stream(Box::new(Cursor::new(archive)));
    let report = world.store.import(source, into_place(), |_| {}).await;
    assert_eq!(report.unwrap().imported, 1);
    let imported = world.index.records().pop().unwrap();
    if days < own_days {
        assert_eq!(imported.expires_at, record.expires_at);
    }
    imported.retention_days
}

#[tokio::test]
async fn days_of_its_own_run_on_and_begin_anew_once_they_are_over() {
    assert_eq!(imported_after(0, 7).await, Some(7));
    assert_eq!(imported_after(5, 7).await, Some(2));
    assert_eq!(imported_after(7, 7).await, Some(7));
    assert_eq!(imported_after(400, 7).await, Some(7));
    let ever = artifact_domain::policy::FOR_EVER_DAYS;
    assert_eq!(imported_after(400, ever).await, Some(ever));
}

#[tokio::test]
async fn days_that_nobody_can_ask_for_are_refused() {
    for (days, is_taken) in [(1, true), (36_500, true), (36_501, false)] {
        let from = versioned();
        let request = UploadRequest {
            retention_days: Some(days),
            ..crate::world::request("a")
        };
        from.store.upload(request, Bytes::from("a")).await.unwrap();
        crate::world::put(&from.store, "b", "b").await;
        let archive = exported(&from.store, ArchiveFormat::TarGz).await;
        let to = versioned();
        let source = ArchiveSource::Stream(Box::new(Cursor::new(archive)));
        let mut faults = Vec::new();
        let tell = |item: &ImportItem| {
            if let ImportOutcome::Failed(error) = &item.outcome {
                faults.push((error.kind(), error.to_string()));
            }
        };
        let report = to.store.import(source, into_place(), tell).await.unwrap();
        assert_eq!(
            report.imported,
            1 + u64::from(is_taken),
            "{days}: {faults:?}"
        );
        assert_eq!(faults.is_empty(), is_taken, "{days}");
        for (kind, message) in faults {
            assert_eq!(kind, ErrorKind::InvalidInput, "{message}");
            assert!(message.contains(&format!("{days} days")), "{message}");
        }
    }
}

#[tokio::test]
async fn what_was_recovered_without_its_metadata_is_not_kept_for_its_age_once_more() {
    let world = World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(30),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    crate::world::put(&world.store, "a", "text").await;
    world.store.settle().await;
    for path in world.metadata_paths() {
        world.blobs.remove(&path);
    }
    world.clock.advance(400 * DAY);
    let index = Arc::new(MemoryIndex::new().strict());
    let rebuilt = world.store_with(None, Some(index.clone()));
    let report = rebuilt.reindex(ReindexOptions::default(), |_, _| {}).await;
    assert_eq!(report.unwrap().recovered, 1);
    let recovered = index.records().pop().unwrap();
    let end = world.store.now().saturating_add(DAY * 30);
    assert_eq!(recovered.expires_at, Some(end), "its time begins anew");
    let archive = exported(&rebuilt, ArchiveFormat::TarGz).await;
    let other = World::new();
    other.clock.advance(410 * DAY);
    let source = ArchiveSource::Stream(Box::new(Cursor::new(archive)));
    let report = other.store.import(source, into_place(), |_| {}).await;
    assert_eq!(report.unwrap().imported, 1);
    let imported = other.index.records().pop().unwrap();
    assert_eq!(imported.expires_at, Some(end));
}
