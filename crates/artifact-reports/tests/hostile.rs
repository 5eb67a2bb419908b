//! Whatever the bytes are, reading them ends with facts or a reason, in little memory.

use std::io::{self, Read};

use artifact_reports::{Comparison, Format, Kind, Side, Standing};
use proptest::prelude::*;

const FORMATS: [Format; 5] = [
    Format::Junit,
    Format::Libtest,
    Format::Lcov,
    Format::Cobertura,
    Format::Sarif,
];

/// Pieces of every format, so that random texts get somewhere.
const PIECES: [&str; 40] = [
    "<testsuites>",
    "</testsuites>",
    "<testsuite name='s' failures='1'>",
    "</testsuite>",
    "<testcase name='a' time='1'>",
    "</testcase>",
    "<failure message='&#10;'/>",
    "<skipped/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x>",
    "<?xml?>",
    "&amp;",
    "'",
    "\"",
    "<",
    ">",
    "<coverage line-rate='1'>",
    "</coverage>",
    "<class filename='f'>",
    "</class>",
    "<line number='1' hits='1' condition-coverage='50% (1/2)'/>",
    "SF:a\n",
    "DA:1,1\n",
    "BRDA:1,0,0,-\n",
    "end_of_record\n",
    "running 1 test\n",
    "test a ... ok\n",
    "test result: ok. 1 passed; 0 failed\n",
    "{\"runs\":[",
    "{\"tool\":{\"driver\":{\"name\":\"t\"}}",
    ",\"results\":[",
    "{\"ruleId\":\"r\",\"message\":{\"text\":\"m\"}}",
    "]}",
    "}",
    ",",
    "null",
    "\u{0}",
];

fn read_everything(bytes: &[u8]) {
    let _ = Format::of(bytes);
    for format in FORMATS {
        let mut comparison = Comparison::new();
        for side in Side::BOTH {
            let outcome = comparison.read(side, format, bytes);
            assert_eq!(
                comparison.reports(side, format.kind()),
                u64::from(outcome.is_ok())
            );
        }
        let _ =
            comparison.tests().count() + comparison.files().count() + comparison.findings().len();
        let _ = Kind::ALL.map(|kind| comparison.standing(kind));
        // What is the same on both sides has not changed.
        if comparison.standing(format.kind()) == Standing::Known {
            assert_eq!(comparison.findings().len(), 0);
            assert!(comparison.tests().all(|test| test.baseline == test.current));
            assert!(comparison.files().all(|file| file.baseline == file.current));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        read_everything(&bytes);
    }

    #[test]
    fn any_pieces_are_read_without_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        read_everything(text.as_bytes());
    }

    /// How the bytes arrive is of no account.
    #[test]
    fn short_reads_make_no_difference(size in 1_usize..40, which in 0..FORMATS.len()) {
        let name = ["pytest.xml", "cargo-test.txt", "lcov", "cobertura.xml", "clippy.sarif"][which];
        let path = format!("{}/tests/samples/after.{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let mut comparison = Comparison::new();
        comparison.read(Side::Baseline, FORMATS[which], &bytes[..]).unwrap();
        let short = Short { bytes: &bytes, size };
        comparison.read(Side::Current, FORMATS[which], short).unwrap();
        prop_assert!(comparison.tests().all(|test| test.baseline == test.current));
        prop_assert!(comparison.files().all(|file| file.baseline == file.current));
        prop_assert_eq!(comparison.findings().len(), 0);
    }
}

/// Gives a few bytes at a time.
struct Short<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Read for Short<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(buffer.len()).min(self.bytes.len());
        self.bytes.read(&mut buffer[..size])
    }
}

/// A text that is repeated so often, between a beginning and an end, without being in memory.
fn endless(begin: &str, repeated: &str, times: u64, end: &str) -> impl Read {
    let repeated = repeated.repeat(1_000);
    let bytes = repeated.len() as u64 * times / 1_000;
    let middle = Repeat {
        text: repeated.into_bytes(),
        at: 0,
    }
    .take(bytes);
    let [begin, end] = [begin, end].map(|text| io::Cursor::new(text.to_owned()));
    begin.chain(middle).chain(end)
}

