//! Reads `JUnit` XML. There is no standard of it: what nextest, pytest, Maven, Gradle, Jest, ctest
//! and googletest write is understood, by the elements that all of them share.

use std::io::Read;

use crate::Unreadable;
use crate::test_runs::{TestOutcome, TestRun, seconds};
use crate::xml::{Element, Step, walk};

/// One test of a report.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) run: TestRun,
    pub(crate) message: Option<String>,
}

/// Reads a report, and hands each test on, also when the report turns out to be unreadable later.
pub(crate) fn read(
    input: impl Read,
    take: impl FnMut(Case) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut report = Report {
        take,
        suites: Vec::new(),
        case: None,
    };
    walk(input, |step| report.see(&step))
}

struct Report<F> {
    take: F,
    /// The suites that are open, the root among them.
    suites: Vec<Suite>,
    case: Option<Case>,
}

struct Suite {
    name: String,
    /// How many failures and errors it says it has.
    declared: u64,
    /// How many it has.
    found: u64,
    /// How many tests it says it has.
    declared_tests: u64,
    /// How many it has.
    tests: u64,
}

impl Suite {
    fn new(element: &Element<'_>) -> Result<Self, Unreadable> {
        let count = |name| element.number::<u64>(name).map(Option::unwrap_or_default);
        Ok(Self {
            name: element.get("name")?.unwrap_or_default(),
            declared: count("failures")?.saturating_add(count("errors")?),
            found: 0,
            declared_tests: count("tests")?,
            tests: 0,
        })
    }
}

impl<F: FnMut(Case) -> Result<(), Unreadable>> Report<F> {
    fn see(&mut self, step: &Step<'_>) -> Result<(), Unreadable> {
        match step {
            Step::Open(element) => self.open(element),
            Step::Close("testsuite" | "testsuites") => self.close_suite(),
            Step::Close("testcase") => match self.case.take() {
                Some(case) => (self.take)(case),
                None => Ok(()),
            },
            Step::Close(_) => Ok(()),
        }
    }

