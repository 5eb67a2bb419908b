//! What is looked for in a line. Knows no artifact.

use artifact_domain::{Error, Result};
use grep_matcher::{Matcher, NoError};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};

/// How much memory a compiled pattern may take, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How much of a pattern an error shows, in characters.
const SHOWN_CHARS: usize = 60;

/// How a pattern is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PatternOptions {
    /// It stands for itself, and is no regular expression.
    pub fixed: bool,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// It must begin and end at the edge of a word.
    pub words: bool,
}

/// What is looked for in a line: a regular expression of the crate
/// [`regex`](https://docs.rs/regex/latest/regex/#syntax), or a text. It never takes longer than in
/// proportion to what it is looked for in, and never matches across lines.
#[derive(Debug, Clone)]
pub struct Pattern(RegexMatcher);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `InvalidInput` for one that is malformed, takes too much memory, or asks for a line break.
    pub fn new(text: &str, options: PatternOptions) -> Result<Self> {
        RegexMatcherBuilder::new()
            .multi_line(true)
            .line_terminator(Some(b'\n'))
            .fixed_strings(options.fixed)
            .case_insensitive(options.ignore_case)
            .word(options.words)
            .size_limit(MAX_BYTES)
            .dfa_size_limit(MAX_BYTES)
            .build(text)
            .map(Self)
            .map_err(|cause| {
                let said = cause.to_string();
                // The parser draws where in the pattern it is; the reason is its last line.
                let reason = said.lines().last().unwrap_or_default().trim();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                let shown: String = text.chars().take(SHOWN_CHARS).collect();
                let shown = shown.escape_debug();
                let hint = if text.contains('\n') {
                    "what is looked for stands within one line: look for a part without a line break"
                } else if options.fixed {
                    "look for a shorter text"
                } else {
                    "as a fixed string (-F) every character stands for itself"
                };
                Error::invalid_input(format!("pattern `{shown}` cannot be looked for: {reason}"))
                    .with_hint(hint)
                    .with_source(cause)
            })
    }

    pub(super) fn matcher(&self) -> &RegexMatcher {
        &self.0
    }

    /// Where in a line it stands, each place once.
    pub(super) fn find_all(&self, line: &[u8], mut found: impl FnMut(u32, u32)) {
        // A line has less than 2³² bytes: the reader sees to that.
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        // Its error has no values.
        let _: std::result::Result<(), NoError> = self.0.find_iter(line, |place| {
            found(position(place.start()), position(place.end()));
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, options: PatternOptions, line: &str) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let pattern = Pattern::new(text, options).unwrap();
        pattern.find_all(line.as_bytes(), |start, end| found.push((start, end)));
        found
    }

    #[test]
    fn options_change_what_is_found() {
        let plain = PatternOptions::default();
        let fixed = PatternOptions {
            fixed: true,
            ..plain
        };
        let any_case = PatternOptions {
            ignore_case: true,
            ..plain
        };
        let words = PatternOptions {
            words: true,
            ..plain
        };
        assert_eq!(places("a.c", plain, "abc a.c"), [(0, 3), (4, 7)]);
        assert_eq!(places("a.c", fixed, "abc a.c"), [(4, 7)]);
        assert_eq!(places("ÄB", any_case, "äb ÄB"), [(0, 3), (4, 7)]);
        assert_eq!(places("go", words, "go gone ago go"), [(0, 2), (12, 14)]);
        assert_eq!(places("^x|x$", plain, "xxx"), [(0, 1), (2, 3)]);
    }

    #[test]
    fn the_hint_is_about_what_is_wrong() {
        let hint = |text: &str, fixed| {
            let options = PatternOptions {
                fixed,
                ..PatternOptions::default()
            };
            let error = Pattern::new(text, options).unwrap_err();
            error.hint().unwrap().to_owned()
        };
        assert!(hint("a(", false).contains("-F"));
        for fixed in [false, true] {
            let hint = hint("a\nb", fixed);
            assert!(
                hint.contains("line break") && !hint.contains("-F"),
                "{hint}"
            );
        }
    }

    #[test]
    fn the_end_of_a_line_is_behind_a_carriage_return() {
        let plain = PatternOptions::default();
        assert_eq!(places("x$", plain, "x x\r"), []);
        assert_eq!(places(r"x\r?$", plain, "x x\r"), [(2, 4)]);
        assert_eq!(places(r"x\r?$", plain, "x x"), [(2, 3)]);
    }

    #[test]
    fn what_cannot_be_looked_for_is_said_in_one_line() {
        for (bad, why) in [
            ("a(", "unclosed group"),
            ("a\\nb", "not allowed"),
            ("[z-a]", "invalid character class range"),
            ("(a{1000}){1000}", "size limit"),
        ] {
            let error = Pattern::new(bad, PatternOptions::default()).unwrap_err();
            let message = error.message();
            assert!(
                message.contains(why) && !message.contains('\n'),
                "{message}"
            );
        }
    }
}
