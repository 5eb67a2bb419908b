//! Looking into contents: the order of what is found, what is left out, and what fails.

use crate::world::{World, put, uri};
use artifact_app::{
    Compression, GrepItem, GrepKind, GrepOptions, GrepOutput, GrepReport, GrepScope, Pattern,
    PatternOptions, Store, UploadRequest,
};
use artifact_domain::query::{Filter, Order};
use artifact_domain::{ArtifactUri, Encoding, ErrorKind};
use bytes::Bytes;

fn options(pattern: &str) -> GrepOptions {
    let pattern = Pattern::new(pattern, PatternOptions::default()).unwrap();
    GrepOptions {
        readers: 3,
        ..GrepOptions::new(pattern)
    }
}

/// By name, so that the order is that in which they are written here.
fn everything() -> GrepScope {
    GrepScope::Selected {
        filter: Box::default(),
        order: Order::Name,
        limit: None,
    }
}

/// What was found, `NAME:LINE:TEXT` and `NAME=COUNT` at each end, and the kinds of failures.
async fn grep(
    store: &Store,
    scope: GrepScope,
    options: &GrepOptions,
) -> (Vec<String>, Vec<ErrorKind>, GrepReport) {
    let mut grep = store.grep(scope, options).unwrap();
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    let name = |uri: &ArtifactUri| uri.coordinate().name().as_str().to_owned();
    while let Some(item) = grep.next().await {
        match item.unwrap() {
            GrepItem::Lines(source, lines) => found.extend(lines.iter().map(|line| {
                let mark = if line.kind == GrepKind::Match {
                    ':'
                } else {
                    '-'
                };
                let text = String::from_utf8_lossy(line.text);
                format!("{}{mark}{}{mark}{text}", name(&source.uri), line.number)
            })),
            GrepItem::Ended(source, end) => {
                found.push(format!("{}={}", name(&source.uri), end.matches));
            }
            GrepItem::Failed(error) => failed.push(error.kind()),
            GrepItem::Read(_) => {}
        }
    }
    assert!(grep.next().await.is_none(), "something comes after the end");
    (found, failed, grep.report())
}

async fn found(store: &Store, options: &GrepOptions) -> Vec<String> {
    grep(store, everything(), options).await.0
}

/// Some megabytes of lines, one in a hundred with `hit` in it.
fn long(seed: usize, lines: usize) -> String {
    (0..lines)
        .map(|n| {
            let hit = if (n * 7 + seed).is_multiple_of(100) {
                "hit"
            } else {
                "miss"
            };
            format!(
                "{n:07} {hit} of {seed} {}\n",
                "x".repeat((n * 31 + seed) % 90)
            )
        })
        .collect::<Vec<_>>()
        .concat()
}

fn lines_with(text: &str, name: &str, what: &str) -> Vec<String> {
    let lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| line.contains(what));
    let mut lines: Vec<_> = lines
        .map(|(line, n)| format!("{name}:{n}:{line}"))
        .collect();
    lines.push(format!("{name}={}", lines.len()));
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_comes_in_order_however_many_read() {
    let world = World::new();
    let mut expected = Vec::new();
    for (n, lines) in [20_000, 3, 40_000, 0, 500, 9_000, 1, 30_000]
        .into_iter()
        .enumerate()
    {
        let (name, text) = (format!("{n}.log"), long(n, lines));
        let compression = if n % 3 == 2 {
            Compression::Off
        } else {
            Compression::AsConfigured
        };
        let request = UploadRequest {
            compression,
            ..crate::world::request(&name)
        };
        let record = world.store.upload(request, Bytes::from(text.clone())).await;
        let encoding = record.unwrap().content.unwrap().encoding;
        assert!(n % 3 != 2 || encoding == Encoding::Identity);
        expected.extend(lines_with(&text, &name, "hit"));
    }
    assert!(expected.len() > 900);
    for readers in [1, 2, 5, 40] {
        let options = GrepOptions {
            readers,
            ..options("hit")
        };
        let (found, failed, report) = grep(&world.store, everything(), &options).await;
        assert!(found == expected, "{readers} readers");
        assert_eq!(failed, []);
        assert_eq!(
            (report.artifacts, report.matches),
            (8, expected.len() as u64 - 8)
        );
        assert!(!report.is_cut_short && report.left_out_artifacts == 0);
    }
    world.assert_tidy();
}

