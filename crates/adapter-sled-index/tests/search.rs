//! Whatever way a query takes, it gives what a look at every record would give.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the failure, in what its cases share too"
)]

use std::collections::HashMap;

use adapter_sled_index::{Durability, SledIndex, SledOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Area, Expiry, Filter, Order, PageSize, Query, TagFilter, Versions};
use artifact_domain::{ArtifactId, ArtifactRecord, ArtifactType, Hold, State, Timestamp};
use artifact_testkit::sample;

const SPECS: [&str; 4] = ["a", "ab", "abc", "web[1]"];
const TYPES: [&str; 4] = ["log", "diff", "build-log", "custom:x"];

/// A sequence of numbers that looks like chance and is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) == 0).then(|| make(self))
    }
}

/// Records of every state, several versions of many, some expired, some held.
async fn fill(index: &SledIndex, dice: &mut Dice) -> Vec<ArtifactRecord> {
    let mut all = Vec::new();
    for _ in 0..400 {
        let task = format!("run-{}", dice.below(12));
        let name = format!("{}{}.txt", dice.of(&["out/", "o", ""]), dice.below(6));
        let mut upload = sample::upload(dice.of(&SPECS), &task, dice.of(&TYPES), &name);
        // Many are made at the same time: then the id decides.
        upload.created_at = sample::at(i64::try_from(dice.below(40)).unwrap() - 20);
        upload.expires_at =
            dice.maybe(|dice| sample::at(i64::try_from(dice.below(40)).unwrap() - 20));
        let texts = ["common", "os=linux", "os=mac", "os=", "rare", "k=v"];
        let tags: Vec<_> = texts.into_iter().filter(|_| dice.below(3) == 0).collect();
        upload.tags = sample::tags(&tags);
        let mut record = index.begin(upload).await.unwrap();
        if dice.below(8) != 0 {
            let commit = sample::commit(record.id, dice.below(5) * 10);
            record = index.commit(commit).await.unwrap().record;
            match dice.below(6) {
                0 => record.state = State::Archived,
                1 => record = record.into_deleted().unwrap(),
                2 => {
                    record.hold = Some(Hold {
                        reason: None,
                        by: None,
                        since: sample::now(),
                    });
                }
                _ => {}
            }
            record = index.update(record).await.unwrap();
        }
        all.push(record);
    }
    all
}

fn any_filter(dice: &mut Dice) -> Filter {
    let globs = ["a", "ab", "a*", "*b*", "web[[]1]", "web*", "zzz"];
    let tasks = ["run-1", "run-1*", "*", "run-?", "run-11"];
    let names = ["o*", "out/1.txt", "*2.txt", "out/*", "3.txt"];
    let tags = [
        "common", "os=linux", "os=mac", "os=", "os", "rare", "k=v", "none",
    ];
    let seconds = |dice: &mut Dice| sample::at(i64::try_from(dice.below(40)).unwrap() - 20);
    Filter {
        spec: dice.maybe(|dice| dice.of(&globs).parse().unwrap()),
        task: dice.maybe(|dice| dice.of(&tasks).parse().unwrap()),
        name: dice.maybe(|dice| dice.of(&names).parse().unwrap()),
        types: (0..dice.below(3))
            .map(|_| dice.of(&TYPES).parse::<ArtifactType>().unwrap())
            .collect(),
        tags: (0..dice.below(3))
            .map(|_| TagFilter::parse(dice.of(&tags)).unwrap())
            .collect(),
        created_from: dice.maybe(seconds),
        created_before: dice.maybe(seconds),
        min_size_bytes: dice.maybe(|dice| dice.below(40)),
        max_size_bytes: dice.maybe(|dice| dice.of(&[0, 10, 25, u64::MAX])),
        states: match dice.below(4) {
            0 => State::ALL
                .into_iter()
                .filter(|_| dice.below(2) == 0)
                .collect(),
            1 => vec![State::Deleted],
            _ => Filter::default().states,
        },
        versions: dice.of(&[Versions::Newest, Versions::All]),
        within: dice.maybe(|dice| {
            let areas = 0..dice.below(3);
            areas
                .map(|_| Area {
                    spec: dice.of(&globs).parse().unwrap(),
                    task: dice.of(&tasks).parse().unwrap(),
                })
                .collect()
        }),
        expiry: dice.of(&[Expiry::Any, Expiry::Any, Expiry::Never, Expiry::Ends]),
    }
}

/// The answer by looking at every record.
fn expected(
    all: &[ArtifactRecord],
    filter: &Filter,
    order: Order,
    now: Timestamp,
) -> Vec<ArtifactId> {
    let mut newest = HashMap::new();
    for record in all.iter().filter(|record| record.is_visible(now)) {
        let highest = newest.entry(&record.coordinate).or_insert(record.version);
        *highest = record.version.max(*highest);
    }
    let is_newest = |record: &ArtifactRecord| {
        let highest = newest.get(&record.coordinate);
        highest.is_none_or(|highest| record.version >= *highest)
    };
    let mut selected: Vec<_> = all
        .iter()
        .filter(|record| filter.selects(record, now))
        .filter(|record| {
            filter.versions == Versions::All || !record.state.is_live() || is_newest(record)
        })
        .collect();
    selected.sort_by(|a, b| order.compare(a, b));
    selected.into_iter().map(|record| record.id).collect()
}

#[tokio::test]
async fn every_query_gives_what_a_look_at_every_record_gives() {
    let dir = tempfile::tempdir().unwrap();
    let options = SledOptions {
        durability: Durability::Relaxed,
        ..SledOptions::default()
    };
    let index = SledIndex::open(dir.path(), options).await.unwrap();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let all = fill(&index, &mut dice).await;
    let (mut found, mut empty) = (0, 0);
    for _ in 0..400 {
        let filter = any_filter(&mut dice);
        let order = dice.of(&[Order::Created, Order::Size, Order::Name]);
        let limit = dice.of(&[3, 7, 50, 1_000]);
        let now = sample::at(i64::try_from(dice.below(30)).unwrap() - 15);
        let expected = expected(&all, &filter, order, now);
        if expected.is_empty() {
            empty += 1;
        } else {
            found += 1;
        }
        let mut query = Query::new(filter, now);
        query.order = order;
        query.limit = PageSize::new(limit).unwrap();
        let mut given = Vec::new();
        loop {
            let page = index.query(query.clone()).await.unwrap();
            assert!(page.items.len() <= limit);
            given.extend(page.items.iter().map(|record| record.id));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
            assert_eq!(page.items.len(), limit, "only the last page is not full");
        }
        assert_eq!(given, expected, "{query:?}");
    }
    assert!(
        found > 100 && empty > 50,
        "{found} with an answer, {empty} without"
    );
}
