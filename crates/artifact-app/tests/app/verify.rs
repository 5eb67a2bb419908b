//! Verifying finds what is wrong, mends what can be mended and takes nothing away.

use std::sync::{Arc, Mutex};

use artifact_app::{
    GcOptions, LOST_TAG, Store, VerifyFinding, VerifyOptions, VerifyReport, VerifyScope,
};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Filter, Glob};
use artifact_domain::{ArtifactRecord, ErrorKind};
use artifact_testkit::{BlobFault, BlobOperation, FaultyBlobStore, When, sample};
use std::time::Duration;

use crate::world::{World, get, put, uri};

async fn verify(store: &Store, scope: VerifyScope, repair: bool) -> (VerifyReport, Vec<String>) {
    let findings = Mutex::new(Vec::new());
    let options = VerifyOptions {
        scope,
        repair,
        readers: 4,
    };
    let report = store
        .verify(options, |finding, _| {
            findings.lock().unwrap().extend(finding.map(shown));
        })
        .await
        .unwrap();
    let mut findings = findings.into_inner().unwrap();
    findings.sort();
    assert_eq!(report.findings, findings.len() as u64);
    (report, findings)
}

async fn verify_all(world: &World) -> Vec<String> {
    verify(&world.store, VerifyScope::Everything, false).await.1
}

async fn repair_all(world: &World) -> Vec<String> {
    verify(&world.store, VerifyScope::Everything, true).await.1
}

fn shown(finding: &VerifyFinding) -> String {
    let name = |record: &ArtifactRecord| record.coordinate.name().to_string();
    let mended = |repaired: &bool| if *repaired { " (repaired)" } else { "" };
    match finding {
        VerifyFinding::Bytes {
            record,
            damage,
            repaired,
            ..
        } => format!("{} {}{}", damage.as_str(), name(record), mended(repaired)),
        VerifyFinding::FoundAgain { record, repaired } => {
            format!("found {}{}", name(record), mended(repaired))
        }
        VerifyFinding::Metadata {
            task,
            behind,
            ahead,
            damaged_lines,
            repaired,
            ..
        } => format!(
            "metadata {task}: {behind} {ahead} {damaged_lines}{}",
            mended(repaired)
        ),
        VerifyFinding::Counter { drift, repaired } => {
            let (kept, counted) = (drift.kept.count, drift.counted.count);
            format!("counter {kept} {counted}{}", mended(repaired))
        }
        VerifyFinding::UnreadableCounters { count, repaired } => {
            format!("unreadable {count}{}", mended(repaired))
        }
        VerifyFinding::UnknownBlob { size_bytes, .. } => format!("unknown {size_bytes}"),
    }
}

async fn stored() -> (World, ArtifactRecord) {
    let world = World::new();
    let a = put(&world.store, "a", "the text of a ".repeat(100)).await;
    put(&world.store, "b", "b").await;
    put(&world.store, "empty", "").await;
    world.store.settle().await;
    (world, a)
}

/// What becomes of the bytes of a blob; none if it goes.
type Damaging = fn(Vec<u8>) -> Option<Vec<u8>>;

/// What becomes of the metadata of a store.
type Taking = fn(&World);

fn path_of(record: &ArtifactRecord) -> String {
    record.blob_key().unwrap().to_string()
}

#[tokio::test]
async fn a_sound_store_has_no_findings() {
    let (world, _) = stored().await;
    let (report, findings) = verify(&world.store, VerifyScope::Everything, true).await;
    assert_eq!(findings, [""; 0]);
    assert_eq!((report.versions, report.size_bytes), (3, 1_401));
    assert!(report.is_sound());
    let empty = World::new();
    assert_eq!(verify_all(&empty).await, [""; 0]);
}

#[tokio::test]
async fn every_kind_of_damage_to_bytes_is_found_and_marked() {
    let damages: [(&str, Damaging); 5] = [
        ("missing", |_| None),
        ("damaged", |bytes| Some(bytes[..bytes.len() - 1].to_vec())),
        ("damaged", |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Some(bytes)
        }),
        ("damaged", |bytes| Some([bytes, b"x".to_vec()].concat())),
        ("damaged", |_| Some(Vec::new())),
    ];
    for (word, damage) in damages {
        let (world, a) = stored().await;
        let sound = world.blobs.files()[&path_of(&a)].clone();
        world.blobs.remove(&path_of(&a));
        if let Some(bytes) = damage(sound.to_vec()) {
            world.blobs.plant(path_of(&a), bytes);
        }
        let before = world.blobs.files();
        assert_eq!(verify_all(&world).await, [format!("{word} a")]);
        assert_eq!(world.blobs.files(), before, "a mere look changes nothing");
        assert_eq!(repair_all(&world).await, [format!("{word} a (repaired)")]);
        let marked = world.index.find(a.id).await.unwrap().unwrap();
        assert_eq!(marked.tags.get(LOST_TAG), Some(word));
        assert_eq!(repair_all(&world).await, [format!("{word} a (repaired)")]);

        // The bytes come back, from a backup perhaps: the mark goes.
        world.blobs.plant(path_of(&a), sound);
        assert_eq!(verify_all(&world).await, ["found a"]);
        assert_eq!(repair_all(&world).await, ["found a (repaired)"]);
        assert_eq!(verify_all(&world).await, [""; 0]);
        let found = world.index.find(a.id).await.unwrap().unwrap();
        assert!(found.tags.is_empty());
        assert!(get(&world.store, &uri("a")).await.is_ok());
    }
}

