//! The bytes of an artifact: whole, in stretches, its last lines, or the lines that match.

use artifact_app::{
    Grep, GrepItem, GrepKind, GrepOptions, GrepScope, Part, Pattern, PatternOptions,
};
use artifact_domain::port::ByteStream;
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ByteRange, Content, Encoding, Error, RangeRequest, Result,
};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, IF_RANGE, LAST_MODIFIED, RANGE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::schemas::ProblemDocument;
use crate::body::outgoing;
use crate::headers::range::{self, Ranges};
use crate::headers::{digest, disposition, encoding, etag};
use crate::params::{At, Id, Params, RawCoordinate, version_of};
use crate::problem::Problem;
use crate::state::App;

const ARTIFACT_ID: HeaderName = HeaderName::from_static("x-artifact-id");
const ARTIFACT_VERSION: HeaderName = HeaderName::from_static("x-artifact-version");

/// Nothing that is shown may run, load or send anything in the name of the server.
const SANDBOX: &str = "sandbox; default-src 'none'; img-src data:; media-src data:; \
                       style-src 'unsafe-inline'";

/// How many of the last lines are asked for at most.
const MOST_LINES: u64 = 1_000_000_000;

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
    params(RawCoordinate, Selection),
    responses(
        (status = 200, description = "All bytes, or the lines that were asked for", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The ranges that were asked for"),
        (status = 304, description = "The client has them already"),
        (status = "4XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn newest(
    State(app): State<App>,
    At(at): At,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let artifact = version_of(at, selection.version.as_deref())?;
    serve(&app, &artifact, &selection, true, &headers).await
}

/// The content of one version.
#[utoipa::path(
    get,
    path = "/api/v1/artifacts/{id}/content",
    tag = "content",
    operation_id = "content",
    params(("id" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description = "The id of a version"), Selection),
    responses(
        (status = 200, description = "All bytes, or the lines that were asked for", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The ranges that were asked for"),
        (status = 304, description = "The client has them already"),
        (status = "4XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn by_id(
    State(app): State<App>,
    Id(id): Id,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    selection.require_no_version()?;
    serve(&app, &id.into(), &selection, true, &headers).await
}

/// What `GET` of the content of what a path names would say, without the bytes.
#[utoipa::path(
    head,
    path = "/api/v1/specs/{spec}/tasks/{task}/{type}/{name}",
    tag = "content",
    operation_id = "download_head",
    params(RawCoordinate, Selection),
    responses(
        (status = 200, description = "What `GET` would say, without the bytes"),
        (status = 206, description = "The same of ranges"),
        (status = 304, description = "The client has them already"),
        (status = "4XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn head_of_newest(
    State(app): State<App>,
    At(at): At,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let artifact = version_of(at, selection.version.as_deref())?;
    serve(&app, &artifact, &selection, false, &headers).await
}

/// What `GET` of the content of one version would say, without the bytes.
#[utoipa::path(
    head,
    path = "/api/v1/artifacts/{id}/content",
    tag = "content",
    operation_id = "content_head",
    params(("id" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description = "The id of a version"), Selection),
    responses(
        (status = 200, description = "What `GET` would say, without the bytes"),
        (status = 206, description = "The same of ranges"),
        (status = 304, description = "The client has them already"),
        (status = "4XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn head_by_id(
    State(app): State<App>,
    Id(id): Id,
    Params(selection): Params<Selection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    selection.require_no_version()?;
    serve(&app, &id.into(), &selection, false, &headers).await
}

impl Selection {
    fn require_no_version(&self) -> Result<()> {
        if self.version.is_some() {
            return Err(Error::invalid_input("an id names one version already"));
        }
        Ok(())
    }
}

async fn serve(
    app: &App,
    artifact: &ArtifactRef,
    selection: &Selection,
    has_body: bool,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let record = app.store.show(artifact).await?;
    let content = record.stored_content()?.clone();
    let answer = Answer {
        app,
        record: &record,
        content: &content,
        selection,
        has_body,
    };
    if let Some(refusal) = answer.conditions(headers)? {
        return Ok(refusal);
    }
    if let Some(pattern) = &selection.grep {
        return answer.matching(pattern);
    }
    if let Some(lines) = selection.tail {
        if lines > MOST_LINES {
            return Err(Error::invalid_input(format!("tail is at most {MOST_LINES}")).into());
        }
        return answer.last_lines(lines).await;
    }
    match answer.ranges(headers) {
        Ranges::Unsatisfiable => Err(unsatisfiable(&content)),
        Ranges::Some(ranges) => match ranges[..] {
            [range] => answer.stretch(range).await,
            _ => Ok(answer.stretches(&ranges)),
        },
        Ranges::Whole => {
            let is_gzip = content.encoding == Encoding::Gzip && encoding::accepts_gzip(headers);
            answer.whole(is_gzip).await
        }
    }
}

/// An answer with content of one version.
struct Answer<'a> {
    app: &'a App,
    record: &'a ArtifactRecord,
    content: &'a Content,
    selection: &'a Selection,
    has_body: bool,
}

impl Answer<'_> {
    /// The answer where a condition of the request does not hold.
    fn conditions(&self, headers: &HeaderMap) -> Result<Option<Response>, Problem> {
        let digest = &self.content.digest;
        if etag::Tags::if_match(headers).is_some_and(|tags| !tags.name(digest)) {
            let message = format!("{} has other content", self.record.version_uri());
            return Err(Problem::precondition(message));
        }
        if etag::Tags::if_none_match(headers).is_some_and(|tags| tags.name_weakly(digest)) {
            let is_gzip = self.is_gzip(headers);
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            self.describe(response.headers_mut(), is_gzip);
            response.headers_mut().remove(CONTENT_TYPE);
            return Ok(Some(response));
        }
        Ok(None)
    }

    fn is_gzip(&self, headers: &HeaderMap) -> bool {
        self.content.encoding == Encoding::Gzip
            && encoding::accepts_gzip(headers)
            && !headers.contains_key(RANGE)
    }

    /// What is asked for, unless it was asked for of other content.
    fn ranges(&self, headers: &HeaderMap) -> Ranges {
        let tag = etag::of_content(&self.content.digest, false);
        let same = headers.get(IF_RANGE).is_none_or(|value| *value == tag);
        if same {
            range::of(headers, self.content.size_bytes)
        } else {
            Ranges::Whole
        }
    }

    async fn whole(&self, is_gzip: bool) -> Result<Response, Problem> {
        let (part, length) = if is_gzip {
            (Part::Stored, self.content.stored_size_bytes)
        } else {
            (Part::All, self.content.size_bytes)
        };
        let mut response = self.respond(StatusCode::OK, part).await?;
        let headers = response.headers_mut();
        self.describe(headers, is_gzip);
        if is_gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(CONTENT_LENGTH, length.into());
        Ok(response)
    }

    async fn stretch(&self, range: ByteRange) -> Result<Response, Problem> {
        let part = Part::Range(request(range));
        let mut response = self.respond(StatusCode::PARTIAL_CONTENT, part).await?;
        let headers = response.headers_mut();
        self.describe(headers, false);
        headers.insert(CONTENT_LENGTH, range.length().into());
        set(
            headers,
            CONTENT_RANGE,
            &range::content_range(range, self.content.size_bytes),
        );
        Ok(response)
    }

    /// `multipart/byteranges`, one stretch after the other.
    fn stretches(&self, ranges: &[ByteRange]) -> Response {
        // No part can have this line: it has the digest of all of them in it.
        let boundary = format!("artifact-{}", &self.content.digest.to_string()[..32]);
        let mime_type = self.record.mime_type.as_str();
        let size = self.content.size_bytes;
        let heads: Vec<_> = ranges
            .iter()
            .map(|range| {
                let place = range::content_range(*range, size);
                Bytes::from(format!(
                    "\r\n--{boundary}\r\nContent-Type: {mime_type}\r\nContent-Range: {place}\r\n\r\n"
                ))
            })
            .collect();
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        let bodies: u64 = ranges.iter().map(|range| range.length()).sum();
        let length = bodies + heads.iter().map(Bytes::len).sum::<usize>() as u64 + end.len() as u64;
        let body = if self.has_body {
            let (store, record) = (self.app.store.clone(), self.record.clone());
            let verification = self.app.verification;
            let ranges = ranges.to_vec();
            let parts = stream::iter(heads.into_iter().zip(ranges)).then(move |(head, range)| {
                let (store, record) = (store.clone(), record.clone());
                async move {
                    let part = Part::Range(request(range));
                    let found = store.read(&record, part, verification).await?;
                    Ok::<_, Error>(stream::iter([Ok(head)]).chain(found.body))
                }
            });
            let all = parts.try_flatten().chain(stream::iter([Ok(end)]));
            outgoing(Box::pin(all), self.record.version_uri().to_string())
        } else {
            Body::empty()
        };
        let mut response = (StatusCode::PARTIAL_CONTENT, body).into_response();
        let headers = response.headers_mut();
        self.describe(headers, false);
        set(
            headers,
            CONTENT_TYPE,
            &format!("multipart/byteranges; boundary={boundary}"),
        );
        headers.insert(CONTENT_LENGTH, length.into());
        response
    }

    async fn last_lines(&self, lines: u64) -> Result<Response, Problem> {
        let mut response = self.respond(StatusCode::OK, Part::LastLines(lines)).await?;
        self.describe_excerpt(response.headers_mut());
        Ok(response)
    }

    /// The lines that match, as `grep` prints them.
    fn matching(&self, pattern: &str) -> Result<Response, Problem> {
        let options = PatternOptions {
            fixed: self.selection.fixed,
            ignore_case: self.selection.ignore_case,
            ..PatternOptions::default()
        };
        let options = GrepOptions {
            binary_as_text: true,
            ..GrepOptions::new(Pattern::new(pattern, options)?)
        };
        let scope = GrepScope::These(vec![self.record.id.into()]);
        let body = if self.has_body {
            let grep = self.app.store.grep(scope, &options)?;
            outgoing(lines_of(grep), self.record.version_uri().to_string())
        } else {
            Body::empty()
        };
        let mut response = (StatusCode::OK, body).into_response();
        self.describe_excerpt(response.headers_mut());
        Ok(response)
    }

    async fn respond(&self, status: StatusCode, part: Part) -> Result<Response, Problem> {
        if !self.has_body {
            return Ok(status.into_response());
        }
        let verification = self.app.verification;
        let found = self.app.store.read(self.record, part, verification).await?;
        let body = outgoing(found.body, self.record.version_uri().to_string());
        Ok((status, body).into_response())
    }

    /// What every answer with this content says of it.
    fn describe(&self, headers: &mut HeaderMap, is_gzip: bool) {
        let (record, content) = (self.record, self.content);
        set(headers, CONTENT_TYPE, record.mime_type.as_str());
        etag::set(headers, &etag::of_content(&content.digest, is_gzip));
        set(headers, digest::CHECKSUM, &content.digest.to_string());
        if !is_gzip {
            set(
                headers,
                digest::REPR_DIGEST,
                &digest::repr_digest(&content.digest),
            );
        }
        set(headers, ARTIFACT_ID, &record.id.to_string());
        set(headers, ARTIFACT_VERSION, &record.version.to_string());
        set(
            headers,
            LAST_MODIFIED,
            &crate::headers::date::http_date(record.created_at),
        );
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        self.protect(headers);
    }

    /// What an answer says that has only lines of it.
    fn describe_excerpt(&self, headers: &mut HeaderMap) {
        set(headers, CONTENT_TYPE, self.record.mime_type.as_str());
        set(headers, ARTIFACT_ID, &self.record.id.to_string());
        set(headers, ARTIFACT_VERSION, &self.record.version.to_string());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        self.protect(headers);
    }

    fn protect(&self, headers: &mut HeaderMap) {
        let record = self.record;
        let file_name = record.coordinate.name().file_name();
        let wish = self.selection.download;
        let way = disposition::of(record.mime_type.as_str(), file_name, wish);
        set(headers, CONTENT_DISPOSITION, &way);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    }
}

fn request(range: ByteRange) -> RangeRequest {
    RangeRequest::Between(range.offset(), range.end().saturating_sub(1))
}

/// Sets a header whose value may have come from outside; one that can't be sent is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn unsatisfiable(content: &Content) -> Problem {
    let size = content.size_bytes;
    let message = format!("the range begins beyond the end of {size} bytes");
    let problem = Problem::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        Error::invalid_input(message),
    );
    match HeaderValue::from_str(&format!("bytes */{size}")) {
        Ok(value) => problem.with_header(CONTENT_RANGE, value),
        Err(_) => problem,
    }
}

/// The text of the lines that a search finds.
fn lines_of(grep: Grep) -> ByteStream {
    let lines = stream::try_unfold(grep, |mut grep| async move {
        while let Some(item) = grep.next().await {
            let lines = match item? {
                GrepItem::Lines(_, lines) => lines,
                GrepItem::Failed(error) => return Err(error),
                GrepItem::Ended(..) | GrepItem::Read(_) => continue,
            };
            let mut text = BytesMut::new();
            for line in lines.iter().filter(|line| line.kind == GrepKind::Match) {
                text.extend_from_slice(line.text);
                if !line.text.ends_with(b"\n") {
                    text.extend_from_slice(b"\n");
                }
            }
            if !text.is_empty() {
                return Ok(Some((text.freeze(), grep)));
            }
        }
        Ok(None)
    });
    Box::pin(lines)
}
