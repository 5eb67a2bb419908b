//! Signed requests about a bucket of Google's JSON API. Knows how they are signed and retried, not
//! what they ask.

use std::time::Duration;

use artifact_domain::{Error, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use opendal::{Buffer, HttpTransporter};
use reqsign_core::{Context, Env as _, OsEnv, ProvideCredentialChain, Signer, StaticEnv};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_google::{
    Credential, DefaultCredentialProvider, FileCredentialProvider, RequestSigner,
};

use super::GcsOptions;
use crate::error::{brief, from_remote, from_service};
use crate::remote::{backoff, client, retrying};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

const GOOGLE: &str = "https://storage.googleapis.com";

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

/// Sends requests about one bucket.
#[derive(Debug)]
pub(super) struct RawClient {
    bucket_url: String,
    transport: HttpTransporter,
    /// None where requests are not signed: over `http`, which is for emulators.
    signer: Option<Signer<Credential>>,
    retries: u32,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(super) struct RawResponse {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl RawResponse {
    /// Why it is no success, in a few words.
    fn brief(&self) -> String {
        brief::of_answer(self.status.as_u16(), &String::from_utf8_lossy(&self.body))
    }

    /// The error that an answer is which is no success.
    pub(super) fn error(&self, doing: impl std::fmt::Display) -> Error {
        let body = String::from_utf8_lossy(&self.body);
        let cause = format!("status {}: {body}", self.status);
        from_service(doing, self.status.as_u16(), &body, cause)
    }
}

impl RawClient {
    pub(super) fn new(options: &GcsOptions, scope: Scope) -> Result<Self> {
        let transport = client::new(HeaderMap::new(), None)?;
        let endpoint = options.endpoint_url.as_deref().unwrap_or(GOOGLE);
        let is_emulator = endpoint.starts_with("http://") && options.credentials_path.is_none();
        let endpoint = endpoint.trim_end_matches('/');
        Ok(Self {
            bucket_url: format!("{endpoint}/storage/v1/b/{}", options.bucket),
            signer: (!is_emulator).then(|| signer(options, scope.url(), &transport)),
            transport,
            retries: options.retries,
        })
    }

    /// Sends a request, again where that may help. An answer that refuses is an answer.
    pub(super) async fn send(
        &self,
        doing: &str,
        method: &Method,
        query: &str,
        body: Bytes,
    ) -> Result<RawResponse> {
        let place = format!("?{query}");
        self.send_to(doing, method, &place, body, PATIENCE).await
    }

    /// Sends a request to a place below the bucket, that may take longer than others.
    pub(super) async fn send_to(
        &self,
        doing: &str,
        method: &Method,
        place: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<RawResponse> {
        let mut attempt = 0;
        loop {
            let sent = self.send_once(method, place, body.clone(), patience);
            let cause = match sent.await {
                Ok(answer) if is_passing(answer.status) && attempt < self.retries => answer.brief(),
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
        method: &Method,
        place: &str,
        body: Bytes,
        patience: Duration,
    ) -> opendal::Result<RawResponse> {
        let unexpected =
            |message: &str| opendal::Error::new(opendal::ErrorKind::Unexpected, message);
        let json = HeaderValue::from_static("application/json");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{place}", self.bucket_url))
            .header(header::CONTENT_TYPE, json)
            .body(Buffer::from(body))
            .map_err(|cause| unexpected("the request can't be built").set_source(cause))?;
        let (mut parts, body) = request.into_parts();
        if let Some(signer) = &self.signer {
            let signed = signer.sign(&mut parts, None).await;
            signed.map_err(|cause| unexpected("signing http request").set_source(cause))?;
        }
        parts.headers.remove(header::HOST);
        let sending = self.transport.send(Request::from_parts(parts, body));
        let Ok(answer) = tokio::time::timeout(patience, sending).await else {
            return Err(unexpected("operation timeout reached").set_temporary());
        };
        let (parts, body) = answer?.into_parts();
        Ok(RawResponse {
            status: parts.status,
            body: body.to_bytes(),
        })
    }
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
    let mut chain =
        ProvideCredentialChain::new().push(DefaultCredentialProvider::builder().build());
    if let Some(path) = &options.credentials_path {
        let file = FileCredentialProvider::new(path.to_string_lossy()).with_scope(scope);
        chain = chain.push_front(file);
    }
    let by = RequestSigner::new("storage").with_scope(scope);
    Signer::new(context, chain, by)
}

/// Whether the service may answer otherwise when it is asked again.
fn is_passing(status: StatusCode) -> bool {
    let is_unknown = status == StatusCode::NOT_IMPLEMENTED;
    matches!(status.as_u16(), 408 | 429) || (status.is_server_error() && !is_unknown)
}
