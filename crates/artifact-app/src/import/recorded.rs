//! What an archive's own metadata says of its files, found by their paths. Kept in a temporary file, with
//! sixteen bytes of memory for each. Everything here may block.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use artifact_domain::{Error, ErrorKind, Result};
use tempfile::SpooledTempFile;

use super::reader::archive_failed;
use crate::export::line::{FORMAT, Head, Line};

/// How much is kept in memory rather than in a temporary file.
const HELD_BYTES: usize = 1 << 20;

/// The longest line: free metadata alone has up to 64 KiB, and tags beside it.
const LINE_BYTES: u64 = 1 << 20;

/// How much is looked at to tell whether a file is metadata at all.
const HEAD_BYTES: u64 = 4 * 1024;

/// In [`Row::place`]: a higher version of the same artifact follows.
const OLDER: u64 = 1 << 63;
/// In [`Row::place`]: the file has come.
const FOUND: u64 = 1 << 62;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// Of the path.
    hash: u64,
    /// Where its line begins, and the two flags.
    place: u64,
}

/// The metadata of an archive.
#[derive(Debug)]
pub(super) struct Recorded {
    lines: SpooledTempFile,
    rows: Vec<Row>,
    hasher: RandomState,
}

/// What is said of a file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: Line,
    /// Whether the archive has a higher version of the same artifact too.
    pub(super) is_older: bool,
}

/// Whether a file is metadata: that, or its bytes as they were.
pub(super) enum Recognised<'a> {
    Metadata(Recorded),
    Other(io::Chain<io::Cursor<Vec<u8>>, &'a mut dyn Read>),
}

impl Recorded {
    /// Reads metadata, if that is what it is.
    ///
    /// Errors: `Unsupported` for a later format, `Integrity` for a line that is no record, or for
    /// another number of them than the first line says.
    pub(super) fn read<'a>(
        mut bytes: &'a mut dyn Read,
        folder: &Path,
        max_lines: u64,
    ) -> Result<Recognised<'a>> {
        let mut begin = Vec::new();
        (&mut bytes)
            .take(HEAD_BYTES)
            .read_to_end(&mut begin)
            .map_err(archive_failed)?;
        let first = begin.split_inclusive(|byte| *byte == b'\n').next();
        let length = first.map_or(0, <[u8]>::len);
        let Some(head) = first.and_then(|line| serde_json::from_slice::<Head>(line).ok()) else {
            return Ok(Recognised::Other(io::Cursor::new(begin).chain(bytes)));
        };
        if head.artifact_export > FORMAT {
            let message = format!(
                "the metadata of the archive has format {}",
                head.artifact_export
            );
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("it was written by a newer version of this program"));
        }
        let rest = io::Cursor::new(begin.split_off(length)).chain(bytes);
        let mut recorded = Self {
            lines: tempfile::spooled_tempfile_in(HELD_BYTES, folder),
            rows: Vec::new(),
            hasher: RandomState::new(),
        };
        recorded.fill(BufReader::new(rest), max_lines)?;
        if recorded.rows.len() as u64 != head.artifacts {
            return Err(damaged(
                "its metadata has another number of artifacts than it says",
            ));
        }
        Ok(Recognised::Metadata(recorded))
    }

    fn fill(&mut self, mut input: impl BufRead, max_lines: u64) -> Result<()> {
        let (mut place, mut text) = (0, Vec::new());
        let mut before: Option<Line> = None;
        loop {
            text.clear();
            let read = (&mut input).take(LINE_BYTES).read_until(b'\n', &mut text);
            if read.map_err(archive_failed)? == 0 {
                break;
            }
            let number = self.rows.len() as u64 + 2;
            if number > max_lines.saturating_add(1) {
                let message = format!("the archive has more than {max_lines} artifacts");
                return Err(Error::new(ErrorKind::TooLarge, message)
                    .with_hint("raise --max-entries if it comes from somebody you trust"));
            }
            let line: Line = serde_json::from_slice(&text).map_err(|cause| {
                damaged(&format!(
                    "line {number} of its metadata is no record: {cause}"
                ))
            })?;
            // The versions of an artifact stand one after another, the highest last.
            if before.is_some_and(|before| before.is_of_the_same(&line))
                && let Some(row) = self.rows.last_mut()
            {
                row.place |= OLDER;
            }
            self.rows.push(Row {
                hash: self.hasher.hash_one(&line.path),
                place,
            });
            self.lines.write_all(&text).map_err(unkept)?;
            place += text.len() as u64;
            before = Some(line);
        }
        self.rows.sort_unstable();
        Ok(())
    }

    /// What is said of the file at `path`, if anything is. A file is given once.
    pub(super) fn take(&mut self, path: &str) -> Result<Option<Entry>> {
        let hash = self.hasher.hash_one(path);
        let begin = self.rows.partition_point(|row| row.hash < hash);
        for index in begin..self.rows.len() {
            let row = self.rows[index];
            if row.hash != hash {
                break;
            }
            if row.place & FOUND != 0 {
                continue;
            }
            let line = self.line(row)?;
            if line.path == path {
                self.rows[index].place |= FOUND;
                return Ok(Some(Entry {
                    line,
                    is_older: row.place & OLDER != 0,
                }));
            }
        }
        Ok(None)
    }

    /// The paths that were never asked for, in the order of the metadata.
    pub(super) fn missing(mut self, mut tell: impl FnMut(Line) -> io::Result<()>) -> Result<()> {
        self.rows.retain(|row| row.place & FOUND == 0);
        self.rows.sort_unstable_by_key(|row| row.place & !OLDER);
        for row in std::mem::take(&mut self.rows) {
            let line = self.line(row)?;
            if tell(line).is_err() {
                // Nobody wants to know any more.
                break;
            }
        }
        Ok(())
    }

    fn line(&mut self, row: Row) -> Result<Line> {
        let place = row.place & !(OLDER | FOUND);
        self.lines.seek(SeekFrom::Start(place)).map_err(unkept)?;
        let mut text = Vec::new();
        BufReader::with_capacity(1024, &mut self.lines)
            .take(LINE_BYTES)
            .read_until(b'\n', &mut text)
            .map_err(unkept)?;
        serde_json::from_slice(&text).map_err(|cause| {
            Error::new(ErrorKind::Internal, "a line that was read is none now").with_source(cause)
        })
    }
}

fn damaged(why: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the archive is damaged: {why}"),
    )
}

fn unkept(cause: io::Error) -> Error {
    crate::body::domain_error(
        cause,
        "keeping the metadata of an archive, in a temporary file",
    )
}