#[tokio::test]
async fn every_byte_that_counts_is_looked_at() {
    let (world, a) = stored().await;
    let sound = world.blobs.files()[&path_of(&a)].clone();
    let mut harmless = 0;
    for at in 0..sound.len() {
        let mut bytes = sound.to_vec();
        bytes[at] ^= 0x40;
        world.blobs.plant(path_of(&a), bytes);
        let (report, findings) = verify(&world.store, VerifyScope::One(uri("a")), false).await;
        assert_eq!(report.versions, 1);
        if findings.is_empty() {
            // The header's time, and the bits that fill up a byte, say nothing of the content.
            let text = get(&world.store, &uri("a")).await.unwrap();
            assert_eq!(text, "the text of a ".repeat(100), "byte {at}");
            harmless += 1;
        }
    }
    assert!(harmless <= 10, "{harmless} of {} bytes", sound.len());
}

#[tokio::test]
async fn metadata_that_was_lost_or_damaged_is_written_again() {
    let takes: [(&str, Taking); 4] = [
        ("metadata 1: 3 0 0", |world| {
            for path in world.metadata_paths() {
                world.blobs.remove(&path);
            }
        }),
        ("metadata 1: 3 0 2", |world| {
            world.blobs.plant(world.metadata_paths().remove(0), "{");
        }),
        ("metadata 1: 3 0 3", |world| {
            let path = world.metadata_paths().remove(0);
            world.blobs.plant(path, "no\njson\nat all\n]}\n");
        }),
        ("metadata 1: 1 0 1", |world| {
            let path = world.metadata_paths().remove(0);
            let text = String::from_utf8(world.blobs.files()[&path].to_vec()).unwrap();
            let damaged = text.replacen("\"name\":\"b\"", "\"name\":\"B\"", 1);
            world.blobs.plant(path, damaged);
        }),
    ];
    for (expected, take) in takes {
        let (world, _) = stored().await;
        // Folded, since a delta that is cut off counts for nothing.
        world.store.gc(GcOptions::default(), |_| {}).await.unwrap();
        take(&world);
        assert_eq!(verify_all(&world).await, [expected]);
        assert_eq!(repair_all(&world).await, [format!("{expected} (repaired)")]);
        assert_eq!(verify_all(&world).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_only_the_metadata_knows_is_said_and_left() {
    let (world, a) = stored().await;
    let deleted = a.clone().into_deleted().unwrap();
    world.index.update(deleted).await.unwrap();
    world.index.remove(a.id).await.unwrap();
    let before = world.blobs.files();
    world.clock.advance(Duration::from_hours(2));
    assert_eq!(repair_all(&world).await, ["metadata 1: 0 1 0"]);
    assert_eq!(world.blobs.files(), before);
}

#[tokio::test]
async fn a_blob_that_nobody_knows_is_said_once_it_is_old() {
    let (world, a) = stored().await;
    let other = sample::content_key(&sample::coordinate("demo", "1", "log", "other"));
    world.blobs.plant(other.to_string(), "four");
    assert_eq!(
        verify_all(&world).await,
        [""; 0],
        "a writer may be on its way"
    );
    world.clock.advance(Duration::from_hours(2));
    assert_eq!(repair_all(&world).await, ["unknown 4"]);
    assert!(world.content_paths().contains(&other.to_string()));
    assert!(world.content_paths().contains(&path_of(&a)));
}

#[tokio::test]
async fn a_filter_and_an_address_verify_only_what_they_select() {
    let (world, a) = stored().await;
    let b = world.store.show(&uri("b")).await.unwrap();
    world.blobs.remove(&path_of(&b));
    let only_a = Filter {
        name: Some(Glob::exactly("a")),
        ..Filter::default()
    };
    let (report, findings) =
        verify(&world.store, VerifyScope::Selected(only_a.into()), false).await;
    assert_eq!((report.versions, findings.len()), (1, 0));
    for artifact in [uri("a"), a.id.into()] {
        let (report, findings) = verify(&world.store, VerifyScope::One(artifact), false).await;
        assert_eq!((report.versions, findings.len()), (1, 0));
    }
    let (report, findings) = verify(&world.store, VerifyScope::One(uri("b")), false).await;
    assert_eq!(
        (report.versions, findings),
        (1, vec!["missing b".to_owned()])
    );
    let options = VerifyOptions {
        scope: VerifyScope::One(uri("nowhere")),
        repair: false,
        readers: 1,
    };
    let error = world.store.verify(options, |_, _| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_has_expired_and_what_is_held_is_verified_and_marked_too() {
    let (world, mut a) = stored().await;
    a.expires_at = Some(sample::at(1));
    let a = world.index.update(a).await.unwrap();
    let mut b = world.store.show(&uri("b")).await.unwrap();
    b.hold = Some(artifact_domain::Hold {
        reason: None,
        by: None,
        since: sample::at(1),
    });
    let b = world.index.update(b).await.unwrap();
    world.blobs.remove(&path_of(&a));
    world.blobs.remove(&path_of(&b));
    world.clock.advance(Duration::from_hours(1));
    let all = Filter {
        name: Some(Glob::exactly("a")),
        ..Filter::default()
    };
    for scope in [
        VerifyScope::Selected(all.into()),
        VerifyScope::One(uri("a")),
        VerifyScope::One(a.id.into()),
    ] {
        let (_, findings) = verify(&world.store, scope, false).await;
        assert!(findings.contains(&"missing a".to_owned()), "{findings:?}");
    }
    let (_, findings) = verify(&world.store, VerifyScope::Everything, true).await;
    assert!(
        findings.contains(&"missing a (repaired)".to_owned()),
        "{findings:?}"
    );
    assert!(
        findings.contains(&"missing b (repaired)".to_owned()),
        "{findings:?}"
    );
    for id in [a.id, b.id] {
        let marked = world.index.find(id).await.unwrap().unwrap();
        assert_eq!(marked.tags.get(LOST_TAG), Some("missing"));
    }
}

#[tokio::test]
async fn one_task_that_cannot_be_compared_keeps_no_other_from_it() {
    let (world, _) = stored().await;
    let other = artifact_app::UploadRequest::new(sample::coordinate("demo", "0", "log", "x"));
    let body = bytes::Bytes::from("x");
    world.store.upload(other, body).await.unwrap();
    world.store.settle().await;
    let (first, second) = (
        world.metadata_paths().remove(0),
        world.metadata_paths().remove(1),
    );
    let newer = r#"{"format":2,"spec":"demo","task":"0","entries":["#;
    world.blobs.plant(first, newer);
    world.blobs.remove(&second);
    let findings = Mutex::new(Vec::new());
    let options = VerifyOptions {
        scope: VerifyScope::Everything,
        repair: false,
        readers: 1,
    };
    let outcome = world.store.verify(options, |finding, _| {
        findings.lock().unwrap().extend(finding.map(shown));
    });
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(*findings.lock().unwrap(), ["metadata 1: 3 0 0"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_not_marked() {
    let (world, a) = stored().await;
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let store = world.store_with(Some(blobs.clone()), None);
    let refused = BlobFault::Fail(ErrorKind::PermissionDenied);
    blobs.inject(BlobOperation::Get, When::Next, refused);
    let scope = VerifyScope::One(a.id.into());
    let (report, findings) = verify(&store, scope, true).await;
    assert_eq!(findings, ["unreadable a"]);
    assert!(!report.is_sound());
    let record = world.index.find(a.id).await.unwrap().unwrap();
    assert!(record.tags.is_empty());
}

#[tokio::test]
async fn each_blob_is_asked_for_once() {
    let (world, a) = stored().await;
    let before = world.blobs.calls(BlobOperation::Stat);
    let gets = world.blobs.calls(BlobOperation::Get);
    let (_, findings) = verify(&world.store, VerifyScope::One(a.id.into()), false).await;
    assert_eq!(findings, [""; 0]);
    // The metadata of its task is asked for too.
    assert_eq!(world.blobs.calls(BlobOperation::Stat), before + 1);
    assert!(world.blobs.calls(BlobOperation::Get) <= gets + 3);
}

#[tokio::test]
async fn what_is_uploaded_and_deleted_meanwhile_is_no_finding() {
    let (world, _) = stored().await;
    let store = world.store.clone();
    let writer = tokio::spawn(async move {
        for n in 0..150 {
            let name = (n % 7).to_string();
            put(&store, &name, n.to_string().repeat(100)).await;
            if n % 3 == 0 {
                store.delete(&uri(&name)).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        assert_eq!(verify_all(&world).await, [""; 0]);
        // Nothing here ever waits for a device, so nobody else would have a turn.
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert_eq!(verify_all(&world).await, [""; 0]);
}
