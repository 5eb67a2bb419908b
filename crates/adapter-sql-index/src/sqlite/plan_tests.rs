//! Holds the walks that must not grow with the store to their indexes, and every walk to the
//! domain's own idea of what a query selects.

use artifact_domain::port::{CommitUpload, NewUpload, Supersede};
use artifact_domain::query::{Area, Cursor, Glob, PageSize, Versions};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Content, Coordinate, Digest, Encoding, State, Tag, Tags, Timestamp,
};

use super::*;
use crate::sqlite::counting::CountingConnection;
use crate::sqlite::{change, glob_function, schema, search};

const NOW: i64 = 1_800_000_000_000_000;
/// In these indexes more than so many records are many.
const SOME: usize = 40;
const TYPES: [&str; 4] = ["log", "diff", "video", "custom:odd"];

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// An index of `count` records, every way they can differ in mixed up, and the records.
fn index(count: u32) -> (CountingConnection, Vec<ArtifactRecord>) {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    glob_function::register(&connection).unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    let connection = CountingConnection::new(connection);
    let transaction = connection.unchecked_transaction().unwrap();
    let records = (0..count).map(|n| add(&connection, n)).collect();
    transaction.commit().unwrap();
    (connection, records)
}

fn add(connection: &CountingConnection, n: u32) -> ArtifactRecord {
    let created_at = time(NOW - i64::from(n % 97) * 1_000_000);
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    let tags = [
        format!("os={}", ["linux", "mac"][usize::from(n.is_multiple_of(3))]),
        format!("run={}", n / 100),
        "every".to_owned(),
        "odd \"key\" \\ of 'quotes'".to_owned(),
    ];
    let tags = tags.iter().take(n as usize % 5);
    let upload = NewUpload {
        id: ArtifactId::new(created_at, random),
        coordinate: Coordinate::new(
            format!("spec-{}", n % 3).parse().unwrap(),
            format!("task-{}", n % 20).parse().unwrap(),
            TYPES[n as usize % 4].parse().unwrap(),
            format!("{}/é{}.txt", n % 7, n % 40).parse().unwrap(),
        )
        .unwrap(),
        mime_type: "text/plain".parse().unwrap(),
        tags: Tags::from_tags(tags.map(|tag| tag.parse::<Tag>().unwrap())).unwrap(),
        metadata: artifact_domain::Metadata::default(),
        created_at,
        lease_until: time(NOW + 1_000_000),
        retention_days: None,
        expires_at: n
            .is_multiple_of(6)
            .then(|| time(NOW - 1 + i64::from(n % 2))),
        reservation: artifact_domain::policy::Reservation::default(),
    };
    let id = upload.id;
    let record = change::begin(connection, upload).unwrap();
    if n.is_multiple_of(11) {
        return record;
    }
    let size_bytes = u64::from(n % 13) * 100;
    let content = Content {
        digest: Digest::new([1; 32]),
        size_bytes,
        stored_size_bytes: size_bytes / 2,
        encoding: Encoding::Gzip,
    };
    let commit = CommitUpload {
        id,
        attempt: id.into(),
        content,
        supersede: Supersede::Nothing,
        seek_table: None,
    };
    let mut record = change::commit(connection, &commit).unwrap().record;
    match n % 12 {
        1 => record.state = State::Deleted,
        2 => record.state = State::Archived,
        _ => return record,
    }
    change::update(connection, record).unwrap()
}

/// The answer by the domain's own rules, over all records.
fn expected(records: &[ArtifactRecord], query: &Query) -> Vec<ArtifactRecord> {
    let outdated = |record: &ArtifactRecord| {
        records.iter().any(|other| {
            other.coordinate == record.coordinate
                && other.version > record.version
                && other.is_visible(query.now)
        })
    };
    let mut selected: Vec<_> = records
        .iter()
        .filter(|record| query.filter.selects(record, query.now))
        .filter(|record| {
            query.filter.versions == Versions::All || !record.state.is_live() || !outdated(record)
        })
        .filter(|record| {
            let cursor = query.cursor.as_ref();
            cursor.is_none_or(|cursor| cursor.is_before(record))
        })
        .cloned()
        .collect();
    selected.sort_by(|a, b| query.order.compare(a, b));
    selected.truncate(query.limit.get());
    selected
}

