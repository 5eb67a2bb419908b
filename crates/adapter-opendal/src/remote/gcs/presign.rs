//! Signed URLs of Google's XML API, the only one that takes them. Sends nothing, but for credentials that
//! sign by asking Google.

use artifact_domain::port::{PresignMethod, PresignRequest, PresignedUrl};
use artifact_domain::{BlobKey, Result};
use http::{Method, header};

use super::raw::{RawClient, encoded};
use crate::error::from_remote;
use crate::remote::presign::{check_duration, disposition};

/// Signs the URL of an object; none where nothing is signed. A project that pays stands in it, since
/// whoever uses it can't be asked to name one.
pub(super) async fn presign(
    client: &RawClient,
    prefix: &str,
    project: Option<&str>,
    key: &BlobKey,
    request: PresignRequest,
) -> Option<Result<PresignedUrl>> {
    if let Err(error) = check_duration(key, request.valid_for) {
        return Some(Err(error));
    }
    let (method, file_name) = match request.method {
        PresignMethod::Get => (Method::GET, request.file_name),
        PresignMethod::Put => (Method::PUT, None),
    };
    let mut query = Vec::new();
    if let Some(name) = file_name {
        let disposition = encoded(&disposition(&name));
        query.push(format!("response-content-disposition={disposition}"));
    }
    if let Some(project) = project {
        query.push(format!("userProject={}", encoded(project)));
    }
    let mut url = client.object_url(&format!("{prefix}{key}"));
    if !query.is_empty() {
        url = format!("{url}?{}", query.join("&"));
    }
    let signed = client.signed(method, url, request.valid_for).await?;
    Some(match signed {
        Ok(parts) => Ok(PresignedUrl {
            url: parts.uri.to_string(),
            headers: parts
                .headers
                .iter()
                .filter(|(name, _)| *name != header::HOST)
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    (name.to_string(), value.into_owned())
                })
                .collect(),
        }),
        Err(cause) => Err(from_remote(
            format_args!("sign a URL of blob `{key}`"),
            cause,
        )),
    })
}
