//! From a source to its bytes: opened, its beginning read, its attributes known. Knows no store.
//! Everything here may block.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use artifact_client::Source;
use artifact_domain::{Digest, Error, ErrorKind, Result};
use rustix::fs::OFlags;

use super::beginning::Beginning;
use super::sources::{Origin, unreadable};
use crate::attributes::Attributes;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// A file below this size is read at once; of a larger one, this much before the rest is streamed.
const AT_ONCE_BYTES: usize = 128 * 1024;

/// A source that can be read.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its beginning, or all of it where there is no rest.
    head: Vec<u8>,
    rest: Option<Rest>,
    /// What the file system knows of it.
    pub(super) attributes: Attributes,
    /// Known for regular files and links.
    pub(super) size_bytes: Option<u64>,
}

#[derive(Debug)]
enum Rest {
    File(File),
    Stdin,
}

impl Opened {
    /// Opens a source and reads its beginning.
    pub(super) fn open(origin: &Origin) -> Result<Self> {
        match origin {
            Origin::Stdin => Self::stdin(),
            Origin::Named(path) => {
                let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
                Self::file(path, file)
            }
            Origin::Found(path) => {
                let file = open_found(path).map_err(|cause| unreadable(path, cause))?;
                Self::file(path, file)
            }
            Origin::Link(path) => Self::link(path),
        }
    }

    fn stdin() -> Result<Self> {
        let mut head = Vec::new();
        // No more than is needed, since whoever writes it may be slow.
        io::stdin()
            .take(artifact_guess::HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|cause| {
                Error::new(ErrorKind::Internal, "standard input cannot be read").with_source(cause)
            })?;
        Ok(Self {
            head,
            rest: Some(Rest::Stdin),
            attributes: Attributes::default(),
            size_bytes: None,
        })
    }

    fn file(path: &Path, mut file: File) -> Result<Self> {
        let failed = |cause| unreadable(path, cause);
        let metadata = file.metadata().map_err(failed)?;
        let is_file = metadata.is_file();
        let expected = usize::try_from(metadata.len()).unwrap_or(AT_ONCE_BYTES);
        // One byte more than there should be shows the end without another allocation.
        let mut head = Vec::with_capacity(expected.min(AT_ONCE_BYTES) + 1);
        let limit = if is_file {
            AT_ONCE_BYTES
        } else {
            artifact_guess::HEAD_BYTES
        };
        (&mut file)
            .take(limit as u64)
            .read_to_end(&mut head)
            .map_err(failed)?;
        let is_whole = head.len() < limit;
        Ok(Self {
            head,
            rest: (!is_whole).then_some(Rest::File(file)),
            attributes: if is_file {
                Attributes::of_file(&metadata)
            } else {
                Attributes::default()
            },
            size_bytes: is_file.then_some(metadata.len()),
        })
    }

    /// The bytes of a link are the path that it points to.
    fn link(path: &Path) -> Result<Self> {
        let failed = |cause| unreadable(path, cause);
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        let target = fs::read_link(path).map_err(failed)?;
        let target = target.into_os_string().into_string().map_err(|_| {
            let message = format!("the target of the link {} is not UTF-8", path.display());
            Error::invalid_input(message)
        })?;
        Ok(Self {
            head: target.clone().into_bytes(),
            rest: None,
            size_bytes: Some(target.len() as u64),
            attributes: Attributes::of_link(&metadata, target),
        })
    }

    /// The bytes from which its type can be guessed. Where a link points says nothing of it.
    pub(super) fn telling_bytes(&self) -> &[u8] {
        match self.attributes.symlink {
            None => &self.head,
            Some(_) => &[],
        }
    }

    /// The digest of all its bytes, which can be read once more afterwards.
    pub(super) fn digest(&mut self) -> Result<Digest> {
        let failed = |cause: io::Error| {
            Error::new(ErrorKind::Internal, format!("it cannot be read: {cause}"))
                .with_source(cause)
        };
        match &mut self.rest {
            None => artifact_app::digest(&mut &*self.head),
            Some(Rest::Stdin) => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "standard input can be read once only",
                ));
            }
            Some(Rest::File(file)) => {
                let digest = artifact_app::digest(&mut Cursor::new(&self.head).chain(&*file));
                let begin = self.head.len() as u64;
                file.seek(io::SeekFrom::Start(begin)).map_err(failed)?;
                digest
            }
        }
        .map_err(failed)
    }

    /// Its bytes, counted and stopped on the way.
    pub(super) fn into_source(self, progress: &Progress, interrupt: &Interrupt) -> Source {
        let rest: Box<dyn Read + Send> = match (self.rest, self.size_bytes) {
            (None, _) => {
                progress.add_bytes(self.head.len() as u64);
                return Source::Bytes(self.head.into());
            }
            (Some(Rest::File(file)), Some(size_bytes)) => {
                let whole = Beginning::new(self.head, file);
                let whole = progress.reader(interrupt.reader(whole));
                return Source::File(Box::new(whole), size_bytes);
            }
            (Some(Rest::File(file)), None) => Box::new(file),
            (Some(Rest::Stdin), _) => Box::new(io::stdin()),
        };
        let whole = Cursor::new(self.head).chain(rest);
        Source::Reader(Box::new(progress.reader(interrupt.reader(whole))))
    }
}

/// Opens what was a regular file when it was found. Should a link or a pipe stand there now, it is
/// neither followed nor waited for.
fn open_found(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file any more"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_file_that_has_vanished_is_named() {
        let path = folder().path().join("gone.txt");
        for origin in [Origin::Found(path.clone()), Origin::Link(path)] {
            let error = Opened::open(&origin).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.message().contains("gone.txt"), "{error}");
        }
    }

    #[test]
    fn what_took_the_place_of_a_file_is_neither_followed_nor_waited_for() {
        let folder = folder();
        let (secret, link) = (folder.path().join("secret"), folder.path().join("link"));
        fs::write(&secret, "x").unwrap();
        symlink(&secret, &link).unwrap();
        assert!(Opened::open(&Origin::Found(link.clone())).is_err());
        assert!(Opened::open(&Origin::Named(link)).is_ok());
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let error = Opened::open(&Origin::Found(pipe)).unwrap_err();
        assert!(error.message().contains("no regular file"), "{error}");
        assert!(Opened::open(&Origin::Link(secret)).is_err());
    }

    #[test]
    fn a_digest_leaves_all_bytes_to_be_read() {
        let folder = folder();
        let path = folder.path().join("file");
        for length in [0, 1, AT_ONCE_BYTES - 1, AT_ONCE_BYTES, 3 * AT_ONCE_BYTES] {
            let bytes = vec![7; length];
            fs::write(&path, &bytes).unwrap();
            let expected = artifact_app::digest(&mut &*bytes).unwrap();
            let mut opened = Opened::open(&Origin::Found(path.clone())).unwrap();
            assert_eq!(opened.size_bytes, Some(length as u64));
            for _ in 0..2 {
                assert_eq!(opened.digest().unwrap(), expected, "{length}");
            }
            let mut read = Vec::new();
            match opened.into_source(&Progress::none(), &Interrupt::default()) {
                Source::Bytes(all) => read.extend_from_slice(&all),
                Source::File(mut file, size_bytes) => {
                    assert_eq!(size_bytes, length as u64);
                    file.read_to_end(&mut read).unwrap();
                }
                Source::Reader(_) => panic!("a file can be read again"),
            }
            assert!(read == bytes, "{length} bytes became {}", read.len());
        }
    }
}
