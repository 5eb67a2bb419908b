//! Pairs of reports that real tools have written: the seeded changes are found, by name, and nothing
//! else.

use std::fs;
use std::path::Path;

use artifact_reports::{
    Comparison, Covered, Format, Kind, Side, SlowerRule, Standing, TestChange, TestOutcome,
};

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn add(comparison: &mut Comparison, side: Side, name: &str, format: Format) {
    let bytes = sample(name);
    assert_eq!(Format::of(&bytes), Some(format), "{name}");
    comparison
        .read(side, format, &bytes[..])
        .unwrap_or_else(|why| panic!("{name}: {why}"));
}

fn pair(name: &str, format: Format) -> Comparison {
    let mut comparison = Comparison::new();
    add(
        &mut comparison,
        Side::Baseline,
        &format!("before.{name}"),
        format,
    );
    add(
        &mut comparison,
        Side::Current,
        &format!("after.{name}"),
        format,
    );
    assert_eq!(comparison.standing(format.kind()), Standing::Known);
    comparison
}

/// What became of every test that is not as it was.
fn changes(comparison: &Comparison) -> Vec<(&str, &str)> {
    comparison
        .tests()
        .filter(|test| test.change != TestChange::Unchanged)
        .map(|test| (test.change.as_str(), test.id))
        .collect()
}

#[test]
fn nextest() {
    let comparison = pair("nextest.xml", Format::Junit);
    assert_eq!(
        changes(&comparison),
        [
            (
                "newly-failing",
                "artifact-reports coverage::tests::reports_of_one_file_are_merged_line_by_line"
            ),
            (
                "fixed",
                "artifact-reports test_runs::tests::times_are_taken_in_every_dress"
            ),
            ("new", "artifact-reports text::tests::long_names_differ"),
            (
                "gone",
                "artifact-reports text::tests::long_names_stay_different"
            ),
            (
                "gone",
                "artifact-reports text::tests::messages_are_one_short_line"
            ),
        ]
    );
    let failing = comparison.tests().find_map(|test| test.message);
    assert!(failing.is_some_and(|message| message.contains("panicked at")));
    assert_eq!(comparison.test_counts(Side::Current).total, 6);
}

#[test]
fn cargo_test() {
    let comparison = pair("cargo-test.txt", Format::Libtest);
    assert_eq!(
        changes(&comparison),
        [
            (
                "newly-failing",
                "artifact_reports coverage::tests::reports_of_one_file_are_merged_line_by_line"
            ),
            (
                "fixed",
                "artifact_reports test_runs::tests::times_are_taken_in_every_dress"
            ),
            ("new", "artifact_reports text::tests::long_names_differ"),
            (
                "gone",
                "artifact_reports text::tests::long_names_stay_different"
            ),
            (
                "skipped",
                "artifact_reports text::tests::messages_are_one_short_line"
            ),
        ]
    );
}

#[test]
fn pytest() {
    let comparison = pair("pytest.xml", Format::Junit);
    assert_eq!(
        changes(&comparison),
        [
            ("new", "tests.test_cart test_comes"),
            ("gone", "tests.test_cart test_goes"),
            ("skipped", "tests.test_cart test_mail"),
            ("newly-failing", "tests.test_cart test_total"),
            ("fixed", "tests.test_cart.TestDiscount test_broken"),
        ]
    );
    let slower: Vec<_> = comparison
        .tests()
        .filter(|test| test.slower(SlowerRule::default()).is_some())
        .map(|test| test.id)
        .collect();
    assert_eq!(slower, ["tests.test_cart test_slow"]);
    let message = comparison.tests().find_map(|test| test.message);
    assert!(
        message.is_some_and(|message| message.contains("a <b> & \"c\"")),
        "{message:?}"
    );
    let xfail = comparison
        .tests()
        .find(|test| test.id.ends_with("test_known_bug"));
    let outcome = xfail.and_then(|test| test.current).map(|run| run.outcome);
    assert_eq!(outcome, Some(TestOutcome::Skipped));
}

#[test]
fn coverage_py() {
    for (name, format) in [("lcov", Format::Lcov), ("cobertura.xml", Format::Cobertura)] {
        let comparison = pair(name, format);
        let part = |covered, total| Covered { covered, total };
        let files: Vec<_> = comparison
            .files()
            .map(|file| {
                let lines = |sums: Option<artifact_reports::CoverageSums>| sums.map(|s| s.lines);
                (file.path, lines(file.baseline), lines(file.current))
            })
            .collect();
        assert_eq!(
            files,
            [
                ("shop/__init__.py", Some(part(0, 0)), Some(part(0, 0))),
                ("shop/cart.py", Some(part(12, 13)), Some(part(14, 16))),
                ("shop/mail.py", Some(part(3, 3)), Some(part(1, 2))),
            ],
            "{name}"
        );
        let [before, now] = Side::BOTH.map(|side| comparison.covered(side));
        assert_eq!(
            (before.lines, now.lines),
            (part(15, 16), part(15, 18)),
            "{name}"
        );
        assert_eq!(
            (before.branches, now.branches),
            (part(6, 6), part(6, 6)),
            "{name}"
        );
        let change = comparison.line_coverage_change().unwrap();
        assert!((change - (-10.416_666)).abs() < 0.001, "{change}");
    }
}

