//! What came of a storm: what was done and answered, and what was wrong. Knows no server.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// How much of what is wrong is shown.
const SHOWN: usize = 20;

/// What came of a storm.
#[derive(Debug, Default)]
pub struct Report {
    /// How often the server was killed.
    pub kills: u64,
    /// How many requests of each kind were answered in which way, or cut off.
    pub answers: BTreeMap<String, u64>,
    /// How many versions stand at the end.
    pub standing: usize,
    /// What was acknowledged and is not as it was, or is there and was never acknowledged.
    pub lost: Vec<String>,
    /// What was answered that is wrong.
    pub wrong: Vec<String>,
}

impl Report {
    /// Whether every promise was kept.
    pub fn is_sound(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }

    /// How many requests were answered so: `upload 201`.
    pub fn count(&self, what: &str) -> u64 {
        self.answers.get(what).copied().unwrap_or(0)
    }

    /// One more of these.
    pub(super) fn add(&mut self, what: String) {
        *self.answers.entry(what).or_default() += 1;
    }

    /// Notes down what is wrong unless it holds.
    pub(super) fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }
}

impl Display for Report {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.answers {
            writeln!(formatter, "{count:9} {what}")?;
        }
        for (what, all) in [("lost", &self.lost), ("wrong", &self.wrong)] {
            for one in all.iter().take(SHOWN) {
                writeln!(formatter, "{}: {one}", what.to_uppercase())?;
            }
        }
        write!(
            formatter,
            "{} kills, {} versions stand, {} lost, {} wrong",
            self.kills,
            self.standing,
            self.lost.len(),
            self.wrong.len()
        )
    }
}
