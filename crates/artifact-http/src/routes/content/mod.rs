//! The bytes of an artifact: whole, in stretches, its last lines, or the lines that match.

mod answer;
mod excerpt;

use std::num::NonZeroU64;

use artifact_app::{Page, Verification};
use artifact_domain::{ArtifactRef, Encoding, Error, ErrorKind, Result};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) use self::answer::ARTIFACT_ID;
use self::answer::{Answer, unsatisfiable};
use crate::api::headers::Fetching;
use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::headers::encoding;
use crate::headers::range::Ranges;
use crate::params::{At, Id, IdParam, Params, RawCoordinate, version_of};
use crate::problem::Problem;

/// How many of the last lines are asked for at most.
const MOST_LINES: u64 = 1_000_000_000;

/// How long a page is where nobody says.
const USUAL_PAGE: NonZeroU64 = NonZeroU64::new(1 << 20).expect("it is more than 0");

/// How often what is replaced meanwhile is looked up again.
const ROUNDS: usize = 8;

/// Which bytes, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Selection {
    /// This version, not the newest
    #[param(value_type = Option<u32>, minimum = 1)]
    version: Option<String>,
    /// True: to be saved; false: to be shown
    download: Option<bool>,
    /// False: the SHA-256 is not compared
    verify: Option<bool>,
    /// Only the lines that begin in this stretch, from 1
    #[param(value_type = Option<u64>, minimum = 1)]
    page: Option<NonZeroU64>,
    /// How many bytes a stretch has
    #[param(value_type = Option<u64>, minimum = 1)]
    page_size: Option<NonZeroU64>,
    /// Only so many of the last lines
    #[param(maximum = 1_000_000_000)]
    tail: Option<u64>,
    /// Only the lines that this regular expression matches
    grep: Option<String>,
    /// Whether case matters not to `grep`
    ignore_case: bool,
    /// Whether `grep` is a text and no expression
    fixed: bool,
}

/// The content of what a path names: of the newest version, or of the one that is asked for.
#[utoipa::path(
    get,
    path = "/api/v1/specs/{spec}/tasks/{task}/{type}/{name}",
    tag = "content",
    operation_id = "download",
    params(RawCoordinate, Selection, Fetching),
    responses(
        (status = 200, description = "All bytes, or the lines that were asked for", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The ranges that were asked for"),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
)]
pub(crate) async fn newest(
    caller: Caller,
    At(at): At,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let artifact = version_of(at, selection.version.as_deref())?;
    serve(&caller, &artifact, &selection, true, &headers).await
}

/// The content of one version.
#[utoipa::path(
    get,
    path = "/api/v1/artifacts/{id}/content",
    tag = "content",
    operation_id = "content",
    params(IdParam, Selection, Fetching),
    responses(
        (status = 200, description = "All bytes, or the lines that were asked for", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The ranges that were asked for"),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
)]
pub(crate) async fn by_id(
    caller: Caller,
    Id(id): Id,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    selection.require_no_version()?;
    serve(&caller, &id.into(), &selection, true, &headers).await
}

/// What `GET` of the content of what a path names would say, without the bytes.
#[utoipa::path(
    head,
    path = "/api/v1/specs/{spec}/tasks/{task}/{type}/{name}",
    tag = "content",
    operation_id = "download_head",
    params(RawCoordinate, Selection, Fetching),
    responses(
        (status = 200, description = "What `GET` would say, without the bytes"),
        (status = 206, description = "The same of ranges"),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
)]
pub(crate) async fn head_of_newest(
    caller: Caller,
    At(at): At,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let artifact = version_of(at, selection.version.as_deref())?;
    serve(&caller, &artifact, &selection, false, &headers).await
}

/// What `GET` of the content of one version would say, without the bytes.
#[utoipa::path(
    head,
    path = "/api/v1/artifacts/{id}/content",
    tag = "content",
    operation_id = "content_head",
    params(IdParam, Selection, Fetching),
    responses(
        (status = 200, description = "What `GET` would say, without the bytes"),
        (status = 206, description = "The same of ranges"),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
)]
pub(crate) async fn head_by_id(
    caller: Caller,
    Id(id): Id,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    selection.require_no_version()?;
    serve(&caller, &id.into(), &selection, false, &headers).await
}

impl Selection {
    fn page(&self) -> Result<Option<Page>> {
        match (self.page, self.page_size) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Error::invalid_input("page_size goes with page")),
            (Some(number), size) => Ok(Some(Page {
                number,
                size_bytes: size.unwrap_or(USUAL_PAGE),
            })),
        }
    }

    /// Whether what is read is compared with its digest.
    fn verification(&self, usual: Verification) -> Verification {
        match self.verify {
            Some(false) => Verification::Skip,
            _ => usual,
        }
    }

    fn require_no_version(&self) -> Result<()> {
        if self.version.is_some() {
            return Err(Error::invalid_input("an id names one version already"));
        }
        Ok(())
    }
}

/// Answers with the version that is the newest, or that is asked for. Where it was replaced before it could be
/// opened, with what is there now.
async fn serve(
    caller: &Caller,
    artifact: &ArtifactRef,
    selection: &Selection,
    has_body: bool,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let store = caller.with(artifact).await?;
    for _ in 0..ROUNDS {
        let record = store.show(artifact).await?;
        let content = record.stored_content()?.clone();
        let answer = Answer {
            store,
            verification: selection.verification(caller.app().verification),
            record: &record,
            content: &content,
            selection,
            has_body,
        };
        match answered(&answer, headers).await {
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => {}
            answered => return answered,
        }
    }
    let message = format!("{artifact} was replaced each time before it could be opened");
    let error = Error::new(ErrorKind::Conflict, message);
    Err(error.with_hint("try again, or name one version").into())
}

async fn answered(answer: &Answer<'_>, headers: &HeaderMap) -> Result<Response, Problem> {
    let (selection, content) = (answer.selection, answer.content);
    if let Some(refusal) = answer.conditions(headers)? {
        return Ok(refusal);
    }
    if let Some(pattern) = &selection.grep {
        return answer.matching(pattern).await;
    }
    if let Some(lines) = selection.tail {
        if lines > MOST_LINES {
            return Err(Error::invalid_input(format!("tail is at most {MOST_LINES}")).into());
        }
        return answer.last_lines(lines).await;
    }
    if let Some(page) = selection.page()? {
        return answer.page(page).await;
    }
    match answer.ranges(headers) {
        Ranges::Unsatisfiable => Err(unsatisfiable(content)),
        Ranges::Some(ranges) => match ranges[..] {
            [range] => answer.stretch(range).await,
            _ => answer.stretches(&ranges).await,
        },
        Ranges::Whole => {
            let is_gzip = content.encoding == Encoding::Gzip && encoding::accepts_gzip(headers);
            answer.whole(is_gzip).await
        }
    }
}
