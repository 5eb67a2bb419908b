//! Comparing two tasks: what was added, removed, changed or stayed, and how the sizes differ.

use std::collections::BTreeMap;

use artifact_app::{
    ArtifactComparison, Body, CompareItem, CompareRequest, CompareTotals, Compared, Difference,
    FailOn, ReportState, Sizes, TaskRef, UploadRequest,
};
use artifact_domain::{ErrorKind, Result};
use artifact_reports::{Kind, SlowerRule, Standing, TestChange};
use artifact_testkit::sample;
use bytes::Bytes;
use proptest::prelude::*;

use crate::world::World;

fn task(task: &str) -> TaskRef {
    let at = sample::coordinate("demo", task, "log", "x");
    TaskRef {
        spec: at.spec().clone(),
        task: at.task().clone(),
    }
}

fn request() -> CompareRequest {
    CompareRequest {
        baseline: task("old"),
        current: task("new"),
        types: Vec::new(),
        name: None,
        allow_fewer_reports: false,
    }
}

async fn put(world: &World, task: &str, artifact_type: &str, name: &str, bytes: impl Into<Bytes>) {
    let at = sample::coordinate("demo", task, artifact_type, name);
    let request = UploadRequest::new(at);
    let body = Body::Bytes(bytes.into());
    world.store.upload(request, body).await.unwrap();
}

async fn compare(
    world: &World,
    request: CompareRequest,
) -> Result<(Vec<ArtifactComparison>, CompareTotals)> {
    let (seen, compared) = items(world, request).await?;
    let artifacts = seen.into_iter().filter_map(|item| match item {
        CompareItem::Artifact(artifact) => Some(artifact),
        CompareItem::Report(_) => None,
    });
    Ok((artifacts.collect(), compared.totals))
}

async fn items(world: &World, request: CompareRequest) -> Result<(Vec<CompareItem>, Compared)> {
    let mut seen = Vec::new();
    let observe = |item| seen.push(item);
    let compared = world.store.compare(request, observe).await?;
    Ok((seen, compared))
}

#[tokio::test]
async fn every_change_is_told_by_name_and_type() {
    let world = World::new();
    for (task, artifact_type, name, bytes) in [
        ("old", "log", "a", "same"),
        ("new", "log", "a", "same"),
        ("old", "data", "a", "0123456789"),
        ("new", "data", "a", "0123456789abcde"),
        ("old", "log", "gone", "12345"),
        ("new", "log", "come", "123"),
        ("old", "log", "moved", "12"),
        ("new", "data", "moved", "12"),
        ("other", "log", "other", "1234567"),
    ] {
        put(&world, task, artifact_type, name, bytes).await;
    }
    let (seen, totals) = compare(&world, request()).await.unwrap();
    let seen: Vec<_> = seen
        .iter()
        .map(|artifact| {
            let sizes = artifact.sizes();
            (
                artifact.name.as_str(),
                artifact.artifact_type.to_string(),
                artifact.change(),
                sizes.baseline_bytes,
                sizes.current_bytes,
            )
        })
        .collect();
    let row = |name, artifact_type: &str, change, old, new| {
        (name, artifact_type.to_owned(), change, old, new)
    };
    assert_eq!(
        seen,
        [
            row("a", "log", Difference::Same, 4, 4),
            row("a", "data", Difference::Changed, 10, 15),
            row("come", "log", Difference::Added, 0, 3),
            row("gone", "log", Difference::Removed, 5, 0),
            row("moved", "log", Difference::Removed, 2, 0),
            row("moved", "data", Difference::Added, 0, 2),
        ]
    );
    let sizes = Sizes {
        baseline_bytes: 21,
        current_bytes: 24,
    };
    let expected = CompareTotals {
        added: 2,
        removed: 2,
        changed: 1,
        same: 1,
        sizes,
    };
    assert_eq!(totals, expected);
}

