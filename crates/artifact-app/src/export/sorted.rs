//! Sorting more than memory holds: what does not fit waits in a temporary file, in sorted runs that are
//! merged when they are read. Knows nothing of what it sorts. Everything here may block.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How much is sorted at a time, in bytes; what fits never sees a disk.
const RUN_BYTES: usize = 4 << 20;

/// How much of each run is read at a time. A million artifacts make some 200 runs.
const READ_BYTES: usize = 16 * 1024;

/// What an item takes beside its bytes.
const ITEM_BYTES: usize = 64;

/// A key and what belongs to it, in one allocation. Items of equal keys stand in the order of their
/// values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    key: Box<[u8]>,
    value: Box<[u8]>,
}

/// Takes items in any order.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    items: Vec<Item>,
    held_bytes: usize,
    spilled: Option<BufWriter<File>>,
    runs: Vec<Range<u64>>,
    run_bytes: usize,
}

impl Sorter {
    /// Takes none yet. What does not fit into memory goes to a file in `folder` that has no name and is
    /// gone with the process.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            items: Vec::new(),
            held_bytes: 0,
            spilled: None,
            runs: Vec::new(),
            run_bytes: RUN_BYTES,
        }
    }

    /// Takes an item.
    pub(crate) fn push(&mut self, key: Vec<u8>, value: Vec<u8>) -> io::Result<()> {
        self.held_bytes += key.len() + value.len() + ITEM_BYTES;
        self.items.push(Item {
            key: key.into(),
            value: value.into(),
        });
        if self.held_bytes >= self.run_bytes {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.items.sort_unstable();
        let output = match &mut self.spilled {
            Some(output) => output,
            none => none.insert(BufWriter::new(tempfile::tempfile_in(&self.folder)?)),
        };
        let begin = self.runs.last().map_or(0, |run| run.end);
        let mut end = begin;
        for item in self.items.drain(..) {
            for part in [&item.key, &item.value] {
                let length = u32::try_from(part.len()).map_err(io::Error::other)?;
                output.write_all(&length.to_le_bytes())?;
                output.write_all(part)?;
                end += 4 + part.len() as u64;
            }
        }
        self.runs.push(begin..end);
        self.held_bytes = 0;
        Ok(())
    }

    /// Sorts what it has taken.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.items.sort_unstable();
        let spilled = match self.spilled.take() {
            None => None,
            Some(output) => Some(
                output
                    .into_inner()
                    .map_err(io::IntoInnerError::into_error)?,
            ),
        };
        Ok(Sorted {
            items: self.items,
            spilled,
            runs: self.runs,
        })
    }
}

/// Items in order, to be gone through as often as is wanted.
#[derive(Debug)]
pub(crate) struct Sorted {
    items: Vec<Item>,
    spilled: Option<File>,
    runs: Vec<Range<u64>>,
}

impl Sorted {
    /// The values in the order of their keys.
    pub(crate) fn values(&self) -> io::Result<Values<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        if let Some(file) = &self.spilled {
            let of_file = |range: &Range<u64>| {
                let range = range.clone();
                Run::Spilled(BufReader::with_capacity(
                    READ_BYTES,
                    Stretch { file, range },
                ))
            };
            runs.extend(self.runs.iter().map(of_file));
        }
        runs.push(Run::Held(self.items.iter()));
        let mut next = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(item) = run.next()? {
                next.push(Reverse((item, number)));
            }
        }
        Ok(Values { runs, next })
    }
}

/// See [`Sorted::values`].
#[derive(Debug)]
pub(crate) struct Values<'a> {
    runs: Vec<Run<'a>>,
    /// The first item of each run that is not at its end.
    next: BinaryHeap<Reverse<(Item, usize)>>,
}

impl Values<'_> {
    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(Reverse((item, number))) = self.next.pop() else {
            return Ok(None);
        };
        if let Some(following) = self.runs[number].next()? {
            self.next.push(Reverse((following, number)));
        }
        Ok(Some(item.value.into()))
    }
}

impl Iterator for Values<'_> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

#[derive(Debug)]
enum Run<'a> {
    Held(std::slice::Iter<'a, Item>),
    Spilled(BufReader<Stretch<'a>>),
}

impl Run<'_> {
    fn next(&mut self) -> io::Result<Option<Item>> {
        match self {
            Self::Held(items) => Ok(items.next().cloned()),
            Self::Spilled(reader) if reader.buffer().is_empty() && reader.get_ref().is_at_end() => {
                Ok(None)
            }
            Self::Spilled(reader) => {
                let key = read_part(reader)?;
                let value = read_part(reader)?;
                Ok(Some(Item { key, value }))
            }
        }
    }
}

fn read_part(reader: &mut impl Read) -> io::Result<Box<[u8]>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    let mut part = vec![0; length];
    reader.read_exact(&mut part)?;
    Ok(part.into())
}

/// A part of a file, read without moving the file's own position: all runs are in one file.
#[derive(Debug)]
struct Stretch<'a> {
    file: &'a File,
    range: Range<u64>,
}

impl Stretch<'_> {
    fn is_at_end(&self) -> bool {
        self.range.is_empty()
    }
}

impl Read for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.range.end - self.range.start;
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(&mut buffer[..wanted], self.range.start)?;
        self.range.start += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_comes_out_is_in_order_however_little_fits(
            numbers in proptest::collection::vec(0..500_u32, 0..300),
            run_bytes in 1..3_000_usize,
        ) {
            let mut sorter = Sorter::new(&std::env::temp_dir());
            sorter.run_bytes = run_bytes;
            for number in &numbers {
                sorter.push(number.to_be_bytes().to_vec(), number.to_string().into()).unwrap();
            }
            let sorted = sorter.finish().unwrap();
            let mut expected = numbers;
            expected.sort_unstable();
            for _ in 0..2 {
                let found: Vec<u32> = sorted
                    .values()
                    .unwrap()
                    .map(|value| String::from_utf8(value.unwrap()).unwrap().parse().unwrap())
                    .collect();
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
