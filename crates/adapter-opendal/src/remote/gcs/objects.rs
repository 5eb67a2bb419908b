//! Objects in storage classes of Google's: copying one to another class, within the service. Knows the
//! calls of the JSON API that OpenDAL does not make, and how they are signed and retried.

use std::time::Duration;

use artifact_domain::port::BlobStat;
use artifact_domain::{BlobKey, Error, ErrorKind, Result, Tier};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use opendal::{Buffer, HttpTransporter};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqsign_core::{Context, Env, OsEnv, ProvideCredentialChain, Signer, StaticEnv};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_google::{
    Credential, DefaultCredentialProvider, FileCredentialProvider, RequestSigner,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::GcsOptions;
use crate::error::{absent, from_remote, from_service};
use crate::remote::{StorageClasses, backoff};

const ENDPOINT: &str = "https://storage.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// How long one request may take. A rewrite answers after half a minute, with what is to be done.
const PATIENCE: Duration = Duration::from_mins(2);

/// What was said of an object when it was put, and is to be said of its copy.
const SAID: [&str; 6] = [
    "contentType",
    "contentEncoding",
    "contentDisposition",
    "contentLanguage",
    "cacheControl",
    "metadata",
];

/// The objects of one store's bucket.
#[derive(Debug)]
pub(crate) struct Objects {
    /// The URL that names of objects are added to.
    bucket_url: String,
    bucket: String,
    /// What the keys of the store begin with in the bucket.
    prefix: String,
    classes: StorageClasses,
    transport: HttpTransporter,
    /// None for an emulator, which asks nobody who he is.
    signer: Option<Signer<Credential>>,
    retries: u32,
}

impl Objects {
    pub(super) fn new(
        options: &GcsOptions,
        classes: StorageClasses,
        transport: HttpTransporter,
    ) -> Self {
        let endpoint = options.endpoint_url.as_deref().unwrap_or(ENDPOINT);
        let endpoint = endpoint.trim_end_matches('/');
        let is_signed = options.credentials_path.is_some() || !endpoint.starts_with("http://");
        let bucket = options.bucket.clone();
        let prefix = options.prefix.as_deref().unwrap_or_default();
        let prefix = prefix.split('/').filter(|part| !part.is_empty());
        let prefix = prefix.flat_map(|part| [part, "/"]);
        Self {
            bucket_url: format!("{endpoint}/storage/v1/b/{bucket}/o"),
            bucket,
            prefix: prefix.collect(),
            classes,
            signer: is_signed.then(|| signer(options, &transport)),
            transport,
            retries: options.retries,
        }
    }

    /// Copies an object to another key and to the class of a tier, with its media type and encoding.
    /// What the service tells of both afterwards must agree.
    pub(crate) async fn copy(&self, from: &BlobKey, to: &BlobKey, tier: Tier) -> Result<BlobStat> {
        let source_url = format!("{}/{}", self.bucket_url, self.encoded(from));
        let doing = format!("stat blob `{from}`");
        let body = self
            .send(&doing, from, Method::GET, &source_url, &[])
            .await?;
        let source: Map<String, Value> = parsed(&doing, &body)?;
        let mut target: Map<String, Value> = source
            .iter()
            .filter(|(name, _)| SAID.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(class) = self.classes.of(tier) {
            target.insert("storageClass".to_owned(), class.into());
        }
        let target = Value::Object(target).to_string();
        let (bucket, name) = (&self.bucket, self.encoded(to));
        let rewrite_url = format!("{source_url}/rewriteTo/b/{bucket}/o/{name}");
        let doing = format!("copy blob `{from}`");
        let mut url = rewrite_url.clone();
        let copy = loop {
            let sent = self.send(&doing, from, Method::POST, &url, target.as_bytes());
            let rewritten: Rewritten = parsed(&doing, &sent.await?)?;
            match (rewritten.resource, rewritten.rewrite_token) {
                (Some(resource), _) => break resource,
                (None, Some(token)) => {
                    url = format!("{rewrite_url}?rewriteToken={}", encoded(&token));
                }
                (None, None) => return Err(strange(&doing)),
            }
        };
        let differs = |name| {
            let (one, other) = (source.get(name), copy.get(name));
            one.is_some() && other.is_some() && one != other
        };
        if let Some(name) = ["size", "crc32c"].into_iter().find(|name| differs(*name)) {
            let message = format!("the copy `{to}` has another {name} than blob `{from}`");
            return Err(Error::new(ErrorKind::Integrity, message));
        }
        let text = |name| copy.get(name).and_then(Value::as_str);
        let size_bytes = text("size").and_then(|size| size.parse().ok());
        Ok(BlobStat {
            size_bytes: size_bytes.ok_or_else(|| strange(&doing))?,
            modified_at: text("updated").and_then(|time| time.parse().ok()),
        })
    }

    fn encoded(&self, key: &BlobKey) -> String {
        encoded(&format!("{}{key}", self.prefix))
    }

    /// Sends a request about `key`, again where that may help.
    async fn send(
        &self,
        doing: &str,
        key: &BlobKey,
        method: Method,
        url: &str,
        body: &[u8],
    ) -> Result<Bytes> {
        let mut attempt = 0;
        loop {
            let error = match self.send_once(&method, url, body).await {
                Ok((status, body)) if status.is_success() => return Ok(body),
                Ok((StatusCode::NOT_FOUND, _)) => return Err(absent(key)),
                Ok((status, body)) => {
                    let body = String::from_utf8_lossy(&body);
                    let error =
                        from_service(doing, status.as_u16(), &body, format!("{status}: {body}"));
                    let may_help = error.kind() == ErrorKind::Unavailable;
                    (error, may_help)
                }
                Err(cause) => {
                    let may_help = cause.is_temporary();
                    (from_remote(doing, cause), may_help)
                }
            };
            let (error, may_help) = error;
            if !may_help || attempt >= self.retries {
                return Err(error);
            }
            attempt += 1;
            let wait = backoff::after(attempt);
            let wait_ms = wait.as_millis();
            tracing::warn!(what = doing, attempt, wait_ms, error = %error, "retrying");
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(
        &self,
        method: &Method,
        url: &str,
        body: &[u8],
    ) -> opendal::Result<(StatusCode, Bytes)> {
        let unexpected =
            |message: &str| opendal::Error::new(opendal::ErrorKind::Unexpected, message);
        let mut request = Request::builder().method(method).uri(url);
        if method == Method::POST {
            request = request
                .header(CONTENT_TYPE, "application/json; charset=UTF-8")
                .header(CONTENT_LENGTH, body.len());
        }
        let request = request.body(Buffer::from(Bytes::copy_from_slice(body)));
        let request =
            request.map_err(|cause| unexpected("the request can't be built").set_source(cause))?;
        let (mut parts, body) = request.into_parts();
        if let Some(signer) = &self.signer {
            let signed = signer.sign(&mut parts, None).await;
            signed.map_err(|cause| unexpected("signing http request").set_source(cause))?;
            if let Some(token) = parts.headers.get_mut(AUTHORIZATION) {
                token.set_sensitive(true);
            }
            parts.headers.remove(HOST);
        }
        let sending = self.transport.send(Request::from_parts(parts, body));
        let Ok(answer) = tokio::time::timeout(PATIENCE, sending).await else {
            return Err(unexpected("operation timeout reached").set_temporary());
        };
        let (parts, body) = answer?.into_parts();
        Ok((parts.status, body.to_bytes()))
    }
}

/// As the driver of the other calls finds credentials.
fn signer(options: &GcsOptions, transport: &HttpTransporter) -> Signer<Credential> {
    let mut envs = OsEnv.vars();
    envs.insert("GOOGLE_SCOPE".to_owned(), SCOPE.to_owned());
    let home_dir = OsEnv.home_dir();
    let context = Context::new()
        .with_file_read(TokioFileRead)
        .with_http_send(transport.clone())
        .with_env(StaticEnv { home_dir, envs });
    let default = DefaultCredentialProvider::builder().build();
    let mut chain = ProvideCredentialChain::new().push(default);
    if let Some(path) = &options.credentials_path {
        let file = FileCredentialProvider::new(path.to_string_lossy());
        chain = chain.push_front(file.with_scope(SCOPE));
    }
    let by = RequestSigner::new("storage").with_scope(SCOPE);
    Signer::new(context, chain, by)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rewritten {
    /// The copy, once it is there.
    resource: Option<Map<String, Value>>,
    /// What goes on with it.
    rewrite_token: Option<String>,
}

fn parsed<T: serde::de::DeserializeOwned>(doing: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|cause| strange(doing).with_source(cause))
}

fn strange(doing: &str) -> Error {
    let message = format!("{doing}: the service's answer can't be read");
    Error::new(ErrorKind::Internal, message)
        .with_hint("is the endpoint that of Google Cloud Storage?")
}
