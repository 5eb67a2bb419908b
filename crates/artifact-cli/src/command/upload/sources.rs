//! From the paths that were typed to what they stand for. Reads no file's content.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use artifact_domain::{ArtifactName, Error, ErrorKind, Result};

use super::walk::{Found, walk};

/// The name of standard input when none is given.
const STDIN_NAME: &str = "stdin";

/// Where the bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Stdin,
    /// A file that was named, maybe through a link.
    Named(PathBuf),
    /// A regular file that was found in a folder.
    Found(PathBuf),
    /// A symbolic link that was found in a folder.
    Link(PathBuf),
}

/// One thing to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: ArtifactName,
    pub(super) origin: Origin,
    /// Known for regular files and links.
    pub(super) size_bytes: Option<u64>,
}

/// What a typed path stands for.
#[derive(Debug)]
pub(super) enum Argument {
    /// A file or standard input.
    Single(Source),
    /// A folder, whatever is in it.
    Folder(PathBuf),
}

/// What the typed paths stand for, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) list: Vec<Argument>,
    pub(super) errors: Vec<Error>,
}

impl Arguments {
    /// Looks at `paths`. A file is named by itself, a file in a folder by its path relative to that
    /// folder; `name` overrules for a single file.
    ///
    /// # Errors
    /// `InvalidInput` where `name` is given for more than one file, or two files would have the
    /// same name.
    pub(super) fn new(paths: &[PathBuf], name: Option<&ArtifactName>) -> Result<Self> {
        if name.is_some() && paths.len() > 1 {
            return Err(Error::invalid_input("--name can name a single file only"));
        }
        let mut all = Self::default();
        for path in paths {
            match argument(path, name) {
                Ok(argument) => all.list.push(argument),
                Err(error) if error.kind() == ErrorKind::InvalidInput && name.is_some() => {
                    return Err(error);
                }
                Err(error) => all.errors.push(error),
            }
        }
        check_names(&all.list)?;
        Ok(all)
    }
}

fn argument(path: &Path, name: Option<&ArtifactName>) -> Result<Argument> {
    if path == Path::new("-") {
        let name = name.map_or_else(|| ArtifactName::new(STDIN_NAME), |name| Ok(name.clone()))?;
        return Ok(Argument::Single(Source {
            name,
            origin: Origin::Stdin,
            size_bytes: None,
        }));
    }
    let metadata = fs::metadata(path).map_err(|cause| unreadable(path, cause))?;
    if metadata.is_dir() {
        return match name {
            None => Ok(Argument::Folder(path.to_owned())),
            Some(_) => Err(Error::invalid_input(format!(
                "{} is a folder, --name can name a single file only",
                path.display()
            ))),
        };
    }
    let name = name.map_or_else(|| name_of(path.file_name(), path), |n| Ok(n.clone()))?;
    Ok(Argument::Single(Source {
        name,
        origin: Origin::Named(path.to_owned()),
        size_bytes: metadata.is_file().then_some(metadata.len()),
    }))
}

/// Two files of one name would be two versions of one artifact, which nobody meant. Files in a
/// folder have different names; those of two folders are looked for in each other, so that no list
/// of them is held.
fn check_names(arguments: &[Argument]) -> Result<()> {
    let mut singles: HashMap<&ArtifactName, &Origin> = HashMap::new();
    let mut folders: Vec<&Path> = Vec::new();
    for argument in arguments {
        match argument {
            Argument::Folder(path) => folders.push(path),
            Argument::Single(source) => {
                if let Some(other) = singles.insert(&source.name, &source.origin) {
                    return Err(same_name(&show(other), &show(&source.origin), &source.name));
                }
            }
        }
    }
    for (name, origin) in &singles {
        for folder in &folders {
            if let Some(path) = upload_at(folder, name) {
                return Err(same_name(&show(origin), &path.display().to_string(), name));
            }
        }
    }
    for (index, folder) in folders.iter().enumerate() {
        let others = &folders[index + 1..];
        if !others.is_empty() {
            check_folder(folder, others)?;
        }
    }
    Ok(())
}

