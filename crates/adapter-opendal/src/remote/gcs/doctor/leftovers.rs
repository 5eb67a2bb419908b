//! What doctors have left in the bucket that were killed: objects below their folder that are older than
//! any that runs. Knows no checks but its own.

use artifact_domain::{Check, Result, Timestamp};
use http::{Method, StatusCode};
use serde::Deserialize;

use super::super::raw::{RawRequest, encoded};
use super::{GcsDoctor, must};
use crate::remote::examination;

impl GcsDoctor {
    /// Takes away what killed doctors have left, a page of it. What their uploads have left ends by
    /// itself.
    pub(super) async fn leftovers(&self, now: Timestamp) -> Result<Vec<Check>> {
        let before = examination::left_before(now);
        let prefix = encoded(&format!("{}{}", self.root, examination::FOLDER));
        let url = self.objects.bucket_url(&format!("/o?prefix={prefix}"));
        let doing = "list what doctors have left";
        let request = RawRequest::new(Method::GET, url);
        let answer = must(&self.objects, doing, &request).await?;
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|cause| super::super::strange(doing).with_source(cause))?;
        let mut count = 0;
        for object in page.items {
            let written: Timestamp = object
                .updated
                .parse()
                .map_err(|cause| super::super::strange(doing).with_source(cause))?;
            if examination::is_of_a_doctor(&object.name, &self.root) && written < before {
                let doing = format!("delete `{}`", object.name);
                let place = format!("/o/{}", encoded(&object.name));
                let request = RawRequest::new(Method::DELETE, self.objects.bucket_url(&place));
                let answer = self.objects.send(&doing, &request).await?;
                if !answer.status.is_success() && answer.status != StatusCode::NOT_FOUND {
                    return Err(answer.error(&doing));
                }
                count += 1;
            }
        }
        Ok(examination::taken_away(count))
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    items: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    name: String,
    updated: String,
}
