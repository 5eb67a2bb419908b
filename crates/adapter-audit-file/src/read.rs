//! Reading: from the oldest file to the newest, line by line.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use artifact_domain::access::{AuditEntry, AuditFilter};

use crate::write::numbered;

/// The last entries that a filter selects.
pub(crate) fn last(path: &Path, keep: u32, filter: &AuditFilter) -> io::Result<Vec<AuditEntry>> {
    // Opened first, so that none is missed that is put aside meanwhile; the newest before the others.
    let mut files = Opened::default();
    for number in 0..=keep {
        files.open(path, number)?;
    }
    last_of(files, filter)
}

/// Files, each of them once: one that is put aside meanwhile is found under its next name too.
#[derive(Debug, Default)]
struct Opened(Vec<(File, [u64; 2])>);

impl Opened {
    fn open(&mut self, path: &Path, number: u32) -> io::Result<()> {
        let opened = match number {
            0 => File::open(path),
            number => File::open(numbered(path, number)),
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let identity = [metadata.dev(), metadata.ino()];
        if self.0.iter().all(|(_, known)| *known != identity) {
            self.0.push((file, identity));
        }
        Ok(())
    }
}

fn last_of(files: Opened, filter: &AuditFilter) -> io::Result<Vec<AuditEntry>> {
    let (mut found, mut torn) = (VecDeque::new(), 0_u64);
    for (file, _) in files.0.into_iter().rev() {
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            match serde_json::from_slice::<AuditEntry>(&line) {
                Ok(entry) if filter.selects(&entry) => {
                    found.push_back(entry);
                    if found.len() > filter.limit {
                        found.pop_front();
                    }
                }
                Ok(_) => {}
                Err(_) => torn += 1,
            }
            line.clear();
        }
    }
    if torn > 0 {
        tracing::warn!(lines = torn, "the audit log has lines that are no entries");
    }
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use artifact_domain::Timestamp;
    use artifact_domain::access::{Action, Outcome};

    use super::*;

    #[test]
    fn a_file_that_is_put_aside_meanwhile_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let write = |path: &Path, number: u32| {
            let entry = AuditEntry {
                time: Timestamp::UNIX_EPOCH,
                who: None,
                from: None,
                action: Action::Read,
                request: "GET /".to_owned(),
                target: None,
                outcome: Outcome::Done,
                status: 200,
                request_id: number.to_string(),
            };
            fs::write(path, serde_json::to_vec(&entry).unwrap()).unwrap();
        };
        write(&numbered(&path, 1), 1);
        write(&path, 2);
        let mut files = Opened::default();
        files.open(&path, 0).unwrap();
        fs::rename(numbered(&path, 1), numbered(&path, 2)).unwrap();
        fs::rename(&path, numbered(&path, 1)).unwrap();
        write(&path, 3);
        files.open(&path, 1).unwrap();
        files.open(&path, 2).unwrap();
        let told = last_of(files, &AuditFilter::last(10)).unwrap();
        let ids: Vec<_> = told.into_iter().map(|entry| entry.request_id).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
