//! Which lines and branches of which files were run, on both sides. Knows no format.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::{Side, Unreadable, text};

/// How much of something was run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Covered {
    /// How many were run.
    pub covered: u64,
    /// How many there are.
    pub total: u64,
}

impl Covered {
    /// The part that was run, in percent; none of nothing.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a percentage is read to a few digits"
    )]
    pub fn percent(self) -> Option<f64> {
        (self.total > 0).then(|| self.covered as f64 * 100.0 / self.total as f64)
    }

    fn add(&mut self, other: Self) {
        self.covered = self.covered.saturating_add(other.covered);
        self.total = self.total.saturating_add(other.total);
    }
}

/// How much of one file, or of all, was run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageSums {
    /// Its lines.
    pub lines: Covered,
    /// Its branches; of 0 where they were not recorded.
    pub branches: Covered,
}

/// A file on both sides.
#[derive(Debug, Clone, Copy)]
pub struct ComparedFile<'a> {
    /// Its path as the reports have it.
    pub path: &'a str,
    /// How much was run before.
    pub baseline: Option<CoverageSums>,
    /// How much is run now.
    pub current: Option<CoverageSums>,
}

impl ComparedFile<'_> {
    /// By how many percent points the part of its lines that is run has grown; none where it has no
    /// lines on one side.
    pub fn change(&self) -> Option<f64> {
        change(self.baseline?.lines, self.current?.lines)
    }
}

/// By how many percent points `current` is more than `baseline`.
pub(crate) fn change(baseline: Covered, current: Covered) -> Option<f64> {
    Some(current.percent()? - baseline.percent()?)
}

/// The files of both sides.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<Box<str>, [Option<File>; 2]>);

/// Which lines there are, in blocks of 64, and which of them were run.
#[derive(Debug, Default)]
struct File {
    blocks: BTreeMap<u32, Block>,
    branches: BTreeMap<u32, (u32, u32)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Block {
    there: u64,
    covered: u64,
}

/// What an entry of a map takes in memory, about.
const ENTRY_BYTES: usize = 160;
const BLOCK_BYTES: usize = 48;

/// The file whose lines come next.
pub(crate) struct OpenFile<'a> {
    file: &'a mut File,
    budget: &'a mut Budget,
}

impl Coverage {
    /// Opens a file, to add to what is known of it.
    pub(crate) fn file<'a>(
        &'a mut self,
        side: Side,
        path: &str,
        budget: &'a mut Budget,
    ) -> Result<OpenFile<'a>, Unreadable> {
        let path = text::name(&normal(path));
        if !self.0.contains_key(path.as_str()) {
            budget.take(path.len() + ENTRY_BYTES)?;
        }
        let sides = self.0.entry(path.into()).or_default();
        let file = sides[side as usize].get_or_insert_default();
        Ok(OpenFile { file, budget })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ComparedFile<'_>> {
        self.0.iter().map(|(path, sides)| ComparedFile {
            path,
            baseline: sides[0].as_ref().map(File::sums),
            current: sides[1].as_ref().map(File::sums),
        })
    }

    pub(crate) fn total(&self, side: Side) -> CoverageSums {
        let mut total = CoverageSums::default();
        for file in self
            .0
            .values()
            .filter_map(|sides| sides[side as usize].as_ref())
        {
            let sums = file.sums();
            total.lines.add(sums.lines);
            total.branches.add(sums.branches);
        }
        total
    }
}

impl OpenFile<'_> {
    /// A line, and whether it was run. Seen twice, it was run if it was run once.
    pub(crate) fn line(&mut self, number: u32, covered: bool) -> Result<(), Unreadable> {
        let block = number / 64;
        if !self.file.blocks.contains_key(&block) {
            self.budget.take(BLOCK_BYTES)?;
        }
        let block = self.file.blocks.entry(block).or_default();
        let bit = 1 << (number % 64);
        block.there |= bit;
        if covered {
            block.covered |= bit;
        }
        Ok(())
    }

    /// How many of the branches of a line were taken. Seen twice, the greater numbers count.
    pub(crate) fn branches(&mut self, line: u32, taken: u32, all: u32) -> Result<(), Unreadable> {
        if !self.file.branches.contains_key(&line) {
            self.budget.take(BLOCK_BYTES)?;
        }
        let known = self.file.branches.entry(line).or_default();
        let all = known.1.max(all);
        *known = (known.0.max(taken).min(all), all);
        Ok(())
    }
}

impl File {
    fn sums(&self) -> CoverageSums {
        let mut sums = CoverageSums::default();
        for block in self.blocks.values() {
            sums.lines.add(Covered {
                covered: u64::from(block.covered.count_ones()),
                total: u64::from(block.there.count_ones()),
            });
        }
        for (taken, all) in self.branches.values() {
            sums.branches.add(Covered {
                covered: u64::from(*taken),
                total: u64::from(*all),
            });
        }
        sums
    }
}

/// A path as every system would write it.
pub(crate) fn normal(path: &str) -> String {
    let path = path.trim().replace('\\', "/");
    path.trim_start_matches("file://")
        .trim_start_matches("./")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_one_file_are_merged_line_by_line() {
        let (mut coverage, mut budget) = (Coverage::default(), Budget::default());
        for (path, hit) in [("./src/a.rs", 1), ("src\\a.rs", 2)] {
            let mut file = coverage.file(Side::Current, path, &mut budget).unwrap();
            for line in [1, 2, 3, 1_000_000] {
                file.line(line, line == hit).unwrap();
            }
            file.branches(1, hit, 4).unwrap();
        }
        let total = coverage.total(Side::Current);
        let part = |covered, total| Covered { covered, total };
        assert_eq!((total.lines, total.branches), (part(2, 4), part(2, 4)));
        assert_eq!(total.lines.percent(), Some(50.0));
        assert_eq!(coverage.total(Side::Baseline).lines.percent(), None);
        assert_eq!(coverage.iter().count(), 1);
    }
}
