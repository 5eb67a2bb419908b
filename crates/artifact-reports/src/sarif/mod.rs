//! Reads SARIF 2.1.0 (OASIS), result by result: a report may be far larger than memory.

mod draft;
mod guard;
mod schema;

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::budget::Budget;
use crate::findings::Findings;
use crate::{Side, Unreadable};
use draft::Draft;
use guard::Guard;
use schema::{First, Invocation, Raw, Tool};

pub(crate) fn read(
    input: impl Read,
    side: Side,
    findings: &mut Findings,
    budget: &mut Budget,
) -> Result<(), Unreadable> {
    let mut sink = Sink {
        side,
        findings,
        budget,
    };
    let input = BufReader::new(Guard::new(input));
    let mut json = serde_json::Deserializer::from_reader(input);
    Document(&mut sink)
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| Unreadable::new(explain(&error)))
}

fn explain(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "it is cut off".to_owned();
    }
    error.to_string()
}

/// Where findings go.
struct Sink<'a> {
    side: Side,
    findings: &'a mut Findings,
    budget: &'a mut Budget,
}

/// The whole report.
struct Document<'a, 'b>(&'a mut Sink<'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SARIF report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_runs = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "runs" => {
                    map.next_value_seed(Runs(self.0))?;
                    has_runs = true;
                }
                "version" => {
                    let version: String = map.next_value()?;
                    if !version.starts_with("2.") {
                        return Err(A::Error::custom("it is not SARIF of version 2"));
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_runs {
            Ok(())
        } else {
            Err(A::Error::custom("it has no runs"))
        }
    }
}

/// The list of runs.
struct Runs<'a, 'b>(&'a mut Sink<'b>);

impl<'de> DeserializeSeed<'de> for Runs<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Runs<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runs of a SARIF report")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut runs: A) -> Result<(), A::Error> {
        let mut count = 0;
        while runs.next_element_seed(OneRun(&mut *self.0))?.is_some() {
            count += 1;
        }
        if count == 0 {
            return Err(A::Error::custom("it has no run"));
        }
        Ok(())
    }
}

/// One run of one tool.
struct OneRun<'a, 'b>(&'a mut Sink<'b>);

impl<'de> DeserializeSeed<'de> for OneRun<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneRun<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a run of a SARIF report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut tool: Option<Tool> = None;
        let mut waiting: Vec<Draft> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "tool" => tool = Some(map.next_value()?),
                "results" => map.next_value_seed(Results {
                    sink: &mut *self.0,
                    tool: tool.as_ref(),
                    waiting: &mut waiting,
                })?,
                "invocations" => {
                    let all: Option<First<Invocation>> = map.next_value()?;
                    let failed = |call: &Invocation| call.execution_successful == Some(false);
                    if all.and_then(|first| first.0).as_ref().is_some_and(failed) {
                        return Err(A::Error::custom("its tool says that it did not succeed"));
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let tool = tool.ok_or_else(|| A::Error::custom("a run names no tool"))?;
        for draft in waiting {
            self.0.take(draft, &tool).map_err(A::Error::custom)?;
        }
        let sink = self.0;
        let name = crate::text::name(&tool.driver.name);
        sink.findings
            .tool(sink.side, &name, sink.budget)
            .map_err(A::Error::custom)
    }
}

impl Sink<'_> {
    fn take(&mut self, draft: Draft, tool: &Tool) -> Result<(), Unreadable> {
        let (identity, finding) = draft.finish(tool);
        self.findings.add(self.side, identity, finding, self.budget)
    }
}

/// The results of a run, whose tool may come before or after them.
struct Results<'a, 'b> {
    sink: &'a mut Sink<'b>,
    tool: Option<&'a Tool>,
    waiting: &'a mut Vec<Draft>,
}

impl<'de> DeserializeSeed<'de> for Results<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Results<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the results of a run")
    }

    /// SARIF 2.1.0, 3.14.23: null says that the scan could not begin.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(E::custom("its tool could not run"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut results: A) -> Result<(), A::Error> {
        while let Some(raw) = results.next_element::<Raw>()? {
            let Some(draft) = Draft::of(&raw) else {
                continue;
            };
            if let Some(tool) = self.tool {
                self.sink.take(draft, tool).map_err(A::Error::custom)?;
            } else {
                let bytes = draft.bytes();
                self.sink.budget.take(bytes).map_err(A::Error::custom)?;
                self.waiting.push(draft);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
