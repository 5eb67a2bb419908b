//! Reading the reports among the artifacts that are compared. Must not know the formats.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::{ArtifactRecord, ArtifactRef, ArtifactType, Error, ErrorKind, Result};
use artifact_reports::{Comparison, Format, HEAD_BYTES, Kind, Side, Unreadable};
use futures::TryStreamExt;

use super::pairs::Pair;
use super::{Report, ReportState};
use crate::pipe::{StreamReader, pipe};
use crate::{DownloadOptions, Store};

/// Endings of names that promise a format which is read here.
const PROMISING: [&str; 5] = [".xml", ".sarif", ".sarif.json", ".lcov", ".info"];

/// What reports of this type report; none where the type holds no reports.
fn kind_of(artifact_type: &ArtifactType) -> Option<Kind> {
    match artifact_type {
        ArtifactType::TestResults => Some(Kind::Tests),
        ArtifactType::CoverageReport => Some(Kind::Coverage),
        ArtifactType::SecurityFindings | ArtifactType::StaticAnalysis => Some(Kind::Findings),
        _ => None,
    }
}

fn pair_kind((baseline, current): &Pair) -> Option<Kind> {
    let either = current.as_ref().or(baseline.as_ref())?;
    kind_of(either.coordinate.artifact_type())
}

/// The reports of both tasks, read one after another.
pub(super) struct Reader {
    comparison: Arc<Mutex<Comparison>>,
}

impl Reader {
    pub(super) fn new(comparison: Comparison) -> Self {
        let comparison = Arc::new(Mutex::new(comparison));
        Self { comparison }
    }

    pub(super) fn finish(self) -> Comparison {
        let mut comparison = self.lock();
        std::mem::take(&mut *comparison)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Comparison> {
        self.comparison
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what both tasks have of one name and type, if it is of a type that holds reports, and says
    /// what it was. One that is in no known format is no report, unless its name promises one, it is
    /// empty, or it is one on the other side: then it is unreadable.
    ///
    /// Errors: those of the store, but for bytes that are damaged or gone: such a report is
    /// unreadable.
    pub(super) async fn read(&self, store: &Store, pair: &Pair) -> Result<Vec<Report>> {
        let mut found = Vec::new();
        for (side, record) in Side::BOTH.into_iter().zip([&pair.0, &pair.1]) {
            let Some(record) = record else { continue };
            let Some(kind) = kind_of(record.coordinate.artifact_type()) else {
                return Ok(found);
            };
            let outcome = self.open(store, side, record).await?;
            found.push(Report {
                side,
                uri: record.version_uri(),
                state: self.state(side, kind, record, outcome)?,
            });
        }
        let is_read = |report: &Report| matches!(report.state, ReportState::Read(_));
        if let Some(kind) = pair_kind(pair).filter(|_| found.iter().any(is_read)) {
            let others = found.iter_mut();
            for report in others.filter(|report| report.state == ReportState::Other) {
                report.state = self.no_format(report.side, kind);
            }
        }
        Ok(found)
    }

    fn state(
        &self,
        side: Side,
        kind: Kind,
        record: &ArtifactRecord,
        outcome: Outcome,
    ) -> Result<ReportState> {
        let name = record.coordinate.name().as_str().to_lowercase();
        let promised = record.stored_content()?.size_bytes == 0
            || PROMISING.iter().any(|end| name.ends_with(end));
        Ok(match outcome {
            Outcome::Read(format) => ReportState::Read(format),
            Outcome::Other if promised => self.no_format(side, kind),
            Outcome::Other => ReportState::Other,
            Outcome::Unreadable(Some(format), why) => ReportState::Unreadable {
                kind: format.kind(),
                why,
            },
            Outcome::Unreadable(None, why) => {
                self.lock().unreadable(side, kind);
                ReportState::Unreadable { kind, why }
            }
        })
    }

    fn no_format(&self, side: Side, kind: Kind) -> ReportState {
        self.lock().unreadable(side, kind);
        let why = Unreadable::new("it is in no format that can be read");
        ReportState::Unreadable { kind, why }
    }

    async fn open(&self, store: &Store, side: Side, record: &ArtifactRecord) -> Result<Outcome> {
        let artifact = ArtifactRef::Id(record.id);
        let download = match store.download(&artifact, DownloadOptions::default()).await {
            Ok(download) => download,
            Err(error) => return lost(error),
        };
        let body = download.body;
        let comparison = Arc::clone(&self.comparison);
        let found = Arc::new(Mutex::new(None));
        let find = Arc::clone(&found);
        let mut work = pipe(move |output| {
            let mut source = Source {
                inner: output.reader(body),
                has_ended: false,
                failed: None,
            };
            let outcome = read(&comparison, side, &mut source);
            *find.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            source.failed.map_or(Ok(()), Err)
        });
        let failed = loop {
            match work.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (failed, found) {
            (None, Some(outcome)) => Ok(outcome),
            // It has been counted as unreadable where its format was known.
            (Some(error), Some(Outcome::Unreadable(format, _))) => {
                lost(error).map(|lost| match lost {
                    Outcome::Unreadable(_, why) => Outcome::Unreadable(format, why),
                    other => other,
                })
            }
            (Some(error), _) => lost(error),
            (None, None) => Err(Error::new(
                ErrorKind::Internal,
                "the reader of a report gave no outcome",
            )),
        }
    }
}

/// What an artifact turned out to be.
enum Outcome {
    Read(Format),
    /// In no format that is known.
    Other,
    /// Of this format, where that could be told.
    Unreadable(Option<Format>, Unreadable),
}

/// Bytes that are damaged or gone make a report unreadable; every other error is one of the store.
fn lost(error: Error) -> Result<Outcome> {
    match error.kind() {
        ErrorKind::Integrity | ErrorKind::NotFound | ErrorKind::Expired => Ok(Outcome::Unreadable(
            None,
            Unreadable::new(error.message().to_owned()),
        )),
        _ => Err(error),
    }
}

fn read(comparison: &Mutex<Comparison>, side: Side, source: &mut Source) -> Outcome {
    let mut head = Vec::new();
    if let Err(error) = source
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
    {
        return Outcome::Unreadable(None, error.into());
    }
    let Some(format) = Format::of(&head) else {
        return Outcome::Other;
    };
    let mut comparison = comparison.lock().unwrap_or_else(PoisonError::into_inner);
    match comparison.read(side, format, head.chain(source)) {
        Ok(()) => Outcome::Read(format),
        Err(why) => Outcome::Unreadable(Some(format), why),
    }
}

/// The bytes of a report; remembers with which error of the store they ended, and never asks a stream
/// that has ended for more.
struct Source {
    inner: StreamReader,
    has_ended: bool,
    failed: Option<Error>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer).map_err(|error| {
            self.has_ended = true;
            let (kind, why) = (error.kind(), error.to_string());
            match error.downcast::<Error>() {
                Ok(error) => {
                    self.failed = Some(error);
                    io::Error::new(kind, why)
                }
                Err(error) => error,
            }
        })?;
        self.has_ended = count == 0;
        Ok(count)
    }
}
