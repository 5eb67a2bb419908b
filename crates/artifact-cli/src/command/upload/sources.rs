//! From the paths that were typed to the files that are uploaded, each with its name. Reads no
//! file's content.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use artifact_domain::{ArtifactName, Error, ErrorKind, Result};
use walkdir::WalkDir;

/// The name of standard input when none is given.
const STDIN_NAME: &str = "stdin";

/// Where the bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Stdin,
    File(PathBuf),
}

/// One thing to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: ArtifactName,
    pub(super) origin: Origin,
    /// Known for regular files.
    pub(super) size_bytes: Option<u64>,
}

/// What the typed paths stand for. Nothing is left out in silence: what is not in `files` is in
/// `warnings` (not uploaded by design) or `errors`.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) files: Vec<Source>,
    pub(super) warnings: Vec<String>,
    pub(super) errors: Vec<Error>,
}

impl Sources {
    /// Finds the files behind `paths`. A file is named by itself, a file in a folder by its path
    /// relative to that folder; `name` overrules for a single file.
    ///
    /// # Errors
    /// `InvalidInput` where `name` is given for more than one file, or two files would have the
    /// same name.
    pub(super) fn collect(paths: &[PathBuf], name: Option<&ArtifactName>) -> Result<Self> {
        let mut found = Self::default();
        for path in paths {
            match found.add(path, name, paths.len()) {
                Err(error) if error.kind() == ErrorKind::InvalidInput && name.is_some() => {
                    return Err(error);
                }
                Err(error) => found.errors.push(error),
                Ok(()) => {}
            }
        }
        found.check_names()?;
        Ok(found)
    }

    fn add(&mut self, path: &Path, name: Option<&ArtifactName>, paths: usize) -> Result<()> {
        if name.is_some() && paths > 1 {
            return Err(Error::invalid_input("--name can name a single file only"));
        }
        if path == Path::new("-") {
            let name =
                name.map_or_else(|| ArtifactName::new(STDIN_NAME), |name| Ok(name.clone()))?;
            self.files.push(Source {
                name,
                origin: Origin::Stdin,
                size_bytes: None,
            });
            return Ok(());
        }
        let metadata = fs::metadata(path).map_err(|cause| unreadable(path, cause))?;
        if !metadata.is_dir() {
            let name = name.map_or_else(|| name_of(path.file_name(), path), |n| Ok(n.clone()))?;
            self.push_file(path.to_owned(), name, &metadata);
            return Ok(());
        }
        if name.is_some() {
            return Err(Error::invalid_input(format!(
                "{} is a folder, --name can name a single file only",
                path.display()
            )));
        }
        self.walk(path);
        Ok(())
    }

    fn walk(&mut self, folder: &Path) {
        for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
            let outcome = match entry {
                Ok(entry) => self.add_entry(folder, &entry),
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    Err(unreadable(&path, error.into()))
                }
            };
            self.errors.extend(outcome.err());
        }
    }

    fn add_entry(&mut self, folder: &Path, entry: &walkdir::DirEntry) -> Result<()> {
        let path = entry.path();
        let kind = entry.file_type();
        if kind.is_dir() {
            let mut inside = fs::read_dir(path).map_err(|cause| unreadable(path, cause))?;
            if inside.next().is_none() {
                self.warnings
                    .push(format!("not uploaded, an empty folder: {}", path.display()));
            }
            return Ok(());
        }
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(_) if kind.is_symlink() => {
                self.warnings
                    .push(format!("not uploaded, a broken link: {}", path.display()));
                return Ok(());
            }
            Err(cause) => return Err(unreadable(path, cause)),
        };
        if !metadata.is_file() {
            let what = if metadata.is_dir() {
                "a link to a folder"
            } else {
                "not a file"
            };
            self.warnings
                .push(format!("not uploaded, {what}: {}", path.display()));
            return Ok(());
        }
        // The walk begins at the folder, so every path in it begins with it.
        let relative = path.strip_prefix(folder).unwrap_or(path);
        let name = name_of(Some(relative.as_os_str()), path)?;
        self.push_file(path.to_owned(), name, &metadata);
        Ok(())
    }

    fn push_file(&mut self, path: PathBuf, name: ArtifactName, metadata: &fs::Metadata) {
        let size_bytes = metadata.is_file().then_some(metadata.len());
        self.files.push(Source {
            name,
            origin: Origin::File(path),
            size_bytes,
        });
    }

    /// Two files of one name would be two versions of one artifact, which nobody meant.
    fn check_names(&self) -> Result<()> {
        let mut seen = HashMap::with_capacity(self.files.len());
        for source in &self.files {
            if let Some(other) = seen.insert(&source.name, &source.origin) {
                return Err(Error::invalid_input(format!(
                    "{} and {} would both be named {}",
                    show(other),
                    show(&source.origin),
                    source.name
                ))
                .with_hint("upload them one by one, with --name"));
            }
        }
        Ok(())
    }
}

