//! A file whose beginning is in memory already: read on from there, or from anywhere. Knows no store.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A file, and its first bytes.
#[derive(Debug)]
pub(super) struct Beginning {
    head: Vec<u8>,
    /// How much of the head was read.
    read: usize,
    /// Stands at the end of the head as long as that is not read.
    file: File,
}

impl Beginning {
    /// `file` stands behind `head`, which was read of it.
    pub(super) fn new(head: Vec<u8>, file: File) -> Self {
        Self {
            head,
            read: 0,
            file,
        }
    }
}

impl Read for Beginning {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.head.get(self.read..) {
            None | Some([]) => self.file.read(buffer),
            Some(mut rest) => {
                let count = rest.read(buffer)?;
                self.read += count;
                Ok(count)
            }
        }
    }
}

impl Seek for Beginning {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            // Where it stands behind the head is no place of what is read.
            SeekFrom::Current(by) if self.read < self.head.len() => {
                let here = SeekFrom::Start(self.read as u64);
                self.file.seek(here)?;
                self.file.seek(SeekFrom::Current(by))?
            }
            to => self.file.seek(to)?,
        };
        self.read = self.head.len();
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_the_file_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<_> = (0..200).collect();
        fs::write(&path, &bytes).unwrap();
        let mut file = File::open(&path).unwrap();
        let mut head = vec![0; 50];
        file.read_exact(&mut head).unwrap();
        let mut whole = Beginning::new(head, file);
        let mut begin = [0; 5];
        whole.read_exact(&mut begin).unwrap();
        assert_eq!(whole.seek(SeekFrom::Current(2)).unwrap(), 7);
        for (to, at) in [
            (SeekFrom::Current(0), 7),
            (SeekFrom::Start(0), 0),
            (SeekFrom::Start(48), 48),
            (SeekFrom::Start(120), 120),
            (SeekFrom::End(-1), 199),
            (SeekFrom::End(0), 200),
        ] {
            assert_eq!(whole.seek(to).unwrap(), at as u64, "{to:?}");
            let mut read = Vec::new();
            whole.read_to_end(&mut read).unwrap();
            assert!(read == bytes[at..], "{to:?}");
            whole.seek(SeekFrom::Start(7)).unwrap();
        }
    }
}
