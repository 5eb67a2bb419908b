//! Copying an object within the service in parts, since one request copies only so much. Knows the
//! calls of a multipart copy.

use artifact_domain::{BlobKey, Error, ErrorKind, Result, Tier};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;

use super::head::Head;
use super::{COPY_SOURCE, Objects, RawRequest, RawResponse};
use crate::error::absent;
use crate::remote::s3::uploads::parsed;

const COPY_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");

/// How many parts are copied at once.
const CONCURRENCY: usize = 4;

/// How many parts a service takes.
const MAX_PARTS: u64 = 10_000;

/// How much is copied by one request.
#[derive(Debug)]
pub(super) struct PartSizes {
    /// An object of this size or less is copied as a whole, and what is larger in parts of so many
    /// bytes, unless there would be too many.
    pub(super) part: u64,
}

impl PartSizes {
    /// By itself less than the 5 GiB of the service, since no answer comes while it copies.
    pub(super) fn of(bytes: Option<u64>) -> Self {
        Self {
            part: bytes.unwrap_or(512 << 20).max(1),
        }
    }

    /// The first and the last byte of each part.
    fn ranges(&self, size_bytes: u64) -> impl Iterator<Item = (u64, u64)> + use<> {
        let part = self.part.max(size_bytes.div_ceil(MAX_PARTS));
        (0..size_bytes.div_ceil(part)).map(move |number| {
            let first = number * part;
            (first, (first + part).min(size_bytes) - 1)
        })
    }
}

impl Objects {
    /// Copies in parts; what is cut off is aborted, or else swept like uploads.
    pub(super) async fn copy_in_parts(
        &self,
        from: &BlobKey,
        to: &BlobKey,
        tier: Tier,
        source: &Head,
    ) -> Result<()> {
        let upload = self.begin(to, tier, source).await?;
        let copied = self.copy_parts(from, to, &upload, source.size_bytes).await;
        let error = match copied {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let doing = format!("abort the copy of blob `{from}`");
        let query = vec![("uploadId", upload)];
        let aborted = self.ask(&doing, Method::DELETE, to, query, HeaderMap::new(), 0);
        if let Err(cause) = aborted.await {
            tracing::debug!(error = %cause, "a copy could not be aborted");
        }
        Err(error)
    }

    async fn begin(&self, to: &BlobKey, tier: Tier, source: &Head) -> Result<String> {
        let mut headers = source.said();
        headers.extend(self.class_of(tier)?);
        let doing = format!("begin the copy `{to}`");
        let query = vec![("uploads", String::new())];
        let answer = self
            .ask(&doing, Method::POST, to, query, headers, 0)
            .await?;
        let begun: Begun = parsed(&doing, &answer)?;
        Ok(begun.upload_id)
    }

    async fn copy_parts(
        &self,
        from: &BlobKey,
        to: &BlobKey,
        upload: &str,
        size_bytes: u64,
    ) -> Result<()> {
        let parts: Vec<(usize, String)> = stream::iter(self.sizes.ranges(size_bytes).enumerate())
            .map(|(index, range)| async move {
                let tag = self.copy_part(from, to, upload, index + 1, range).await?;
                Ok::<_, Error>((index + 1, tag))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let parts = parts.iter().map(|(number, tag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        });
        let parts: String = parts.collect();
        let body = format!(
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
             </CompleteMultipartUpload>"
        );
        let object = self.object(to);
        let request = RawRequest {
            method: Method::POST,
            key: Some(&object),
            query: vec![("uploadId", upload.to_owned())],
            headers: HeaderMap::from_iter([(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/xml"),
            )]),
            body: Bytes::from(body),
        };
        let doing = format!("copy blob `{from}`");
        let answer = self
            .client
            .send_within(super::COPY, &doing, &request)
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            // Asked again after its answer was lost, the service knows no such upload any more.
            return match self.head(to).await {
                Ok(_) => Ok(()),
                Err(_) => Err(swept(doing, &answer)),
            };
        }
        if answer.is_success() {
            return Ok(());
        }
        Err(answer.error(doing))
    }

    async fn copy_part(
        &self,
        from: &BlobKey,
        to: &BlobKey,
        upload: &str,
        number: usize,
        (first, last): (u64, u64),
    ) -> Result<String> {
        let doing = format!("copy part {number} of blob `{from}`");
        let range = super::header(&format!("bytes={first}-{last}"))?;
        let headers = HeaderMap::from_iter([
            (COPY_SOURCE, self.source(from)?),
            (COPY_SOURCE_RANGE, range),
        ]);
        let query = vec![
            ("partNumber", number.to_string()),
            ("uploadId", upload.to_owned()),
        ];
        let size_bytes = last - first + 1;
        let answer = self
            .ask(&doing, Method::PUT, to, query, headers, size_bytes)
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            if self.is_gone(from).await {
                return Err(absent(from));
            }
            return Err(swept(doing, &answer));
        }
        let part: CopiedPart = parsed(&doing, &answer)?;
        Ok(part.e_tag)
    }

    /// Whether the source has gone, or only the upload.
    async fn is_gone(&self, key: &BlobKey) -> bool {
        let head = self.head(key).await;
        head.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }
}

/// A copy that stood still for so long that a sweep elsewhere took its parts away: only the source may
/// be told to be missing, and the copy can be begun anew.
fn swept(doing: String, answer: &RawResponse) -> Error {
    let message = format!("{doing}: its parts were taken away before it was whole");
    Error::new(ErrorKind::Unavailable, message).with_source(answer.error(doing))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CopiedPart {
    e_tag: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        let sizes = PartSizes::of(Some(4));
        let ranges: Vec<_> = sizes.ranges(11).collect();
        assert_eq!(ranges, [(0, 3), (4, 7), (8, 10)]);
        let largest: Vec<_> = PartSizes::of(None).ranges(5 << 40).collect();
        assert!(largest.len() <= 10_000);
        assert_eq!(largest.last().map(|range| range.1), Some((5 << 40) - 1));
        // No part is larger than a service copies.
        assert!(largest.iter().all(|(first, last)| last - first < 5 << 30));
    }
}
