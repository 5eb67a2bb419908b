//! Objects in storage classes of Google's: copying one to another class, within the service. Knows the
//! calls of the JSON API that OpenDAL does not make, not how they are signed.

use std::sync::Arc;
use std::time::Duration;

use artifact_domain::port::BlobStat;
use artifact_domain::{BlobKey, Error, ErrorKind, Result, Tier};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::raw::{RawClient, RawRequest, encoded};
use super::strange;
use crate::error::absent;
use crate::remote::StorageClasses;

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
    client: Arc<RawClient>,
    bucket: String,
    /// What the keys of the store begin with in the bucket.
    prefix: String,
    classes: StorageClasses,
}

impl Objects {
    pub(super) fn new(
        client: Arc<RawClient>,
        bucket: &str,
        prefix: &str,
        classes: StorageClasses,
    ) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            classes,
        }
    }

    /// Copies an object to another key and to the class of a tier, with its media type and encoding.
    /// What the service tells of both afterwards must agree.
    pub(crate) async fn copy(&self, from: &BlobKey, to: &BlobKey, tier: Tier) -> Result<BlobStat> {
        let source_place = format!("/o/{}", self.encoded(from));
        let doing = format!("stat blob `{from}`");
        let sent = self.send(&doing, from, Method::GET, &source_place, Bytes::new());
        let body = sent.await?;
        let source: Map<String, Value> = parsed(&doing, &body)?;
        let mut target: Map<String, Value> = source
            .iter()
            .filter(|(name, _)| SAID.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(class) = self.classes.of(tier) {
            target.insert("storageClass".to_owned(), class.into());
        }
        let target = Bytes::from(Value::Object(target).to_string());
        let (bucket, name) = (&self.bucket, self.encoded(to));
        let rewrite = format!("{source_place}/rewriteTo/b/{bucket}/o/{name}");
        let doing = format!("copy blob `{from}`");
        let mut place = rewrite.clone();
        let copy = loop {
            let sent = self.send(&doing, from, Method::POST, &place, target.clone());
            let rewritten: Rewritten = parsed(&doing, &sent.await?)?;
            match (rewritten.resource, rewritten.rewrite_token) {
                (Some(resource), _) => break resource,
                (None, Some(token)) => {
                    place = format!("{rewrite}?rewriteToken={}", encoded(&token));
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

    /// Sends a request about `key`.
    async fn send(
        &self,
        doing: &str,
        key: &BlobKey,
        method: Method,
        place: &str,
        body: Bytes,
    ) -> Result<Bytes> {
        let request = RawRequest::new(method, self.client.bucket_url(place));
        let mut request = request.with_json(body);
        request.patience = PATIENCE;
        let answer = self.client.send(doing, &request).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Err(absent(key)),
            status if status.is_success() => Ok(answer.body),
            _ => Err(answer.error(doing)),
        }
    }
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
