//! One document: valid JSON with one entry per line, each line with a checksum of its own, sorted
//! by id. So it is read and written as a stream, and damage costs the lines that it hit.
//!
//! ```text
//! {"format":1,"spec":"default","task":"42","entries":[
//! {"crc32":"8a1c0f3e","record":{"id":"…",…},"seek_table":"<base64>"},
//! {"crc32":"03b5d1aa","purged":"018bcfe5-6800-7101-8101-010101010101"}
//! ]}
//! ```
//!
//! The CRC-32 is that of the bytes between the checksum's comma and the end of the line's object.

use artifact_domain::port::ByteStream;
use artifact_domain::{ArtifactId, ArtifactRecord, Error, ErrorKind, Result, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{Entry, TaskKey};

/// The only format so far.
const FORMAT: u32 = 1;

/// The last line.
pub(super) const FOOTER: &[u8] = b"]}\n";

/// How many bytes of a document are handed on at a time.
const CHUNK_BYTES: usize = 64 << 10;

const CHECKSUM_START: &str = r#"{"crc32":""#;
const CHECKSUM_END: &str = r#"","#;
const CHECKSUM_DIGITS: usize = 8;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    spec: String,
    task: String,
    entries: [(); 0],
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<std::borrow::Cow<'a, ArtifactRecord>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seek_table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purged: Option<ArtifactId>,
}

/// The first line.
pub(super) fn header(task: &TaskKey) -> Result<Vec<u8>> {
    let header = Header {
        format: FORMAT,
        spec: task.spec.to_string(),
        task: task.task.to_string(),
        entries: [],
    };
    let mut line = serde_json::to_vec(&header).map_err(unwritable)?;
    line.truncate(line.len() - FOOTER.trim_ascii_end().len());
    line.push(b'\n');
    Ok(line)
}

/// The line of an entry, without what stands between lines.
pub(super) fn line(entry: &Entry) -> Result<Vec<u8>> {
    let line = match entry {
        Entry::Version { record, seek_table } => Line {
            record: Some(std::borrow::Cow::Borrowed(record)),
            seek_table: seek_table.as_ref().map(|table| STANDARD.encode(table)),
            purged: None,
        },
        Entry::Purged(id) => Line {
            record: None,
            seek_table: None,
            purged: Some(*id),
        },
    };
    let json = serde_json::to_vec(&line).map_err(unwritable)?;
    let rest = &json[1..];
    let checksum = crc32fast::hash(rest);
    let mut line = format!("{CHECKSUM_START}{checksum:08x}{CHECKSUM_END}").into_bytes();
    line.extend_from_slice(rest);
    Ok(line)
}

/// A whole document of entries that are there, in the order of their ids: in pieces, so that nothing of the
/// length of all of it has to grow.
pub(super) fn chunks<'a>(
    task: &TaskKey,
    entries: impl Iterator<Item = &'a Entry>,
) -> Result<Vec<Bytes>> {
    let mut chunks = Vec::new();
    let mut chunk = header(task)?;
    for (number, entry) in entries.enumerate() {
        if number > 0 {
            chunk.extend_from_slice(b",\n");
        }
        chunk.extend(line(entry)?);
        if chunk.len() >= CHUNK_BYTES {
            chunks.push(std::mem::take(&mut chunk).into());
        }
    }
    chunk.push(b'\n');
    chunk.extend_from_slice(FOOTER);
    chunks.push(chunk.into());
    Ok(chunks)
}

/// A whole document of entries that come in the order of their ids.
pub(super) fn body(
    task: &TaskKey,
    entries: impl Stream<Item = Result<Entry>> + Send + 'static,
) -> Result<ByteStream> {
    let header = Bytes::from(header(task)?);
    let lines = Box::pin(entries).map(|entry| line(&entry?));
    let rest = stream::try_unfold((lines, Place::First), |(mut lines, mut place)| async move {
        if place == Place::Over {
            return Ok(None);
        }
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK_BYTES && place != Place::Over {
            match (lines.try_next().await?, place) {
                (Some(line), before) => {
                    if before != Place::First {
                        chunk.extend_from_slice(b",\n");
                    }
                    chunk.extend(line);
                    place = Place::Between;
                }
                (None, before) => {
                    if before != Place::First {
                        chunk.push(b'\n');
                    }
                    chunk.extend_from_slice(FOOTER);
                    place = Place::Over;
                }
            }
        }
        Ok::<_, Error>(Some((Bytes::from(chunk), (lines, place))))
    });
    Ok(stream::once(async { Ok(header) }).chain(rest).boxed())
}

/// Where in a document its next line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Between,
    Over,
}

fn unwritable(cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "metadata cannot be written as JSON").with_source(cause)
}

/// Whether a line is the first of a document of this task. Errors: `Unsupported` for a format
/// that is newer than this release.
pub(super) fn is_header(line: &[u8], task: &TaskKey) -> Result<bool> {
    let whole = [line, FOOTER].concat();
    let Ok(header) = serde_json::from_slice::<Header>(&whole) else {
        return Ok(false);
    };
    if header.format > FORMAT {
        let message = format!(
            "the metadata of {task} has format {}, this release knows up to {FORMAT}",
            header.format
        );
        return Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("use the newer release that wrote it"));
    }
    Ok(header.spec == task.spec.as_str() && header.task == task.task.as_str())
}

/// Whether a line is the last.
pub(super) fn is_footer(line: &[u8]) -> bool {
    line == FOOTER.trim_ascii_end()
}

