//! Reading: from the oldest file to the newest, line by line.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use artifact_domain::access::{AuditEntry, AuditFilter};

use crate::write::numbered;

/// The last entries that a filter selects.
pub(crate) fn last(path: &Path, keep: u32, filter: &AuditFilter) -> io::Result<Vec<AuditEntry>> {
    // Opened first, so that none is missed that is put aside meanwhile; the newest before the others.
    let mut files = Vec::new();
    for number in 0..=keep {
        let opened = match number {
            0 => File::open(path),
            number => File::open(numbered(path, number)),
        };
        match opened {
            Ok(file) => files.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let (mut found, mut torn) = (VecDeque::new(), 0_u64);
    for file in files.into_iter().rev() {
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
