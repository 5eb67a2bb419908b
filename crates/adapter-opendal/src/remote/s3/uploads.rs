//! Multipart uploads that were begun and neither published nor aborted: finding them, and taking
//! them away. Knows their calls, not how requests are signed.

use std::sync::Arc;

use artifact_domain::port::Swept;
use artifact_domain::{BlobKey, Error, ErrorKind, Result, Timestamp};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::raw::{RawClient, RawRequest, RawResponse, is_unsupported};

/// The uploads of one store's bucket.
#[derive(Debug)]
pub(crate) struct Uploads {
    client: Arc<RawClient>,
    /// What the keys of the store begin with in the bucket.
    prefix: String,
}

impl Uploads {
    pub(super) fn new(client: Arc<RawClient>, root: &str) -> Self {
        let prefix = root.trim_start_matches('/').to_owned();
        Self { client, prefix }
    }

    /// Counts what was last written to before `older_than`, and with `take` aborts it. What is not
    /// the store's, and what this process is putting, is left alone.
    pub(crate) async fn sweep(
        &self,
        older_than: Timestamp,
        take: bool,
        is_running: impl Fn(&BlobKey) -> bool,
    ) -> Result<Swept> {
        let mut swept = Swept::default();
        let mut marker = Marker::default();
        loop {
            let Some(page) = self.page(&marker).await? else {
                tracing::info!(
                    "the service does not list multipart uploads: a rule of the bucket \
                     (`AbortIncompleteMultipartUpload`) takes away what is cut off"
                );
                return Ok(swept);
            };
            for upload in &page.uploads {
                let Some(key) = self.own(upload) else {
                    continue;
                };
                if upload.initiated()? >= older_than || is_running(&key) {
                    continue;
                }
                let Some(size_bytes) = self.stale_bytes(upload, older_than).await? else {
                    continue;
                };
                if take {
                    self.abort(upload).await?;
                }
                swept.count += 1;
                swept.size_bytes += size_bytes;
            }
            match page.next() {
                Some(next) => marker = next,
                None => return Ok(swept),
            }
        }
    }

    /// The key of the store that is uploaded; none where it is somebody else's.
    fn own(&self, upload: &Upload) -> Option<BlobKey> {
        BlobKey::parse(upload.key.strip_prefix(&self.prefix)?).ok()
    }

    /// One page of the listing; none where the service has no such call.
    async fn page(&self, marker: &Marker) -> Result<Option<UploadPage>> {
        let mut query = vec![("uploads", String::new())];
        if !self.prefix.is_empty() {
            query.push(("prefix", self.prefix.clone()));
        }
        if let Some(key) = &marker.key {
            query.push(("key-marker", key.clone()));
        }
        if let Some(id) = &marker.upload_id {
            query.push(("upload-id-marker", id.clone()));
        }
        let doing = "list multipart uploads";
        let answer = self.ask(doing, Method::GET, None, query).await?;
        if is_unsupported(&answer) {
            return Ok(None);
        }
        parsed(doing, &answer).map(Some)
    }

    /// The bytes of an upload to which nothing was added since; none where it is still written to,
    /// or ended meanwhile.
    async fn stale_bytes(&self, upload: &Upload, older_than: Timestamp) -> Result<Option<u64>> {
        let doing = format!("list the parts of `{}`", upload.key);
        let (mut size_bytes, mut marker) = (0, None::<String>);
        loop {
            let mut query = vec![("uploadId", upload.id.clone())];
            if let Some(marker) = &marker {
                query.push(("part-number-marker", marker.clone()));
            }
            let key = Some(upload.key.as_str());
            let answer = self.ask(&doing, Method::GET, key, query).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let page: PartPage = parsed(&doing, &answer)?;
            for part in &page.parts {
                if instant(&part.last_modified)? >= older_than {
                    return Ok(None);
                }
                size_bytes += part.size;
            }
            match page.next_part_number_marker.filter(|_| page.is_truncated) {
                Some(next) if Some(&next) != marker.as_ref() => marker = Some(next),
                _ => return Ok(Some(size_bytes)),
            }
        }
    }

    async fn abort(&self, upload: &Upload) -> Result<()> {
        let doing = format!("abort the upload of `{}`", upload.key);
        let query = vec![("uploadId", upload.id.clone())];
        let key = Some(upload.key.as_str());
        let answer = self.ask(&doing, Method::DELETE, key, query).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(answer.error(doing))
    }

    async fn ask(
        &self,
        doing: &str,
        method: Method,
        key: Option<&str>,
        query: Vec<(&'static str, String)>,
    ) -> Result<RawResponse> {
        let request = RawRequest {
            method,
            key,
            query,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        self.client.send(doing, &request).await
    }
}

/// Where the next page begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marker {
    key: Option<String>,
    upload_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadPage {
    #[serde(rename = "Upload", default)]
    uploads: Vec<Upload>,
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
}

impl UploadPage {
    fn next(self) -> Option<Marker> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let key = given(self.next_key_marker).filter(|_| self.is_truncated)?;
        Some(Marker {
            key: Some(key),
            upload_id: given(self.next_upload_id_marker),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    #[serde(rename = "UploadId")]
    id: String,
    initiated: String,
}

impl Upload {
    fn initiated(&self) -> Result<Timestamp> {
        instant(&self.initiated)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartPage {
    #[serde(rename = "Part", default)]
    parts: Vec<Part>,
    #[serde(default)]
    is_truncated: bool,
    next_part_number_marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    last_modified: String,
    size: u64,
}

pub(super) fn parsed<T: DeserializeOwned>(doing: &str, answer: &RawResponse) -> Result<T> {
    if !answer.is_success() {
        return Err(answer.error(doing));
    }
    quick_xml::de::from_reader(&*answer.body).map_err(|cause| strange(doing).with_source(cause))
}

pub(super) fn instant(text: &str) -> Result<Timestamp> {
    text.parse()
        .map_err(|cause| strange("read a time of the service").with_source(cause))
}

fn strange(doing: &str) -> Error {
    let message = format!("{doing}: the service's answer can't be read");
    Error::new(ErrorKind::Internal, message)
        .with_hint("is the endpoint that of an S3-compatible service?")
}
