//! Trends: what each day of a span has, against a count made by hand and one made naively.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::World;
use artifact_app::{StoreOptions, TrendDay, UploadRequest};
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::port::Supersede;
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRecord, ArtifactType, ErrorKind};
use artifact_testkit::sample;
use bytes::Bytes;

const DAY: Duration = Duration::from_hours(24);

async fn put(world: &World, task: &str, artifact_type: &str, size: usize) -> ArtifactRecord {
    let coordinate = sample::coordinate("demo", task, artifact_type, "build.log");
    let body = Bytes::from(vec![b'x'; size]);
    let request = UploadRequest::new(coordinate);
    world.store.upload(request, body).await.unwrap()
}

fn logs() -> Filter {
    Filter {
        types: vec![ArtifactType::Log],
        ..Filter::default()
    }
}

fn row(day: &TrendDay) -> (String, u64, u64, Option<u64>) {
    assert!(day.median_is_exact);
    (day.date(), day.count, day.size_bytes, day.median_size_bytes)
}

#[tokio::test]
async fn each_day_is_there_with_what_was_created_on_it() {
    // 2026-03-01T12:00:00Z, and every version stays.
    let world = World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    });
    put(&world, "1", "log", 100).await;
    let newest = put(&world, "1", "log", 300).await;
    put(&world, "1", "data", 5_000).await;
    // The last microsecond of a day and the first of the next.
    world
        .clock
        .set("2026-03-02T23:59:59.999999Z".parse().unwrap());
    put(&world, "2", "log", 7).await;
    world.clock.set("2026-03-03T00:00:00Z".parse().unwrap());
    for size in [9, 1, 5] {
        put(&world, "3", "log", size).await;
    }
    world.clock.set("2026-03-05T08:00:00Z".parse().unwrap());

    let trend = world.store.trend(logs(), 6).await.unwrap();
    let day = |date: &str, count, size, median| (date.to_owned(), count, size, median);
    assert_eq!(
        trend.iter().map(row).collect::<Vec<_>>(),
        [
            day("2026-02-28", 0, 0, None),
            day("2026-03-01", 2, 400, Some(200)),
            day("2026-03-02", 1, 7, Some(7)),
            day("2026-03-03", 3, 15, Some(5)),
            day("2026-03-04", 0, 0, None),
            day("2026-03-05", 0, 0, None),
        ]
    );
    let stored = newest.content.unwrap().stored_size_bytes;
    assert!(stored < 300 && trend[1].stored_size_bytes < 400);
    assert!(trend[1].stored_size_bytes > stored);

    let short = world.store.trend(logs(), 3).await.unwrap();
    assert_eq!(short, trend[3..]);
    let everything = world.store.trend(Filter::default(), 5).await.unwrap();
    assert_eq!(everything[0].count, 3);
    let task = Filter {
        task: Some("[12]".parse().unwrap()),
        ..logs()
    };
    let counts = world.store.trend(task, 5).await.unwrap();
    assert_eq!(
        counts.iter().map(|day| day.count).collect::<Vec<_>>(),
        [2, 1, 0, 0, 0]
    );
}

#[tokio::test]
async fn what_cannot_be_read_any_more_does_not_count() {
    let world = World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(2),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    put(&world, "1", "log", 10).await;
    world.clock.advance(DAY);
    put(&world, "2", "log", 20).await;
    // It takes the place of the other.
    put(&world, "2", "log", 30).await;
    let counts = async || {
        let trend = world.store.trend(logs(), 4).await.unwrap();
        trend.iter().map(|day| day.count).collect::<Vec<_>>()
    };
    assert_eq!(counts().await, [0, 0, 1, 1]);
    world.clock.advance(DAY);
    assert_eq!(counts().await, [0, 0, 1, 0]);
    world.clock.advance(DAY);
    assert_eq!(counts().await, [0; 4]);
}

#[tokio::test]
async fn a_trend_is_what_a_naive_count_gives() {
    let world = World::new();
    let mut naive: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut state = 1_u64;
    for task in 0..450 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let (hours, size) = ((state >> 40) % 24, (state >> 20) % 3_000);
        world.clock.advance(Duration::from_hours(hours % 5));
        let size_bytes = usize::try_from(size).unwrap();
        let record = put(&world, &task.to_string(), "log", size_bytes).await;
        let date = record.created_at.to_string()[..10].to_owned();
        naive.entry(date).or_default().push(size);
    }
    let trend = world.store.trend(logs(), 100).await.unwrap();
    assert_eq!(trend.len(), 100);
    let found: BTreeMap<_, _> = trend
        .iter()
        .filter(|day| day.count > 0)
        .map(|day| {
            (
                day.date(),
                (day.count, day.size_bytes, day.median_size_bytes),
            )
        })
        .collect();
    let expected: BTreeMap<_, _> = naive
        .into_iter()
        .map(|(date, mut sizes)| {
            sizes.sort_unstable();
            let (lower, upper) = (sizes[(sizes.len() - 1) / 2], sizes[sizes.len() / 2]);
            let sum: u64 = sizes.iter().sum();
            (date, (sizes.len() as u64, sum, Some(lower.midpoint(upper))))
        })
        .collect();
    assert!(expected.len() > 30 && found == expected);
}

#[tokio::test]
async fn a_span_has_limits() {
    let world = World::new();
    for days in [0, 3_661] {
        let error = world.store.trend(logs(), days).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let longest = world.store.trend(logs(), 3_660).await.unwrap();
    assert_eq!(longest.len(), 3_660);
    assert_eq!(longest[3_659].date(), "2026-03-01");
}
