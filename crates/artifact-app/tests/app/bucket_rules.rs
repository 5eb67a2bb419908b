//! What a bucket would delete though the store keeps it.

use std::time::Duration;

use artifact_app::{StoreOptions, refusal};
use artifact_domain::policy::{FOR_EVER_DAYS, RetentionPolicy};
use artifact_domain::{ArtifactId, ErrorKind};

use crate::world::{World, put, request, uri};

const DAY: Duration = Duration::from_hours(24);

fn world() -> World {
    World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(30),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    })
}

async fn keep_for(world: &World, name: &str, days: u32) -> ArtifactId {
    let request = artifact_app::UploadRequest {
        retention_days: Some(days),
        ..request(name)
    };
    let body = artifact_app::Body::Bytes("text".into());
    world.store.upload(request, body).await.unwrap().id
}

#[tokio::test]
async fn what_is_kept_for_longer_is_named() {
    let world = world();
    put(&world.store, "plain", "text").await;
    keep_for(&world, "as long", 60).await;
    assert_eq!(world.store.at_risk(60, 9).await.unwrap(), []);
    assert_eq!(world.store.at_risk(30, 9).await.unwrap().len(), 1);

    let longer = keep_for(&world, "longer", 61).await;
    let for_ever = keep_for(&world, "for ever", FOR_EVER_DAYS).await;
    let found = world.store.at_risk(60, 9).await.unwrap();
    let mut ids: Vec<_> = found.iter().map(|found| found.record.id).collect();
    ids.sort();
    let mut expected = [longer, for_ever];
    expected.sort();
    assert_eq!(ids, expected);
    let refused = refusal(&found).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("never expires"), "{refused}");
    assert_eq!(world.store.at_risk(60, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_hold_is_named_even_where_the_time_is_over() {
    let world = world();
    put(&world.store, "a", "text").await;
    let hold = artifact_app::Change::Hold {
        reason: None,
        by: None,
    };
    world.store.change(&uri("a"), &hold).await.unwrap();
    world.clock.advance(DAY * 50);
    let found = world.store.at_risk(60, 9).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(refusal(&found).unwrap().kind(), ErrorKind::Held);
    assert!(refusal(&[]).is_none());
}
