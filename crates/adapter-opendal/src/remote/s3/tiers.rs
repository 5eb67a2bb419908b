//! Objects in storage classes: copying one to another class, within the service, and getting one out
//! of a class that gives no bytes. Knows their calls, not how requests are signed.

mod head;
mod parts;

use std::sync::Arc;
use std::time::Duration;

use artifact_domain::port::BlobStat;
use artifact_domain::{BlobKey, Error, ErrorKind, Result, Tier};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use opendal::raw::percent_encode_path;

use super::place::Place;
use super::raw::{RawClient, RawRequest, RawResponse};
use crate::error::absent;
use crate::remote::StorageClasses;
use head::Head;
use parts::PartSizes;

const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
const STORAGE_CLASS: HeaderName = HeaderName::from_static("x-amz-storage-class");
const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");

/// How long a copy may take at least, and how many more bytes it may take a second for.
const COPY: Duration = Duration::from_mins(1);
const SLOWEST_COPY: u64 = 4 << 20;

/// The objects of one store's bucket.
#[derive(Debug)]
pub(crate) struct Objects {
    client: Arc<RawClient>,
    bucket: String,
    /// What the keys of the store begin with in the bucket.
    prefix: String,
    classes: StorageClasses,
    sizes: PartSizes,
}

impl Objects {
    pub(super) fn new(
        client: Arc<RawClient>,
        place: &Place,
        classes: StorageClasses,
        copy_bytes: Option<u64>,
    ) -> Self {
        Self {
            client,
            bucket: place.bucket.clone(),
            prefix: place.root.trim_start_matches('/').to_owned(),
            classes,
            sizes: PartSizes::of(copy_bytes),
        }
    }

    /// Copies an object to another key and to the class of a tier, with its media type and encoding.
    /// What the service tells of both afterwards must agree.
    pub(crate) async fn copy(&self, from: &BlobKey, to: &BlobKey, tier: Tier) -> Result<BlobStat> {
        let source = self.head(from).await?;
        if source.size_bytes <= self.sizes.part {
            self.copy_whole(from, to, tier, source.size_bytes).await?;
        } else {
            self.copy_in_parts(from, to, tier, &source).await?;
        }
        let copy = self.head(to).await.map_err(|error| match error.kind() {
            // Only the source may be told to be missing.
            ErrorKind::NotFound => {
                let message = format!("blob `{to}` went as soon as it was copied");
                Error::new(ErrorKind::Unavailable, message).with_source(error)
            }
            _ => error,
        })?;
        if let Some(difference) = source.difference(&copy) {
            let message = format!("the copy `{to}` has another {difference} than blob `{from}`");
            return Err(Error::new(ErrorKind::Integrity, message));
        }
        Ok(BlobStat {
            size_bytes: copy.size_bytes,
            modified_at: copy.modified_at,
        })
    }

    /// Asks for an object that its class gives no bytes of; true once it can be read.
    pub(crate) async fn restore(&self, key: &BlobKey, days: u32) -> Result<bool> {
        let head = self.head(key).await?;
        if head.is_readable() {
            return Ok(true);
        }
        if head.is_under_way() {
            return Ok(false);
        }
        let days = if head.restores_for_good() {
            String::new()
        } else {
            format!("<Days>{days}</Days>")
        };
        let body = format!(
            "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{days}\
             <GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>"
        );
        let object = self.object(key);
        let request = RawRequest {
            method: Method::POST,
            key: Some(&object),
            query: vec![("restore", String::new())],
            headers: HeaderMap::from_iter([(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/xml"),
            )]),
            body: Bytes::from(body),
        };
        let doing = format!("restore blob `{key}`");
        let answer = self.client.send(&doing, &request).await?;
        // Somebody else has asked at the same time.
        if answer.status == StatusCode::CONFLICT {
            return Ok(false);
        }
        if answer.is_success() {
            return Ok(self.head(key).await?.is_readable());
        }
        // Services that only call a class so give its bytes at once, and know no such request.
        if self.gives_bytes(key).await? {
            return Ok(true);
        }
        Err(answer.error(doing))
    }

