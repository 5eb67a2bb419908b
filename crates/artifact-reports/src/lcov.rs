//! Reads the trace files of LCOV, as `geninfo(1)` describes them.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use crate::budget::Budget;
use crate::coverage::Coverage;
use crate::text::{LINE_BYTES, read_line};
use crate::{Side, Unreadable};

/// What was said of one source file so far.
struct Section {
    path: String,
    lines: u64,
    /// How many lines it says it has.
    declared: u64,
    /// Of each line how many branches were taken, and how many there are.
    branches: BTreeMap<u32, (u32, u32)>,
}

pub(crate) fn read(
    input: impl Read,
    side: Side,
    coverage: &mut Coverage,
    budget: &mut Budget,
) -> Result<(), Unreadable> {
    let mut input = BufReader::new(input);
    let mut line = String::new();
    let mut section: Option<Section> = None;
    let mut sections = 0_u64;
    while read_line(&mut input, &mut line)? {
        if line.len() >= LINE_BYTES || line.contains('\u{fffd}') {
            return Err(Unreadable::new("a line is too long or no UTF-8"));
        }
        let line = line.trim();
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match (key, &mut section) {
            ("SF", None) => section = Some(Section::new(value)),
            ("SF", Some(_)) => return Err(cut_off()),
            ("DA", Some(open)) => {
                let (number, covered) = line_hits(value).ok_or_else(|| malformed(line))?;
                open.lines += 1;
                coverage
                    .file(side, &open.path, budget)?
                    .line(number, covered)?;
            }
            ("BRDA", Some(open)) => {
                let (number, taken) = branch(value).ok_or_else(|| malformed(line))?;
                if !open.branches.contains_key(&number) {
                    budget.take(48)?;
                }
                let known = open.branches.entry(number).or_default();
                known.0 = known.0.saturating_add(u32::from(taken));
                known.1 = known.1.saturating_add(1);
            }
            ("LF", Some(open)) => {
                open.declared = value.trim().parse().map_err(|_| malformed(line))?;
            }
            ("end_of_record", _) => {
                let ended = section.take().ok_or_else(|| malformed(line))?;
                sections += 1;
                ended.end(side, coverage, budget)?;
            }
            // Functions, sums, versions.
            (_, Some(_)) | ("" | "TN", None) => {}
            _ if line.starts_with('#') => {}
            _ => return Err(malformed(line)),
        }
    }
    if section.is_some() {
        return Err(cut_off());
    }
    if sections == 0 {
        return Err(Unreadable::new("it names no source file"));
    }
    Ok(())
}

impl Section {
    fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            lines: 0,
            declared: 0,
            branches: BTreeMap::new(),
        }
    }

    fn end(
        self,
        side: Side,
        coverage: &mut Coverage,
        budget: &mut Budget,
    ) -> Result<(), Unreadable> {
        if self.declared > self.lines {
            return Err(Unreadable::new(format!(
                "it says that a file has {} lines and has {} of them",
                self.declared, self.lines
            )));
        }
        let mut file = coverage.file(side, &self.path, budget)?;
        for (line, (taken, all)) in self.branches {
            file.branches(line, taken, all)?;
        }
        Ok(())
    }
}

/// `line,hits[,checksum]`. Some writers count below zero, or in fractions.
fn line_hits(value: &str) -> Option<(u32, bool)> {
    let mut parts = value.split(',');
    let number = parts.next()?.trim().parse().ok()?;
    let hits: f64 = parts.next()?.trim().parse().ok()?;
    Some((number, hits > 0.0))
}

/// `line,block,branch,taken`, with `-` for what was never reached.
fn branch(value: &str) -> Option<(u32, bool)> {
    let number = value.split(',').next()?.trim().parse().ok()?;
    let taken = value.rsplit(',').next()?.trim();
    let taken = match taken {
        "-" => false,
        count => count.parse::<f64>().ok()? > 0.0,
    };
    Some((number, taken))
}

fn cut_off() -> Unreadable {
    Unreadable::new("it is cut off")
}

fn malformed(line: &str) -> Unreadable {
    let shown: String = line.chars().take(40).collect();
    Unreadable::new(format!("a line is malformed: {}", shown.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Covered;

    fn read_all(text: &str) -> Result<Coverage, Unreadable> {
        let (mut coverage, mut budget) = (Coverage::default(), Budget::default());
        read(text.as_bytes(), Side::Current, &mut coverage, &mut budget)?;
        Ok(coverage)
    }

    #[test]
    fn lines_and_branches_are_counted() {
        let text = "TN:t\nSF:a.rs\nFN:1,f\nFNDA:1,f\nDA:1,5,abc\nDA:2,0\nDA:3,-1\n\
                    BRDA:1,0,0,1\nBRDA:1,0,1,-\nBRDA:2,0,0,0\nLF:3\nLH:1\nend_of_record\n\
                    TN:u\nSF:a.rs\nDA:2,1\nend_of_record\nSF:b.rs\nend_of_record\n";
        let total = read_all(text).unwrap().total(Side::Current);
        let part = |covered, total| Covered { covered, total };
        assert_eq!((total.lines, total.branches), (part(2, 3), part(1, 3)));
    }

    #[test]
    fn what_is_cut_off_or_malformed_is_unreadable() {
        for text in [
            "",
            "TN:\n",
            "SF:a\nDA:1,1\n",
            "SF:a\nDA:1,1\nSF:b\nend_of_record\n",
            "SF:a\nDA:1\nend_of_record\n",
            "SF:a\nDA:x,1\nend_of_record\n",
            "SF:a\nBRDA:1,0,0,?\nend_of_record\n",
            "SF:a\nLF:3\nDA:1,1\nend_of_record\n",
            "end_of_record\n",
        ] {
            assert!(read_all(text).is_err(), "{text}");
        }
    }
}
