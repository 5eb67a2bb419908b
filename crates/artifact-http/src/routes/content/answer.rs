//! What is answered with content of one version: whole, in stretches, or that the client has it.

use artifact_app::{Part, Store, Verification};
use artifact_domain::{ArtifactRecord, ByteRange, Content, Encoding, Error, RangeRequest, Result};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, IF_RANGE, LAST_MODIFIED, RANGE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Selection;
use crate::body::begun;
use crate::headers::range::{self, Ranges};
use crate::headers::{digest, disposition, encoding, etag};
use crate::problem::Problem;

pub(in crate::routes) const ARTIFACT_ID: HeaderName = HeaderName::from_static("x-artifact-id");
pub(super) const ARTIFACT_VERSION: HeaderName = HeaderName::from_static("x-artifact-version");

/// Nothing that is shown may run, load or send anything in the name of the server.
const SANDBOX: &str = "sandbox; default-src 'none'; img-src data:; media-src data:; \
                       style-src 'unsafe-inline'";

/// An answer with content of one version.
pub(super) struct Answer<'a> {
    pub(super) store: &'a Store,
    pub(super) verification: Verification,
    pub(super) record: &'a ArtifactRecord,
    pub(super) content: &'a Content,
    pub(super) selection: &'a Selection,
    pub(super) has_body: bool,
}

impl Answer<'_> {
    /// The answer where a condition of the request does not hold.
    pub(super) fn conditions(&self, headers: &HeaderMap) -> Result<Option<Response>, Problem> {
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
    pub(super) fn ranges(&self, headers: &HeaderMap) -> Ranges {
        let tag = etag::of_content(&self.content.digest, false);
        let same = headers.get(IF_RANGE).is_none_or(|value| *value == tag);
        if same {
            range::of(headers, self.content.size_bytes)
        } else {
            Ranges::Whole
        }
    }

    pub(super) async fn whole(&self, is_gzip: bool) -> Result<Response, Problem> {
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

    pub(super) async fn stretch(&self, range: ByteRange) -> Result<Response, Problem> {
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

    /// `multipart/byteranges`, one stretch after the other. It answers once the first has begun; each of the others
    /// is opened when its turn comes, and cuts the answer short if the version is gone by then.
    pub(super) async fn stretches(&self, ranges: &[ByteRange]) -> Result<Response, Problem> {
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
            let (store, record) = (self.store.clone(), self.record.clone());
            let verification = self.verification;
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
            begun(Box::pin(all), self.record.version_uri().to_string()).await?
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
        Ok(response)
    }

    pub(super) async fn respond(
        &self,
        status: StatusCode,
        part: Part,
    ) -> Result<Response, Problem> {
        if !self.has_body {
            return Ok(status.into_response());
        }
        let verification = self.verification;
        let found = self.store.read(self.record, part, verification).await?;
        let body = begun(found.body, self.record.version_uri().to_string()).await?;
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

    pub(super) fn protect(&self, headers: &mut HeaderMap) {
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
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

pub(super) fn unsatisfiable(content: &Content) -> Problem {
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