fn findings(comparison: &Comparison) -> Vec<String> {
    let shown = comparison.findings().into_iter().map(|finding| {
        let sign = if finding.appeared() > 0 { '+' } else { '-' };
        format!(
            "{sign} {} {} {} {}:{}",
            finding.tool,
            finding.level.as_str(),
            finding.rule,
            finding.path,
            finding.line.unwrap_or_default()
        )
    });
    shown.collect()
}

#[test]
fn clippy() {
    let comparison = pair("clippy.sarif", Format::Sarif);
    assert_eq!(
        findings(&comparison),
        [
            "- clippy warning clippy::needless_return src/lib.rs:9",
            "+ clippy warning clippy::clone_on_copy src/lib.rs:16",
        ]
    );
    assert_eq!(comparison.finding_counts(Side::Current), [0, 0, 3, 0]);
}

#[test]
fn bandit() {
    assert_eq!(
        findings(&pair("bandit.sarif", Format::Sarif)),
        [
            "+ Bandit warning B301 shop/cart.py:26",
            "+ Bandit note B403 shop/cart.py:1",
            "- Bandit note B101 shop/mail.py:2",
        ]
    );
}

#[test]
fn ruff() {
    assert_eq!(
        findings(&pair("ruff.sarif", Format::Sarif)),
        [
            "+ ruff error S301 /project/shop/cart.py:26",
            "- ruff error S101 /project/shop/mail.py:2",
        ]
    );
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    for (name, format) in [
        ("pytest.xml", Format::Junit),
        ("cargo-test.txt", Format::Libtest),
        ("lcov", Format::Lcov),
        ("cobertura.xml", Format::Cobertura),
        ("clippy.sarif", Format::Sarif),
    ] {
        let plain = sample(&format!("after.{name}"));
        let marked = [&b"\xef\xbb\xbf"[..], &plain].concat();
        assert_eq!(Format::of(&marked), Some(format), "{name}");
        let mut comparison = Comparison::new();
        for (side, bytes) in Side::BOTH.into_iter().zip([&plain, &marked]) {
            comparison.read(side, format, &bytes[..]).unwrap();
        }
        assert!(comparison.tests().all(|test| test.baseline == test.current));
        assert!(comparison.files().all(|file| file.baseline == file.current));
        assert_eq!(comparison.findings().len(), 0);
    }
}

/// Whatever is cut from the end of a real report, it is never taken for fine.
#[test]
fn a_report_that_is_cut_off_anywhere_is_unknown() {
    for (name, format) in [
        ("nextest.xml", Format::Junit),
        ("pytest.xml", Format::Junit),
        ("cargo-test.txt", Format::Libtest),
        ("lcov", Format::Lcov),
        ("cobertura.xml", Format::Cobertura),
        ("clippy.sarif", Format::Sarif),
        ("ruff.sarif", Format::Sarif),
    ] {
        let whole = sample(&format!("after.{name}"));
        // What follows the last test of `cargo test`, or the last line of a report, is no part of it.
        let last = match format {
            Format::Libtest => whole
                .windows(12)
                .rposition(|w| w == b"test result:")
                .unwrap(),
            Format::Lcov => whole.len() - "of_record\n".len(),
            _ => whole.iter().rposition(|byte| b">}".contains(byte)).unwrap(),
        };
        // Seven is prime to every period in them: all kinds of places are hit.
        for end in (0..last).step_by(7) {
            let mut comparison = Comparison::new();
            let before = sample(&format!("before.{name}"));
            comparison
                .read(Side::Baseline, format, &before[..])
                .unwrap();
            let cut = comparison.read(Side::Current, format, &whole[..end]);
            // Of LCOV the end of a record is a good end.
            if format == Format::Lcov && whole[..end].trim_ascii_end().ends_with(b"end_of_record") {
                continue;
            }
            assert!(cut.is_err(), "{name} cut at {end}");
            assert!(matches!(
                comparison.standing(format.kind()),
                Standing::Unknown(_)
            ));
            let kinder = [TestChange::Fixed, TestChange::New, TestChange::Gone];
            assert!(
                comparison
                    .tests()
                    .all(|test| !kinder.contains(&test.change))
            );
            assert_eq!(comparison.files().count(), 0);
            assert!(
                comparison
                    .findings()
                    .iter()
                    .all(|finding| finding.disappeared() == 0)
            );
        }
    }
    assert_eq!(Comparison::new().standing(Kind::Tests), Standing::Absent);
}
