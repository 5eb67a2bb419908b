//! Signed requests about a bucket of Google's, by its JSON API or its XML API. Knows how they are signed
//! and retried, not what they ask.

use std::fmt::Display;
use std::time::Duration;

use artifact_domain::{Error, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use opendal::{Buffer, HttpTransporter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqsign_core::{Context, Env as _, OsEnv, ProvideCredentialChain, Signer, StaticEnv};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_google::{
    Credential, DefaultCredentialProvider, FileCredentialProvider, RequestSigner,
};

use super::{GcsOptions, billing};
use crate::error::{brief, from_remote, from_service};
use crate::remote::{backoff, retrying};

/// How long one request may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

const GOOGLE: &str = "https://storage.googleapis.com";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What stays as it is in an address that is signed.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What a request is to be allowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// Reading and writing objects.
    Objects,
    /// Reading and writing what is said of a bucket, which needs more.
    Bucket,
}

impl Scope {
    fn url(self) -> &'static str {
        match self {
            Self::Objects => "https://www.googleapis.com/auth/devstorage.read_write",
            Self::Bucket => "https://www.googleapis.com/auth/devstorage.full_control",
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct RawRequest {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Buffer,
    /// How long it may take.
    pub(super) patience: Duration,
    /// Not for addresses that are a secret of their own.
    pub(super) is_signed: bool,
}

impl RawRequest {
    /// A request without a body.
    pub(super) fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Buffer::new(),
            patience: PATIENCE,
            is_signed: true,
        }
    }

    /// With a document as its body.
    pub(super) fn with_json(mut self, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, JSON);
        self.body = Buffer::from(body.into());
        self
    }
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(super) struct RawResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl RawResponse {
    /// Why it is no success, in a few words.
    fn brief(&self) -> String {
        brief::of_answer(self.status.as_u16(), &String::from_utf8_lossy(&self.body))
    }

    /// The error that an answer is which is no success.
    pub(super) fn error(&self, doing: impl Display) -> Error {
        let body = String::from_utf8_lossy(&self.body);
        let cause = format!("status {}: {body}", self.status);
        from_service(doing, self.status.as_u16(), &body, cause)
    }

    /// Whether the service may answer otherwise when it is asked again.
    pub(super) fn is_passing(&self) -> bool {
        let status = self.status;
        let is_unknown = status == StatusCode::NOT_IMPLEMENTED;
        matches!(status.as_u16(), 408 | 429) || (status.is_server_error() && !is_unknown)
    }
}

/// Sends requests about one bucket.
#[derive(Debug)]
pub(super) struct RawClient {
    endpoint: String,
    bucket: String,
    transport: HttpTransporter,
    /// None where requests are not signed: over `http`, which is for emulators.
    signer: Option<Signer<Credential>>,
    retries: u32,
}

impl RawClient {
    pub(super) fn new(options: &GcsOptions, scope: Scope) -> Result<Self> {
        let transport = billing::transport(options, HeaderMap::new())?;
        Ok(Self {
            endpoint: endpoint(options).to_owned(),
            bucket: options.bucket.clone(),
            signer: options
                .is_signed()
                .then(|| signer(options, scope.url(), &transport)),
            transport,
            retries: options.retries,
        })
    }

    /// How many times a request is made again.
    pub(super) fn retries(&self) -> u32 {
        self.retries
    }

    /// The address of the bucket in the JSON API, followed by `place`.
    pub(super) fn bucket_url(&self, place: &str) -> String {
        format!("{}/storage/v1/b/{}{place}", self.endpoint, self.bucket)
    }

    /// The address at which the JSON API takes objects.
    pub(super) fn upload_url(&self, query: &str) -> String {
        let (endpoint, bucket) = (&self.endpoint, &self.bucket);
        format!("{endpoint}/upload/storage/v1/b/{bucket}/o?{query}")
    }

    /// The address of an object in the XML API, which is the one that others can be given.
    pub(super) fn object_url(&self, key: &str) -> String {
        let key: Vec<_> = key.split('/').map(encoded).collect();
        format!("{}/{}/{}", self.endpoint, self.bucket, key.join("/"))
    }

    /// Sends a request, again where that may help. An answer that refuses is an answer.
    ///
    /// `doing` begins the message of the error where none came.
    pub(super) async fn send(&self, doing: &str, request: &RawRequest) -> Result<RawResponse> {
        let mut attempt = 0;
        loop {
            let cause = match self.send_once(request).await {
                Ok(answer) if answer.is_passing() && attempt < self.retries => answer.brief(),
                Ok(answer) => return Ok(answer),
                Err(cause) if cause.is_temporary() && attempt < self.retries => {
                    brief::of_opendal(&cause)
                }
                Err(cause) => return Err(from_remote(doing, cause)),
            };
            attempt += 1;
            wait(doing, attempt, &cause).await;
        }
    }

    /// Sends a request once. What is said of a failure has its address.
    pub(super) async fn send_once(&self, request: &RawRequest) -> opendal::Result<RawResponse> {
        let mut built = Request::builder()
            .method(&request.method)
            .uri(&request.url)
            .body(request.body.clone())
            .map_err(|cause| unexpected("the request can't be built").set_source(cause))?;
        *built.headers_mut() = request.headers.clone();
        if matches!(request.method, Method::PUT | Method::POST) {
            // Of an empty body the client would say nothing, and the service wants to hear it.
            let length = HeaderValue::from(request.body.len());
            built.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        let (mut parts, body) = built.into_parts();
        if let Some(signer) = self.signer.as_ref().filter(|_| request.is_signed) {
            let signed = signer.sign(&mut parts, None).await;
            signed.map_err(|cause| unexpected("signing http request").set_source(cause))?;
        }
        parts.headers.remove(header::HOST);
        let sending = self.transport.send(Request::from_parts(parts, body));
        let Ok(answer) = tokio::time::timeout(request.patience, sending).await else {
            return Err(unexpected("operation timeout reached").set_temporary());
        };
        let (parts, body) = answer?.into_parts();
        Ok(RawResponse {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }

    /// Signs an address, which then needs no other credentials; none where nothing is signed.
    pub(super) async fn signed(
        &self,
        method: Method,
        url: String,
        valid_for: Duration,
    ) -> Option<opendal::Result<http::request::Parts>> {
        let signer = self.signer.as_ref()?;
        let built = Request::builder().method(method).uri(url).body(());
        let (mut parts, ()) = match built {
            Ok(built) => built.into_parts(),
            Err(cause) => {
                let error = unexpected("the request can't be built");
                return Some(Err(error.set_source(cause)));
            }
        };
        let done = signer.sign(&mut parts, Some(valid_for)).await;
        Some(match done {
            Ok(()) => Ok(parts),
            Err(cause) => Err(unexpected("signing http request").set_source(cause)),
        })
    }
}

/// Waits before a request is made again, and says so.
pub(super) async fn wait(doing: &str, attempt: u32, cause: &str) {
    let wait = backoff::after(attempt);
    retrying::tell(doing, attempt, wait, cause);
    tokio::time::sleep(wait).await;
}

/// A name in a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The service's URL, without a slash at its end.
pub(super) fn endpoint(options: &GcsOptions) -> &str {
    let endpoint = options.endpoint_url.as_deref().unwrap_or(GOOGLE);
    endpoint.trim_end_matches('/')
}

fn unexpected(message: &str) -> opendal::Error {
    opendal::Error::new(opendal::ErrorKind::Unexpected, message)
}

fn signer(options: &GcsOptions, scope: &str, transport: &HttpTransporter) -> Signer<Credential> {
    // The library takes the scope of what it finds by itself from a variable.
    let mut envs = OsEnv.vars();
    envs.insert("GOOGLE_SCOPE".to_owned(), scope.to_owned());
    let context = Context::new()
        .with_file_read(TokioFileRead)
        .with_http_send(transport.clone())
        .with_env(StaticEnv {
            home_dir: OsEnv.home_dir(),
            envs,
        });
    let chain = ProvideCredentialChain::new();
    // Whoever names a file means nobody else.
    let chain = match &options.credentials_path {
        Some(path) => {
            chain.push(FileCredentialProvider::new(path.to_string_lossy()).with_scope(scope))
        }
        None => chain.push(DefaultCredentialProvider::builder().build()),
    };
    let by = RequestSigner::new("storage").with_scope(scope);
    Signer::new(context, chain, by)
}
