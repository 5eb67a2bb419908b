//! What every form of output tells of a comparison, and how names and numbers are written. Prints
//! nothing.

use artifact_api::{ComparedArtifact, ComparedTest, SizeChange, TestSums};
use indicatif::HumanBytes;

/// The first so many of something, and how many there are.
pub(super) struct First<T> {
    kept: Vec<T>,
    most: usize,
    all: usize,
}

impl<T> First<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            kept: Vec::new(),
            most,
            all: 0,
        }
    }

    pub(super) fn add(&mut self, one: T) {
        if self.count() {
            self.kept.push(one);
        }
    }

    /// Counts one that is not kept; says whether it is among the first.
    pub(super) fn count(&mut self) -> bool {
        self.all += 1;
        self.all <= self.most
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.kept.iter()
    }

    pub(super) fn all(&self) -> usize {
        self.all
    }

    /// How many there are beyond the first.
    pub(super) fn more(&self) -> usize {
        self.all.saturating_sub(self.most)
    }
}

/// What a list of tests lists, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    NewlyFailing,
    StillFailing,
    Fixed,
    Gone,
    Skipped,
    New,
    Flaky,
    Slower,
}

impl List {
    /// Every list.
    pub(super) const ALL: [Self; 8] = [
        Self::NewlyFailing,
        Self::StillFailing,
        Self::Fixed,
        Self::Gone,
        Self::Skipped,
        Self::New,
        Self::Flaky,
        Self::Slower,
    ];

    /// Its name, as a person reads it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NewlyFailing => "newly failing",
            Self::StillFailing => "still failing",
            Self::Fixed => "fixed",
            Self::Gone => "gone",
            Self::Skipped => "skipped",
            Self::New => "new",
            Self::Flaky => "flaky",
            Self::Slower => "slower",
        }
    }

    /// Whether a test is in it.
    pub(super) fn has(self, test: &ComparedTest) -> bool {
        match self {
            Self::Flaky => test.flaky,
            Self::Slower => test.slower.is_some(),
            _ => test.change == self.name().replace(' ', "-"),
        }
    }

    /// How many tests are in it.
    pub(super) fn count(self, sums: &TestSums) -> u64 {
        match self {
            Self::NewlyFailing => sums.newly_failing,
            Self::StillFailing => sums.still_failing,
            Self::Fixed => sums.fixed,
            Self::Gone => sums.gone,
            Self::Skipped => sums.skipped,
            Self::New => sums.new,
            Self::Flaky => sums.flaky,
            Self::Slower => sums.slower,
        }
    }
}

/// What a person wants to know of a test in this list, beside its name.
pub(super) fn detail(list: List, test: &ComparedTest) -> String {
    let seconds = |run: &Option<artifact_api::TestRun>| run.as_ref().and_then(|run| run.seconds);
    match list {
        List::NewlyFailing | List::StillFailing => {
            test.message.as_deref().map(printable).unwrap_or_default()
        }
        List::Slower => {
            let (before, now) = (seconds(&test.baseline), seconds(&test.current));
            let times = test.slower.unwrap_or_default();
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
pub(super) fn address(artifact: &ComparedArtifact) -> String {
    format!("{}/{}", artifact.artifact_type, artifact.name)
}

/// A difference of sizes: `+5 B`.
pub(super) fn signed_bytes(sizes: SizeChange) -> String {
    let difference = sizes.size_difference_bytes;
    let sign = match difference {
        0 => "±",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", HumanBytes(difference.unsigned_abs()))
}

/// A difference of sizes in percent: `+50.0 %`; nothing where there was nothing before.
pub(super) fn signed_percent(sizes: SizeChange) -> String {
    sizes
        .size_difference_percent
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
        let sizes = |difference: i64, percent| SizeChange {
            size_difference_bytes: difference,
            size_difference_percent: percent,
            size_increased: difference > 0,
        };
        assert_eq!(signed_bytes(sizes(5, None)), "+5 B");
        assert_eq!(signed_bytes(sizes(-5, None)), "-5 B");
        assert_eq!(signed_bytes(sizes(0, None)), "±0 B");
        assert_eq!(signed_percent(sizes(5, Some(50.0))), "+50.0 %");
        assert_eq!(signed_percent(sizes(15, None)), "");
        assert_eq!(
            (points(Some(-0.5)), points(None)),
            ("-0.50".into(), "-".into())
        );
    }
}
