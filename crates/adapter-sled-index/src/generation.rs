//! Notices an index that is not the one it was.
//!
//! sled repairs a damaged file by leaving out what it cannot read, in silence, down to an empty
//! database. So two things are kept beside it: `generation`, who it is, also kept inside; and
//! `synced`, the number of the last change that is known to be on the disk. If the database does
//! not know itself by the first, or has not come as far as the second, changes are lost.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Seek, Write};
use std::path::Path;

use artifact_domain::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::error::{damaged, from_io};

const FILE_NAME: &str = "generation";
const SYNCED_FILE_NAME: &str = "synced";

/// The format of everything in the index directory. The first had no mark of completeness, the
/// second no reservations in the records of uploads.
const FORMAT: u32 = 3;
const FIRST_FORMAT: u32 = 1;

/// Who an index is, and in which format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation {
    format: u32,
    #[serde(default)]
    id: String,
}

impl Generation {
    /// A new one. Its id need only differ from that of any other index, so the random keys of the
    /// standard library's maps will do.
    pub(crate) fn new() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self {
            format: FORMAT,
            id: format!("{:016x}{:016x}", random(), random()),
        }
    }

    /// The same index in the newest format, if it has an earlier one.
    pub(crate) fn upgraded(&self) -> Option<Self> {
        (self.format < FORMAT).then(|| Self {
            format: FORMAT,
            id: self.id.clone(),
        })
    }

    /// Whether its format has no mark of completeness.
    pub(crate) fn is_unmarked(&self) -> bool {
        self.format == FIRST_FORMAT
    }

    /// Whether it is the same index in a later format.
    pub(crate) fn succeeds(&self, earlier: &Self) -> bool {
        self.id == earlier.id && self.format > earlier.format
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        format!(r#"{{"format":{},"id":"{}"}}"#, self.format, self.id).into_bytes()
    }

    /// Reads one back, and refuses a format that is not known.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let read: Self = serde_json::from_slice(bytes).map_err(|cause| {
            damaged("the generation of the sled index cannot be read").with_source(cause)
        })?;
        match read.format {
            FIRST_FORMAT..=FORMAT => Ok(read),
            format if format > FORMAT => Err(Error::new(
                ErrorKind::Unsupported,
                format!("the sled index has format {format}, known is up to {FORMAT}"),
            )
            .with_hint("a newer release wrote it: use that one, or another index directory")),
            format => Err(damaged(format!(
                "the sled index has the unknown format {format}"
            ))),
        }
    }

    /// Reads the one kept beside the database, if there is one.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>> {
        match fs::read(dir.join(FILE_NAME)) {
            Ok(bytes) => Self::from_bytes(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(from_io("read the generation of the sled index", error)),
        }
    }

    /// Keeps it beside the database, durably.
    pub(crate) fn store(&self, dir: &Path) -> Result<()> {
        let write = || {
            let temporary = dir.join("generation.new");
            let mut file = File::create(&temporary)?;
            file.write_all(&self.to_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, dir.join(FILE_NAME))?;
            sync_dir(dir)
        };
        write().map_err(|error| from_io("write the generation of the sled index", error))
    }
}

/// How far the database is known to have come: a lower bound, written in place after each sync
/// and not synced itself. It is one number in one block, so a loss of power leaves an old one.
#[derive(Debug)]
pub(crate) struct SyncedMark {
    file: File,
}

impl SyncedMark {
    /// Opens the mark of `dir`, or makes one; gives the number in it, 0 for a new one.
    pub(crate) fn open(dir: &Path) -> Result<(Self, u64)> {
        let path = dir.join(SYNCED_FILE_NAME);
        let open = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            let text = io::read_to_string(&file)?;
            Ok((file, text))
        };
        let (file, text) =
            open().map_err(|error| from_io("open the mark of the sled index", error))?;
        let mark = Self { file };
        if text.is_empty() {
            let made = mark.write(0).and_then(|()| mark.file.sync_all());
            made.map_err(|error| from_io("make the mark of the sled index", error))?;
            return Ok((mark, 0));
        }
        let number = text
            .trim_end()
            .parse()
            .map_err(|_| damaged("the mark of the sled index cannot be read"))?;
        Ok((mark, number))
    }

    /// Writes the number down.
    pub(crate) fn write(&self, number: u64) -> io::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(format!("{number:020}\n").as_bytes())
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_comes_back_and_no_two_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Generation::load(dir.path()).unwrap(), None);
        let generation = Generation::new();
        generation.store(dir.path()).unwrap();
        assert_eq!(
            Generation::load(dir.path()).unwrap(),
            Some(generation.clone())
        );
        assert_ne!(generation, Generation::new());
    }

    #[test]
    fn every_format_is_held_still_and_the_earlier_become_the_newest() {
        let [first, second, newest] = [
            include_bytes!("../tests/golden/generation-v1.json"),
            include_bytes!("../tests/golden/generation-v2.json"),
            include_bytes!("../tests/golden/generation-v3.json"),
        ]
        .map(|golden| {
            let read = Generation::from_bytes(golden).unwrap();
            assert_eq!(read.to_bytes(), golden);
            read
        });
        for old in [&first, &second] {
            assert_eq!(old.upgraded(), Some(newest.clone()));
            assert!(newest.succeeds(old) && !old.succeeds(&newest));
        }
        assert!(first.is_unmarked() && !second.is_unmarked() && !newest.is_unmarked());
        assert_eq!(newest.upgraded(), None);
        assert!(!newest.succeeds(&newest));
        assert!(!Generation::new().succeeds(&first));
    }

    #[test]
    fn what_is_newer_or_no_generation_is_refused() {
        let kind = |bytes: &[u8]| Generation::from_bytes(bytes).unwrap_err().kind();
        assert_eq!(kind(br#"{"format":4,"more":[]}"#), ErrorKind::Unsupported);
        assert_eq!(kind(br#"{"format":0,"id":"x"}"#), ErrorKind::Integrity);
        assert_eq!(kind(b"\0\0\0\0"), ErrorKind::Integrity);
    }

    #[test]
    fn a_mark_keeps_its_number_and_a_torn_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (mark, number) = SyncedMark::open(dir.path()).unwrap();
        assert_eq!(number, 0);
        mark.write(u64::MAX).unwrap();
        mark.write(12).unwrap();
        assert_eq!(SyncedMark::open(dir.path()).unwrap().1, 12);
        fs::write(dir.path().join(SYNCED_FILE_NAME), "\0\0\0").unwrap();
        let error = SyncedMark::open(dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
}
