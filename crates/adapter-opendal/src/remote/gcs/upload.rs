//! A put to a bucket of Google's: small ones in one request, others in a resumable session (`session`),
//! chunk by chunk. Knows what is said of an object, not how bytes get lost on the way.

use std::sync::Arc;

use artifact_domain::port::{BlobStat, ByteStream, PutOptions};
use artifact_domain::{BlobKey, Encoding, Error, ErrorKind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use opendal::Buffer;
use serde::Deserialize;
use serde_json::{Value, json};

use super::raw::{PATIENCE, RawClient, RawRequest, RawResponse, encoded};
use super::session::Session;
use crate::error::no_bucket;
use crate::remote::upload::Parts;

const MIB: u64 = 1 << 20;

/// What is put in one request, and what each request of a session has but the last: a multiple of the
/// 256 KiB that the service keeps at a time. Two are in memory: one that is sent, and one that is filled.
const CHUNK: u64 = 8 * MIB;

/// The slowest upload, in bytes per second, that does not count as stalled.
const SLOWEST: u64 = 64 * 1024;

/// Puts objects into one store's bucket.
#[derive(Debug)]
pub(crate) struct Uploads {
    client: Arc<RawClient>,
    /// What the keys of the store begin with in the bucket.
    prefix: String,
    storage_class: Option<String>,
}

/// What the service says of an object that is there.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    size: String,
    crc32c: Option<String>,
    updated: Option<String>,
    generation: Option<String>,
}

impl Uploads {
    pub(super) fn new(client: Arc<RawClient>, prefix: &str, class: Option<String>) -> Self {
        Self {
            client,
            prefix: prefix.to_owned(),
            storage_class: class,
        }
    }

    /// Sends a stream.
    pub(crate) async fn put(
        &self,
        key: &BlobKey,
        body: ByteStream,
        options: PutOptions,
    ) -> Result<BlobStat> {
        let mut body = Parts::of(body);
        let first = body.next(CHUNK).await?;
        let put = Put {
            client: &self.client,
            doing: format!("put blob `{key}`"),
            name: format!("{}{key}", self.prefix),
            content_type: options.content_type.unwrap_or_default().as_str().to_owned(),
            encoding: options.encoding,
            storage_class: self.storage_class.as_deref(),
        };
        if body.is_at_end {
            put.at_once(first).await
        } else {
            put.in_chunks(first, body).await
        }
    }
}

/// One put.
struct Put<'a> {
    client: &'a Arc<RawClient>,
    doing: String,
    name: String,
    content_type: String,
    encoding: Option<Encoding>,
    storage_class: Option<&'a str>,
}

