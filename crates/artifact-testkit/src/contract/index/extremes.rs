//! Odd characters, big numbers, far times, and the most of everything.

use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Filter, Glob, Order, PageSize, Query, TagFilter};
use artifact_domain::{Hold, Metadata, Tag, Tags, Timestamp};

use super::{begun, changed, found, ids, selected, stored};
use crate::{Subject, sample};

/// What a database or a pattern might take for something else.
const ODD: [&str; 14] = [
    "%",
    "_",
    "a%b_c",
    "it's",
    "\"quoted\"",
    "back\\slash",
    "'; DROP TABLE artifacts; --",
    "${x} $1 ?1 :x @y",
    "[a-z]*?{b}",
    "日本語",
    "🦀👩‍👩‍👧",
    "e\u{301} \u{e9}",
    "\u{202e}\u{feff}x",
    "\u{10ffff}\u{fffd}",
];

/// Odd characters in every text come back as they were, and only they are found by them.
pub async fn odd_characters_come_back_as_they_were(index: Subject<dyn ArtifactIndex>) {
    let mut records = Vec::new();
    for odd in ODD {
        let json = serde_json::json!({ odd: [odd, { "nested": odd }] }).to_string();
        let upload = NewUpload {
            tags: Tags::from_tags([Tag::new(odd, odd).unwrap()]).unwrap(),
            metadata: sample::metadata(&json),
            ..sample::upload(odd, odd, "log", odd)
        };
        let record = stored(&*index, upload, 1).await;
        let record = changed(&*index, record, |record| {
            record.hold = Some(Hold {
                reason: Some(odd.to_owned()),
                by: Some(odd.to_owned()),
                since: sample::now(),
            });
        })
        .await;
        records.push(record);
    }
    for (odd, record) in ODD.into_iter().zip(&records) {
        assert_eq!(found(&*index, record.id).await.as_ref(), Some(record));
        let exactly = Some(Glob::exactly(odd));
        let tag = |value: Option<&str>| TagFilter {
            key: odd.to_owned(),
            value: value.map(ToOwned::to_owned),
        };
        let filter = Filter {
            spec: exactly.clone(),
            task: exactly.clone(),
            name: exactly,
            tags: vec![tag(None), tag(Some(odd))],
            ..Filter::default()
        };
        let found = selected(&*index, filter, sample::now()).await;
        assert_eq!(found, std::slice::from_ref(record), "by {odd:?}");
    }
}

/// A glob's characters that mean something to a database mean nothing.
pub async fn patterns_mean_only_what_globs_mean(index: Subject<dyn ArtifactIndex>) {
    for name in ["100%", "100x", "a_b", "aXb", "A_B"] {
        stored(&*index, sample::upload("s", "t", "log", name), 1).await;
    }
    for (pattern, expected) in [
        ("100%*", vec!["100%"]),
        ("*_b", vec!["a_b"]),
        ("a_*", vec!["a_b"]),
        ("%*", vec![]),
    ] {
        let filter = Filter {
            name: Some(pattern.parse().unwrap()),
            ..Filter::default()
        };
        assert_eq!(super::names(&*index, filter).await, expected, "{pattern}");
    }
}

/// Sizes up to the largest signed 64-bit number are kept, ordered, filtered and counted exactly.
pub async fn big_sizes_are_exact(index: Subject<dyn ArtifactIndex>) {
    let sizes = [
        i64::MAX.unsigned_abs(),
        i64::MAX.unsigned_abs() - 1,
        (1 << 53) + 1,
        1 << 53,
        (1 << 53) - 1,
        1 << 32,
        1,
    ];
    let mut expected = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let artifact_type = format!("custom:{number}");
        let upload = sample::upload("s", "t", &artifact_type, "x");
        expected.push(stored(&*index, upload, size).await.id);
    }
    for (number, size) in sizes.into_iter().enumerate() {
        let filter = Filter {
            min_size_bytes: Some(size),
            ..Filter::default()
        };
        let query = Query {
            order: Order::Size,
            ..Query::new(filter, sample::now())
        };
        let page = index.query(query).await.unwrap();
        assert_eq!(ids(&page.items), expected[..=number]);
        assert_eq!(page.items[number].content, Some(sample::content(size)));
    }
    let query = Query {
        order: Order::Size,
        limit: PageSize::new(1).unwrap(),
        ..Query::new(Filter::default(), sample::now())
    };
    let first = index.query(query.clone()).await.unwrap();
    let second = Query {
        cursor: first.next,
        ..query
    };
    let second = index.query(second).await.unwrap();
    assert_eq!(ids(&second.items), expected[1..2]);
    let counted = index.usage().await.unwrap();
    let counted: Vec<_> = counted.iter().map(|row| row.size_bytes).collect();
    assert_eq!(counted, sizes);
}

