//! Writing: each entry by one call to the system, at the end of the file that the path names. Knows no
//! entry, only lines.
//!
//! Several processes write to one file. One of them puts it aside while it holds a lock; the others find
//! that the path names another file now, and go on there. What one writes meanwhile stands at the end of
//! the file that was put aside, so nothing is lost.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs4::FileExt;

use crate::Rotation;

/// Appends lines.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    rotation: Rotation,
    file: Option<File>,
}

impl Writer {
    pub(crate) fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self {
            path,
            rotation,
            file: None,
        }
    }

    /// Appends a line, which ends with its line break.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut file = self.current()?;
        let written = file.write(line)?;
        if written < line.len() {
            // The disk is full: what is torn is ended, so that it spoils no other line.
            let _ = file.write(b"\n");
            self.file = None;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file = Some(file);
        Ok(())
    }

    /// The file that the path names, with room for more.
    fn current(&mut self) -> io::Result<File> {
        if let Some(file) = self.file.take() {
            let (own, named) = (file.metadata()?, fs::metadata(&self.path));
            let is_named = named.is_ok_and(|named| named.ino() == own.ino());
            if is_named && own.len() < self.rotation.max_bytes {
                return Ok(file);
            }
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let lock = private().open(with_suffix(&self.path, ".lock"))?;
        FileExt::lock(&lock)?;
        let length = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if length >= self.rotation.max_bytes && length > 0 {
            self.put_aside()?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&self.path)?;
        end_torn_line(&mut file)?;
        Ok(file)
    }

    fn put_aside(&self) -> io::Result<()> {
        for number in (1..=self.rotation.keep).rev() {
            let from = match number {
                1 => self.path.clone(),
                _ => numbered(&self.path, number - 1),
            };
            match fs::rename(from, numbered(&self.path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.rotation.keep == 0 {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

/// What a crash has torn is ended, so that it spoils no other line.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
}

/// The file that was put aside so many files ago.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    with_suffix(path, &format!(".{number}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