/// The entry of a line; none if the line is damaged, or speaks of another task.
pub(super) fn parse(line: &[u8], task: &TaskKey) -> Option<Entry> {
    let line = line.strip_suffix(b",").unwrap_or(line);
    let rest = line.strip_prefix(CHECKSUM_START.as_bytes())?;
    let (checksum, rest) = rest.split_at_checked(CHECKSUM_DIGITS)?;
    let rest = rest.strip_prefix(CHECKSUM_END.as_bytes())?;
    let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    if checksum != crc32fast::hash(rest) {
        return None;
    }
    let json = [b"{", rest].concat();
    let line: Line<'_> = serde_json::from_slice(&json).ok()?;
    let seek_table = match line.seek_table {
        Some(text) => Some(Bytes::from(STANDARD.decode(text).ok()?)),
        None => None,
    };
    match (line.record, line.purged) {
        (Some(record), None) => {
            let record = record.into_owned();
            let ours = TaskKey::of(&record) == *task && record.state != State::Uploading;
            ours.then(|| Entry::version(record, seek_table))
        }
        (None, Some(id)) => Some(Entry::Purged(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::Hold;
    use artifact_testkit::sample;
    use proptest::prelude::*;

    use super::super::entry::tests::record;
    use super::*;

    fn task() -> TaskKey {
        TaskKey::of(&record("x"))
    }

    /// One of everything: what stands in the golden file.
    fn entries() -> Vec<Entry> {
        let mut full = record("dir/build.log");
        full.id = sample::id(1);
        full.attempt = full.id.into();
        full.tags = sample::tags(&["branch=main", "nightly"]);
        full.metadata = sample::metadata(r#"{"file":{"executable":true},"n":1.5}"#);
        full.retention_days = Some(7);
        full.expires_at = Some(sample::at(604_800));
        full.hold = Some(Hold {
            reason: Some("audit".to_owned()),
            by: None,
            since: sample::at(1),
        });
        let mut deleted = record("gone");
        deleted.id = sample::id(2);
        deleted.attempt = deleted.id.into();
        deleted.state = State::Deleted;
        vec![
            Entry::version(full, Some(Bytes::from_static(b"\x01\x00\xfftable"))),
            Entry::version(deleted, None),
            Entry::Purged(sample::id(3)),
        ]
    }

    async fn document(entries: &[Entry]) -> Vec<u8> {
        let entries: Vec<_> = entries.iter().cloned().map(Ok).collect();
        let body = body(&task(), stream::iter(entries)).unwrap();
        let chunks: Vec<Bytes> = body.try_collect().await.unwrap();
        chunks.concat()
    }

    #[tokio::test]
    async fn a_document_of_any_length_is_well_formed() {
        for count in [0, 1, 2, 300] {
            let entries: Vec<_> = (0..count)
                .map(|n| {
                    let mut record = record("x");
                    record.id = sample::id(n);
                    Entry::version(record, None)
                })
                .collect();
            let document = document(&entries).await;
            serde_json::from_slice::<serde_json::Value>(&document).unwrap();
            let lines: Vec<_> = document.split(|byte| *byte == b'\n').collect();
            let inner = lines[1..lines.len() - 2].iter();
            let read: Option<Vec<_>> = inner.map(|line| parse(line, &task())).collect();
            assert_eq!(read.unwrap(), entries);
        }
    }

    #[tokio::test]
    async fn the_format_is_that_of_the_golden_file() {
        let golden = include_str!("golden/v1.json");
        assert_eq!(
            String::from_utf8(document(&entries()).await).unwrap(),
            golden
        );
        serde_json::from_str::<serde_json::Value>(golden).unwrap();
    }

    #[test]
    fn the_golden_file_is_read() {
        let lines: Vec<_> = include_str!("golden/v1.json").lines().collect();
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        assert!(is_header(first.as_bytes(), &task()).unwrap() && is_footer(last.as_bytes()));
        let inner = &lines[1..lines.len() - 1];
        let read = inner.iter().map(|line| parse(line.as_bytes(), &task()));
        assert_eq!(read.collect::<Option<Vec<_>>>().unwrap(), entries());
    }

    #[test]
    fn a_newer_format_is_refused_and_another_task_is_noticed() {
        let newer = br#"{"format":2,"spec":"spec","task":"task","entries":["#;
        let error = is_header(newer, &task()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let other = br#"{"format":1,"spec":"spec","task":"other","entries":["#;
        assert!(!is_header(other, &task()).unwrap());
        assert!(!is_header(b"", &task()).unwrap());
        let other = sample::record("spec", "other", "log", "x");
        let line = line(&Entry::version(other, None)).unwrap();
        assert_eq!(parse(&line, &task()), None);
    }

    proptest! {
        #[test]
        fn a_damaged_line_is_never_taken_for_a_sound_one(
            which in 0_usize..3, at: prop::sample::Index, flip in 1_u8..,
        ) {
            let sound = line(&entries()[which]).unwrap();
            let mut damaged = sound.clone();
            let at = at.index(sound.len());
            damaged[at] ^= flip;
            let read = parse(&damaged, &task());
            // Upper and lower case of the checksum's own digits say the same.
            prop_assert!(read.is_none() || read.as_ref() == Some(&entries()[which]));
            prop_assert_eq!(parse(&sound[..at], &task()), None);
        }

        #[test]
        fn numbers_come_back_to_the_last_digit(number in prop::num::f64::NORMAL) {
            let mut record = record("x");
            record.metadata = sample::metadata(&serde_json::json!({ "n": number }).to_string());
            let entry = Entry::version(record, None);
            prop_assert_eq!(parse(&line(&entry).unwrap(), &task()), Some(entry));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused_without_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes, &task());
            let _ = is_header(&bytes, &task());
        }
    }
}