#[tokio::test]
async fn the_scope_says_where_to_look_and_in_which_order() {
    let world = World::new();
    put(&world.store, "a", "hit 1\n").await;
    let older = put(&world.store, "b", "hit 2\n").await;
    world.clock.advance(std::time::Duration::from_secs(1));
    put(&world.store, "c", "hit 3").await;
    let these = |names: &[&str]| GrepScope::These(names.iter().map(|name| uri(name)).collect());
    let (found, failed, _) = grep(&world.store, these(&["c", "none", "a"]), &options("hit")).await;
    assert_eq!(found, ["c:1:hit 3", "c=1", "a:1:hit 1", "a=1"]);
    assert_eq!(failed, [ErrorKind::NotFound]);
    let by_id = GrepScope::These(vec![older.id.into()]);
    let mut by_id = world.store.grep(by_id, &options("hit")).unwrap();
    let mut uris = Vec::new();
    while let Some(item) = by_id.next().await {
        if let GrepItem::Lines(source, _) = item.unwrap() {
            uris.push(source.uri.clone());
        }
    }
    assert_eq!(uris, [older.version_uri()]);

    let newest = |limit| GrepScope::Selected {
        filter: Box::new(Filter {
            name: Some("[abc]".parse().unwrap()),
            ..Filter::default()
        }),
        order: Order::Created,
        limit,
    };
    let (found, ..) = grep(&world.store, newest(Some(1)), &options("hit")).await;
    assert_eq!(found, ["c:1:hit 3", "c=1"]);
    let (found, ..) = grep(&world.store, newest(Some(2)), &options("hit")).await;
    assert_eq!(found.len(), 4);
    // What has no bytes is not looked into.
    let deleted = GrepScope::Selected {
        filter: Box::new(Filter {
            states: vec![artifact_domain::State::Uploading],
            ..Filter::default()
        }),
        order: Order::Name,
        limit: None,
    };
    let (found, failed, _) = grep(&world.store, deleted, &options("hit")).await;
    assert_eq!((found.len(), failed.len()), (0, 0));
}

#[tokio::test]
async fn counts_and_artifacts_are_given_without_lines() {
    let world = World::new();
    put(&world.store, "a", "hit\nhit\nmiss\n").await;
    put(&world.store, "b", "miss\n").await;
    put(&world.store, "c", "hit\n").await;
    let counts = GrepOptions {
        output: GrepOutput::Counts,
        ..options("hit")
    };
    assert_eq!(found(&world.store, &counts).await, ["a=2", "b=0", "c=1"]);
    let artifacts = GrepOptions {
        output: GrepOutput::Artifacts,
        max_total: Some(1),
        ..options("hit")
    };
    let (found_in, _, report) = grep(&world.store, everything(), &artifacts).await;
    assert_eq!(found_in, ["a=1"]);
    assert!(report.is_cut_short);
    let inverted = GrepOptions {
        invert: true,
        ..options("hit")
    };
    assert_eq!(
        found(&world.store, &inverted).await,
        ["a:3:miss", "a=1", "b:1:miss", "b=1", "c=0"]
    );
}

#[tokio::test]
async fn limits_hold_over_all_and_for_each() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        put(&world.store, name, format!("{}\n", "hit\n".repeat(3))).await;
    }
    let each = GrepOptions {
        max_count: Some(2),
        ..options("hit")
    };
    let (lines, _, report) = grep(&world.store, everything(), &each).await;
    assert_eq!(lines.len(), 9);
    assert_eq!((report.matches, report.is_cut_short), (6, false));
    for total in 1..9 {
        let all = GrepOptions {
            max_total: Some(total),
            ..options("hit")
        };
        let (lines, _, report) = grep(&world.store, everything(), &all).await;
        let matches = lines.iter().filter(|line| line.contains(':')).count() as u64;
        assert_eq!((matches, report.matches), (total, total));
        assert!(report.is_cut_short);
    }
    let enough = GrepOptions {
        max_total: Some(10),
        ..options("hit")
    };
    let (_, _, report) = grep(&world.store, everything(), &enough).await;
    assert_eq!((report.matches, report.is_cut_short), (9, false));
}

#[tokio::test]
async fn what_does_not_fit_into_the_bytes_is_left_out_and_counted() {
    let world = World::new();
    for (name, size) in [("a", 100), ("b", 5_000), ("c", 300), ("d", 200)] {
        put(&world.store, name, format!("hit{}", "x".repeat(size - 3))).await;
    }
    let with = |max_bytes| GrepOptions {
        max_bytes: Some(max_bytes),
        output: GrepOutput::Counts,
        ..options("hit")
    };
    for (max_bytes, expected, left_out) in [
        (0, &[][..], (4, 5_600)),
        (99, &[], (4, 5_600)),
        (400, &["a=1", "c=1"], (2, 5_200)),
        (600, &["a=1", "c=1", "d=1"], (1, 5_000)),
        (5_100, &["a=1", "b=1"], (2, 500)),
        (5_600, &["a=1", "b=1", "c=1", "d=1"], (0, 0)),
    ] {
        let (found, _, report) = grep(&world.store, everything(), &with(max_bytes)).await;
        assert_eq!(found, expected, "{max_bytes}");
        assert_eq!((report.left_out_artifacts, report.left_out_bytes), left_out);
    }
}