    fn open(&mut self, element: &Element<'_>) -> Result<(), Unreadable> {
        match element.name() {
            "testsuite" | "testsuites" => self.suites.push(Suite::new(element)?),
            _ if self.suites.is_empty() => {
                return Err(Unreadable::new("its root is not that of JUnit XML"));
            }
            "testcase" => {
                self.case = Some(self.begin(element)?);
                if let Some(suite) = self.suites.last_mut() {
                    suite.tests += 1;
                }
            }
            "failure" | "error" => self.failure(element)?,
            "skipped" => {
                if let Some(case) = &mut self.case
                    && case.run.outcome == TestOutcome::Passed
                {
                    case.run.outcome = TestOutcome::Skipped;
                }
            }
            "flakyFailure" | "flakyError" => {
                if let Some(case) = &mut self.case {
                    case.run.flaky = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&self, element: &Element<'_>) -> Result<Case, Unreadable> {
        let name = element.get("name")?.unwrap_or_default();
        let class = element.get("classname")?.filter(|class| !class.is_empty());
        let suite = || self.suites.last().map(|suite| suite.name.clone());
        // Names of suites change from run to run with some tools, those of classes do not.
        let class = class.or_else(suite).unwrap_or_default();
        let not_run = |value: Option<String>| {
            value.is_some_and(|value| {
                ["notrun", "disabled", "skipped", "suppressed"].contains(&value.as_str())
            })
        };
        let skipped = not_run(element.get("status")?) || not_run(element.get("result")?);
        let time = element.get("time")?;
        Ok(Case {
            id: [class, name].join(" ").trim().to_owned(),
            run: TestRun {
                outcome: if skipped {
                    TestOutcome::Skipped
                } else {
                    TestOutcome::Passed
                },
                flaky: false,
                seconds: time.as_deref().and_then(seconds),
            },
            message: None,
        })
    }

    fn failure(&mut self, element: &Element<'_>) -> Result<(), Unreadable> {
        let text = |name| {
            element
                .get(name)
                .map(|text| text.filter(|text| !text.is_empty()))
        };
        let message = match text("message")? {
            Some(message) => Some(message),
            None => text("type")?,
        };
        let Some(suite) = self.suites.last_mut() else {
            return Ok(());
        };
        suite.found += 1;
        let run = TestRun {
            outcome: TestOutcome::Failed,
            flaky: false,
            seconds: None,
        };
        if let Some(case) = &mut self.case {
            case.run.outcome = TestOutcome::Failed;
            case.message = case.message.take().or(message);
            return Ok(());
        }
        // A suite that failed before any of its tests ran.
        let id = format!("{} (suite)", suite.name);
        (self.take)(Case { id, run, message })
    }

    /// A suite that says it has tests or failures which are not there: what crashed left no test
    /// behind.
    fn close_suite(&mut self) -> Result<(), Unreadable> {
        let Some(suite) = self.suites.pop() else {
            return Ok(());
        };
        if let Some(above) = self.suites.last_mut() {
            above.found += suite.found;
            above.tests += suite.tests;
        } else if suite.tests == 0 && suite.found == 0 {
            return Err(Unreadable::new("it has no tests"));
        }
        if suite.declared > suite.found {
            return Err(Unreadable::new(format!(
                "it says that {} tests failed and has {} of them",
                suite.declared, suite.found
            )));
        }
        if suite.declared_tests > suite.tests.max(suite.found) {
            return Err(Unreadable::new(format!(
                "it says that it has {} tests and has {} of them",
                suite.declared_tests, suite.tests
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(text: &str) -> (Vec<String>, Result<(), Unreadable>) {
        let mut cases = Vec::new();
        let outcome = read(text.as_bytes(), |case| {
            let run = case.run;
            cases.push(format!(
                "{} {}{} {:?} {:?}",
                case.id,
                run.outcome.as_str(),
                if run.flaky { " flaky" } else { "" },
                run.seconds,
                case.message
            ));
            Ok(())
        });
        (cases, outcome)
    }

    #[test]
    fn every_outcome_is_told() {
        let text = r#"<testsuites failures="3"><testsuite name="s" failures="1" errors="1">
            <properties><property name="x" value="y"/></properties>
            <testcase classname="c" name="passed" time="1.5"><system-out>a &lt; b</system-out></testcase>
            <testcase classname="c" name="failed"><failure message="no &amp; no" type="t">x</failure></testcase>
            <testcase name="error"><error type="boom"/><rerunFailure/></testcase>
            <testcase name="skipped"><skipped/></testcase>
            <testcase name="off" status="notrun"/>
            <testcase name="flaky"><flakyFailure message="once"/></testcase>
            <testsuite name="inner"><error message="no start"/></testsuite>
            </testsuite></testsuites>"#;
        let (cases, outcome) = cases(text);
        assert_eq!(outcome, Ok(()));
        assert_eq!(
            cases,
            [
                "c passed passed Some(1.5) None",
                "c failed failed None Some(\"no & no\")",
                "s error failed None Some(\"boom\")",
                "s skipped skipped None None",
                "s off skipped None None",
                "s flaky passed flaky None None",
                "inner (suite) failed None Some(\"no start\")",
            ]
        );
    }

    #[test]
    fn a_report_that_lacks_what_it_counts_is_unreadable() {
        let text = r#"<testsuite name="s" errors="1"><testcase name="a"/></testsuite>"#;
        let (cases, outcome) = cases(text);
        assert_eq!(cases, ["s a passed None None"]);
        assert!(outcome.unwrap_err().to_string().contains("1 tests failed"));
    }

    #[test]
    fn another_root_is_refused() {
        assert!(cases("<report><testcase name='a'/></report>").1.is_err());
    }
}
