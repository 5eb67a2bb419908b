//! Writes an archive: one artifact after another in the order of the plan, while those that follow are
//! read and verified. Everything here may block.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use artifact_archive::{EntryInfo, TarWriter, ZipData, ZipWriter};
use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result, Timestamp};
use bytes::Buf;
use serde_json::Value;
use tempfile::SpooledTempFile;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::entry::{Preparation, Ready, ReadyBytes};
use super::line::METADATA_PATH;
use super::plan::{Plan, PlanMetadata};
use super::{ArchiveFormat, ExportOptions, ExportProgress};
use crate::Store;
use crate::body::domain_error;
use crate::pipe::PipeWriter;

/// How many artifacts are made ready before their turn. Each may have a mebibyte in memory.
const AHEAD: usize = 12;

/// How often an artifact is looked up again that was moved before it could be opened.
const RESOLVE_ROUNDS: usize = 8;

/// How much is gathered before it is handed on.
const BUFFER_BYTES: usize = 64 * 1024;

/// How much of a file is copied at a time.
const COPY_BYTES: usize = 128 * 1024;

/// The key of an artifact's metadata that has what a file system knew of it.
const FILE_KEY: &str = "file";

/// Writes the whole archive to `output`.
pub(super) fn write(
    store: &Store,
    plan: &Plan,
    options: &ExportOptions,
    progress: &Arc<ExportProgress>,
    output: &PipeWriter,
) -> Result<()> {
    let preparation = Preparation {
        verification: options.verification,
        verify_first: options.left_out.is_some(),
    };
    let runtime = Handle::current();
    let reading = Reading {
        store,
        preparation,
        format: options.format,
        runtime: &runtime,
        output,
    };
    let buffered = BufWriter::with_capacity(BUFFER_BYTES, output.clone());
    let mut archive = match options.format {
        ArchiveFormat::Zip => Archive::Zip(Box::new(ZipWriter::new(buffered, plan.directory()))),
        ArchiveFormat::TarGz => Archive::Tar(Box::new(TarWriter::new(buffered))),
    };
    if options.metadata {
        archive.add_metadata(plan.metadata()?).map_err(unwritten)?;
    }
    let mut ahead = Ahead::default();
    let mut records = plan.records()?;
    loop {
        while ahead.0.len() < AHEAD
            && let Some(found) = records.next()
        {
            let (record, path) = found?;
            ahead.begin(&reading, record, path);
        }
        let Some((record, path, ready)) = ahead.next(&runtime)? else {
            break;
        };
        let left_out = match reading.open(&record, ready) {
            Ok((data, body)) => {
                let entry = entry(&record, &path);
                archive.add(&entry, &data, body).map_err(unwritten)?;
                progress.add(data.size_bytes);
                continue;
            }
            Err(error) => error,
        };
        match &options.left_out {
            Some(tell) => {
                progress.leave_out();
                tell(left_out);
            }
            None => return Err(left_out),
        }
    }
    archive.finish().map_err(unwritten)
}

/// An archive on its way.
enum Archive<W: Write> {
    Zip(Box<ZipWriter<W, SpooledTempFile>>),
    Tar(Box<TarWriter<W>>),
}

impl<W: Write> Archive<W> {
    fn add_metadata(&mut self, mut metadata: PlanMetadata) -> io::Result<()> {
        let entry = EntryInfo {
            path: METADATA_PATH,
            modified: 0,
            executable: false,
        };
        match self {
            Self::Zip(zip) => {
                zip.begin(&entry, &metadata.zip_data()?)?;
                metadata.copy_deflated(zip)?;
            }
            Self::Tar(tar) => {
                let size_bytes = metadata.size_bytes;
                tar.add(&entry, size_bytes, metadata.plain()?)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        entry: &EntryInfo<'_>,
        data: &ZipData,
        mut body: impl Read,
    ) -> io::Result<()> {
        match self {
            Self::Zip(zip) => {
                zip.begin(entry, data)?;
                copy(&mut body, zip)
            }
            Self::Tar(tar) => tar.add(entry, data.size_bytes, body),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Zip(zip) => zip.finish().map(drop),
            Self::Tar(tar) => tar.finish()?.flush(),
        }
    }
}

fn copy(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(()),
            count => output.write_all(&buffer[..count])?,
        }
    }
}

type Waiting = (ArtifactRecord, String, JoinHandle<Result<Ready>>);

/// The artifacts that are made ready, in their order. Dropped, the work on them ends.
#[derive(Default)]
struct Ahead(VecDeque<Waiting>);

