//! Which blobs the index below `base_path` is about. Blobs in a bucket do not lie beside their
//! index as files do, so it is written down there: an index that is used with another bucket would
//! take all its artifacts for lost, and what lies there for orphans. Knows no engine.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

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
            // Another process may have claimed it for another bucket meanwhile.
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

/// Whole or not at all, and durably.
fn write(base: &Path, location: &str) -> io::Result<()> {
    fs::create_dir_all(base)?;
    let claim = Claim {
        version: VERSION,
        blobs: location.to_owned(),
    };
    let temporary = base.join(format!("{FILE}.{}", std::process::id()));
    let mut file = fs::File::create(&temporary)?;
    serde_json::to_writer(&mut file, &claim)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&temporary, base.join(FILE))?;
    if cfg!(unix) {
        fs::File::open(base)?.sync_all()?;
    }
    Ok(())
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
