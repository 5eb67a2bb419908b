//! Lines that were found, many in one piece of memory: there may be millions. Knows no artifact.

/// Why a line is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrepKind {
    /// It is one of those looked for.
    Match,
    /// It stands near one.
    Context,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrepLine<'a> {
    /// Why it is there.
    pub kind: GrepKind,
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes, without the newline at its end.
    pub text: &'a [u8],
    /// Where in it the pattern stands, as offsets of the first byte and the one behind the last;
    /// empty where that was not asked for.
    pub submatches: &'a [(u32, u32)],
    /// Whether it is longer in the artifact, and was looked at only as far as this.
    pub is_cut: bool,
    /// Whether lines that are not there stand between it and the one before, and context is asked
    /// for.
    pub after_gap: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    kind: GrepKind,
    number: u64,
    text_end: usize,
    submatches_end: usize,
    is_cut: bool,
    after_gap: bool,
}

/// Some lines of one artifact, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrepLines {
    text: Vec<u8>,
    submatches: Vec<(u32, u32)>,
    entries: Vec<Entry>,
}

impl GrepLines {
    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = GrepLine<'_>> {
        let starts = std::iter::once((0, 0)).chain(
            self.entries
                .iter()
                .map(|entry| (entry.text_end, entry.submatches_end)),
        );
        self.entries
            .iter()
            .zip(starts)
            .map(|(entry, (text, submatches))| GrepLine {
                kind: entry.kind,
                number: entry.number,
                text: &self.text[text..entry.text_end],
                submatches: &self.submatches[submatches..entry.submatches_end],
                is_cut: entry.is_cut,
                after_gap: entry.after_gap,
            })
    }

    /// How many of them match.
    pub fn matches(&self) -> u64 {
        let matches = |entry: &&Entry| entry.kind == GrepKind::Match;
        self.entries.iter().filter(matches).count() as u64
    }

    /// Takes away what follows the `count`th match.
    pub(super) fn truncate(&mut self, count: u64) {
        let mut left = count;
        let end = self.entries.iter().position(|entry| {
            if left == 0 {
                return true;
            }
            left -= u64::from(entry.kind == GrepKind::Match);
            false
        });
        self.entries.truncate(end.unwrap_or(self.entries.len()));
    }

    pub(super) fn push(&mut self, line: GrepLine<'_>) {
        self.text.extend_from_slice(line.text);
        self.submatches.extend_from_slice(line.submatches);
        self.entries.push(Entry {
            kind: line.kind,
            number: line.number,
            text_end: self.text.len(),
            submatches_end: self.submatches.len(),
            is_cut: line.is_cut,
            after_gap: line.after_gap,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how much memory it takes.
    pub(super) fn held_bytes(&self) -> usize {
        self.text.len()
            + size_of_val(self.submatches.as_slice())
            + size_of_val(self.entries.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in_and_can_be_cut_short() {
        let line = |kind, number, text, submatches| GrepLine {
            kind,
            number,
            text,
            submatches,
            is_cut: number == 3,
            after_gap: number == 7,
        };
        let (hit, near) = (GrepKind::Match, GrepKind::Context);
        let all = [
            line(near, 2, b"near", &[]),
            line(hit, 3, b"hit", &[(0, 1), (2, 3)]),
            line(near, 4, b"", &[]),
            line(hit, 7, b"again", &[(0, 5)]),
        ];
        let mut lines = GrepLines::default();
        for line in all {
            lines.push(line);
        }
        assert_eq!(lines.iter().collect::<Vec<_>>(), all);
        assert_eq!(lines.matches(), 2);
        lines.truncate(2);
        assert_eq!(lines.iter().count(), 4);
        lines.truncate(1);
        assert_eq!(lines.iter().collect::<Vec<_>>(), all[..2]);
        lines.truncate(0);
        assert_eq!(lines.iter().count(), 0);
    }
}
