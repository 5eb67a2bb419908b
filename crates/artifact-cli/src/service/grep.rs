//! What is found in contents, from either place: one after the other as it is found. Prints nothing.

use artifact_api::{GrepEvent, GrepOutput as Wanted, GrepReport, GrepRequest, Line};
use artifact_app::{
    Grep, GrepItem, GrepKind, GrepLine, GrepLines, GrepOptions, GrepOutput, GrepScope, view,
};
use artifact_client::{Lines, query_of};
use artifact_domain::{ArtifactId, ArtifactUri, Error, ErrorKind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Service;

/// A search on its way.
pub(crate) enum Searching {
    Local(Grep),
    Remote(Lines, GrepReport),
}

/// An artifact in which something was found.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) id: ArtifactId,
    pub(crate) uri: ArtifactUri,
}

/// Something that was found, or happened on the way.
pub(crate) enum Found {
    Lines(Place, FoundLines),
    Ended {
        place: Place,
        matches: u64,
        binary_at: Option<u64>,
    },
    Failed(Error),
    Read(u64),
}

/// Lines of one artifact.
pub(crate) enum FoundLines {
    Local(GrepLines),
    Remote(Vec<(artifact_api::GrepLine, Vec<u8>)>),
}

impl FoundLines {
    /// The lines, one after the other.
    pub(crate) fn each<E>(
        &self,
        mut take: impl FnMut(GrepLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Local(lines) => lines.iter().try_for_each(take),
            Self::Remote(lines) => lines.iter().try_for_each(|(line, text)| {
                take(GrepLine {
                    kind: if line.is_context {
                        GrepKind::Context
                    } else {
                        GrepKind::Match
                    },
                    number: line.number,
                    text,
                    submatches: &line.submatches,
                    is_cut: line.is_cut,
                    after_gap: line.after_gap,
                })
            }),
        }
    }
}

impl Service {
    /// Begins to search. The pattern of `options` is written out in `asked`.
    pub(crate) async fn grep(
        &self,
        scope: GrepScope,
        options: &GrepOptions,
        asked: GrepRequest,
    ) -> Result<Searching> {
        let remote = match self {
            Self::Local(local) => return Ok(Searching::Local(local.store.grep(scope, options)?)),
            Self::Remote(remote) => remote,
        };
        let mut request = GrepRequest {
            output: match options.output {
                GrepOutput::Lines {
                    before,
                    after,
                    submatches,
                } => Wanted::Lines {
                    before,
                    after,
                    submatches,
                },
                GrepOutput::Counts => Wanted::Counts,
                GrepOutput::Artifacts => Wanted::Artifacts,
            },
            invert: options.invert,
            binary_as_text: options.binary_as_text,
            max_count: options.max_count,
            max_total: options.max_total,
            max_bytes: options.max_bytes,
            ..asked
        };
        let pairs = match scope {
            GrepScope::These(artifacts) => {
                request.artifacts = artifacts.iter().map(ToString::to_string).collect();
                Vec::new()
            }
            GrepScope::Selected {
                filter,
                order,
                limit,
            } => {
                request.sort = Some(order.to_string());
                request.latest = limit;
                query_of(&filter)?
            }
        };
        let body = serde_json::to_value(&request).unwrap_or_default();
        let lines = remote
            .client
            .read_lines("/grep", &pairs, Some(body))
            .await?;
        Ok(Searching::Remote(lines, GrepReport::default()))
    }
}

impl Searching {
    /// What comes next.
    pub(crate) async fn next(&mut self) -> Option<Result<Found>> {
        match self {
            Self::Local(grep) => Some(grep.next().await?.map(|item| match item {
                GrepItem::Lines(source, lines) => Found::Lines(
                    place(source.record.id, &source.uri),
                    FoundLines::Local(lines),
                ),
                GrepItem::Ended(source, end) => Found::Ended {
                    place: place(source.record.id, &source.uri),
                    matches: end.matches,
                    binary_at: end.binary_at,
                },
                GrepItem::Failed(error) => Found::Failed(error),
                GrepItem::Read(bytes) => Found::Read(bytes),
            })),
            Self::Remote(lines, report) => match lines.next::<GrepEvent, GrepReport>().await {
                Ok(Some(Line::Item(event))) => Some(found(event)),
                Ok(Some(Line::Failed(fault))) => Some(Ok(Found::Failed(fault.into_error()))),
                Ok(Some(Line::Error(fault))) => Some(Err(fault.into_error())),
                Ok(Some(Line::Sums(sums))) => {
                    *report = sums;
                    None
                }
                Ok(None) => None,
                Err(error) => {
                    lines.end();
                    Some(Err(error))
                }
            },
        }
    }

    /// What was searched in all, once nothing comes any more.
    pub(crate) fn report(&self) -> GrepReport {
        match self {
            Self::Local(grep) => view::grep::report(&grep.report()),
            Self::Remote(_, report) => *report,
        }
    }
}

fn place(id: ArtifactId, uri: &ArtifactUri) -> Place {
    Place {
        id,
        uri: uri.clone(),
    }
}

fn found(event: GrepEvent) -> Result<Found> {
    Ok(match event {
        GrepEvent::Lines { id, uri, lines } => {
            let lines = lines.into_iter().map(with_bytes).collect::<Result<_>>()?;
            Found::Lines(Place { id, uri }, FoundLines::Remote(lines))
        }
        GrepEvent::Ended {
            id,
            uri,
            matches,
            binary_at,
            ..
        } => Found::Ended {
            place: Place { id, uri },
            matches,
            binary_at,
        },
        GrepEvent::Read(bytes) => Found::Read(bytes),
    })
}

fn with_bytes(mut line: artifact_api::GrepLine) -> Result<(artifact_api::GrepLine, Vec<u8>)> {
    let text = match (line.text.take(), &line.bytes) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(bytes)) => STANDARD.decode(bytes).map_err(|cause| {
            Error::new(
                ErrorKind::Internal,
                "the server tells of a line that can't be read",
            )
            .with_source(cause)
        })?,
        (None, None) => Vec::new(),
    };
    Ok((line, text))
}
