//! Reads ZIP archives, by the crate `rawzip`, which goes through the central directory without holding
//! it. It must not know what the bytes are.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::BufReader;

use flate2::bufread::DeflateDecoder;
use rawzip::time::ZipDateTimeKind;
use rawzip::{CompressionMethod, FileReader, ZipArchive, ZipFileHeaderRecord};

use crate::found::safe_path;
use crate::{ArchiveError, FoundEntry, Limits, Visitor};

/// Room for the largest record of a central directory, three fields of 64 KiB and the fixed part.
const RECORD_BYTES: usize = 256 * 1024;

/// The fixed part of a local header, APPNOTE section 4.3.7.
const LOCAL_HEADER_BYTES: u64 = 30;

/// Where files begin, and where what belongs to them ends at the earliest, in the order of beginnings.
struct Layout(Vec<(u64, u64)>);

impl Layout {
    /// Where the next file, or the directory, begins after the file that begins at `start`.
    fn limit(&self, start: u64, directory: u64) -> u64 {
        let next = self.0.partition_point(|(begin, _)| *begin <= start);
        self.0.get(next).map_or(directory, |(begin, _)| *begin)
    }
}

/// Reads an archive and shows each file to the visitor, in the order of the directory. Folders are left
/// out; links, encrypted files, paths that lead out and methods but deflate are refused.
///
/// Before the first file is shown the whole directory is looked at: an archive with a path that comes
/// twice, with files that overlap, or of more than the limits is refused as a whole. Bytes come with the
/// check of their CRC-32 and length at their end.
///
/// # Errors
/// `Malformed`, `OverLimit`; those of the file and of the visitor.
pub fn read_zip(
    file: File,
    limits: Limits,
    visitor: &mut impl Visitor,
) -> Result<(), ArchiveError> {
    let archive_bytes = file.metadata()?.len();
    let mut buffer = vec![0; RECORD_BYTES];
    let archive = ZipArchive::from_file(file, &mut buffer).map_err(damaged)?;
    let layout = look(&archive, &mut buffer, archive_bytes, limits)?;
    let mut entries = archive.entries(&mut buffer);
    while let Some(record) = entries.next_entry().map_err(damaged)? {
        if record.is_dir() {
            continue;
        }
        let found = found(&record);
        if found.refused.is_some() {
            visitor.visit(&found, &mut std::io::empty())?;
            continue;
        }
        let start = record.local_header_offset();
        let is_deflated = record.compression_method() == CompressionMethod::DEFLATE;
        let entry = archive.get_entry(record.wayfinder()).map_err(damaged)?;
        let (_, end) = entry.compressed_data_range();
        if end > layout.limit(start, archive.directory_offset()) {
            return Err(overlap());
        }
        let stored = BufReader::new(entry.reader());
        if is_deflated {
            let mut bytes = entry.verifying_reader(DeflateDecoder::new(stored));
            visitor.visit(&found, &mut bytes)?;
        } else {
            let mut bytes = entry.verifying_reader(stored);
            visitor.visit(&found, &mut bytes)?;
        }
    }
    Ok(())
}

/// Goes through the directory once without reading any file.
fn look(
    archive: &ZipArchive<FileReader>,
    buffer: &mut [u8],
    archive_bytes: u64,
    limits: Limits,
) -> Result<Layout, ArchiveError> {
    limits.check_entries(archive.entries_hint())?;
    let (mut layout, mut paths) = (Vec::new(), Vec::new());
    let hasher = RandomState::new();
    let (mut count, mut bytes) = (0, 0_u64);
    let mut entries = archive.entries(buffer);
    while let Some(record) = entries.next_entry().map_err(damaged)? {
        count += 1;
        limits.check_entries(count)?;
        bytes = bytes.saturating_add(record.uncompressed_size_hint());
        let start = record.local_header_offset();
        let stored = LOCAL_HEADER_BYTES.saturating_add(record.compressed_size_hint());
        layout.push((start, start.saturating_add(stored)));
        paths.push(hasher.hash_one(record.file_path().as_bytes()));
    }
    if count != archive.entries_hint() {
        return Err(ArchiveError::malformed(
            "the directory of the archive has another number of files than it says",
        ));
    }
    limits.check_bytes(bytes, archive_bytes)?;
    paths.sort_unstable();
    if paths.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ArchiveError::malformed("the archive has a path twice"));
    }
    layout.sort_unstable();
    let ends_before = |end: u64, next: u64| end <= next;
    let apart = layout
        .windows(2)
        .all(|pair| ends_before(pair[0].1, pair[1].0));
    let inside = layout
        .last()
        .is_none_or(|(_, end)| ends_before(*end, archive.directory_offset()));
    if !apart || !inside {
        return Err(overlap());
    }
    Ok(Layout(layout))
}

fn overlap() -> ArchiveError {
    ArchiveError::malformed("files of the archive overlap")
}

fn damaged(error: rawzip::Error) -> ArchiveError {
    match error.kind() {
        rawzip::ErrorKind::IO(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            ArchiveError::Io(std::io::Error::new(cause.kind(), error))
        }
        _ => ArchiveError::malformed(format!("the archive is damaged: {error}")),
    }
}

fn found(record: &ZipFileHeaderRecord<'_>) -> FoundEntry {
    let raw = record.file_path();
    let (path, mut refused) = match safe_path(raw.as_bytes()) {
        Ok(path) => (path.to_owned(), None),
        Err(why) => (
            String::from_utf8_lossy(raw.as_bytes()).into_owned(),
            Some(why),
        ),
    };
    let mode = record.mode();
    let method = record.compression_method();
    if mode.is_symlink() {
        refused = refused.or(Some("it is a link"));
    }
    if record.flags().is_encrypted() {
        refused = refused.or(Some("it is encrypted"));
    }
    if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
        refused = refused.or(Some("it is compressed in another way than by deflate"));
    }
    FoundEntry {
        path,
        size_bytes: record.uncompressed_size_hint(),
        modified: match record.last_modified() {
            ZipDateTimeKind::Utc(time) => Some(time.to_unix()),
            // In a zone that nobody knows.
            ZipDateTimeKind::Local(_) => None,
        },
        executable: mode.permissions() & 0o111 != 0,
        refused,
    }
}
