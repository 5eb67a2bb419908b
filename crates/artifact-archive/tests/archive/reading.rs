//! What readers give of sound archives, and what they do with damaged ones.

use std::fs::File;
use std::io::{self, Cursor, Read, Write};

use artifact_archive::{
    ArchiveError, EntryInfo, FoundEntry, Limits, TarWriter, ZipData, ZipWriter, read_tar, read_zip,
};
use proptest::prelude::*;

fn entry(path: &str, executable: bool) -> EntryInfo<'_> {
    EntryInfo {
        path,
        modified: 1_772_366_401,
        executable,
    }
}

type Files = Vec<(String, bool, Vec<u8>)>;

fn zip(files: &Files) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new(), Cursor::new(Vec::new()));
    for (path, executable, bytes) in files {
        let data = ZipData {
            crc32: crc32fast::hash(bytes),
            size_bytes: bytes.len() as u64,
            deflated_size_bytes: None,
        };
        zip.begin(&entry(path, *executable), &data).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap()
}

fn tar(files: &Files) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    for (path, executable, bytes) in files {
        let size_bytes = bytes.len() as u64;
        tar.add(&entry(path, *executable), size_bytes, &bytes[..])
            .unwrap();
    }
    tar.finish().unwrap()
}

/// What is given, up to the first error.
fn take(found: &mut Files) -> impl FnMut(&FoundEntry, &mut dyn Read) -> io::Result<()> + '_ {
    |entry, bytes| {
        if entry.refused.is_none() {
            let mut all = Vec::new();
            bytes.read_to_end(&mut all)?;
            // Another time than the one written makes it another file.
            let path = match entry.modified {
                Some(1_772_366_401) => entry.path.clone(),
                other => format!("{} of {other:?}", entry.path),
            };
            found.push((path, entry.executable, all));
        }
        Ok(())
    }
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(archive: &[u8], is_zip: bool) -> Result<Files, ArchiveError> {
    let (mut found, limits) = (Vec::new(), Limits::default());
    if is_zip {
        read_zip(file(archive), limits, &mut take(&mut found))?;
    } else {
        read_tar(archive, limits, &mut take(&mut found))?;
    }
    Ok(found)
}

fn files() -> impl Strategy<Value = Files> {
    let path = "[a-zé %.]{1,150}(/[a-z]{1,90}){0,2}";
    let file = (
        path,
        any::<bool>(),
        proptest::collection::vec(any::<u8>(), 0..2_000),
    );
    proptest::collection::vec(file, 0..6).prop_filter("paths that are taken", |files| {
        let mut paths: Vec<_> = files.iter().map(|file| &file.0).collect();
        paths.sort_unstable();
        paths.dedup();
        let odd = |path: &str| path.split('/').any(|part| matches!(part, "." | ".."));
        paths.len() == files.len() && !files.iter().any(|file| odd(&file.0))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(files in files()) {
        prop_assert_eq!(&read(&zip(&files), true).unwrap(), &files);
        prop_assert_eq!(&read(&tar(&files), false).unwrap(), &files);
    }

    #[test]
    fn no_damage_is_taken_for_sound_or_ends_in_a_panic(
        files in files(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let sound = zip(&files);
        let mut damaged = sound.clone();
        let place = at.index(damaged.len());
        damaged[place] ^= 1 << bit;
        if let Ok(found) = read(&damaged, true) {
            // Names, times and modes have no checksum; bytes have.
            let bytes = |files: &Files| files.iter().map(|file| file.2.clone()).collect::<Vec<_>>();
            let all = bytes(&files);
            prop_assert!(bytes(&found).iter().all(|one| all.contains(one)));
        }
        for cut in [place, sound.len() - 1] {
            prop_assert!(read(&sound[..cut], true).is_err());
        }
        let sound = tar(&files);
        let place = at.index(sound.len().saturating_sub(1_024).max(1));
        prop_assert!(read(&sound[..place], false).is_err());
    }
}

#[test]
fn an_extension_of_a_header_does_not_fill_the_memory() {
    for kind in [tar::EntryType::GNULongName, tar::EntryType::XHeader] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(1 << 40);
        header.set_cksum();
        let endless = header.as_bytes().chain(io::repeat(b'x'));
        let limits = Limits::default();
        let error = read_tar(endless, limits, &mut take(&mut Vec::new())).unwrap_err();
        assert!(matches!(error, ArchiveError::OverLimit(_)), "{error}");
    }
}