#[tokio::test]
async fn what_is_no_text_is_counted() {
    let world = World::new();
    put(&world.store, "a.bin", &b"\x7fELF\0\0hit\n"[..]).await;
    put(&world.store, "b.log", "hit\n").await;
    let utf16: Vec<u8> = "\u{feff}hit é\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    put(&world.store, "c.txt", utf16).await;
    let (found_in, _, report) = grep(&world.store, everything(), &options("hit")).await;
    assert_eq!(
        found_in,
        [
            "a.bin=0",
            "b.log:1:hit",
            "b.log=1",
            "c.txt:1:hit é",
            "c.txt=1"
        ]
    );
    assert_eq!((report.artifacts, report.binary_artifacts), (3, 1));
    let as_text = GrepOptions {
        binary_as_text: true,
        output: GrepOutput::Counts,
        ..options("hit")
    };
    assert_eq!(
        found(&world.store, &as_text).await,
        ["a.bin=1", "b.log=1", "c.txt=1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_artifact_fails_and_the_others_are_searched() {
    let world = World::new();
    let text = long(1, 60_000);
    for name in ["a", "b", "c", "d"] {
        put(&world.store, name, text.clone()).await;
    }
    let small = put(&world.store, "e", "hit 5").await;
    assert_eq!(small.content.unwrap().encoding, Encoding::Identity);
    let files = world.blobs.files();
    let path = |name: &str| {
        files
            .keys()
            .find(|path| path.contains(&format!("/{name}@")))
            .unwrap()
    };
    for name in ["b", "e"] {
        let mut bytes = files[path(name)].to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        world.blobs.plant(path(name).clone(), bytes);
    }
    world.blobs.remove(path("c"));
    let (found, failed, report) = grep(&world.store, everything(), &options("hit")).await;
    assert_eq!(failed, [ErrorKind::Integrity; 3]);
    let of = |name: &str| lines_with(&text, name, "hit");
    let from_a = found.iter().filter(|line| line.starts_with('a'));
    assert!(from_a.eq(&of("a")));
    assert!(
        found.ends_with(&of("d")) || found.ends_with(&[of("d"), vec!["e:1:hit 5".into()]].concat())
    );
    // Of the damaged one the lines may come that were read before the damage.
    let from_b: Vec<_> = found.iter().filter(|line| line.starts_with('b')).collect();
    assert!(of("b").iter().take(from_b.len()).eq(from_b.iter().copied()));
    assert!(
        !found
            .iter()
            .any(|line| line.starts_with("b=") || line.starts_with('c'))
    );
    assert_eq!((report.artifacts, report.failed_artifacts), (2, 3));
}

#[tokio::test]
async fn what_is_replaced_meanwhile_is_searched_as_it_is_then() {
    let world = World::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        put(&world.store, name, format!("hit {name}\n")).await;
    }
    let one = GrepOptions {
        readers: 1,
        ..options("hit")
    };
    let mut search = world.store.grep(everything(), &one).unwrap();
    assert!(matches!(search.next().await, Some(Ok(_))));
    // By now they are found, but only the first are opened.
    put(&world.store, "e", "another hit\n").await;
    world.store.delete(&uri("f")).await.unwrap();
    let mut of_e = Vec::new();
    while let Some(item) = search.next().await {
        match item.unwrap() {
            GrepItem::Lines(source, lines) if source.uri.to_string().ends_with("/e") => {
                of_e.extend(lines.iter().map(|line| line.text.to_vec()));
            }
            GrepItem::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    assert_eq!(of_e, [b"another hit"]);
    let report = search.report();
    assert_eq!((report.artifacts, report.gone_artifacts), (5, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_left_keeps_nothing_at_work() {
    let world = World::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        put(&world.store, name, long(3, 40_000)).await;
    }
    let all = options("");
    let mut search = world.store.grep(everything(), &all).unwrap();
    assert!(matches!(search.next().await, Some(Ok(_))));
    drop(search);
    // The runtime waits for its blocking threads when it ends: one that goes on would hang here.
}

#[tokio::test]
async fn there_is_a_limit_to_context() {
    let world = World::new();
    let wide = GrepOptions {
        output: GrepOutput::Lines {
            before: 501,
            after: 0,
            submatches: false,
        },
        ..options("hit")
    };
    let error = world.store.grep(everything(), &wide).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
