//! A store that is opened with a clock of its own lives by that clock. Knows nothing of settings.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::UploadRequest;
use artifact_bootstrap::open_at;
use artifact_bootstrap::settings::Settings;
use artifact_domain::{
    ArtifactName, ArtifactRef, ArtifactType, Coordinate, ErrorKind, SpecName, TaskId, Timestamp,
};
use artifact_testkit::ManualClock;
use bytes::Bytes;

#[tokio::test]
async fn a_store_lives_by_the_clock_it_was_opened_with() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::with_base_path(folder.path()).unwrap();
    let start: Timestamp = "2020-02-29T12:00:00Z".parse().unwrap();
    let clock = ManualClock::new(start);
    let store = open_at(&settings, Arc::new(clock.clone())).await.unwrap();
    let coordinate = Coordinate::new(
        SpecName::default(),
        TaskId::new("1").unwrap(),
        ArtifactType::Log,
        ArtifactName::new("build.log").unwrap(),
    );
    let request = UploadRequest::new(coordinate.unwrap());
    let stored = store.upload(request, Bytes::from("text")).await.unwrap();
    assert_eq!(stored.created_at, start);
    let id = ArtifactRef::Id(stored.id);
    clock.advance(Duration::from_hours(6 * 24));
    assert_eq!(store.show(&id).await.unwrap().id, stored.id);
    store.settle().await;
    drop(store);
    // Logs are kept for seven days.
    clock.advance(Duration::from_hours(24));
    let store = open_at(&settings, Arc::new(clock)).await.unwrap();
    let error = store.show(&id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
}
