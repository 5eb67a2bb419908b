//! The order of answers.

use artifact_domain::ArtifactId;
use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Filter, Order, Query};

use super::{begun, everything, ids, stored};
use crate::{Subject, sample};

async fn ordered(index: &dyn ArtifactIndex, filter: Filter, order: Order) -> Vec<ArtifactId> {
    let query = Query {
        order,
        ..Query::new(filter, sample::now())
    };
    ids(&index.query(query).await.unwrap().items)
}

/// Stores under the id of that number.
async fn numbered(
    index: &dyn ArtifactIndex,
    number: u32,
    name: &str,
    created: i64,
    size: u64,
) -> ArtifactId {
    let upload = NewUpload {
        id: sample::id(number),
        created_at: sample::at(created),
        ..sample::upload("s", "t", "log", name)
    };
    stored(index, upload, size).await.id
}

/// By creation, the newest first; of one instant, the higher id first.
pub async fn the_newest_come_first(index: Subject<dyn ArtifactIndex>) {
    let b = numbered(&*index, 2, "b", 5, 1).await;
    let d = numbered(&*index, 4, "d", 5, 1).await;
    let a = numbered(&*index, 1, "a", 9, 1).await;
    let c = numbered(&*index, 3, "c", -9, 1).await;
    let found = ordered(&*index, Filter::default(), Order::Created).await;
    assert_eq!(found, [a, d, b, c]);
}

/// By size, the largest first; of one size, the higher id first; what has no content counts as 0.
pub async fn the_largest_come_first(index: Subject<dyn ArtifactIndex>) {
    let tiny = numbered(&*index, 1, "a", 0, 9).await;
    let small = numbered(&*index, 2, "b", 1, 10).await;
    let large = numbered(&*index, 3, "c", 2, 100).await;
    let small_too = numbered(&*index, 4, "d", 3, 10).await;
    let empty = numbered(&*index, 5, "e", 4, 0).await;
    let uploading = NewUpload {
        id: sample::id(6),
        ..sample::upload("s", "t", "log", "f")
    };
    let uploading = begun(&*index, uploading).await.id;
    let empty_too = numbered(&*index, 7, "g", 5, 0).await;
    let found = ordered(&*index, everything(), Order::Size).await;
    let sized = [large, small_too, small, tiny];
    assert_eq!(found[..4], sized);
    assert_eq!(found[4..], [empty_too, uploading, empty]);
}

/// By name, ascending by bytes of UTF-8; of one name, the lower id first.
pub async fn names_ascend_by_bytes(index: Subject<dyn ArtifactIndex>) {
    let names = [
        "a/b", "a", "B", "a.b", "ab", "é", "z", "🦀", "\u{ffff}", "a\\b",
    ];
    let mut expected = Vec::new();
    for (number, name) in (1..).zip(names) {
        let id = numbered(&*index, number, name, 0, 1).await;
        expected.push((name, id));
    }
    for (number, task) in [(99, "x"), (98, "y")] {
        let upload = NewUpload {
            id: sample::id(number),
            ..sample::upload("s", task, "log", "a")
        };
        expected.push(("a", stored(&*index, upload, 1).await.id));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    let found = ordered(&*index, Filter::default(), Order::Name).await;
    assert_eq!(found, expected);
}

/// Every order holds whatever the filter is that selects.
pub async fn filters_do_not_disturb_the_order(index: Subject<dyn ArtifactIndex>) {
    let mut records = Vec::new();
    for number in 0..40_u32 {
        let (task, kind) = (
            format!("t{}", number % 3),
            ["log", "diff"][number as usize % 2],
        );
        let upload = NewUpload {
            id: sample::id(number * 7 % 40),
            created_at: sample::at(i64::from(number * 11 % 13)),
            tags: sample::tags(&["tag=x"]),
            ..sample::upload("s", &task, kind, &format!("{}", number * 17 % 40))
        };
        records.push(stored(&*index, upload, u64::from(number % 5)).await);
    }
    let filters: [fn(&mut Filter); 7] = [
        |f| f.spec = Some("s".parse().unwrap()),
        |f| f.task = Some("t1".parse().unwrap()),
        |f| f.task = Some("t*".parse().unwrap()),
        |f| f.types = vec!["diff".parse().unwrap(), "log".parse().unwrap()],
        |f| f.name = Some("1*".parse().unwrap()),
        |f| f.tags = vec![artifact_domain::query::TagFilter::parse("tag=x").unwrap()],
        |f| f.min_size_bytes = Some(2),
    ];
    for change in filters {
        let mut filter = Filter::default();
        change(&mut filter);
        for order in [Order::Created, Order::Size, Order::Name] {
            let fits = |record: &&_| filter.selects(record, sample::now());
            let mut expected: Vec<_> = records.iter().filter(fits).cloned().collect();
            expected.sort_by(|a, b| order.compare(a, b));
            assert!(!expected.is_empty(), "a filter that selects nothing");
            let found = ordered(&*index, filter.clone(), order).await;
            assert_eq!(found, ids(&expected), "{order} of {filter:?}");
        }
    }
}
