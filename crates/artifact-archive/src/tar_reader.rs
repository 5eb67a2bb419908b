//! Reads tar archives, by the crate `tar`: ustar, GNU and PAX. It must not know how the archive is
//! compressed.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};

use tar::{Archive, EntryType, Header, PaxExtensions};

use crate::found::{Exactly, safe_path};
use crate::{ArchiveError, FoundEntry, Limits, Visitor};

/// The longest extension of a header, in bytes: a path has 4,096 at most.
const EXTENSION_BYTES: u64 = 64 * 1024;

/// An archive ends in two blocks of zeros, of which some writers leave one out.
const END_BYTES: u64 = 512;

/// What a long path, or a record of PAX, says of the file that follows.
#[derive(Debug, Default)]
struct Extension {
    path: Option<Vec<u8>>,
    modified: Option<i64>,
    /// A size that the header itself has no room for.
    size_bytes: Option<u64>,
}

/// Reads an archive to the end of `input` and shows each file to the visitor. Folders are left out, and
/// links, devices and sparse files refused, as are paths that lead out and a path that comes again.
///
/// # Errors
/// `NoArchive` where not even its first header is one; `Malformed` and `OverLimit`; an `ArchiveError` that
/// `input` gives, as it is; those of the visitor.
pub fn read_tar(
    input: impl Read,
    limits: Limits,
    visitor: &mut impl Visitor,
) -> Result<(), ArchiveError> {
    let mut archive = Archive::new(Zeros { input, count: 0 });
    let mut next = Extension::default();
    let (mut seen, hasher, mut count) = (HashSet::new(), RandomState::new(), 0);
    // The library would take any length of an extension into memory.
    for entry in archive.entries().map_err(ArchiveError::from_io)?.raw(true) {
        let mut entry = entry.map_err(|error| match damaged(error) {
            ArchiveError::Malformed(_) if count == 0 => ArchiveError::NoArchive,
            other => other,
        })?;
        count += 1;
        limits.check_entries(count)?;
        let entry_type = entry.header().entry_type();
        if is_extension(entry_type) {
            read_extension(entry_type, &mut entry, &mut next)?;
            continue;
        }
        let extension = std::mem::take(&mut next);
        if entry_type.is_dir() {
            continue;
        }
        let header_size = entry.header().entry_size().map_err(damaged)?;
        let path = extension
            .path
            .unwrap_or_else(|| entry.path_bytes().into_owned());
        let text = String::from_utf8_lossy(&path).into_owned();
        let (path, mut refused) = match safe_path(&path) {
            Ok(path) => (path.to_owned(), refusal(entry_type)),
            Err(why) => (text, Some(why)),
        };
        if extension.size_bytes.is_some_and(|size| size != header_size) {
            // Where the next header is could not be told any more.
            return Err(ArchiveError::malformed(format!(
                "{path} has a size that its header has no room for"
            )));
        }
        if !seen.insert(hasher.hash_one(&path)) {
            refused = refused.or(Some("its path comes twice"));
        }
        let header = entry.header();
        let found = FoundEntry {
            size_bytes: header_size,
            modified: extension.modified.or_else(|| modified(header)),
            executable: header.mode().is_ok_and(|mode| mode & 0o111 != 0),
            refused,
            path,
        };
        let mut bytes = Exactly {
            missing_bytes: header_size,
            input: &mut entry,
        };
        visitor.visit(&found, &mut bytes)?;
    }
    // What follows may be damaged too, and the checksum of the whole is at its end.
    let mut input = archive.into_inner();
    io::copy(&mut input, &mut io::sink()).map_err(ArchiveError::from_io)?;
    if input.count < END_BYTES {
        return Err(ArchiveError::malformed("the archive ends too early"));
    }
    Ok(())
}

/// Counts the zero bytes at the end of what was read: without them the archive was cut off.
struct Zeros<R> {
    input: R,
    count: u64,
}

impl<R: Read> Read for Zeros<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        let bytes = &buffer[..length];
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        if zeros < length {
            self.count = 0;
        }
        self.count += zeros as u64;
        Ok(length)
    }
}

fn damaged(error: io::Error) -> ArchiveError {
    match ArchiveError::from_io(error) {
        ArchiveError::Io(error)
            if error.kind() == io::ErrorKind::Other
                && error.get_ref().is_some_and(|e| e.source().is_none()) =>
        {
            // What the library says quotes the bytes that it could not read.
            ArchiveError::malformed("the archive is damaged or cut off: a header makes no sense")
        }
        other => other,
    }
}

fn modified(header: &Header) -> Option<i64> {
    header
        .mtime()
        .ok()
        .and_then(|time| i64::try_from(time).ok())
}

fn is_extension(entry_type: EntryType) -> bool {
    entry_type.is_gnu_longname()
        || entry_type.is_gnu_longlink()
        || entry_type.is_pax_local_extensions()
        || entry_type.is_pax_global_extensions()
}

fn refusal(entry_type: EntryType) -> Option<&'static str> {
    match entry_type {
        EntryType::Regular | EntryType::Continuous => None,
        EntryType::Symlink | EntryType::Link => Some("it is a link"),
        EntryType::GNUSparse => Some("it is a sparse file"),
        _ => Some("it is no regular file"),
    }
}

fn read_extension(
    entry_type: EntryType,
    entry: &mut impl Read,
    next: &mut Extension,
) -> Result<(), ArchiveError> {
    let mut bytes = Vec::new();
    let read = entry.take(EXTENSION_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(ArchiveError::from_io)?;
    if bytes.len() as u64 > EXTENSION_BYTES {
        return Err(ArchiveError::OverLimit(
            "the header of a file is too long".to_owned(),
        ));
    }
    if entry_type.is_gnu_longname() {
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        next.path = Some(bytes);
    } else if entry_type.is_pax_local_extensions() {
        for record in PaxExtensions::new(&bytes) {
            let record = record.map_err(damaged)?;
            let number = || {
                record
                    .value()
                    .ok()
                    .and_then(|text| text.split('.').next()?.parse().ok())
            };
            match record.key() {
                Ok("path") => next.path = Some(record.value_bytes().to_owned()),
                Ok("mtime") => next.modified = number(),
                Ok("size") => next.size_bytes = number().and_then(|size| u64::try_from(size).ok()),
                _ => {}
            }
        }
    }
    Ok(())
}
