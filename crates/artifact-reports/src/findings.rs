//! What scans and lints found on both sides. Knows no format.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::Budget;
use crate::{Side, Unreadable};

/// How serious a finding is, as SARIF grades it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not serious at all.
    None,
    /// Worth a look.
    Note,
    /// A problem.
    Warning,
    /// A serious problem.
    Error,
}

impl Level {
    /// All of them, the least serious first.
    pub const ALL: [Self; 4] = [Self::None, Self::Note, Self::Warning, Self::Error];

    /// Its name in SARIF.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The level of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

/// What makes a finding the same one on both sides: a digest.
pub(crate) type Identity = [u8; 16];

/// What was found, as far as a person needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) tool: String,
    pub(crate) rule: String,
    pub(crate) level: Level,
    pub(crate) path: String,
    pub(crate) line: Option<u32>,
    pub(crate) message: String,
}

/// A finding that one side has more often than the other.
#[derive(Debug, Clone, Copy)]
pub struct ComparedFinding<'a> {
    /// The tool that found it.
    pub tool: &'a str,
    /// The rule that it breaks.
    pub rule: &'a str,
    /// How serious it is.
    pub level: Level,
    /// The file that it is in; empty where none was said.
    pub path: &'a str,
    /// The line, where it was said; that of the current side if it is there.
    pub line: Option<u32>,
    /// What the tool says.
    pub message: &'a str,
    /// How often it was found before.
    pub baseline: u64,
    /// How often it is found now.
    pub current: u64,
}

impl ComparedFinding<'_> {
    /// How many of it are new.
    pub fn appeared(&self) -> u64 {
        self.current.saturating_sub(self.baseline)
    }

    /// How many of it are gone.
    pub fn disappeared(&self) -> u64 {
        self.baseline.saturating_sub(self.current)
    }
}

/// The findings of both sides.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// A map that grows by small nodes, not by copying itself into twice the room.
    entries: BTreeMap<Identity, Entry>,
    /// The tools that ran, on each side.
    tools: [BTreeSet<String>; 2],
}

#[derive(Debug)]
struct Entry {
    finding: Finding,
    counts: [u64; 2],
}

/// What an entry takes in memory beside its texts, and once more when it is listed.
const ENTRY_BYTES: usize = 400;

impl Findings {
    pub(crate) fn add(
        &mut self,
        side: Side,
        identity: Identity,
        finding: Finding,
        budget: &mut Budget,
    ) -> Result<(), Unreadable> {
        if !self.entries.contains_key(&identity) {
            let texts = [
                &finding.tool,
                &finding.rule,
                &finding.path,
                &finding.message,
            ];
            let texts: usize = texts.iter().map(|text| text.len()).sum();
            budget.take(texts + ENTRY_BYTES)?;
        }
        let (line, level) = (finding.line, finding.level);
        let entry = self.entries.entry(identity).or_insert(Entry {
            finding,
            counts: [0, 0],
        });
        entry.counts[side as usize] += 1;
        if side == Side::Current {
            // Where it is now is more use than where it was.
            entry.finding.line = line;
            entry.finding.level = level;
        }
        Ok(())
    }

    pub(crate) fn tool(
        &mut self,
        side: Side,
        name: &str,
        budget: &mut Budget,
    ) -> Result<(), Unreadable> {
        if self.tools[side as usize].insert(name.to_owned()) {
            budget.take(name.len() + ENTRY_BYTES)?;
        }
        Ok(())
    }

    /// The tools that ran before and did not run now.
    pub(crate) fn missing_tools(&self) -> impl Iterator<Item = &str> {
        let [before, now] = &self.tools;
        before.difference(now).map(String::as_str)
    }

    /// What one side has more often than the other, the most serious first.
    pub(crate) fn differing(&self) -> Vec<ComparedFinding<'_>> {
        let mut differing: Vec<_> = self
            .entries
            .values()
            .filter(|entry| entry.counts[0] != entry.counts[1])
            .map(|Entry { finding, counts }| ComparedFinding {
                tool: &finding.tool,
                rule: &finding.rule,
                level: finding.level,
                path: &finding.path,
                line: finding.line,
                message: &finding.message,
                baseline: counts[0],
                current: counts[1],
            })
            .collect();
        differing.sort_unstable_by(|a, b| {
            let place = |f: &ComparedFinding<'_>| (f.line, f.baseline, f.current);
            b.level
                .cmp(&a.level)
                .then_with(|| a.path.cmp(b.path))
                .then_with(|| place(a).cmp(&place(b)))
                .then_with(|| (a.rule, a.message, a.tool).cmp(&(b.rule, b.message, b.tool)))
        });
        differing
    }

    /// How many findings a side has of each level, in the order of [`Level::ALL`].
    pub(crate) fn counts(&self, side: Side) -> [u64; 4] {
        let mut counts = [0; 4];
        for entry in self.entries.values() {
            counts[entry.finding.level as usize] += entry.counts[side as usize];
        }
        counts
    }
}
