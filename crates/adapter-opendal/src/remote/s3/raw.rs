//! Signed requests of S3 that OpenDAL does not make: method, key, query, headers and body in, status,
//! headers and body out. Knows how they are signed and retried, not what they ask.

use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use opendal::raw::percent_encode_path;
use opendal::{Buffer, HttpTransporter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::Signer;

use super::place::Place;
use super::standard::{self, Credentials};
use crate::error::{brief, from_remote, from_service};
use crate::remote::{backoff, retrying};

/// How long one request may take by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// How an error begins, and where it does after the spaces that keep a connection open.
const ERROR: &[u8] = b"<Error>";
const LATE_ERROR_WITHIN: usize = 4096;

/// What stays as it is in a query that is signed.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One request about the bucket, or about a key in it.
#[derive(Debug, Clone)]
pub(super) struct RawRequest<'a> {
    pub(super) method: Method,
    /// The whole key, prefix and all; the bucket itself when absent.
    pub(super) key: Option<&'a str>,
    /// Names and values, neither of them encoded.
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(super) struct RawResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl RawResponse {
    /// Whether the request did what it was to do. Of what takes long, a service says that it goes
    /// well before it knows: then the answer itself is an error.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success() && !self.is_late_error()
    }

    fn is_late_error(&self) -> bool {
        let head = &self.body[..self.body.len().min(LATE_ERROR_WITHIN)];
        self.status.is_success() && head.windows(ERROR.len()).any(|bytes| bytes == ERROR)
    }

    /// Whether the service may answer otherwise when it is asked again.
    fn is_passing(&self) -> bool {
        is_passing(self.status)
            || (self.is_late_error() && self.error("").kind() == ErrorKind::Unavailable)
    }

    /// Why it is no success, in a few words.
    fn brief(&self) -> String {
        brief::of_answer(self.status.as_u16(), &String::from_utf8_lossy(&self.body))
    }

    /// The error that an answer is which is no success.
    pub(super) fn error(&self, doing: impl std::fmt::Display) -> Error {
        let body = String::from_utf8_lossy(&self.body);
        let cause = format!("status {}, {:?}: {body}", self.status, self.headers);
        from_service(doing, self.status.as_u16(), &body, cause)
    }
}

/// Sends requests about one bucket.
#[derive(Debug)]
pub(super) struct RawClient {
    bucket_url: String,
    transport: HttpTransporter,
    signer: Signer<Credential>,
    retries: u32,
    /// How long one request may take.
    pub(super) patience: Duration,
}

impl RawClient {
    pub(super) fn new(
        place: &Place,
        credentials: &Credentials,
        transport: HttpTransporter,
        retries: u32,
    ) -> Self {
        let context = standard::context().with_http_send(transport.clone());
        let by = RequestSigner::new("s3", &place.region);
        let signer = Signer::new(context, credentials.clone(), by);
        Self {
            bucket_url: place.bucket_url(),
            transport,
            signer,
            retries,
            patience: PATIENCE,
        }
    }

    /// Sends a request, again where that may help. An answer that refuses is an answer.
    ///
    /// `doing` begins the message of the error where none came.
    pub(super) async fn send(&self, doing: &str, request: &RawRequest<'_>) -> Result<RawResponse> {
        self.send_within(self.patience, doing, request).await
    }

