//! Signed URLs, as JSON.

use artifact_domain::port::PresignedUrl;
use artifact_domain::{ArtifactRecord, Timestamp};
use serde_json::{Map, Value, json};

use crate::{Handover, SignedDownload};

/// A URL to download from.
pub fn download(signed: &SignedDownload) -> Value {
    object(&signed.record, "GET", &signed.url, signed.valid_until)
}

/// A URL to upload to.
pub fn upload(handover: &Handover) -> Value {
    object(&handover.record, "PUT", &handover.url, handover.valid_until)
}

fn object(record: &ArtifactRecord, method: &str, url: &PresignedUrl, end: Timestamp) -> Value {
    let headers = url.headers.iter().cloned();
    let headers: Map<_, _> = headers.map(|(name, value)| (name, value.into())).collect();
    json!({
        "id": record.id,
        "uri": record.uri(),
        "version": record.version,
        "method": method,
        "url": url.url,
        "headers": headers,
        "valid_until": end,
    })
}
