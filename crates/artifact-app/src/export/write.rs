//! Writes an archive: one artifact after another in the order of the plan, while those that follow are
//! read and verified. Everything here may block.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use artifact_archive::{EntryInfo, TarWriter, ZipWriter};
use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result, Timestamp};
use bytes::Buf;
use serde_json::Value;
use tempfile::SpooledTempFile;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::entry::{Preparation, Ready, ReadyBytes};
use super::line::METADATA_PATH;
use super::plan::{Plan, PlanMetadata};
use super::{ArchiveFormat, ExportOptions, ExportProgress};
use crate::Store;
use crate::body::domain_error;
use crate::pipe::PipeWriter;

/// How many artifacts are made ready before their turn. Each may have a mebibyte in memory.
const AHEAD: usize = 12;

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
            ahead.begin(store, record, path, preparation, options.format, &runtime);
        }
        let Some((record, path, ready)) = ahead.next(&runtime)? else {
            break;
        };
        let opened = ready.and_then(|ready| {
            let body = open(store, &record, ready.bytes, preparation, &runtime, output)?;
            Ok((ready.data, body))
        });
        let left_out = match opened {
            Ok((data, body)) => {
                let entry = entry(&record, &path);
                archive.add(&entry, &data, body).map_err(unwritten)?;
                progress.add(data.size_bytes);
                continue;
            }
            Err(error) => runtime.block_on(explained(store, &record, error)),
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
        data: &artifact_archive::ZipData,
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
    fn begin(
        &mut self,
        store: &Store,
        record: ArtifactRecord,
        path: String,
        preparation: Preparation,
        format: ArchiveFormat,
        runtime: &Handle,
    ) {
        let (store, of) = (store.clone(), record.clone());
        let work = runtime.spawn(async move { preparation.make(&store, &of, format).await });
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

/// Bytes that are missing are damage, unless their version was deleted or moved since the export
/// began.
async fn explained(store: &Store, record: &ArtifactRecord, error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    match store.explain_missing(record, error).await {
        Err(damage) => damage,
        Ok(()) => Error::new(
            ErrorKind::Conflict,
            format!(
                "{} was deleted or moved while it was exported",
                record.version_uri()
            ),
        )
        .with_hint("export again, or leave out what can't be read"),
    }
}

fn open(
    store: &Store,
    record: &ArtifactRecord,
    bytes: ReadyBytes,
    preparation: Preparation,
    runtime: &Handle,
    output: &PipeWriter,
) -> Result<Box<dyn Read>> {
    if let ReadyBytes::Here(bytes) = bytes {
        return Ok(Box::new(bytes.reader()));
    }
    let body = runtime.block_on(preparation.open(store, record, bytes))?;
    Ok(Box::new(output.reader(body)))
}

/// What the archive says of an artifact: its time is that of the file it came from, or else that of its
/// upload. A link is a file that has its target as bytes, so that unpacking makes none that leads out.
fn entry<'a>(record: &ArtifactRecord, path: &'a str) -> EntryInfo<'a> {
    let file = record.metadata.as_map().get(FILE_KEY);
    let attribute = |key: &str| file.and_then(|file| file.get(key));
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