    /// Sends a request that may take longer than others.
    pub(super) async fn send_within(
        &self,
        patience: Duration,
        doing: &str,
        request: &RawRequest<'_>,
    ) -> Result<RawResponse> {
        let mut attempt = 0;
        loop {
            let cause = match self.send_once(request, patience).await {
                Ok(answer) if answer.is_passing() && attempt < self.retries => answer.brief(),
                Ok(answer) => return Ok(answer),
                Err(cause) if cause.is_temporary() && attempt < self.retries => {
                    brief::of_opendal(&cause)
                }
                Err(cause) => return Err(from_remote(doing, cause)),
            };
            attempt += 1;
            let wait = backoff::after(attempt);
            retrying::tell(doing, attempt, wait, &cause);
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(
        &self,
        request: &RawRequest<'_>,
        patience: Duration,
    ) -> opendal::Result<RawResponse> {
        let unexpected =
            |message: &str| opendal::Error::new(opendal::ErrorKind::Unexpected, message);
        let body = Buffer::from(request.body.clone());
        let mut built = Request::builder()
            .method(&request.method)
            .uri(self.url(request))
            .body(body)
            .map_err(|cause| unexpected("the request can't be built").set_source(cause))?;
        *built.headers_mut() = request.headers.clone();
        if matches!(request.method, Method::PUT | Method::POST) {
            // Of an empty body the client would say nothing, and some services want to hear it.
            let length = HeaderValue::from(request.body.len());
            built
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, length);
        }
        let (mut parts, body) = built.into_parts();
        let signed = self.signer.sign(&mut parts, None).await;
        signed.map_err(|cause| unexpected("signing http request").set_source(cause))?;
        // The client sets it, by what the version of HTTP wants.
        parts.headers.remove(http::header::HOST);
        let sending = self.transport.send(Request::from_parts(parts, body));
        let Ok(answer) = tokio::time::timeout(patience, sending).await else {
            return Err(unexpected("operation timeout reached").set_temporary());
        };
        let (parts, body) = answer?.into_parts();
        Ok(RawResponse {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }

    /// Signs a URL for a key, and uses it as somebody without credentials would.
    pub(super) async fn by_signed_url(
        &self,
        doing: &str,
        method: Method,
        key: &str,
        body: Bytes,
        valid_for: Duration,
    ) -> Result<RawResponse> {
        let request = RawRequest {
            method: method.clone(),
            key: Some(key),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let failed = |cause: opendal::Error| from_remote(doing, cause);
        let unexpected =
            |message: &str| opendal::Error::new(opendal::ErrorKind::Unexpected, message);
        let built = Request::builder().method(&method).uri(self.url(&request));
        let built = built
            .body(())
            .map_err(|cause| failed(unexpected("the request can't be built").set_source(cause)))?;
        let (mut parts, ()) = built.into_parts();
        let signed = self.signer.sign(&mut parts, Some(valid_for)).await;
        signed.map_err(|cause| failed(unexpected("signing http request").set_source(cause)))?;
        let plain = http::HeaderValue::from_static("application/octet-stream");
        let request = Request::builder()
            .method(method)
            .uri(parts.uri)
            .header(http::header::CONTENT_TYPE, plain)
            .body(Buffer::from(body));
        let request = request
            .map_err(|cause| failed(unexpected("the request can't be built").set_source(cause)))?;
        let (parts, body) = self
            .transport
            .send(request)
            .await
            .map_err(failed)?
            .into_parts();
        Ok(RawResponse {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }

    fn url(&self, request: &RawRequest<'_>) -> String {
        let key = percent_encode_path(request.key.unwrap_or_default());
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        let query = request.query.iter();
        let query: Vec<_> = query
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        format!("{}/{key}?{}", self.bucket_url, query.join("&"))
    }
}

/// Whether the service may answer otherwise when it is asked again.
fn is_passing(status: StatusCode) -> bool {
    let is_unknown = status == StatusCode::NOT_IMPLEMENTED;
    let asks_to_wait = matches!(status.as_u16(), 408 | 429);
    asks_to_wait || (status.is_server_error() && !is_unknown)
}

/// The kind of an answer that says that the service has no such call.
pub(super) fn is_unsupported(answer: &RawResponse) -> bool {
    let status = answer.status;
    status == StatusCode::METHOD_NOT_ALLOWED
        || status == StatusCode::NOT_IMPLEMENTED
        || answer.error("").kind() == ErrorKind::Unsupported
}