fn check_folder(folder: &Path, others: &[&Path]) -> Result<()> {
    let mut twice = None;
    let _ = walk(folder, None, |found| {
        if let Found::Source(source) = found {
            let path = others
                .iter()
                .find_map(|other| upload_at(other, &source.name));
            if let Some(path) = path {
                let (one, other) = (show(&source.origin), path.display().to_string());
                twice = Some(same_name(&one, &other, &source.name));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    twice.map_or(Ok(()), Err)
}

/// Where a walk through `folder` would find something to upload under this name, if it would.
fn upload_at(folder: &Path, name: &ArtifactName) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    let mut segments = name.segments().peekable();
    while let Some(segment) = segments.next() {
        path.push(segment);
        let kind = fs::symlink_metadata(&path).ok()?.file_type();
        let is_last = segments.peek().is_none();
        if is_last && (kind.is_file() || kind.is_symlink()) {
            return Some(path);
        }
        if !kind.is_dir() {
            return None;
        }
    }
    None
}

fn same_name(one: &str, other: &str, name: &ArtifactName) -> Error {
    Error::invalid_input(format!("{one} and {other} would both be named {name}"))
        .with_hint("upload them one by one, with --name")
}

fn show(origin: &Origin) -> String {
    match origin {
        Origin::Stdin => "standard input".to_owned(),
        Origin::Named(path) | Origin::Found(path) | Origin::Link(path) => {
            path.display().to_string()
        }
    }
}

/// The artifact's name for a relative path of the file system.
pub(super) fn name_of(relative: Option<&OsStr>, path: &Path) -> Result<ArtifactName> {
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

    /// A temporary folder with these files.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    fn refusal(paths: &[PathBuf]) -> String {
        Arguments::new(paths, None).unwrap_err().to_string()
    }

    #[test]
    fn a_missing_file_fails_and_the_rest_is_found() {
        let folder = folder(&["good"]);
        let (good, missing) = (folder.path().join("good"), folder.path().join("missing"));
        let found = Arguments::new(&[missing, good], None).unwrap();
        assert!(matches!(&found.list[..], [Argument::Single(one)] if one.size_bytes == Some(1)));
        assert_eq!(found.errors[0].kind(), ErrorKind::NotFound);
    }

    #[test]
    fn two_sources_of_one_name_are_refused_wherever_they_are() {
        let folder = folder(&["a/x/same.txt", "a/other", "b/x/same.txt", "c/same.txt"]);
        let at = |path: &str| folder.path().join(path);
        for paths in [
            [at("a/x/same.txt"), at("c/same.txt")],
            [at("a"), at("b")],
            [at("b"), at("a")],
            [at("a"), at("a")],
            [at("c"), at("a/x/same.txt")],
        ] {
            let said = refusal(&paths);
            assert!(
                said.contains("same.txt") || said.contains("other"),
                "{said}"
            );
        }
        for paths in [
            [at("a"), at("c")],
            [at("a"), at("c/same.txt")],
            [at("c/same.txt"), at("a/other")],
        ] {
            assert_eq!(Arguments::new(&paths, None).unwrap().list.len(), 2);
        }
    }

    #[test]
    fn what_lies_behind_a_link_is_in_nobodys_way() {
        let folder = folder(&["a/dir/same.txt", "b/real/same.txt"]);
        let at = |path: &str| folder.path().join(path);
        std::os::unix::fs::symlink("real", at("b/dir")).unwrap();
        assert_eq!(
            Arguments::new(&[at("a"), at("b")], None)
                .unwrap()
                .list
                .len(),
            2
        );
    }

    #[test]
    fn a_name_is_for_a_single_file() {
        let folder = tempfile::tempdir().unwrap();
        let name = ArtifactName::new("x").unwrap();
        assert!(Arguments::new(&[folder.path().to_owned()], Some(&name)).is_err());
        let two = ["-".into(), folder.path().to_owned()];
        assert!(Arguments::new(&two, Some(&name)).is_err());
        let stdin = Arguments::new(&["-".into()], Some(&name)).unwrap();
        assert!(matches!(&stdin.list[..], [Argument::Single(one)] if one.origin == Origin::Stdin));
    }
}
