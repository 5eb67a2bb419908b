//! What an export will hold, in its order, and the metadata of it. Reads records and no bytes of any
//! artifact. Everything here may block.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;

use artifact_archive::ZipData;
use artifact_codec::{Decoder, EncodeOptions, Encoding, Incompressible};
use artifact_domain::query::{Query, Versions};
use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result};
use futures::TryStreamExt;
use tempfile::SpooledTempFile;
use tokio::runtime::Handle;

use super::line::{FORMAT, Head, Line, to_json};
use super::path::archive_path;
use super::sorted::{Sorted, Sorter};
use crate::Store;
use crate::body::domain_error;

/// How much of what grows with the number of artifacts is kept in memory rather than in a temporary
/// file.
const HELD_BYTES: usize = 1 << 20;

/// Header and trailer of gzip without any optional field, RFC 1952 section 2.3.
const GZIP_HEADER_BYTES: u64 = 10;
const GZIP_TRAILER_BYTES: u64 = 8;

/// The versions to export, sorted by spec, task, type, name and version: an order that depends on
/// nothing else, such as the ids that a store has given.
#[derive(Debug)]
pub(super) struct Plan {
    sorted: Sorted,
    with_versions: bool,
    folder: PathBuf,
    /// How many there are.
    pub(super) count: u64,
    /// Their original bytes.
    pub(super) size_bytes: u64,
    /// The bytes of their blobs.
    pub(super) stored_size_bytes: u64,
}

impl Plan {
    /// Asks the index for all of them.
    pub(super) fn new(
        store: &Store,
        query: Query,
        folder: &Path,
        runtime: &Handle,
    ) -> Result<Self> {
        let with_versions = query.filter.versions == Versions::All;
        let mut sorter = Sorter::new(folder);
        let (mut count, mut size_bytes, mut stored_size_bytes) = (0, 0, 0);
        let mut found = pin!(store.pages(query));
        while let Some(record) = runtime.block_on(found.try_next())? {
            count += 1;
            let content = record.stored_content()?;
            size_bytes += content.size_bytes;
            stored_size_bytes += content.stored_size_bytes;
            let record_bytes = serde_json::to_vec(&record).map_err(no_json)?;
            sorter.push(key(&record), record_bytes).map_err(unsorted)?;
        }
        Ok(Self {
            sorted: sorter.finish().map_err(unsorted)?,
            with_versions,
            folder: folder.to_owned(),
            count,
            size_bytes,
            stored_size_bytes,
        })
    }

    /// Each of them with its path in the archive.
    pub(super) fn records(
        &self,
    ) -> Result<impl Iterator<Item = Result<(ArtifactRecord, String)>> + '_> {
        let records = self.sorted.values().map_err(unsorted)?;
        Ok(records.map(|bytes| {
            let record: ArtifactRecord =
                serde_json::from_slice(&bytes.map_err(unsorted)?).map_err(no_json)?;
            let version = self.with_versions.then_some(record.version);
            let path = archive_path(&record.coordinate, version);
            Ok((record, path))
        }))
    }

    /// What the archive says of them.
    pub(super) fn metadata(&self) -> Result<PlanMetadata> {
        let head = Head {
            artifact_export: FORMAT,
            artifacts: self.count,
        };
        let lines = self
            .records()?
            .map(|found| found.and_then(|(record, path)| to_json(&Line::new(record, path)?)));
        let lines = Lines {
            lines: std::iter::once(to_json(&head)).chain(lines),
            line: io::Cursor::default(),
        };
        let mut spool = tempfile::spooled_tempfile_in(HELD_BYTES, &self.folder);
        let options = EncodeOptions::new().with_incompressible(Incompressible::Gzip);
        let encoded = artifact_codec::encode(lines, &mut spool, &options)
            .map_err(|error| domain_error(error.into(), "writing the metadata of an export"))?;
        Ok(PlanMetadata {
            spool,
            size_bytes: encoded.size_bytes,
            stored_size_bytes: encoded.stored_size_bytes,
        })
    }

    /// A place for the central directory of a ZIP archive.
    pub(super) fn directory(&self) -> SpooledTempFile {
        tempfile::spooled_tempfile_in(HELD_BYTES, &self.folder)
    }
}

/// Names end in a zero byte, which none of them has, so that they sort one after another.
fn key(record: &ArtifactRecord) -> Vec<u8> {
    let at = &record.coordinate;
    let mut key = Vec::new();
    for text in [
        at.spec().as_str(),
        at.task().as_str(),
        at.artifact_type().as_str(),
        at.name().as_str(),
    ] {
        key.extend_from_slice(text.as_bytes());
        key.push(0);
    }
    key.extend_from_slice(&record.version.get().to_be_bytes());
    key
}

fn unsorted(cause: io::Error) -> Error {
    domain_error(cause, "sorting what is exported, in a temporary file")
}

fn no_json(cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "a record has no JSON").with_source(cause)
}

/// The metadata of an export, compressed.
#[derive(Debug)]
pub(super) struct PlanMetadata {
    spool: SpooledTempFile,
    pub(super) size_bytes: u64,
    stored_size_bytes: u64,
}

impl PlanMetadata {
    /// What ZIP wants to know of it.
    pub(super) fn zip_data(&mut self) -> io::Result<ZipData> {
        let mut crc = [0; 4];
        let trailer = self.stored_size_bytes - GZIP_TRAILER_BYTES;
        self.spool.seek(SeekFrom::Start(trailer))?;
        self.spool.read_exact(&mut crc)?;
        Ok(ZipData {
            crc32: u32::from_le_bytes(crc),
            size_bytes: self.size_bytes,
            deflated_size_bytes: Some(trailer - GZIP_HEADER_BYTES),
        })
    }

    /// Its deflate stream.
    pub(super) fn copy_deflated(&mut self, output: &mut impl Write) -> io::Result<u64> {
        let length = self.stored_size_bytes - GZIP_HEADER_BYTES - GZIP_TRAILER_BYTES;
        self.spool.seek(SeekFrom::Start(GZIP_HEADER_BYTES))?;
        io::copy(&mut (&mut self.spool).take(length), output)
    }

    /// Its plain bytes.
    pub(super) fn plain(&mut self) -> io::Result<impl Read + '_> {
        self.spool.rewind()?;
        Ok(Decoder::new(&mut self.spool, Encoding::Gzip))
    }
}

/// Lines, one after another, as a reader.
struct Lines<I> {
    lines: I,
    line: io::Cursor<Vec<u8>>,
}

impl<I: Iterator<Item = Result<Vec<u8>>>> Read for Lines<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.line.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.lines.next() {
                None => return Ok(0),
                Some(line) => self.line = io::Cursor::new(line.map_err(io::Error::other)?),
            }
        }
    }
}
