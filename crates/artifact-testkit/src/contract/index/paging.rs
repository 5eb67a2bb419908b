//! Going through an answer page by page.

use std::collections::HashSet;

use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Cursor, Filter, Order, Page, PageSize, Query, TagFilter};
use artifact_domain::{ArtifactId, ArtifactRecord, ErrorKind, State};
use futures::{StreamExt, stream};

use super::{changed, deleted, ids, kind, stored};
use crate::{Subject, sample};

const ORDERS: [Order; 3] = [Order::Created, Order::Size, Order::Name];

/// Stores records with many ties in every order.
async fn fill(index: &dyn ArtifactIndex, count: u32) -> Vec<ArtifactRecord> {
    let numbers = stream::iter(0..count);
    let records = numbers.map(|number| async move {
        let upload = NewUpload {
            id: sample::id(number * 101 % 1_009),
            created_at: sample::at(i64::from(number % 17)),
            ..sample::upload(
                "s",
                &format!("t{number}"),
                "log",
                &format!("{}", number % 13),
            )
        };
        stored(index, upload, u64::from(number % 7)).await
    });
    records.buffer_unordered(32).collect().await
}

/// One page of all that can be read.
async fn page(
    index: &dyn ArtifactIndex,
    order: Order,
    size: usize,
    cursor: Option<Cursor>,
) -> (Vec<ArtifactRecord>, Option<Cursor>) {
    page_of(index, Filter::default(), order, size, cursor).await
}

/// One page; its cursor goes through its text, as it does through a client.
async fn page_of(
    index: &dyn ArtifactIndex,
    filter: Filter,
    order: Order,
    size: usize,
    cursor: Option<Cursor>,
) -> (Vec<ArtifactRecord>, Option<Cursor>) {
    let query = Query {
        order,
        cursor,
        limit: PageSize::new(size).unwrap(),
        ..Query::new(filter, sample::now())
    };
    let page = index.query(query).await.unwrap();
    let next = page.next.map(|next| next.to_string().parse().unwrap());
    (page.items, next)
}

/// Every record, page by page.
async fn walk(index: &dyn ArtifactIndex, order: Order, size: usize) -> Vec<ArtifactId> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let (items, next) = page(index, order, size, cursor).await;
        assert!(items.len() <= size, "{} on a page of {size}", items.len());
        assert!(next.is_none() || items.len() == size, "a page is not full");
        all.extend(ids(&items));
        if next.is_none() {
            return all;
        }
        cursor = next;
    }
}

/// 250 records with many ties are seen exactly once and in order, on pages of 1, 7 and 1,000.
pub async fn pages_give_every_record_once_and_in_order(index: Subject<dyn ArtifactIndex>) {
    let mut records = fill(&*index, 250).await;
    for order in ORDERS {
        records.sort_by(|a, b| order.compare(a, b));
        for size in [1, 7, 1_000] {
            let found = walk(&*index, order, size).await;
            assert_eq!(found, ids(&records), "{order}, pages of {size}");
        }
    }
}

/// The last page says that it is the last, even if it is full.
pub async fn a_full_last_page_is_the_last(index: Subject<dyn ArtifactIndex>) {
    fill(&*index, 12).await;
    for order in ORDERS {
        let (_, cursor) = page(&*index, order, 6, None).await;
        let (items, next) = page(&*index, order, 6, cursor).await;
        assert_eq!((items.len(), next), (6, None));
        let (items, next) = page(&*index, order, 12, None).await;
        assert_eq!((items.len(), next), (12, None));
    }
}

/// Pages of large records, some small ones among them, have as many as have room in
/// [`Page::MAX_BYTES`], and give every one once and in order: of all, of those with a tag, and with the
/// deleted ones.
pub async fn pages_of_large_records_end_early_and_lose_none(index: Subject<dyn ArtifactIndex>) {
    let mut records = fill_with_large(&*index, 200).await;
    let tagged = Filter {
        tags: vec![TagFilter::parse("number").unwrap()],
        ..Filter::default()
    };
    let with_deleted = Filter {
        states: vec![State::Active, State::Deleted],
        ..Filter::default()
    };
    for order in ORDERS {
        records.sort_by(|a, b| order.compare(a, b));
        for filter in [Filter::default(), tagged.clone(), with_deleted.clone()] {
            let selected = |record: &&ArtifactRecord| filter.selects(record, sample::now());
            let expected: Vec<_> = records.iter().filter(selected).map(|one| one.id).collect();
            assert!(expected.len() > 140, "{filter:?}");
            for size in [1_000, 20] {
                let (all, cut) = walk_large(&*index, &filter, order, size).await;
                assert_eq!(all, expected, "{order}, pages of {size}, {filter:?}");
                assert_eq!(cut > 0, size == 1_000, "{order}: {cut} ended early");
            }
        }
    }
}