#[tokio::test]
async fn a_task_without_anything_is_named() {
    let world = World::new();
    put(&world, "old", "log", "a", "1").await;
    let error = compare(&world, request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.message().contains("the current task `new`"),
        "{error}"
    );
    let turned = CompareRequest {
        baseline: task("new"),
        current: task("old"),
        ..request()
    };
    let error = compare(&world, turned).await.unwrap_err();
    assert!(
        error.message().contains("the baseline task `new`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_selection_that_one_task_lacks_is_no_error() {
    let world = World::new();
    put(&world, "old", "log", "a", "1").await;
    put(&world, "new", "log", "a", "1").await;
    put(&world, "new", "data", "b.json", "22").await;
    let mut only_data = request();
    only_data.types = vec!["data".parse().unwrap()];
    let (_, totals) = compare(&world, only_data).await.unwrap();
    assert_eq!((totals.added, totals.same), (1, 0));
    let mut by_name = request();
    by_name.name = Some("a*".parse().unwrap());
    let (_, totals) = compare(&world, by_name).await.unwrap();
    assert_eq!((totals.added, totals.same), (0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever two tasks have, over several pages, the answer is that of two maps.
    #[test]
    fn two_tasks_are_joined_as_maps_are(
        old in proptest::collection::btree_map((0_u16..300, 0_u8..3), 0_usize..4, 0..260),
        new in proptest::collection::btree_map((0_u16..300, 0_u8..3), 0_usize..4, 0..260),
    ) {
        prop_assume!(!old.is_empty() && !new.is_empty());
        let types = ["log", "data", "custom:x"];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (seen, totals) = runtime.block_on(async {
            let world = World::new();
            for (task, stored) in [("old", &old), ("new", &new)] {
                for ((name, of), size) in stored {
                    let bytes = vec![b'x'; *size];
                    put(&world, task, types[usize::from(*of)], &format!("n{name}"), bytes).await;
                }
            }
            compare(&world, request()).await.unwrap()
        });
        let mut expected = BTreeMap::new();
        for key in old.keys().chain(new.keys()) {
            let change = match (old.get(key), new.get(key)) {
                (None, _) => Difference::Added,
                (_, None) => Difference::Removed,
                (old, new) if old == new => Difference::Same,
                _ => Difference::Changed,
            };
            expected.insert((format!("n{}", key.0), types[usize::from(key.1)].to_owned()), change);
        }
        let count = |wanted| expected.values().filter(|change| **change == wanted).count() as u64;
        prop_assert_eq!(totals.added, count(Difference::Added));
        prop_assert_eq!(totals.same, count(Difference::Same));
        prop_assert_eq!(seen.len(), expected.len());
        for artifact in seen {
            let key = (artifact.name.as_str().to_owned(), artifact.artifact_type.to_string());
            prop_assert_eq!(expected.remove(&key), Some(artifact.change()));
        }
    }
}

const PASSING: &str = "<testsuite name='s'><testcase name='a'/></testsuite>";
const FAILING: &str =
    "<testsuite name='s' failures='1'><testcase name='a'><failure/></testcase></testsuite>";

/// What is said of each report, and of the tests.
async fn reports(world: &World) -> (Vec<String>, Compared) {
    let (seen, compared) = items(world, request()).await.unwrap();
    let reports = seen.into_iter().filter_map(|item| match item {
        CompareItem::Report(report) => {
            let state = match report.state {
                ReportState::Read(format) => format.as_str().to_owned(),
                ReportState::Other => "other".to_owned(),
                ReportState::Unreadable { kind, why } => format!("{}: {why}", kind.as_str()),
            };
            let name = report.uri.coordinate().name().to_string();
            Some(format!("{} {name} {state}", report.side.as_str()))
        }
        CompareItem::Artifact(_) => None,
    });
    (reports.collect(), compared)
}

#[tokio::test]
async fn reports_are_read_by_their_content() {
    let world = World::new();
    put(&world, "old", "test-results", "a.xml", PASSING).await;
    put(&world, "new", "test-results", "a.xml", FAILING).await;
    put(&world, "old", "test-results", "page.html", "<html></html>").await;
    put(&world, "new", "test-results", "page.html", "<html></html>").await;
    put(&world, "new", "data", "no-report.xml", FAILING).await;
    let (seen, compared) = reports(&world).await;
    assert_eq!(
        seen,
        [
            "baseline a.xml junit",
            "current a.xml junit",
            "baseline page.html other",
            "current page.html other",
        ]
    );
    assert_eq!(compared.reports.standing(Kind::Tests), Standing::Known);
    let changes: Vec<_> = compared.reports.tests().map(|test| test.change).collect();
    assert_eq!(changes, [TestChange::NewlyFailing]);
    let why = FailOn::NewFailures.judge(&compared, SlowerRule::default());
    assert_eq!(why.as_deref(), Some("1 test fails newly"));
}

#[tokio::test]
async fn what_should_be_a_report_and_is_none_is_unknown() {
    for (name, bytes, expected) in [
        (
            "a.xml",
            "",
            "current a.xml tests: it is in no format that can be read",
        ),
        (
            "a.xml",
            "oops",
            "current a.xml tests: it is in no format that can be read",
        ),
        (
            "a.xml",
            &PASSING[..40],
            "current a.xml tests: it is cut off",
        ),
        (
            "a.txt",
            "Killed",
            "current a.txt tests: it is in no format that can be read",
        ),
    ] {
        let world = World::new();
        put(&world, "old", "test-results", name, PASSING).await;
        put(&world, "new", "test-results", name, bytes).await;
        let (seen, compared) = reports(&world).await;
        assert_eq!(seen[1], expected);
        let standing = compared.reports.standing(Kind::Tests);
        assert!(matches!(standing, Standing::Unknown(_)), "{standing:?}");
        for condition in [FailOn::NewFailures, FailOn::Unknown] {
            let why = condition.judge(&compared, SlowerRule::default()).unwrap();
            assert!(
                why.contains("1 report of the current cannot be read"),
                "{why}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_report_is_unknown_unless_fewer_are_allowed() {
    let world = World::new();
    put(&world, "old", "test-results", "a.xml", PASSING).await;
    put(&world, "old", "test-results", "b.xml", PASSING).await;
    put(&world, "new", "test-results", "a.xml", PASSING).await;
    let (_, compared) = reports(&world).await;
    let why = FailOn::NewFailures.judge(&compared, SlowerRule::default());
    let expected = "tests unknown: the current has 1 report fewer than the baseline";
    assert_eq!(why.as_deref(), Some(expected));
    let mut lenient = request();
    lenient.allow_fewer_reports = true;
    let (_, compared) = items(&world, lenient).await.unwrap();
    assert_eq!(
        FailOn::NewFailures.judge(&compared, SlowerRule::default()),
        None
    );
}

#[tokio::test]
async fn damaged_bytes_make_a_report_unknown() {
    let world = World::new();
    put(&world, "old", "test-results", "a.xml", PASSING).await;
    put(&world, "new", "test-results", "a.xml", PASSING).await;
    let path = world
        .content_paths()
        .into_iter()
        .find(|path| path.contains("/new/"));
    // Sound XML, but not what was uploaded.
    world
        .blobs
        .plant(path.unwrap(), PASSING.replace("'a'", "'b'"));
    let (seen, compared) = reports(&world).await;
    assert!(
        seen[1].starts_with("current a.xml tests: artifact://demo/new/"),
        "{seen:?}"
    );
    assert!(matches!(
        compared.reports.standing(Kind::Tests),
        Standing::Unknown(_)
    ));
}
