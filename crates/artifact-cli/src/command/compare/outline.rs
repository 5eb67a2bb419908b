//! What a comparison has shown, as every form of output tells it, and how names and numbers are
//! written. Prints nothing.

use artifact_app::{ArtifactComparison, Breach, Compared, Sizes, TaskRef, TestList};
use artifact_reports::{ComparedFile, ComparedTest, SlowerRule, TestChange};
use indicatif::HumanBytes;

/// What a comparison has shown.
pub(super) struct Outline<'a> {
    pub(super) baseline: &'a TaskRef,
    pub(super) current: &'a TaskRef,
    pub(super) compared: &'a Compared,
    pub(super) breaches: Vec<Breach>,
    pub(super) rule: SlowerRule,
}

impl Outline<'_> {
    /// The tests of one list.
    pub(super) fn tests(&self, list: TestList) -> impl Iterator<Item = ComparedTest<'_>> {
        self.compared.tests(list, self.rule)
    }

    /// The files whose coverage differs.
    pub(super) fn files(&self) -> impl Iterator<Item = ComparedFile<'_>> {
        self.compared.files()
    }
}

/// What a person wants to know of a test in this list, beside its name.
pub(super) fn detail(list: TestList, test: &ComparedTest<'_>, rule: SlowerRule) -> String {
    let seconds = |run: Option<artifact_reports::TestRun>| run.and_then(|run| run.seconds);
    match list {
        TestList::Change(TestChange::NewlyFailing | TestChange::StillFailing) => {
            test.message.map(printable).unwrap_or_default()
        }
        TestList::Slower => {
            let (before, now) = (seconds(test.baseline), seconds(test.current));
            let times = test.slower(rule).unwrap_or_default();
            format!(
                "{:.2} s → {:.2} s, {times:.1} times as long",
                before.unwrap_or_default(),
                now.unwrap_or_default()
            )
        }
        _ => String::new(),
    }
}

/// `TYPE/NAME` of an artifact.
pub(super) fn address(artifact: &ArtifactComparison) -> String {
    format!("{}/{}", artifact.artifact_type, artifact.name)
}

/// A difference of sizes: `+5 B`.
pub(super) fn signed_bytes(sizes: Sizes) -> String {
    let difference = sizes.difference_bytes();
    let bytes = u64::try_from(difference.unsigned_abs()).unwrap_or(u64::MAX);
    let sign = match difference {
        0 => "±",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", HumanBytes(bytes))
}

/// A difference of sizes in percent: `+50.0 %`; nothing where there was nothing before.
pub(super) fn signed_percent(sizes: Sizes) -> String {
    sizes
        .difference_percent()
        .map(|percent| format!("{percent:+.1} %"))
        .unwrap_or_default()
}

/// A part in percent: `93.75 %`.
pub(super) fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "-".to_owned(), |part| format!("{part:.2} %"))
}

/// A difference in percent points: `-0.50`.
pub(super) fn points(change: Option<f64>) -> String {
    change.map_or_else(|| "-".to_owned(), |change| format!("{change:+.2}"))
}

/// The longest text that is printed of one name or message, in characters.
const PRINTED_CHARS: usize = 200;

/// A text that somebody made up, fit for a terminal and a page: without what would control them, and
/// not too long.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (count, letter) in text.chars().enumerate() {
        if count == PRINTED_CHARS {
            shown.push('…');
            break;
        }
        let turns = matches!(letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}');
        if letter.is_control() || turns {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_control_a_terminal_is_written_out() {
        assert_eq!(
            printable("a\x1b[31m\nb\u{202e}c"),
            "a\\u{1b}[31m\\u{a}b\\u{202e}c"
        );
        assert_eq!(printable("größe → 日本"), "größe → 日本");
        assert_eq!(
            printable(&"x".repeat(500)).chars().count(),
            PRINTED_CHARS + 1
        );
    }

    #[test]
    fn differences_have_signs() {
        let sizes = |baseline_bytes, current_bytes| Sizes {
            baseline_bytes,
            current_bytes,
        };
        assert_eq!(signed_bytes(sizes(10, 15)), "+5 B");
        assert_eq!(signed_bytes(sizes(15, 10)), "-5 B");
        assert_eq!(signed_bytes(sizes(10, 10)), "±0 B");
        assert_eq!(signed_percent(sizes(10, 15)), "+50.0 %");
        assert_eq!(signed_percent(sizes(0, 15)), "");
        assert_eq!(
            (points(Some(-0.5)), points(None)),
            ("-0.50".into(), "-".into())
        );
    }
}
