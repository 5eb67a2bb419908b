//! What a reader of archives gives to its visitor, and which paths it gives. It must not know formats.

use std::io::{self, Read};

/// A file that was found in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its path as the archive has it, for people where it was refused.
    pub path: String,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When it was last written, in seconds since 1970, where the archive says it exactly.
    pub modified: Option<i64>,
    /// Whether it may be executed.
    pub executable: bool,
    /// Why its bytes are not given.
    pub refused: Option<&'static str>,
}

/// Takes what a reader finds, one file after another, with its bytes. It need not read them to their
/// end. An error of the bytes concerns this file; to go on with the next is for the visitor to decide. An
/// error that it returns ends the reading.
pub trait Visitor {
    /// Takes a file.
    fn visit(&mut self, entry: &FoundEntry, bytes: &mut dyn Read) -> io::Result<()>;
}

impl<F: FnMut(&FoundEntry, &mut dyn Read) -> io::Result<()>> Visitor for F {
    fn visit(&mut self, entry: &FoundEntry, bytes: &mut dyn Read) -> io::Result<()> {
        self(entry, bytes)
    }
}

/// The path of an entry as text, relative and without anything that leads out of where it is unpacked;
/// or why it is refused, on whatever system that path would be one that does.
pub(crate) fn safe_path(path: &[u8]) -> Result<&str, &'static str> {
    let mut path = std::str::from_utf8(path).map_err(|_| "its path is not UTF-8")?;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    let mut letters = path.chars();
    let (first, second) = (letters.next(), letters.next());
    if path.is_empty() {
        return Err("its path is empty");
    }
    if path.chars().any(char::is_control) {
        return Err("its path has a control character");
    }
    if path.starts_with(['/', '\\']) {
        return Err("its path is absolute");
    }
    if first.is_some_and(|letter| letter.is_ascii_alphabetic()) && second == Some(':') {
        return Err("its path begins with a drive");
    }
    if path.split(['/', '\\']).any(|segment| segment == "..") {
        return Err("its path leads out of the archive");
    }
    if path.split('/').any(|segment| matches!(segment, "" | ".")) {
        return Err("its path has an empty segment");
    }
    Ok(path)
}

/// Bytes of which there must be so many.
pub(crate) struct Exactly<R> {
    pub(crate) input: R,
    pub(crate) missing_bytes: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        if count == 0 && !buffer.is_empty() && self.missing_bytes > 0 {
            let message = "a file in the archive ends too early";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        self.missing_bytes = self.missing_bytes.saturating_sub(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_is_refused_as_every_system_understands_it() {
        for good in ["a", "a/b", "./a", ".hidden", "a..b/c", "...", "名", "ab:c"] {
            assert!(safe_path(good.as_bytes()).is_ok(), "{good} was refused");
        }
        for bad in [
            "",
            "./",
            "/",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a/..",
            "..\\a",
            "a\\..\\b",
            "\\\\host\\a",
            "\\a",
            "C:\\a",
            "c:a",
            "a//b",
            "a/./b",
            "a\0b",
            "a\nb",
            "a/",
        ] {
            assert!(safe_path(bad.as_bytes()).is_err(), "{bad:?} was taken");
        }
        assert!(safe_path(b"\xff").is_err());
    }
}
