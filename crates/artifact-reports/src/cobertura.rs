//! Reads the XML of Cobertura, as coverage.py, gcovr, grcov, coverlet and others write it.

use std::io::Read;

use crate::budget::Budget;
use crate::coverage::Coverage;
use crate::xml::{Element, Step, walk};
use crate::{Side, Unreadable};

pub(crate) fn read(
    input: impl Read,
    side: Side,
    coverage: &mut Coverage,
    budget: &mut Budget,
) -> Result<(), Unreadable> {
    let mut report = Report {
        side,
        coverage,
        budget,
        file: None,
        is_open: false,
        declared: 0,
        lines: 0,
    };
    walk(input, |step| report.see(&step))?;
    if report.declared > report.lines {
        return Err(Unreadable::new(format!(
            "it says that there are {} lines and has {} of them",
            report.declared, report.lines
        )));
    }
    Ok(())
}

struct Report<'a> {
    side: Side,
    coverage: &'a mut Coverage,
    budget: &'a mut Budget,
    /// The file of the class that is open.
    file: Option<String>,
    is_open: bool,
    declared: u64,
    lines: u64,
}

impl Report<'_> {
    fn see(&mut self, step: &Step<'_>) -> Result<(), Unreadable> {
        match step {
            Step::Open(element) => match element.name() {
                "coverage" => {
                    self.is_open = true;
                    self.declared = element.number("lines-valid")?.unwrap_or_default();
                }
                _ if !self.is_open => {
                    return Err(Unreadable::new("its root is not that of Cobertura"));
                }
                "class" => {
                    let path = element.get("filename")?;
                    let path = path.ok_or_else(|| Unreadable::new("a class has no file"))?;
                    self.coverage.file(self.side, &path, self.budget)?;
                    self.file = Some(path);
                }
                "line" => self.line(element)?,
                _ => {}
            },
            Step::Close("class") => self.file = None,
            Step::Close(_) => {}
        }
        Ok(())
    }

    /// The lines of methods come a second time as those of their class.
    fn line(&mut self, element: &Element<'_>) -> Result<(), Unreadable> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let malformed = || Unreadable::new("a line has no number or no hits");
        let number: u32 = element.number("number")?.ok_or_else(malformed)?;
        let hits: f64 = element.number("hits")?.ok_or_else(malformed)?;
        self.lines += 1;
        let mut file = self.coverage.file(self.side, path, self.budget)?;
        file.line(number, hits > 0.0)?;
        // `50% (1/2)`
        if let Some(conditions) = element.get("condition-coverage")?
            && let Some((taken, all)) = fraction(&conditions)
        {
            file.branches(number, taken, all)?;
        }
        Ok(())
    }
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (_, inner) = text.split_once('(')?;
    let (taken, all) = inner.split_once(')')?.0.split_once('/')?;
    Some((taken.trim().parse().ok()?, all.trim().parse().ok()?))
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
    fn lines_of_a_file_count_once_however_often_they_come() {
        let text = r#"<coverage line-rate="0.5" lines-valid="2"><sources><source>/x</source></sources>
            <packages><package><classes>
            <class filename="a.py"><methods><method><lines><line number="1" hits="1"/></lines></method></methods>
            <lines><line number="1" hits="1" branch="true" condition-coverage="50% (1/2)"/>
            <line number="2" hits="0"/></lines></class>
            <class filename="a.py"><lines><line number="1" hits="0"/></lines></class>
            </classes></package></packages></coverage>"#;
        let total = read_all(text).unwrap().total(Side::Current);
        let part = |covered, total| Covered { covered, total };
        assert_eq!((total.lines, total.branches), (part(1, 2), part(1, 2)));
    }

    #[test]
    fn what_lacks_its_parts_is_unreadable() {
        for text in [
            "<x/>",
            "<coverage line-rate='1' lines-valid='3'/>",
            "<coverage line-rate='1'><class/></coverage>",
            "<coverage line-rate='1'><class filename='a'><line number='1'/></class></coverage>",
        ] {
            assert!(read_all(text).is_err(), "{text}");
        }
    }
}