struct Repeat {
    text: Vec<u8>,
    at: usize,
}

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = &self.text[self.at..];
        let count = part.len().min(buffer.len());
        buffer[..count].copy_from_slice(&part[..count]);
        self.at = (self.at + count) % self.text.len();
        Ok(count)
    }
}

/// What a report of 8 MB is taken for.
fn outcome(format: Format, begin: &str, repeated: &str, end: &str) -> Result<(), String> {
    let times = (8_000_000 / repeated.len() as u64).max(1_000) / 1_000 * 1_000;
    let report = endless(begin, repeated, times, end);
    let outcome = Comparison::new().read(Side::Current, format, report);
    outcome.map_err(|why| why.to_string())
}

#[test]
fn much_text_between_tags_is_no_obstacle() {
    let begin = "<testsuite name='s'><testcase name='a'><system-out>";
    let end = "</system-out></testcase></testsuite>";
    assert_eq!(
        outcome(Format::Junit, begin, "much to say &nonsense; \u{1}", end),
        Ok(())
    );
    let (begin, end) = (format!("{begin}<![CDATA["), format!("]]>{end}"));
    assert_eq!(outcome(Format::Junit, &begin, "<a b=\"]] >", &end), Ok(()));
}

#[test]
fn many_repetitions_are_no_obstacle() {
    let case = "<testcase name='a' classname='b' time='0.5'/>";
    assert_eq!(
        outcome(Format::Junit, "<testsuite name='s'>", case, "</testsuite>"),
        Ok(())
    );
    assert_eq!(
        outcome(Format::Lcov, "SF:a\n", "DA:7,1\n", "end_of_record\n"),
        Ok(())
    );
    let result = "{\"ruleId\":\"r\",\"message\":{\"text\":\"m\"}},";
    let begin = "{\"runs\":[{\"tool\":{\"driver\":{\"name\":\"t\"}},\"results\":[";
    let end = "{\"ruleId\":\"r\",\"message\":{\"text\":\"m\"}}]}]}";
    assert_eq!(outcome(Format::Sarif, begin, result, end), Ok(()));
}

#[test]
fn what_would_take_much_memory_is_refused() {
    let cases = [
        (Format::Junit, "<testsuite name='", "x", "'/>", "1 MiB"),
        (Format::Junit, "", "<testsuite>", "", "deep"),
        (Format::Junit, "<!-- ", "x", "", "cut off"),
        (
            Format::Junit,
            "<!DOCTYPE x [<!ENTITY a '",
            "x",
            "'>]><testsuite/>",
            "entities",
        ),
        (Format::Cobertura, "<coverage a='", "x", "'/>", "1 MiB"),
        (Format::Lcov, "SF:", "x", "\nend_of_record\n", "too long"),
        (Format::Sarif, "{\"x\":\"", "y", "\"}", "4 MiB"),
        (Format::Sarif, "{\"x\":", "[", "", "deep"),
        (Format::Sarif, "{\"x\":", "7", "}", "number"),
        (Format::Libtest, "running 1 test\n", "x", "", "cut off"),
    ];
    for (format, begin, repeated, end, why) in cases {
        let found = outcome(format, begin, repeated, end).unwrap_err();
        assert!(found.contains(why), "{}: {found}", format.as_str());
    }
}

#[test]
fn more_facts_than_can_be_held_are_refused() {
    let begin = "<testsuite name='s'>".to_owned();
    let cases = (0..400_000).fold(begin, |text, n| text + &format!("<testcase name='{n}'/>"));
    let mut comparison = Comparison::new();
    let outcome = comparison.read(Side::Current, Format::Junit, cases.as_bytes());
    assert!(outcome.unwrap_err().to_string().contains("16 MiB"));
    assert!(matches!(
        comparison.standing(Kind::Tests),
        Standing::Unknown(_)
    ));
}