/// Times before 1970 and at the end of time are kept, ordered, filtered and judged exactly.
pub async fn far_times_are_exact(index: Subject<dyn ArtifactIndex>) {
    let time = |micros| Timestamp::from_micros(micros).unwrap();
    let first_of_all: Timestamp = "-009999-01-02T02:00:00Z".parse().unwrap();
    let times = [
        Timestamp::MAX,
        sample::now(),
        time(1),
        time(0),
        time(-1),
        time(-62_135_596_800_000_000),
        first_of_all,
    ];
    let mut expected = Vec::new();
    for (number, created_at) in times.into_iter().enumerate() {
        let upload = NewUpload {
            created_at,
            expires_at: Some(Timestamp::MAX),
            ..sample::upload("s", "t", "log", &number.to_string())
        };
        let record = stored(&*index, upload, 1).await;
        assert_eq!(found(&*index, record.id).await.as_ref(), Some(&record));
        expected.push(record.id);
    }
    let found = selected(&*index, Filter::default(), sample::now()).await;
    assert_eq!(ids(&found), expected);
    for (number, created_at) in times.into_iter().enumerate() {
        let filter = Filter {
            created_from: Some(created_at),
            ..Filter::default()
        };
        let found = selected(&*index, filter, sample::now()).await;
        assert_eq!(ids(&found), expected[..=number], "from {created_at}");
    }
    let last = selected(&*index, Filter::default(), Timestamp::MAX).await;
    assert_eq!(last, [], "the end of time has come");
    let due = index
        .due_for_expiry(Timestamp::MAX, None, 100)
        .await
        .unwrap();
    assert_eq!(due.len(), times.len());
}

/// Leases and expiries before 1970 come first.
pub async fn far_ends_are_judged_exactly(index: Subject<dyn ArtifactIndex>) {
    let time = |micros| Timestamp::from_micros(micros).unwrap();
    let mut expected = Vec::new();
    for micros in [-1_000_000_007, -5, -1, 0, 1, 1 << 40] {
        let upload = NewUpload {
            lease_until: time(micros),
            ..super::upload()
        };
        expected.push(begun(&*index, upload).await.id);
    }
    let abandoned = |now| index.abandoned_uploads(now, 100);
    let all = abandoned(Timestamp::MAX).await.unwrap();
    assert_eq!(ids(&all), expected);
    let early = abandoned(time(-1)).await.unwrap();
    assert_eq!(ids(&early), expected[..3]);
}

/// The most tags with the longest texts, and metadata of 64 KiB, are kept.
pub async fn the_most_tags_and_metadata_are_kept(index: Subject<dyn ArtifactIndex>) {
    let tag = |n: usize| Tag::new(format!("{n:0>128}"), "é".repeat(128)).unwrap();
    let padding = "x".repeat(Metadata::MAX_BYTES - r#"{"k":""}"#.len());
    let upload = NewUpload {
        tags: Tags::from_tags((0..64).map(tag)).unwrap(),
        metadata: sample::metadata(&format!(r#"{{"k":"{padding}"}}"#)),
        ..super::upload()
    };
    let record = stored(&*index, upload, 1).await;
    assert_eq!(found(&*index, record.id).await.as_ref(), Some(&record));
    let all = (0..64).map(|n| TagFilter {
        key: tag(n).key().to_owned(),
        value: Some(tag(n).value().to_owned()),
    });
    let filter = Filter {
        tags: all.collect(),
        ..Filter::default()
    };
    assert_eq!(selected(&*index, filter, sample::now()).await, [record]);
}

/// Numbers, nulls and nesting in metadata come back as they were.
pub async fn metadata_comes_back_as_it_was(index: Subject<dyn ArtifactIndex>) {
    for json in [
        "{}",
        r#"{"": null}"#,
        r#"{"n": [0, -1, 18446744073709551615, -9223372036854775808, 0.1, 1e300]}"#,
        r#"{"b": true, "a": {"z": [[], {}], "y": "\u0000\n"}}"#,
    ] {
        let upload = NewUpload {
            metadata: sample::metadata(json),
            ..super::upload()
        };
        let record = stored(&*index, upload, 1).await;
        let kept = found(&*index, record.id).await.unwrap();
        assert_eq!(kept.metadata, sample::metadata(json));
    }
}

/// The longest names and the longest media type are kept and found.
pub async fn the_longest_texts_are_kept(index: Subject<dyn ArtifactIndex>) {
    let (spec, task) = ("s".repeat(128), "t".repeat(128));
    let upload = NewUpload {
        mime_type: format!("text/{}", "x".repeat(250)).parse().unwrap(),
        ..sample::upload(&spec, &task, "log", &"n".repeat(600))
    };
    let record = stored(&*index, upload, 1).await;
    let newest = index.find_newest(record.coordinate.clone(), sample::now());
    assert_eq!(newest.await.unwrap(), Some(record));
}