fn show(origin: &Origin) -> String {
    match origin {
        Origin::Stdin => "standard input".to_owned(),
        Origin::File(path) => path.display().to_string(),
    }
}

/// The artifact's name for a relative path of the file system.
fn name_of(relative: Option<&OsStr>, path: &Path) -> Result<ArtifactName> {
    let text = relative.and_then(OsStr::to_str).ok_or_else(|| {
        Error::invalid_input(format!("the name of {} is not UTF-8", path.display()))
            .with_hint("give it another name with --name")
    })?;
    ArtifactName::new(text).map_err(|error| error.context(path.display()))
}

/// The error of a file that cannot be read.
pub(super) fn unreadable(path: &Path, cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidFilename => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("{} cannot be read: {cause}", path.display())).with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &Sources) -> Vec<&str> {
        found
            .files
            .iter()
            .map(|source| source.name.as_str())
            .collect()
    }

    #[test]
    fn a_folder_gives_its_files_by_their_relative_names() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        fs::write(folder.path().join("b/c/d.txt"), "x").unwrap();
        fs::write(folder.path().join("a.txt"), "xy").unwrap();
        let found = Sources::collect(&[folder.path().to_owned()], None).unwrap();
        assert_eq!(names(&found), ["a.txt", "b/c/d.txt"]);
        assert_eq!(found.files[0].size_bytes, Some(2));
    }

    #[test]
    fn what_is_not_uploaded_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
        };
        fs::write(folder.path().join("file"), "x").unwrap();
        link("file", "to-file");
        link("nowhere", "broken");
        link(".", "to-folder");
        fs::create_dir(folder.path().join("empty")).unwrap();
        let found = Sources::collect(&[folder.path().to_owned()], None).unwrap();
        assert_eq!(names(&found), ["file", "to-file"]);
        assert_eq!(found.warnings.len(), 3, "{:?}", found.warnings);
    }

    #[test]
    fn a_name_that_is_not_utf8_fails_alone() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("good"), "x").unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
        let found = Sources::collect(&[folder.path().to_owned()], None).unwrap();
        assert_eq!(names(&found), ["good"]);
        assert_eq!(found.errors[0].kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_missing_file_fails_and_the_rest_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (good, missing) = (folder.path().join("good"), folder.path().join("missing"));
        fs::write(&good, "x").unwrap();
        let found = Sources::collect(&[missing, good], None).unwrap();
        assert_eq!(names(&found), ["good"]);
        assert_eq!(found.errors[0].kind(), ErrorKind::NotFound);
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = ["a", "b"]
            .map(|sub| {
                let path = folder.path().join(sub).join("same.txt");
                fs::create_dir(path.parent().unwrap()).unwrap();
                fs::write(&path, sub).unwrap();
                path
            })
            .into();
        let error = Sources::collect(&paths, None).unwrap_err();
        assert!(error.message().contains("same.txt"), "{error}");
    }

    #[test]
    fn a_name_is_for_a_single_file() {
        let folder = tempfile::tempdir().unwrap();
        let name = ArtifactName::new("x").unwrap();
        assert!(Sources::collect(&[folder.path().to_owned()], Some(&name)).is_err());
        let two = ["-".into(), folder.path().to_owned()];
        assert!(Sources::collect(&two, Some(&name)).is_err());
        let stdin = Sources::collect(&["-".into()], Some(&name)).unwrap();
        assert_eq!(stdin.files[0].origin, Origin::Stdin);
    }
}
