//! ZIP archives as `rawzip` reads them.

use std::io::{Cursor, Read, Write};

use artifact_archive::{EntryInfo, ZipData, ZipWriter};
use rawzip::{CompressionMethod, ZipArchive};

const TIME: i64 = 1_772_366_401;

fn entry(path: &str) -> EntryInfo<'_> {
    EntryInfo {
        path,
        modified: TIME,
        executable: false,
    }
}

fn stored(bytes: &[u8]) -> ZipData {
    ZipData {
        crc32: crc32fast::hash(bytes),
        size_bytes: bytes.len() as u64,
        deflated_size_bytes: None,
    }
}

fn writer() -> ZipWriter<Vec<u8>, Cursor<Vec<u8>>> {
    ZipWriter::new(Vec::new(), Cursor::new(Vec::new()))
}

#[test]
fn deflate_streams_and_plain_bytes_come_back() {
    let plain = b"some text, some text, some text".repeat(50);
    let mut deflated = Vec::new();
    flate2::read::DeflateEncoder::new(&plain[..], flate2::Compression::new(6))
        .read_to_end(&mut deflated)
        .unwrap();
    let mut zip = writer();
    let data = ZipData {
        deflated_size_bytes: Some(deflated.len() as u64),
        ..stored(&plain)
    };
    zip.begin(&entry("dir/deflated"), &data).unwrap();
    zip.write_all(&deflated).unwrap();
    let program = EntryInfo {
        executable: true,
        ..entry("名/stored")
    };
    zip.begin(&program, &stored(&plain)).unwrap();
    zip.write_all(&plain).unwrap();
    zip.begin(&entry("empty"), &stored(b"")).unwrap();
    let bytes = zip.finish().unwrap();

    let archive = ZipArchive::from_slice(&bytes).unwrap();
    let mut found = Vec::new();
    let mut entries = archive.entries();
    while let Some(header) = entries.next_entry().unwrap() {
        let entry = archive.get_entry(header.wayfinder()).unwrap();
        let mut bytes = Vec::new();
        if header.compression_method() == CompressionMethod::DEFLATE {
            entry
                .verifying_reader(flate2::read::DeflateDecoder::new(entry.data()))
                .read_to_end(&mut bytes)
                .unwrap();
        } else {
            entry
                .verifying_reader(entry.data())
                .read_to_end(&mut bytes)
                .unwrap();
        }
        // The local header says the same, for those who read it alone.
        let local = entry.local_header();
        assert_eq!(local.crc32(), header.crc32());
        assert_eq!(local.file_path().as_bytes(), header.file_path().as_bytes());
        assert_eq!(local.uncompressed_size_hint(), bytes.len() as u64);
        assert!(!header.flags().has_data_descriptor());
        assert_eq!(header.version_made_by().creator_system().as_u8(), 3);
        found.push((
            String::from_utf8(header.file_path().as_bytes().to_vec()).unwrap(),
            header.mode().value(),
            bytes,
        ));
    }
    assert_eq!(
        found,
        [
            ("dir/deflated".to_owned(), 0o100_644, plain.clone()),
            ("名/stored".to_owned(), 0o100_755, plain),
            ("empty".to_owned(), 0o100_644, Vec::new()),
        ]
    );
}

#[test]
fn another_number_of_bytes_than_was_said_is_an_error() {
    let mut zip = writer();
    zip.begin(&entry("a"), &stored(b"abc")).unwrap();
    assert!(zip.write_all(b"abcd").is_err());
    zip.write_all(b"ab").unwrap();
    assert!(zip.begin(&entry("b"), &stored(b"")).is_err());
    assert!(zip.finish().is_err());
    assert!(writer().begin(&entry(""), &stored(b"")).is_err());
    assert!(
        writer()
            .begin(&entry(&"x".repeat(65_536)), &stored(b""))
            .is_err()
    );
}

/// Every number on either side of where 16 bits end.
#[test]
fn zip64_appears_with_the_65_535th_file_and_not_before() {
    for count in [65_534_u64, 65_535, 65_536] {
        let mut zip = writer();
        for number in 0..count {
            zip.begin(&entry(&number.to_string()), &stored(b""))
                .unwrap();
        }
        let bytes = zip.finish().unwrap();
        let has_zip64 = bytes[bytes.len() - 42..].starts_with(b"PK\x06\x07");
        assert_eq!(has_zip64, count >= 65_535, "{count}");
        let archive = ZipArchive::from_slice(&bytes).unwrap();
        let mut entries = archive.entries();
        let mut found = 0;
        while entries.next_entry().unwrap().is_some() {
            found += 1;
        }
        assert_eq!((found, archive.entries_hint()), (count, count));
    }
}

/// Takes everything and keeps nothing but its end.
struct Tail(Vec<u8>);

impl Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(4096);
        self.0.drain(..surplus);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The fields of the last central header, by section 4.3.12, and what follows the directory.
#[test]
fn zip64_is_used_for_the_numbers_that_need_it_alone() {
    const LIMIT: u64 = u32::MAX as u64;
    let block = vec![0; 1 << 20];
    for (size_bytes, in_file, in_end) in [
        (LIMIT - 1, 0, 1),
        (LIMIT, 2, 1),
        (LIMIT + 10, 2, 1),
        (9, 0, 0),
    ] {
        let mut zip = ZipWriter::new(Tail(Vec::new()), Cursor::new(Vec::new()));
        let data = ZipData {
            crc32: 0,
            size_bytes,
            deflated_size_bytes: None,
        };
        zip.begin(&entry("big"), &data).unwrap();
        let mut left = size_bytes;
        while left > 0 {
            let len = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
            zip.write_all(&block[..len]).unwrap();
            left -= len as u64;
        }
        zip.begin(&entry("after"), &stored(b"")).unwrap();
        let tail = zip.finish().unwrap().0;
        let at = |signature: &[u8]| tail.windows(4).position(|bytes| bytes == signature);
        let field = at(b"PK\x01\x02").unwrap() + 46 + 3;
        let numbers = match &tail[field..field + 4] {
            [1, 0, length, 0] => length / 8,
            _ => 0,
        };
        assert_eq!(numbers, in_file, "{size_bytes}");
        assert_eq!(at(b"PK\x06\x06").is_some(), in_end == 1, "{size_bytes}");
    }
}
