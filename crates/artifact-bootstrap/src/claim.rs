//! Which blobs the index below `base_path` is about. Blobs in a bucket do not lie beside their
//! index as files do, so it is written down there: an index that is used with another bucket would
//! take all its artifacts for lost, and what lies there for orphans. Knows no engine.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// Says whose index this is, below `base_path`; that of the files beside it where it is absent.
const FILE: &str = "store.json";

/// What shows that an index is there.
const INDEXES: [&str; 2] = ["index.sqlite", "index.sled"];

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    version: u32,
    /// Where the blobs are, as the store of blobs says it.
    blobs: String,
}

/// Whether nothing says yet which bucket the index below `base` is of. Blocks.
pub(crate) fn is_unclaimed(base: &Path) -> Result<bool> {
    Ok(read(&base.join(FILE))?.is_none())
}

/// Checks that the index below `base` is about the blobs at `location` (none for those that are
/// files below `base`), and writes it down where there is no index yet. Blocks.
///
/// # Errors
/// `InvalidInput` for the index of other blobs.
pub(crate) fn claim(base: &Path, location: Option<&str>) -> Result<()> {
    let path = base.join(FILE);
    let found = read(&path)?;
    match (&found, location) {
        (None, None) => Ok(()),
        (Some(found), Some(wanted)) if found == wanted => Ok(()),
        (None, Some(wanted)) if !INDEXES.iter().any(|name| base.join(name).exists()) => {
            write(base, wanted).map_err(|cause| failed("write", &path, cause))?;
            // Another process may have been quicker, and have claimed it for another bucket.
            match read(&path)? {
                Some(found) if found == wanted => Ok(()),
                found => Err(refused(base, found.as_deref(), location)),
            }
        }
        _ => Err(refused(base, found.as_deref(), location)),
    }
}

fn refused(base: &Path, found: Option<&str>, wanted: Option<&str>) -> Error {
    let name = |location: Option<&str>| location.unwrap_or("the files beside it").to_owned();
    let (base, found, wanted) = (base.display(), name(found), name(wanted));
    let message = format!("the index in {base} is of {found}, and not of {wanted}");
    Error::invalid_input(message).with_hint(
        "set `base_path` to a folder of its own for each bucket; `artifact reindex` fills an empty \
         index from what is stored",
    )
}

fn read(path: &Path) -> Result<Option<String>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        // Whoever needs the folder says what is wrong with it.
        Err(cause) if is_absent(&cause) => return Ok(None),
        Err(cause) => return Err(failed("read", path, cause)),
    };
    let claim = serde_json::from_slice::<Claim>(&text).ok();
    let claim = claim.filter(|claim| claim.version == VERSION);
    claim.map(|claim| Some(claim.blobs)).ok_or_else(|| {
        let message = format!("{} is damaged or of a later version", path.display());
        Error::new(ErrorKind::Integrity, message).with_hint(
            "it says which bucket the index beside it is of; move both away and run \
             `artifact reindex`",
        )
    })
}

fn is_absent(cause: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(cause.kind(), NotFound | NotADirectory)
}

/// Whole or not at all, durably, and never over that of somebody else.
fn write(base: &Path, location: &str) -> io::Result<()> {
    fs::create_dir_all(base)?;
    let claim = Claim {
        version: VERSION,
        blobs: location.to_owned(),
    };
    let (draft, mut file) = draft(base)?;
    let written = serde_json::to_writer(&mut file, &claim)
        .map_err(io::Error::from)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all());
    let path = base.join(FILE);
    let link = || fs::hard_link(&draft, &path).or_else(|_| rename_unless_taken(&draft, &path));
    let published = written.and_then(|()| link());
    // If it cannot be removed it is litter, which harms nobody. A rename has taken it away.
    let _ = fs::remove_file(&draft);
    published?;
    if cfg!(unix) {
        fs::File::open(base)?.sync_all()?;
    }
    Ok(())
}

/// A new file that nobody else writes: machines that share the folder may give out the same process ids.
fn draft(base: &Path) -> io::Result<(PathBuf, fs::File)> {
    let mut number = 0_u32;
    loop {
        let path = base.join(format!("{FILE}.{}.{number}", std::process::id()));
        match fs::File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(cause) => return Err(cause),
        }
    }
}

/// Names a draft that could not be linked, unless somebody has the name. Where the file system has no links, two
/// who do this in the same instant are told apart only by what they read afterwards.
fn rename_unless_taken(draft: &Path, path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    fs::rename(draft, path)
}

fn failed(doing: &str, path: &Path, cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ErrorKind::PermissionDenied
        }
        io::ErrorKind::StorageFull => ErrorKind::StorageFull,
        io::ErrorKind::NotADirectory => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    };
    let message = format!("{doing} {}: {cause}", path.display());
    let error = Error::new(kind, message).with_source(cause);
    match kind {
        ErrorKind::Internal => error,
        _ => error.with_hint("`base_path` must be a folder that can be written, with room in it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_of_the_bucket_that_it_was_begun_with() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("new");
        assert!(is_unclaimed(&base).unwrap());
        claim(&base, Some("s3://a/")).unwrap();
        assert!(!is_unclaimed(&base).unwrap());
        claim(&base, Some("s3://a/")).unwrap();
        fs::write(base.join("index.sqlite"), "").unwrap();
        claim(&base, Some("s3://a/")).unwrap();
        for other in [Some("s3://b/"), Some("s3://a/prefix/"), None] {
            let error = claim(&base, other).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains("s3://a/"), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("base_path")));
        }
    }

    #[test]
    fn an_index_of_files_is_of_no_bucket() {
        let folder = tempfile::tempdir().unwrap();
        claim(folder.path(), None).unwrap();
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
        for index in INDEXES {
            fs::write(folder.path().join(index), "").unwrap();
            let error = claim(folder.path(), Some("s3://a/")).unwrap_err();
            assert!(error.message().contains("the files beside it"), "{error}");
            claim(folder.path(), None).unwrap();
            fs::remove_file(folder.path().join(index)).unwrap();
        }
    }

    #[test]
    fn of_two_who_claim_it_at_once_one_does() {
        let folder = tempfile::tempdir().unwrap();
        // Both have seen that nobody has claimed it.
        write(folder.path(), "s3://a/").unwrap();
        write(folder.path(), "s3://b/").unwrap();
        let found = read(&folder.path().join(FILE)).unwrap();
        assert_eq!(found.as_deref(), Some("s3://a/"));
        for round in 0..20 {
            let base = folder.path().join(round.to_string());
            let claimed = ["s3://a/", "s3://b/"].map(|location| {
                let base = base.clone();
                std::thread::spawn(move || claim(&base, Some(location)).is_ok())
            });
            let claimed = claimed.map(|claimed| claimed.join().unwrap());
            assert!(claimed[0] != claimed[1], "{claimed:?}");
            let names = fs::read_dir(&base).unwrap();
            assert_eq!(names.count(), 1, "drafts are left");
        }
    }

    #[test]
    fn a_file_system_without_links_has_claims_too() {
        let folder = tempfile::tempdir().unwrap();
        let [draft, path] = ["draft", FILE].map(|name| folder.path().join(name));
        for (text, said) in [("a", "a"), ("b", "a")] {
            fs::write(&draft, text).unwrap();
            rename_unless_taken(&draft, &path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), said);
        }
    }

    #[test]
    fn what_can_not_be_read_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", r#"{"version":2,"blobs":"s3://a/"}"#] {
            fs::write(folder.path().join(FILE), text).unwrap();
            let error = claim(folder.path(), Some("s3://a/")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity);
            assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), text);
        }
    }
}