fn query(change: impl FnOnce(&mut Filter)) -> Query {
    let mut filter = Filter::default();
    change(&mut filter);
    Query {
        limit: PageSize::new(20).unwrap(),
        ..Query::new(filter, time(NOW))
    }
}

fn glob(text: &str) -> Glob {
    text.parse().unwrap()
}

fn tags(texts: &[&str]) -> Vec<TagFilter> {
    texts.iter().map(|t| TagFilter::parse(t).unwrap()).collect()
}

fn types(names: &[&str]) -> Vec<artifact_domain::ArtifactType> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Filters that between them use every condition, alone and combined.
fn filters() -> Vec<Filter> {
    type Change = fn(&mut Filter);
    let changes: [Change; 32] = [
        |_| {},
        |f| f.spec = Some(glob("spec-1")),
        |f| f.spec = Some(glob("spec-*")),
        |f| f.task = Some(glob("task-7")),
        |f| f.task = Some(glob("task-1*")),
        |f| f.task = Some(glob("*-1")),
        |f| f.name = Some(glob("3/é17.txt")),
        |f| f.name = Some(glob("3/é*")),
        |f| f.name = Some(glob("*[12].txt")),
        |f| f.types = types(&["video"]),
        |f| f.types = types(&["video", "log", "video"]),
        |f| f.expiry = Expiry::Ends,
        |f| {
            f.spec = Some(glob("spec-1"));
            f.types = types(&["log"]);
        },
        |f| {
            f.spec = Some(glob("spec-1"));
            f.types = types(&["log"]);
            f.expiry = Expiry::Never;
        },
        |f| {
            f.spec = Some(glob("spec-1"));
            f.types = types(&["log"]);
            f.task = Some(glob("task-1*"));
            f.expiry = Expiry::Ends;
        },
        |f| f.within = Some(Vec::new()),
        |f| {
            f.spec = Some(glob("spec-1"));
            f.types = types(&["log"]);
            f.within = Some(vec![Area {
                spec: glob("spec-*"),
                task: glob("task-1*"),
            }]);
        },
        |f| f.tags = tags(&["os=linux"]),
        |f| f.tags = tags(&["every"]),
        |f| f.tags = tags(&["every="]),
        |f| f.tags = tags(&["odd \"key\" \\ of 'quotes'"]),
        |f| f.tags = tags(&["os=linux", "run=3", "every"]),
        |f| f.tags = tags(&["os"]),
        |f| f.created_from = Some(time(NOW - 10_000_000)),
        |f| {
            f.created_from = Some(time(NOW - 50_000_000));
            f.created_before = Some(time(NOW - 40_000_000));
        },
        |f| f.min_size_bytes = Some(0),
        |f| (f.min_size_bytes, f.max_size_bytes) = (Some(300), Some(500)),
        |f| f.min_size_bytes = Some(u64::MAX),
        |f| f.max_size_bytes = Some(u64::MAX),
        |f| {
            f.task = Some(glob("task-7"));
            f.spec = Some(glob("spec-1"));
            f.types = types(&["custom:odd"]);
            f.name = Some(glob("*é7.txt"));
        },
        |f| {
            f.task = Some(glob("task-7"));
            f.types = types(&["custom:odd"]);
            f.name = Some(glob("0/é7.txt"));
        },
        |f| {
            f.spec = Some(glob("spec-0"));
            f.types = types(&["log", "diff"]);
            f.tags = tags(&["every"]);
            f.name = Some(glob("*.txt"));
            f.created_from = Some(time(NOW - 90_000_000));
        },
    ];
    let of = |change: Change| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    changes.into_iter().map(of).collect()
}