    async fn gives_bytes(&self, key: &BlobKey) -> Result<bool> {
        let doing = format!("get blob `{key}`");
        let answer = self.first_byte(&doing, key).await?;
        match answer.status {
            // Somebody else has moved it since it was asked for.
            StatusCode::NOT_FOUND => Err(absent(key)),
            // It has none.
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(true),
            _ => Ok(answer.is_success()),
        }
    }

    async fn first_byte(&self, doing: &str, key: &BlobKey) -> Result<RawResponse> {
        let first = HeaderValue::from_static("bytes=0-0");
        let headers = HeaderMap::from_iter([(http::header::RANGE, first)]);
        self.ask(doing, Method::GET, key, vec![], headers, 0).await
    }

    async fn copy_whole(
        &self,
        from: &BlobKey,
        to: &BlobKey,
        tier: Tier,
        size_bytes: u64,
    ) -> Result<()> {
        let mut headers = self.class_of(tier)?;
        headers.insert(COPY_SOURCE, self.source(from)?);
        let doing = format!("copy blob `{from}`");
        let answer = self
            .ask(&doing, Method::PUT, to, vec![], headers, size_bytes)
            .await?;
        match answer.status {
            StatusCode::NOT_FOUND => Err(absent(from)),
            _ if answer.is_success() => Ok(()),
            _ => Err(answer.error(doing)),
        }
    }

    async fn head(&self, key: &BlobKey) -> Result<Head> {
        let doing = format!("stat blob `{key}`");
        let headers = HeaderMap::from_iter([(CHECKSUM_MODE, HeaderValue::from_static("ENABLED"))]);
        let answer = self
            .ask(&doing, Method::HEAD, key, vec![], headers, 0)
            .await?;
        if answer.is_success() {
            return Head::of(answer.headers);
        }
        // The answer to this request has no body to say why; that to another one has.
        let error = match self.first_byte(&doing, key).await {
            Ok(told) if !told.is_success() && !told.status.is_server_error() => told.error(&doing),
            _ => answer.error(&doing),
        };
        Err(match (error.kind(), answer.status) {
            (ErrorKind::NotFound, _) | (ErrorKind::Integrity, StatusCode::NOT_FOUND) => absent(key),
            (ErrorKind::Integrity, _) => answer.error(doing),
            _ => error,
        })
    }

    /// One request without a body, that may take as long as a copy of so many bytes.
    async fn ask(
        &self,
        doing: &str,
        method: Method,
        key: &BlobKey,
        query: Vec<(&'static str, String)>,
        headers: HeaderMap,
        size_bytes: u64,
    ) -> Result<RawResponse> {
        let object = self.object(key);
        let request = RawRequest {
            method,
            key: Some(&object),
            query,
            headers,
            body: Bytes::new(),
        };
        let patience = COPY + Duration::from_secs(size_bytes / SLOWEST_COPY);
        self.client.send_within(patience, doing, &request).await
    }

    fn object(&self, key: &BlobKey) -> String {
        format!("{}{key}", self.prefix)
    }

    /// How a copy names its source.
    fn source(&self, key: &BlobKey) -> Result<HeaderValue> {
        let object = percent_encode_path(&self.object(key));
        header(&format!("/{}/{object}", self.bucket))
    }

    /// The header that puts an object in the class of a tier.
    fn class_of(&self, tier: Tier) -> Result<HeaderMap> {
        let class = self.classes.of(tier).map(header).transpose()?;
        Ok(class
            .map(|class| (STORAGE_CLASS, class))
            .into_iter()
            .collect())
    }
}

fn header(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|cause| {
        let message = format!("`{}` cannot be sent to the service", text.escape_debug());
        Error::invalid_input(message).with_source(cause)
    })
}
