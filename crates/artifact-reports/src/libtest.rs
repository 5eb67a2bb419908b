//! Reads what `cargo test` prints: a line per test, and a sum per program.

use std::io::{BufReader, Read};

use crate::Unreadable;
use crate::junit::Case;
use crate::test_runs::{TestOutcome, TestRun, seconds};
use crate::text::read_line;

/// Reads the output, and hands each test on.
pub(crate) fn read(
    input: impl Read,
    mut take: impl FnMut(Case) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut input = BufReader::new(input);
    let mut output = Output::default();
    let mut line = String::new();
    while read_line(&mut input, &mut line)? {
        if let Some(case) = output.see(&without_colours(&line))? {
            take(case)?;
        }
    }
    match (output.open, output.sums) {
        (Some(_), _) => Err(Unreadable::new("it is cut off")),
        (None, 0) => Err(Unreadable::new("no test was run")),
        (None, _) => Ok(()),
    }
}

#[derive(Debug, Default)]
struct Output {
    /// The program whose tests run, where cargo says it.
    program: String,
    /// What was found since a program began.
    open: Option<Counts>,
    /// How many programs have ended.
    sums: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Output {
    fn see(&mut self, line: &str) -> Result<Option<Case>, Unreadable> {
        let line = line.trim();
        if let Some(program) = program(line) {
            self.program = program;
        } else if line.starts_with("running ") && line.contains(" test") {
            if self.open.replace(Counts::default()).is_some() {
                return Err(Unreadable::new("a program has ended before its tests"));
            }
        } else if let Some(sum) = line.strip_prefix("test result: ") {
            let found = self.open.take().unwrap_or_default();
            self.sums += 1;
            if found != stated(sum) {
                return Err(Unreadable::new(
                    "its lines are not as many tests as its sums say",
                ));
            }
        } else if let (Some(counts), Some(mut case)) = (&mut self.open, case(line)) {
            *match case.run.outcome {
                TestOutcome::Passed => &mut counts.passed,
                TestOutcome::Failed => &mut counts.failed,
                TestOutcome::Skipped => &mut counts.skipped,
            } += 1;
            let id = format!("{} {}", self.program, case.id);
            id.trim().clone_into(&mut case.id);
            return Ok(Some(case));
        }
        Ok(None)
    }
}

/// `Running tests/a.rs (target/debug/deps/a-0123456789abcdef)` or `Doc-tests a`.
fn program(line: &str) -> Option<String> {
    if let Some(package) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{package} (doc)"));
    }
    let (source, file) = line.strip_prefix("Running ")?.split_once(" (")?;
    let file = file.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    let stem = file.rsplit_once('-').map_or(file, |(stem, _)| stem);
    Some(match source.strip_prefix("unittests ") {
        Some(_) => stem.to_owned(),
        None => source.to_owned(),
    })
}

/// `test NAME ... OUTCOME`.
fn case(line: &str) -> Option<Case> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    // With --report-time: `ok <0.123s>`.
    let (outcome, time) = match outcome.split_once(" <") {
        Some((outcome, time)) => (outcome, time.strip_suffix("s>").and_then(seconds)),
        None => (outcome, None),
    };
    let outcome = match outcome {
        "ok" => TestOutcome::Passed,
        "FAILED" => TestOutcome::Failed,
        _ if outcome == "ignored" || outcome.starts_with("ignored, ") => TestOutcome::Skipped,
        _ if outcome.starts_with("bench: ") => TestOutcome::Passed,
        _ => return None,
    };
    Some(Case {
        id: name.trim_end_matches(" - should panic").to_owned(),
        run: TestRun {
            outcome,
            flaky: false,
            seconds: time,
        },
        message: None,
    })
}

/// `ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s`.
fn stated(sum: &str) -> Counts {
    let mut counts = Counts::default();
    let sum = sum.split_once(". ").map_or(sum, |(_, rest)| rest);
    for part in sum.split("; ") {
        let Some((number, what)) = part.trim().split_once(' ') else {
            continue;
        };
        let number: u64 = number.parse().unwrap_or_default();
        match what {
            "passed" | "measured" => counts.passed = counts.passed.saturating_add(number),
            "failed" => counts.failed = number,
            "ignored" => counts.skipped = number,
            _ => {}
        }
    }
    counts
}

/// The line without what colours it on a terminal.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic());
        plain.push_str(end.map_or(piece, |end| &piece[end + 1..]));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "   Compiling a v0.1.0 (/a)\n\
        \x20    Running unittests src/lib.rs (target/debug/deps/a-0123456789abcdef)\n\n\
        running 3 tests\n\
        test one ... ok\n\
        test two::x ... \x1b[31mFAILED\x1b[0m\n\
        test three - should panic ... ignored, too slow\n\n\
        failures:\n    two::x\n\n\
        test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\n\
        \x20    Running tests/b.rs (target/debug/deps/b-0123456789abcdef)\n\n\
        running 1 test\ntest one ... ok <0.250s>\n\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\n\
        \x20  Doc-tests a\n\nrunning 0 tests\n\n\
        test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";

    fn cases(text: &str) -> (Vec<String>, Result<(), Unreadable>) {
        let mut cases = Vec::new();
        let outcome = read(text.as_bytes(), |case| {
            let run = case.run;
            cases.push(format!(
                "{} {} {:?}",
                case.id,
                run.outcome.as_str(),
                run.seconds
            ));
            Ok(())
        });
        (cases, outcome)
    }

    #[test]
    fn every_line_of_a_test_is_told() {
        let (cases, outcome) = cases(RUN);
        assert_eq!(outcome, Ok(()));
        assert_eq!(
            cases,
            [
                "a one passed None",
                "a two::x failed None",
                "a three skipped None",
                "tests/b.rs one passed Some(0.25)",
            ]
        );
    }

    #[test]
    fn what_is_cut_off_or_mixed_up_is_unreadable() {
        let end = RUN.rfind("test result").unwrap();
        let without_a_test = RUN.replace("test one ... ok\n", "test one ... printed\nok\n");
        let no_run = "   Compiling a v0.1.0\nerror: could not compile `a`\n";
        for text in [&RUN[..end], &without_a_test, no_run, ""] {
            assert!(cases(text).1.is_err(), "{text}");
        }
    }
}