fn variants(filter: &Filter) -> Vec<Query> {
    let states: [&[State]; 6] = [
        &[State::Active, State::Archived],
        &[State::Active],
        &[State::Archived, State::Archived],
        &[State::Uploading],
        &[State::Deleted, State::Active],
        &State::ALL,
    ];
    let mut queries = Vec::new();
    for states in states {
        for versions in [Versions::Newest, Versions::All] {
            for order in [Order::Created, Order::Size, Order::Name] {
                let filter = Filter {
                    states: states.to_vec(),
                    versions,
                    ..filter.clone()
                };
                queries.push(Query {
                    order,
                    limit: PageSize::new(20).unwrap(),
                    ..Query::new(filter, time(NOW))
                });
            }
        }
    }
    queries
}

/// Asks for two pages and compares each with the domain's own answer.
fn compare(
    connection: &Connection,
    records: &[ArtifactRecord],
    query: &Query,
    few: usize,
) -> usize {
    let mut query = query.clone();
    let mut seen = 0;
    for _ in 0..2 {
        let page = search::page(connection, &query, few).unwrap();
        assert_eq!(page.items, expected(records, &query), "{query:?}");
        seen += page.items.len();
        let Some(next) = page.next else { break };
        let last = page.items.last().unwrap();
        assert_eq!(next, Cursor::after(last, query.order));
        query.cursor = Some(next);
    }
    seen
}

/// Whether records are sorted or walked in order, the answer is that of the domain.
#[test]
fn every_way_gives_what_the_domain_says() {
    let (connection, records) = index(300);
    for few in [SOME, FEW] {
        let mut seen = 0;
        for filter in filters() {
            for query in variants(&filter) {
                seen += compare(&connection, &records, &query, few);
            }
        }
        assert!(seen > 5_000, "the filters select hardly anything: {seen}");
    }
}

