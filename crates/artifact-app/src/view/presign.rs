//! Signed URLs, as documents.

use artifact_api::SignedUrl;
use artifact_domain::port::PresignedUrl;
use artifact_domain::{ArtifactRecord, Timestamp};

use crate::{Handover, SignedDownload};

/// A URL to download from.
pub fn download(signed: &SignedDownload) -> SignedUrl {
    document(&signed.record, "GET", &signed.url, signed.valid_until)
}

/// A URL to upload to.
pub fn upload(handover: &Handover) -> SignedUrl {
    document(&handover.record, "PUT", &handover.url, handover.valid_until)
}

fn document(
    record: &ArtifactRecord,
    method: &str,
    url: &PresignedUrl,
    end: Timestamp,
) -> SignedUrl {
    SignedUrl {
        headers: url.headers.iter().cloned().collect(),
        id: record.id,
        method: method.to_owned(),
        uri: record.uri().to_string(),
        url: url.url.clone(),
        valid_until: end,
        version: record.version,
    }
}
