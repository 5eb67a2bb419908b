//! The records of a ZIP file as bytes. It must not know where they are written.

use super::time;
use super::writer::ZipData;
use crate::EntryInfo;

/// Where 32 bits end: this value says that the number stands in the Zip64 field.
const MAX_32: u64 = u32::MAX as u64;
/// Where the 16 bits of the number of entries end.
const MAX_16: u64 = u16::MAX as u64;

/// Bit 11, section 4.4.4: the name is UTF-8.
const UTF8: u16 = 1 << 11;
/// Made by a Unix, so that the external attributes are a mode (section 4.4.2), by the rules of 4.5.
const MADE_BY: u16 = (3 << 8) | VERSION_ZIP64;
/// What is needed to read deflate, and what is for Zip64; section 4.4.3.
const VERSION_DEFLATE: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// A regular file, in the mode of a Unix.
const REGULAR: u32 = 0o100_000;

/// A header that is being put together, every number with its low byte first (section 4.1.3).
#[derive(Default)]
struct Record(Vec<u8>);

impl Record {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// In 32 bits, or the value that stands for more.
    fn u32_or_mark(self, number: u64) -> Self {
        self.u32(u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn u16_or_mark(self, number: u64) -> Self {
        self.u16(u16::try_from(number).unwrap_or(u16::MAX))
    }

    /// The length of what is known to fit.
    fn length(self, bytes: &[u8]) -> Self {
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX))
    }
}

/// Whether a path fits into a header.
pub(super) fn is_path(path: &str) -> bool {
    !path.is_empty() && u16::try_from(path.len()).is_ok()
}

/// The Zip64 field, id 1, of these numbers; nothing where there are none. Section 4.5.3.
fn zip64(numbers: &[u64]) -> Vec<u8> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let field: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    Record::default().u16(1).length(&field).bytes(&field).0
}

/// Whether the sizes need the Zip64 field.
fn is_large(data: &ZipData) -> bool {
    data.size_bytes >= MAX_32 || data.stored_size_bytes() >= MAX_32
}

/// What both headers of a file have from the version that is needed up to the CRC-32.
fn common(record: Record, entry: &EntryInfo<'_>, data: &ZipData, zip64: bool) -> Record {
    let (time, day) = time::dos(entry.modified);
    let needed = if zip64 {
        VERSION_ZIP64
    } else {
        VERSION_DEFLATE
    };
    record
        .u16(needed)
        .u16(UTF8)
        .u16(data.method())
        .u16(time)
        .u16(day)
        .u32(data.crc32)
}

/// The local file header, section 4.3.7.
pub(super) fn local(entry: &EntryInfo<'_>, data: &ZipData) -> Vec<u8> {
    let stored_size_bytes = data.stored_size_bytes();
    // Here both sizes go to the Zip64 field, or none.
    let (mut extra, sizes) = if is_large(data) {
        (zip64(&[data.size_bytes, stored_size_bytes]), [MAX_32; 2])
    } else {
        (Vec::new(), [stored_size_bytes, data.size_bytes])
    };
    let has_zip64 = !extra.is_empty();
    extra.extend(time::extended(entry.modified).into_iter().flatten());
    let path = entry.path.as_bytes();
    common(Record::default().u32(0x0403_4b50), entry, data, has_zip64)
        .u32_or_mark(sizes[0])
        .u32_or_mark(sizes[1])
        .length(path)
        .length(&extra)
        .bytes(path)
        .bytes(&extra)
        .0
}

/// The header in the central directory, section 4.3.12, of a file whose local header is at `offset`.
pub(super) fn central(entry: &EntryInfo<'_>, data: &ZipData, offset: u64) -> Vec<u8> {
    let stored_size_bytes = data.stored_size_bytes();
    // Here the Zip64 field has only those numbers that need it, in this order.
    let large: Vec<u64> = [data.size_bytes, stored_size_bytes, offset]
        .into_iter()
        .filter(|number| *number >= MAX_32)
        .collect();
    let mut extra = zip64(&large);
    extra.extend(time::extended(entry.modified).into_iter().flatten());
    let path = entry.path.as_bytes();
    let record = Record::default().u32(0x0201_4b50).u16(MADE_BY);
    common(record, entry, data, !large.is_empty())
        .u32_or_mark(stored_size_bytes)
        .u32_or_mark(data.size_bytes)
        .length(path)
        .length(&extra)
        .u16(0) // no comment
        .u16(0) // on the first disk
        .u16(0) // internal attributes: nothing is known of its kind of bytes
        .u32((REGULAR | entry.mode()) << 16)
        .u32_or_mark(offset)
        .bytes(path)
        .bytes(&extra)
        .0
}

/// What comes after a central directory that lies at `offset`: the end record, section 4.3.16, and
/// before it those of Zip64, 4.3.14 and 4.3.15, where a number needs them.
pub(super) fn end(entries: u64, size_bytes: u64, offset: u64) -> Vec<u8> {
    let mut record = Record::default();
    if entries >= MAX_16 || size_bytes >= MAX_32 || offset >= MAX_32 {
        record = record
            .u32(0x0606_4b50)
            .u64(44) // what follows of this record
            .u16(MADE_BY)
            .u16(VERSION_ZIP64)
            .u32(0)
            .u32(0)
            .u64(entries)
            .u64(entries)
            .u64(size_bytes)
            .u64(offset)
            .u32(0x0706_4b50)
            .u32(0)
            .u64(offset + size_bytes)
            .u32(1);
    }
    record
        .u32(0x0605_4b50)
        .u16(0)
        .u16(0)
        .u16_or_mark(entries)
        .u16_or_mark(entries)
        .u32_or_mark(size_bytes)
        .u32_or_mark(offset)
        .u16(0) // no comment
        .0
}