/// Stores records of which three in four are large, one in seven without a tag and one in nine deleted.
async fn fill_with_large(index: &dyn ArtifactIndex, count: u32) -> Vec<ArtifactRecord> {
    let text = "x".repeat(60_000);
    let large = &sample::metadata(&format!(r#"{{"text": "{text}"}}"#));
    let records = stream::iter(0..count).map(|number| async move {
        let mut upload = sample::upload("s", &format!("t{number}"), "log", &format!("{number}"));
        upload.created_at = sample::at(i64::from(number * 101 % 211));
        if number % 4 > 0 {
            upload.metadata = large.clone();
        }
        if number % 7 > 0 {
            upload.tags = sample::tags(&[&format!("number={number}")]);
        }
        let record = stored(index, upload, u64::from(number * 31 % 61)).await;
        if number % 9 > 0 {
            record
        } else {
            deleted(index, record).await
        }
    });
    records.buffer_unordered(8).collect().await
}

/// Every record, page by page, and how many pages had fewer than they may have, since no other had room.
async fn walk_large(
    index: &dyn ArtifactIndex,
    filter: &Filter,
    order: Order,
    size: usize,
) -> (Vec<ArtifactId>, usize) {
    let (mut all, mut cursor, mut cut) = (Vec::new(), None, 0);
    loop {
        let (items, next) = page_of(index, filter.clone(), order, size, cursor).await;
        let bytes: usize = items.iter().map(ArtifactRecord::memory_bytes).sum();
        assert!(
            items.len() <= size && bytes <= Page::MAX_BYTES,
            "{bytes} bytes"
        );
        cut += usize::from(next.is_some() && items.len() < size);
        // The next one would have had no room.
        assert!(next.is_none() || items.len() == size || bytes + 70_000 > Page::MAX_BYTES);
        all.extend(ids(&items));
        cursor = next;
        if cursor.is_none() {
            return (all, cut);
        }
    }
}

/// A cursor of another order is `InvalidInput`.
pub async fn a_cursor_of_another_order_is_invalid_input(index: Subject<dyn ArtifactIndex>) {
    let record = fill(&*index, 1).await.remove(0);
    for order in ORDERS {
        for other in ORDERS.into_iter().filter(|other| *other != order) {
            let query = Query {
                order,
                cursor: Some(Cursor::after(&record, other)),
                ..Query::new(Filter::default(), sample::now())
            };
            assert_eq!(kind(index.query(query).await), ErrorKind::InvalidInput);
        }
    }
}

/// A cursor serves even if its record was removed meanwhile, or never was.
pub async fn a_cursor_outlives_its_record(index: Subject<dyn ArtifactIndex>) {
    let mut records = fill(&*index, 20).await;
    records.sort_by(|a, b| Order::Size.compare(a, b));
    let (first, cursor) = page(&*index, Order::Size, 7, None).await;
    let last = first.last().unwrap().clone();
    let gone = deleted(&*index, last).await;
    index.remove(gone.id).await.unwrap();
    let (rest, next) = page(&*index, Order::Size, 1_000, cursor).await;
    assert_eq!(ids(&rest), ids(&records[7..]));
    assert_eq!(next, None);
}

/// Records that are neither changed nor removed are seen exactly once, whatever is put before,
/// behind and beside the cursor, changed or removed between two pages.
pub async fn changes_between_pages_hide_nothing(index: Subject<dyn ArtifactIndex>) {
    for (round, order) in ORDERS.into_iter().enumerate() {
        let mut records = fill_round(&*index, round).await;
        let touched = records.split_off(40);
        let mut touched = touched.into_iter();
        let untouched: HashSet<_> = records.iter().map(|record| record.id).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (items, next) = page(&*index, order, 5, cursor).await;
            seen.extend(ids(&items));
            cursor = next;
            if cursor.is_none() {
                break;
            }
            disturb(&*index, &mut touched).await;
        }
        let seen_untouched: Vec<_> = seen
            .into_iter()
            .filter(|id| untouched.contains(id))
            .collect();
        assert_eq!(seen_untouched.len(), untouched.len(), "by {order}");
        assert_eq!(
            seen_untouched.into_iter().collect::<HashSet<_>>(),
            untouched
        );
    }
}

async fn fill_round(index: &dyn ArtifactIndex, round: usize) -> Vec<ArtifactRecord> {
    let mut records = Vec::new();
    for number in 0..60_u32 {
        let upload = NewUpload {
            created_at: sample::at(i64::from(number * 7 % 11)),
            ..sample::upload(
                "s",
                &format!("{round}-{number}"),
                "log",
                &format!("{}", number % 9),
            )
        };
        records.push(stored(index, upload, u64::from(number % 5)).await);
    }
    records
}

/// One new record, one changed and one removed.
async fn disturb(index: &dyn ArtifactIndex, touched: &mut impl Iterator<Item = ArtifactRecord>) {
    for seconds in [-50, 5, 50] {
        let mut upload = sample::upload("s", "new", "log", "0");
        upload.created_at = sample::at(seconds);
        stored(index, upload, 3).await;
    }
    if let Some(record) = touched.next() {
        changed(index, record, |r| r.content = Some(sample::content(4))).await;
    }
    if let Some(record) = touched.next() {
        let gone = deleted(index, record).await;
        index.remove(gone.id).await.unwrap();
    }
}