impl Ahead {
    fn begin(&mut self, reading: &Reading<'_>, record: ArtifactRecord, path: String) {
        let (store, of) = (reading.store.clone(), record.clone());
        let (preparation, format) = (reading.preparation, reading.format);
        let work = async move { preparation.ready(format, &store, &of).await };
        let work = reading.runtime.spawn(work.in_current_span());
        self.0.push_back((record, path, work));
    }

    fn next(
        &mut self,
        runtime: &Handle,
    ) -> Result<Option<(ArtifactRecord, String, Result<Ready>)>> {
        let Some((record, path, work)) = self.0.front_mut() else {
            return Ok(None);
        };
        let ready = runtime.block_on(work).map_err(|fault| {
            Error::new(ErrorKind::Internal, "a worker task stopped").with_source(fault)
        })?;
        let next = (record.clone(), std::mem::take(path), ready);
        self.0.pop_front();
        Ok(Some(next))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        for (_, _, work) in &self.0 {
            work.abort();
        }
    }
}

/// How the artifacts of an archive are read.
struct Reading<'a> {
    store: &'a Store,
    preparation: Preparation,
    format: ArchiveFormat,
    runtime: &'a Handle,
    output: &'a PipeWriter,
}

impl Reading<'_> {
    /// Opens an artifact whose turn it is: where it lies by now, if it was moved since the export
    /// began.
    ///
    /// Errors: `Integrity` for bytes that are missing; `Conflict` for a version that was deleted.
    fn open(
        &self,
        record: &ArtifactRecord,
        mut ready: Result<Ready>,
    ) -> Result<(ZipData, Box<dyn Read>)> {
        let mut place = record.clone();
        for _ in 0..RESOLVE_ROUNDS {
            let opened = ready.and_then(|ready| {
                let body = self.body(&place, ready.bytes)?;
                Ok((ready.data, body))
            });
            let missing = match opened {
                Err(error) if error.kind() == ErrorKind::NotFound => error,
                opened => return opened,
            };
            place = self.runtime.block_on(self.moved(&place, missing))?;
            let again = self.preparation.ready(self.format, self.store, &place);
            ready = self.runtime.block_on(again);
        }
        let message = format!(
            "{} was moved each time before it could be opened",
            record.version_uri()
        );
        Err(Error::new(ErrorKind::Conflict, message).with_hint("export again"))
    }

    fn body(&self, record: &ArtifactRecord, bytes: ReadyBytes) -> Result<Box<dyn Read>> {
        if let ReadyBytes::Here(bytes) = bytes {
            return Ok(Box::new(bytes.reader()));
        }
        let opening = self.preparation.open(self.store, record, bytes);
        let body = self.runtime.block_on(opening)?;
        Ok(Box::new(self.output.reader(body)))
    }

    /// The record of a version whose bytes are not where they were: bytes that are missing are
    /// damage, unless it was deleted or moved.
    async fn moved(&self, record: &ArtifactRecord, missing: Error) -> Result<ArtifactRecord> {
        self.store.explain_missing(record, missing).await?;
        let current = self.store.ports.index.find(record.id).await?;
        current
            .filter(|current| current.state.is_live())
            .ok_or_else(|| {
                let uri = record.version_uri();
                let message = format!("{uri} was deleted while it was exported");
                Error::new(ErrorKind::Conflict, message)
                    .with_hint("export again, or leave out what can't be read")
            })
    }
}

/// What the archive says of an artifact: its time is that of the file it came from, or else that of its
/// upload. A link is a file that has its target as bytes, so that unpacking makes none that leads out.
fn entry<'a>(record: &ArtifactRecord, path: &'a str) -> EntryInfo<'a> {
    let file = record.metadata.get(FILE_KEY);
    let attribute = |key: &str| file.as_ref().and_then(|file| file.get(key));
    let modified = attribute("mtime")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok())
        .unwrap_or(record.created_at);
    EntryInfo {
        path,
        modified: modified.as_micros().div_euclid(1_000_000),
        executable: attribute("executable").and_then(Value::as_bool) == Some(true),
    }
}

fn unwritten(cause: io::Error) -> Error {
    if cause.kind() == io::ErrorKind::InvalidData
        && cause.get_ref().is_none_or(|e| !e.is::<Error>())
    {
        return Error::new(ErrorKind::Integrity, cause.to_string()).with_source(cause);
    }
    domain_error(cause, "writing the archive")
}