fn explain(connection: &Connection, query: &Query, few: usize) -> String {
    let Plan { sql, .. } = plan(connection, query, 21, few).unwrap().unwrap();
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {}", sql.sql))
        .unwrap();
    let lines = statement
        .query_map(params_from_iter(&sql.params), |row| row.get::<_, String>(3))
        .unwrap();
    lines
        .map(|line| line.unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What a walk costs must follow from what it gives: it looks its records up, or takes them in the
/// order asked for, and never reads a table from end to end or sorts what is many.
#[test]
fn hot_queries_walk_their_index() {
    let (connection, _) = index(2_000);
    let newest_of_type = query(|f| f.types = types(&["log"]));
    let cases = [
        (newest_of_type.clone(), "artifact_type (type=?)"),
        (
            Query {
                cursor: Some(
                    "c~1700000000000000~018bcfe5-6800-7101-8101-010101010101"
                        .parse()
                        .unwrap(),
                ),
                ..newest_of_type
            },
            "artifact_type (type=? AND created_at<?)",
        ),
        (
            query(|f| f.spec = Some(glob("spec-1"))),
            "artifact_spec (spec=?)",
        ),
        (
            query(|f| f.tags = tags(&["os=linux", "every="])),
            "SEARCH t USING PRIMARY KEY (key=? AND value=?)",
        ),
        (
            query(|f| f.types = types(&["log", "diff"])),
            "MERGE (UNION ALL)",
        ),
        (
            query(|f| (f.spec, f.types) = (Some(glob("spec-1")), types(&["log"]))),
            "artifact_group (spec=? AND type=?)",
        ),
        (
            query(|f| {
                (f.spec, f.types) = (Some(glob("spec-1")), types(&["log"]));
                (f.expiry, f.versions) = (Expiry::Ends, Versions::All);
                f.created_from = Some(time(NOW - 96_000_000));
            }),
            "artifact_group (spec=? AND type=? AND created_at>?)",
        ),
        (
            query(|f| {
                (f.spec, f.types) = (Some(glob("spec-1")), types(&["log"]));
                (f.expiry, f.versions) = (Expiry::Never, Versions::All);
            }),
            "artifact_unending (spec=? AND type=?)",
        ),
        (
            query(|f| f.created_from = Some(time(NOW - 96_000_000))),
            "artifact_created (created_at>?)",
        ),
    ];
    for (query, expected) in cases {
        let plan = explain(&connection, &query, SOME);
        assert!(plan.contains(expected), "{plan}");
        assert!(
            !plan.contains("SCAN a") && !plan.contains("SCAN t"),
            "{plan}"
        );
        let sorts = plan.replace("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "");
        assert!(!sorts.contains("TEMP B-TREE"), "{plan}");
    }
    // Few records are looked up and sorted.
    for (query, expected) in [
        (
            query(|f| f.task = Some(glob("task-7"))),
            "artifact_coordinate (task=?)",
        ),
        (
            query(|f| {
                f.task = Some(glob("task-7"));
                f.spec = Some(glob("spec-1"));
                f.types = types(&["custom:odd"]);
                f.name = Some(glob("0/é7.txt"));
            }),
            "artifact_coordinate (task=? AND spec=? AND type=? AND name=?)",
        ),
        (
            query(|f| f.tags = tags(&["every", "run=19"])),
            "SEARCH t USING PRIMARY KEY (key=? AND value=?)",
        ),
        (
            query(|f| f.name = Some(glob("3/é3*"))),
            "artifact_name (name>? AND name<?)",
        ),
        (
            query(|f| f.min_size_bytes = Some(1_200)),
            "artifact_size (size_bytes>?)",
        ),
    ] {
        let plan = explain(&connection, &query, FEW);
        assert!(plan.contains(expected), "{plan}");
        assert!(
            !plan.contains("SCAN a") && !plan.contains("SCAN t"),
            "{plan}"
        );
    }
}

/// The entries of an index of all states may all be of other states than those asked for, so that
/// no limit would end their counting if it read the records.
#[test]
fn what_is_of_another_state_is_not_read_to_be_counted() {
    let (connection, _) = index(50);
    let narrow = query(|f| {
        f.task = Some(glob("task-7"));
        f.tags = tags(&["os=linux", "every="]);
    });
    for class in [StateClass::Live, StateClass::Uploading, StateClass::Deleted] {
        let ways = candidates(&narrow, class);
        assert_eq!(ways.len(), 3);
        for way in ways {
            let sql = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {}", way.entries.sql);
            let plan: String = connection
                .query_row(&sql, params_from_iter(&way.entries.params), |row| {
                    row.get(3)
                })
                .unwrap();
            let from_index = [
                "COVERING INDEX artifact_coordinate",
                "SEARCH t USING PRIMARY KEY",
            ];
            assert!(from_index.iter().any(|one| plan.contains(one)), "{plan}");
        }
    }
}

/// Only these walk a whole index, in its order, since nothing narrows them down.
#[test]
fn an_order_without_conditions_is_walked_without_sorting() {
    let (connection, _) = index(50);
    for (order, index) in [
        (Order::Created, "artifact_created"),
        (Order::Size, "artifact_size"),
        (Order::Name, "artifact_name"),
    ] {
        let plan = explain(
            &connection,
            &Query {
                order,
                ..query(|_| {})
            },
            SOME,
        );
        assert!(
            plan.contains(&format!("SCAN a USING INDEX {index}")),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn lookups_use_a_unique_index() {
    let (connection, records) = index(1);
    for (what, condition, index) in [
        ("id", "a.id = x''", "artifact_id (id=?)"),
        (
            "coordinate",
            "a.task = '' AND a.spec = '' AND a.type = '' AND a.name = '' AND a.version = 1",
            "artifact_coordinate (task=? AND spec=? AND type=? AND name=? AND version=?)",
        ),
    ] {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM artifact AS a WHERE {condition}");
        let plan: String = connection.query_row(&sql, (), |row| row.get(3)).unwrap();
        assert!(plan.contains(index), "{what}: {plan}");
    }
    assert_eq!(records.len(), 1);
}