impl Put<'_> {
    /// What is said of the object, beside its bytes.
    fn said(&self) -> Value {
        let mut said = json!({ "name": self.name, "contentType": self.content_type });
        if self.encoding == Some(Encoding::Gzip) {
            said["contentEncoding"] = "gzip".into();
        }
        if let Some(class) = self.storage_class {
            said["storageClass"] = class.into();
        }
        said
    }

    async fn at_once(&self, bytes: Buffer) -> Result<BlobStat> {
        let size_bytes = bytes.len() as u64;
        let checksum = Checksum::default().of(&bytes);
        let mut said = self.said();
        said["crc32c"] = checksum.text().into();
        let url = self.client.upload_url("uploadType=multipart");
        let mut request = RawRequest::new(Method::POST, url);
        let boundary = boundary()?;
        let content_type =
            HeaderValue::from_str(&format!("multipart/related; boundary={boundary}"))
                .map_err(|cause| self.impossible(cause))?;
        request.headers.insert(header::CONTENT_TYPE, content_type);
        let head = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{said}\r\n\
             --{boundary}\r\nContent-Type: {}\r\n\r\n",
            self.content_type
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let whole = std::iter::once(Bytes::from(head))
            .chain(bytes)
            .chain([Bytes::from(tail)]);
        request.body = Buffer::from(whole.collect::<Vec<_>>());
        request.patience = patience(size_bytes);
        let answer = self.client.send(&self.doing, &request).await?;
        let stored = self.stored(&answer)?;
        self.checked(&stored, size_bytes, checksum).await
    }

    async fn in_chunks(&self, first: Buffer, mut body: Parts) -> Result<BlobStat> {
        let mut session = self.begin().await?;
        let mut checksum = Checksum::default();
        let mut chunk = first;
        let mut is_last = false;
        loop {
            checksum = checksum.of(&chunk);
            let patience = patience(chunk.len() as u64);
            if is_last {
                let size_bytes = session.end_of(&chunk);
                let whole = checksum.text();
                let sent = session.finish(chunk, &whole, patience);
                let stored = match sent.await? {
                    Some(answer) => self.stored(&answer)?,
                    None => self.published(size_bytes, checksum).await?,
                };
                return self.checked(&stored, size_bytes, checksum).await;
            }
            // What comes next is taken from the stream while this is on its way.
            let sending = session.send(chunk, patience);
            ((), chunk) = futures::try_join!(sending, body.next(CHUNK))?;
            is_last = body.is_at_end;
        }
    }

    async fn begin(&self) -> Result<Session> {
        let url = self.client.upload_url("uploadType=resumable");
        let mut request = RawRequest::new(Method::POST, url).with_json(self.said().to_string());
        let content_type = HeaderValue::from_str(&self.content_type);
        let content_type = content_type.map_err(|cause| self.impossible(cause))?;
        let name = header::HeaderName::from_static("x-upload-content-type");
        request.headers.insert(name, content_type);
        let answer = self.client.send(&self.doing, &request).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        let place = answer.headers.get(header::LOCATION);
        let place = place.and_then(|place| place.to_str().ok());
        let place = place.filter(|place| place.starts_with("http"));
        let place = place.ok_or_else(|| self.strange())?;
        let client = Arc::clone(self.client);
        Ok(Session::new(client, place.to_owned(), self.doing.clone()))
    }

    /// What is there after all, where an answer was lost and the session is gone: no other put writes
    /// to this key, so size and checksum tell.
    async fn published(&self, size_bytes: u64, checksum: Checksum) -> Result<Stored> {
        let place = format!("/o/{}", encoded(&self.name));
        let request = RawRequest::new(Method::GET, self.client.bucket_url(&place));
        let answer = self.client.send(&self.doing, &request).await?;
        let stored = self.stored(&answer).ok();
        let stored = stored.filter(|stored| stored.is(size_bytes, checksum));
        stored.ok_or_else(|| {
            let message = format!("{}: the service has forgotten the upload", self.doing);
            Error::new(ErrorKind::Unavailable, message)
                .with_hint("try again: an upload that stands still for a week is given up")
                .lasting()
        })
    }

    /// What arrived is what was sent. The service refuses what is not where it looks at the checksum
    /// that came with the bytes; where it does not, what arrived is taken away again.
    async fn checked(
        &self,
        stored: &Stored,
        size_bytes: u64,
        checksum: Checksum,
    ) -> Result<BlobStat> {
        if stored.is(size_bytes, checksum) {
            return Ok(BlobStat {
                size_bytes,
                modified_at: stored.updated.as_deref().and_then(|time| time.parse().ok()),
            });
        }
        let generation = stored.generation.as_deref().unwrap_or_default();
        let place = format!(
            "/o/{}?generation={}",
            encoded(&self.name),
            encoded(generation)
        );
        let request = RawRequest::new(Method::DELETE, self.client.bucket_url(&place));
        if let Err(error) = self.client.send(&self.doing, &request).await {
            tracing::warn!(%error, "what arrived damaged could not be deleted");
        }
        let message = format!("{}: the bytes arrived damaged", self.doing);
        Err(Error::new(ErrorKind::Integrity, message).with_hint(
            "try again; if it happens again, something between here and the service changes them",
        ))
    }

    fn stored(&self, answer: &RawResponse) -> Result<Stored> {
        if !answer.status.is_success() {
            return Err(self.refused(answer));
        }
        serde_json::from_slice(&answer.body).map_err(|cause| self.strange().with_source(cause))
    }

    fn refused(&self, answer: &RawResponse) -> Error {
        // An object that is written to is made: what is not there is the bucket.
        if answer.status == StatusCode::NOT_FOUND {
            return no_bucket(&self.doing, answer.error(""));
        }
        answer.error(&self.doing)
    }

    fn strange(&self) -> Error {
        super::strange(&self.doing)
    }

    fn impossible(&self, cause: header::InvalidHeaderValue) -> Error {
        let message = format!("{}: a header is wrong", self.doing);
        Error::new(ErrorKind::Internal, message).with_source(cause)
    }
}

impl Stored {
    fn is(&self, size_bytes: u64, checksum: Checksum) -> bool {
        let crc32c = self.crc32c.as_deref();
        self.size == size_bytes.to_string() && crc32c.is_none_or(|crc32c| crc32c == checksum.text())
    }
}

/// CRC-32C of what has gone by.
#[derive(Debug, Clone, Copy, Default)]
struct Checksum(u32);

impl Checksum {
    /// With these bytes behind the others.
    fn of(self, bytes: &Buffer) -> Self {
        let chunks = bytes.clone();
        Self(chunks.fold(self.0, |crc, chunk| crc32c::crc32c_append(crc, &chunk)))
    }

    fn text(self) -> String {
        BASE64.encode(self.0.to_be_bytes())
    }
}

/// How long a request with so many bytes may take.
fn patience(size_bytes: u64) -> std::time::Duration {
    PATIENCE + std::time::Duration::from_secs(size_bytes / SLOWEST)
}

/// What parts the bodies in one request: no stream can have it by chance.
fn boundary() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|cause| {
        Error::new(ErrorKind::Internal, "the system gives no random bytes").with_source(cause)
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_rfc_3720_as_google_writes_it() {
        // Appendix B.4: 32 bytes of zeros.
        let zeros = Buffer::from(vec![Bytes::from(vec![0; 20]), Bytes::from(vec![0; 12])]);
        assert_eq!(Checksum::default().of(&zeros).0, 0x8a91_36aa);
        assert_eq!(Checksum::default().of(&zeros).text(), "ipE2qg==");
        let again = Checksum::default().of(&zeros.slice(..7));
        assert_eq!(again.of(&zeros.slice(7..)).text(), "ipE2qg==");
    }
}
