//! What a holder writes into its lock file, and how others read it. Must not know how locking is
//! done: a note says who holds a lock, never whether somebody does.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use artifact_domain::Timestamp;
use artifact_domain::port::LockHolder;
use serde::{Deserialize, Serialize};

/// No note is longer: whatever lies in a lock file, no more of it is read.
const MAX_BYTES: u64 = 4_096;

/// One line of JSON: `{"pid":4711,"host":"ci-3","since":"2026-03-01T12:00:00Z"}`. Fields that a
/// later version adds are passed over.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    pid: u32,
    host: String,
    since: Timestamp,
}

/// Replaces what is in the file by who holds it.
pub(crate) fn write(mut file: &File, holder: &LockHolder) -> io::Result<()> {
    let note = Note {
        pid: holder.pid,
        host: holder.host.clone(),
        since: holder.since,
    };
    let mut line = serde_json::to_vec(&note)?;
    line.push(b'\n');
    file.rewind()?;
    file.write_all(&line)?;
    // To cut a file is dear, and a note is mostly as long as the one before.
    let length = line.len() as u64;
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    Ok(())
}

/// Reads who holds the file; nobody known where the note is missing, half written or no note.
pub(crate) fn read(mut file: &File) -> io::Result<Option<LockHolder>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let note: Option<Note> = serde_json::from_slice(&bytes).ok();
    Ok(note.map(|note| LockHolder {
        pid: note.pid,
        host: note.host,
        since: note.since,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(host: &str) -> LockHolder {
        LockHolder {
            pid: 4711,
            host: host.into(),
            since: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_note_replaces_the_one_before_whatever_its_length() {
        let file = tempfile::tempfile().unwrap();
        for host in ["a-very-long-host-name.example.com", "b"] {
            write(&file, &holder(host)).unwrap();
            assert_eq!(read(&file).unwrap(), Some(holder(host)));
        }
    }

    #[test]
    fn what_is_no_note_names_nobody() {
        let whole = br#"{"pid":1,"host":"a","since":"2026-03-01T12:00:00Z"}"#;
        let huge = vec![b' '; 1 << 20];
        for bad in [
            &b""[..],
            b"\0\0",
            b"4711",
            &whole[..20],
            br#"{"pid":-1,"host":"a","since":"2026-03-01T12:00:00Z"}"#,
            br#"{"pid":1,"host":"a","since":"soon"}"#,
            &huge,
        ] {
            let file = tempfile::tempfile().unwrap();
            (&file).write_all(bad).unwrap();
            assert_eq!(read(&file).unwrap(), None);
        }
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(whole).unwrap();
        assert!(read(&file).unwrap().is_some());
    }
}
